//! A reader of events, as WHATWG HTML section 9.2.6 describes it, for tests: takes bytes as they come, gives events.

use std::mem::take;
use std::time::Duration;

/// An event that a reader's program would see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type.
    pub(super) name: String,
    /// What came with it, lines joined by LF.
    pub(super) data: String,
    /// The last id that was said up to then.
    pub(super) last_id: String,
}

/// A reader, between two bytes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The line that is coming.
    line: Vec<u8>,
    /// The last byte was CR: an LF now belongs to it.
    is_behind_cr: bool,
    has_begun: bool,
    name: String,
    data: String,
    /// The id that the next event will have.
    id: String,
    events: Vec<Event>,
    /// How long to wait before coming back, if that was said.
    pub(super) retry: Option<Duration>,
    /// Comments read.
    pub(super) comments: usize,
}

impl Reader {
    /// The events of a whole stream. What is not ended by an empty line is none.
    pub(super) fn read_all(bytes: &[u8]) -> Vec<Event> {
        let mut reader = Self::default();
        reader.feed(bytes);
        reader.take_events()
    }

    /// Takes bytes, cut anywhere.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let is_behind_cr = take(&mut self.is_behind_cr);
            match byte {
                b'\n' if is_behind_cr => {}
                b'\r' | b'\n' => {
                    self.is_behind_cr = byte == b'\r';
                    let line = take(&mut self.line);
                    self.on_line(&String::from_utf8_lossy(&line));
                }
                _ => self.line.push(byte),
            }
        }
    }

    /// The events that were read since the last time.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        take(&mut self.events)
    }

    fn on_line(&mut self, line: &str) {
        let line = if self.has_begun {
            line
        } else {
            line.trim_start_matches('\u{feff}')
        };
        self.has_begun = true;
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments += 1,
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let (mut name, mut data) = (take(&mut self.name), take(&mut self.data));
        // A field with an empty value is a line: only no field at all is no event.
        if data.pop().is_none() {
            return;
        }
        if name.is_empty() {
            name.push_str("message");
        }
        self.events.push(Event {
            name,
            data,
            last_id: self.id.clone(),
        });
    }
}
