//! What an operator decides about the server. Valid by construction: `config` makes it, nothing here is parsed again.

use std::sync::Arc;

use crate::access::issuers::Resource;
use crate::access::logins::Rule;
use crate::access::{KeyRing, Quota};
use crate::address::Networks;
use crate::audit::WhenFull;
use crate::limits::Limits;

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bounds.
    pub limits: Limits,
    /// Version of the program, for `/health` and `/status`.
    pub version: &'static str,
    /// Name of the engine behind the tools (`snowflake`, `demo`).
    pub engine: &'static str,
    /// Whether that engine calls statements by the request ids that the server draws.
    pub has_own_ids: bool,
    /// Why no call can succeed, where that is known from the start (settings that are missing).
    pub engine_missing: Option<String>,
    /// Whether the login is looked at when health is asked for and no call has told of it lately.
    pub probes_logins: bool,
    /// Names of the connections, where there are several.
    pub connections: Vec<Arc<str>>,
    /// Which values of `Host` are served.
    pub hosts: HostRule,
    /// Origins of web pages that may read answers (CORS). Loopback origins pass the Origin check without being here.
    pub origins: Vec<String>,
    /// Proxies whose word on who is behind them counts.
    pub trusted_proxies: Networks,
    /// Bearer keys.
    pub keys: KeyRing,
    /// Whether callers are asked who they are even while there is no key. With a key they always are.
    pub is_guarded: bool,
    /// Whether clients come by TLS.
    pub is_tls: bool,
    /// What callers may use who have no quota of their own.
    pub quota: Quota,
    /// Whose tokens are accepted (OAuth 2.1); `None`: nobody's.
    pub resource: Option<Resource>,
    /// Where callers bring their own logins to the database; `None`: nowhere.
    pub logins: Option<Rule>,
    /// Path of the metrics route; `None` switches it off.
    pub metrics_path: Option<String>,
    /// Whether there is an audit log, and what is done when it cannot be written.
    pub audit: Option<WhenFull>,
}

/// Which values of `Host` are served (DNS rebinding: a page's own name must not lead to a loopback server).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// Any: the server is reached from other machines by names it cannot know.
    Any,
    /// Loopback names and these.
    LoopbackAnd(Vec<String>),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            version: env!("CARGO_PKG_VERSION"),
            engine: "demo",
            has_own_ids: true,
            engine_missing: None,
            probes_logins: false,
            connections: Vec::new(),
            hosts: HostRule::LoopbackAnd(Vec::new()),
            origins: Vec::new(),
            trusted_proxies: Networks::default(),
            keys: KeyRing::default(),
            is_guarded: false,
            is_tls: false,
            quota: Quota::default(),
            resource: None,
            logins: None,
            metrics_path: Some("/metrics".to_owned()),
            audit: None,
        }
    }
}
