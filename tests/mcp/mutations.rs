//! Every message of every transcript, damaged: nothing may panic, and whatever is said must be JSON on one line.

use std::path::Path;

use snowflake_mcp::entropy::SeededEntropy;

use super::{Peer, Way, service};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::RoutingFields;

/// One to three damages: a byte changed, a piece left out, a piece said twice.
fn damaged(message: &str, random: &mut SeededEntropy) -> String {
    const BYTES: &[u8] = b"{}[]\",:\\01.e-tn \x01";
    let mut bytes = message.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() as u64) as usize;
        let end = (at + 1 + random.below(12) as usize).min(bytes.len());
        match random.below(3) {
            0 => bytes[at] = BYTES[random.below(BYTES.len() as u64) as usize],
            1 if end - at < bytes.len() => drop(bytes.drain(at..end)),
            _ => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_damaged_message_is_answered_or_refused_and_never_worse() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut messages = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let text = std::fs::read_to_string(entry.expect("it can be read").path()).expect("it is text");
        messages.extend(
            text.lines()
                .filter_map(|line| line.strip_prefix("> "))
                .map(str::to_owned),
        );
    }
    messages.sort();
    assert!(messages.len() > 100, "the transcripts are there");
    let mut service = service();
    for (seed, message) in messages.iter().enumerate() {
        let mut random = SeededEntropy::new(seed as u64);
        for _ in 0..100 {
            let message = damaged(message, &mut random);
            for way in [Way::Http, Way::Socket, Way::Rest, Way::Envelope] {
                let mut peer = Peer {
                    service: &mut service,
                    limits: Limits::default(),
                    way,
                    fields: RoutingFields::default(),
                    negotiated: None,
                };
                assert!(!peer.lines(&message).is_empty(), "{message}");
            }
        }
    }
}
