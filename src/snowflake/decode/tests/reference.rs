//! Decoding against 128-bit integers and a calendar that counts day by year and month: slow, and nothing like the decoder's arithmetic.

use proptest::prelude::*;

use super::check;
use crate::backend::Value;

const NANOS: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * NANOS;
/// From the year -1000 to the end of 20999, in days since 1970.
const DAYS: std::ops::RangeInclusive<i64> = -1_084_770..=6_950_564;

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The date `days` after 1970-01-01, by walking there.
fn civil(mut days: i64) -> String {
    let mut year = 1970;
    let length = |year| if is_leap(year) { 366 } else { 365 };
    while days < 0 {
        year -= 1;
        days += length(year);
    }
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    match year {
        0..=9_999 => format!("{year:04}-{month:02}-{:02}", days + 1),
        _ => format!("{year:+07}-{month:02}-{:02}", days + 1),
    }
}

/// The time `nanos` after midnight, without zeros at the end of its fraction.
fn clock(nanos: i128) -> String {
    let (seconds, fraction) = (nanos / NANOS, nanos % NANOS);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let text = format!("{hour:02}:{minute:02}:{second:02}.{fraction:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn moment(nanos: i128) -> String {
    let days = i64::try_from(nanos.div_euclid(DAY)).unwrap();
    format!("{}T{}", civil(days), clock(nanos.rem_euclid(DAY)))
}

/// `value` divided by ten to the `scale`, as Snowflake writes it.
fn decimal(value: i128, scale: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
    }
}

/// A moment of these days with `scale` digits behind its seconds: as nanoseconds, and on the wire.
fn moments() -> impl Strategy<Value = (i128, String)> {
    let units = |scale: u32| 10_i128.pow(scale);
    (DAYS, 0..86_400_i128, 0..NANOS, 0_u32..=9).prop_map(move |(days, second, nanos, scale)| {
        let unit = NANOS / units(scale);
        let moment = i128::from(days) * DAY + second * NANOS + nanos / unit * unit;
        (moment, decimal(moment / unit, scale))
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_date_is_that_of_the_calendar(days in DAYS) {
        check("date", &days.to_string(), Value::Text(&civil(days)));
    }

    #[test]
    fn any_moment_is_that_of_the_calendar((nanos, wire) in moments()) {
        check("timestamp_ntz", &wire, Value::Text(&moment(nanos)));
        check("timestamp_ltz", &wire, Value::Text(&format!("{}Z", moment(nanos))));
    }

    #[test]
    fn any_moment_of_a_zone_is_shown_on_its_clock((nanos, wire) in moments(), minutes in -1_439_i128..1_440) {
        let local = nanos + minutes * 60 * NANOS;
        let (sign, offset) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        let zone = format!("{sign}{:02}:{:02}", offset / 60, offset % 60);
        let expected = moment(local) + &zone;
        check("timestamp_tz", &format!("{wire} {}", minutes + 1_440), Value::Text(&expected));
    }

    #[test]
    fn any_time_is_that_of_the_clock(second in 0..86_400_i128, nanos in 0..NANOS, scale in 0_u32..=9) {
        let unit = NANOS / 10_i128.pow(scale);
        let time = second * NANOS + nanos / unit * unit;
        check("time", &decimal(time / unit, scale), Value::Text(&clock(time)));
    }

    #[test]
    fn any_number_of_38_digits_keeps_them(value in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u32..38) {
        let wire = decimal(value, scale);
        check("fixed", &wire, Value::Number(&wire));
        let digits: String = wire.chars().filter(|&character| character != '.').collect();
        prop_assert_eq!(digits.parse(), Ok(value));
    }

    #[test]
    fn any_double_in_any_spelling_is_the_same_double(bits in any::<u64>(), form in 0..5) {
        let double = match form {
            // Between zero and one: only those may begin with a point.
            4 => (bits >> 11) as f64 / 2_f64.powi(53),
            _ => f64::from_bits(bits),
        };
        prop_assume!(double.is_finite());
        let wire = match form {
            0 => format!("{double:?}"),
            1 => format!("{double:e}"),
            2 => format!("{double:E}"),
            3 => format!("{double:+e}"),
            _ => format!("{double:?}").replacen("0.", ".", 1),
        };
        let mut scratch = String::new();
        match super::Encoding::of(&super::column_of("real")).decode(&wire, &mut scratch) {
            Value::Number(text) => {
                prop_assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(double.to_bits()), "{} as {}", wire, text);
            }
            // What a reader of JSON may take for infinite, within a thousandth of the largest double.
            Value::Text(text) => prop_assert!(text == wire && double.abs() > f64::MAX * 0.999, "{}", wire),
            other => prop_assert!(false, "{wire} became {other:?}"),
        }
    }

    #[test]
    fn a_decimal_float_keeps_its_38_digits_and_its_exponent(
        digits in 1..10_i128.pow(38), is_negative: bool, exponent in -16_384..16_384_i32,
    ) {
        let sign = if is_negative { "-" } else { "" };
        let text = digits.to_string();
        let (first, rest) = text.split_at(1);
        let wire = format!("{sign}{first}.{rest}0e{exponent}");
        let is_in_range = wire.parse::<f64>().is_ok_and(f64::is_finite);
        let expected = if is_in_range { Value::Number(&wire) } else { Value::Text(&wire) };
        check("decfloat", &wire, expected);
    }

    #[test]
    fn what_lies_behind_the_calendar_is_passed_on(days in 2_932_897_i64.., seconds in 253_402_300_800_i64..) {
        check("date", &days.to_string(), Value::Text(&days.to_string()));
        check("timestamp_ntz", &seconds.to_string(), Value::Text(&seconds.to_string()));
    }

    #[test]
    fn a_document_is_the_same_value_or_the_same_text(wire in r#"[\[\]{}:,"0-9a-c.\- \\tru\n]{0,12}|\[[0-9, ]{0,8}\]"#) {
        let mut scratch = String::new();
        let whole: Result<serde_json::Value, _> = serde_json::from_str(&wire);
        match (super::document(&wire, &mut scratch), whole) {
            (Value::Json(text), Ok(whole)) => prop_assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), whole),
            (Value::Text(text), Err(_)) => prop_assert_eq!(text, &wire),
            (shown, whole) => prop_assert!(false, "{shown:?} of {whole:?}"),
        }
    }
}
