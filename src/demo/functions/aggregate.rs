//! Aggregates that SQLite does not have: percentiles, variance, the most frequent value.

use std::collections::BTreeMap;

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::Value;
use rusqlite::{Connection, Result};

use super::{float_of, integer_of, raise};
use crate::demo::fault::{Fault, Outcome};
use crate::demo::numeric;

/// Makes the aggregates known to `connection`.
pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    // (value, fraction in billionths, digits added to the scale).
    connection.create_aggregate_function("agg_percentile", 3, flags, Percentile { continuous: true })?;
    connection.create_aggregate_function(
        "agg_percentile_disc",
        3,
        flags,
        Percentile { continuous: false },
    )?;
    connection.create_aggregate_function("agg_float_percentile", 2, flags, FloatPercentile)?;
    for (name, spread) in [
        (
            "agg_var_samp",
            Spread {
                sample: true,
                root: false,
            },
        ),
        (
            "agg_var_pop",
            Spread {
                sample: false,
                root: false,
            },
        ),
        (
            "agg_stddev_samp",
            Spread {
                sample: true,
                root: true,
            },
        ),
        (
            "agg_stddev_pop",
            Spread {
                sample: false,
                root: true,
            },
        ),
    ] {
        connection.create_aggregate_function(name, 1, flags, spread)?;
    }
    connection.create_aggregate_function("agg_mode", 1, flags, Mode)
}

/// Values that one call of an aggregate may hold: 8 MiB of numbers. Nothing in the tables has more than 60,000; a
/// cross join has, and would fill the memory.
const VALUES_MAX: usize = 1_000_000;

/// MODE keeps each different value as text: at most these, 64 MiB together.
const MODE_KEYS_MAX: usize = 65_536;
const MODE_KEY_BYTES_MAX: usize = 1_024;

fn full() -> Fault {
    Fault::Unsupported("an aggregate that must hold so many values at once".to_owned())
}

/// The values of one group and the constants of the call.
struct Values<T> {
    values: Vec<T>,
    fraction: i64,
    digits: u8,
}

impl<T> Values<T> {
    fn push(&mut self, value: T) -> Outcome<()> {
        if self.values.len() == VALUES_MAX {
            return Err(full());
        }
        self.values.push(value);
        Ok(())
    }

    /// The place of the fraction between the values: an index and a rest in billionths.
    fn place(&self) -> (usize, i128) {
        let last = i128::try_from(self.values.len().saturating_sub(1)).unwrap_or_default();
        let place = last * i128::from(self.fraction);
        (
            usize::try_from(place / BILLION).unwrap_or_default(),
            place % BILLION,
        )
    }
}

const BILLION: i128 = 1_000_000_000;

struct Percentile {
    continuous: bool,
}

impl Aggregate<Values<i64>, Value> for Percentile {
    fn init(&self, _context: &mut Context<'_>) -> Result<Values<i64>> {
        Ok(Values {
            values: Vec::new(),
            fraction: 0,
            digits: 0,
        })
    }

    fn step(&self, context: &mut Context<'_>, group: &mut Values<i64>) -> Result<()> {
        if context.get_raw(0) == rusqlite::types::ValueRef::Null {
            return Ok(());
        }
        group.fraction = context.get(1)?;
        group.digits = context.get(2)?;
        integer_of(context.get_raw(0))
            .and_then(|value| group.push(value))
            .map_err(raise)
    }

    fn finalize(&self, _context: &mut Context<'_>, group: Option<Values<i64>>) -> Result<Value> {
        let Some(mut group) = group.filter(|group| !group.values.is_empty()) else {
            return Ok(Value::Null);
        };
        group.values.sort_unstable();
        let value = if self.continuous {
            group.interpolated()
        } else {
            group.discrete()
        };
        value.map(Value::Integer).map_err(raise)
    }
}

impl Values<i64> {
    /// Between the two neighbours, exactly, with the added digits.
    fn interpolated(&self) -> Outcome<i64> {
        let (index, rest) = self.place();
        let low = i128::from(self.values[index]);
        let high = i128::from(self.values[(index + 1).min(self.values.len() - 1)]);
        let unit = numeric::power(self.digits);
        numeric::fit(low * unit + numeric::divide_rounded((high - low) * unit * rest, BILLION))
    }

    /// The first value whose share of the values reaches the fraction.
    fn discrete(&self) -> Outcome<i64> {
        let count = i128::try_from(self.values.len()).unwrap_or_default();
        let reached = (count * i128::from(self.fraction) + BILLION - 1) / BILLION;
        let index = usize::try_from((reached - 1).max(0)).unwrap_or_default();
        Ok(self.values[index])
    }
}

struct FloatPercentile;

impl Aggregate<Values<f64>, Option<f64>> for FloatPercentile {
    fn init(&self, _context: &mut Context<'_>) -> Result<Values<f64>> {
        Ok(Values {
            values: Vec::new(),
            fraction: 0,
            digits: 0,
        })
    }

    fn step(&self, context: &mut Context<'_>, group: &mut Values<f64>) -> Result<()> {
        if context.get_raw(0) == rusqlite::types::ValueRef::Null {
            return Ok(());
        }
        group.fraction = context.get(1)?;
        float_of(context.get_raw(0))
            .and_then(|value| group.push(value))
            .map_err(raise)
    }

    fn finalize(&self, _context: &mut Context<'_>, group: Option<Values<f64>>) -> Result<Option<f64>> {
        let Some(mut group) = group.filter(|group| !group.values.is_empty()) else {
            return Ok(None);
        };
        group.values.sort_unstable_by(f64::total_cmp);
        let (index, rest) = group.place();
        let low = group.values[index];
        let high = group.values[(index + 1).min(group.values.len() - 1)];
        Ok(Some(low + (high - low) * (rest as f64 / BILLION as f64)))
    }
}

/// Welford's running mean and sum of squares: one pass, and no difference of two large sums.
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

struct Spread {
    sample: bool,
    root: bool,
}

impl Aggregate<Moments, Option<f64>> for Spread {
    fn init(&self, _context: &mut Context<'_>) -> Result<Moments> {
        Ok(Moments::default())
    }

    fn step(&self, context: &mut Context<'_>, moments: &mut Moments) -> Result<()> {
        if context.get_raw(0) == rusqlite::types::ValueRef::Null {
            return Ok(());
        }
        let value = float_of(context.get_raw(0)).map_err(raise)?;
        moments.count += 1.0;
        let distance = value - moments.mean;
        moments.mean += distance / moments.count;
        moments.squares += distance * (value - moments.mean);
        Ok(())
    }

    fn finalize(&self, _context: &mut Context<'_>, moments: Option<Moments>) -> Result<Option<f64>> {
        let moments = moments.unwrap_or_default();
        let divisor = if self.sample {
            moments.count - 1.0
        } else {
            moments.count
        };
        if divisor <= 0.0 {
            return Ok(None);
        }
        let variance = moments.squares / divisor;
        Ok(Some(if self.root { variance.sqrt() } else { variance }))
    }
}

/// How often each value occurs; the first of equally frequent ones wins.
struct Mode;

/// Values by their text, which is also how they are told apart: with the count and the value itself.
type Counts = BTreeMap<String, (u64, Value)>;

impl Aggregate<Counts, Value> for Mode {
    fn init(&self, _context: &mut Context<'_>) -> Result<Counts> {
        Ok(Counts::new())
    }

    fn step(&self, context: &mut Context<'_>, counts: &mut Counts) -> Result<()> {
        let value: Value = context.get(0)?;
        let key = match &value {
            Value::Null => return Ok(()),
            Value::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        if key.len() > MODE_KEY_BYTES_MAX || (counts.len() == MODE_KEYS_MAX && !counts.contains_key(&key)) {
            return Err(raise(full()));
        }
        counts.entry(key).or_insert((0, value)).0 += 1;
        Ok(())
    }

    fn finalize(&self, _context: &mut Context<'_>, counts: Option<Counts>) -> Result<Value> {
        let mut most = (0, Value::Null);
        for (count, value) in counts.unwrap_or_default().into_values() {
            if count > most.0 {
                most = (count, value);
            }
        }
        Ok(most.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: &[i64], fraction: i64) -> Values<i64> {
        Values {
            values: values.to_vec(),
            fraction,
            digits: 3,
        }
    }

    #[test]
    fn a_percentile_lies_between_its_neighbours() {
        assert_eq!(values(&[1, 2], 500_000_000).interpolated(), Ok(1_500));
        assert_eq!(values(&[1, 2, 9], 500_000_000).interpolated(), Ok(2_000));
        assert_eq!(values(&[0, 10], 250_000_000).interpolated(), Ok(2_500));
        assert_eq!(values(&[7], 900_000_000).interpolated(), Ok(7_000));
    }

    #[test]
    fn a_discrete_percentile_is_one_of_the_values() {
        assert_eq!(values(&[1, 2, 3, 4], 500_000_000).discrete(), Ok(2));
        assert_eq!(values(&[1, 2, 3, 4], 0).discrete(), Ok(1));
        assert_eq!(values(&[1, 2, 3, 4], 1_000_000_000).discrete(), Ok(4));
    }
}
