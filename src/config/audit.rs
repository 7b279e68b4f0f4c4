//! Whether there is an audit log, where, and how large it may become.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::setting as s;
use super::source::Sources;
use super::{Error, value};
use crate::audit::WhenFull;
use crate::limits::AUDIT_QUEUE_MAX;
use crate::observe::audit::Settings;

/// The log, if a file is named for it.
///
/// # Errors
/// A value that cannot be read.
pub(super) fn read(sources: &Sources) -> Result<Option<Settings>, Error> {
    let Some(file) = sources.find(&s::AUDIT_LOG) else {
        return Ok(None);
    };
    let (mut mebibytes, mut files_max) = (FILE_MIB, FILES);
    if let Some(found) = sources.find(&s::AUDIT_LOG_SIZE) {
        mebibytes = value::number(&found, FILE_MIB_RANGE)?;
    }
    if let Some(found) = sources.find(&s::AUDIT_LOG_FILES) {
        files_max = value::count(&found, FILES_RANGE)?;
    }
    let choices = [("refuse", WhenFull::Refuse), ("drop", WhenFull::DropOldest)];
    let when_full = match sources.find(&s::AUDIT_WHEN_FULL) {
        Some(found) => value::choice(&found, &choices)?,
        None => WhenFull::default(),
    };
    Ok(Some(Settings {
        path: PathBuf::from(file.value),
        file_bytes_max: mebibytes << 20,
        files_max,
        when_full,
        queue_max: AUDIT_QUEUE_MAX,
    }))
}

/// About 100,000 statements.
const FILE_MIB: u64 = 64;
const FILE_MIB_RANGE: RangeInclusive<u64> = 1..=65_536;
const FILES: usize = 10;
const FILES_RANGE: RangeInclusive<u64> = 1..=1_000;
