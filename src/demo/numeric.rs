//! Exact decimals as scaled 64-bit integers: text to number, number to text, rounding and checked arithmetic.
//!
//! Every function rounds half away from zero, as Snowflake does, and says [`Fault::too_many_digits`] instead of
//! losing one. It knows no SQL and no types: a scale is an argument.

use super::fault::{Fault, Outcome};

/// 10 to the power of `exponent`; 38 is the largest that Snowflake's types can ask for.
pub(super) fn power(exponent: u8) -> i128 {
    10_i128.pow(u32::from(exponent.min(38)))
}

/// `value` as 64 bits.
pub(super) fn fit(value: i128) -> Outcome<i64> {
    i64::try_from(value).map_err(|_| Fault::too_many_digits())
}

/// `numerator` / `denominator`, rounded half away from zero. The denominator is not zero.
pub(super) fn divide_rounded(numerator: i128, denominator: i128) -> i128 {
    let (quotient, remainder) = (numerator / denominator, numerator % denominator);
    if remainder.unsigned_abs() * 2 >= denominator.unsigned_abs() {
        quotient
            + if (numerator < 0) == (denominator < 0) {
                1
            } else {
                -1
            }
    } else {
        quotient
    }
}

/// `value` with `from` fraction digits as one with `to`.
pub(super) fn rescale(value: i64, from: u8, to: u8) -> Outcome<i64> {
    if to >= from {
        i128::from(value)
            .checked_mul(power(to - from))
            .ok_or_else(Fault::too_many_digits)
            .and_then(fit)
    } else {
        fit(divide_rounded(i128::from(value), power(from - to)))
    }
}

/// The decimal in `text` with `scale` fraction digits; surplus digits are rounded. `None` if it is no number.
///
/// Takes what Snowflake's TO_NUMBER takes: spaces around, a sign, digits with a point, an exponent.
pub(super) fn parse(text: &str, scale: u8) -> Option<Outcome<i64>> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !only_digits(whole) || !only_digits(fraction) {
        return None;
    }
    // Digits left of the point once the exponent and the scale have moved it.
    let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(scale);
    let digits = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0');
    Some(collect(digits, kept).map(|value| if negative { -value } else { value }))
}

/// The first `kept` digits as a number, rounded by the next one; missing digits are zeros.
fn collect(digits: impl Iterator<Item = u8>, kept: i64) -> Outcome<i64> {
    let mut value: i64 = 0;
    let mut position = 0;
    let push = |value: i64, digit: u8| {
        value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i64::from(digit)))
            .ok_or_else(Fault::too_many_digits)
    };
    for digit in digits {
        if position >= kept {
            let rounds_up = position == kept && digit >= 5;
            return if rounds_up {
                fit(i128::from(value) + 1)
            } else {
                Ok(value)
            };
        }
        value = push(value, digit)?;
        position += 1;
    }
    while position < kept && value != 0 {
        value = push(value, 0)?;
        position += 1;
    }
    Ok(value)
}

/// Appends `value` with its `scale` fraction digits: `1250` at scale 2 is `12.50`.
pub(super) fn write(value: i64, scale: u8, into: &mut String) {
    use std::fmt::Write as _;
    if scale == 0 {
        let _ = write!(into, "{value}");
        return;
    }
    let magnitude = u128::from(value.unsigned_abs());
    let unit = power(scale).unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let _ = write!(
        into,
        "{sign}{}.{:0width$}",
        magnitude / unit,
        magnitude % unit,
        width = usize::from(scale)
    );
}

/// As [`write()`], alone.
pub(super) fn to_text(value: i64, scale: u8) -> String {
    let mut text = String::new();
    write(value, scale, &mut text);
    text
}

/// Refuses a value with more than `precision` digits.
pub(super) fn check_precision(value: i64, precision: u8, scale: u8) -> Outcome<i64> {
    if i128::from(value).abs() >= power(precision) {
        Err(Fault::out_of_range(to_text(value, scale)))
    } else {
        Ok(value)
    }
}

/// A float as a decimal with `scale` fraction digits.
pub(super) fn from_float(value: f64, scale: u8) -> Outcome<i64> {
    // Shortest decimal text of the float, then exact: 0.285 * 100 in binary would be 28.499999999999996.
    if !value.is_finite() {
        return Err(Fault::out_of_range(value));
    }
    parse(&format!("{value}"), scale).unwrap_or_else(|| Err(Fault::out_of_range(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_scaled_integer() {
        let check = |text: &str, scale, expected: Option<i64>| {
            assert_eq!(parse(text, scale).map(Result::unwrap), expected, "{text}");
        };
        check("12.5", 2, Some(1250));
        check(" -12.345 ", 2, Some(-1235));
        check("12.344", 2, Some(1234));
        check("0.005", 2, Some(1));
        check("-0.5", 0, Some(-1));
        check(".5", 1, Some(5));
        check("5.", 0, Some(5));
        check("1.5e3", 0, Some(1500));
        check("15e-3", 2, Some(2));
        check("15e-9", 2, Some(0));
        check("999999999999999999", 0, Some(999_999_999_999_999_999));
        check("", 0, None);
        check(".", 0, None);
        check("1,000", 0, None);
        check("0x10", 0, None);
        check("--1", 0, None);
    }

    #[test]
    fn a_digit_too_many_is_said_and_not_lost() {
        assert_eq!(
            parse("99999999999999999999", 0),
            Some(Err(Fault::too_many_digits()))
        );
        assert_eq!(rescale(i64::MAX, 0, 1), Err(Fault::too_many_digits()));
        assert_eq!(parse("1e400", 0), Some(Err(Fault::too_many_digits())));
    }

    #[test]
    fn a_zero_with_a_huge_exponent_is_a_zero_at_once() {
        assert_eq!(parse("0e2000000000", 2), Some(Ok(0)));
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let check = |numerator, denominator, expected| {
            assert_eq!(
                divide_rounded(numerator, denominator),
                expected,
                "{numerator}/{denominator}"
            );
        };
        check(5, 10, 1);
        check(-5, 10, -1);
        check(4, 10, 0);
        check(-15, 10, -2);
        check(5, -10, -1);
        check(2, 3, 1);
        check(1, 3, 0);
    }

    #[test]
    fn a_scaled_integer_becomes_text_with_its_scale() {
        let check = |value, scale, expected: &str| assert_eq!(to_text(value, scale), expected);
        check(1250, 2, "12.50");
        check(-5, 2, "-0.05");
        check(7, 0, "7");
        check(i64::MIN, 4, "-922337203685477.5808");
        check(1, 37, "0.0000000000000000000000000000000000001");
    }

    #[test]
    fn floats_become_the_decimal_that_they_print() {
        assert_eq!(from_float(0.285, 2), Ok(29));
        assert_eq!(from_float(1e3, 0), Ok(1000));
        assert!(from_float(f64::NAN, 0).is_err());
        assert!(from_float(1e30, 0).is_err());
    }
}
