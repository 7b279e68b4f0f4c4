//! What peers receive: the smallest readers of HTTP responses, frames and lines that notice what should not be.

/// Something complete that the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// An HTTP response and its `Date`.
    Response {
        status: u16,
        date: String,
        body: Vec<u8>,
    },
    /// A text message or a line.
    Message(Vec<u8>),
    /// A WebSocket ping with its payload.
    Ping(Vec<u8>),
    /// A WebSocket close with its code.
    Close(Option<u16>),
    /// A WebSocket pong.
    Pong,
}

/// The next HTTP response at the start of `bytes`, with its length.
pub(crate) fn response(bytes: &[u8]) -> Result<Option<(Reply, usize)>, String> {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| "a head that is no text".to_owned())?;
    let mut lines = head.split("\r\n");
    let date = lines.clone().find_map(|line| line.strip_prefix("Date: "));
    let date = date.ok_or_else(|| format!("no date: {head:?}"))?.to_owned();
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|status| status.parse::<u16>().ok())
        .ok_or_else(|| format!("no status line: {head:?}"))?;
    if head.contains("\r\nTransfer-Encoding: chunked") {
        let Some((text, length)) = chunks(&bytes[head_end + 4..])? else {
            return Ok(None);
        };
        let body = last_event(&text)?;
        let reply = Reply::Response { status, date, body };
        return Ok(Some((reply, head_end + 4 + length)));
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse::<usize>());
    let length = match length {
        Some(length) => length.map_err(|_| format!("a bad length: {head:?}"))?,
        None if matches!(status, 101 | 204 | 304) => 0,
        None => return Err(format!("a response without a length: {head:?}")),
    };
    let end = head_end + 4 + length;
    if bytes.len() < end {
        return Ok(None);
    }
    let body = bytes[head_end + 4..end].to_vec();
    Ok(Some((Reply::Response { status, date, body }, end)))
}

/// A chunked body, whole, with the bytes that it takes.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut text, mut at) = (Vec::new(), 0);
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&bytes[at..at + line_end]).unwrap_or("no text");
        let size = usize::from_str_radix(size, 16).map_err(|_| format!("a bad chunk size: {size:?}"))?;
        let start = at + line_end + 2;
        let Some(chunk) = bytes.get(start..start + size + 2) else {
            return Ok(None);
        };
        let (chunk, end) = chunk.split_at(size);
        if end != b"\r\n" {
            return Err("a chunk that does not end".to_owned());
        }
        at = start + size + 2;
        if size == 0 {
            return Ok(Some((text, at)));
        }
        text.extend_from_slice(chunk);
    }
}

/// The data of the last event of a stream: the reply. What stands before it is notices and comments.
fn last_event(text: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "a stream that is no text".to_owned())?;
    let data = text.lines().rev().find_map(|line| line.strip_prefix("data: "));
    match data {
        Some(data) if text.ends_with("\n\n") => Ok(data.as_bytes().to_vec()),
        _ => Err(format!("a stream that ends without a reply: {text:?}")),
    }
}

/// The next line.
pub(crate) fn line(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = find(bytes, b"\n")?;
    Some((Reply::Message(bytes[..end].to_vec()), end + 1))
}

/// A WebSocket message on its way in.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    open: Option<Vec<u8>>,
}

impl Frames {
    /// The next frame: `Some((None, n))` for a part of a message.
    #[allow(clippy::type_complexity)]
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<(Option<Reply>, usize)>, String> {
        let &[first, second, ..] = bytes else {
            return Ok(None);
        };
        if second & 0x80 != 0 {
            return Err("the server masks a frame".to_owned());
        }
        let (head, length) = match second {
            126 => match bytes.get(2..4) {
                Some(length) => (4, usize::from(u16::from_be_bytes([length[0], length[1]]))),
                None => return Ok(None),
            },
            127 => match bytes
                .get(2..10)
                .and_then(|length| <[u8; 8]>::try_from(length).ok())
            {
                Some(length) => (10, u64::from_be_bytes(length) as usize),
                None => return Ok(None),
            },
            short => (2, usize::from(short)),
        };
        let Some(payload) = bytes.get(head..head + length) else {
            return Ok(None);
        };
        let reply = self.on_frame(first, payload)?;
        Ok(Some((reply, head + length)))
    }

    fn on_frame(&mut self, first: u8, payload: &[u8]) -> Result<Option<Reply>, String> {
        let is_last = first & 0x80 != 0;
        match (first & 0x0f, &mut self.open) {
            (0x1, None) if is_last => Ok(Some(Reply::Message(payload.to_vec()))),
            (0x1, open @ None) => {
                *open = Some(payload.to_vec());
                Ok(None)
            }
            (0x0, Some(open)) => {
                open.extend_from_slice(payload);
                Ok(is_last.then(|| self.open.take()).flatten().map(Reply::Message))
            }
            (0x8, _) => {
                let code = payload
                    .get(..2)
                    .map(|code| u16::from_be_bytes([code[0], code[1]]));
                Ok(Some(Reply::Close(code)))
            }
            (0x9, _) => Ok(Some(Reply::Ping(payload.to_vec()))),
            (0xa, _) => Ok(Some(Reply::Pong)),
            (opcode, _) => Err(format!("a frame out of order, opcode {opcode:#x}")),
        }
    }
}

/// Where `needle` begins.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
