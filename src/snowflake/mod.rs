//! Snowflake as a [`Backend`]: the SQL API (version 2) over blocking HTTP.
//!
//! Every statement is sent with `async=true` and polled, so a handle is always in hand, cancel always works and no
//! exchange is longer than a poll. It knows nothing of MCP, of connections of clients or of threads: a worker calls
//! [`Backend::step`], and between two steps everything that was reached travels inside the job.
//!
//! ```text
//!              ┌──────────── lost answer, 429, 5xx: the same request id, retry=true ───────────┐
//!              ▼                                                                               │
//!   Submit ── POST ─┬─ 202 ─► Poll ── GET ─┬─ 202 ─► (25 … 2000 ms) ─► Poll                    │
//!              │    └─ 200 ───────────────┐└─ 200 ─┐                                           │
//!              └───────────────────────── │ ────── │ ──────────────────────────────────────────┘
//!                                         ▼        ▼
//!                                   rows of partition 0 ─► Fetch ── GET partition ─► … ─► Submit (next) | Done
//!
//!   cancelled, or out of time:  Submit (answer lost) ─► Recover (POST again) ─► Cancel ── POST cancel ─► Done
//! ```
//!
//! | file | changes when |
//! |---|---|
//! | `settings` | accounts and hosts are named differently |
//! | `http` | a limit of an exchange changes |
//! | `network`, `names` | ureq changes; another way out of this machine is needed; names are looked up in another way |
//! | `skew` | clocks are compared in another way |
//! | `retry`, `poll` | another failure turns out to pass; waiting costs more or less |
//! | `breaker`, `budget` | an outage is met in another way |
//! | `auth` | another way to log in comes |
//! | `client` | an HTTP status means something else |
//! | `statement`, `submission` | the life of a statement changes; what is sent for it |
//! | `ahead` | more or less is asked for before it is its turn |
//! | `answer`, `partition`, `decode` | the form of results, partitions, cells changes |
//! | `error` | Snowflake gets a new code |
//! | `fuzz` | something else must hold of every answer |

mod ahead;
mod answer;
mod auth;
mod breaker;
mod budget;
mod client;
mod decode;
mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
mod names;
mod network;
mod partition;
mod poll;
mod retry;
pub mod settings;
mod skew;
mod statement;
mod submission;

pub use auth::{KeyError, SigningKey};
pub use network::Network;
pub use settings::{
    Authentication, ClientCredentials, ConfigError, KeySource, Protocol, Settings, TokenKind,
};

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::backend::{Backend, CancelToken, Job, Step};
use crate::entropy::Entropy;
use crate::time::Clock;
use ahead::Allowance;
use auth::Credentials;
use client::Client;
use http::{HttpClient, UreqClient};
use settings::Endpoint;
use skew::Skew;
use statement::{Run, Stepper, Turn};

/// A Snowflake account.
pub struct Snowflake {
    client: Arc<Client>,
}

impl Snowflake {
    /// An account, reached over the network. Nothing is connected, read or signed before the first step.
    ///
    /// # Errors
    /// A setting that cannot work whatever Snowflake says.
    pub fn new(
        settings: Settings,
        clock: Box<dyn Clock + Send + Sync>,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, ConfigError> {
        let endpoint = Endpoint::of(&settings)?;
        let http = UreqClient::new(&endpoint, &settings.network, settings.idle_connections_max)?;
        let http = Box::new(http);
        Self::with_http(settings, http, clock, entropy)
    }

    /// An account behind `http`, for a test that scripts the answers.
    ///
    /// # Errors
    /// As [`Snowflake::new`].
    pub fn with_http(
        settings: Settings,
        http: Box<dyn HttpClient>,
        clock: Box<dyn Clock + Send + Sync>,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, ConfigError> {
        let endpoint = Endpoint::of(&settings)?;
        let credentials = Credentials::new(&settings, &endpoint.account_claim)?;
        Ok(Self {
            client: Arc::new(Client {
                http,
                credentials,
                callers_kind: settings.callers_kind,
                host: endpoint.host,
                skew: Skew::default(),
                gate: Mutex::default(),
                budget: Mutex::default(),
                ahead: Allowance::new(settings.partitions_ahead_max),
                context: settings.context,
                clock,
                entropy: Mutex::new(entropy),
            }),
        })
    }
}

impl fmt::Debug for Snowflake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Snowflake")
            .field("host", &self.client.host)
            .finish_non_exhaustive()
    }
}

impl Backend for Snowflake {
    /// One HTTP exchange at most, besides those that are made ahead of it. It is not interrupted by a cancel, except while
    /// rows are read: it is short, and the next step sees the token.
    fn step(&self, mut job: Job, cancel: &CancelToken) -> Step {
        let carried = job.reached.carried.take().and_then(|any| any.downcast().ok());
        let mut run: Box<Run> = carried.unwrap_or_else(|| Box::new(Run::new(&self.client, &mut job)));
        let turn = Stepper {
            client: &self.client,
            work: &job.work,
            request_id: job.request_id,
            handle: &mut job.reached.handle,
            run: &mut run,
            cancel,
            is_ending: false,
        }
        .turn();
        match turn {
            Turn::Done(outcome) => Step::Done(Box::new(job), outcome.map(|()| run.into_results())),
            Turn::Again { after, progress } => {
                job.reached.stage = run.stage();
                job.reached.row_bytes = run.row_bytes();
                // Only the last statement of a job is one to be come back for.
                let is_last = job.work.follow.is_none() && job.work.statements.len() <= 1;
                job.reached.goes_on_alone = is_last && job.reached.handle.is_some();
                job.reached.carried = Some(run);
                Step::Again {
                    job: Box::new(job),
                    after,
                    progress,
                }
            }
        }
    }
}
