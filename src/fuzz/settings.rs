//! Settings from a `.env` file and from the environment.

use crate::config::source::Sources;
use crate::config::{Config, Transport};

/// Settings are read or refused in words, and nothing that is shown holds the value of a secret.
pub fn settings(bytes: &[u8]) {
    assert_shown(&Sources::default().with_file(bytes), None);
    let text = String::from_utf8_lossy(bytes);
    assert_shown(&Sources::default().with_own_file(&text), None);
    let named = [("--connection", "a".to_owned())];
    assert_shown(&Sources::new(named, [], []).with_tools_files(&text, &text), None);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let environment = pairs.map(|(name, value)| {
        let mark = if SECRETS.contains(&name) { CANARY } else { "" };
        (name.to_owned(), format!("{value}{mark}"))
    });
    assert_shown(&Sources::new([], environment, []), Some(CANARY));
}

fn assert_shown(sources: &Sources, secret: Option<&str>) {
    let mut shown = format!("{sources:?} {:?}", sources.file_trouble());
    for transport in [Transport::Http, Transport::Stdio] {
        for demo in [false, true] {
            shown.push_str(&match Config::read(sources, transport, demo) {
                Ok(config) => {
                    assert_eq!(config.limits.check(), Ok(()), "{config:?}");
                    format!("{config:?}")
                }
                Err(error) => {
                    let sentence = error.to_string();
                    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
                    format!("{error:?} {sentence}")
                }
            });
        }
    }
    assert!(
        secret.is_none_or(|secret| !shown.contains(secret)),
        "a secret is shown: {shown}"
    );
}

/// Names whose values are never shown.
const SECRETS: [&str; 11] = [
    "API_KEYS",
    "SNOWFLAKE_MCP_TOKEN_KEY",
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
    "SNOWFLAKE_PRIVATE_KEY_FILE_PWD",
    "SNOWFLAKE_PAT",
    "SNOWFLAKE_TOKEN",
    "SNOWFLAKE_PASSCODE",
    "SNOWFLAKE_OAUTH_CLIENT_SECRET",
    "HTTPS_PROXY",
];
/// Put behind every secret, so that it is recognised wherever it turns up.
const CANARY: &str = "canary-3f9c1a";
