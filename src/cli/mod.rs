//! The command line: what can be typed, and its help. Values are only collected here; the configuration reads them,
//! so that a wrong number is told in the same words whether it stands in a flag, the environment or `.env`.

mod grammar;
pub(crate) mod greeting;
mod help;
pub(crate) mod parts;
pub(crate) mod policy;
pub(crate) mod probe;
pub(crate) mod show;
pub(crate) mod verify;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use snowflake_mcp::access::Scope;
use snowflake_mcp::config::setting;

pub(crate) use grammar::{Asked, WrongUsage};
use grammar::{Command, Flag, Kind, Leaf, Operand, PROGRAM, Typed};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Http(Serve),
    Stdio(Serve),
    NewKey(NewKey),
    Health(Probe),
    Show(Serve),
    Verify(Vec<PathBuf>),
    /// Judge the statements of a file.
    PolicyTest(PathBuf, PolicyOf),
    /// Judge each line of standard input.
    PolicyCheck(PolicyOf),
}

/// What the serving commands take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    /// The embedded engine with sample data.
    pub(crate) demo: bool,
    /// By the flags' names in the settings' table.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// What a new key is made for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewKey {
    pub(crate) label: String,
    /// The most that its holder may do.
    pub(crate) scope: Option<Scope>,
    /// Days until it expires.
    pub(crate) expires: Option<u32>,
}

/// Whom to ask for its health.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) url: Option<String>,
    pub(crate) timeout: Duration,
    /// By the flags' names in the settings' table.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// Which policy, and for whom.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PolicyOf {
    pub(crate) role: Option<String>,
    pub(crate) key: Option<String>,
    /// By the flags' names in the settings' table.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// Reads what stands behind the program's name.
///
/// # Errors
/// What is wrong with it, for standard error.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, WrongUsage> {
    grammar::read(&ROOT, arguments)
}

static ROOT: Command = Command {
    name: PROGRAM,
    about: "Lets MCP clients (agents, editors, chat applications) query Snowflake, read-only, over HTTP, WebSocket and\nstdio. \
            One process serves many clients at once.",
    kind: Kind::Group(&[
        Command {
            name: "http",
            about: "Serve many clients over HTTP and WebSocket",
            kind: leaf(SERVING, |typed| Ok(Run::Http(serve(typed)))),
            more: HTTP_EXAMPLES,
        },
        Command {
            name: "stdio",
            about: "Serve the client that started this process, over standard input and output",
            kind: leaf(SERVING, |typed| Ok(Run::Stdio(serve(typed)))),
            more: STDIO_EXAMPLES,
        },
        Command {
            name: "key",
            about: "Make keys for callers",
            kind: Kind::Group(&[Command {
                name: "new",
                about: "Make a key: prints it, once, and the line that makes a server accept it",
                kind: leaf(NEW_KEY, new_key),
                more: KEY_EXAMPLES,
            }]),
            more: "",
        },
        Command {
            name: "health",
            about: "Ask a running server whether it is alive; exit code 0 if it is, 1 if not",
            kind: leaf(PROBING, probe),
            more: "",
        },
        Command {
            name: "config",
            about: "Say what the settings come to",
            kind: Kind::Group(&[Command {
                name: "show",
                about: "Print every setting with its source, and the most memory that the server takes under them",
                kind: leaf(SERVING, |typed| Ok(Run::Show(serve(typed)))),
                more: "",
            }]),
            more: "",
        },
        Command {
            name: "audit",
            about: "Check an audit log",
            kind: Kind::Group(&[Command {
                name: "verify",
                about: "Check the chain of an audit log; exit code 0 if every line is as it was written, 1 if not",
                kind: Kind::Leaf(Leaf {
                    flags: &[],
                    operand: Some(Operand {
                        value: "FILE",
                        meaning: "The files, the oldest first: audit.log.2 audit.log.1 audit.log",
                        are_many: true,
                    }),
                    make: |typed| Ok(Run::Verify(typed.operands)),
                }),
                more: "",
            }]),
            more: "",
        },
        Command {
            name: "policy",
            about: "Try out what the policy allows; needs no account",
            kind: Kind::Group(&[
                Command {
                    name: "test",
                    about: "Judge every statement of a file: verdict and reason; exit code 1 if one is refused",
                    kind: Kind::Leaf(Leaf {
                        flags: &[POLICY, ALLOW_WRITE, ROLE, KEY],
                        operand: Some(Operand {
                            value: "FILE",
                            meaning: "File of SQL statements, separated by semicolons; - is standard input",
                            are_many: false,
                        }),
                        make: |mut typed| {
                            let file = typed.operands.remove(0);
                            Ok(Run::PolicyTest(file, policy_of(typed)))
                        },
                    }),
                    more: "",
                },
                Command {
                    name: "check",
                    about: "Judge each line of standard input, and answer it with one line: allow, or deny RULE: reason",
                    kind: leaf(&[JSONL, POLICY, ALLOW_WRITE, ROLE, KEY], |mut typed| {
                        typed.take(JSONL.name);
                        Ok(Run::PolicyCheck(policy_of(typed)))
                    }),
                    more: "",
                },
            ]),
            more: "",
        },
    ]),
    more: EXAMPLES,
};

const fn leaf(flags: &'static [Flag], make: fn(Typed) -> Result<Run, String>) -> Kind {
    Kind::Leaf(Leaf {
        flags,
        operand: None,
        make,
    })
}

const DEMO: Flag = Flag::switch(
    "--demo",
    "Serve the embedded engine with sample data; no Snowflake account is needed",
);
const POLICY: Flag = Flag::of(&setting::POLICY, "FILE");
const ALLOW_WRITE: Flag = Flag::of(&setting::ALLOW_WRITE, "KINDS");
const ROLE: Flag = Flag::valued("--role", "NAME", "Judge as for callers in this role");
const KEY: Flag = Flag::valued(
    "--key",
    "LABEL",
    "Judge as for callers with the key of this label",
);
const JSONL: Flag = Flag::switch("--jsonl", "Every line is a JSON string with one SQL text").required();
const LABEL: Flag = Flag::valued(
    "--label",
    "LABEL",
    "Whose key it is: what logs call its holder. Keys with the same label are the same caller",
)
.required();
const SCOPE: Flag = Flag::valued(
    "--scope",
    "SCOPE",
    "The most that its holder may do: snowflake:status, snowflake:read or snowflake:write; without it, everything that the \
     server offers",
);
const EXPIRES: Flag = Flag::valued(
    "--expires",
    "DAYS",
    "Days until it expires, 1 to 36500; without it, never",
);
const URL: Flag = Flag::valued(
    "--url",
    "URL",
    "What to ask; without it, /health of the server that the settings describe",
);
const TIMEOUT: Flag = Flag::valued(
    "--timeout",
    "SECONDS",
    "How long to wait for the answer, 1 to 300 [default: 5]",
);

const SERVING: &[Flag] = &[
    DEMO,
    Flag::of(&setting::HOST, "ADDRESS"),
    Flag::of(&setting::PORT, "PORT"),
    Flag::of(&setting::WORKERS, "COUNT"),
    Flag::of(&setting::ROWS_MAX, "ROWS"),
    Flag::of(&setting::CALL_WAIT, "SECONDS"),
    Flag::of(&setting::DRAIN_TIMEOUT, "SECONDS"),
    Flag::of(&setting::DRAIN_DELAY, "SECONDS"),
    POLICY,
    ALLOW_WRITE,
    Flag::of(&setting::STRICT_ROLE, ""),
    Flag::of(&setting::SCAN_BYTES_MAX, "BYTES"),
    Flag::of(&setting::PARTITIONS_MAX, "COUNT"),
    Flag::of(&setting::SCAN_BYTES_UNASKED_MAX, "BYTES"),
    Flag::of(&setting::PARTITIONS_UNASKED_MAX, "COUNT"),
    Flag::of(&setting::UNEXPLAINED, "WORD"),
    Flag::of(&setting::LOG_LEVEL, "LEVEL"),
    Flag::of(&setting::CONNECTION, "NAME"),
    Flag::of(&setting::CONNECTIONS, "NAMES"),
    Flag::of(&setting::CONFIG, "FILE"),
    Flag::of(&setting::TLS_CERTIFICATE, "FILE"),
    Flag::of(&setting::TLS_KEY, "FILE"),
    Flag::of(&setting::TLS_CLIENT_CA, "FILE"),
    Flag::of(&setting::KEY_FILE, "FILE"),
    Flag::of(&setting::TRUSTED_PROXIES, "NETWORKS"),
    Flag::of(&setting::PROXY_PROTOCOL, ""),
    Flag::of(&setting::AUDIT_LOG, "FILE"),
    Flag::of(&setting::ALLOW_UNAUTHENTICATED, ""),
];
const NEW_KEY: &[Flag] = &[LABEL, SCOPE, EXPIRES];
const PROBING: &[Flag] = &[
    URL,
    Flag::of(&setting::HOST, "ADDRESS"),
    Flag::of(&setting::PORT, "PORT"),
    TIMEOUT,
];

fn serve(mut typed: Typed) -> Serve {
    Serve {
        demo: typed.take(DEMO.name).is_some(),
        flags: typed.settings(),
    }
}

fn policy_of(mut typed: Typed) -> PolicyOf {
    PolicyOf {
        role: typed.take(ROLE.name),
        key: typed.take(KEY.name),
        flags: typed.settings(),
    }
}

fn new_key(mut typed: Typed) -> Result<Run, String> {
    let scope = typed.take(SCOPE.name).map(|text| {
        Scope::parse(&text).ok_or_else(|| {
            format!("--scope={text}: expected snowflake:status, snowflake:read or snowflake:write")
        })
    });
    let expires = typed
        .take(EXPIRES.name)
        .map(|text| number(&EXPIRES, &text, 1, 36_500));
    Ok(Run::NewKey(NewKey {
        label: typed.take(LABEL.name).unwrap_or_default(),
        scope: scope.transpose()?,
        expires: expires.transpose()?,
    }))
}

/// A server that is alive answers within milliseconds; container runtimes wait 30 s by default.
const PROBE_SECONDS: u32 = 5;

fn probe(mut typed: Typed) -> Result<Run, String> {
    let url = typed.take(URL.name);
    let seconds = typed
        .take(TIMEOUT.name)
        .map_or(Ok(PROBE_SECONDS), |text| number(&TIMEOUT, &text, 1, 300))?;
    let flags = typed.settings();
    if let (Some(_), Some((name, _))) = (&url, flags.first()) {
        return Err(format!(
            "--url says where the server is, and {name} too: leave one out"
        ));
    }
    Ok(Run::Health(Probe {
        url,
        timeout: Duration::from_secs(seconds.into()),
        flags,
    }))
}

fn number(flag: &Flag, text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{}={text}: expected a number from {least} to {most}", flag.name))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Run, String> {
        match read(line.split_whitespace().map(OsString::from)) {
            Ok(Asked::Run(run)) => Ok(run),
            Ok(Asked::Text(text)) => panic!("{line} prints {text}"),
            Err(WrongUsage(text)) => Err(text),
        }
    }

    fn text(line: &str) -> String {
        match read(line.split_whitespace().map(OsString::from)) {
            Ok(Asked::Text(text)) => text,
            Ok(Asked::Run(run)) => panic!("{line} runs {run:?}"),
            Err(WrongUsage(text)) => panic!("{line} is wrong: {text}"),
        }
    }

    /// What the first line says behind the program's name.
    fn complaint(line: &str) -> String {
        let told = run(line).expect_err(line);
        let first = told.lines().next().unwrap_or_default();
        first.strip_prefix("snowflake-mcp: ").unwrap_or(first).to_owned()
    }

    #[test]
    fn every_flag_of_the_settings_is_taken_by_the_serving_commands_and_no_other() {
        let mut expected: Vec<_> = setting::ALL.iter().filter_map(|setting| setting.flag).collect();
        expected.push(DEMO.name);
        expected.sort_unstable();
        let mut taken: Vec<_> = SERVING.iter().map(|flag| flag.name).collect();
        taken.sort_unstable();
        assert_eq!(taken, expected);
    }

    #[test]
    fn what_is_typed_is_passed_on_as_it_is() {
        let typed = |flags: &[(&'static str, &str)]| {
            let flags = flags.iter().map(|(name, value)| (*name, (*value).to_owned()));
            flags.collect::<Vec<_>>()
        };
        assert_eq!(
            run("stdio --port 8x --host=localhost --allow-unauthenticated"),
            Ok(Run::Stdio(Serve {
                demo: false,
                flags: typed(&[
                    ("--port", "8x"),
                    ("--host", "localhost"),
                    ("--allow-unauthenticated", "true")
                ]),
            }))
        );
        assert_eq!(
            run("http --demo"),
            Ok(Run::Http(Serve {
                demo: true,
                flags: Vec::new()
            }))
        );
        assert_eq!(
            run("health --port 1 --timeout 300"),
            Ok(Run::Health(Probe {
                url: None,
                timeout: Duration::from_secs(300),
                flags: typed(&[("--port", "1")]),
            }))
        );
        assert_eq!(
            run("key new --label ann --scope snowflake:read --expires 90"),
            Ok(Run::NewKey(NewKey {
                label: "ann".to_owned(),
                scope: Scope::parse("snowflake:read"),
                expires: Some(90),
            }))
        );
        let of = |key: &str, flags: &[(&'static str, &str)]| PolicyOf {
            role: None,
            key: Some(key.to_owned()),
            flags: typed(flags),
        };
        assert_eq!(
            run("policy test --policy p.toml --key ann -- --odd.sql"),
            Ok(Run::PolicyTest(
                "--odd.sql".into(),
                of("ann", &[("--policy", "p.toml")])
            ))
        );
        assert_eq!(
            run("policy check --jsonl --key b"),
            Ok(Run::PolicyCheck(of("b", &[])))
        );
        assert_eq!(
            run("audit verify a b"),
            Ok(Run::Verify(vec!["a".into(), "b".into()]))
        );
    }

    #[test]
    fn wrong_usage_is_told_with_what_is_meant_and_where_help_is() {
        for (line, expected) in [
            ("http --prot 1", "--prot is unknown; is --port meant?"),
            ("http --nonsense", "--nonsense is unknown"),
            ("--hlep", "--hlep is unknown; is --help meant?"),
            ("http -p 1", "-p is unknown"),
            ("http extra", "extra is unexpected"),
            ("http --port", "--port needs a value: --port PORT"),
            ("http --policy --demo", "--policy needs a value: --policy FILE"),
            ("http --port 1 --port 2", "--port is there twice"),
            ("http --demo=yes", "--demo takes no value"),
            ("htpp", "htpp is unknown; is http meant?"),
            ("serve", "serve is unknown"),
            ("policy tset x", "tset is unknown; is test meant?"),
            ("policy test", "FILE is missing"),
            ("policy test a b", "b is unexpected"),
            ("policy check", "--jsonl is missing"),
            ("audit verify", "FILE is missing"),
            ("key new --scope snowflake:read", "--label LABEL is missing"),
            (
                "key new --label a --scope all",
                "--scope=all: expected snowflake:status, snowflake:read or snowflake:write",
            ),
            (
                "key new --label a --expires 0",
                "--expires=0: expected a number from 1 to 36500",
            ),
            (
                "health --timeout 301",
                "--timeout=301: expected a number from 1 to 300",
            ),
            (
                "health --timeout 5s",
                "--timeout=5s: expected a number from 1 to 300",
            ),
            (
                "health --url x --port 1",
                "--url says where the server is, and --port too: leave one out",
            ),
        ] {
            assert_eq!(complaint(line), expected, "{line}");
        }
        assert_eq!(
            run("policy check"),
            Err(
                "snowflake-mcp: --jsonl is missing\nusage: snowflake-mcp policy check --jsonl [OPTIONS]\n\
                 more: snowflake-mcp policy check --help"
                    .to_owned()
            )
        );
    }

    #[test]
    fn who_types_no_command_is_shown_the_commands() {
        for line in ["", "policy"] {
            let told = run(line).expect_err(line);
            assert!(told.contains("\nCommands:\n"), "{told}");
        }
    }

    #[test]
    fn help_is_had_in_each_usual_way() {
        let help = text("policy test --help");
        assert_eq!(text("policy test -h"), help);
        assert_eq!(text("help policy test"), help);
        assert_eq!(text("policy help test"), help);
        assert!(
            help.contains("usage: snowflake-mcp policy test [OPTIONS] FILE\n"),
            "{help}"
        );
        assert!(help.contains("\n  --role NAME\n"), "{help}");
        assert_eq!(text("--version"), text("-V"));
    }

    #[test]
    fn the_long_help_names_every_setting() {
        let help = text("--help");
        for name in setting::ALL.iter().filter_map(|setting| setting.names.first()) {
            assert!(help.contains(name), "{name}");
        }
    }
}
