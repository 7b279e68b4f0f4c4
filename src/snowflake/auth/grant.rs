//! Tokens from an identity provider: OAuth client credentials (RFC 6749 section 4.4), fetched once for all who need one
//! and anew before they end.
//!
//! The step that finds that a token is due fetches it; every other one goes on with the old token while that holds, and
//! comes back later when there is none. So a provider that is slow holds one worker, for ten seconds at most (`issuer`),
//! and a provider that is away is asked again only after a pause.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::issuer::Issuer;
use super::{Bearer, Login, LoginError};
use crate::secret::Secret;
use crate::snowflake::settings::ClientCredentials;
use crate::time::Instant;

/// A client of an identity provider, and the token it was last given.
pub(in crate::snowflake) struct Grant {
    issuer: Box<dyn Issuer>,
    form: Secret,
    basic: Option<Secret>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Granted>,
    /// Somebody is fetching one.
    is_asking: bool,
    /// Why the last attempt failed, and until when that is taken for granted.
    failed: Option<(Instant, LoginError)>,
    generation: u64,
}

#[derive(Debug)]
struct Granted {
    secret: Secret,
    renew_at: Instant,
    ends_at: Instant,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Grant")
            .field("provider", &self.issuer.host())
            .finish_non_exhaustive()
    }
}

impl Grant {
    /// A client that asks `issuer`. Nothing is asked yet.
    pub(super) fn new(client: &ClientCredentials, issuer: Box<dyn Issuer>) -> Self {
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &client.scope {
            form.push_str("&scope=");
            encode(scope, &mut form);
        }
        let (mut id, mut secret) = (String::new(), String::new());
        encode(&client.id, &mut id);
        encode(client.secret.reveal(), &mut secret);
        let basic = if client.is_secret_in_body {
            form.push_str("&client_id=");
            form.push_str(&id);
            form.push_str("&client_secret=");
            form.push_str(&secret);
            None
        } else {
            Some(Secret::new(STANDARD.encode(format!("{id}:{secret}"))))
        };
        Self {
            issuer,
            form: Secret::new(form),
            basic,
            state: Mutex::default(),
        }
    }

    /// The token at `now`, or when to come back for it.
    ///
    /// # Errors
    /// The provider refuses or is away, and no token is left.
    pub(super) fn login(&self, now: Instant) -> Result<Login, LoginError> {
        let mut state = self.lock();
        let is_cooling = state.failed.as_ref().is_some_and(|(until, _)| now < *until);
        let generation = state.generation;
        let held = state.token.as_ref().filter(|token| now < token.ends_at);
        match held {
            Some(token) if now < token.renew_at || state.is_asking || is_cooling => {
                return Ok(Login::Ready(token.bearer(generation)));
            }
            None if state.is_asking => return Ok(Login::Pending(PENDING_PAUSE)),
            None if is_cooling => {
                let (_, error) = state.failed.clone().expect("it cools after a failure");
                return Err(error);
            }
            Some(_) | None => {}
        }
        state.is_asking = true;
        drop(state);
        let asking = Asking { grant: self };
        let answer = self.ask(now);
        drop(asking);
        let mut state = self.lock();
        match answer {
            Ok(token) => {
                state.token = Some(token);
                state.generation += 1;
                state.failed = None;
                Ok(Login::Pending(Duration::ZERO))
            }
            Err(error) => {
                state.failed = Some((now + FAILURE_PAUSE, error.clone()));
                match &state.token {
                    Some(token) if now < token.ends_at => {
                        log::warn!(
                            "{}; the token in hand is used to its end",
                            error.to_error().message
                        );
                        Ok(Login::Ready(token.bearer(state.generation)))
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// Takes note that the token of `generation` was refused.
    pub(super) fn forget(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.token = None;
        }
    }

    pub(super) fn login_hint(&self) -> String {
        format!(
            "the token comes from {}: compare its issuer, audience and user claim with the account's security integration (DESC SECURITY INTEGRATION)",
            self.issuer.host()
        )
    }

    fn ask(&self, now: Instant) -> Result<Granted, LoginError> {
        let host = self.issuer.host();
        let (status, body) = self
            .issuer
            .ask(&self.form, self.basic.as_ref())
            .map_err(|fault| LoginError::away(host, &fault))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match (status, token_of(&body)) {
            (200, Some(secret)) => {
                let life = life_of(&body);
                Ok(Granted {
                    secret,
                    renew_at: now + life * RENEW_PERCENT / 100,
                    ends_at: now + life,
                })
            }
            (429 | 500..=599, _) => Err(LoginError::ProviderAway {
                host: host.to_owned(),
                why: format!("HTTP {status}"),
            }),
            _ => Err(LoginError::NotGranted {
                host: host.to_owned(),
                answer: words_of(status, &body),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Granted {
    fn bearer(&self, generation: u64) -> Bearer {
        Bearer {
            token: self.secret.clone(),
            token_type: "OAUTH",
            generation,
        }
    }
}

/// While it lives, others know that somebody asks. Also a panic ends that.
struct Asking<'a> {
    grant: &'a Grant,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.grant.lock().is_asking = false;
    }
}

fn token_of(body: &Value) -> Option<Secret> {
    let token = body["access_token"].as_str()?;
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| Secret::new(token))
}

/// `expires_in` is a number of seconds; some providers write it as text, the RFC lets them leave it out.
fn life_of(body: &Value) -> Duration {
    let expires_in = &body["expires_in"];
    let seconds = expires_in
        .as_u64()
        .or_else(|| expires_in.as_f64().map(|seconds| seconds as u64))
        .or_else(|| expires_in.as_str()?.trim().parse().ok());
    let life = seconds.map_or(LIFE_UNSTATED, Duration::from_secs);
    life.clamp(LIFE_MIN, LIFE_MAX)
}

/// What the provider says (RFC 6749 section 5.2), on one line and not endless.
fn words_of(status: u16, body: &Value) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let said = format!("{} {}", text("error"), text("error_description"));
    let mut words = format!("HTTP {status}");
    let shown = said
        .chars()
        .filter(|character| !character.is_control())
        .take(WORDS_CHARS_MAX);
    let shown: String = shown.collect();
    if !shown.trim().is_empty() {
        words.push_str(": ");
        words.push_str(shown.trim().trim_end_matches('.'));
    } else if status == 200 {
        words.push_str(" without an access_token");
    }
    words
}

/// `application/x-www-form-urlencoded`, as the RFC wants it in the body and in Basic alike (section 2.3.1).
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(byte.into()),
            b' ' => into.push('+'),
            _ => {
                into.push('%');
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(digit.into(), 16).expect("four bits are a digit");
                    into.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
}

/// A token is renewed after so much of its life.
const RENEW_PERCENT: u32 = 90;
/// When a token does not say how long it lives: under what providers use.
const LIFE_UNSTATED: Duration = Duration::from_secs(600);
/// A token that has ended when it comes would be fetched for every request.
const LIFE_MIN: Duration = Duration::from_secs(10);
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How soon to look whether the token that somebody else fetches has come: a provider takes some 100 ms.
const PENDING_PAUSE: Duration = Duration::from_millis(50);
/// How long a failure is taken for granted: calls that come together ask a provider once.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);
const WORDS_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests;
