//! Exact decimals (`num_`) and floats (`flt_`).

use rusqlite::types::Value;

use super::{Arguments, Scalar, or_null};
use crate::demo::fault::{Fault, Outcome};
use crate::demo::numeral::Numeral;
use crate::demo::numeric;

pub(super) const FUNCTIONS: &[Scalar] = &[
    // Sums and products that 64 bits may not hold.
    Scalar::new("num_add", 2, |arguments| {
        checked(arguments.integer(0)?.checked_add(arguments.integer(1)?))
    }),
    Scalar::new("num_sub", 2, |arguments| {
        checked(arguments.integer(0)?.checked_sub(arguments.integer(1)?))
    }),
    // (a, b, digits to drop): the product has the fraction digits of both, its type may have fewer.
    Scalar::new("num_mul", 3, |arguments| {
        let product = i128::from(arguments.integer(0)?) * i128::from(arguments.integer(1)?);
        integer(numeric::divide_rounded(
            product,
            numeric::power(arguments.digits(2)?),
        ))
    }),
    // (a, b, digits to add to a before dividing).
    Scalar::new("num_div", 3, |arguments| {
        let denominator = not_zero(arguments.integer(1)?)?;
        let numerator = i128::from(arguments.integer(0)?)
            .checked_mul(numeric::power(arguments.digits(2)?))
            .ok_or_else(Fault::too_many_digits)?;
        integer(numeric::divide_rounded(numerator, i128::from(denominator)))
    }),
    Scalar::new("num_mod", 2, |arguments| {
        let denominator = not_zero(arguments.integer(1)?)?;
        checked(arguments.integer(0)?.checked_rem(denominator).or(Some(0)))
    }),
    // (a, digits to add).
    Scalar::new("num_scale", 2, |arguments| {
        numeric::rescale(arguments.integer(0)?, 0, arguments.digits(1)?).map(Value::Integer)
    }),
    // (a, digits to drop), to the nearest, towards zero, down and up.
    Scalar::new("num_round", 2, |arguments| {
        numeric::rescale(arguments.integer(0)?, arguments.digits(1)?, 0).map(Value::Integer)
    }),
    Scalar::new("num_trunc", 2, |arguments| {
        integer(i128::from(arguments.integer(0)?) / numeric::power(arguments.digits(1)?))
    }),
    Scalar::new("num_floor", 2, |arguments| {
        integer(i128::from(arguments.integer(0)?).div_euclid(numeric::power(arguments.digits(1)?)))
    }),
    Scalar::new("num_ceil", 2, |arguments| {
        integer(-(-i128::from(arguments.integer(0)?)).div_euclid(numeric::power(arguments.digits(1)?)))
    }),
    // (a, precision, scale).
    Scalar::new("num_fit", 3, |arguments| {
        let (precision, scale) = (arguments.digits(1)?, arguments.digits(2)?);
        numeric::check_precision(arguments.integer(0)?, precision, scale).map(Value::Integer)
    }),
    Scalar::new("num_try_fit", 3, |arguments| {
        let (precision, scale) = (arguments.digits(1)?, arguments.digits(2)?);
        or_null(numeric::check_precision(arguments.integer(0)?, precision, scale).map(Value::Integer))
    }),
    // (text, precision, scale).
    Scalar::new("num_parse", 3, parse),
    Scalar::new("num_try_parse", 3, |arguments| or_null(parse(arguments))),
    // (float, precision, scale).
    Scalar::new("num_from_float", 3, from_float),
    Scalar::new("num_try_from_float", 3, |arguments| {
        or_null(from_float(arguments))
    }),
    // (a, scale).
    Scalar::new("num_text", 2, |arguments| {
        Ok(Value::Text(numeric::to_text(
            arguments.integer(0)?,
            arguments.digits(1)?,
        )))
    }),
    // (a, scale, format).
    Scalar::new("num_format", 3, |arguments| {
        let format = arguments.text(2)?;
        let numeral = Numeral::new(format)
            .ok_or_else(|| Fault::invalid_argument(format!("Bad numeric format '{format}'")))?;
        numeral
            .write(arguments.integer(0)?, arguments.digits(1)?)
            .map(Value::Text)
    }),
    Scalar::new("flt_parse", 1, float_parse),
    Scalar::new("flt_try_parse", 1, |arguments| or_null(float_parse(arguments))),
    Scalar::new("flt_text", 1, |arguments| {
        Ok(Value::Text(float_text(arguments.float(0)?)))
    }),
    Scalar::new("flt_div", 2, |arguments| {
        let denominator = arguments.float(1)?;
        if denominator == 0.0 {
            return Err(Fault::division_by_zero());
        }
        float(arguments.float(0)? / denominator)
    }),
    Scalar::new("flt_mod", 2, |arguments| {
        let denominator = arguments.float(1)?;
        if denominator == 0.0 {
            return Err(Fault::division_by_zero());
        }
        float(arguments.float(0)? % denominator)
    }),
    // (a, fraction digits, which may be negative).
    Scalar::new("flt_round", 2, |arguments| {
        let unit = unit(arguments.integer(1)?);
        float((arguments.float(0)? * unit).round() / unit)
    }),
    Scalar::new("flt_trunc", 2, |arguments| {
        let unit = unit(arguments.integer(1)?);
        float((arguments.float(0)? * unit).trunc() / unit)
    }),
    Scalar::new("flt_floor", 1, |arguments| float(arguments.float(0)?.floor())),
    Scalar::new("flt_ceil", 1, |arguments| float(arguments.float(0)?.ceil())),
    Scalar::new("flt_power", 2, |arguments| {
        float(arguments.float(0)?.powf(arguments.float(1)?))
    }),
    Scalar::new("flt_sqrt", 1, |arguments| {
        let value = arguments.float(0)?;
        if value < 0.0 {
            return Err(Fault::invalid_argument(format!(
                "Invalid floating point operation: sqrt({value})"
            )));
        }
        float(value.sqrt())
    }),
    Scalar::new("flt_cbrt", 1, |arguments| float(arguments.float(0)?.cbrt())),
    Scalar::new("flt_exp", 1, |arguments| float(arguments.float(0)?.exp())),
    Scalar::new("flt_ln", 1, |arguments| {
        logarithm(arguments.float(0)?).and_then(float)
    }),
    // (base, value).
    Scalar::new("flt_log", 2, |arguments| {
        let (base, value) = (logarithm(arguments.float(0)?)?, logarithm(arguments.float(1)?)?);
        float(value / base)
    }),
    // Not the C library's: a static binary would hold it four times over, for as many kinds of processor (0.2 MB), and
    // the last digit would be another one on another system.
    Scalar::new("flt_sin", 1, |arguments| float(libm::sin(arguments.float(0)?))),
    Scalar::new("flt_cos", 1, |arguments| float(libm::cos(arguments.float(0)?))),
    Scalar::new("flt_tan", 1, |arguments| float(libm::tan(arguments.float(0)?))),
    Scalar::new("flt_asin", 1, |arguments| float(libm::asin(arguments.float(0)?))),
    Scalar::new("flt_acos", 1, |arguments| float(libm::acos(arguments.float(0)?))),
    Scalar::new("flt_atan", 1, |arguments| float(libm::atan(arguments.float(0)?))),
    Scalar::new("flt_atan2", 2, |arguments| {
        float(libm::atan2(arguments.float(0)?, arguments.float(1)?))
    }),
    Scalar::new("flt_radians", 1, |arguments| {
        float(arguments.float(0)?.to_radians())
    }),
    Scalar::new("flt_degrees", 1, |arguments| {
        float(arguments.float(0)?.to_degrees())
    }),
];

fn checked(value: Option<i64>) -> Outcome<Value> {
    value.map(Value::Integer).ok_or_else(Fault::too_many_digits)
}

fn integer(value: i128) -> Outcome<Value> {
    numeric::fit(value).map(Value::Integer)
}

/// SQLite makes NULL of NaN by itself; infinities pass and end as NULL in the answer.
fn float(value: f64) -> Outcome<Value> {
    Ok(Value::Real(value))
}

fn not_zero(denominator: i64) -> Outcome<i64> {
    if denominator == 0 {
        Err(Fault::division_by_zero())
    } else {
        Ok(denominator)
    }
}

/// Powers of ten beyond a float's digits change nothing.
fn unit(digits: i64) -> f64 {
    10_f64.powi(i32::try_from(digits.clamp(-308, 308)).unwrap_or_default())
}

fn logarithm(value: f64) -> Outcome<f64> {
    if value <= 0.0 {
        return Err(Fault::invalid_argument(format!(
            "Invalid floating point operation: log({value})"
        )));
    }
    Ok(value.ln())
}

fn parse(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    let (text, precision, scale) = (arguments.text(0)?, arguments.digits(1)?, arguments.digits(2)?);
    let value =
        numeric::parse(text, scale).unwrap_or_else(|| Err(Fault::unrecognised("Numeric value", text)))?;
    numeric::check_precision(value, precision, scale).map(Value::Integer)
}

fn from_float(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    let (precision, scale) = (arguments.digits(1)?, arguments.digits(2)?);
    let value = numeric::from_float(arguments.float(0)?, scale)?;
    numeric::check_precision(value, precision, scale).map(Value::Integer)
}

fn float_parse(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    let text = arguments.text(0)?;
    text.trim()
        .parse()
        .map(Value::Real)
        .map_err(|_| Fault::unrecognised("Numeric value", text))
}

/// As Snowflake casts a float to text: plain digits, an exponent from 10^15.
fn float_text(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-5..1e15).contains(&magnitude) && value.is_finite() {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent
            .strip_prefix('-')
            .map_or(("+", exponent), |digits| ("-", digits));
        format!("{mantissa}e{sign}{digits:0>2}")
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_snowflake_writes_them() {
        let check = |value, expected: &str| assert_eq!(float_text(value), expected);
        check(1.5, "1.5");
        check(3.0, "3");
        check(1e20, "1e+20");
        check(-2.5e-7, "-2.5e-07");
        check(0.0, "0");
    }
}
