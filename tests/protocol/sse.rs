//! Events that were written, as a reader sees them.

mod reader;

use std::time::Duration;

use proptest::prelude::*;
use reader::{Event, Reader};
use snowflake_mcp::wire::buffer::Piece;
use snowflake_mcp::wire::sse;

fn text(pieces: Vec<Piece<'_>>) -> Vec<u8> {
    pieces.iter().flat_map(Piece::as_slice).copied().collect()
}

fn written(id: Option<&str>, name: Option<&str>, data: &str) -> Vec<u8> {
    text(sse::event(id, name, &mut [Piece::Borrowed(data.as_bytes())]))
}

fn seen(name: &str, data: &str, last_id: &str) -> Event {
    Event {
        name: name.to_owned(),
        data: data.to_owned(),
        last_id: last_id.to_owned(),
    }
}

#[test]
fn the_reader_reads_as_the_standard_says() {
    let stream = "\u{feff}: a comment\nevent: a\r\ndata: 1\rdata:2\n\ndata\n\nid: 7\ndata: x\nother: y\n\n\
                  id: 8\n\nid: 9\0\nretry: 12\nretry: 1a\ndata: z\n\nevent: none\n\ndata:  q\n\ndata: unfinished";
    let mut reader = Reader::default();
    reader.feed(stream.as_bytes());
    let events = [
        seen("a", "1\n2", ""),
        seen("message", "", ""),
        seen("message", "x", "7"),
        seen("message", "z", "8"),
        seen("message", " q", "8"),
    ];
    assert_eq!(reader.take_events(), events);
    assert_eq!(reader.retry, Some(Duration::from_millis(12)));
    assert_eq!(reader.comments, 1);
}

#[test]
fn an_event_is_read_as_it_was_written() {
    let stream = [
        written(None, Some("message"), r#"{"jsonrpc":"2.0"}"#),
        sse::KEEP_ALIVE.to_vec(),
        written(Some("4-1"), None, "1"),
        written(None, Some("endpoint"), "/messages/?session_id=a:b"),
    ]
    .concat();
    let events = [
        seen("message", r#"{"jsonrpc":"2.0"}"#, ""),
        seen("message", "1", "4-1"),
        seen("endpoint", "/messages/?session_id=a:b", "4-1"),
    ];
    assert_eq!(Reader::read_all(&stream), events);
}

#[test]
fn a_priming_event_has_an_id_and_no_data_and_a_retry_is_no_event() {
    let mut reader = Reader::default();
    reader.feed(&sse::retry(Duration::from_millis(1_500)));
    assert_eq!(reader.take_events(), []);
    assert_eq!(reader.retry, Some(Duration::from_millis(1_500)));
    reader.feed(&sse::priming("4-0", Some(Duration::from_secs(5))));
    assert_eq!(reader.take_events(), [seen("message", "", "4-0")]);
    assert_eq!(reader.retry, Some(Duration::from_secs(5)));
}

#[test]
fn a_comment_between_two_events_changes_nothing_about_them() {
    let mut reader = Reader::default();
    reader.feed(&written(Some("1"), Some("a"), "x"));
    reader.feed(sse::KEEP_ALIVE);
    reader.feed(&written(None, None, "y"));
    assert_eq!(
        reader.take_events(),
        [seen("a", "x", "1"), seen("message", "y", "1")]
    );
    assert_eq!(reader.comments, 1);
}

proptest! {
    /// Whatever text is in an event, in however many pieces, wherever the reader's reads are cut.
    #[test]
    fn every_event_is_read_as_it_was_written(
        events in prop::collection::vec((proptest::option::of("[!-~]{0,12}"), proptest::option::of("[a-z]{1,8}"), "[^\r\n\0]{0,40}"), 1..6),
        piece in 1_usize..20,
        read in 1_usize..20,
    ) {
        let (mut stream, mut expected, mut last_id) = (Vec::new(), Vec::new(), String::new());
        for (id, name, data) in &events {
            let mut pieces: Vec<Piece<'_>> = data.as_bytes().chunks(piece).map(Piece::Borrowed).collect();
            stream.extend(text(sse::event(id.as_deref(), name.as_deref(), &mut pieces)));
            if let Some(id) = id {
                last_id.clone_from(id);
            }
            expected.push(seen(name.as_deref().unwrap_or("message"), data, &last_id));
        }
        let mut reader = Reader::default();
        for part in stream.chunks(read) {
            reader.feed(part);
        }
        prop_assert_eq!(reader.take_events(), expected);
    }
}
