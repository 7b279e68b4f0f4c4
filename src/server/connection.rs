//! A connection of the server: one of three codecs, and what the server remembers beside it.
//!
//! The codecs are an enum, not a trait object: a fourth one must show itself in every `match` that has to think of it.

use std::time::Duration;

use super::access::Caller;
use super::addresses::Origin;
use super::batches::Batches;
use super::memory::Share;
use super::streams::StreamKey;
use crate::ident::{ClientLabel, ConnectionId, JobId};
use crate::limits::Limits;
use crate::mcp::{Abilities, Level, Listen, Revision};
use crate::time::Instant;
use crate::wire::buffer::Outbox;
use crate::wire::http::HttpConnection;
use crate::wire::lease::FREE_BYTES_EACH;
use crate::wire::lines::LineConnection;
use crate::wire::spares::Spares;
use crate::wire::websocket::WebSocketConnection;
use crate::wire::{CloseReason, Lifecycle, Serving};

/// The codec of a connection.
#[derive(Debug)]
pub(super) enum Codec {
    Http(HttpConnection),
    WebSocket(WebSocketConnection),
    Lines(LineConnection),
}

impl Codec {
    pub(super) fn room(&mut self, limits: &Limits) -> &mut [u8] {
        match self {
            Self::Http(http) => http.room(limits),
            Self::WebSocket(socket) => socket.room(limits),
            Self::Lines(lines) => lines.room(limits),
        }
    }

    pub(super) fn received(&mut self, count: usize, now: Instant) {
        match self {
            Self::Http(http) => http.received(count, now),
            Self::WebSocket(socket) => socket.received(count, now),
            Self::Lines(lines) => lines.received(count),
        }
    }

    pub(super) fn on_end(&mut self) {
        match self {
            Self::Http(http) => http.on_end(),
            Self::WebSocket(socket) => socket.on_end(),
            Self::Lines(lines) => lines.on_end(),
        }
    }

    pub(super) fn outbox(&self) -> &Outbox {
        match self {
            Self::Http(http) => http.outbox(),
            Self::WebSocket(socket) => socket.outbox(),
            Self::Lines(lines) => lines.outbox(),
        }
    }

    /// Returns a large piece that is written whole.
    pub(super) fn sent(&mut self, count: usize, now: Instant) -> Option<Vec<u8>> {
        match self {
            Self::Http(http) => http.sent(count, now),
            Self::WebSocket(socket) => socket.sent(count, now),
            Self::Lines(lines) => lines.sent(count),
        }
    }

    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        match self {
            Self::Http(http) => http.deadline(limits),
            Self::WebSocket(socket) => socket.deadline(limits),
            // The peer of stdio started us and ends us; there is nobody to protect from its silence.
            Self::Lines(_) => None,
        }
    }

    pub(super) fn on_deadline(&mut self, serving: &Serving<'_>) {
        match self {
            Self::Http(http) => http.on_deadline(serving),
            Self::WebSocket(socket) => socket.on_deadline(serving),
            Self::Lines(_) => {}
        }
    }

    pub(super) fn lifecycle(&self) -> Lifecycle {
        match self {
            Self::Http(http) => http.lifecycle(),
            Self::WebSocket(socket) => socket.lifecycle(),
            Self::Lines(lines) => lines.lifecycle(),
        }
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Http(http) => http.close_reason(),
            Self::WebSocket(socket) => socket.close_reason(),
            Self::Lines(_) => None,
        }
    }

    /// Whether serving it would lead to nothing, as after the last byte of an answer.
    pub(super) fn is_at_rest(&self) -> bool {
        match self {
            Self::Http(http) => http.is_at_rest(),
            Self::WebSocket(socket) => socket.is_at_rest(),
            Self::Lines(_) => false,
        }
    }

    /// Memory that is held for what the peer sends, beyond what each connection has of its own.
    pub(super) fn leased_bytes(&self, limits: &Limits) -> usize {
        match self {
            Self::Http(http) => http.leased_bytes(limits),
            Self::WebSocket(socket) => socket.leased_bytes(limits),
            Self::Lines(lines) => lines.leased_bytes(limits),
        }
    }

    /// Bytes that are held for the peer to take.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Http(http) => http.held_bytes(),
            Self::WebSocket(socket) => socket.outbox().held_bytes(),
            Self::Lines(lines) => lines.outbox().held_bytes(),
        }
    }

    /// Takes memory for bytes that are about to come or go.
    pub(super) fn equip(&mut self, spares: &mut Spares) {
        match self {
            Self::Http(http) => http.equip(spares),
            Self::WebSocket(socket) => socket.equip(spares),
            // There is only one, and it keeps what it has.
            Self::Lines(_) => {}
        }
    }

    /// Leaves memory that nothing is in to others.
    pub(super) fn unequip(&mut self, spares: &mut Spares) {
        match self {
            Self::Http(http) => http.unequip(spares),
            Self::WebSocket(socket) => socket.unequip(spares),
            Self::Lines(_) => {}
        }
    }

    fn rest(&mut self) {
        match self {
            Self::Http(http) => http.rest(),
            Self::WebSocket(socket) => socket.rest(),
            Self::Lines(lines) => lines.rest(),
        }
    }
}

/// What a connection of messages speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The first message decides.
    Undecided,
    /// JSON-RPC, one message a frame or line.
    JsonRpc,
    /// The envelope of the program that this one replaces.
    Envelope,
}

/// Whether the next request of a connection waits until it is known whether it may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    No,
    Waits,
    /// It has waited, and is looked at once more.
    Released,
}

/// What the server remembers of a connection beside its codec.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) id: ConnectionId,
    /// Where it comes from.
    pub(super) origin: Origin,
    pub(super) dialect: Dialect,
    /// What the client says it is, where the audit log wants to know.
    pub(super) client: Box<str>,
    /// Who opened the WebSocket or the stream that carries messages.
    pub(super) caller: Caller,
    /// Who its peer is by its certificate (TLS).
    pub(super) certificate: Caller,
    /// Whether its next request waits to be judged (HTTP).
    pub(super) held: Held,
    /// Jobs whose replies are waited for here.
    pub(super) jobs: Vec<JobId>,
    /// Batches whose replies are gathered here.
    pub(super) batches: Batches,
    /// Streams that are open here.
    pub(super) streams: Vec<StreamKey>,
    /// The one of them that carries messages (HTTP+SSE).
    pub(super) channel: Option<StreamKey>,
    /// What its client has said for all messages that follow (connections of messages).
    pub(super) said: Option<Box<Said>>,
}

/// What the client of a connection of messages has said for all that follow. Apart, because most connections have nothing
/// of it, and thousands are idle.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What `initialize` negotiated.
    pub(super) negotiated: Option<Revision>,
    /// What `logging/setLevel` asked for.
    pub(super) log_level: Option<Level>,
    /// Subscriptions of `subscriptions/listen`.
    pub(super) listens: Vec<Listen>,
    /// URIs of `resources/subscribe`.
    pub(super) subscriptions: Vec<Box<str>>,
    /// What the client said in `initialize` that it can be asked for.
    pub(super) abilities: Abilities,
    /// What the client called itself in `initialize`.
    pub(super) client_label: ClientLabel,
}

impl Talk {
    /// What `initialize` said here: the revision, what the client can be asked for, and what it calls itself.
    pub(super) fn introduction(&self) -> (Option<Revision>, Abilities, ClientLabel) {
        let said = self.said.as_ref();
        said.map_or_else(Default::default, |said| {
            (said.negotiated, said.abilities, said.client_label)
        })
    }

    /// What `logging/setLevel` asked for here.
    pub(super) fn log_level(&self) -> Option<Level> {
        self.said.as_ref()?.log_level
    }

    /// Subscriptions of `subscriptions/listen` here.
    pub(super) fn listens(&self) -> &[Listen] {
        self.said.as_ref().map_or(&[], |said| &said.listens)
    }

    /// What the client has said here, to be changed.
    pub(super) fn said_mut(&mut self) -> &mut Said {
        self.said.get_or_insert_default()
    }

    /// What the client says it is: kept for the audit log, as far as it fits.
    pub(super) fn note_client(&mut self, said: Option<&[u8]>) {
        let said = said.unwrap_or_default();
        let said = &said[..said.len().min(CLIENT_BYTES_MAX)];
        if self.client.as_bytes() != said {
            self.client = String::from_utf8_lossy(said).into();
        }
    }
}

/// What is kept of a client's name for itself. Halved, browsers' are cut before they say anything.
const CLIENT_BYTES_MAX: usize = 120;

/// A connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) codec: Codec,
    pub(super) talk: Talk,
    /// What it has in the sums of all connections.
    pub(super) share: Share,
    /// It is one more than may be open, and is only told so.
    pub(super) is_turned_away: bool,
    /// The deadline in the timers, if there is one. It may be earlier than the codec's.
    pub(super) timer: Option<Instant>,
    /// Whether a flush was said and not taken yet.
    pub(super) flush_said: bool,
    /// Whether the end of writing was said.
    pub(super) shutdown_said: bool,
    /// When bytes last moved; `None` once its buffers were given back.
    active_at: Option<Instant>,
}

/// How long a connection keeps its buffers after its last byte. Short, because thousands may idle; long enough that
/// a busy one never allocates.
const REST_AFTER: Duration = Duration::from_secs(2);

impl Entry {
    pub(super) fn new(id: ConnectionId, codec: Codec, now: Instant) -> Self {
        let talk = Talk {
            id,
            origin: Origin::default(),
            dialect: Dialect::Undecided,
            client: Box::default(),
            caller: None,
            certificate: None,
            held: Held::No,
            jobs: Vec::new(),
            batches: Batches::default(),
            streams: Vec::new(),
            channel: None,
            said: None,
        };
        Self {
            codec,
            talk,
            share: Share::default(),
            is_turned_away: false,
            timer: None,
            flush_said: false,
            shutdown_said: false,
            active_at: Some(now),
        }
    }

    /// Whether messages can be sent here without having been asked for.
    pub(super) fn takes_messages(&self) -> bool {
        match self.codec {
            Codec::WebSocket(_) | Codec::Lines(_) => true,
            Codec::Http(_) => self.talk.channel.is_some(),
        }
    }

    /// Bytes that are held for the peer to take, or until there are all replies of its batches.
    pub(super) fn held_bytes(&self) -> usize {
        self.codec.held_bytes() + self.talk.batches.bytes()
    }

    /// Whether it holds, or has been counted as holding, more than each connection may by itself.
    pub(super) fn has_share(&self, limits: &Limits) -> bool {
        self.codec.leased_bytes(limits) > 0 || self.held_bytes() > FREE_BYTES_EACH || !self.share.is_empty()
    }

    pub(super) fn on_activity(&mut self, now: Instant) {
        self.active_at = Some(now);
    }

    /// The next moment at which this connection must be looked at.
    pub(super) fn wake_at(&self, limits: &Limits) -> Option<Instant> {
        let rest = self.active_at.map(|at| at + REST_AFTER);
        Instant::earlier(rest, self.codec.deadline(limits))
    }

    /// Its timer has fired: gives memory back, and tells the codec if its deadline has come.
    pub(super) fn on_timer(&mut self, serving: &Serving<'_>) {
        if self.active_at.is_some_and(|at| at + REST_AFTER <= serving.now) {
            self.codec.rest();
            self.talk.jobs.shrink_to_fit();
            self.active_at = None;
        }
        if self
            .codec
            .deadline(serving.limits)
            .is_some_and(|deadline| deadline <= serving.now)
        {
            self.codec.on_deadline(serving);
        }
    }
}
