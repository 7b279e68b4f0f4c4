//! The log: one line a record on standard error, as text for people or as JSON for machines.
//!
//! Standard output stays clean, it belongs to MCP on stdio. A record below the level is not formatted at all (`log`'s
//! macros look at the level first). A line is written by one `write`, on the thread that logs: the reactor accepts
//! that cost (a few microseconds), and it means that a standard error nobody reads can hold it up once its pipe is
//! full. Lines are neither queued nor dropped, so what is logged before a crash is there after it.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::time::{Clock, SystemClock, WallTime};

/// Form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-22T10:00:00Z WARN  reactor: text`.
    Text,
    /// `{"time":…,"level":…,"target":…,"message":…}`.
    Json,
}

/// A sink for `log` that writes lines.
struct Logger<C, W> {
    level: LevelFilter,
    format: Format,
    clock: C,
    sink: Mutex<W>,
}

/// Starts logging to standard error. Records below `level` are dropped.
///
/// # Errors
/// A logger was installed before; that one stays.
pub fn install(level: LevelFilter, format: Format, clock: SystemClock) -> Result<(), log::SetLoggerError> {
    let sink = Mutex::new(std::io::stderr());
    let logger = Logger {
        level,
        format,
        clock,
        sink,
    };
    log::set_boxed_logger(Box::new(logger))?;
    log::set_max_level(level);
    Ok(())
}

impl<C, W> Log for Logger<C, W>
where
    C: Clock + Send + Sync,
    W: Write + Send,
{
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= level_of(metadata.target(), self.level)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = line(self.format, self.clock.now().wall, record);
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to be told that standard error is gone; the server goes on.
        let _ = sink.write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// Modules of this program, as `log` names them.
const OWN: &str = "snowflake_mcp";

/// The level that holds for a target. Libraries are heard from warnings on: at lower levels HTTP clients write
/// headers, and a header holds the credential.
fn level_of(target: &str, level: LevelFilter) -> LevelFilter {
    let rest = target.strip_prefix(OWN);
    let is_own = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    if is_own {
        level
    } else {
        level.min(LevelFilter::Warn)
    }
}

fn line(format: Format, wall: WallTime, record: &Record<'_>) -> String {
    let message = record.args().to_string();
    let target = record
        .target()
        .strip_prefix("snowflake_mcp::")
        .unwrap_or_else(|| record.target());
    match format {
        Format::Text => {
            let level = record.level();
            format!(
                "{} {level:<5} {target}: {}\n",
                wall.to_rfc3339(),
                one_line(&message)
            )
        }
        Format::Json => {
            let level = level_name(record.level());
            let fields = [
                ("time", wall.to_rfc3339()),
                ("level", level.to_owned()),
                ("target", target.to_owned()),
                ("message", message),
            ];
            json_line(&fields)
        }
    }
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// An object whose members keep their order. Control characters are escaped by JSON's own rules.
fn json_line(fields: &[(&str, String)]) -> String {
    let members: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{}", serde_json::Value::from(value.as_str())))
        .collect();
    format!("{{{}}}\n", members.join(","))
}

/// The text without line breaks and other control characters: a message may quote what a peer sent, and a peer must
/// not be able to write lines of its own into the log or move the cursor of who reads it.
fn one_line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Instant, Now};

    struct FixedClock;

    impl Clock for FixedClock {
        fn now(&self) -> Now {
            Now {
                monotonic: Instant::ZERO,
                wall: WallTime::from_micros(1_795_341_600_000_000),
            }
        }
    }

    fn written(format: Format, level: LevelFilter, records: &[(&str, Level, &str)]) -> String {
        let logger = Logger {
            level,
            format,
            clock: FixedClock,
            sink: Mutex::new(Vec::new()),
        };
        for (target, level, text) in records {
            logger.log(
                &Record::builder()
                    .target(target)
                    .level(*level)
                    .args(format_args!("{text}"))
                    .build(),
            );
        }
        String::from_utf8(logger.sink.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn a_text_line_has_time_level_target_and_message() {
        let line = written(
            Format::Text,
            LevelFilter::Info,
            &[("snowflake_mcp::reactor", Level::Warn, "x = 1")],
        );
        assert_eq!(line, "2026-11-22T10:00:00Z WARN  reactor: x = 1\n");
    }

    #[test]
    fn a_json_line_is_one_object() {
        let line = written(
            Format::Json,
            LevelFilter::Info,
            &[("snowflake_mcp::server", Level::Info, "says \"hi\"\nand more")],
        );
        assert_eq!(
            line,
            "{\"time\":\"2026-11-22T10:00:00Z\",\"level\":\"info\",\"target\":\"server\",\"message\":\"says \\\"hi\\\"\\nand more\"}\n"
        );
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["message"], "says \"hi\"\nand more");
    }

    #[test]
    fn a_peer_cannot_write_a_line_of_its_own() {
        let line = written(
            Format::Text,
            LevelFilter::Info,
            &[(
                "snowflake_mcp",
                Level::Info,
                "path /\r\n2026 ERROR forged\u{1b}[2J",
            )],
        );
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.contains("path /\\r\\n2026 ERROR forged\\u{1b}[2J"), "{line}");
    }

    #[test]
    fn the_level_decides_and_libraries_are_heard_from_warnings_on() {
        let records = [
            ("snowflake_mcp::server", Level::Debug, "own debug"),
            ("snowflake_mcp::server", Level::Trace, "own trace"),
            ("ureq::run", Level::Debug, "Authorization: Bearer secret"),
            ("snowflake_mcp_plugin", Level::Debug, "not ours"),
            ("rustls", Level::Warn, "library warning"),
        ];
        let text = written(Format::Text, LevelFilter::Debug, &records);
        let messages: Vec<_> = text.lines().filter_map(|line| line.split(": ").nth(1)).collect();
        assert_eq!(messages, ["own debug", "library warning"]);
        assert_eq!(written(Format::Text, LevelFilter::Off, &records), "");
    }
}
