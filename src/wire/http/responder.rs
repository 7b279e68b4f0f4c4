//! The way back from a request to its response.

use std::fmt;

use super::body::Whole;
use super::pipeline::{Pipeline, Ticket};
use super::response::Response;
use super::state::State;
use crate::wire::Serving;

/// The way to answer one request, now or later. Dropping it leaves the request unanswered for ever.
#[must_use = "a request that is not answered holds the connection"]
pub struct Responder<'a> {
    pub(super) state: &'a mut State,
    pub(super) pipeline: &'a mut Pipeline,
    pub(super) ticket: Ticket,
    /// Where the request lies.
    pub(super) whole: Whole,
    pub(super) is_kept_alive: bool,
    pub(super) serving: &'a Serving<'a>,
}

impl Responder<'_> {
    /// Answers now. What the response borrows may come from the request.
    pub fn respond(self, response: Response<'_, '_>) {
        let answered = self.pipeline.answer(self.ticket, response, self.serving);
        self.state.settle(answered, self.pipeline, self.serving.now);
    }

    /// What the response will be known by if it is deferred, for those who must know before they decide.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Answers later, with [`HttpConnection::answer`](super::HttpConnection::answer).
    pub fn defer(self) -> Ticket {
        self.ticket
    }

    /// Gives the request back: [`HttpConnection::next`](super::HttpConnection::next) gives it out once more. Nothing is
    /// read until then, so whoever holds a request must come back for it by itself.
    pub fn hold(self) {
        self.pipeline.withdraw(self.ticket);
        *self.state = State::Held {
            whole: self.whole,
            is_kept_alive: self.is_kept_alive,
        };
    }

    /// Answers with 101: there is no more HTTP on this connection. Its bytes are had from
    /// [`HttpConnection::into_upgraded`](super::HttpConnection::into_upgraded).
    pub fn upgrade(self, response: Response<'_, '_>) {
        debug_assert_eq!(response.status, 101, "an upgrade is answered with 101");
        self.pipeline.upgrade(self.ticket, response, self.serving);
        *self.state = State::Upgraded {
            bytes: self.whole.end,
        };
    }
}

impl fmt::Debug for Responder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responder").field(&self.ticket).finish()
    }
}
