//! A place in the rows of a result, as a caller keeps it for the next page: statement, partition and row, signed for who
//! asked. It holds all that is needed, so a restarted server or another replica with the same key goes on with it.
//!
//! It does not know formats: the next page may have another one.

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
}

impl Sealer {
    /// For the caller of `call`.
    pub(super) fn of(call: &Call<'_>) -> Self {
        Self {
            keys: call.keys.clone(),
            principal: call.principal.into(),
            born: call.now.wall,
        }
    }

    /// Whether cursors are one caller's alone.
    pub(super) fn is_bound(&self) -> bool {
        !self.principal.is_empty()
    }

    /// The cursor of this place.
    pub(super) fn seal(&self, query_id: &str, place: Position) -> String {
        let mut pack = Pack::new();
        pack.text(query_id)
            .number(u64::from(place.partition))
            .number(place.row);
        let validity = Validity {
            born: self.born,
            lifetime: LIFETIME,
        };
        self.keys
            .seal(Purpose::ResultCursor, pack.as_bytes(), &self.principal, validity)
    }
}

/// The cursor of the first row of a statement that the caller of `call` is known to have run.
pub fn of_first_row(call: &Call<'_>, query_id: &str) -> String {
    Sealer::of(call).seal(query_id, Position::default())
}

/// The place that a caller's cursor names.
///
/// # Errors
/// It was not given out, or not to this caller, or its result is no longer kept.
pub(super) fn open(call: &Call<'_>, text: &str) -> Result<(QueryId, Position), Refusal> {
    let purpose = Purpose::ResultCursor;
    let opened = call
        .keys
        .open(purpose, text.as_bytes(), call.principal, call.now.wall)
        .map_err(Refusal::Cursor)?;
    let mut unpack = Unpack::new(&opened.payload);
    let mut read = || {
        let query_id = QueryId::parse(unpack.text()?)?;
        let place = Position {
            partition: u32::try_from(unpack.number()?).ok()?,
            row: unpack.number()?,
        };
        unpack.end()?;
        Some((query_id, place))
    };
    read().ok_or(Refusal::Cursor(Fault::Malformed))
}

/// Snowflake keeps a result for about a day.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::call::tests::with_call;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_nobody_else_can_use_it() {
        with_call(|call| {
            let place = Position {
                partition: 7,
                row: 12_345,
            };
            let owner = Call {
                principal: b"one",
                ..*call
            };
            let cursor = Sealer::of(&owner).seal("01c0-ffee", place);
            let query_id = QueryId::parse("01c0-ffee").unwrap();
            assert_eq!(open(&owner, &cursor), Ok((query_id, place)));
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
}
