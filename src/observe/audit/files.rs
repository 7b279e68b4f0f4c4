//! The files of the log: opening the newest, its end, and the next one when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Disk, Settings};
use crate::audit::{Chain, Fault};

/// `FILE`, with `FILE.1` before it, `FILE.2` before that, and so on.
pub(super) struct Files {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines in it.
    length: u64,
    /// A part of a line stands behind those, which could not be taken away.
    is_torn: bool,
    file_bytes_max: u64,
    files_max: usize,
}

/// Longest end of a file in which its last line is looked for. A line is some 6 KiB at most.
const TAIL_BYTES_MAX: u64 = 64 << 10;

impl Files {
    /// Opens the newest file, or begins it.
    ///
    /// # Errors
    /// It cannot be opened, or its last line is none of an audit log: it may be somebody else's file.
    pub(super) fn open(settings: &Settings) -> io::Result<(Self, Chain)> {
        let mut file = open(&settings.path)?;
        let (length, chain) = end_of(&mut file, &settings.path)?;
        let files = Self {
            path: settings.path.clone(),
            file,
            length,
            is_torn: false,
            file_bytes_max: settings.file_bytes_max,
            files_max: settings.files_max,
        };
        Ok((files, chain))
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Disk for Files {
    fn is_new(&self) -> bool {
        self.length == 0
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.is_torn = false;
        }
        let written = self.file.write_all(lines);
        match written {
            Ok(()) => self.length += lines.len() as u64,
            // A device, which has no length, keeps no part of it.
            Err(_) => {
                self.is_torn = self.file.set_len(self.length).is_err() && self.file.metadata()?.is_file()
            }
        }
        written
    }

    fn rotate(&mut self) -> io::Result<bool> {
        if self.length < self.file_bytes_max {
            return Ok(false);
        }
        let oldest = self.files_max.saturating_sub(1);
        if oldest == 0 {
            self.file.set_len(0)?;
            self.length = 0;
            return Ok(true);
        }
        for number in (1..oldest).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        self.file = open(&self.path)?;
        self.length = 0;
        Ok(true)
    }
}

/// For the owner alone: who asked for what is nobody else's business.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options.open(path)
}

/// Length up to the end of the last whole line, and the chain behind it. What a crash left behind that line is taken
/// away: it was never a record.
fn end_of(file: &mut File, path: &Path) -> io::Result<(u64, Chain)> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok((0, Chain::default()));
    }
    let start = length.saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let lines = tail[..whole].strip_suffix(b"\n").unwrap_or_default();
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if last.is_empty() && start == 0 && !tail.starts_with(b"{\"n\":") {
        return Err(not_a_log(path, Fault::Form));
    }
    let chain = if last.is_empty() && start == 0 {
        Chain::default()
    } else {
        Chain::behind(last).map_err(|fault| not_a_log(path, fault))?
    };
    let length = start + whole as u64;
    if whole < tail.len() {
        let torn = tail.len() - whole;
        log::warn!("the audit log ended within a line; its {torn} bytes are taken away");
        file.set_len(length)?;
    }
    Ok((length, chain))
}

fn not_a_log(path: &Path, fault: Fault) -> io::Error {
    let text = format!("the last line of {} cannot be continued: {fault}", path.display());
    io::Error::new(ErrorKind::InvalidData, text)
}
