//! Legacy sessions (revisions up to 2025-11-25): the id is a token that carries what was negotiated, so that most
//! sessions cost no memory, and a replica with the same key, or this server after a restart, goes on with them.
//!
//! | what | where it is |
//! |---|---|
//! | revision, abilities and name of the client, principal, birth | in the id ([`Session`], signed: `token`) |
//! | log level, subscriptions, questions that wait for an answer, streams and what was said on them | [`Sessions`], bounded, ends by itself |
//! | ids that were ended before their time | [`Sessions`], on this replica only |
//!
//! So another replica answers calls of a session at once; its client sets the log level and subscribes there again.
//!
//! Pure: the time comes in with every call, connections and jobs are names that mean nothing here. Knows no header and
//! no status line but the numbers of the statuses.

mod ended;
mod event;
mod remembered;
mod sessions;

use std::fmt;
use std::time::Duration;

use super::{Abilities, Field, Keys, Revision};
use crate::entropy::Entropy;
use crate::ident::ClientLabel;
use crate::rpc;
use crate::time::WallTime;
use crate::token::pack::{Pack, Unpack};
use crate::token::{Fault, Purpose, Validity};

pub use event::{EventId, Kind, StreamId};
pub use sessions::{Freed, Full, Resumed, Sessions, Stream};

/// What tells sessions apart: 128 random bits. Printed as its first 32, so that a log names sessions and opens none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// Its bits: who knows them cannot make the token that opens the session.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(formatter, "s{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A legacy session, as its id says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Which one.
    pub id: SessionId,
    /// What is spoken in it.
    pub revision: Revision,
    /// What its client can be asked for.
    pub abilities: Abilities,
    /// What its client calls itself.
    pub client: ClientLabel,
    /// From when to when it lives.
    pub validity: Validity,
}

impl Session {
    /// A session that begins now. Revisions without sessions may have one too: HTTP+SSE names its streams so.
    pub fn begin(
        entropy: &mut dyn Entropy,
        negotiated: (Revision, Abilities, ClientLabel),
        now: WallTime,
        lifetime: Duration,
    ) -> Self {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        let (revision, abilities, client) = negotiated;
        Self {
            id: SessionId(id),
            revision,
            abilities,
            client,
            // What a token says of time are whole seconds.
            validity: Validity {
                born: WallTime::from_micros(now.as_seconds() * 1_000_000),
                lifetime: Duration::from_secs(lifetime.as_secs()),
            },
        }
    }

    /// The id that the client gets: visible ASCII, 60 to 150 characters.
    pub fn seal(&self, keys: &Keys, principal: &[u8]) -> String {
        let mut pack = Pack::new();
        pack.number(date(self.revision)).byte(bits(self.abilities));
        pack.fixed(&self.id.0);
        if !self.client.as_str().is_empty() {
            pack.text(self.client.as_str());
        }
        keys.seal(Purpose::Session, pack.as_bytes(), principal, self.validity)
    }

    /// The session that `text` is the id of.
    ///
    /// # Errors
    /// [`Fault`]; a revision that this server does not have is [`Fault::Malformed`].
    pub fn open(keys: &Keys, text: &[u8], principal: &[u8], now: WallTime) -> Result<Self, Fault> {
        let opened = keys.open(Purpose::Session, text, principal, now)?;
        let mut unpack = Unpack::new(&opened.payload);
        let mut read = || {
            let date = unpack.number()?;
            let revision = Revision::ALL
                .into_iter()
                .find(|other| self::date(*other) == date)?;
            let abilities = abilities(unpack.byte()?)?;
            let id = SessionId(unpack.fixed()?);
            // Nothing more follows for a client that did not say.
            let client = match unpack.rest() {
                [] => ClientLabel::default(),
                _ => ClientLabel::of_text(unpack.text().filter(|text| !text.is_empty())?),
            };
            unpack.end()?;
            Some(Self {
                id,
                revision,
                abilities,
                client,
                validity: opened.validity,
            })
        };
        read().ok_or(Fault::Malformed)
    }
}

/// The date of a revision as a number (20251125): it stays what it is when revisions come and go.
fn date(revision: Revision) -> u64 {
    let digits = revision.as_str().bytes().filter(u8::is_ascii_digit);
    digits.fold(0, |date, digit| date * 10 + u64::from(digit - b'0'))
}

const ELICITATION: u8 = 1;
const SAMPLING: u8 = 2;
const ROOTS: u8 = 4;

fn bits(abilities: Abilities) -> u8 {
    let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    bit(abilities.elicitation, ELICITATION) | bit(abilities.sampling, SAMPLING) | bit(abilities.roots, ROOTS)
}

/// `None` for bits of a later version, whose meaning nobody here knows.
fn abilities(bits: u8) -> Option<Abilities> {
    let is_known = bits & !(ELICITATION | SAMPLING | ROOTS) == 0;
    is_known.then_some(Abilities {
        elicitation: bits & ELICITATION != 0,
        sampling: bits & SAMPLING != 0,
        roots: bits & ROOTS != 0,
    })
}

/// Whether something can be done without a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// No: there would be nothing to do it to. GET and DELETE, and resuming, are so.
    Required,
    /// Yes. An id that is there must be good all the same.
    Optional,
}

impl Need {
    /// What the legacy `method` needs. Stateless clients and load generators send calls without a session, and nothing
    /// is lost by answering them; what would change a session has none to change.
    pub fn of_method(method: &str) -> Self {
        match method {
            "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => Self::Required,
            _ => Self::Optional,
        }
    }

    /// The session that the header field names, as far as its text goes; [`Sessions::admit`] asks further whether it
    /// was ended.
    ///
    /// # Errors
    /// [`Refusal`].
    fn meet(
        self,
        keys: &Keys,
        header: Field<'_>,
        principal: &[u8],
        now: WallTime,
    ) -> Result<Option<Session>, Refusal> {
        match (header, self) {
            (Field::Absent, Self::Optional) => Ok(None),
            (Field::Absent, Self::Required) => Err(Refusal::Missing),
            (Field::Repeated, _) => Err(Refusal::Repeated),
            (Field::Once(text), _) => match Session::open(keys, text, principal, now) {
                Ok(session) => Ok(Some(session)),
                Err(Fault::Expired) => Err(Refusal::Expired),
                // Whose session it is, is nobody else's business.
                Err(Fault::Malformed | Fault::Forged | Fault::OtherPrincipal) => Err(Refusal::Unknown),
            },
        }
    }
}

/// Why a request is not served in the session that it names. The client of a 404 begins a new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It names none, and needs one.
    Missing,
    /// It names more than one.
    Repeated,
    /// Not a session of this client.
    Unknown,
    /// It lived its time.
    Expired,
    /// It was ended.
    Ended,
    /// Its GET stream is open already.
    Occupied,
    /// What came on the stream after the last event is not kept any more, or never was.
    StreamGone,
    /// There is no room to remember anything for it.
    Full,
}

impl Refusal {
    /// The status of the HTTP answer.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Missing | Self::Repeated | Self::StreamGone => 400,
            Self::Unknown | Self::Expired | Self::Ended => 404,
            Self::Occupied => 409,
            Self::Full => 503,
        }
    }

    /// The error in its body.
    pub fn error(self) -> rpc::Error {
        let reason = match self {
            Self::Missing => "Mcp-Session-Id is missing, send the one that initialize answered with",
            Self::Repeated => "Mcp-Session-Id occurs twice",
            // Clients know these words.
            Self::Unknown | Self::Expired | Self::Ended => "Session not found",
            Self::Occupied => "the stream of this session is open already",
            Self::StreamGone => "what followed this event is not kept any more",
            Self::Full => "too many sessions are remembered, try again later",
        };
        rpc::Error {
            code: if self == Self::Full {
                rpc::error::INTERNAL_ERROR
            } else {
                rpc::error::INVALID_REQUEST
            },
            message: reason.to_owned(),
            data: None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "no session is named",
            Self::Repeated => "two sessions are named",
            Self::Unknown => "not a session of this client",
            Self::Expired => "the session is over its lifetime",
            Self::Ended => "the session was ended",
            Self::Occupied => "the stream of the session is open already",
            Self::StreamGone => "the stream cannot be resumed",
            Self::Full => "no room for another session",
        })
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
