//! HTTP/1.1 as a state machine over bytes (RFC 9110, RFC 9112).
//!
//! [`HttpConnection`] is the server's side of one connection: bytes in, whole requests out; responses in, bytes out.
//! It keeps responses, whole ones and streams, in the order of requests, keeps connections alive, collects bodies,
//! answers by itself whatever is no HTTP or breaks a bound, and keeps the time of slow peers. It does not know which
//! methods, paths and media types are served, who may ask, and what a WebSocket is.
//!
//! Kept so that a request that is answered at once allocates nothing: the request is a view into the inbox, the
//! offsets of its fields and the buffers are used again, and [`HttpConnection::rest`] gives them back when the
//! connection has been quiet for a while.
//!
//! ```
//! use snowflake_mcp::limits::Limits;
//! use snowflake_mcp::time::Instant;
//! use snowflake_mcp::wire::Serving;
//! use snowflake_mcp::wire::buffer::Piece;
//! use snowflake_mcp::wire::http::{HttpConnection, Next, Response};
//!
//! let limits = Limits::default();
//! let serving = Serving { limits: &limits, now: Instant::ZERO, common_headers: b"" };
//! let mut connection = HttpConnection::new(serving.now);
//!
//! let bytes = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
//! connection.room(&limits)[..bytes.len()].copy_from_slice(bytes);
//! connection.received(bytes.len(), serving.now);
//! while let Next::Request(request, responder) = connection.next(&serving) {
//!     assert_eq!(request.path(), "/health");
//!     responder.respond(Response {
//!         status: 200,
//!         content_type: Some("text/plain"),
//!         headers: &[],
//!         body: &mut [Piece::Borrowed(b"fine")],
//!         close: false,
//!     });
//! }
//! assert!(connection.outbox().to_vec().ends_with(b"\r\n\r\nfine"));
//! ```

mod body;
mod deadlines;
mod error;
pub mod forwarded;
mod framing;
mod head;
mod host;
mod pipeline;
mod refusal;
mod request;
mod request_line;
mod responder;
mod response;
mod scratch;
mod state;
mod stream;

pub use error::Error;
pub use pipeline::Ticket;
pub use refusal::refusal_body;
pub use request::Request;
pub use request_line::Version;
pub use responder::Responder;
pub use response::Response;
pub use scratch::Scratch;
pub use stream::{Pushed, StreamHead};

use body::{Collector, Whole};
use head::{RequestHead, Scan, Scanned};
use pipeline::{Given, Pipeline, Slot};
use response::Connection;
use state::State;

use std::fmt;

use super::buffer::{Inbox, Outbox, Piece};
use super::lease::FREE_BYTES_EACH;
use super::pace::Pace;
use super::{CloseReason, Lifecycle, Serving};
use crate::limits::Limits;
use crate::time::Instant;

/// The server's side of one HTTP/1.1 connection.
///
/// After each call that may have changed something ([`received`](Self::received), [`on_end`](Self::on_end),
/// [`answer`](Self::answer), [`end_stream`](Self::end_stream), [`sent`](Self::sent)) call [`next`](Self::next) until it
/// says [`Next::NeedMore`]: requests may wait in the inbox for a free place in the pipeline or in the outbox.
pub struct HttpConnection {
    inbox: Inbox,
    /// The head of the current request. Valid in `State::Body`, `State::Held` and while a request is lent; between two
    /// requests others have it ([`Scratch`]).
    head: Option<Box<RequestHead>>,
    state: State,
    pipeline: Pipeline,
    /// The peer sent FIN. Beside the state, because requests that came before it are still taken and answered.
    has_ended: bool,
    /// The peer said with its last request that no other follows.
    has_promised_end: bool,
}

/// What [`HttpConnection::next`] found.
#[derive(Debug)]
pub enum Next<'a> {
    /// A whole request, and the way to answer it.
    Request(Request<'a>, Responder<'a>),
    /// Nothing to do until more bytes come, a response is given, or bytes are sent.
    NeedMore,
    /// A fault. It is answered already and the connection ends with that answer: count it, log it.
    Failed(Error),
}

impl HttpConnection {
    /// A connection that was accepted at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            inbox: Inbox::default(),
            head: None,
            state: State::waiting(now),
            pipeline: Pipeline::new(now),
            has_ended: false,
            has_promised_end: false,
        }
    }

    /// Room for the next read. Empty: do not read now, because as many requests wait for their response as may
    /// (`pipeline_max`), or as many bytes for the peer (`outbox_bytes_max`). While a stream is open there is room for
    /// one more request whatever waits, so that the end of its reader is seen ([`is_streaming`](Self::is_streaming)).
    pub fn room(&mut self, limits: &Limits) -> &mut [u8] {
        self.forget();
        self.inbox.room(self.inbox_bytes_max(limits))
    }

    /// Memory that the inbox takes with the next [`room`](Self::room), beyond what each connection has of its own.
    pub fn leased_bytes(&self, limits: &Limits) -> usize {
        if self.inbox.is_empty() && self.inbox.capacity() <= FREE_BYTES_EACH {
            return 0;
        }
        let capacity = self.inbox.capacity_with_room(self.inbox_bytes_max(limits));
        capacity.saturating_sub(FREE_BYTES_EACH)
    }

    /// Bytes of responses that are held for the peer, queued or parked.
    pub fn held_bytes(&self) -> usize {
        self.pipeline.held_bytes()
    }

    /// Says that `count` bytes were read into [`HttpConnection::room`].
    pub fn received(&mut self, count: usize, now: Instant) {
        let is_first = self.inbox.is_empty();
        self.inbox.filled(count);
        match &mut self.state {
            State::Head {
                since: Some(since), ..
            } if is_first => *since = now,
            State::Body { pace: Some(pace), .. } => pace.note(count),
            state if state.is_discarding() => self.inbox.truncate(0),
            _ => {}
        }
    }

    /// Says that the peer will send nothing more (FIN). Requests that are whole are still taken and answered.
    pub fn on_end(&mut self) {
        self.has_ended = true;
        self.forget();
        if matches!(self.state, State::Head { .. }) && self.inbox.is_empty() {
            let now = self.pipeline.progress();
            self.stop(CloseReason::PeerClosed, now);
        }
    }

    /// The next request, to be called until it says [`Next::NeedMore`].
    ///
    /// A request that asks for an upgrade is only given out when everything before it is answered, so that
    /// [`Responder::upgrade`] can always be done.
    pub fn next<'a>(&'a mut self, serving: &'a Serving<'_>) -> Next<'a> {
        self.forget();
        match self.advance(serving) {
            Ok(None) => Next::NeedMore,
            Ok(Some(whole)) => self.lend(whole, serving),
            Err(error) => {
                self.fail(error, serving);
                Next::Failed(error)
            }
        }
    }

    /// Gives the response to a request that was deferred. Without effect if the connection ended before it.
    pub fn answer(&mut self, ticket: Ticket, response: Response<'_, '_>, serving: &Serving<'_>) {
        let answered = self.pipeline.answer(ticket, response, serving);
        self.state.settle(answered, &self.pipeline, serving.now);
    }

    /// What waits to be written.
    pub fn outbox(&self) -> &Outbox {
        self.pipeline.outbox()
    }

    /// Says that the first `count` bytes of the outbox were written. Returns a large piece that was among them
    /// ([`Outbox::sent`]).
    pub fn sent(&mut self, count: usize, now: Instant) -> Option<Vec<u8>> {
        self.pipeline.sent(count, now)
    }

    /// Shutdown: takes no new request, answers what is waiting, the last with `Connection: close`. A request of which
    /// only a part is here is answered 503 unless earlier ones wait. An idle connection is over at once.
    pub fn drain(&mut self, serving: &Serving<'_>) {
        self.forget();
        if !self.state.is_taking() {
            return;
        }
        if self.pipeline.is_idle() && self.inbox.is_empty() {
            self.close(CloseReason::Draining);
        } else if self.pipeline.open_count() == 0 && !self.inbox.is_empty() {
            self.fail(Error::ShuttingDown, serving);
        } else {
            self.stop(CloseReason::Draining, serving.now);
        }
    }

    /// Answers 503 with `error` instead of going on with the request that is on its way, and ends the connection. What
    /// was collected of it is forgotten. Does nothing once no more requests are taken.
    pub fn turn_away(&mut self, error: Error, serving: &Serving<'_>) {
        self.forget();
        if self.state.is_taking() {
            self.fail(error, serving);
            self.forget();
        }
    }

    /// What to do with the socket.
    pub fn lifecycle(&self) -> Lifecycle {
        match self.state {
            State::Closed { .. } => Lifecycle::Closed,
            // Both sides have ended and nothing is left to say.
            State::Finishing { .. } if self.is_peer_done() && self.pipeline.outbox().is_empty() => {
                Lifecycle::Closed
            }
            // Closed as soon as all is written: to end the writing first would cost a call and gain nothing.
            State::Finishing { .. } if self.has_promised_end => Lifecycle::Open,
            State::Finishing { .. } => Lifecycle::Finishing,
            _ => Lifecycle::Open,
        }
    }

    /// Whether nothing comes from the peer any more, so that a close cannot reset what it has not read yet. One that
    /// asked for the close must not send a further request (RFC 9112 section 9.6): its FIN need not be waited for.
    fn is_peer_done(&self) -> bool {
        self.has_ended || self.has_promised_end
    }

    /// Why the connection ends, as soon as it does.
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.state {
            State::Finishing { reason, .. } | State::Closed { reason } => Some(reason),
            _ => None,
        }
    }

    /// Requests given out whose response was not given yet.
    pub fn waiting(&self) -> usize {
        self.pipeline.waiting_count()
    }

    /// Whether nothing is there to be taken, read or written: [`next`](Self::next) would find nothing and change nothing.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.state, State::Head { since: Some(_), .. })
            && self.inbox.is_empty()
            && self.pipeline.is_idle()
            && !self.has_ended
    }

    /// Whether the peer has said FIN. The protocol that takes over after an upgrade will not hear it again.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// After [`Responder::upgrade`]: the bytes that follow the request, and the 101 that still must be written.
    pub fn into_upgraded(mut self) -> (Inbox, Outbox) {
        debug_assert!(matches!(self.state, State::Upgraded { .. }), "not upgraded");
        if let State::Upgraded { bytes } = self.state {
            self.inbox.consume(bytes);
        }
        (self.inbox, self.pipeline.into_outbox())
    }

    /// Gives back the memory that nothing is in, for a connection that has been idle for a while. The next request
    /// allocates it again.
    pub fn rest(&mut self) {
        self.forget();
        self.inbox.shrink();
        self.pipeline.shrink();
        // Of one that is not whole the first lines are in it.
        if self.inbox.is_empty() && !matches!(self.state, State::Body { .. } | State::Held { .. }) {
            self.head = None;
        }
    }

    /// Forgets the bytes of the request that was lent, and whatever came after the last one.
    fn forget(&mut self) {
        match self.state {
            State::Lent { at, bytes } => {
                self.inbox.consume(bytes);
                self.state = State::waiting(at);
            }
            State::Stopped { .. } | State::Finishing { .. } | State::Closed { .. } => self.inbox.truncate(0),
            State::Head { .. } | State::Body { .. } | State::Held { .. } | State::Upgraded { .. } => return,
        }
        if self.inbox.capacity() > INBOX_BYTES_KEPT {
            self.inbox.shrink();
        }
    }

    /// Whether another request may be given out.
    fn may_take(&self, limits: &Limits) -> bool {
        self.pipeline.open_count() < limits.pipeline_max && self.pipeline.bytes() < limits.outbox_bytes_max
    }

    /// Length of the current request's head.
    fn head_bytes(&self) -> usize {
        self.head.as_ref().map_or(0, |head| head.bytes)
    }

    /// How much the inbox may hold, as things stand.
    fn inbox_bytes_max(&self, limits: &Limits) -> usize {
        let head_bytes = limits.head_bytes_max + HEAD_ROOM_SPARE;
        match &self.state {
            State::Closed { .. } | State::Upgraded { .. } | State::Held { .. } => 0,
            State::Stopped { .. } | State::Finishing { .. } => DISCARD_BYTES,
            _ if !self.may_take(limits) && !self.is_streaming() => 0,
            State::Body { collector, .. } => collector.inbox_bytes_max(self.head_bytes()).max(head_bytes),
            State::Head { .. } | State::Lent { .. } => head_bytes,
        }
    }

    /// Goes on with the current request as far as the inbox allows.
    fn advance(&mut self, serving: &Serving<'_>) -> Result<Option<Whole>, Error> {
        self.pipeline.renew(serving.limits, serving.now);
        if !self.may_take(serving.limits) {
            self.state.stop_clock();
            return Ok(None);
        }
        self.state.run_clock(serving.now);
        if let State::Held { whole, .. } = self.state {
            return Ok(Some(whole));
        }
        if matches!(self.state, State::Head { .. }) && !self.advance_head(serving)? {
            return Ok(None);
        }
        if matches!(self.state, State::Body { .. }) {
            return self.advance_body(serving);
        }
        Ok(None)
    }

    /// Whether the head is whole; then the state is `Body`.
    fn advance_head(&mut self, serving: &Serving<'_>) -> Result<bool, Error> {
        while let State::Head { scan, .. } = &mut self.state {
            let head = self.head.get_or_insert_default();
            match scan.advance(self.inbox.bytes(), head, serving.limits)? {
                Scanned::NeedMore if self.has_ended && self.inbox.is_empty() => {
                    self.stop(CloseReason::PeerClosed, serving.now);
                    return Ok(false);
                }
                Scanned::NeedMore if self.has_ended => return Err(Error::Incomplete),
                Scanned::NeedMore => return Ok(false),
                Scanned::EmptyLine => {
                    *scan = Scan::after_empty_line();
                    self.inbox.consume(EMPTY_LINE_BYTES);
                }
                Scanned::Whole => {
                    let framing = head.framing(self.inbox.bytes(), serving.limits)?;
                    self.state = State::Body {
                        pace: Some(Pace::new(serving.now)),
                        framing,
                        collector: Collector::new(framing.body),
                        owes_continue: framing.expects_continue,
                    };
                }
            }
        }
        Ok(true)
    }

    /// Whether the body is whole and the request may be given out.
    fn advance_body(&mut self, serving: &Serving<'_>) -> Result<Option<Whole>, Error> {
        let head_bytes = self.head_bytes();
        let State::Body {
            pace,
            framing,
            collector,
            owes_continue,
        } = &mut self.state
        else {
            return Ok(None);
        };
        if let Some(pace) = pace {
            pace.renew(serving.limits, serving.now);
        }
        *owes_continue &= !collector.has_begun(&self.inbox, head_bytes);
        let whole = collector.advance(&mut self.inbox, head_bytes, serving.limits)?;
        let is_first = self.pipeline.open_count() == 0;
        if whole.is_none() && self.has_ended {
            return Err(Error::Incomplete);
        }
        if whole.is_none() && is_first && std::mem::take(owes_continue) {
            self.pipeline.push_continue(serving.now);
        }
        Ok(whole.filter(|_| is_first || !framing.wants_upgrade))
    }

    /// Gives out the request that is whole.
    fn lend<'a>(&'a mut self, whole: Whole, serving: &'a Serving<'_>) -> Next<'a> {
        let is_kept = match &self.state {
            State::Body { framing, .. } => framing.is_kept_alive,
            State::Held { is_kept_alive, .. } => *is_kept_alive,
            _ => false,
        };
        let head = self.head.get_or_insert_default();
        let request = Request::new(head, self.inbox.bytes(), whole.body_end);
        let connection = match (is_kept, request.version()) {
            (false, _) => Connection::Closed,
            (true, Version::Http10) => Connection::KeptExplicitly,
            (true, Version::Http11) => Connection::Kept,
        };
        let ticket = self.pipeline.open(Slot {
            connection,
            omits_body: request.method() == "HEAD",
            takes_chunks: request.version() == Version::Http11,
            given: Given::Nothing,
            parked: None,
        });
        self.state = if is_kept {
            State::Lent {
                at: serving.now,
                bytes: whole.end,
            }
        } else {
            self.has_promised_end = true;
            State::Stopped {
                reason: CloseReason::NotKeptAlive,
            }
        };
        let responder = Responder {
            state: &mut self.state,
            pipeline: &mut self.pipeline,
            ticket,
            whole,
            is_kept_alive: is_kept,
            serving,
        };
        Next::Request(request, responder)
    }

    /// Answers a fault, behind whatever is still awaited, and takes no more requests.
    fn fail(&mut self, error: Error, serving: &Serving<'_>) {
        let ticket = self.pipeline.open(Slot {
            connection: Connection::Closed,
            // The inbox still begins with the request line, whatever it is that went wrong.
            omits_body: self.inbox.bytes().starts_with(b"HEAD "),
            takes_chunks: false,
            given: Given::Nothing,
            parked: None,
        });
        self.stop(error.close_reason(), serving.now);
        let response = Response {
            status: error.status(),
            content_type: Some("application/json"),
            headers: error.headers(),
            body: &mut [Piece::Owned(refusal::fault_body(error))],
            close: true,
        };
        self.answer(ticket, response, serving);
    }

    /// Takes no more requests: the youngest response that is awaited is the last one.
    fn stop(&mut self, reason: CloseReason, now: Instant) {
        self.pipeline.close_after_youngest();
        self.state.stop(reason, &self.pipeline, now);
    }

    /// Ends the connection now. If it was ending, it ended for the reason it began to end for.
    fn close(&mut self, reason: CloseReason) {
        let reason = self.close_reason().unwrap_or(reason);
        self.state = State::Closed { reason };
    }
}

/// Without the bytes: there are credentials among them.
impl fmt::Debug for HttpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnection")
            .field("state", &self.state)
            .field("inbox_bytes", &self.inbox.len())
            .field("outbox_bytes", &self.pipeline.outbox().len())
            .field("waiting", &self.waiting())
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

/// The line that is one byte too long, and its line end.
const HEAD_ROOM_SPARE: usize = 2;
const EMPTY_LINE_BYTES: usize = 2;
/// Room to read what is thrown away.
const DISCARD_BYTES: usize = 4 << 10;
/// A larger inbox is given back as soon as it is empty: a large body is rare, and idle connections are many.
const INBOX_BYTES_KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(limits: &Limits) -> Serving<'_> {
        Serving {
            limits,
            now: Instant::ZERO,
            common_headers: b"",
        }
    }

    fn feed(connection: &mut HttpConnection, mut bytes: &[u8], limits: &Limits) {
        while !bytes.is_empty() {
            let room = connection.room(limits);
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            connection.received(count, Instant::ZERO);
            bytes = &bytes[count..];
            while let Next::Request(_, responder) = connection.next(&serving(limits)) {
                let ticket = responder.defer();
                let response = Response {
                    status: 200,
                    content_type: None,
                    headers: &[],
                    body: &mut [],
                    close: false,
                };
                connection.answer(ticket, response, &serving(limits));
            }
        }
        connection.sent(connection.outbox().len(), Instant::ZERO);
    }

    #[test]
    fn a_connection_at_rest_holds_less_than_500_bytes() {
        assert!(
            size_of::<HttpConnection>() < 500,
            "{}",
            size_of::<HttpConnection>()
        );
        let limits = Limits::default();
        let mut connection = HttpConnection::new(Instant::ZERO);
        feed(&mut connection, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &limits);
        let held = (connection.inbox.capacity(), connection.head.is_some());
        assert!(held.0 > 0 && held.1, "{held:?} is kept for the next request");
        connection.rest();
        let held = (connection.inbox.capacity(), connection.head.is_some());
        assert_eq!((held, connection.pipeline.capacity()), ((0, false), 0));
    }

    #[test]
    fn the_memory_of_a_large_body_is_given_back_without_rest() {
        let limits = Limits::default();
        let mut connection = HttpConnection::new(Instant::ZERO);
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
        feed(&mut connection, head, &limits);
        feed(&mut connection, &vec![b'x'; 1_000_000], &limits);
        assert!(connection.room(&limits).len() <= 4 << 10);
        assert!(
            connection.inbox.capacity() <= 4 << 10,
            "{}",
            connection.inbox.capacity()
        );
    }
}
