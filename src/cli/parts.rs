//! The parts of a server, made of its configuration: the engine, the tools, the server itself.

use std::sync::Arc;

use snowflake_mcp::backend::{Absent, Backend};
use snowflake_mcp::config::{Command, Config, Credential, Engine, Http, Key, Listen, Origins, Protocol, TokenKind};
#[cfg(feature = "demo")]
use snowflake_mcp::demo::Demo;
use snowflake_mcp::entropy::SystemEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::Service;
use snowflake_mcp::server::{HostRule, Server, Settings};
use snowflake_mcp::snowflake::{self, Authentication, KeySource, Snowflake};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::SystemClock;
use snowflake_mcp::tools;

/// The engine that answers statements. One that cannot work answers with why.
pub(crate) fn backend(engine: &Engine, limits: &Limits, clock: SystemClock) -> Arc<dyn Backend> {
    let made: Result<Arc<dyn Backend>, String> = match engine {
        Engine::Incomplete(reason) => Err(reason.clone()),
        Engine::Demo => demo(limits, clock),
        Engine::Snowflake(settings) => {
            let settings = snowflake_settings(settings, limits);
            match Snowflake::new(settings, Box::new(clock), Box::new(SystemEntropy)) {
                Ok(snowflake) => Ok(Arc::new(snowflake)),
                Err(error) => Err(error.to_string()),
            }
        }
    };
    made.unwrap_or_else(|reason| {
        log::warn!("{reason}; until then every call is answered so");
        Arc::new(Absent::new(reason))
    })
}

#[cfg(feature = "demo")]
fn demo(limits: &Limits, clock: SystemClock) -> Result<Arc<dyn Backend>, String> {
    let demo = Demo::new(clock, limits.workers).map_err(|error| error.message)?;
    Ok(Arc::new(demo))
}

#[cfg(not(feature = "demo"))]
fn demo(_limits: &Limits, _clock: SystemClock) -> Result<Arc<dyn Backend>, String> {
    Err("this program was built without the embedded engine; build it with --features demo".to_owned())
}

fn snowflake_settings(from: &snowflake_mcp::config::Snowflake, limits: &Limits) -> snowflake::Settings {
    let (user, authentication) = match &from.credential {
        Credential::KeyPair { user, key, passphrase } => {
            let key = match key {
                Key::Text(text) => KeySource::Text(text.clone()),
                Key::File(path) => KeySource::File(path.clone()),
            };
            (Some(user.clone()), Authentication::KeyPair { key, passphrase: passphrase.clone() })
        }
        Credential::Token { kind: TokenKind::ProgrammaticAccess, token } => {
            (None, Authentication::ProgrammaticAccessToken(token.clone()))
        }
        Credential::Token { kind: TokenKind::OAuth, token } => (None, Authentication::OAuth(token.clone())),
    };
    snowflake::Settings {
        account: from.account.clone(),
        user,
        host: from.host.clone(),
        port: from.port,
        protocol: match from.protocol {
            Protocol::Https => snowflake::Protocol::Https,
            Protocol::Http => snowflake::Protocol::Http,
        },
        authentication,
        context: from.context.clone(),
        // The workers and the thread that serves cancels.
        idle_connections_max: limits.workers + 1,
    }
}

/// The server, without connections.
pub(crate) fn server(config: &Config) -> Server {
    let service = Service::new(&config.limits, tools_settings(config));
    Server::new(server_settings(config), service, Box::new(SystemEntropy))
}

fn tools_settings(config: &Config) -> tools::Settings {
    let words: Vec<&str> = config.statements.allowed.iter().map(|command| word(*command)).collect();
    let policy = Policy::from_allowed_commands(&words.join(","))
        .unwrap_or_default()
        .with_statement_bytes_max(config.limits.statement_bytes_max);
    let settings = tools::Settings {
        default_rows: config.statements.rows_default,
        ..tools::Settings::new(&config.limits, policy)
    };
    match &config.engine {
        Engine::Snowflake(snowflake) => tools::Settings {
            default_database: snowflake.context.database.clone(),
            default_schema: snowflake.context.schema.clone(),
            warehouse: snowflake.context.warehouse.clone(),
            role: snowflake.context.role.clone(),
            ..settings
        },
        Engine::Demo | Engine::Incomplete(_) => settings,
    }
}

fn server_settings(config: &Config) -> Settings {
    let base = Settings {
        limits: config.limits.clone(),
        engine: match config.engine {
            Engine::Demo => "demo",
            Engine::Snowflake(_) | Engine::Incomplete(_) => "snowflake",
        },
        ..Settings::default()
    };
    let Some(http) = &config.http else { return base };
    Settings {
        hosts: host_rule(http),
        origins: match &http.origins {
            Origins::Any => vec!["*".to_owned()],
            Origins::Listed(origins) => origins.clone(),
        },
        api_keys: http.api_keys.clone(),
        metrics_path: http.metrics_path.clone(),
        ..base
    }
}

/// On loopback only our own names are served. Elsewhere clients come by names that we cannot know, so any is, unless
/// the operator names them.
fn host_rule(http: &Http) -> HostRule {
    let is_loopback = match http.listen {
        Listen::Localhost { .. } => true,
        Listen::Address(address) => address.ip().to_canonical().is_loopback(),
    };
    if is_loopback || !http.hosts.is_empty() { HostRule::LoopbackAnd(http.hosts.clone()) } else { HostRule::Any }
}

fn word(command: Command) -> &'static str {
    match command {
        Command::Select => "select",
        Command::Show => "show",
        Command::Describe => "describe",
        Command::Explain => "explain",
        Command::Values => "values",
    }
}
