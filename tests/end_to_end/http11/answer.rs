//! Answers as a strict client reads them (RFC 9112 sections 4 to 7), and what every one of them owes.

/// One final answer, or a 101.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// All answers in `bytes`, without the interim ones. What follows a 101 is left out. The first has no body if it
    /// `is_to_head`.
    pub(super) fn all(bytes: &[u8], is_to_head: bool) -> Result<Vec<Self>, String> {
        let mut answers = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (mut answer, behind) = Self::head(rest)?;
            let is_interim = answer.status < 200;
            let has_body = !(is_interim || answer.status == 204 || is_to_head && answers.is_empty());
            let length = if has_body { answer.length()? } else { 0 };
            if behind.len() < length {
                return Err(format!(
                    "a body of {} bytes, {length} were announced",
                    behind.len()
                ));
            }
            answer.body = behind[..length].to_vec();
            rest = &behind[length..];
            match answer.status {
                101 => rest = &[],
                _ if is_interim => continue,
                _ => {}
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// The head at the front of `bytes`, and what is behind it.
    fn head(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let shown = bytes[..bytes.len().min(60)].escape_ascii();
        let end = find(bytes, b"\r\n\r\n").ok_or_else(|| format!("no end of a head: {shown}"))?;
        let head = str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|line| line.split_once(' '))
            .and_then(|(status, _)| status.parse().ok())
            .ok_or_else(|| format!("no status line: {shown}"))?;
        let fields = lines
            .map(|line| match line.split_once(": ") {
                Some((name, value)) if !name.is_empty() && !line.contains(['\r', '\n']) => {
                    Ok((name.to_ascii_lowercase(), value.to_owned()))
                }
                _ => Err(format!("no field line: {line:?}")),
            })
            .collect::<Result<_, _>>()?;
        let answer = Self {
            status,
            fields,
            body: Vec::new(),
        };
        Ok((answer, &bytes[end + 4..]))
    }

    fn length(&self) -> Result<usize, String> {
        match self.field("content-length").map(str::parse) {
            Some(Ok(length)) => Ok(length),
            found => Err(format!("the {} has no length: {found:?}", self.status)),
        }
    }

    /// The value of a field that is there once.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(own, _)| own == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_sentinel(&self) -> bool {
        self.status == 200 && find(&self.body, super::SENTINEL_ID.as_bytes()).is_some()
    }

    /// What it owes and does not have. `ends` says that the connection ends behind it.
    pub(super) fn flaw(&self, ends: bool) -> Option<&'static str> {
        let has = |name| self.field(name).is_some();
        let says = |name, value: &str| {
            self.field(name)
                .is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        let owed = [
            (
                self.field("date").is_some_and(is_http_date),
                "has no Date (RFC 9110 section 6.6.1)",
            ),
            (
                self.body.is_empty() || has("content-type"),
                "has no Content-Type (RFC 9110 section 8.3)",
            ),
            (
                !has("transfer-encoding"),
                "has a transfer coding (RFC 9112 section 6.1)",
            ),
            (
                self.status != 405 || has("allow"),
                "has no Allow (RFC 9110 section 15.5.6)",
            ),
            (
                self.status != 401 || has("www-authenticate"),
                "has no challenge (RFC 9110 section 15.5.2)",
            ),
            (
                self.status != 426 || says("upgrade", "websocket"),
                "has no Upgrade (RFC 9110 section 15.5.22)",
            ),
            (
                self.status != 426 || says("sec-websocket-version", "13"),
                "has no version (RFC 6455 section 4.4)",
            ),
            (
                self.status == 101 || ends == says("connection", "close"),
                "says otherwise than it does (RFC 9112 section 9.6)",
            ),
            (
                says("x-content-type-options", "nosniff"),
                "may be sniffed (Fetch 3.6)",
            ),
            (
                says("cache-control", "no-store"),
                "may be stored (RFC 9111 section 5.2.2.5)",
            ),
        ];
        owed.into_iter()
            .find(|(is_paid, _)| !is_paid)
            .map(|(_, flaw)| flaw)
    }
}

/// Where `part` first stands in `bytes`.
pub(super) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
fn is_http_date(text: &str) -> bool {
    let pattern = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    let fits = |(character, sample): (char, char)| match sample {
        '0' => character.is_ascii_digit(),
        'A' => character.is_ascii_uppercase(),
        'a' => character.is_ascii_lowercase(),
        fixed => character == fixed,
    };
    text.len() == pattern.len() && text.chars().zip(pattern.chars()).all(fits)
}
