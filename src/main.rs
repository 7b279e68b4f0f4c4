//! The `snowflake-mcp` program: reads what was asked for, makes the parts, runs them, and maps the end to an exit code.

#![forbid(unsafe_code)]

mod cli;

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::process::ExitCode;

use snowflake_mcp::access::KeyRing;
use snowflake_mcp::config::source::Sources;
use snowflake_mcp::config::{self, Config, Http, Rereading, Transport};
use snowflake_mcp::observe::logger::{self, Format};
use snowflake_mcp::reactor::signals::Signals;
use snowflake_mcp::serve::{self, Ports};
use snowflake_mcp::server::Exit;
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::stdio::StdioWorld;
use snowflake_mcp::time::SystemClock;

use cli::{Asked, NewKey, PolicyOf, Probe, Run, Serve, greeting, parts, policy, probe, show, verify};

/// Something was cut off, or the start failed.
const FAILED: u8 = 1;
/// The command line is wrong.
const WRONG_USAGE: u8 = 2;

/// Why the program ends early: a sentence for standard error, and the exit code.
struct Failure {
    text: String,
    code: u8,
}

fn main() -> ExitCode {
    let asked = match cli::read(std::env::args_os().skip(1)) {
        Ok(Asked::Run(run)) => run,
        Ok(Asked::Text(text)) => {
            answer(&text);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            say(&wrong.0);
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let ended = match asked {
        Run::Http(serve) => run(serve, Transport::Http),
        Run::Stdio(serve) => run(serve, Transport::Stdio),
        Run::Health(probe) => ask(probe),
        Run::NewKey(wanted) => new_key(wanted),
        Run::PolicyTest(file, of) => rehearse(of, |policy| {
            let text = policy::read(&file)?;
            policy::test(policy, &text, std::io::stdout().lock())
        }),
        Run::PolicyCheck(of) => rehearse(of, |policy| {
            policy::check(policy, std::io::stdin().lock(), std::io::stdout().lock()).map(|()| true)
        }),
        Run::Verify(files) => verify::run(&files).map_err(Failure::of_start).map(|found| {
            answer(&found);
            ExitCode::SUCCESS
        }),
        Run::Show(serve) => show(serve),
    };
    ended.unwrap_or_else(|failure| {
        say(&format!("snowflake-mcp: {}", failure.text));
        ExitCode::from(failure.code)
    })
}

fn ask(probe: Probe) -> Result<ExitCode, Failure> {
    let target = probe::target(probe.url.as_deref(), &Sources::from_process(probe.flags))?;
    probe::ask(&target, probe.timeout)?;
    Ok(ExitCode::SUCCESS)
}

fn show(serve: Serve) -> Result<ExitCode, Failure> {
    let sources = Sources::from_process(serve.flags);
    let config = Config::read(&sources, Transport::Http, serve.demo)?;
    answer(show::text(&sources, &config.limits).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints a new key and its line, each on a line of standard output.
fn new_key(wanted: NewKey) -> Result<ExitCode, Failure> {
    let made = parts::new_key(wanted, SystemClock::new()).map_err(|text| Failure {
        text,
        code: WRONG_USAGE,
    })?;
    answer(&format!("{}\n{}", made.key.reveal(), made.line));
    Ok(ExitCode::SUCCESS)
}

/// Judges statements under a policy. `judge` says whether all pass: exit code 1 says that one is refused.
fn rehearse(of: PolicyOf, judge: impl FnOnce(&Policy) -> std::io::Result<bool>) -> Result<ExitCode, Failure> {
    let rulings = Config::rulings(&Sources::from_process(of.flags))?;
    let role = of.role.as_deref().map(config::policy::exact);
    let mark = of.key.as_deref().map(config::policy::mark);
    let ruling = rulings.of(role.as_deref(), mark.as_ref().map(|mark| mark.as_bytes()));
    match judge(&ruling.policy) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(FAILED)),
        Err(error) => Err(Failure::of_start(error)),
    }
}

fn run(serve: Serve, transport: Transport) -> Result<ExitCode, Failure> {
    let clock = SystemClock::new();
    let sources = Sources::from_process(serve.flags);
    let config = Config::read(&sources, transport, serve.demo)?;
    logger::install(config.log.level, config.log.format, clock).map_err(Failure::of_start)?;
    for note in &config.notes {
        log::log!(target: "snowflake_mcp::config", note.level, "{}", note.text);
    }
    let exit = match &config.http {
        Some(http) => serve_http(&config, http, Rereading::new(&sources, &config), clock)?,
        None => serve_stdio(&config, clock)?,
    };
    Ok(end(exit))
}

/// Exit code 1 says that somebody was left without an answer.
fn end(exit: Exit) -> ExitCode {
    if exit.calls_cut > 0 {
        log::warn!("ended, {} calls were cut off", exit.calls_cut);
        return ExitCode::from(FAILED);
    }
    log::info!("ended, every call was answered");
    ExitCode::SUCCESS
}

fn serve_http(
    config: &Config,
    http: &Http,
    policy: Option<Rereading>,
    clock: SystemClock,
) -> Result<Exit, Failure> {
    let ports = Ports::open(http.listen, &config.limits).map_err(Failure::of_start)?;
    let tls = parts::tls(http).map_err(Failure::of_start)?;
    let callers = parts::callers(http, policy);
    let keys = callers.keys().map_err(Failure::of_start)?;
    let audit = parts::audit(config, clock).map_err(Failure::of_start)?;
    let backend = parts::backend(config, clock);
    let greet = |addresses: &[_]| {
        greet(config, greeting::http(addresses, &config.engine, http));
    };
    ports
        .with_callers(callers)
        .with_tls(tls)
        .with_proxies(&http.proxies)
        .with_audit(audit)
        .serve(parts::server(config, keys), backend, clock, greet)
        .map_err(Failure::of_start)
}

fn serve_stdio(config: &Config, clock: SystemClock) -> Result<Exit, Failure> {
    let audit = parts::audit(config, clock).map_err(Failure::of_start)?;
    let backend = parts::backend(config, clock);
    let input = std::io::stdin();
    // A file of its own: std's handle would copy every reply into a buffer once more.
    let output = std::io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(Failure::of_start)?;
    let world = StdioWorld::new(input, File::from(output), backend, &config.limits, clock)
        .map_err(Failure::of_start)?
        .with_audit(audit);
    let shutdown = world.shutdown_handle();
    let _signals = Signals::watch(move || shutdown.shut_down()).map_err(Failure::of_start)?;
    greet(config, greeting::stdio(&config.engine));
    serve::drive(world, parts::server(config, KeyRing::default()), &config.limits).map_err(Failure::of_start)
}

/// Says what listens where. For people it is plain text; where machines read the log it goes through the log.
fn greet(config: &Config, lines: Vec<String>) {
    for line in lines {
        match config.log.format {
            Format::Text => say(&line),
            Format::Json => log::info!("{line}"),
        }
    }
}

/// The answer of a command that serves nobody, on standard output.
fn answer(text: &str) {
    // Nobody is left to be told that standard output is gone.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The one way to standard error besides the log. Standard output belongs to MCP on stdio.
fn say(line: &str) {
    // Nobody is left to be told that standard error is gone.
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Failure {
    fn of_start(text: impl ToString) -> Self {
        Self {
            text: text.to_string(),
            code: FAILED,
        }
    }
}

impl From<probe::Error> for Failure {
    fn from(error: probe::Error) -> Self {
        Self {
            code: if error.is_usage() { WRONG_USAGE } else { FAILED },
            text: error.to_string(),
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self {
            code: if error.is_usage() { WRONG_USAGE } else { FAILED },
            text: error.to_string(),
        }
    }
}
