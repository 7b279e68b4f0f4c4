//! A client's reader of HTTP/1.1 responses, as simple as RFC 9112 section 6.3 allows: says what a peer would make of
//! what was written to it. Trusts its writer in everything that it does not assert.

/// A final response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// It came to its end: its length, its last chunk, or the end of the connection where nothing else delimits it.
    pub(super) is_whole: bool,
}

/// All final responses in `written`, to requests with these methods, and to a last one whose method is not known.
pub(super) fn read<'a>(mut written: &[u8], mut methods: impl Iterator<Item = &'a str>) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !written.is_empty() {
        let end = position(written, b"\r\n\r\n").expect("a head is written whole");
        let (head, rest) = written.split_at(end + 4);
        let head = std::str::from_utf8(head).expect("heads are text");
        written = rest;
        if head.starts_with("HTTP/1.1 1") {
            continue;
        }
        let is_head = methods.next().map_or(rest.is_empty(), |method| method == "HEAD");
        let (answer, length) = body(head, rest, is_head);
        written = &rest[length..];
        answers.push(answer);
    }
    answers
}

/// The body behind `head`, and how many bytes it took.
fn body(head: &str, rest: &[u8], is_head: bool) -> (Answer, usize) {
    let whole = |body: &[u8], length| {
        let answer = Answer {
            body: body.to_vec(),
            is_whole: true,
        };
        (answer, length)
    };
    if is_head {
        whole(&[], 0)
    } else if let Some(length) = field(head, "Content-Length") {
        let length = length.parse().expect("a length is a number");
        whole(&rest[..length], length)
    } else if field(head, "Transfer-Encoding") == Some("chunked") {
        chunks(rest)
    } else {
        assert_eq!(field(head, "Connection"), Some("close"), "nothing else ends it");
        whole(rest, rest.len())
    }
}

fn chunks(written: &[u8]) -> (Answer, usize) {
    let (mut body, mut at) = (Vec::new(), 0);
    while at < written.len() {
        let digits = position(&written[at..], b"\r\n").expect("a size is written whole");
        let size = std::str::from_utf8(&written[at..at + digits]).expect("digits are text");
        let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
        let start = at + digits + 2;
        body.extend_from_slice(&written[start..start + size]);
        at = start + size + 2;
        assert_eq!(
            &written[start + size..at],
            b"\r\n",
            "a chunk ends where its size says"
        );
        if size == 0 {
            return (Answer { body, is_whole: true }, at);
        }
    }
    let is_whole = false;
    (Answer { body, is_whole }, at)
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut values = head
        .split("\r\n")
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let value = values.next();
    assert_eq!(values.next(), None, "{name} is said once");
    value
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
