//! Server-sent events as text (WHATWG HTML, "Server-sent events"): the pieces that go into a stream.
//!
//! Only writes. Knows neither the response that the events are part of (`wire::http`) nor what is in them: data is one
//! line of text, in practice of JSON, which has no line breaks outside of strings and escapes those within.

use std::time::Duration;

use super::buffer::Piece;

/// A comment, which readers skip: says that the stream lives, to the reader and to what stands between.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// An event. `data` is one line, taken out of the slice piece by piece; large pieces are not copied.
///
/// `id` is what a reader names when it comes back (`Last-Event-ID`), `name` the type of the event (without it, a
/// message). Both are single lines without NUL.
pub fn event<'p>(id: Option<&str>, name: Option<&str>, data: &mut [Piece<'p>]) -> Vec<Piece<'p>> {
    debug_assert!(
        data.iter().all(|piece| is_line(piece.as_slice())),
        "data is one line"
    );
    let mut fields = Vec::with_capacity(FIELDS_BYTES_FIRST);
    extend_field(&mut fields, "event", name);
    extend_field(&mut fields, "id", id);
    fields.extend_from_slice(b"data: ");
    let mut pieces = Vec::with_capacity(data.len() + 2);
    pieces.push(Piece::Owned(fields));
    pieces.extend(data.iter_mut().map(std::mem::take));
    pieces.push(Piece::Borrowed(b"\n\n"));
    pieces
}

/// The first event of a stream that its reader may lose: an id to come back with and no data. With `retry`, also when to
/// come back. For readers of 2025-11-25 and later: older ones take the empty data for a message.
pub fn priming(id: &str, retry: Option<Duration>) -> Vec<u8> {
    let mut text = retry.map(retry_line).unwrap_or_default();
    extend_field(&mut text, "id", Some(id));
    text.extend_from_slice(b"data: \n\n");
    text
}

/// Says how long a reader waits before it comes back, in whole milliseconds. Not an event: nothing is told to the reader's
/// program.
pub fn retry(after: Duration) -> Vec<u8> {
    let mut text = retry_line(after);
    text.push(b'\n');
    text
}

fn retry_line(after: Duration) -> Vec<u8> {
    format!("retry: {}\n", after.as_millis()).into_bytes()
}

/// A field that would not be one line is left out: it would begin another one.
fn extend_field(text: &mut Vec<u8>, name: &str, value: Option<&str>) {
    let Some(value) = value else { return };
    debug_assert!(is_line(value.as_bytes()), "{name} is one line without NUL");
    if is_line(value.as_bytes()) {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
}

/// Also without NUL: readers ignore an id that has one.
fn is_line(text: &[u8]) -> bool {
    // Three passes of the library's own search: fast in a build with assertions too, where all of a result is looked at.
    ![b'\r', b'\n', 0].iter().any(|breaks| text.contains(breaks))
}

/// `event: message`, an id of a session and a number, `data: `.
const FIELDS_BYTES_FIRST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[Piece<'_>]) -> String {
        let bytes: Vec<u8> = pieces.iter().flat_map(Piece::as_slice).copied().collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_its_fields_and_an_empty_line() {
        for (id, name, expected) in [
            (None, None, "data: {}\n\n"),
            (None, Some("message"), "event: message\ndata: {}\n\n"),
            (Some("a-1"), None, "id: a-1\ndata: {}\n\n"),
            (
                Some("a-1"),
                Some("message"),
                "event: message\nid: a-1\ndata: {}\n\n",
            ),
        ] {
            let mut data = [Piece::Borrowed(b"{"), Piece::Owned(b"}".to_vec())];
            assert_eq!(text(&event(id, name, &mut data)), expected);
        }
    }

    #[test]
    fn large_data_is_moved() {
        let large = vec![b'x'; 100_000];
        let address = large.as_ptr();
        let pieces = event(None, Some("message"), &mut [Piece::Owned(large)]);
        assert!(pieces.iter().any(|piece| piece.as_slice().as_ptr() == address));
    }

    #[test]
    fn a_priming_event_says_when_to_come_back() {
        let text = |retry| String::from_utf8(priming("a-0", retry)).unwrap();
        assert_eq!(text(None), "id: a-0\ndata: \n\n");
        let retry = Some(Duration::from_secs(5));
        assert_eq!(text(retry), "retry: 5000\nid: a-0\ndata: \n\n");
    }

    #[test]
    fn a_retry_is_in_milliseconds() {
        assert_eq!(retry(Duration::from_millis(250)), b"retry: 250\n\n");
    }
}
