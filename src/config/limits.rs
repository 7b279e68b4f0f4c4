//! The bounds that can be set, and between which values each of them may be.

use std::ops::RangeInclusive;

use super::setting as s;
use super::source::Sources;
use super::{Error, value};
use crate::access::Quota;
use crate::limits::{LARGEST_AT_ONCE_MIN, Limits};

/// The defaults, with what is set.
///
/// # Errors
/// A value out of its range, or a relation between limits that does not hold.
pub(super) fn read(sources: &Sources) -> Result<Limits, Error> {
    let mut limits = Limits::default();
    let counts = [
        (&s::WORKERS, WORKERS_RANGE, &mut limits.workers),
        (
            &s::CONNECTIONS_MAX,
            CONNECTIONS_RANGE,
            &mut limits.connections_max,
        ),
        (
            &s::JOBS_PER_PRINCIPAL_MAX,
            JOBS_RANGE,
            &mut limits.jobs_per_principal_max,
        ),
    ];
    for (setting, range, limit) in counts {
        if let Some(found) = sources.find(setting) {
            *limit = value::count(&found, range)?;
        }
    }
    (
        limits.connections_per_address_max,
        limits.connections_per_loopback_max,
    ) = match sources.find(&s::CONNECTIONS_PER_ADDRESS_MAX) {
        Some(found) => {
            let max = value::count(&found, CONNECTIONS_RANGE)?;
            (max, max)
        }
        None => ((limits.connections_max / 4).max(1), limits.connections_max),
    };
    let times = [
        (&s::HEAD_TIMEOUT, PEER_SECONDS_RANGE, &mut limits.head_timeout),
        (&s::BODY_TIMEOUT, PEER_SECONDS_RANGE, &mut limits.body_timeout),
        (&s::WRITE_TIMEOUT, PEER_SECONDS_RANGE, &mut limits.write_timeout),
        (&s::CALL_WAIT, STATEMENT_SECONDS_RANGE, &mut limits.call_wait),
        (
            &s::STATEMENT_TIMEOUT,
            STATEMENT_SECONDS_RANGE,
            &mut limits.statement_timeout,
        ),
        (&s::DRAIN_TIMEOUT, DRAIN_SECONDS_RANGE, &mut limits.drain_timeout),
        (&s::METADATA_TTL, METADATA_SECONDS_RANGE, &mut limits.metadata_ttl),
        (&s::DRAIN_DELAY, DRAIN_SECONDS_RANGE, &mut limits.drain_delay),
    ];
    for (setting, range, limit) in times {
        if let Some(found) = sources.find(setting) {
            *limit = value::seconds(&found, range)?;
        }
    }
    if let Some(found) = sources.find(&s::WAITING_MAX) {
        limits.waiting_per_principal_max = value::count(&found, WAITING_RANGE)?;
    }
    limits.steps_per_principal_max = limits.workers - limits.workers / 4;
    limits.body_total_timeout = limits.body_timeout * 4;
    if let Some(found) = sources.find(&s::REQUEST_SIZE_MAX) {
        let bytes = value::count(&found, REQUEST_MIB_RANGE)? << 20;
        (limits.body_bytes_max, limits.message_bytes_max) = (bytes, bytes);
        limits.bytes_buffered_max = limits.bytes_buffered_max.max(bytes * LARGEST_AT_ONCE_MIN);
    }
    if let Some(found) = sources.find(&s::BUFFERED_SIZE_MAX) {
        limits.bytes_buffered_max = value::count(&found, SUM_MIB_RANGE)? << 20;
    }
    if let Some(found) = sources.find(&s::REPLIES_SIZE_MAX) {
        limits.replies_bytes_max = value::count(&found, SUM_MIB_RANGE)? << 20;
    }
    if let Some(found) = sources.find(&s::RESULT_SIZE_MAX) {
        limits.result_bytes_max = value::count(&found, RESULT_MIB_RANGE)? << 20;
    }
    if let Some(found) = sources.find(&s::RESULT_TOKENS_MAX) {
        limits.result_tokens_max = value::number(&found, TOKENS_RANGE)?;
    }
    if let Some(found) = sources.find(&s::ROWS_MAX) {
        limits.rows_max = value::number(&found, ROWS_RANGE)?;
    }
    limits.check().map_err(Error::Limits)?;
    Ok(limits)
}

/// What callers may use who have no quota of their own. Nothing is counted until something is set.
///
/// # Errors
/// A value out of its range.
pub(super) fn quota(sources: &Sources) -> Result<Quota, Error> {
    let number = |setting, range| {
        let found = sources.find(setting);
        found.map(|found| value::number(&found, range)).transpose()
    };
    let is_enabled = match sources.find(&s::ENABLE_RATE_LIMITING) {
        Some(found) => value::switch(&found)?,
        None => true,
    };
    let per_minute = number(&s::CALLS_PER_MINUTE, PER_MINUTE_RANGE)?.filter(|_| is_enabled);
    Ok(Quota {
        calls_max: None,
        calls_per_minute_max: per_minute.map(|calls| u32::try_from(calls).unwrap_or(u32::MAX)),
        rows_per_day_max: number(&s::ROWS_PER_DAY, PER_DAY_RANGE)?,
        bytes_per_day_max: number(&s::BYTES_PER_DAY, PER_DAY_MIB_RANGE)?.map(|mebibytes| mebibytes << 20),
    })
}

// Values beyond these are slips of the pen.
const WORKERS_RANGE: RangeInclusive<u64> = 1..=256;
const CONNECTIONS_RANGE: RangeInclusive<u64> = 1..=1_000_000;
const JOBS_RANGE: RangeInclusive<u64> = 1..=1_024;
const WAITING_RANGE: RangeInclusive<u64> = 0..=1_024;
const PER_MINUTE_RANGE: RangeInclusive<u64> = 1..=1_000_000;
const PER_DAY_RANGE: RangeInclusive<u64> = 1..=1_000_000_000_000;
/// A tebibyte.
const PER_DAY_MIB_RANGE: RangeInclusive<u64> = 1..=1 << 20;
pub(super) const ROWS_RANGE: RangeInclusive<u64> = 1..=1_000_000;
const TOKENS_RANGE: RangeInclusive<u64> = 100..=10_000_000;
const REQUEST_MIB_RANGE: RangeInclusive<u64> = 1..=64;
/// A page of 8 MiB takes the reactor several turns to write; more belongs into pages.
const RESULT_MIB_RANGE: RangeInclusive<u64> = 1..=8;
/// A small request too needs some; beyond a tebibyte it is no bound.
const SUM_MIB_RANGE: RangeInclusive<u64> = 1..=1 << 20;
/// An hour for 8 KiB is no bound either.
const PEER_SECONDS_RANGE: RangeInclusive<u32> = 1..=3_600;
/// Snowflake itself stops a statement after two days.
const STATEMENT_SECONDS_RANGE: RangeInclusive<u32> = 1..=172_800;
/// What is a day old is no news of an account.
const METADATA_SECONDS_RANGE: RangeInclusive<u32> = 0..=86_400;
const DRAIN_SECONDS_RANGE: RangeInclusive<u32> = 0..=3_600;
