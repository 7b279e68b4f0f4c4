//! Inputs made of a corpus: a file, changed at a few places. The same seed makes the same input.

use snowflake_mcp::entropy::SeededEntropy;

pub(crate) struct Mutator<'a> {
    chance: SeededEntropy,
    bases: &'a [Vec<u8>],
    tokens: &'a [&'a str],
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(seed: u64, bases: &'a [Vec<u8>], tokens: &'a [&'a str]) -> Self {
        // Neighbouring seeds of SplitMix64 are one step apart: without this, so would be the inputs of two runs.
        let chance = SeededEntropy::new(SeededEntropy::new(seed).next_u64());
        Self {
            chance,
            bases,
            tokens,
        }
    }

    pub(crate) fn input(&mut self) -> Vec<u8> {
        let mut bytes = self.base().to_vec();
        // Mostly few changes: what is broken early hides what comes behind it.
        for _ in 0..1 + self.below(2) * self.below(6) {
            self.change(&mut bytes);
        }
        bytes.truncate(BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let end = (at + 1 + self.below(16)).min(bytes.len());
        match self.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = TELLING[self.below(TELLING.len())],
            2 => drop(bytes.drain(at.min(end)..end)),
            3 => {
                let piece = bytes[at.min(end)..end].to_vec();
                for _ in 0..=self.below(3) {
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
            4 => bytes.truncate(at),
            5 => {
                // The beginning of one file and the end of another.
                let other = self.base();
                let from = self.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
            _ => {
                let token = self.tokens[self.below(self.tokens.len())];
                bytes.splice(at..at, token.bytes());
            }
        }
    }

    fn base(&mut self) -> &'a [u8] {
        &self.bases[self.below(self.bases.len())]
    }

    fn below(&mut self, bound: usize) -> usize {
        self.chance.below(bound as u64) as usize
    }
}

/// What means something to the reader behind a target.
pub(crate) fn tokens(target: &str) -> &'static [&'static str] {
    match target {
        "answer" => ANSWER,
        "cell" => CELL,
        "chunked" => CHUNKED,
        "guard" | "engine" => SQL,
        "http" => HTTP,
        "proxy" => PROXY,
        "rpc" => RPC,
        "settings" => SETTINGS,
        "token" => TOKEN,
        "websocket" => WEBSOCKET,
        other => panic!("no tokens for {other}"),
    }
}

const BYTES_MAX: usize = 4 << 10;
const TELLING: &[u8] = b"\r\n\t :;,.\"'\\/*-+=$@[]{}()<>#%09afx\0\x01\x7f\x80\xc2\xff";

const PROXY: &[&str] = &[
    "PROXY ",
    "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n",
    "TCP6 ",
    "UNKNOWN",
    "\r\n",
    "\r\n\r\n\0\r\nQUIT\n",
    "\x21\x11\x00\x0c",
    "\x20\x00\x00\x00",
    "203.0.113.7",
    "10.0.0.2",
    "[2001:db8::1]:80",
    "::ffff:10.0.0.2",
    "for=",
    ";proto=https",
    "for=\"",
    "\", ",
    ", for=unknown",
];

const HTTP: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Host: a\r\n",
    "Host: [::1]:80\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Connection: upgrade\r\nUpgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/1.0",
    "HTTP/1.1",
    "HTTP/2.0",
    "http://b/c?d",
    "/s",
    "/o",
    "/a",
    "OPTIONS *",
    "CONNECT a:1",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    "ffffffffffffffff\r\n",
    ";x=\"y\"",
    " ",
    "\t",
];
const TOKEN: &[&str] = &["AAAA", "EA", "ER", "-_", "=", "\u{1}", "\u{7f}", "\0"];
const CHUNKED: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "0\r\n\r\n",
    "00000000000000000\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "1\r\nx\r\n",
    "A\r\n",
    "0xa\r\n",
    "-1\r\n",
    "+1\r\n",
    "8000000000000000\r\n",
    "ffffffffffffffff\r\n",
    ";a=\"b\"",
    ";a=\"\r\n\"",
    "; ",
    " ;",
    "\t",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];
const WEBSOCKET: &[&str] = &[
    "\u{1}\0\0\0\0",
    "\u{2}",
    "\n",
    "\t",
    "\0",
    "\u{7f}",
    "~",
    "~\u{1}\0",
    "\0\0\0\0\0\0\0\0",
    "abcd",
    "\u{3}",
    "€",
];
const RPC: &[&str] = &[
    "\"jsonrpc\":\"2.0\",",
    "\"id\":1,",
    "\"id\":null,",
    "\"id\":1e400,",
    "\"id\":\"\\ud800\",",
    "\"method\":\"ping\",",
    "\"method\":\"tools/call\",",
    "\"params\":{},",
    "\"params\":[],",
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}},",
    "\"method\":\"resources/read\",",
    "\"method\":\"prompts/get\",",
    "\"method\":\"completion/complete\",",
    "\"method\":\"subscriptions/listen\",",
    "\"uri\":\"snowflake://a/%22b%22/c\",",
    "\"cursor\":\"AAAA\",",
    "\"requestState\":\"AAAA\",",
    "\"inputResponses\":{},",
    "\"notifications\":{\"resourceSubscriptions\":[\"a\"]},",
    "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"profile_view\"},",
    "\"argument\":{\"name\":\"schema\",\"value\":\"a%_'\"},",
    "\"context\":{\"arguments\":{\"database\":\"d\"}},",
    "%2",
    "\"name\":\"execute_query\",",
    "\"arguments\":{\"query\":\"select 1\"},",
    "\"limit\":-1,",
    "\"limit\":1e3,",
    "\"type\":\"call\",",
    "null",
    "true",
    "[[[[",
    "{\"a\":",
    "\\u0000",
    "\\n",
    "}",
    "]",
];
const SQL: &[&str] = &[
    " select ",
    " from t ",
    " where ",
    " with x as (select 1) ",
    " union all ",
    " drop table t ",
    " delete from t ",
    " insert into t ",
    " update t set a=1 ",
    " call p() ",
    " into ",
    " for update ",
    "explain ",
    "show tables ",
    "describe table t ",
    " ->> ",
    ";",
    "'",
    "''",
    "\\'",
    "\"",
    "$$",
    "$a$",
    "--",
    "//",
    "/*",
    "*/",
    "(",
    ")",
    "\u{a0}",
    "\u{2028}",
    "\u{85}",
    "@s/p",
    "system$wait(1)",
    "nextval",
    "identifier('t')",
    "result_scan(last_query_id())",
    "::date",
    " over (partition by 1 order by 2) ",
    " is null ",
    " count(*) ",
    " limit 1 ",
    "interval '1 day'",
    "9223372036854775808",
    "1e400",
];
const ANSWER: &[&str] = &[
    "\"resultSetMetaData\":{\"numRows\":1,\"rowType\":[{\"name\":\"A\",\"type\":\"fixed\"}]},",
    "\"data\":[[\"1\"]],",
    "\"data\":null,",
    "\"data\":[],",
    "\"rowType\":[],",
    "\"partitionInfo\":[{\"rowCount\":1},{\"rowCount\":2}],",
    "\"numRows\":18446744073709551615,",
    "\"numRows\":-1,",
    "\"type\":\"timestamp_tz\",",
    "\"type\":\"variant\",",
    "\"scale\":9,",
    "null",
    "[null]",
    "[[]]",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "undefined",
    "1e999",
    "{\"a\":[{}]}",
];
const CELL: &[&str] = &[
    "0",
    "-",
    "+",
    ".",
    "9",
    "e5",
    "E-400",
    "e400",
    "inf",
    "NaN",
    " 1440",
    " 2880",
    "9223372036854775807",
    "-9223372036854775808",
    "253402300799",
    ".999999999",
    "86400",
    "true",
    "undefined",
    "\"",
    "\\\"",
    "[",
    "]",
    "{\"a\":",
    "}",
    "null",
    ",",
    " \n",
];
const SETTINGS: &[&str] = &[
    "\nAPI_KEYS=0123456789abcdef",
    "\nSNOWFLAKE_ACCOUNT=org-acct",
    "\nSNOWFLAKE_USER=ann",
    "\nSNOWFLAKE_TOKEN=a token",
    "\nSNOWFLAKE_PASSWORD=b",
    "\nSNOWFLAKE_PRIVATE_KEY=c",
    "\nSNOWFLAKE_PRIVATE_KEY_PASSPHRASE=d",
    "\nSNOWFLAKE_PROTOCOL=http",
    "\nSNOWFLAKE_HOST=localhost",
    "\nSNOWFLAKE_PORT=0",
    "\nSNOWFLAKE_AUTHENTICATOR=OAUTH",
    "\nMCP_HTTP_HOST=::",
    "\nMCP_HTTP_PORT=70000",
    "\nMCP_SERVER_PORT=tcp://1.2.3.4:5",
    "\nLOG_LEVEL=loud",
    "=",
    "'",
    "\"",
    "${HOME}",
    "$",
    "export ",
    "#",
    "4GiB",
    "18446744073709551616",
    "-1",
    "1e9",
    "*",
    ",",
    "\\n",
];
