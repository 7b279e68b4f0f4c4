//! The parts of a server, made of its configuration: the engine, the tools, the server itself.

use std::net::IpAddr;
use std::sync::Arc;

use snowflake_mcp::access::KeyRing;
use snowflake_mcp::access::keys::{self, Made};
use snowflake_mcp::backend::{Absent, Backend, RoleAudit, Router};
use snowflake_mcp::config::{Config, Engine, Http, Listen, Origins, Rereading};
#[cfg(feature = "demo")]
use snowflake_mcp::demo::Demo;
use snowflake_mcp::entropy::SystemEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::observe::audit::Audit;
use snowflake_mcp::observe::statements::LoggedStatements;
use snowflake_mcp::reactor::tls::{Acceptor, Files};
use snowflake_mcp::serve::fetcher::{Callers, Issuer};
use snowflake_mcp::server::{HostRule, Server, Settings};
use snowflake_mcp::snowflake::{self, Snowflake};
use snowflake_mcp::time::{Clock, SystemClock, WallTime};
use snowflake_mcp::tools;

use super::NewKey;

/// The engine that answers statements. One that cannot work answers with why.
pub(crate) fn backend(config: &Config, clock: SystemClock) -> Arc<dyn Backend> {
    let workers = config.limits.workers;
    let engine = match &config.engine {
        Engine::Incomplete(reason) => present(Err(reason.clone()), ""),
        Engine::Demo => present(demo(&config.limits, clock), ""),
        Engine::Snowflake(settings) => present(account(settings, workers, clock), ""),
        Engine::Several(connections) => {
            let engines = connections.iter().map(|connection| {
                let made = match &connection.settings {
                    Ok(settings) => account(settings, workers, clock),
                    Err(reason) => Err(reason.clone()),
                };
                let said = format!("connection {}: ", connection.name);
                (Arc::from(&*connection.name), present(made, &said))
            });
            Arc::new(Router::new(engines.collect()))
        }
    };
    let engine = if config.log.statements {
        Arc::new(LoggedStatements::new(engine))
    } else {
        engine
    };
    let is_strict = config.statements.is_role_strict;
    match config.engine {
        Engine::Incomplete(_) => engine,
        // Its one role reads. An operator who wants roles looked at has that one looked at too.
        Engine::Demo if !is_strict => engine,
        Engine::Demo | Engine::Snowflake(_) | Engine::Several(_) => {
            Arc::new(RoleAudit::new(engine, Box::new(clock), &config.limits, is_strict))
        }
    }
}

/// What was made, or what answers with why it could not be.
fn present(made: Result<Arc<dyn Backend>, String>, which: &str) -> Arc<dyn Backend> {
    made.unwrap_or_else(|reason| {
        let reason = format!("{which}{reason}");
        log::warn!("{reason}; until then every call is answered so");
        Arc::new(Absent::new(reason))
    })
}

fn account(
    settings: &snowflake::Settings,
    workers: usize,
    clock: SystemClock,
) -> Result<Arc<dyn Backend>, String> {
    let settings = snowflake::Settings {
        // The workers, the thread that serves cancels, and what is asked for ahead.
        idle_connections_max: workers + 1 + settings.partitions_ahead_max,
        ..settings.clone()
    };
    match Snowflake::new(settings, Box::new(clock), Box::new(SystemEntropy)) {
        Ok(snowflake) => Ok(Arc::new(snowflake)),
        Err(error) => Err(error.to_string()),
    }
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

/// TLS, where it is spoken.
///
/// # Errors
/// Which file cannot be used, and why.
pub(crate) fn tls(http: &Http) -> Result<Option<Acceptor>, String> {
    let Some(tls) = &http.tls else {
        return Ok(None);
    };
    let files = Files {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        client_ca: tls.client_ca.clone(),
    };
    Acceptor::new(files).map(Some)
}

/// Where keys of callers come from.
pub(crate) fn callers(http: &Http, policy: Option<Rereading>) -> Callers {
    let issuers = http.oauth.iter().flat_map(|oauth| {
        let named = oauth.resource.issuers.iter().zip(&oauth.key_set_urls);
        named.map(|(name, url)| Issuer {
            name: name.clone(),
            key_set_url: url.clone(),
        })
    });
    Callers {
        fixed: KeyRing::of_secrets(&http.api_keys),
        file: http.key_file.clone(),
        policy,
        issuers: issuers.collect(),
    }
}

/// A new key for a caller.
///
/// # Errors
/// What is wrong with the label.
pub(crate) fn new_key(wanted: NewKey, clock: SystemClock) -> Result<Made, String> {
    let now = clock.now().wall.as_micros();
    let wanted = keys::Wanted {
        label: wanted.label,
        scope: wanted.scope,
        expires: wanted
            .expires
            .map(|days| WallTime::from_micros(now + u64::from(days) * DAY_MICROS).to_whole_second()),
    };
    keys::make(&wanted, &mut SystemEntropy)
}

const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

/// The audit log, if there is to be one.
///
/// # Errors
/// Its file cannot be used, and why.
pub(crate) fn audit(config: &Config, clock: SystemClock) -> Result<Option<Audit>, String> {
    let Some(settings) = &config.audit else {
        return Ok(None);
    };
    match Audit::start(settings, clock) {
        Ok(audit) => Ok(Some(audit)),
        Err(error) => Err(format!(
            "cannot open the audit log {}: {error}",
            settings.path.display()
        )),
    }
}

/// The server, without connections.
pub(crate) fn server(config: &Config, keys: KeyRing) -> Server {
    let mut service = Service::new(&config.limits, tools_settings(config), token_keys(config));
    if config.statements.has_fences {
        service = service.with_fences(&mut SystemEntropy);
    }
    let settings = Settings {
        keys,
        ..server_settings(config)
    };
    Server::new(settings, service, Box::new(SystemEntropy))
}

/// What signs tokens. On stdio nobody outlives the process, so nothing needs to be said there.
fn token_keys(config: &Config) -> Keys {
    if let Some(first) = config.token_keys.first() {
        return Keys::new(first, config.token_keys.get(1));
    }
    if config.http.is_some() {
        log::info!(
            "SNOWFLAKE_MCP_TOKEN_KEY is not set: sessions, cursors and task ids end with this process"
        );
    }
    Keys::random(&mut SystemEntropy)
}

fn tools_settings(config: &Config) -> tools::Settings {
    let settings = tools::Settings {
        default_rows: config.statements.rows_default,
        choices: choices(config),
        // On stdio nobody tells that it has: SIGHUP ends the process.
        rulings_may_change: config.http.is_some() && config.statements.has_policy_file,
        ..tools::Settings::new(&config.limits, config.statements.rulings.clone())
    };
    match &config.engine {
        Engine::Snowflake(snowflake) => tools::Settings {
            default_database: snowflake.context.database.clone(),
            default_schema: snowflake.context.schema.clone(),
            warehouse: snowflake.context.warehouse.clone(),
            role: snowflake.context.role.clone(),
            ..settings
        },
        // The database that every Snowflake account has too, so the same queries run in both places.
        Engine::Demo => tools::Settings {
            default_database: Some("SNOWFLAKE_SAMPLE_DATA".to_owned()),
            default_schema: Some("TPCH_SF1".to_owned()),
            ..settings
        },
        // Of several connections each has its own, which stand in where a call names nothing.
        Engine::Several(_) | Engine::Incomplete(_) => settings,
    }
}

fn choices(config: &Config) -> Vec<tools::Choice> {
    let choices = config.choices.iter().map(|choice| tools::Choice {
        connection: Arc::from(&*choice.name),
        roles: choice.roles.clone(),
        warehouses: choice.warehouses.clone(),
    });
    choices.collect()
}

fn server_settings(config: &Config) -> Settings {
    let base = Settings {
        limits: config.limits.clone(),
        engine: match config.engine {
            Engine::Demo => "demo",
            Engine::Snowflake(_) | Engine::Several(_) | Engine::Incomplete(_) => "snowflake",
        },
        probes_logins: matches!(config.engine, Engine::Snowflake(_) | Engine::Several(_)),
        connections: match &config.engine {
            Engine::Several(connections) => {
                let names = connections.iter().map(|connection| Arc::from(&*connection.name));
                names.collect()
            }
            Engine::Demo | Engine::Snowflake(_) | Engine::Incomplete(_) => Vec::new(),
        },
        has_own_ids: matches!(config.engine, Engine::Demo),
        engine_missing: match &config.engine {
            Engine::Incomplete(reason) => Some(reason.clone()),
            Engine::Demo | Engine::Snowflake(_) | Engine::Several(_) => None,
        },
        quota: config.quota,
        audit: config.audit.as_ref().map(|audit| audit.when_full),
        ..Settings::default()
    };
    let Some(http) = &config.http else { return base };
    Settings {
        hosts: host_rule(http),
        origins: match &http.origins {
            Origins::Any => vec!["*".to_owned()],
            Origins::Listed(origins) => origins.clone(),
        },
        is_guarded: http.is_guarded(),
        is_tls: http.tls.is_some(),
        trusted_proxies: http.proxies.trusted.clone(),
        logins: http.logins.as_ref().map(|logins| logins.rule.clone()),
        resource: http.oauth.as_ref().map(|oauth| oauth.resource.clone()),
        metrics_path: http.metrics_path.clone(),
        ..base
    }
}

/// On loopback only our own names are served. Elsewhere clients come by names that we cannot know, so any is, unless
/// the operator names them.
fn host_rule(http: &Http) -> HostRule {
    let own = match http.listen {
        Listen::Localhost { .. } => None,
        Listen::Address(address) => Some(address.ip()),
    };
    let is_loopback = own.is_none_or(|ip| ip.to_canonical().is_loopback());
    if !is_loopback && http.hosts.is_empty() {
        return HostRule::Any;
    }
    let named = http.hosts.iter().cloned();
    let addresses = own.map(|ip| match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    });
    HostRule::LoopbackAnd(named.chain(addresses).collect())
}
