//! One exchange with Snowflake: log in, send, and say which of five things came of it.
//!
//! It knows tokens, statuses and faults; it does not know what the request was for, and never sends a second one.

use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ahead::Allowance;
use super::auth::{Bearer, Credentials, Login, LoginError};
use super::breaker::{Breaker, Held, Pass};
use super::budget::Budget;
use super::error::{self, Complaint};
use super::http::{Headers, HttpClient, Method, Request, Response};
use super::retry::{self, Failure};
use super::settings::TokenKind;
use super::skew::Skew;
use crate::backend::job::Context;
use crate::backend::{Error, Kind};
use crate::entropy::Entropy;
use crate::ident::Uuid;
use crate::secret::Login as SomebodysLogin;
use crate::time::{Clock, Now};

/// The parts that every job shares.
pub(super) struct Client {
    pub(super) http: Box<dyn HttpClient>,
    pub(super) credentials: Credentials,
    /// What callers' own tokens are.
    pub(super) callers_kind: TokenKind,
    /// For messages.
    pub(super) host: String,
    /// How far this machine's clock is off.
    pub(super) skew: Skew,
    /// Whether the account is left alone for a while, and why.
    pub(super) gate: Mutex<Gate>,
    /// What is left for repetitions.
    pub(super) budget: Mutex<Budget>,
    /// What may be asked for before it is its turn.
    pub(super) ahead: Arc<Allowance>,
    /// Where statements run that do not say so themselves.
    pub(super) context: Context,
    pub(super) clock: Box<dyn Clock + Send + Sync>,
    pub(super) entropy: Mutex<Box<dyn Entropy>>,
}

/// What stands before an account.
#[derive(Debug, Default)]
pub(super) struct Gate {
    breaker: Breaker,
    /// What the last failure said.
    last: String,
}

/// How an exchange is made.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// The login of whoever it is for; `None`: the server's own.
    pub(super) login: Option<Arc<SomebodysLogin>>,
    /// How long it may take in all.
    pub(super) patience: Duration,
    /// The login was renewed just now: a second refusal is meant.
    pub(super) has_renewed: bool,
    /// It ends something, so it is made also when the account is to be left alone.
    pub(super) is_urgent: bool,
}

/// What came of an exchange.
#[derive(Debug)]
pub(super) enum Reply {
    /// 200: what was asked for. The body is unread.
    Result(Response),
    /// 202: the statement runs.
    Running {
        /// Its handle.
        handle: Option<String>,
        /// When to ask again, where Snowflake says so.
        retry_after: Option<Duration>,
    },
    /// A failure that may pass.
    Failed {
        /// How it failed.
        failure: Failure,
        /// What to say when it does not pass.
        error: Error,
    },
    /// Nothing came of it for want of a login that holds; there will be one.
    Login(NextLogin),
    /// A failure that stays.
    Refused(Error),
}

/// When there will be a login to try again with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextLogin {
    /// At once: this one was refused as expired, and the next exchange takes another.
    Renewed,
    /// After this time: nothing was sent, a token is being fetched.
    Pending(Duration),
}

impl Client {
    /// Sends a request and waits for the head of its answer; a small answer is read whole.
    ///
    /// A login that is refused as expired is renewed unless that was just done.
    pub(super) fn exchange(&self, method: Method<'_>, target: &str, manner: &Manner) -> Reply {
        let before = self.clock.now();
        let now = Now {
            wall: self.skew.correct(before.wall),
            ..before
        };
        let login = match &manner.login {
            Some(login) => Ok(Login::Ready(Bearer::of_caller(login, self.callers_kind))),
            None => self.credentials.login(now),
        };
        let bearer = match login {
            Ok(Login::Ready(bearer)) => bearer,
            Ok(Login::Pending(after)) => return Reply::Login(NextLogin::Pending(after)),
            Err(error) => return self.without_login(&error),
        };
        // What a provider took to answer is over by now.
        let now = self.clock.now().monotonic;
        // The gate is open again before anybody says why it is not passed.
        let admitted = self.gate().breaker.admit(now);
        let pass = match admitted {
            Ok(pass) => pass,
            Err(_) if manner.is_urgent => Pass::Plain,
            Err(held) => return self.held(held),
        };
        let answer = self.http.exchange(&Request {
            method,
            target,
            bearer: &bearer.token,
            token_type: bearer.token_type,
            patience: manner.patience,
        });
        let now = self.clock.now();
        let elapsed_ms = now.monotonic.since(before.monotonic).as_millis();
        let reply = match answer {
            Ok(response) => {
                log::debug!("{target} answered HTTP {} after {elapsed_ms} ms", response.status);
                self.compare_clocks(&response.headers, now);
                self.judge(response, &bearer, now, manner)
            }
            Err(fault) => {
                log::debug!("{target} failed after {elapsed_ms} ms: {fault:?}");
                let error = error::of_fault(&fault, &self.host);
                match error::failure_of(&fault) {
                    Some(failure) => Reply::Failed { failure, error },
                    None => Reply::Refused(error),
                }
            }
        };
        self.note(pass, &reply, now);
        reply
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the breaker what came of the exchange.
    fn note(&self, pass: Pass, reply: &Reply, now: Now) {
        let mut gate = self.gate();
        match reply {
            Reply::Failed { failure, error } if failure.is_outage() => {
                let pause = gate.breaker.failed(pass, now.monotonic);
                gate.last.clone_from(&error.message);
                if let Some(pause) = pause {
                    log::warn!(
                        "{}: it is left alone for {} s, then one request finds out whether it is back",
                        error.message,
                        pause.as_secs()
                    );
                }
            }
            _ => {
                if gate.breaker.succeeded() {
                    log::info!("{} answers again", self.host);
                }
            }
        }
    }

    /// What comes of an exchange that is not made, because too many before it failed.
    fn held(&self, held: Held) -> Reply {
        let message = format!(
            "{}; it failed {} times in a row, so the next attempt is made in {} s",
            self.gate().last,
            held.failures,
            held.after.as_millis().div_ceil(1_000)
        );
        let error = Error {
            retry_after: Some(held.after),
            ..Error::new(Kind::Unavailable, message)
        };
        let failure = Failure::Held;
        Reply::Failed { failure, error }
    }

    /// Takes a repetition from the budget: how long it must wait at least, if it may be made at all.
    pub(super) fn take_repetition(&self) -> Option<Duration> {
        let now = self.clock.now().monotonic;
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.take(now)
    }

    fn judge(&self, response: Response, bearer: &Bearer, now: Now, manner: &Manner) -> Reply {
        let Response {
            status,
            headers,
            body,
        } = response;
        if status == 200 {
            return Reply::Result(Response {
                status,
                headers,
                body,
            });
        }
        let complaint = match read_small(body) {
            Ok(bytes) => Complaint::read(&bytes),
            // The status says enough, unless it is the handle that was lost.
            Err(_) if status != 202 => Complaint::default(),
            Err(why) => {
                return Reply::Failed {
                    failure: Failure::Lost,
                    error: error::of_fault(&super::http::Fault::Lost { why }, &self.host),
                };
            }
        };
        let retry_after = headers
            .retry_after
            .as_deref()
            .and_then(|text| retry::parse_retry_after(text, self.skew.correct(now.wall)));
        if status == 202 || (status == 429 && complaint.is_running()) {
            return Reply::Running {
                handle: complaint.handle,
                retry_after,
            };
        }
        let is_refused = status == 401 && complaint.is_about_token(status);
        // A caller's own cannot be renewed here.
        let may_renew = !manner.has_renewed && manner.login.is_none();
        if is_refused && may_renew && self.credentials.renew_after(bearer) {
            return Reply::Login(NextLogin::Renewed);
        }
        let error = Error {
            retry_after,
            ..self.with_login_hint((complaint, status), &headers, (now, manner.login.as_deref()))
        };
        match Failure::of_status(status) {
            Some(failure) => Reply::Failed { failure, error },
            None => Reply::Refused(error),
        }
    }

    /// What comes of an exchange for which there is no token.
    fn without_login(&self, why: &LoginError) -> Reply {
        let mut error = why.to_error();
        if let Some(path) = self.credentials.path() {
            error = error.with_detail(format!("file {}", path.display()));
        }
        if why.is_passing() {
            let failure = Failure::NotSent;
            return Reply::Failed { failure, error };
        }
        Reply::Refused(error)
    }

    fn compare_clocks(&self, headers: &Headers, now: Now) {
        let date = headers.date.as_deref().and_then(retry::parse_http_date);
        let told = date.and_then(|date| self.skew.learn(date, now.wall));
        if let Some(ahead_seconds) = told {
            let side = if ahead_seconds > 0 { "ahead of" } else { "behind" };
            log::warn!(
                "this machine's clock is {} s {side} Snowflake's: logins are signed by Snowflake's time until it is set right",
                ahead_seconds.unsigned_abs()
            );
        }
    }

    /// Says what to look at when a login was refused.
    fn with_login_hint(
        &self,
        (complaint, status): (Complaint, u16),
        headers: &Headers,
        (now, login): (Now, Option<&SomebodysLogin>),
    ) -> Error {
        let named = complaint.fingerprint().map(str::to_owned);
        let mut error = complaint.into_error(status);
        if error.kind != Kind::Login {
            return error;
        }
        if let Some(login) = login {
            error.message = format!(
                "{}; the token in the header {} has expired, or is not for this account or not of the kind that the operator set",
                error.message,
                login.field()
            );
            // What else is to be done about a login is done by the operator, whose this one is not.
            error.own_advice = Some(ADVICE_TO_CALLER);
            return error;
        }
        let hint = self.credentials.login_hint(named.as_deref());
        error.message = format!("{}; {hint}", error.message);
        let date = headers.date.as_deref().and_then(retry::parse_http_date);
        if let Some(date) = date {
            let skew_seconds = now.wall.as_seconds().cast_signed() - date.as_seconds().cast_signed();
            if skew_seconds.unsigned_abs() > SKEW_SECONDS_MAX {
                let side = if skew_seconds > 0 { "ahead of" } else { "behind" };
                error.message = format!(
                    "{}; this machine's clock is {} s {side} Snowflake's, correct it first",
                    error.message,
                    skew_seconds.unsigned_abs()
                );
            }
        }
        error
    }

    /// Both clocks.
    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// A number to draw a pause from.
    pub(super) fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        self.with_entropy(|entropy| entropy.fill(&mut bytes));
        u64::from_le_bytes(bytes)
    }

    /// A fresh request id.
    pub(super) fn uuid(&self) -> Uuid {
        self.with_entropy(|entropy| entropy.uuid())
    }

    fn with_entropy<T>(&self, draw: impl FnOnce(&mut (dyn Entropy + 'static)) -> T) -> T {
        let mut entropy = self.entropy.lock().unwrap_or_else(PoisonError::into_inner);
        draw(&mut **entropy)
    }
}

/// Whether a 200 that is no result, such as a cancel's, is Snowflake's and not the page of a proxy.
pub(super) fn is_confirmation(response: Response) -> bool {
    read_small(response.body).is_ok_and(|bytes| Complaint::read(&bytes).code.is_some())
}

/// Reads an answer that is no result; of a longer one, its beginning.
fn read_small(body: Box<dyn Read>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match body.take(SMALL_BYTES_MAX).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

/// A complaint quotes at most the statement, of which only the beginning is told anyway.
const SMALL_BYTES_MAX: u64 = 256 << 10;
const ADVICE_TO_CALLER: &str =
    "Get a new token of your own and send it in that header. Calling again will not help until then.";
/// Snowflake tolerates about a minute.
const SKEW_SECONDS_MAX: u64 = 60;
