//! Tokens that clients bring back, and what stands in them.

use std::time::Duration;

use crate::entropy::SeededEntropy;
use crate::mcp::Keys;
use crate::mcp::session::{EventId, Session};
use crate::mcp::tasks::TaskId;
use crate::time::WallTime;
use crate::token::pack::{Pack, Unpack};
use crate::token::{Fault, PAYLOAD_BYTES_MAX, Purpose, Validity};

/// No bytes open as a token; as a payload they come back, and only whole, for the same purpose and principal. What is
/// read as packed values, a session, a task or an event is written in no other way.
pub fn token(bytes: &[u8]) {
    let keys = Keys::random(&mut SeededEntropy::new(1));
    for purpose in Purpose::ALL {
        for principal in [b"".as_slice(), b"p"] {
            assert!(keys.open(purpose, bytes, principal, NOW).is_err());
        }
    }
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let payload = &rest[..rest.len().min(PAYLOAD_BYTES_MAX)];
    assert_sealed(&keys, *first, payload);
    assert_packed(bytes);
    assert_meant(&keys, bytes);
}

/// What is read as a session, a task or an event has one spelling.
fn assert_meant(keys: &Keys, bytes: &[u8]) {
    let payload = &bytes[..bytes.len().min(PAYLOAD_BYTES_MAX)];
    let validity = Validity {
        born: NOW,
        lifetime: Duration::from_secs(60),
    };
    let text = keys.seal(Purpose::Session, payload, b"p", validity);
    if let Ok(session) = Session::open(keys, text.as_bytes(), b"p", NOW) {
        assert_eq!(session.seal(keys, b"p"), text);
    }
    let text = keys.seal(Purpose::Task, payload, b"p", validity);
    if let Some(task) = TaskId::open(keys, &text, b"p", NOW) {
        assert_eq!(task.seal(keys, b"p"), text);
    }
    if let Some(event) = EventId::parse(bytes) {
        assert_eq!(event.to_string().as_bytes(), bytes);
    }
}

fn assert_sealed(keys: &Keys, chance: u8, payload: &[u8]) {
    let purpose = Purpose::ALL[usize::from(chance) % Purpose::ALL.len()];
    let principal = &payload[..payload.len().min(usize::from(chance % 5))];
    let validity = Validity {
        born: NOW,
        lifetime: Duration::from_secs(60),
    };
    let text = keys.seal(purpose, payload, principal, validity);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    let open = |text: &[u8], principal: &[u8]| keys.open(purpose, text, principal, NOW);
    let opened = open(text.as_bytes(), principal).expect("it was just sealed");
    assert_eq!((opened.payload.as_slice(), opened.validity), (payload, validity));
    assert_eq!(open(text.as_bytes(), b"other"), Err(Fault::OtherPrincipal));
    let mut changed = text.into_bytes();
    let at = usize::from(chance) * 7 % changed.len();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    assert!(open(&changed, principal).is_err());
}

/// The first bytes choose what is read next, so that every order of kinds is tried.
fn assert_packed(bytes: &[u8]) {
    let (mut unpack, mut pack) = (Unpack::new(bytes), Pack::new());
    loop {
        let before = unpack.rest().len();
        let read = match bytes[before % bytes.len().max(1)..].first().map(|kind| kind % 5) {
            Some(0) => unpack.byte().map(|byte| pack.byte(byte)),
            Some(1) => unpack.number().map(|number| pack.number(number)),
            Some(2) => unpack.bytes().map(|bytes| pack.bytes(bytes)),
            Some(3) => unpack.text().map(|text| pack.text(text)),
            Some(_) => unpack.fixed::<3>().map(|bytes| pack.fixed(&bytes)),
            None => None,
        };
        if read.is_none() {
            break;
        }
        assert!(unpack.rest().len() < before);
        assert_eq!(pack.as_bytes(), &bytes[..bytes.len() - unpack.rest().len()]);
    }
}

const NOW: WallTime = WallTime::from_micros(1_790_000_000_000_000);
