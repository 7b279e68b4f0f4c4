//! A place in the rows of a result, as a caller keeps it for the next page: statement, connection, partition and row,
//! signed for who asked. It holds all that is needed, so a restarted server or another replica with the same key goes on
//! with it.
//!
//! It does not know formats: the next page may have another one.
//!
//! ```text
//!   byte      version of what follows                 numbers and lengths are LEB128 (token/pack.rs)
//!   text      query id
//!   text      name of the connection that ran it; empty where the server has one only
//!   number    partition
//!   number    row in it
//! ```

use std::sync::Arc;
use std::time::Duration;

use super::{Call, Refusal};
use crate::backend::rows::Position;
use crate::ident::QueryId;
use crate::time::WallTime;
use crate::token::pack::{Pack, Unpack};
use crate::token::{Fault, Keys, Purpose, Validity};

/// Makes cursors for one caller. Goes to the worker, which knows where a page ends.
#[derive(Debug, Clone)]
pub(super) struct Sealer {
    keys: Keys,
    principal: Box<[u8]>,
    born: WallTime,
    connection: Option<Arc<str>>,
}

/// Where a cursor leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) query_id: QueryId,
    pub(super) position: Position,
    /// The connection that ran the statement; `None` where the server had one only.
    pub(super) connection: Option<Arc<str>>,
}

impl Sealer {
    /// For the caller of `call`, whose statement `connection` runs.
    pub(super) fn of(call: &Call<'_>, connection: Option<Arc<str>>) -> Self {
        Self {
            keys: call.keys.clone(),
            principal: call.principal.into(),
            born: call.now.wall,
            connection,
        }
    }

    /// Whether cursors are one caller's alone.
    pub(super) fn is_bound(&self) -> bool {
        !self.principal.is_empty()
    }

    /// The cursor of this place in the result of `query_id`.
    pub(super) fn seal(&self, query_id: &str, position: Position) -> String {
        let mut pack = Pack::new();
        pack.byte(VERSION)
            .text(query_id)
            .text(self.connection.as_deref().unwrap_or_default())
            .number(u64::from(position.partition))
            .number(position.row);
        let validity = Validity {
            born: self.born,
            lifetime: LIFETIME,
        };
        self.keys
            .seal(Purpose::ResultCursor, pack.as_bytes(), &self.principal, validity)
    }
}

/// The cursor of the first row of a statement that the caller of `call` is known to have run. It names no connection: the
/// call that it goes into does, where there are several.
pub fn of_first_row(call: &Call<'_>, query_id: &str) -> String {
    Sealer::of(call, None).seal(query_id, Position::default())
}

/// The place that a caller's cursor names.
///
/// # Errors
/// It was not given out, or not to this caller, or its result is no longer kept.
pub(super) fn open(call: &Call<'_>, text: &str) -> Result<Place, Refusal> {
    let purpose = Purpose::ResultCursor;
    let opened = call
        .keys
        .open(purpose, text.as_bytes(), call.principal, call.now.wall)
        .map_err(Refusal::Cursor)?;
    let mut unpack = Unpack::new(&opened.payload);
    let mut read = || {
        (unpack.byte()? == VERSION).then_some(())?;
        let query_id = QueryId::parse(unpack.text()?)?;
        let connection = Some(unpack.text()?).filter(|name| !name.is_empty());
        let position = Position {
            partition: u32::try_from(unpack.number()?).ok()?,
            row: unpack.number()?,
        };
        unpack.end()?;
        Some(Place {
            query_id,
            position,
            connection: connection.map(Arc::from),
        })
    };
    read().ok_or(Refusal::Cursor(Fault::Malformed))
}

/// Of the payload. One of another version is told as none of ours: its holder begins anew by the query id.
const VERSION: u8 = 1;

/// Snowflake keeps a result for about a day.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::call::tests::with_call;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_nobody_else_can_use_it() {
        with_call(|call| {
            let position = Position {
                partition: 7,
                row: 12_345,
            };
            let owner = Call {
                principal: b"one",
                ..*call
            };
            let connection: Option<Arc<str>> = Some("dev".into());
            let cursor = Sealer::of(&owner, connection.clone()).seal("01c0-ffee", position);
            let place = Place {
                query_id: QueryId::parse("01c0-ffee").unwrap(),
                position,
                connection,
            };
            assert_eq!(open(&owner, &cursor), Ok(place.clone()));
            let only = Sealer::of(&owner, None).seal("01c0-ffee", position);
            let connection = None;
            assert_eq!(open(&owner, &only), Ok(Place { connection, ..place }));
            assert_eq!(open(call, &cursor), Err(Refusal::Cursor(Fault::OtherPrincipal)));
            let other = Call {
                principal: b"two",
                ..*call
            };
            assert_eq!(open(&other, &cursor), Err(Refusal::Cursor(Fault::OtherPrincipal)));
            let mut altered = cursor.clone().into_bytes();
            altered[20] ^= 1;
            let altered = String::from_utf8(altered).unwrap();
            assert!(matches!(open(&owner, &altered), Err(Refusal::Cursor(_))));
            let mut late = owner;
            late.now.wall = WallTime::from_micros(LIFETIME.as_micros() as u64 + 1);
            assert_eq!(open(&late, &cursor), Err(Refusal::Cursor(Fault::Expired)));
        });
    }

    #[test]
    fn a_payload_of_another_version_is_not_read() {
        with_call(|call| {
            let validity = Validity {
                born: call.now.wall,
                lifetime: LIFETIME,
            };
            for version in [VERSION, VERSION + 1] {
                let mut pack = Pack::new();
                pack.byte(version).text("01c0").text("").number(0).number(1);
                let purpose = Purpose::ResultCursor;
                let cursor = call.keys.seal(purpose, pack.as_bytes(), b"", validity);
                assert_eq!(open(call, &cursor).is_ok(), version == VERSION, "{version}");
            }
        });
    }
}
