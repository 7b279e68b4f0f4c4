//! The transport of 2024-11-05, HTTP+SSE: `GET /sse` opens a stream and says where to post, `POST /messages` takes a
//! message, and its reply is an event of the stream.
//!
//! To the rest of the server the stream's connection is one of messages, like a WebSocket: what would be sent there
//! becomes an event. The id of the stream is a session token, so nobody else can post to it.

use super::connection::{Dialect, Talk};
use super::core::Core;
use super::exchange::Answer;
use super::later::Later;
use super::streams::{Purpose, StreamKey};
use super::{Server, access, find, headers};
use crate::mcp::session::{Need, Session, SessionId};
use crate::mcp::{Abilities, Field, Revision};
use crate::time::Now;
use crate::wire::buffer::Piece;
use crate::wire::http::{Request, StreamHead};
use crate::wire::sse;

impl Core {
    /// `GET /sse`.
    pub(super) fn on_channel(&mut self, now: Now, talk: &mut Talk, answer: Answer<'_, '_>) {
        if !answer.takes_stream {
            return answer.error(406, None, "the answer is text/event-stream: accept it");
        }
        if self.streams.waiting() >= self.settings.limits.streams_max {
            return answer.error(503, None, "as many streams are open as may be (streams_max)");
        }
        let lifetime = self.settings.limits.session_lifetime;
        let negotiated = (Revision::V20241105, Abilities::default(), Default::default());
        let session = Session::begin(&mut *self.entropy, negotiated, now.wall, lifetime);
        let token = session.seal(self.service.keys(), access::mark(&answer.caller));
        let cors = answer.cors_origin.map(headers::cors);
        let head = StreamHead {
            headers: cors.as_ref().map_or(&[], |lines| lines.as_slice()),
        };
        talk.caller = answer.caller;
        talk.dialect = Dialect::JsonRpc;
        let ticket = answer.responder.begin_stream(head);
        let key = self.add_stream(now, talk, ticket, Purpose::Channel(session.id));
        talk.channel = Some(key);
        self.streams.note_caller(key, talk.caller.clone());
        let endpoint = format!("/messages?session_id={token}");
        self.later.push_back(Later::Endpoint(key, endpoint));
    }

    /// `POST /messages`: taken, and answered on the stream.
    pub(super) fn on_channel_message(&mut self, now: Now, request: Request<'_>, answer: Answer<'_, '_>) {
        let named = request.query().and_then(session_id);
        let header = named.map_or(Field::Absent, |text| Field::Once(text.as_bytes()));
        let principal = access::mark(&answer.caller);
        // One that is missing is told in the words of this transport.
        let admitted = self
            .sessions
            .admit(self.service.keys(), header, Need::Optional, principal, now);
        let session = match admitted {
            Ok(Some(session)) => session,
            Ok(None) => return answer.error(400, None, "session_id is missing, it is in the endpoint event"),
            Err(refusal) => return answer.session_refusal(refusal, None),
        };
        match self.streams.channel(session.id) {
            None => answer.error(404, None, "Session not found"),
            Some(key) => {
                let message = request.body().to_vec();
                self.later.push_back(Later::Message(key, message));
                answer.pieces_of_text(202, "Accepted");
            }
        }
    }
}

impl Server {
    /// Says where to post. Not JSON, and the first event of the stream.
    pub(super) fn say_endpoint(&mut self, now: Now, key: StreamKey, endpoint: String) {
        let mut data = [Piece::Owned(endpoint.into_bytes())];
        self.push_bytes(now, key, &mut sse::event(None, Some("endpoint"), &mut data));
    }

    /// Acts on a message that was posted for a stream.
    pub(super) fn on_posted(&mut self, now: Now, key: StreamKey, message: &[u8]) {
        let Some((connection, _)) = self.core.streams.place(key) else {
            return;
        };
        let Self { entries, core, .. } = self;
        let Some(entry) = find(entries, connection) else {
            return;
        };
        let mut said: Vec<Vec<u8>> = Vec::new();
        core.on_message(now, &mut entry.talk, message, &mut |pieces| {
            let parts: Vec<&[u8]> = pieces.iter().map(Piece::as_slice).collect();
            said.push(parts.concat());
        });
        for message in said {
            self.push_event(now, key, &mut [Piece::Owned(message)]);
        }
        // Replies may have come into a batch that is not complete, and are to be counted all the same.
        self.settle(now, connection);
    }
}

/// The value of `session_id` in a query. A token needs no percent-encoding.
fn session_id(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("session_id="))
}

impl super::streams::Streams {
    /// The stream that was opened with `GET /sse` under this id.
    fn channel(&self, session: SessionId) -> Option<StreamKey> {
        let is_it = |purpose: &Purpose| matches!(purpose, Purpose::Channel(own) if *own == session);
        self.iter()
            .find(|(_, stream)| is_it(&stream.purpose))
            .map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_among_other_members_of_the_query() {
        assert_eq!(session_id("session_id=abc"), Some("abc"));
        assert_eq!(session_id("a=b&session_id=x-y_z&c"), Some("x-y_z"));
        assert_eq!(session_id("sessionId=abc"), None);
    }
}
