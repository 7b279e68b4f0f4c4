//! The [`Settings`] of the Snowflake client, from the names that its tools and predecessors use.
//!
//! Two kinds of trouble are kept apart. A value that cannot be meant (a port that is no number) refuses to start.
//! What is missing or cannot work, or is of a kind that the SQL API does not take (a password), comes back as a
//! sentence: the server starts and answers every call with it. Which texts are an account, a host or a key is known
//! by [`crate::snowflake`] alone; nothing here opens the key file or talks to anybody.

use std::path::PathBuf;

use super::setting as s;
use super::source::{Found, Origin, Place};
use super::{Error, value};
use crate::backend::job::Context;
use crate::secret::Secret;
use crate::snowflake::settings::is_snowflakes_or_local;
use crate::snowflake::{
    Authentication, ClientCredentials, KeySource, Network, Protocol, Settings, TokenKind,
};

/// A sentence that says why signing in is not possible yet. Lower-case start, no full stop.
type Incomplete = String;

const REGION_WITHOUT_NAME: &str = "us-west-2";
/// How to get a credential that works, for everyone who has another one.
const WAY_TO_A_TOKEN: &str = "make a programmatic access token in Snowflake \
    (ALTER USER name ADD PROGRAMMATIC ACCESS TOKEN name) and set SNOWFLAKE_TOKEN to it, \
    or register a key pair and set SNOWFLAKE_USER and SNOWFLAKE_PRIVATE_KEY_PATH";

/// Reads the settings. The inner `Err` is the sentence for every call.
pub(super) fn read(sources: &Place<'_>) -> Result<Result<Settings, Incomplete>, Error> {
    let (account, host) = (account(sources), sources.find(&s::SNOWFLAKE_HOST));
    let port = match sources.find(&s::SNOWFLAKE_PORT) {
        Some(found) => u16::try_from(value::number(&found, 1..=65_535)?).ok(),
        None => None,
    };
    let protocol = protocol(sources)?;
    let sign_in = SignIn::read(sources)?;
    let user = sign_in.user.clone();
    let is_placed = account.is_some() || host.is_some();
    let (authentication, origin) = match sign_in.authentication(is_placed) {
        Ok(authentication) => authentication,
        Err(sentence) => return Ok(Err(sentence)),
    };
    if !is_placed {
        return Ok(Err(
            "SNOWFLAKE_ACCOUNT is not set: the operator must set it, best as organization-account".to_owned(),
        ));
    }
    let settings = Settings {
        account,
        user,
        host: host.as_ref().map(|host| host.value.clone()),
        keeps_underscores: switch(sources, &s::UNDERSCORES)?,
        port,
        protocol,
        context: context(sources),
        network: network(sources),
        ..Settings::new("", authentication)
    };
    let destination = match settings.check() {
        Ok(destination) => destination,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let own = |setting| sources.find(setting);
    if let Some(host) = &host
        && is_redirected(host, &destination, origin)
    {
        return Ok(Err(redirected(host)));
    }
    let elsewhere = [own(&s::OAUTH_TOKEN_URL), own(&s::AUTHORITIES)];
    let of_project = |found: &&Found| found.origin == Origin::File && origin != Origin::File;
    if let Some(found) = elsewhere.iter().flatten().find(of_project) {
        return Ok(Err(redirected(found)));
    }
    Ok(Ok(settings))
}

/// The account, with its region where that stands elsewhere. Locators of the oldest region have none in the host.
fn account(sources: &Place<'_>) -> Option<String> {
    let account = sources.find(&s::ACCOUNT)?.value;
    match sources.find(&s::REGION) {
        Some(region) if !account.contains('.') && region.value != REGION_WITHOUT_NAME => {
            Some(format!("{account}.{}", region.value))
        }
        _ => Some(account),
    }
}

fn switch(sources: &Place<'_>, setting: &s::Setting) -> Result<bool, Error> {
    let found = sources.find(setting);
    found.map_or(Ok(false), |found| value::switch(&found))
}

fn redirected(found: &Found) -> Incomplete {
    format!(
        "{}={} comes from .env and the credential does not: a file in the working directory \
         must not choose who receives it; set both in the same place",
        found.name, found.value
    )
}

fn network(sources: &Place<'_>) -> Network {
    let without_proxy = sources.find(&s::NO_PROXY);
    let listed = without_proxy.as_ref().map(value::list).unwrap_or_default();
    Network {
        proxy: sources.find(&s::PROXY).map(|found| Secret::new(found.value)),
        without_proxy: listed.into_iter().map(str::to_owned).collect(),
        authorities: sources
            .find(&s::AUTHORITIES)
            .map(|found| PathBuf::from(found.value)),
    }
}

fn context(sources: &Place<'_>) -> Context {
    let text = |setting| sources.find(setting).map(|found: Found| found.value);
    Context {
        connection: None,
        database: text(&s::DATABASE),
        schema: text(&s::SCHEMA),
        warehouse: text(&s::WAREHOUSE),
        role: text(&s::ROLE),
        login: None,
    }
}

/// Whether `.env` names a host that is not Snowflake's while the credential comes from somewhere else.
///
/// An MCP client starts this program in the directory of whatever project is open. A project must not be able to
/// send the user's credential to a host of its choice. What is judged is the `destination`, the name that is connected
/// to, and not the text it was read from: `evil.example/a.snowflakecomputing.com` ends as Snowflake's hosts do.
fn is_redirected(host: &Found, destination: &str, credential: Origin) -> bool {
    host.origin == Origin::File && credential != Origin::File && !is_snowflakes_or_local(destination)
}

fn protocol(sources: &Place<'_>) -> Result<Protocol, Error> {
    let choices = [("https", Protocol::Https), ("http", Protocol::Http)];
    let found = sources.find(&s::SNOWFLAKE_PROTOCOL);
    found.map_or(Ok(Protocol::Https), |found| value::choice(&found, &choices))
}

/// What the settings say about signing in, before it is decided which way to go.
#[derive(Debug)]
struct SignIn {
    method: Option<Method>,
    user: Option<String>,
    key_text: Option<Found>,
    key_file: Option<Found>,
    passphrase: Option<Secret>,
    token: Option<Found>,
    access_token: Option<Found>,
    token_file: Option<Found>,
    client: Client,
    provider: Option<Found>,
    container_token: Option<&'static str>,
}

/// A client of an identity provider, as far as it is set.
#[derive(Debug)]
struct Client {
    id: Option<Found>,
    secret: Option<Found>,
    url: Option<Found>,
    scope: Option<Found>,
    is_in_body: bool,
}

/// What `SNOWFLAKE_AUTHENTICATOR` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    KeyPair,
    Token(TokenKind),
    ClientCredentials,
    /// Password, also with a second factor.
    Password,
    /// A browser or an identity provider.
    Interactive,
}

/// A way to sign in, and where the secret for it stands. What lies in a file outside of `.env` is never `.env`'s.
type Chosen = Result<(Authentication, Origin), Incomplete>;

impl SignIn {
    fn read(sources: &Place<'_>) -> Result<Self, Error> {
        let found = |setting| sources.find(setting);
        let path = |setting| found(setting).map(|found| sources.expanded(found));
        Ok(Self {
            method: method(sources)?,
            user: found(&s::USER).map(|found| found.value),
            key_text: found(&s::PRIVATE_KEY),
            key_file: path(&s::PRIVATE_KEY_PATH),
            passphrase: found(&s::PRIVATE_KEY_PASSPHRASE).map(|found| Secret::new(found.value)),
            token: found(&s::TOKEN),
            access_token: found(&s::ACCESS_TOKEN),
            token_file: path(&s::TOKEN_FILE),
            client: Client {
                id: found(&s::OAUTH_CLIENT_ID),
                secret: found(&s::OAUTH_CLIENT_SECRET),
                url: found(&s::OAUTH_TOKEN_URL),
                scope: found(&s::OAUTH_SCOPE),
                is_in_body: switch(sources, &s::OAUTH_IN_BODY)?,
            },
            provider: found(&s::WORKLOAD_PROVIDER),
            container_token: sources.container_token(),
        })
    }

    /// How to sign in, and where the secret for it stands.
    fn authentication(self, is_placed: bool) -> Chosen {
        match self.method {
            Some(Method::KeyPair) => self.key_pair(is_placed),
            Some(Method::Token(kind)) => self.token(kind),
            Some(Method::ClientCredentials) => self.client.authentication(),
            Some(Method::Interactive) => Err(format!(
                "this server cannot sign in through a browser, nobody sits in front of it: {WAY_TO_A_TOKEN}"
            )),
            Some(Method::Password) | None if self.has_key() => self.key_pair(is_placed),
            None if self.client.id.is_some() && self.client.url.is_some() => self.client.authentication(),
            Some(Method::Password) | None => {
                let kind = match (&self.token, &self.access_token) {
                    (Some(token), _) => token_kind(token),
                    (None, Some(_)) => TokenKind::ProgrammaticAccess,
                    (None, None) => TokenKind::OAuth,
                };
                self.token(kind)
            }
        }
    }

    fn has_key(&self) -> bool {
        self.key_text.is_some() || self.key_file.is_some()
    }

    fn key_pair(self, is_placed: bool) -> Chosen {
        let mut missing = Vec::new();
        if !is_placed {
            missing.push("SNOWFLAKE_ACCOUNT");
        }
        if self.user.is_none() {
            missing.push("SNOWFLAKE_USER");
        }
        if !self.has_key() {
            missing.push("SNOWFLAKE_PRIVATE_KEY_PATH");
        }
        if !missing.is_empty() {
            return Err(format!(
                "{} must be set by the operator to sign in with a key pair",
                missing.join(" and ")
            ));
        }
        let (key, origin) = match one_of(self.key_text, self.key_file, "key")? {
            (Some(text), _) => (KeySource::Text(Secret::new(text.value)), text.origin),
            (None, Some(file)) => (KeySource::File(PathBuf::from(file.value)), of_a_file(file.origin)),
            (None, None) => return Err(nothing_to_sign_in_with()),
        };
        let passphrase = self.passphrase;
        Ok((Authentication::KeyPair { key, passphrase }, origin))
    }

    fn token(self, kind: TokenKind) -> Chosen {
        if kind == TokenKind::WorkloadIdentity
            && let Some(provider) = &self.provider
            && !provider.value.eq_ignore_ascii_case("OIDC")
        {
            return Err(format!(
                "{}={} is not supported: set it to OIDC and SNOWFLAKE_TOKEN_FILE_PATH to the file of the workload's token, or sign in with a key pair",
                provider.name, provider.value
            ));
        }
        let is_named = self.method.is_some_and(is_token);
        let set = match (self.token, self.access_token) {
            (Some(token), _) => Some(token),
            (None, Some(token)) if is_named || is_access_token(&token) => Some(token),
            (None, Some(password)) if self.token_file.is_none() => {
                return Err(format!(
                    "{} holds no programmatic access token, and Snowflake's SQL API takes no passwords: {WAY_TO_A_TOKEN}",
                    password.name
                ));
            }
            (None, _) => None,
        };
        let (token, path, origin) = match one_of(set, self.token_file, "token")? {
            (Some(token), _) => (Some(Secret::new(token.value)), String::new(), token.origin),
            (None, Some(file)) => (None, file.value, of_a_file(file.origin)),
            (None, None) => match self.container_token {
                Some(path) if kind == TokenKind::OAuth => (None, path.to_owned(), Origin::Environment),
                _ => return Err(nothing_to_sign_in_with()),
            },
        };
        let authentication = match (token, kind) {
            (None, kind) => Authentication::TokenFile {
                path: PathBuf::from(path),
                kind,
            },
            (Some(token), TokenKind::ProgrammaticAccess) => Authentication::ProgrammaticAccessToken(token),
            (Some(token), TokenKind::OAuth) => Authentication::OAuth(token),
            (Some(token), TokenKind::WorkloadIdentity) => Authentication::WorkloadIdentity(token),
        };
        Ok((authentication, origin))
    }
}

impl Client {
    fn authentication(self) -> Chosen {
        let (id, secret, url) = match (self.id, self.secret, self.url) {
            (Some(id), Some(secret), Some(url)) => (id, secret, url),
            (id, secret, url) => {
                let names = [
                    (id.is_none(), "SNOWFLAKE_OAUTH_CLIENT_ID"),
                    (secret.is_none(), "SNOWFLAKE_OAUTH_CLIENT_SECRET"),
                    (url.is_none(), "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL"),
                ];
                let missing = names.iter().filter(|(is_missing, _)| *is_missing);
                let missing: Vec<_> = missing.map(|(_, name)| *name).collect();
                return Err(format!(
                    "{} must be set by the operator to sign in with OAuth client credentials",
                    missing.join(" and ")
                ));
            }
        };
        let client = ClientCredentials {
            token_url: url.value,
            id: id.value,
            secret: Secret::new(secret.value),
            scope: self.scope.map(|scope| scope.value),
            is_secret_in_body: self.is_in_body,
        };
        Ok((Authentication::ClientCredentials(Box::new(client)), secret.origin))
    }
}

/// Of a text and a file that hold the same thing, the one that stands in the higher place.
fn one_of(
    text: Option<Found>,
    file: Option<Found>,
    what: &str,
) -> Result<(Option<Found>, Option<Found>), Incomplete> {
    match (text, file) {
        (Some(text), Some(file)) if text.origin == file.origin => Err(format!(
            "{} and {} are both set: the operator must unset one, so that it is clear which {what} is meant",
            text.name, file.name
        )),
        (Some(text), Some(file)) if text.origin < file.origin => Ok((Some(text), None)),
        (Some(_), file @ Some(_)) => Ok((None, file)),
        other => Ok(other),
    }
}

/// Where a secret stands whose file is named at `origin`: `.env` may name a file that is not its own.
fn of_a_file(origin: Origin) -> Origin {
    match origin {
        Origin::File => Origin::Environment,
        other => other,
    }
}

fn is_token(method: Method) -> bool {
    matches!(method, Method::Token(_))
}

fn nothing_to_sign_in_with() -> Incomplete {
    format!("Snowflake is not set up, no credential is set: {WAY_TO_A_TOKEN}; --demo needs none of this")
}

fn method(sources: &Place<'_>) -> Result<Option<Method>, Error> {
    if let Some(found) = sources.find(&s::AUTHENTICATOR) {
        let text = found.value.to_ascii_lowercase();
        // Identity providers are named by their address.
        if text.starts_with("https://") {
            return Ok(Some(Method::Interactive));
        }
        let choices = [
            ("SNOWFLAKE_JWT", Method::KeyPair),
            (
                "PROGRAMMATIC_ACCESS_TOKEN",
                Method::Token(TokenKind::ProgrammaticAccess),
            ),
            ("OAUTH", Method::Token(TokenKind::OAuth)),
            ("OAUTH_CLIENT_CREDENTIALS", Method::ClientCredentials),
            ("WORKLOAD_IDENTITY", Method::Token(TokenKind::WorkloadIdentity)),
            ("snowflake", Method::Password),
            ("username_password_mfa", Method::Password),
            ("externalbrowser", Method::Interactive),
            ("OAUTH_AUTHORIZATION_CODE", Method::Interactive),
        ];
        return value::choice(&found, &choices).map(Some);
    }
    // The predecessor knew two ways: private_key, and a browser for every other text.
    Ok(sources
        .find(&s::AUTH_TYPE)
        .map(|found| match found.value.to_ascii_lowercase().as_str() {
            "private_key" | "key_pair" | "keypair" => Method::KeyPair,
            _ => Method::Interactive,
        }))
}

/// What a token is when nobody says: Snowflake's own OAuth tokens carry their version, everything else that
/// people keep in a variable is a programmatic access token.
fn token_kind(token: &Found) -> TokenKind {
    if token.value.starts_with("ver:") {
        TokenKind::OAuth
    } else {
        TokenKind::ProgrammaticAccess
    }
}

/// Whether the text is a programmatic access token rather than a password: their names say so, or they look like
/// one (a JWT: `eyJ` is `{"` in base64).
fn is_access_token(found: &Found) -> bool {
    found.name == "SNOWFLAKE_PAT" || (found.value.starts_with("eyJ") && found.value.matches('.').count() == 2)
}

#[cfg(test)]
mod tests;
