//! Whether the login still holds, found out without a statement: whoever asks for health has it looked at when nothing told
//! it lately.
//!
//! The look asks after a statement that never was. Snowflake reads the login before it looks for the statement, so "there is no
//! such statement" says that the way there and the login are good; no warehouse is woken and nothing is in anybody's history.
//! However often health is asked for, there is one look in `login_probe_pause`, and none while calls tell the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::shutdown::Phase;
use crate::backend::Error;
use crate::backend::job::{Context, Operation, Render, Rendered, Work};
use crate::backend::rows::Bounds;
use crate::ident::QueryId;
use crate::limits::Limits;
use crate::time::{Instant, Now};

/// When each connection told something last, and was last asked.
#[derive(Debug, Default)]
pub(super) struct Probes {
    of: BTreeMap<Option<Arc<str>>, Told>,
}

#[derive(Debug, Default)]
struct Told {
    told: Option<Instant>,
    asked: Option<Instant>,
}

impl Probes {
    /// Something was learnt of this connection.
    pub(super) fn note(&mut self, connection: Option<&Arc<str>>, now: Instant) {
        self.of.entry(connection.cloned()).or_default().told = Some(now);
    }

    /// Whether this connection is to be looked at now. Then it is, and not again soon.
    fn is_due(&mut self, connection: Option<&Arc<str>>, now: Instant, limits: &Limits) -> bool {
        let told = self.of.entry(connection.cloned()).or_default();
        let is_within = |when: Option<Instant>, age: Duration| when.is_some_and(|when| now.since(when) < age);
        if is_within(told.told, limits.login_told_age) || is_within(told.asked, limits.login_probe_pause) {
            return false;
        }
        told.asked = Some(now);
        true
    }
}

impl Core {
    /// Learns of the way to the database from the end of a call.
    pub(super) fn observe(&mut self, now: Now, connection: Option<&Arc<str>>, ended: Result<(), &Error>) {
        // Of several, the first is that of calls that name none.
        let settings = Arc::clone(&self.settings);
        let connection = connection.or_else(|| settings.connections.first());
        if self.databases.observe(now, connection, ended) {
            self.probes.note(connection, now.monotonic);
        }
    }

    /// Has the logins looked at of which nothing was learnt lately.
    pub(super) fn probe_logins(&mut self, now: Now) {
        if !self.settings.probes_logins
            || self.phase != Phase::Serving
            || self.settings.engine_missing.is_some()
        {
            return;
        }
        let settings = Arc::clone(&self.settings);
        let named = settings.connections.iter().map(Some);
        let alone = settings.connections.is_empty().then_some(None);
        for connection in named.chain(alone) {
            if self.probes.is_due(connection, now.monotonic, &settings.limits) {
                let (work, id) = (look(connection), self.entropy.uuid());
                self.inflight.admit_own(now.monotonic, work, id, &mut self.timers);
            }
        }
        self.give_steps(now.monotonic);
    }
}

/// Asks after a statement that never was.
fn look(connection: Option<&Arc<str>>) -> Work {
    Work {
        operation: Operation::Status(QueryId::parse(NO_STATEMENT).expect("it has the form of one")),
        unchecked: None,
        asked: Default::default(),
        statements: Vec::new(),
        optional: 0,
        context: Context {
            connection: connection.cloned(),
            ..Context::default()
        },
        bounds: Bounds {
            rows_max: 1,
            bytes_max: 1 << 10,
        },
        timeout: TIMEOUT,
        query_tag: None,
        share: None,
        patience: None,
        follow: None,
        render: Render::new(|_| Rendered::default()),
    }
}

/// No statement has this id: its version says that it is none that anybody draws.
const NO_STATEMENT: &str = "00000000-0000-0000-0000-000000000000";
/// More than one exchange with its repetitions takes when the way is good.
const TIMEOUT: Duration = Duration::from_secs(20);
