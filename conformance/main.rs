//! `mcp-conformance-server`: the shipped server with the test data of MCP's conformance suite.
//!
//! Transports, streams, header checks, sessions, signing and the schema of every message are the library's, as in
//! `snowflake-mcp`; only what is offered is made for the suite ([`Fixtures`]). No database stands behind it. It is
//! built with `--features conformance` and never released.

#![forbid(unsafe_code)]

mod contents;
mod fixtures;
mod interview;
mod prompts;
mod questions;
mod reply;
mod resources;
mod timed;
mod tools;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use lexopt::prelude::{Long, ValueExt};
use snowflake_mcp::backend::Absent;
use snowflake_mcp::config::Listen;
use snowflake_mcp::entropy::SystemEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::observe::logger::{self, Format};
use snowflake_mcp::serve::Ports;
use snowflake_mcp::server::{Exit, Server, Settings};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::SystemClock;
use snowflake_mcp::tools as production;

use fixtures::Fixtures;

/// What can be typed.
#[derive(Debug)]
struct Arguments {
    /// `--port`, on localhost; 0 lets the system choose one.
    port: u16,
    /// `--log-level`: off, error, warn, info, debug or trace.
    log_level: log::LevelFilter,
}

impl Arguments {
    fn read() -> Result<Self, lexopt::Error> {
        let mut arguments = Self {
            port: 3000,
            log_level: log::LevelFilter::Warn,
        };
        let mut typed = lexopt::Parser::from_env();
        while let Some(argument) = typed.next()? {
            match argument {
                Long("port") => arguments.port = typed.value()?.parse()?,
                Long("log-level") => arguments.log_level = typed.value()?.parse()?,
                other => return Err(other.unexpected()),
            }
        }
        Ok(arguments)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::read().map_err(|error| error.to_string());
    match arguments.and_then(|arguments| serve(&arguments)) {
        Ok(exit) if exit.calls_cut == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("mcp-conformance-server: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<Exit, String> {
    let clock = SystemClock::new();
    logger::install(arguments.log_level, Format::Text, clock).map_err(|error| error.to_string())?;
    let limits = Limits::default();
    let port = arguments.port;
    let ports = Ports::open(Listen::Localhost { port }, &limits)?;
    let backend = Absent::new("there is no database behind the fixtures of the conformance suite");
    ports.serve(server(&limits), Arc::new(backend), clock, greet)
}

/// The shipped server, which offers the fixtures beside its own tools.
fn server(limits: &Limits) -> Server {
    let tools = production::Settings::new(limits, Policy::default());
    let keys = Keys::random(&mut SystemEntropy);
    let service = Service::new(limits, tools, keys).with_offer(Box::new(Fixtures::new()));
    let settings = Settings {
        limits: limits.clone(),
        engine: "none",
        ..Settings::default()
    };
    Server::new(settings, service, Box::new(SystemEntropy))
}

fn greet(addresses: &[SocketAddr]) {
    for address in addresses {
        say(&format!("listening on http://{address}"));
    }
}

fn say(line: &str) {
    // Nobody is left to be told that standard error is gone.
    let _ = writeln!(std::io::stderr(), "{line}");
}
