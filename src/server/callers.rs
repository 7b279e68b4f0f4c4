//! What changes about callers while the server runs: keys are read again, keys of issuers arrive, credentials end.
//!
//! A request whose token cannot be judged yet is *held*: it stays whole in its connection's inbox, nothing is read behind
//! it, and it is judged anew when the keys have come, or cannot be had, or `token_keys_timeout` is over. So a held request
//! costs no copy, and what it costs is bounded as that of every other request is.

use std::sync::Arc;

use super::Server;
use super::access::Caller;
use super::connection::{Codec, Held};
use super::core::Core;
use super::event::Output;
use super::find;
use super::streams::StreamKey;
use super::timers::Timer;
use crate::access::certificate;
use crate::access::fetch::{Fetched, Wanted};
use crate::ident::ConnectionId;
use crate::time::{Instant, Now};
use crate::wire::CloseReason;

/// Connections whose next request waits for keys.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    connections: Vec<ConnectionId>,
    /// When they have waited long enough.
    until: Option<Instant>,
}

impl Core {
    /// Notes that the request at the head of `connection` waits for keys.
    pub(super) fn wait_for_keys(&mut self, now: Now, connection: ConnectionId) {
        self.waiting.connections.push(connection);
        if self.waiting.until.is_none() {
            let until = now.monotonic + self.settings.limits.token_keys_timeout;
            self.waiting.until = Some(until);
            self.timers.set(until, Timer::TokenKeys);
        }
    }

    /// Has fetched what the judgement of a request found missing.
    pub(super) fn fetch_wanted(&mut self) {
        for wanted in self.access.take_wanted() {
            self.outputs.push_back(Output::Fetch(wanted));
        }
    }
}

impl Server {
    /// The peer of a connection has a certificate.
    pub(super) fn on_named(&mut self, connection: ConnectionId, name: &str) {
        if let Some(entry) = find(&mut self.entries, connection) {
            entry.talk.certificate = Some(Arc::new(certificate::identity(name)));
        }
    }

    /// SIGHUP.
    pub(super) fn on_reload(&mut self) {
        log::info!("keys are read again");
        self.core.outputs.push_back(Output::Fetch(Wanted::Keys));
        if self.core.service.rulings_may_change() {
            log::info!("the policy is read again");
            self.core.outputs.push_back(Output::Fetch(Wanted::Policy));
        }
    }

    pub(super) fn on_fetched(&mut self, now: Now, fetched: Fetched) {
        match fetched {
            Fetched::Keys(Ok(keys)) => {
                log::info!("{} keys are accepted from now on", keys.len());
                self.core.access.replace_keys(keys);
                self.turn_out_unknown(now);
            }
            Fetched::Keys(Err(why)) => log::error!("keys stay as they were: {why}"),
            Fetched::Policy(Ok(rulings)) => {
                let is_other = self.core.service.replace_rulings(rulings);
                let tools = if is_other {
                    ", with other tools than before"
                } else {
                    ""
                };
                log::info!("the policy holds from now on as it is read again{tools}");
                self.core.note_changes();
            }
            Fetched::Policy(Err(why)) => log::error!("the policy stays as it was: {why}"),
            Fetched::KeySet(issuer, fetched) => {
                self.core.access.on_key_set(issuer, fetched, now);
                self.release_held(now);
            }
        }
    }

    /// The keys did not come in time.
    pub(super) fn on_keys_late(&mut self, now: Now) {
        self.core.waiting.until = None;
        self.core.access.is_out_of_patience = true;
        self.release_held(now);
        self.core.access.is_out_of_patience = false;
    }

    /// Judges every held request anew. One that waits for another issuer is held again.
    fn release_held(&mut self, now: Now) {
        if let Some(until) = self.core.waiting.until.take() {
            self.core.timers.clear(until, Timer::TokenKeys);
        }
        for connection in std::mem::take(&mut self.core.waiting.connections) {
            if let Some(entry) = find(&mut self.entries, connection) {
                entry.talk.held = Held::Released;
                self.serve(now, connection);
                self.settle(now, connection);
            }
        }
    }

    /// Ends what is open for callers whose credential has ended: their WebSockets and their streams. What they called
    /// over HTTP is answered.
    pub(super) fn turn_out_unknown(&mut self, now: Now) {
        let access = &self.core.access;
        let is_out = |caller: &Caller| {
            caller
                .as_ref()
                .is_some_and(|caller| !access.is_known(caller, now))
        };
        let sockets: Vec<ConnectionId> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_out(&entry.talk.caller))
            .map(|(_, entry)| entry.talk.id)
            .collect();
        let streams: Vec<StreamKey> = self
            .core
            .streams
            .iter()
            .filter(|(_, stream)| is_out(&stream.caller))
            .map(|(key, _)| key)
            .collect();
        for key in streams {
            self.cut_stream(now, key);
        }
        for connection in sockets {
            if let Some(entry) = find(&mut self.entries, connection)
                && let Codec::WebSocket(socket) = &mut entry.codec
            {
                socket.end(CloseReason::CredentialEnded, CREDENTIAL_ENDED, now.monotonic);
                self.cancel_jobs(now, connection);
                self.settle(now, connection);
            }
        }
    }
}

/// What a WebSocket is told when the credential that opened it has ended (RFC 6455 section 7.4.1: a policy).
pub(super) const CREDENTIAL_ENDED: (u16, &str) =
    (1008, "the key or token that opened this connection has ended");
