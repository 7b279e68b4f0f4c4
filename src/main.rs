//! The `snowflake-mcp` program: reads what was asked for, makes the parts, runs them, and maps the end to an exit code.

#![forbid(unsafe_code)]

mod cli;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use log::Level;
use mio::net::TcpListener;
use snowflake_mcp::config::source::Sources;
use snowflake_mcp::config::{Config, Transport};
use snowflake_mcp::observe::logger::{self, Format};
use snowflake_mcp::reactor::signals::Signals;
use snowflake_mcp::reactor::{Driver, MioWorld};
use snowflake_mcp::server::Exit;
use snowflake_mcp::stdio::StdioWorld;
use snowflake_mcp::time::SystemClock;

use cli::{Arguments, Command, Probe, Serve, greeting, listen, parts, probe};

/// Something was cut off, or the start failed.
const FAILED: u8 = 1;
/// The command line is wrong; clap uses the same code.
const WRONG_USAGE: u8 = 2;

/// Why the program ends early: a sentence for standard error, and the exit code.
struct Failure {
    text: String,
    code: u8,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output, mistakes to standard error. Nobody is left to tell if that fails.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { WRONG_USAGE } else { 0 });
        }
    };
    let ended = match arguments.command {
        Command::Http(serve) => run(&serve, Transport::Http),
        Command::Stdio(serve) => run(&serve, Transport::Stdio),
        Command::Health(asked) => ask(&asked),
    };
    ended.unwrap_or_else(|failure| {
        say(&format!("snowflake-mcp: {}", failure.text));
        ExitCode::from(failure.code)
    })
}

fn ask(asked: &Probe) -> Result<ExitCode, Failure> {
    let url = probe::url(asked, &Sources::from_process(asked.flags()))?;
    probe::ask(&url).map_err(Failure::of_start)?;
    Ok(ExitCode::SUCCESS)
}

/// What a server is made of once everything that can fail has been tried.
struct Prepared {
    config: Config,
    listeners: Vec<TcpListener>,
}

fn run(serve: &Serve, transport: Transport) -> Result<ExitCode, Failure> {
    let clock = SystemClock::new();
    let prepared = prepare(serve, transport, clock)?;
    let Prepared { config, listeners } = &prepared;
    let backend = parts::backend(config, clock);
    let server = parts::server(config);
    greet(config, listeners);
    let ended = match transport {
        Transport::Http => {
            let world = MioWorld::new(prepared.listeners, backend, &prepared.config.limits, clock)?;
            let handle = world.shutdown_handle();
            let _signals = Signals::watch(move || handle.shut_down())?;
            Driver::new(world, server, &prepared.config.limits).run()?
        }
        Transport::Stdio => {
            let (input, output) = (std::io::stdin(), std::io::stdout());
            let world = StdioWorld::new(input, output, backend, &prepared.config.limits, clock)?;
            let handle = world.shutdown_handle();
            let _signals = Signals::watch(move || handle.shut_down())?;
            Driver::new(world, server, &prepared.config.limits).run()?
        }
    };
    Ok(end(ended))
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

fn prepare(serve: &Serve, transport: Transport, clock: SystemClock) -> Result<Prepared, Failure> {
    let sources = Sources::from_process(serve.flags());
    let config = Config::read(&sources, transport, serve.demo)?;
    logger::install(config.log.level, config.log.format, clock).map_err(Failure::of_start)?;
    for note in &config.notes {
        log::log!(target: "snowflake_mcp::config", note.level, "{}", note.text);
    }
    let listeners = match &config.http {
        Some(http) => listen::open(http.listen).map_err(Failure::of_start)?,
        None => Vec::new(),
    };
    Ok(Prepared { config, listeners })
}

/// Says what listens where. For people it is plain text; where machines read the log it goes through the log.
fn greet(config: &Config, listeners: &[TcpListener]) {
    let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok());
    let lines = match &config.http {
        Some(http) => greeting::http(
            &addresses.collect::<Vec<_>>(),
            &config.engine,
            !http.api_keys.is_empty(),
        ),
        None => greeting::stdio(&config.engine),
    };
    for line in lines {
        match config.log.format {
            Format::Text => say(&line),
            Format::Json => log::log!(Level::Info, "{line}"),
        }
    }
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

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of_start(error)
    }
}

impl From<snowflake_mcp::config::Error> for Failure {
    fn from(error: snowflake_mcp::config::Error) -> Self {
        Self {
            code: if error.is_usage() { WRONG_USAGE } else { FAILED },
            text: error.to_string(),
        }
    }
}
