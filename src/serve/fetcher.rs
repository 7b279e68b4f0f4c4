//! Fetches what the server needs to know its callers: the key file from the disk, the keys of issuers over HTTPS.
//!
//! Runs on the thread `fetch`, and once at the start for the key file: one that cannot be read then ends the start; later
//! it leaves the keys as they were, because a slip in an editor must not lock everybody out, nor let anybody in.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;

use crate::access::KeyRing;
use crate::access::fetch::{Fetched, Fetcher, Wanted};
use crate::access::key_set::KeySet;
use crate::config::Rereading;
use crate::json;

/// Where the keys of callers come from.
#[derive(Debug)]
pub struct Callers {
    /// Keys that do not change while the program runs.
    pub fixed: KeyRing,
    /// A file of further ones.
    pub file: Option<PathBuf>,
    /// What is read again of what callers may do.
    pub policy: Option<Rereading>,
    /// Issuers of tokens, in the order in which the server counts them.
    pub issuers: Vec<Issuer>,
}

/// An issuer of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// As `iss` says it.
    pub name: Box<str>,
    /// Where its keys are; `None`: its metadata says.
    pub key_set_url: Option<Box<str>>,
}

impl Callers {
    /// All keys that are accepted now.
    ///
    /// # Errors
    /// Why the key file cannot be read, with the line.
    pub fn keys(&self) -> Result<KeyRing, String> {
        let Some(path) = &self.file else {
            return Ok(self.fixed.clone());
        };
        let told = |why: String| format!("the key file {}: {why}", path.display());
        let text = read(path).map_err(told)?;
        let ring = KeyRing::parse(&text).map_err(|error| told(error.to_string()))?;
        Ok(self.fixed.with(&ring))
    }

    fn key_set(&self, issuer: usize) -> Result<KeySet, String> {
        let issuer = self.issuers.get(issuer).ok_or("there is no such issuer")?;
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(FETCH_TIMEOUT))
            // An issuer says where its keys are; whoever it redirects to has not been named by the operator.
            .max_redirects(0)
            .build()
            .into();
        let url = match &issuer.key_set_url {
            Some(url) => url.to_string(),
            None => discover(&agent, &issuer.name)?,
        };
        KeySet::parse(&get(&agent, &url)?).map_err(|why| format!("{url}: {why}"))
    }
}

impl Fetcher for Callers {
    fn fetch(&self, wanted: Wanted) -> Fetched {
        match wanted {
            Wanted::Keys => Fetched::Keys(self.keys()),
            Wanted::Policy => Fetched::Policy(match &self.policy {
                Some(policy) => policy.rulings().map_err(|error| error.to_string()),
                None => Err("there is no policy file".to_owned()),
            }),
            Wanted::KeySet(issuer) => Fetched::KeySet(issuer, self.key_set(issuer)),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    match read {
        Ok(count) if count as u64 <= FILE_BYTES_MAX => Ok(text),
        Ok(_) => Err(format!("it has more than {FILE_BYTES_MAX} bytes")),
        Err(error) => Err(error.to_string()),
    }
}

/// Where an issuer's metadata says that its keys are: as OpenID Connect puts it, else as RFC 8414 does.
fn discover(agent: &Agent, issuer: &str) -> Result<String, String> {
    let issuer_path = issuer.trim_end_matches('/');
    let host_end = issuer_path
        .find("://")
        .and_then(|at| issuer_path[at + 3..].find('/').map(|slash| at + 3 + slash))
        .unwrap_or(issuer_path.len());
    let (host, path) = issuer_path.split_at(host_end);
    let places = [
        format!("{issuer_path}/.well-known/openid-configuration"),
        format!("{host}/.well-known/oauth-authorization-server{path}"),
    ];
    let mut why = String::new();
    for place in places {
        match get(agent, &place).and_then(|text| key_set_url(&text, issuer)) {
            Ok(url) => return Ok(url),
            Err(error) => why = format!("{place}: {error}"),
        }
    }
    Err(why)
}

fn key_set_url(text: &str, issuer: &str) -> Result<String, String> {
    let (mut url, mut name) = (None, None);
    let read = json::each_member(text, |member, value| match &*member {
        "jwks_uri" => url = json::text(value).map(|text| text.into_owned()),
        "issuer" => name = json::text(value).map(|text| text.into_owned()),
        _ => {}
    });
    read.map_err(|_| "the metadata is no JSON object".to_owned())?;
    // RFC 8414 section 3.3: else another issuer's metadata could be put in the place of this one's.
    if name.as_deref() != Some(issuer) {
        let name = name.unwrap_or_default();
        return Err(format!("the metadata is that of {name:?}, expected {issuer:?}"));
    }
    url.ok_or_else(|| "the metadata has no jwks_uri".to_owned())
}

fn get(agent: &Agent, url: &str) -> Result<String, String> {
    let mut answer = agent.get(url).call().map_err(|error| error.to_string())?;
    answer
        .body_mut()
        .with_config()
        .limit(FILE_BYTES_MAX)
        .read_to_string()
        .map_err(|error| error.to_string())
}

/// Both a key file of 1,000 lines and the key sets of the largest issuers are below a tenth of it.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Less than a request waits for keys (`token_keys_timeout`), so that its answer can say what went wrong.
const FETCH_TIMEOUT: Duration = Duration::from_secs(8);
