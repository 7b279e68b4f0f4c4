//! Where settings come from, in this order: flags, the environment, `.env` in the working directory, defaults.
//!
//! Every value that is found knows its place, so that an error can say `SNOWFLAKE_PORT=abc (.env): …`. This is the
//! only file that reads the environment and the `.env` file; everything behind it works on what was found.
//!
//! An empty value counts as unset: `SNOWFLAKE_ROLE=` is what a compose file writes for a variable nobody filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::setting::{ALL, INEFFECTIVE, POLICY, Setting};

/// Everything that was set, before it is read.
#[derive(Clone, Default)]
pub struct Sources {
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    file_trouble: Option<String>,
    policy: Option<(Found, Result<String, String>)>,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment of the process.
    Environment,
    /// `.env` in the working directory.
    File,
}

/// A value and its place.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Flag or environment name, as it was written.
    pub name: String,
    /// The text, without surrounding white space; never empty.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

/// Largest `.env` that is read: a configuration is a few kilobytes, and a device or a log would never end.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl Sources {
    /// Sources made of what is given. `flags` are pairs of a flag of the settings' table and its text.
    pub fn new(
        flags: impl IntoIterator<Item = (&'static str, String)>,
        environment: impl IntoIterator<Item = (String, String)>,
        file: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            flags: flags.into_iter().collect(),
            environment: concerned(environment),
            file: concerned(file),
            file_trouble: None,
            policy: None,
        }
    }

    /// Reads the environment of the process, and `.env` in the working directory if there is one.
    ///
    /// A `.env` that cannot be read is told by [`Sources::file_trouble`] and otherwise ignored: an MCP client
    /// starts servers in any directory, and the file there may be another program's.
    pub fn from_process(flags: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, lossy(&value))));
        let (file, trouble) = read_file(Path::new(".env"));
        let mut sources = Self {
            file_trouble: trouble,
            ..Self::new(flags, environment, file)
        };
        sources.policy = sources.find(&POLICY).map(|found| {
            let text = read_policy(Path::new(&found.value));
            (found, text)
        });
        sources
    }

    /// These sources with `text` for the file that the setting of the policy names.
    pub fn with_policy(mut self, text: &str) -> Self {
        self.policy = self.find(&POLICY).map(|found| (found, Ok(text.to_owned())));
        self
    }

    /// The setting that names the policy file, and its text or why it cannot be read.
    pub fn policy_file(&self) -> Option<(&Found, Result<&str, &str>)> {
        let (found, text) = self.policy.as_ref()?;
        Some((found, text.as_deref().map_err(String::as_str)))
    }

    /// These sources with `text`, the bytes of a `.env`, for the file. Lines that are no `NAME=value` are left out
    /// and counted by [`Sources::file_trouble`].
    pub fn with_file(mut self, text: &[u8]) -> Self {
        let (file, trouble) = parse_file(text);
        self.file = concerned(file);
        self.file_trouble = trouble;
        self
    }

    /// What is set for `setting`: the flag, else the environment, else the file. Within one source the name that
    /// stands first in the table wins.
    pub fn find(&self, setting: &Setting) -> Option<Found> {
        if let Some(flag) = setting.flag
            && let Some(value) = self.flags.get(flag)
        {
            return Some(Found {
                name: flag.to_owned(),
                value: value.trim().to_owned(),
                origin: Origin::Flag,
            });
        }
        let sources = [
            (&self.environment, Origin::Environment),
            (&self.file, Origin::File),
        ];
        sources.into_iter().find_map(|(source, origin)| {
            setting.names.iter().find_map(|name| {
                Some(Found {
                    name: (*name).to_owned(),
                    value: source.get(*name)?.clone(),
                    origin,
                })
            })
        })
    }

    /// Names set in the environment or the file that are settings of this program, or look as if they were meant
    /// to be. Each once, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.environment.keys().chain(self.file.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(String::as_str).collect()
    }

    /// Names that `.env` sets and the environment does not.
    pub fn names_of_file(&self) -> Vec<&str> {
        let heard = |name: &&String| !self.environment.contains_key(*name);
        self.file.keys().filter(heard).map(String::as_str).collect()
    }

    /// Why `.env`, or a part of it, was not read. Never quotes the file: it may hold secrets.
    pub fn file_trouble(&self) -> Option<&str> {
        self.file_trouble.as_deref()
    }
}

impl fmt::Debug for Sources {
    /// Names only: values may be secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.names()).finish()
    }
}

impl fmt::Debug for Found {
    /// Without the value, which may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name, self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => ".env",
        })
    }
}

/// Prefixes by which a name is recognised as meant for this program.
const PREFIXES: [&str; 2] = ["SNOWFLAKE_", "MCP_"];

/// Keeps the pairs that concern this program and say something. The first of two equal names wins, as in a shell
/// that reads `.env` with dotenv.
fn concerned(pairs: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for (name, value) in pairs {
        let value = value.trim();
        if is_concerned(&name) && !value.is_empty() && !is_of_kubernetes(&name, value) {
            kept.entry(name).or_insert_with(|| value.to_owned());
        }
    }
    kept
}

fn is_concerned(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || ALL.iter().any(|setting| setting.names.contains(&name))
        || INEFFECTIVE.iter().any(|known| known.name == name)
}

/// Whether Kubernetes set this by itself. It gives every pod such variables for every service, and a service called
/// `mcp-server` or `snowflake-mcp` makes `MCP_SERVER_PORT=tcp://10.0.0.1:80`, which nobody meant as a setting.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let is_link = |protocol: &str| value.starts_with(protocol) && name.contains("_PORT");
    let is_part = |part: &str| name.contains(part) && name.contains("_PORT_");
    ["tcp://", "udp://"].into_iter().any(is_link)
        || ["_TCP_", "_UDP_"].into_iter().any(is_part)
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
}

fn lossy(value: &std::ffi::OsStr) -> String {
    value.to_string_lossy().into_owned()
}

type Pairs = Vec<(String, String)>;

fn read_file(path: &Path) -> (Pairs, Option<String>) {
    use std::io::Read;

    let text = std::fs::File::open(path).and_then(|file| {
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
        Ok(text)
    });
    match text {
        Ok(text) => parse_file(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Pairs::new(), None),
        Err(error) => (Pairs::new(), Some(format!("cannot be read ({})", error.kind()))),
    }
}

fn read_policy(path: &Path) -> Result<String, String> {
    use std::io::Read;

    let read = std::fs::File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    });
    read.map_err(|error| format!("the file cannot be read ({})", error.kind()))
}

fn parse_file(text: &[u8]) -> (Pairs, Option<String>) {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (mut pairs, mut bad_lines) = (Pairs::new(), 0);
    for line in dotenvy::Iter::new(text) {
        match line {
            Ok(pair) => pairs.push(pair),
            Err(_) => bad_lines += 1,
        }
    }
    let trouble = (bad_lines > 0).then(|| format!("has {bad_lines} line(s) that are not NAME=value"));
    (pairs, trouble)
}

#[cfg(test)]
mod tests {
    use super::super::setting::{PORT, ROLE};
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn found(sources: &Sources) -> Option<(String, Origin)> {
        sources.find(&PORT).map(|found| (found.value, found.origin))
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file() {
        let environment = pairs(&[("MCP_HTTP_PORT", "2")]);
        let file = pairs(&[("MCP_HTTP_PORT", "3")]);
        let all = Sources::new([("--port", "1".to_owned())], environment.clone(), file.clone());
        assert_eq!(found(&all), Some(("1".to_owned(), Origin::Flag)));
        let two = Sources::new([], environment, file.clone());
        assert_eq!(found(&two), Some(("2".to_owned(), Origin::Environment)));
        let one = Sources::new([], [], file);
        assert_eq!(found(&one), Some(("3".to_owned(), Origin::File)));
        assert_eq!(found(&Sources::default()), None);
    }

    #[test]
    fn an_alias_in_the_environment_beats_the_first_name_in_the_file() {
        let sources = Sources::new(
            [],
            pairs(&[("MCP_SERVER_PORT", "1")]),
            pairs(&[("MCP_HTTP_PORT", "2")]),
        );
        assert_eq!(found(&sources), Some(("1".to_owned(), Origin::Environment)));
        let both = Sources::new([], pairs(&[("MCP_SERVER_PORT", "1"), ("MCP_HTTP_PORT", "2")]), []);
        assert_eq!(found(&both), Some(("2".to_owned(), Origin::Environment)));
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let sources = Sources::new(
            [],
            pairs(&[("SNOWFLAKE_ROLE", "  ")]),
            pairs(&[("SNOWFLAKE_ROLE", "R")]),
        );
        assert_eq!(sources.find(&ROLE).map(|found| found.value), Some("R".to_owned()));
    }

    #[test]
    fn the_file_may_carry_quotes_comments_export_and_a_byte_order_mark() {
        let text =
            b"\xef\xbb\xbfexport SNOWFLAKE_USER=ann # who\n\nSNOWFLAKE_ROLE='READER'\nnot a line\nPATH=/x\n";
        let (pairs, trouble) = parse_file(text);
        let sources = Sources::new([], [], pairs);
        assert_eq!(sources.names_of_file(), ["SNOWFLAKE_ROLE", "SNOWFLAKE_USER"]);
        assert_eq!(
            sources.find(&ROLE).map(|found| found.value),
            Some("READER".to_owned())
        );
        assert_eq!(trouble.as_deref(), Some("has 1 line(s) that are not NAME=value"));
    }

    #[test]
    fn what_the_environment_sets_is_not_counted_for_the_file() {
        let sources = Sources::new(
            [],
            pairs(&[("SNOWFLAKE_ROLE", "R")]),
            pairs(&[("SNOWFLAKE_ROLE", "S")]),
        );
        assert!(sources.names_of_file().is_empty());
        assert_eq!(sources.names(), ["SNOWFLAKE_ROLE"]);
    }

    #[test]
    fn variables_that_kubernetes_makes_are_no_settings() {
        let made = pairs(&[
            ("MCP_SERVER_PORT", "tcp://10.0.0.1:80"),
            ("MCP_SERVER_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("SNOWFLAKE_MCP_PORT_8000_TCP_ADDR", "10.0.0.1"),
            ("SNOWFLAKE_MCP_SERVICE_HOST", "10.0.0.1"),
            ("SNOWFLAKE_MCP_SERVICE_PORT_HTTP", "8000"),
        ]);
        let sources = Sources::new([], made, []);
        assert_eq!(found(&sources), None);
        assert!(sources.names().is_empty(), "{sources:?}");
    }

    #[test]
    fn sources_show_names_and_no_values() {
        let sources = Sources::new([], pairs(&[("SNOWFLAKE_TOKEN", "hunter2")]), []);
        let shown = format!("{sources:?} {:?}", sources.find(&super::super::setting::TOKEN));
        assert!(
            shown.contains("SNOWFLAKE_TOKEN (environment)") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
