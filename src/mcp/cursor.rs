//! Places in a list that has several pages: signed, because what a client brings back goes into a statement.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::time::WallTime;
use crate::token::{Keys, Purpose, Validity};
use crate::{json, rpc};

/// How long a place stays good: as long as somebody may sit before a list.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The section of `tasks/list`: never one of the list of resources, which has as many as there are offers.
pub(super) const TASKS: u8 = u8::MAX;

/// A place in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Which part of the list.
    pub(super) section: u8,
    /// Where the page before ended in it; `None` for its beginning.
    pub(super) after: Option<String>,
}

impl Position {
    /// The place that `cursor` stands for. None, `null` and the empty string stand for the beginning.
    ///
    /// # Errors
    /// -32602 for anything that was not given out here, to this caller, within a day.
    pub(super) fn parse(
        cursor: Option<&RawValue>,
        keys: &Keys,
        principal: &[u8],
        now: WallTime,
    ) -> Result<Self, rpc::Error> {
        let Some(cursor) = cursor.filter(|cursor| !is_beginning(cursor)) else {
            return Ok(Self::default());
        };
        let opened = json::text(cursor)
            .and_then(|text| keys.open(Purpose::Cursor, text.as_bytes(), principal, now).ok());
        let payload = opened.map(|opened| opened.payload).unwrap_or_default();
        let (section, after) = payload.split_first().ok_or_else(foreign)?;
        let after = String::from_utf8(after.to_vec()).map_err(|_| foreign())?;
        Ok(Self {
            section: *section,
            after: Some(after).filter(|after| !after.is_empty()),
        })
    }

    /// The cursor that stands for the place.
    pub(super) fn to_cursor(&self, keys: &Keys, principal: &[u8], now: WallTime) -> String {
        let mut payload = vec![self.section];
        payload.extend_from_slice(self.after.as_deref().unwrap_or_default().as_bytes());
        let validity = Validity {
            born: now,
            lifetime: LIFETIME,
        };
        keys.seal(Purpose::Cursor, &payload, principal, validity)
    }
}

/// Refuses every cursor but that of the beginning: for lists with one page, which never give one out.
///
/// # Errors
/// -32602.
pub(super) fn only_page(cursor: Option<&RawValue>) -> Result<(), rpc::Error> {
    match cursor {
        Some(cursor) if !is_beginning(cursor) => Err(foreign()),
        _ => Ok(()),
    }
}

fn is_beginning(cursor: &RawValue) -> bool {
    matches!(cursor.get(), "\"\"" | "null")
}

fn foreign() -> rpc::Error {
    rpc::Error::invalid_params("cursor is not one of this server's")
}

/// Makes the cursor behind a page that is not rendered yet.
#[derive(Debug, Clone)]
pub struct Maker {
    pub(super) keys: Keys,
    pub(super) principal: Box<[u8]>,
    pub(super) now: WallTime,
    /// The part of the list that the page is from.
    pub(super) section: u8,
    /// The part behind it, if there is one.
    pub(super) next_section: Option<u8>,
}

impl Maker {
    /// `nextCursor` behind a page: `last` is the name to go on after, `None` when the lookup has found everything.
    pub fn next(&self, last: Option<&str>) -> Option<String> {
        let position = match (last, self.next_section) {
            (Some(last), _) => Position {
                section: self.section,
                after: Some(last.to_owned()),
            },
            (None, Some(section)) => Position { section, after: None },
            (None, None) => return None,
        };
        Some(position.to_cursor(&self.keys, &self.principal, self.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn parse(cursor: &str, principal: &[u8], seconds: u64) -> Result<Position, i32> {
        let raw: &RawValue = serde_json::from_str(cursor).unwrap();
        let now = WallTime::from_micros(seconds * 1_000_000);
        let keys = Keys::random(&mut SeededEntropy::new(1));
        Position::parse(Some(raw), &keys, principal, now).map_err(|error| error.code)
    }

    fn maker() -> Maker {
        Maker {
            keys: Keys::random(&mut SeededEntropy::new(1)),
            principal: b"ann".as_slice().into(),
            now: WallTime::from_micros(0),
            section: 1,
            next_section: Some(2),
        }
    }

    #[test]
    fn a_cursor_leads_back_to_its_place_for_a_day_and_for_its_caller() {
        let cursor = format!("\"{}\"", maker().next(Some("a'b")).unwrap());
        let expected = Position {
            section: 1,
            after: Some("a'b".to_owned()),
        };
        assert_eq!(parse(&cursor, b"ann", 0), Ok(expected));
        assert_eq!(parse(&cursor, b"bob", 0), Err(-32602));
        assert_eq!(parse(&cursor, b"ann", 24 * 60 * 60 + 1), Err(-32602));
    }

    #[test]
    fn behind_the_last_name_comes_the_next_part_or_the_end() {
        let cursor = format!("\"{}\"", maker().next(None).unwrap());
        let expected = Position {
            section: 2,
            after: None,
        };
        assert_eq!(parse(&cursor, b"ann", 0), Ok(expected));
        let last = Maker {
            next_section: None,
            ..maker()
        };
        assert_eq!(last.next(None), None);
    }

    #[test]
    fn nothing_is_the_beginning_and_anything_else_is_refused() {
        for beginning in ["\"\"", "null"] {
            assert_eq!(parse(beginning, b"ann", 0), Ok(Position::default()));
        }
        for foreign in ["\"x\"", "7", "{}", "\"AAAA\""] {
            assert_eq!(parse(foreign, b"ann", 0), Err(-32602), "{foreign}");
        }
    }
}
