//! The command line: what can be typed, and its help. Values are only collected here; the configuration reads them,
//! so that a wrong number is told in the same words whether it stands in a flag, the environment or `.env`.

pub(crate) mod greeting;
pub(crate) mod parts;
pub(crate) mod policy;
pub(crate) mod probe;
pub(crate) mod show;
pub(crate) mod verify;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use snowflake_mcp::config::setting::{self, Setting};

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "snowflake-mcp",
    version,
    about = "Snowflake for MCP clients over HTTP, WebSocket and stdio",
    long_about = "Lets MCP clients (agents, editors, chat applications) query Snowflake, read-only, over HTTP, \
                  WebSocket and stdio. One process serves many clients at once.",
    after_help = EXAMPLES,
    after_long_help = long_help(),
    arg_required_else_help = true,
    max_term_width = 110,
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve many clients over HTTP and WebSocket
    #[command(next_line_help = true, after_help = HTTP_EXAMPLES)]
    Http(Serve),
    /// Serve the client that started this process, over standard input and output
    #[command(next_line_help = true, after_help = STDIO_EXAMPLES)]
    Stdio(Serve),
    /// Make keys for callers
    #[command(subcommand)]
    Key(KeyCommand),
    /// Ask a running server whether it is alive; exit code 0 if it is, 1 if not
    Health(Probe),
    /// Say what the settings come to
    #[command(subcommand)]
    Config(show::Settings),
    /// Check an audit log
    #[command(subcommand)]
    Audit(verify::Audit),
    /// Try out what the policy allows; needs no account
    #[command(subcommand)]
    Policy(Rehearsal),
}

/// What can be done with a policy.
#[derive(Debug, Subcommand)]
pub(crate) enum Rehearsal {
    /// Judge every statement of a file: verdict and reason; exit code 1 if one is refused
    #[command(next_line_help = true)]
    Test {
        /// File of SQL statements, separated by semicolons; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        of: PolicyOf,
    },
    /// Judge each line of standard input, and answer it with one line: allow, or deny RULE: reason
    #[command(next_line_help = true)]
    Check {
        /// Every line is a JSON string with one SQL text
        #[arg(long, required = true)]
        jsonl: bool,
        #[command(flatten)]
        of: PolicyOf,
    },
}

/// Which policy, and for whom.
#[derive(Debug, Args)]
pub(crate) struct PolicyOf {
    #[arg(long, value_name = "FILE", help = described(&setting::POLICY))]
    policy: Option<String>,
    #[arg(long, value_name = "KINDS", help = described(&setting::ALLOW_WRITE))]
    allow_write: Option<String>,
    /// Judge as for callers in this role
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,
    /// Judge as for callers with the key of this label
    #[arg(long, value_name = "LABEL")]
    pub(crate) key: Option<String>,
}

/// What both serving commands take.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Serve the embedded engine with sample data; no Snowflake account is needed
    #[arg(long)]
    pub(crate) demo: bool,
    #[arg(long, value_name = "ADDRESS", help = described(&setting::HOST))]
    host: Option<String>,
    #[arg(long, value_name = "PORT", help = described(&setting::PORT))]
    port: Option<String>,
    #[arg(long, value_name = "COUNT", help = described(&setting::WORKERS))]
    workers: Option<String>,
    #[arg(long, value_name = "ROWS", help = described(&setting::ROWS_MAX))]
    max_rows: Option<String>,
    #[arg(long, value_name = "SECONDS", help = described(&setting::CALL_WAIT))]
    wait: Option<String>,
    #[arg(long, value_name = "SECONDS", help = described(&setting::DRAIN_TIMEOUT))]
    drain_timeout: Option<String>,
    #[arg(long, value_name = "SECONDS", help = described(&setting::DRAIN_DELAY))]
    drain_delay: Option<String>,
    #[command(flatten)]
    statements: Statements,
    #[arg(long, value_name = "LEVEL", help = described(&setting::LOG_LEVEL))]
    log_level: Option<String>,
    #[arg(long, value_name = "NAME", help = described(&setting::CONNECTION))]
    connection: Option<String>,
    #[arg(long, value_name = "NAMES", help = described(&setting::CONNECTIONS))]
    connections: Option<String>,
    #[arg(long, value_name = "FILE", help = described(&setting::CONFIG))]
    config: Option<String>,
    #[arg(long, value_name = "FILE", help = described(&setting::TLS_CERTIFICATE))]
    tls_cert: Option<String>,
    #[arg(long, value_name = "FILE", help = described(&setting::TLS_KEY))]
    tls_key: Option<String>,
    #[arg(long, value_name = "FILE", help = described(&setting::TLS_CLIENT_CA))]
    tls_client_ca: Option<String>,
    #[arg(long, value_name = "FILE", help = described(&setting::KEY_FILE))]
    keys: Option<String>,
    #[arg(long, value_name = "NETWORKS", help = described(&setting::TRUSTED_PROXIES))]
    trusted_proxies: Option<String>,
    #[arg(long, help = described(&setting::PROXY_PROTOCOL))]
    proxy_protocol: bool,
    #[arg(long, value_name = "FILE", help = described(&setting::AUDIT_LOG))]
    audit_log: Option<String>,
    #[arg(long, help = described(&setting::ALLOW_UNAUTHENTICATED))]
    allow_unauthenticated: bool,
}

/// What can be done about keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key: prints it, once, and the line that makes a server accept it
    #[command(next_line_help = true, after_help = KEY_EXAMPLES)]
    New(NewKey),
}

/// What a new key is made for.
#[derive(Debug, Args)]
pub(crate) struct NewKey {
    /// Whose key it is: what logs call its holder. Keys with the same label are the same caller
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: String,
    /// The most that its holder may do; without it, everything that the server offers
    #[arg(long, value_name = "SCOPE", value_parser = ["snowflake:status", "snowflake:read", "snowflake:write"])]
    pub(crate) scope: Option<String>,
    /// Days until it expires; without it, never
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) expires: Option<u32>,
}

/// What is said about statements.
#[derive(Debug, Args)]
struct Statements {
    #[arg(long, value_name = "FILE", help = described(&setting::POLICY))]
    policy: Option<String>,
    #[arg(long, value_name = "KINDS", help = described(&setting::ALLOW_WRITE))]
    allow_write: Option<String>,
    #[arg(long, help = described(&setting::STRICT_ROLE))]
    strict_role: bool,
    #[arg(long, value_name = "BYTES", help = described(&setting::SCAN_BYTES_MAX))]
    max_scan_bytes: Option<String>,
    #[arg(long, value_name = "COUNT", help = described(&setting::PARTITIONS_MAX))]
    max_partitions: Option<String>,
    #[arg(long, value_name = "BYTES", help = described(&setting::SCAN_BYTES_UNASKED_MAX))]
    confirm_scan_bytes: Option<String>,
    #[arg(long, value_name = "COUNT", help = described(&setting::PARTITIONS_UNASKED_MAX))]
    confirm_partitions: Option<String>,
    #[arg(long, value_name = "WORD", help = described(&setting::UNEXPLAINED))]
    on_explain_failure: Option<String>,
}

impl Statements {
    fn flags(&self) -> Vec<(&'static str, String)> {
        let strict_role = self.strict_role.then(|| "true".to_owned());
        given(&[
            (&setting::POLICY, &self.policy),
            (&setting::ALLOW_WRITE, &self.allow_write),
            (&setting::STRICT_ROLE, &strict_role),
            (&setting::SCAN_BYTES_MAX, &self.max_scan_bytes),
            (&setting::PARTITIONS_MAX, &self.max_partitions),
            (&setting::SCAN_BYTES_UNASKED_MAX, &self.confirm_scan_bytes),
            (&setting::PARTITIONS_UNASKED_MAX, &self.confirm_partitions),
            (&setting::UNEXPLAINED, &self.on_explain_failure),
        ])
    }
}

impl PolicyOf {
    /// What was typed, by the flags' names in the settings' table.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        given(&[
            (&setting::POLICY, &self.policy),
            (&setting::ALLOW_WRITE, &self.allow_write),
        ])
    }
}

/// What the probe takes.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// What to ask; without it, /health of the server that the settings describe
    #[arg(long, value_name = "URL", conflicts_with_all = ["host", "port"])]
    pub(crate) url: Option<String>,
    /// Address of the server
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port of the server
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// How long to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = PROBE_SECONDS, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(crate) timeout: u64,
}

/// A server that is alive answers within milliseconds; container runtimes wait 30 s by default.
const PROBE_SECONDS: u64 = 5;

impl Serve {
    /// What was typed, by the flags' names in the settings' table.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = given(&[
            (&setting::HOST, &self.host),
            (&setting::PORT, &self.port),
            (&setting::WORKERS, &self.workers),
            (&setting::ROWS_MAX, &self.max_rows),
            (&setting::CALL_WAIT, &self.wait),
            (&setting::DRAIN_TIMEOUT, &self.drain_timeout),
            (&setting::DRAIN_DELAY, &self.drain_delay),
            (&setting::LOG_LEVEL, &self.log_level),
            (&setting::CONNECTION, &self.connection),
            (&setting::CONNECTIONS, &self.connections),
            (&setting::CONFIG, &self.config),
            (&setting::TLS_CERTIFICATE, &self.tls_cert),
            (&setting::TLS_KEY, &self.tls_key),
            (&setting::TLS_CLIENT_CA, &self.tls_client_ca),
            (&setting::KEY_FILE, &self.keys),
            (&setting::TRUSTED_PROXIES, &self.trusted_proxies),
            (&setting::AUDIT_LOG, &self.audit_log),
        ]);
        flags.extend(self.statements.flags());
        let said = |is_said: bool| is_said.then(|| "true".to_owned());
        flags.extend(given(&[
            (&setting::ALLOW_UNAUTHENTICATED, &said(self.allow_unauthenticated)),
            (&setting::PROXY_PROTOCOL, &said(self.proxy_protocol)),
        ]));
        flags
    }
}

impl Probe {
    /// What was typed, by the flags' names in the settings' table.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        given(&[(&setting::HOST, &self.host), (&setting::PORT, &self.port)])
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

fn given(flags: &[(&Setting, &Option<String>)]) -> Vec<(&'static str, String)> {
    let given = flags
        .iter()
        .filter_map(|(setting, value)| Some((setting.flag?, (*value).clone()?)));
    given.collect()
}

fn described(setting: &Setting) -> String {
    let (first, rest) = setting.meaning.split_at(1);
    let mut text = format!("{}{rest} [default: {}]", first.to_uppercase(), setting.default);
    if let Some(name) = setting.names.first() {
        // Writing to a String cannot fail.
        let _ = write!(text, " [env: {name}]");
    }
    text
}

const EXAMPLES: &str = "\
Examples:
  snowflake-mcp http --demo          sample data on http://127.0.0.1:8000/mcp
  snowflake-mcp stdio --demo         the same for a client that starts the process
  snowflake-mcp http                 Snowflake, by the variables below
  snowflake-mcp health               exit code 0 if that server is alive
  snowflake-mcp policy test FILE     which statements of a file would pass, and why not

Snowflake needs a key pair or a token:
  SNOWFLAKE_ACCOUNT=myorg-prod SNOWFLAKE_USER=ann SNOWFLAKE_PRIVATE_KEY_PATH=ann.p8
  SNOWFLAKE_ACCOUNT=myorg-prod SNOWFLAKE_TOKEN=…

Exit codes: 0 all calls were answered; 1 a call was cut off, or the start failed; 2 wrong usage.
SIGTERM and SIGINT drain first; a second one ends at once.";

const HTTP_EXAMPLES: &str = "\
Examples:
  snowflake-mcp http --demo --port 0            a free port; the first lines say which
  API_KEYS=$(openssl rand -hex 32) snowflake-mcp http --host 0.0.0.0
                                                for other machines, which then need the key
Every environment variable: snowflake-mcp --help";

const KEY_EXAMPLES: &str = "\
Examples:
  snowflake-mcp key new --label ann --scope snowflake:read --expires 90
      the first line is the key, for ann; append the second to the file of --keys and send SIGHUP
Further members of a line: calls, calls_per_minute, rows_per_day, bytes_per_day (whole numbers).
To exchange a key, make another with the same label, and take the old line out when its holder has it.";

const STDIO_EXAMPLES: &str = "\
Entry for a client's configuration:
  {\"mcpServers\":{\"snowflake\":{\"command\":\"snowflake-mcp\",\"args\":[\"stdio\",\"--demo\"]}}}
Every environment variable: snowflake-mcp --help";

fn long_help() -> String {
    let mut text =
        format!("{EXAMPLES}\n\nEnvironment (flags win; .env in the working directory is read last):\n");
    for setting in setting::ALL {
        for name in setting.names.iter().take(1) {
            let _ = writeln!(
                text,
                "  {name}\n      {} [default: {}]",
                setting.meaning, setting.default
            );
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn flags(line: &str) -> Result<Vec<(&'static str, String)>, clap::error::ErrorKind> {
        let arguments = Arguments::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())?;
        Ok(match arguments.command {
            Command::Http(serve) | Command::Stdio(serve) => serve.flags(),
            Command::Health(probe) => probe.flags(),
            Command::Key(KeyCommand::New(_)) => Vec::new(),
            Command::Policy(Rehearsal::Test { of, .. } | Rehearsal::Check { of, .. }) => of.flags(),
            Command::Audit(_) => Vec::new(),
            Command::Config(show::Settings::Show(serve)) => serve.flags(),
        })
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_settings_is_taken_by_both_serving_commands_and_no_other() {
        let mut expected: Vec<_> = setting::ALL.iter().filter_map(|setting| setting.flag).collect();
        expected.extend(["--demo", "--help"]);
        expected.sort_unstable();
        for name in ["http", "stdio"] {
            let mut command = Arguments::command();
            command.build();
            let command = command.find_subcommand(name).unwrap();
            let mut taken: Vec<_> = command
                .get_arguments()
                .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
                .collect();
            taken.sort_unstable();
            assert_eq!(taken, expected, "{name}");
        }
    }

    #[test]
    fn what_is_typed_is_passed_on_as_it_is() {
        assert_eq!(
            flags("snowflake-mcp stdio --port 8x --host localhost --allow-unauthenticated"),
            Ok(vec![
                ("--host", "localhost".to_owned()),
                ("--port", "8x".to_owned()),
                ("--allow-unauthenticated", "true".to_owned())
            ])
        );
        assert_eq!(flags("snowflake-mcp http --demo"), Ok(vec![]));
        assert_eq!(
            flags("snowflake-mcp health --port 1 --timeout 300"),
            Ok(vec![("--port", "1".to_owned())])
        );
    }

    #[test]
    fn wrong_usage_is_told_apart() {
        use clap::error::ErrorKind;
        assert_eq!(
            flags("snowflake-mcp http --prot 1"),
            Err(ErrorKind::UnknownArgument)
        );
        assert_eq!(flags("snowflake-mcp serve"), Err(ErrorKind::InvalidSubcommand));
        assert_eq!(
            flags("snowflake-mcp"),
            Err(ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
        );
        assert_eq!(
            flags("snowflake-mcp health --url x --port 1"),
            Err(ErrorKind::ArgumentConflict)
        );
        for seconds in ["0", "301", "5s"] {
            assert_eq!(
                flags(&format!("snowflake-mcp health --timeout {seconds}")),
                Err(ErrorKind::ValueValidation)
            );
        }
    }

    #[test]
    fn the_long_help_names_every_setting() {
        let help = Arguments::command().render_long_help().to_string();
        for name in setting::ALL.iter().filter_map(|setting| setting.names.first()) {
            assert!(help.contains(name), "{name}");
        }
    }
}
