//! Text to values. Every refusal names the place the text came from, the text, and what was expected.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Error;
use super::source::Found;

/// A whole number within `range`.
///
/// # Errors
/// [`Error::Value`] when the text is no such number.
pub(super) fn number(found: &Found, range: RangeInclusive<u64>) -> Result<u64, Error> {
    let parsed = found.value.parse().ok().filter(|number| range.contains(number));
    parsed.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        Error::value(found, format!("expected a number from {least} to {most}"))
    })
}

/// As [`number`], for a quantity that is counted in `usize`.
///
/// # Errors
/// As [`number`].
pub(super) fn count(found: &Found, range: RangeInclusive<u64>) -> Result<usize, Error> {
    number(found, range).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

/// Seconds within `range`, whole or with a fraction (`0.5`).
///
/// # Errors
/// [`Error::Value`] when the text is no such number.
pub(super) fn seconds(found: &Found, range: RangeInclusive<u32>) -> Result<Duration, Error> {
    let (least, most) = (f64::from(*range.start()), f64::from(*range.end()));
    let parsed = found.value.parse::<f64>().ok();
    let within = parsed.filter(|seconds| (least..=most).contains(seconds));
    within
        .map(Duration::from_secs_f64)
        .ok_or_else(|| Error::value(found, format!("expected seconds from {least} to {most}")))
}

/// Yes or no, in the spellings that configuration files use.
///
/// # Errors
/// [`Error::Value`] for any other text.
pub(super) fn switch(found: &Found) -> Result<bool, Error> {
    match found.value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Error::value(found, "expected true or false")),
    }
}

/// One of `choices`, by name without regard to case.
///
/// # Errors
/// [`Error::Value`] for any other text; it lists the names.
pub(super) fn choice<T: Copy>(found: &Found, choices: &[(&str, T)]) -> Result<T, Error> {
    let chosen = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&found.value));
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        Error::value(found, format!("expected one of {}", names.join(", ")))
    })
}

/// The items of a comma list, without white space around them and without empty ones.
pub(super) fn list(found: &Found) -> Vec<&str> {
    found
        .value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::source::Origin;
    use super::*;

    fn found(value: &str) -> Found {
        Found {
            name: "SNOWFLAKE_POOL_MAX_SIZE".to_owned(),
            value: value.to_owned(),
            origin: Origin::Environment,
        }
    }

    fn text<T>(result: Result<T, Error>) -> Result<T, String> {
        result.map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_must_be_one_and_in_range() {
        assert_eq!(text(number(&found("256"), 1..=256)), Ok(256));
        for wrong in ["abc", "0", "257", "-1", "1.5", "1e2", "99999999999999999999"] {
            assert_eq!(
                text(number(&found(wrong), 1..=256)),
                Err(format!(
                    "SNOWFLAKE_POOL_MAX_SIZE={wrong} (environment): expected a number from 1 to 256"
                ))
            );
        }
    }

    #[test]
    fn seconds_may_have_a_fraction_and_nothing_odd() {
        assert_eq!(text(seconds(&found("30.0"), 0..=60)), Ok(Duration::from_secs(30)));
        assert_eq!(
            text(seconds(&found("0.25"), 0..=60)),
            Ok(Duration::from_millis(250))
        );
        for wrong in ["-1", "61", "NaN", "inf", "30s", ""] {
            assert!(seconds(&found(wrong), 0..=60).is_err(), "{wrong}");
        }
    }

    #[test]
    fn switches_are_read_in_every_usual_spelling() {
        for yes in ["true", "TRUE", "1", "yes", "On"] {
            assert_eq!(text(switch(&found(yes))), Ok(true), "{yes}");
        }
        for no in ["false", "0", "No", "off"] {
            assert_eq!(text(switch(&found(no))), Ok(false), "{no}");
        }
        assert!(switch(&found("maybe")).is_err());
    }

    #[test]
    fn a_choice_names_what_could_be_chosen() {
        let choices = [("text", 1), ("json", 2)];
        assert_eq!(text(choice(&found("JSON"), &choices)), Ok(2));
        assert_eq!(
            text(choice(&found("xml"), &choices)),
            Err("SNOWFLAKE_POOL_MAX_SIZE=xml (environment): expected one of text, json".to_owned())
        );
    }

    #[test]
    fn a_list_has_no_empty_items() {
        assert_eq!(list(&found(" a, b ,,c,")), ["a", "b", "c"]);
    }
}
