//! Telling clients what has changed: `subscriptions/listen` over a stream or a message connection, and what legacy
//! clients hear without asking.

use super::connection::{Dialect, Talk};
use super::core::Core;
use super::exchange::Answer;
use super::later::Later;
use super::reply::Form;
use super::streams::{Purpose, StreamKey};
use super::talk::Say;
use super::{Server, headers};
use crate::ident::ConnectionId;
use crate::mcp::subscriptions::legacy_notifications;
use crate::mcp::{Changes, Listen};
use crate::rpc;
use crate::time::Now;
use crate::wire::buffer::Piece;
use crate::wire::http::StreamHead;

impl Core {
    /// `subscriptions/listen` over HTTP: a stream that stays open until the client goes or the server ends.
    pub(super) fn on_listen(&mut self, now: Now, talk: &mut Talk, answer: Answer<'_, '_>, listen: Listen) {
        if !answer.takes_stream {
            return answer.error(
                406,
                Some(&listen.id),
                "the answer is text/event-stream: accept it",
            );
        }
        if self.streams.waiting() >= self.settings.limits.streams_max {
            let max = self.settings.limits.streams_max;
            let message = format!("{max} streams are open, as many as may be (streams_max)");
            return answer.error(503, Some(&listen.id), &message);
        }
        let acknowledged = listen.acknowledged();
        let cors = answer.cors_origin.map(headers::cors);
        let head = StreamHead {
            headers: cors.as_ref().map_or(&[], |lines| lines.as_slice()),
        };
        let ticket = answer.responder.begin_stream(head);
        let key = self.add_stream(now, talk, ticket, Purpose::Listen(Box::new(listen)));
        self.streams.note_caller(key, answer.caller);
        self.later.push_back(Later::Say(key, acknowledged));
    }

    /// The same over a WebSocket or a line.
    pub(super) fn on_listen_message(&self, talk: &mut Talk, id: &str, listen: Listen, say: Say<'_>) {
        if talk.listens().len() >= LISTENS_MAX {
            let error = rpc::Error::invalid_request(format_args!(
                "this connection has {LISTENS_MAX} subscriptions, as many as it may"
            ));
            return say(&mut [Piece::Owned(rpc::error_reply(Some(id), &error))]);
        }
        say(&mut [Piece::Owned(listen.acknowledged())]);
        talk.said_mut().listens.push(listen);
    }

    /// Puts down what a message changed, to be told when it is answered.
    pub(super) fn note_changes(&mut self) {
        let changes = self.service.take_changes();
        if !changes.is_empty() {
            self.later.push_back(Later::Tell(changes));
        }
    }
}

impl Server {
    /// Ends the streams that wait for news, as far as they are `meant`.
    pub(super) fn end_news_streams(&mut self, now: Now, meant: impl Fn(&Purpose) -> bool) {
        let keys: Vec<StreamKey> = self
            .core
            .streams
            .iter()
            .filter(|(_, stream)| stream.purpose.waits_for_news() && meant(&stream.purpose))
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            let open = self.core.streams.get_mut(key);
            if let Some(Purpose::Listen(listen)) = open.map(|stream| &stream.purpose) {
                let (id, ended) = (listen.id.clone(), listen.ended());
                self.push_event(now, key, &mut Form::Rpc.pieces(&id, ended));
            }
            self.end_stream(now, key);
        }
    }

    /// Ends the subscriptions of connections of messages, where no stream ends (MCP, stdio: the one use that a server has for
    /// this notification).
    pub(super) fn end_listens(&mut self, now: Now) {
        let ended: Vec<(ConnectionId, Listen)> = self
            .entries
            .iter_mut()
            .filter_map(|(_, entry)| Some((entry.talk.id, entry.talk.said.as_mut()?)))
            .flat_map(|(connection, said)| said.listens.drain(..).map(move |listen| (connection, listen)))
            .collect();
        for (connection, listen) in ended {
            self.send_message(now, connection, &mut [Piece::Owned(listen.cancelled())]);
        }
    }

    /// Tells everybody who wants to hear of it what has changed.
    pub(super) fn tell_changes(&mut self, now: Now, changes: &Changes) {
        let on_streams: Vec<(StreamKey, Vec<Vec<u8>>)> = self
            .core
            .streams
            .iter()
            .filter_map(|(key, stream)| match &stream.purpose {
                Purpose::Listen(listen) => Some((key, listen.notifications(changes))),
                Purpose::Session(stream) => {
                    let is_subscribed = |uri: &str| {
                        let mut subscribers = self.core.sessions.subscribers(uri);
                        subscribers.any(|session| session == stream.session)
                    };
                    Some((key, legacy_notifications(changes, is_subscribed)))
                }
                Purpose::Call { .. } | Purpose::Channel(_) => None,
            })
            .collect();
        let as_messages: Vec<(ConnectionId, Vec<Vec<u8>>)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.takes_messages())
            .map(|(_, entry)| (entry.talk.id, entry.talk.hears_of(changes)))
            .collect();
        for (key, messages) in on_streams {
            for message in messages {
                self.push_event(now, key, &mut [Piece::Owned(message)]);
            }
        }
        for (connection, messages) in as_messages {
            for message in messages {
                self.send_message(now, connection, &mut [Piece::Owned(message)]);
            }
        }
    }
}

impl Talk {
    /// What is said of `changes` on this connection of messages.
    fn hears_of(&self, changes: &Changes) -> Vec<Vec<u8>> {
        let mut messages: Vec<Vec<u8>> = self
            .listens()
            .iter()
            .flat_map(|listen| listen.notifications(changes))
            .collect();
        if self.dialect != Dialect::Envelope
            && let Some(said) = &self.said
            && said.negotiated.is_some()
        {
            let is_subscribed = |uri: &str| said.subscriptions.iter().any(|own| **own == *uri);
            messages.extend(legacy_notifications(changes, is_subscribed));
        }
        messages
    }
}

/// Subscriptions that one connection of messages may have open. Each keeps its filter: some hundred bytes, and its URIs.
const LISTENS_MAX: usize = 32;
