//! What opens, what does not, and what is never shown.

use super::*;
use crate::entropy::SeededEntropy;

const SECONDS: u64 = 1_000_000;
const BORN: WallTime = WallTime::from_micros(1_790_000_000 * SECONDS);

fn keys(text: &str) -> Keys {
    Keys::new(&Secret::new(text), None)
}

fn rotating(first: &str, second: &str) -> Keys {
    Keys::new(&Secret::new(first), Some(&Secret::new(second)))
}

fn validity(seconds: u64) -> Validity {
    Validity {
        born: BORN,
        lifetime: Duration::from_secs(seconds),
    }
}

fn after(seconds: u64) -> WallTime {
    WallTime::from_micros(BORN.as_micros() + seconds * SECONDS)
}

fn sealed(keys: &Keys, principal: &[u8]) -> String {
    keys.seal(Purpose::Session, b"payload", principal, validity(60))
}

fn opened(keys: &Keys, text: &str, principal: &[u8]) -> Result<Opened, Fault> {
    keys.open(Purpose::Session, text.as_bytes(), principal, after(1))
}

#[test]
fn what_was_sealed_opens_with_its_times() {
    let keys = keys("one");
    for principal in [b"".as_slice(), b"p", &[7; 32]] {
        let token = sealed(&keys, principal);
        let expected = Opened {
            payload: b"payload".to_vec(),
            validity: validity(60),
        };
        assert_eq!(opened(&keys, &token, principal), Ok(expected));
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "{token}");
    }
    assert_eq!(validity(60).ends(), after(60));
    let forever = Validity {
        born: BORN,
        lifetime: Duration::MAX,
    };
    assert_eq!(forever.ends(), WallTime::from_micros(u64::MAX));
}

/// Clients keep tokens over an upgrade of the server: the form must not change by accident.
#[test]
fn the_form_is_the_one_that_was_given_out() {
    let token = keys("a key of this test, thirty-two or so").seal(Purpose::Cursor, b"ab", b"p", validity(60));
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    assert_eq!(bytes[..7], [0x11, 0x80, 0xf7, 0xc4, 0xd5, 0x06, 60]);
    assert_eq!(bytes[15..17], *b"ab");
    assert_eq!(bytes.len(), 7 + 8 + 2 + 16);
    assert_eq!(token, TOKEN_OF_VERSION_1);
}

/// Made by a second implementation (hmac and hashlib of Python).
const TOKEN_OF_VERSION_1: &str = "EYD3xNUGPLaWUIppDWv2YWKM01AwK_z8MCPRQ35WJ_yy";

#[test]
fn no_bit_of_a_token_can_be_changed() {
    let keys = keys("one");
    let token = sealed(&keys, b"p");
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = URL_SAFE_NO_PAD.encode(changed);
        let fault = opened(&keys, &changed, b"p").unwrap_err();
        assert!(
            matches!(fault, Fault::Forged | Fault::Malformed),
            "bit {bit}: {fault}"
        );
    }
    for length in 0..token.len() {
        assert!(opened(&keys, &token[..length], b"p").is_err(), "{length}");
    }
    for longer in [format!("{token}A"), format!("{token}="), format!(" {token}")] {
        assert!(opened(&keys, &longer, b"p").is_err(), "{longer}");
    }
}

#[test]
fn there_is_one_spelling_of_a_token() {
    let keys = keys("one");
    // Not a multiple of three bytes, so the last character has bits that mean nothing.
    let token = keys.seal(Purpose::Session, b"abcdefgh", b"", validity(60));
    assert_ne!(token.len() % 4, 0);
    let last = token.len() - 1;
    let spellings = (b'!'..=b'~').filter(|byte| {
        let mut other = token.clone().into_bytes();
        other[last] = *byte;
        keys.open(Purpose::Session, &other, b"", BORN).is_ok()
    });
    assert_eq!(spellings.count(), 1);
}

#[test]
fn a_token_of_one_purpose_opens_for_no_other() {
    let keys = keys("one");
    for made in Purpose::ALL {
        for asked in Purpose::ALL {
            let token = keys.seal(made, b"x", b"p", validity(60));
            let opened = keys
                .open(asked, token.as_bytes(), b"p", BORN)
                .map(|opened| opened.payload);
            let expected = if made == asked {
                Ok(b"x".to_vec())
            } else {
                Err(Fault::Forged)
            };
            assert_eq!(opened, expected, "{made:?} as {asked:?}");
        }
    }
}

#[test]
fn a_token_of_somebody_else_is_told_from_a_forged_one() {
    let keys = keys("one");
    for (given, asks) in [(b"p".as_slice(), b"q".as_slice()), (b"p", b""), (b"", b"p")] {
        let token = sealed(&keys, given);
        assert_eq!(
            opened(&keys, &token, asks),
            Err(Fault::OtherPrincipal),
            "{given:?} {asks:?}"
        );
    }
}

#[test]
fn a_token_is_good_up_to_its_end_and_not_beyond() {
    let keys = keys("one");
    let token = sealed(&keys, b"");
    let at = |now| keys.open(Purpose::Session, token.as_bytes(), b"", now).map(drop);
    assert_eq!(at(after(59)), Ok(()));
    assert_eq!(at(after(60)), Err(Fault::Expired));
    // The clock of the replica that made it may be ahead of ours.
    assert_eq!(at(WallTime::from_micros(BORN.as_micros() - 5 * SECONDS)), Ok(()));
}

#[test]
fn while_keys_are_changed_both_verify_and_the_first_signs() {
    let (old, new) = (keys("old"), keys("new"));
    let (before, after) = (rotating("old", "new"), rotating("new", "old"));
    let of_old = sealed(&old, b"p");
    let of_new = sealed(&new, b"p");
    for both in [&before, &after] {
        assert!(opened(both, &of_old, b"p").is_ok() && opened(both, &of_new, b"p").is_ok());
        assert_eq!(opened(both, &of_old, b"q"), Err(Fault::OtherPrincipal));
    }
    assert_eq!(sealed(&before, b"p"), of_old);
    assert_eq!(sealed(&after, b"p"), of_new);
    assert_eq!(opened(&new, &of_old, b"p"), Err(Fault::Forged));
}

#[test]
fn a_key_of_chance_is_nobody_elses() {
    let random = |seed| Keys::random(&mut SeededEntropy::new(seed));
    let token = sealed(&random(1), b"");
    assert!(opened(&random(1), &token, b"").is_ok());
    assert_eq!(opened(&random(2), &token, b""), Err(Fault::Forged));
}

#[test]
fn what_is_no_token_is_malformed_and_what_is_too_long_is_not_read() {
    let keys = keys("one");
    let long = "A".repeat(TEXT_BYTES_MAX + 4);
    let short = URL_SAFE_NO_PAD.encode([0x10; 16]);
    for text in ["", "x", "mcp-session-1", "ä", "a+b/", &short, &long] {
        assert_eq!(opened(&keys, text, b""), Err(Fault::Malformed), "{text}");
    }
    let largest = keys.seal(
        Purpose::Task,
        &[0; PAYLOAD_BYTES_MAX],
        b"p",
        Validity {
            born: WallTime::from_micros(u64::MAX),
            lifetime: Duration::from_secs(u64::MAX),
        },
    );
    assert!(largest.len() <= TEXT_BYTES_MAX);
    let opened = keys.open(Purpose::Task, largest.as_bytes(), b"p", BORN);
    assert_eq!(opened.unwrap().payload.len(), PAYLOAD_BYTES_MAX);
}

#[test]
fn keys_are_never_printed() {
    assert_eq!(format!("{:?}", rotating("hunter2", "hunter3")), "Keys(…)");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..proptest::prelude::ProptestConfig::default() })]

    #[test]
    fn any_payload_comes_back(
        payload in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        principal in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        lifetime in 1..u64::from(u32::MAX),
    ) {
        let keys = keys("one");
        let token = keys.seal(Purpose::RequestState, &payload, &principal, validity(lifetime));
        let opened = keys.open(Purpose::RequestState, token.as_bytes(), &principal, BORN).unwrap();
        assert_eq!((opened.payload, opened.validity), (payload, validity(lifetime)));
    }
}
