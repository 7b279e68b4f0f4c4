//! Latencies in buckets that grow by about 3 %: exact enough for percentiles, cheap enough for millions.

use std::time::Duration;

/// Counts of latencies.
#[derive(Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

const BUCKETS: usize = 800;
const GROWTH: f64 = 1.03;

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            count: 0,
        }
    }

    pub(crate) fn add(&mut self, latency: Duration) {
        let micros = (latency.as_nanos() as f64 / 1e3).max(1.0);
        let bucket = (micros.ln() / GROWTH.ln()) as usize;
        self.buckets[bucket.min(BUCKETS - 1)] += 1;
        self.count += 1;
    }

    /// The latency that `percent` of all are at or under (the bucket's upper end).
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        let wanted = (self.count as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return Duration::from_secs_f64(GROWTH.powi(bucket as i32 + 1) / 1e6);
            }
        }
        Duration::ZERO
    }
}
