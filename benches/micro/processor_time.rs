//! Processor time as what criterion measures: on a machine that others work on, the time that passes is theirs too.

use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput};
use rustix::time::{ClockId, clock_gettime};

/// Criterion, measuring the time that this thread has run.
pub(crate) fn criterion() -> Criterion<ProcessorTime> {
    Criterion::default().with_measurement(ProcessorTime)
}

/// The time that this thread has run, shown as time is.
pub(crate) struct ProcessorTime;

impl ProcessorTime {
    fn now() -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(time).expect("processor time is positive")
    }
}

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, from: Duration) -> Duration {
        Self::now() - from
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// A rate in MB/s.
pub(crate) fn rate(bytes: usize) -> Throughput {
    Throughput::BytesDecimal(bytes as u64)
}
