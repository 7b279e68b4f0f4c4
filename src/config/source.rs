//! Where settings come from, in this order: flags, what the environment says of one connection, the Snowflake tools'
//! files and the connections of our own file, the environment, `.env` in the working directory, the settings of our own
//! file, defaults.
//!
//! Every value that is found knows its place, so that an error can say `SNOWFLAKE_PORT=abc (.env): …`. This is the
//! only file that reads the environment and files; everything behind it works on what was found.
//!
//! An empty value counts as unset: `SNOWFLAKE_ROLE=` is what a compose file writes for a variable nobody filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::files::{Files, ToolsFile};
use super::setting::{self, ALL, INEFFECTIVE, POLICY, Setting};
use super::{Error, Note};

/// Everything that was set, before it is read.
#[derive(Clone, Default)]
pub struct Sources {
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    file_trouble: Option<String>,
    files: Files,
    file_error: Option<String>,
    file_notes: Vec<Note>,
    container_token: Option<&'static str>,
    home: Option<PathBuf>,
    policy: Option<(Found, Result<String, String>)>,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment of the process, for one connection by name.
    NamedEnvironment,
    /// A file of the Snowflake tools.
    Tools,
    /// A connection in our own file.
    OwnConnection,
    /// The environment of the process.
    Environment,
    /// `.env` in the working directory.
    File,
    /// The settings in our own file.
    Own,
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
            ..Self::default()
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
            home: std::env::var_os("HOME").map(PathBuf::from),
            ..Self::new(flags, environment, file)
        };
        sources.read_files();
        sources.policy = sources.find(&POLICY).map(|found| {
            let text = read_policy(Path::new(&found.value));
            (found, text)
        });
        sources
    }

    /// These sources with this directory for `~`.
    pub fn with_home(mut self, home: &Path) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    /// These sources with `text` for the file that the setting of the policy names.
    pub fn with_policy(mut self, text: &str) -> Self {
        self.policy = self.find(&POLICY).map(|found| (found, Ok(text.to_owned())));
        self
    }

    /// The same, with the policy file read again.
    #[must_use]
    pub fn with_policy_again(&self) -> Self {
        let read = |(found, _): &(Found, _)| {
            let text = read_policy(Path::new(&found.value));
            (found.clone(), text)
        };
        Self {
            policy: self.policy.as_ref().map(read),
            ..self.clone()
        }
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
        self.of_all(setting)
    }

    /// What is set for `setting` without regard to connections and flags.
    fn of_all(&self, setting: &Setting) -> Option<Found> {
        let found = |name: &str, value: &String, origin| Found {
            name: name.to_owned(),
            value: value.clone(),
            origin,
        };
        let sources = [
            (&self.environment, Origin::Environment),
            (&self.file, Origin::File),
        ];
        let set = sources.into_iter().find_map(|(source, origin)| {
            let mut names = setting.names.iter();
            names.find_map(|name| Some(found(name, source.get(*name)?, origin)))
        });
        set.or_else(|| {
            let mut names = setting.names.iter();
            names.find_map(|name| Some(found(name, self.files.setting(name)?, Origin::Own)))
        })
    }

    /// Where the settings of one connection are found.
    pub(super) fn place<'a>(&'a self, connection: Option<&'a str>) -> Place<'a> {
        Place {
            sources: self,
            connection,
        }
    }

    /// Whether a connection is set in any place.
    pub(super) fn has_connection(&self, name: &str) -> bool {
        let place = self.place(Some(name));
        let in_environment = || {
            ALL.iter()
                .any(|setting| place.of_name(setting, &self.environment).is_some())
        };
        self.files.connection_names().contains(name) || in_environment()
    }

    /// Names of the connections in files.
    pub(super) fn connection_names(&self) -> Vec<&str> {
        self.files.connection_names().into_iter().collect()
    }

    /// The connection of the tools' files that is used when nobody names one, if there is such a one.
    pub(super) fn default_connection(&self) -> Option<&str> {
        let is_placed = [&setting::ACCOUNT, &setting::SNOWFLAKE_HOST]
            .into_iter()
            .any(|setting| self.find(setting).is_some());
        let name = self.files.default_name();
        (!is_placed && self.has_connection(name)).then_some(name)
    }

    /// The token that Snowflake gives to a container, where this is one.
    pub(super) fn container_token(&self) -> Option<&'static str> {
        self.container_token
    }

    /// What there is to say about the configuration files.
    pub(super) fn file_notes(&self) -> &[Note] {
        &self.file_notes
    }

    /// Whether the configuration files can be used.
    ///
    /// # Errors
    /// [`Error::File`]: one that is missing, broken, or that other users may change.
    pub(super) fn check_files(&self) -> Result<(), Error> {
        match &self.file_error {
            Some(error) => Err(Error::File(error.clone())),
            None => Ok(()),
        }
    }

    /// These sources with `text` for our own file.
    pub fn with_own_file(mut self, text: &str) -> Self {
        self.file_error = self.files.add_own(text).err();
        self
    }

    /// These sources with the texts of the Snowflake tools' `connections.toml` and `config.toml`, where they are wanted.
    pub fn with_tools_files(mut self, connections: &str, config: &str) -> Self {
        if self.wants_tools_files() {
            let added = self
                .files
                .add_tools(ToolsFile::Connections, connections)
                .and_then(|()| self.files.add_tools(ToolsFile::Config, config));
            self.file_error = self.file_error.or_else(|| added.err());
        }
        self
    }

    /// The tools' files are read when a connection is named, or when the environment does not say where Snowflake is: four
    /// variables mean what they say, whatever the user's tools are set to.
    fn wants_tools_files(&self) -> bool {
        let is_set = |setting| self.find(setting).is_some();
        is_set(&setting::CONNECTION)
            || is_set(&setting::CONNECTIONS)
            || !(is_set(&setting::ACCOUNT) || is_set(&setting::SNOWFLAKE_HOST))
    }

    /// Reads our own file and, where they are wanted, the tools'. What is wrong with them is kept until somebody needs
    /// them.
    fn read_files(&mut self) {
        self.file_error = self.try_read_files().err();
        let both = self.files.in_both().map(|name| {
            Note::info(format!(
                "connection {name} stands in connections.toml and in config.toml: connections.toml wins, key by key"
            ))
        });
        self.file_notes.extend(both);
        self.container_token = Path::new(CONTAINER_TOKEN).exists().then_some(CONTAINER_TOKEN);
    }

    fn try_read_files(&mut self) -> Result<(), String> {
        // What `.env` of somebody's project names is not read.
        let path_of = |setting: &Setting| {
            let found = self.find(setting)?;
            (found.origin != Origin::File).then_some(found.value)
        };
        let is_silent = path_of(&setting::SKIP_READ_WARNING).is_some_and(|value| value != "false");
        if let Some(path) = path_of(&setting::CONFIG) {
            let text = read_checked(Path::new(&path), is_silent, &mut self.file_notes)?;
            let text = text.ok_or_else(|| format!("{path} is not there: check --config"))?;
            self.files
                .add_own(&text)
                .map_err(|wrong| format!("{path}: {wrong}"))?;
        }
        if !self.wants_tools_files() {
            return Ok(());
        }
        let named = self.environment.get(setting::TOOLS_HOME.names[0]);
        let system = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let is_there = |path: &Path| path.is_dir();
        let Some(directory) = tools_directory(named.map(String::as_str), self.home.clone(), system, is_there)
        else {
            return Ok(());
        };
        for file in [ToolsFile::Connections, ToolsFile::Config] {
            let path = directory.join(file.name());
            if let Some(text) = read_checked(&path, is_silent, &mut self.file_notes)? {
                self.files
                    .add_tools(file, &text)
                    .map_err(|wrong| format!("{}: {wrong}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Names set in the environment or the file that are settings of this program, or look as if they were meant
    /// to be. Each once, in order.
    pub fn names(&self) -> Vec<&str> {
        let set = self.environment.keys().chain(self.file.keys());
        let mut names: Vec<_> = set.chain(self.files.setting_names()).collect();
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
            Self::NamedEnvironment | Self::Environment => "environment",
            Self::Tools => "connection file",
            Self::File => ".env",
            Self::OwnConnection | Self::Own => "configuration file",
        })
    }
}

/// The settings of one connection, or of the only one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    sources: &'a Sources,
    connection: Option<&'a str>,
}

impl Place<'_> {
    /// What is set for `setting` in this connection: what names it goes before what is for all.
    pub(super) fn find(&self, setting: &Setting) -> Option<Found> {
        let all = self.sources.find(setting);
        if setting.keys.is_empty() || all.as_ref().is_some_and(|found| found.origin == Origin::Flag) {
            return all;
        }
        let environment = || self.of_name(setting, &self.sources.environment);
        let file = || {
            let found = self.of_name(setting, &self.sources.file)?;
            let has_better = all
                .as_ref()
                .is_some_and(|found| found.origin == Origin::Environment);
            (!has_better).then_some(Found {
                origin: Origin::File,
                ..found
            })
        };
        environment()
            .or_else(|| self.of_files(setting, Files::of_tools, Origin::Tools))
            .or_else(|| self.of_files(setting, Files::of_own, Origin::OwnConnection))
            .or_else(file)
            .or(all)
    }

    /// The token that Snowflake gives to a container, where this is one.
    pub(super) fn container_token(&self) -> Option<&'static str> {
        self.sources.container_token()
    }

    /// The name of a file with the directory that `~` stands for, which no shell puts there in a configuration file.
    pub(super) fn expanded(&self, found: Found) -> Found {
        let path = expanded(&found.value, self.sources.home.as_deref());
        let value = path.to_str().map(str::to_owned);
        Found {
            value: value.unwrap_or(found.value),
            ..found
        }
    }

    fn of_name(&self, setting: &Setting, source: &BTreeMap<String, String>) -> Option<Found> {
        let connection = self.connection?.to_ascii_uppercase().replace('-', "_");
        setting.keys.iter().find_map(|key| {
            let name = format!("{OF_CONNECTION}{connection}_{}", key.to_ascii_uppercase());
            let value = source.get(&name)?.clone();
            let origin = Origin::NamedEnvironment;
            Some(Found { name, value, origin })
        })
    }

    fn of_files(
        &self,
        setting: &Setting,
        look: fn(&Files, &str, &str) -> Option<String>,
        origin: Origin,
    ) -> Option<Found> {
        let connection = self.connection?;
        setting.keys.iter().find_map(|key| {
            let value = look(&self.sources.files, connection, key)?;
            let name = format!("{connection}.{key}");
            Some(Found { name, value, origin })
        })
    }
}

/// What stands before the name of a connection and a key of it in the environment.
pub(super) const OF_CONNECTION: &str = "SNOWFLAKE_CONNECTIONS_";
/// Where Snowflake puts a container's token, and keeps it fresh.
const CONTAINER_TOKEN: &str = "/snowflake/session/token";

/// Where the Snowflake tools keep their files, by their rules: `SNOWFLAKE_HOME` or `~/.snowflake` if it is there, else the
/// system's place for configuration.
fn tools_directory(
    named: Option<&str>,
    home: Option<PathBuf>,
    system: Option<PathBuf>,
    is_there: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let own = expanded(named.unwrap_or("~/.snowflake"), home.as_deref());
    if is_there(&own) {
        return Some(own);
    }
    let system = if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Application Support"))
    } else {
        system.or_else(|| home.map(|home| home.join(".config")))
    };
    system.map(|system| system.join("snowflake"))
}

fn expanded(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(text),
    }
}

/// The text of a configuration file, if it is there.
fn read_checked(path: &Path, is_silent: bool, notes: &mut Vec<Note>) -> Result<Option<String>, String> {
    use std::io::Read;

    let shown = path.display();
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{shown} cannot be read ({})", error.kind())),
    };
    let mode = file.metadata().map_or(0, |metadata| mode_of(&metadata));
    if mode & 0o022 != 0 {
        return Err(format!(
            "{shown} has mode {mode:03o}: other users of this machine may change it, and with it where credentials go; chmod 600 it"
        ));
    }
    if mode & 0o044 != 0 && !is_silent {
        notes.push(Note::warn(format!(
            "{shown} has mode {mode:03o}: other users of this machine may read it; chmod 600 it"
        )));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| format!("{shown} cannot be read ({})", error.kind()))?;
    Ok(Some(text))
}

#[cfg(unix)]
fn mode_of(metadata: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode_of(_metadata: &std::fs::Metadata) -> u32 {
    0
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
mod tests;
