//! Secrets in the environment of every server that a test starts, searched for in all that it says. Shared by the tests that
//! start the binary, whoever its clients are.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use snowflake_mcp::config::setting;

/// What stands in every secret that the harness plants: no line, no answer and no document may hold it. What reads
/// the binary's words in a harness asks for it, so that every test does.
pub(crate) const PLANTED: &str = "planted-secret";

/// A secret for every setting that holds one and changes nothing in the embedded engine, unless the test sets it itself.
pub(crate) fn planted(arguments: &[&str], environment: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let is_set = |name: &&str| environment.iter().any(|(set, _)| set == name);
    let secrets = setting::ALL.iter().filter(|setting| setting.is_secret);
    secrets
        .filter_map(|setting| setting.names.first().copied())
        // The others change who may call, or what is called by which way.
        .filter(|name| arguments.contains(&"--demo") && name.starts_with("SNOWFLAKE_") && !is_set(name))
        .map(|name| (name, format!("{PLANTED}-{name}-0123456789-0123456789-0123456789")))
        .collect()
}

/// Asserts that `text` holds none of `secrets`, and none that was planted.
pub(crate) fn assert_no_secret(what: &str, text: &str, secrets: &[String]) {
    let found = secrets
        .iter()
        .map(String::as_str)
        .chain([PLANTED])
        .find(|secret| text.contains(secret));
    assert!(found.is_none(), "{what} holds the secret {found:?}: {text}");
}

/// The lines as they come, and all of them at the end.
pub(crate) fn lines_of(from: impl Read + Send + 'static) -> (Receiver<String>, JoinHandle<String>) {
    let (tell, said) = mpsc::channel();
    let hearing = thread::Builder::new().spawn(move || {
        let mut all = String::new();
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            all.push_str(&line);
            all.push('\n');
            let _ = tell.send(line);
        }
        all
    });
    (said, hearing.expect("a thread starts"))
}
