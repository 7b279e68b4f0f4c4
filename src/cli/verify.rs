//! `snowflake-mcp audit verify`: reads files of the audit log in the order given, and names the first line that does not
//! belong.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use snowflake_mcp::audit::{Fault, Verifier};

/// A line is some 6 KiB at most; what is longer is none of ours.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Reads the files, the oldest first. What was found, in a sentence.
///
/// # Errors
/// The first line that does not fit, as `FILE:LINE: why`, or a file that cannot be read.
pub(crate) fn run(files: &[PathBuf]) -> Result<String, String> {
    let mut verifier = Verifier::default();
    for path in files {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        verify(&mut verifier, path, BufReader::new(file))?;
    }
    match verifier.head() {
        Some((number, hash)) => Ok(format!(
            "{} lines are as they were written; the last is line {number}, chain {hash}",
            verifier.lines()
        )),
        None => Ok("there are no lines".to_owned()),
    }
}

fn verify(verifier: &mut Verifier, path: &Path, mut reader: impl BufRead) -> Result<(), String> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let told = |why: &dyn std::fmt::Display| format!("{}:{number}: {why}", path.display());
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| told(&error))? == 0 {
            break;
        }
        let whole = line.strip_suffix(b"\n").ok_or_else(|| told(&Fault::Torn))?;
        verifier.take(whole).map_err(|fault| told(&fault))?;
    }
    Ok(())
}
