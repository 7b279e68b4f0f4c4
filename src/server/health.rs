//! What the server knows about itself and about the way to the database, and the documents that say it.
//!
//! Nothing here asks the database: its state is what the last calls met, and where there were none lately, what `probing`
//! found out about the login. So a probe costs nothing, never waits and wakes no warehouse, and "healthy" is never said
//! while every login fails.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use super::roles::Roles;
use crate::audit::State;
use crate::backend::{Error, Kind};
use crate::time::Now;
use crate::wire::buffer::Piece;

/// What the last calls met on the way to the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Database {
    /// No call has needed it yet.
    #[default]
    Unused,
    /// The last call that told something was answered.
    Working,
    /// Calls fail before they reach a statement.
    Failing {
        /// RFC 3339, or `start`.
        since: String,
        kind: Kind,
        message: String,
        /// What to do about it.
        advice: &'static str,
    },
}

impl Database {
    /// What is known before the first call: nothing, or why none can succeed.
    pub(super) fn at_start(missing: Option<&str>) -> Self {
        missing.map_or(Self::Unused, |reason| Self::Failing {
            since: "start".to_owned(),
            kind: Kind::Login,
            message: reason.to_owned(),
            advice: Kind::Login.advice(),
        })
    }

    /// Learns from the end of a call. Returns whether it told something.
    pub(super) fn observe(&mut self, now: Now, ended: Result<(), &Error>) -> bool {
        match ended {
            Ok(()) => *self = Self::Working,
            Err(error) => match error.kind {
                kind if kind.is_about_connection() || kind == Kind::Configuration => {
                    let since = match self {
                        Self::Failing { since, .. } => std::mem::take(since),
                        Self::Unused | Self::Working => now.wall.to_rfc3339(),
                    };
                    *self = Self::Failing {
                        since,
                        kind,
                        message: error.message.clone(),
                        advice: error.advice(),
                    };
                }
                // The statement was at fault: somebody read it, so the way there works.
                Kind::Syntax
                | Kind::NotFound
                | Kind::Privilege
                | Kind::NoDatabase
                | Kind::Execution
                | Kind::ResultGone => {
                    *self = Self::Working;
                }
                // These say nothing about the way.
                _ => return false,
            },
        }
        true
    }

    pub(super) fn is_failing(&self) -> bool {
        matches!(self, Self::Failing { .. })
    }

    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Working => "healthy",
            Self::Failing { .. } => "unhealthy",
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Unused | Self::Working => json!({ "status": self.status() }),
            Self::Failing {
                since,
                kind,
                message,
                advice,
            } => json!({
                "status": self.status(), "since": since, "kind": kind.name(), "error": message, "advice": advice,
            }),
        }
    }
}

/// What the last calls met, by connection where there are several.
#[derive(Debug)]
pub(super) struct Databases {
    /// The only one, or the worst of several: there, one that fails is told.
    pub(super) all: Database,
    named: BTreeMap<Arc<str>, Database>,
}

impl Databases {
    /// What is known before the first call.
    pub(super) fn at_start(missing: Option<&str>) -> Self {
        Self {
            all: Database::at_start(missing),
            named: BTreeMap::new(),
        }
    }

    /// Learns from the end of a call, which went through `connection` where there are several. Returns whether it told
    /// something.
    pub(super) fn observe(
        &mut self,
        now: Now,
        connection: Option<&Arc<str>>,
        ended: Result<(), &Error>,
    ) -> bool {
        let Some(connection) = connection else {
            return self.all.observe(now, ended);
        };
        let named = self.named.entry(Arc::clone(connection)).or_default();
        let has_told = named.observe(now, ended);
        let latest = named.clone();
        let mut all = self.named.values();
        let failing = all.find(|database| database.is_failing()).cloned();
        self.all = failing.unwrap_or(latest);
        has_told
    }

    fn named_to_json(&self) -> Value {
        let named = self.named.iter();
        named
            .map(|(name, database)| (name.to_string(), database.to_json()))
            .collect()
    }
}

/// `/health`: the process is alive, in the four keys of the program that this one replaces, and in a word how the way to the
/// database does. Why, is for those who may read more.
///
/// Balancers and monitors ask for it all the time, so all but the uptime is encoded once a second.
#[derive(Debug, Default)]
pub(super) struct Health {
    second: Option<(u64, &'static str)>,
    before_uptime: Vec<u8>,
    uptime: Vec<u8>,
}

impl Health {
    /// The document of this moment, in pieces.
    pub(super) fn pieces(&mut self, now: Now, version: &str, database: &'static str) -> [Piece<'_>; 3] {
        let second = (now.wall.as_seconds(), database);
        if self.second != Some(second) {
            self.second = Some(second);
            let known = json!({ "status": "healthy", "timestamp": now.wall.to_utc_text(), "version": version, "database": database });
            self.before_uptime = known.to_string().into_bytes();
            self.before_uptime.pop();
            self.before_uptime.extend_from_slice(b",\"uptime_seconds\":");
        }
        let micros = now.monotonic.as_micros();
        self.uptime.clear();
        // A vector takes every write.
        let _ = write!(self.uptime, "{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        [
            Piece::Borrowed(&self.before_uptime),
            Piece::Borrowed(&self.uptime),
            Piece::Borrowed(b"}"),
        ]
    }
}

/// Numbers that the documents tell.
#[derive(Debug, Clone)]
pub(super) struct Snapshot<'a> {
    pub(super) now: Now,
    pub(super) version: &'a str,
    pub(super) engine: &'a str,
    pub(super) is_draining: bool,
    pub(super) connections: usize,
    pub(super) websockets: usize,
    pub(super) requests_total: u64,
    pub(super) calls: usize,
    pub(super) jobs: usize,
    pub(super) steps: usize,
    pub(super) workers: usize,
    pub(super) tools: Vec<&'a str>,
    pub(super) databases: &'a Databases,
    /// What the roles in use may do.
    pub(super) roles: &'a Roles,
    /// How the audit log does, where there is one.
    pub(super) audit: Option<&'a State>,
    /// `(tool, query id, milliseconds)` of the oldest calls in flight.
    pub(super) active: Vec<(&'static str, Option<&'a str>, u128)>,
}

impl Snapshot<'_> {
    fn uptime_seconds(&self) -> f64 {
        self.now.monotonic.as_micros() as f64 / 1e6
    }

    /// `/health/live`.
    pub(super) fn live(&self) -> Value {
        json!({ "status": "live", "timestamp": self.now.wall.to_rfc3339() })
    }

    /// `/health/ready` and whether it is.
    pub(super) fn ready(&self) -> (bool, Value) {
        let status = if self.is_draining { "draining" } else { "ready" };
        (
            !self.is_draining,
            json!({ "status": status, "timestamp": self.now.wall.to_rfc3339() }),
        )
    }

    /// `/health/detailed` and whether everything is healthy.
    pub(super) fn detailed(&self) -> (bool, Value) {
        let is_audited = self.audit.is_none_or(|audit| audit.trouble.is_none());
        let healthy = !self.databases.all.is_failing() && !self.is_draining && is_audited;
        let mut document = json!({
            "overall_status": if healthy { "healthy" } else { "unhealthy" },
            "timestamp": self.now.wall.to_rfc3339(),
            "engine": self.engine,
            "draining": self.is_draining,
            "components": {
                "connection_pool": {
                    "status": "healthy",
                    "stats": { "workers": self.workers, "busy": self.steps, "idle": self.workers.saturating_sub(self.steps) },
                },
                "database": self.databases.all.to_json(),
                "request_manager": { "status": "healthy", "active_requests": self.calls, "jobs": self.jobs },
                "websockets": { "status": "healthy", "active_connections": self.websockets },
            },
        });
        if let Some(audit) = self.audit {
            document["components"]["audit_log"] = json!({
                "status": if is_audited { "healthy" } else { "unhealthy" },
                "error": audit.trouble, "written": audit.written, "dropped": audit.dropped,
            });
        }
        if !self.databases.named.is_empty() {
            document["components"]["connections"] = self.databases.named_to_json();
        }
        if !self.roles.is_empty() {
            document["components"]["roles"] = self.roles.to_json();
        }
        (healthy, document)
    }

    /// `/status`: the flat keys of the replaced program and the nested ones that its plan promised.
    pub(super) fn status(&self) -> Value {
        let state = if self.is_draining { "draining" } else { "running" };
        let idle = self.workers.saturating_sub(self.steps);
        let active: Vec<Value> = self
            .active
            .iter()
            .map(|(tool, query_id, millis)| json!({ "tool_name": tool, "query_id": query_id, "duration_ms": millis }))
            .collect();
        json!({
            "status": state,
            "timestamp": self.now.wall.to_utc_text(),
            "version": self.version,
            "uptime_seconds": self.uptime_seconds(),
            "engine": self.engine,
            "connection_pool": {
                "status": if self.databases.all.is_failing() { "failing" } else { "active" },
                "active_connections": self.steps,
                "total_connections": self.workers,
                "healthy_connections": if self.databases.all.is_failing() { 0 } else { self.workers },
                "available_connections": idle,
                "max_size": self.workers,
                "min_size": self.workers,
            },
            "active_connections": self.websockets,
            "total_requests": self.requests_total,
            "available_tools": self.tools,
            "database": self.databases.all.to_json(),
            "server": { "status": state, "uptime_seconds": self.uptime_seconds(), "version": self.version },
            "requests": { "active_count": self.calls, "active_requests": active },
            "websockets": { "active_connections": self.websockets },
            "connections": { "open": self.connections },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_login_is_told_until_a_call_gets_through() {
        let mut database = Database::default();
        let refused = Error::new(Kind::Login, "the token was refused");
        database.observe(Now::default(), Err(&refused));
        assert!(database.is_failing());
        database.observe(Now::default(), Err(&Error::new(Kind::Cancelled, "cancelled")));
        assert!(
            database.is_failing(),
            "a cancelled call says nothing about the login"
        );
        assert_eq!(database.to_json()["error"], "the token was refused");
        database.observe(Now::default(), Err(&Error::new(Kind::Syntax, "unexpected")));
        assert_eq!(database, Database::Working, "somebody read the statement");
    }

    #[test]
    fn of_several_connections_each_is_told_and_one_that_fails_is_not_hidden() {
        let mut databases = Databases::at_start(None);
        let (prod, dev): (Arc<str>, Arc<str>) = ("prod".into(), "dev".into());
        let refused = Error::new(Kind::Login, "the token was refused");
        databases.observe(Now::default(), Some(&dev), Err(&refused));
        databases.observe(Now::default(), Some(&prod), Ok(()));
        assert!(databases.all.is_failing());
        let told = databases.named_to_json();
        assert_eq!(told["prod"]["status"], "healthy");
        assert_eq!(told["dev"]["error"], "the token was refused");
        databases.observe(Now::default(), Some(&dev), Ok(()));
        assert_eq!(databases.all, Database::Working);
    }
}
