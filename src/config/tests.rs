//! Settings to configuration, and the refusals in words.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;

fn sources(flags: &[(&'static str, &str)], environment: &[(&str, &str)]) -> Sources {
    let flags = flags.iter().map(|(flag, value)| (*flag, (*value).to_owned()));
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources::new(flags, environment, [])
}

fn http(environment: &[(&str, &str)]) -> Result<Config, String> {
    Config::read(&sources(&[], environment), Transport::Http, true).map_err(|error| error.to_string())
}

fn listen(flags: &[(&'static str, &str)]) -> Result<Vec<String>, String> {
    let config =
        Config::read(&sources(flags, &[]), Transport::Http, true).map_err(|error| error.to_string())?;
    let addresses = config.http.expect("http").listen.addresses();
    Ok(addresses.iter().map(ToString::to_string).collect())
}

#[test]
fn nothing_set_is_a_safe_server_on_loopback() {
    let config = http(&[]).expect("the defaults are valid");
    let served = config.http.expect("http");
    assert_eq!(
        served.listen.addresses(),
        [SocketAddr::from(([127, 0, 0, 1], 8000))]
    );
    assert_eq!(served.origins, Origins::Listed(Vec::new()));
    assert!(served.api_keys.is_empty() && served.hosts.is_empty() && !served.allow_unauthenticated);
    assert_eq!(served.metrics_path.as_deref(), Some("/metrics"));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.statements.rows_default, 100);
    assert!(
        config
            .statements
            .rulings
            .base()
            .policy
            .check("values (1)")
            .is_ok()
    );
    assert_eq!(config.log.level, log::LevelFilter::Info);
    assert_eq!(config.notes, []);
}

#[test]
fn localhost_is_both_loopback_addresses() {
    let both = ["127.0.0.1:9", "[::1]:9"].map(str::to_owned);
    assert_eq!(
        listen(&[("--host", "localhost"), ("--port", "9")]),
        Ok(both.to_vec())
    );
    assert_eq!(listen(&[("--host", "[::1]")]), Ok(vec!["[::1]:8000".to_owned()]));
    assert_eq!(
        listen(&[("--host", "db.example.com")]),
        Err("--host=db.example.com (flag): expected an IP address or localhost".to_owned())
    );
}

#[test]
fn a_file_that_opens_the_server_is_told() {
    let text = b"MCP_HTTP_HOST=0.0.0.0\nAPI_KEYS=0123456789abcdef\nMCP_CORS_ORIGINS=https://a.example\n";
    let sources = sources(&[], &[]).with_file(text);
    let config = Config::read(&sources, Transport::Http, true).expect("it has a key");
    let told = |part: &str| {
        let is_it = |note: &&Note| note.level == log::Level::Warn && note.text.contains(part);
        config.notes.iter().filter(is_it).count()
    };
    assert_eq!(told("MCP_HTTP_HOST=0.0.0.0 of .env"), 1, "{:?}", config.notes);
    assert_eq!(
        told("MCP_CORS_ORIGINS=https://a.example of .env"),
        1,
        "{:?}",
        config.notes
    );
    let meant = [("MCP_HTTP_HOST", "0.0.0.0"), ("API_KEYS", "0123456789abcdef")];
    assert_eq!(http(&meant).expect("it has a key").notes, []);
}

#[test]
fn an_address_open_to_others_needs_keys_or_a_word() {
    let open = |flags: &[(&'static str, &str)], environment: &[(&str, &str)]| {
        Config::read(&sources(flags, environment), Transport::Http, true).map(|_| ())
    };
    for host in ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"] {
        let error = open(&[("--host", host)], &[]).expect_err("open");
        assert!(matches!(error, Error::OpenToOthers { .. }), "{host}");
        assert!(!error.is_usage());
        assert_eq!(
            open(&[("--host", host)], &[("API_KEYS", "0123456789abcdef")]),
            Ok(())
        );
        assert_eq!(
            open(&[("--host", host), ("--allow-unauthenticated", "true")], &[]),
            Ok(())
        );
    }
    for host in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(open(&[("--host", host)], &[]), Ok(()), "{host}");
    }
    let error = open(&[("--host", "0.0.0.0")], &[]).expect_err("open").to_string();
    assert!(
        error.contains("0.0.0.0:8000") && error.contains("--allow-unauthenticated"),
        "{error}"
    );
}

#[test]
fn keys_and_the_switch_for_keys_must_agree() {
    let key = ("API_KEYS", "0123456789abcdef, another-long-enough-key");
    let config = http(&[key, ("ENABLE_API_AUTH", "true")]).expect("agree");
    assert_eq!(config.http.expect("http").api_keys.len(), 2);
    let error = http(&[key, ("ENABLE_API_AUTH", "false")]).expect_err("disagree");
    assert_eq!(
        error,
        "ENABLE_API_AUTH=false (environment): keys or an issuer of tokens are set (API_KEYS, --keys, MCP_OAUTH_ISSUER) and would not be asked for: unset one of the two"
    );
    assert!(http(&[("ENABLE_API_AUTH", "true")]).is_err());
    assert!(http(&[("ENABLE_API_AUTH", "false")]).is_ok());
}

#[test]
fn a_key_that_cannot_be_presented_is_refused_without_being_shown() {
    let error = http(&[("API_KEYS", "hunter two")]).expect_err("a space");
    assert!(
        error.starts_with("API_KEYS (environment): expected") && !error.contains("hunter"),
        "{error}"
    );
    let config = http(&[("API_KEYS", "short")]).expect("short is allowed");
    assert_eq!(config.notes.len(), 1);
    assert!(!config.notes[0].text.contains("short"), "{:?}", config.notes);
}

#[test]
fn token_keys_are_one_or_two_long_texts_and_never_shown() {
    let key = |digit: char| digit.to_string().repeat(32);
    let read = |text: &str| http(&[("SNOWFLAKE_MCP_TOKEN_KEY", text)]).map(|config| config.token_keys);
    assert!(http(&[]).expect("no key is fine").token_keys.is_empty());
    let both = format!("{} , {}", key('a'), key('b'));
    let keys = read(&both).expect("two keys");
    let revealed: Vec<_> = keys.iter().map(Secret::reveal).collect();
    assert_eq!(revealed, [key('a'), key('b')]);
    assert_eq!(format!("{keys:?}"), "[Secret(…), Secret(…)]");
    let secret = "hunter2".repeat(4);
    for wrong in [
        secret.clone(),
        format!("{},", key('a')),
        format!("{},{secret}", key('a')),
        format!("{},{},{}", key('a'), key('b'), key('c')),
    ] {
        let error = read(&wrong).expect_err("no keys");
        assert!(
            error.starts_with("SNOWFLAKE_MCP_TOKEN_KEY (environment): expected"),
            "{error}"
        );
        assert!(!error.contains("hunter") && !error.contains("aaaa"), "{error}");
    }
}

#[test]
fn every_origin_is_honoured_only_with_keys() {
    let origins = |environment: &[(&str, &str)]| {
        http(environment).map(|config| (config.http.expect("http").origins, config.notes.len()))
    };
    assert_eq!(
        origins(&[("MCP_CORS_ORIGINS", "*")]),
        Ok((Origins::Listed(Vec::new()), 1))
    );
    let keys = ("API_KEYS", "0123456789abcdef");
    assert_eq!(origins(&[("MCP_CORS_ORIGINS", "*"), keys]), Ok((Origins::Any, 0)));
    let listed = ["https://app.example", "http://localhost:5173"].map(str::to_owned);
    assert_eq!(
        origins(&[("MCP_CORS_ORIGINS", "https://App.example, http://localhost:5173")]),
        Ok((Origins::Listed(listed.to_vec()), 0))
    );
    for wrong in [
        "app.example",
        "https://app.example/",
        "null",
        "https://",
        "ftp://x",
        "https://a b",
    ] {
        assert!(origins(&[("MCP_CORS_ORIGINS", wrong)]).is_err(), "{wrong}");
    }
}

#[test]
fn sums_and_times_of_slow_peers_are_set_in_their_units_and_follow_what_they_bound() {
    let limits = http(&[
        ("MCP_MAX_BUFFERED_SIZE", "16"),
        ("MCP_MAX_REPLIES_SIZE", "32"),
        ("MCP_HEAD_TIMEOUT", "5"),
        ("MCP_BODY_TIMEOUT", "20"),
        ("MCP_WRITE_TIMEOUT", "7"),
    ])
    .expect("valid")
    .limits;
    assert_eq!(
        (limits.bytes_buffered_max, limits.replies_bytes_max),
        (16 << 20, 32 << 20)
    );
    let seconds = [
        limits.head_timeout,
        limits.body_timeout,
        limits.body_total_timeout,
        limits.write_timeout,
    ];
    assert_eq!(seconds.map(|time| time.as_secs()), [5, 20, 80, 7]);
    let larger = http(&[("MCP_MAX_REQUEST_SIZE", "64")]).expect("valid").limits;
    assert_eq!(larger.bytes_buffered_max, 256 << 20, "four of the largest");
    let refused = http(&[("MCP_MAX_REQUEST_SIZE", "64"), ("MCP_MAX_BUFFERED_SIZE", "64")]);
    assert!(refused.is_err(), "they would not fit");
}

#[test]
fn limits_are_set_in_their_units() {
    let config = http(&[
        ("MCP_MAX_REQUEST_SIZE", "10"),
        ("MCP_MAX_RESULT_SIZE", "8"),
        ("MCP_REQUEST_TIMEOUT", "60"),
        ("MAX_QUERY_LIMIT", "20000"),
        ("DEFAULT_QUERY_LIMIT", "50"),
        ("MAX_CONCURRENT_REQUESTS", "10"),
        ("SNOWFLAKE_POOL_MAX_SIZE", "16"),
        ("MCP_DRAIN_TIMEOUT", "5"),
        ("MCP_DRAIN_DELAY", "0.5"),
    ])
    .expect("valid");
    let limits = config.limits;
    assert_eq!(
        (limits.body_bytes_max, limits.message_bytes_max),
        (10 << 20, 10 << 20)
    );
    assert_eq!((limits.result_bytes_max, limits.rows_max), (8 << 20, 20_000));
    assert_eq!(limits.statement_timeout, Duration::from_secs(60));
    assert_eq!((limits.workers, limits.jobs_per_principal_max), (16, 10));
    assert_eq!(limits.drain_timeout, Duration::from_secs(5));
    assert_eq!(limits.drain_delay, Duration::from_millis(500));
    assert_eq!(config.statements.rows_default, 50);
}

#[test]
fn callers_with_logins_of_their_own_have_room_and_so_have_their_roles() {
    let limits = http(&[("MCP_SNOWFLAKE_TOKEN_HEADER", "X-Snowflake-Token")])
        .unwrap()
        .limits;
    let few = Limits::default().audited_roles_max;
    assert!(limits.logins_max > 0 && limits.audited_roles_max == few + limits.logins_max);
}

#[test]
fn a_wrong_value_says_where_it_stands_and_what_was_expected() {
    let error = http(&[("SNOWFLAKE_POOL_MAX_SIZE", "abc")]).expect_err("no number");
    assert_eq!(
        error,
        "SNOWFLAKE_POOL_MAX_SIZE=abc (environment): expected a number from 1 to 256"
    );
    let flag =
        Config::read(&sources(&[("--port", "70000")], &[]), Transport::Http, true).expect_err("no port");
    assert_eq!(
        flag.to_string(),
        "--port=70000 (flag): expected a number from 0 to 65535"
    );
    assert!(flag.is_usage());
    let error = http(&[("DEFAULT_QUERY_LIMIT", "500"), ("MAX_QUERY_LIMIT", "100")]).expect_err("above");
    assert!(
        error.ends_with("expected at most the maximum, which is 100 (MAX_QUERY_LIMIT)"),
        "{error}"
    );
}

#[test]
fn a_low_maximum_lowers_the_default() {
    let config = http(&[("MAX_QUERY_LIMIT", "7")]).expect("valid");
    assert_eq!(config.statements.rows_default, 7);
}

#[test]
fn reads_can_be_narrowed_and_writes_have_to_be_named() {
    let policy = |text: &str| {
        let config = http(&[("ALLOWED_SQL_COMMANDS", text)]);
        config.map(|config| config.statements.rulings.base().policy.clone())
    };
    let narrowed = policy("select,show,describe,explain,with,union").expect("the old default");
    assert!(narrowed.check("with a as (select 1) select * from a").is_ok());
    assert!(narrowed.check("values (1)").is_err());
    let error = policy("select,insert").expect_err("a write");
    assert!(
        error.starts_with("ALLOWED_SQL_COMMANDS=select,insert (environment): "),
        "{error}"
    );
    assert!(error.contains("insert") && error.contains("no read"), "{error}");
    for name in ["READONLY_MODE", "ENABLE_SQL_PROTECTION"] {
        assert!(http(&[(name, "true")]).is_ok());
        let error = http(&[(name, "false")]).expect_err("no writes");
        assert!(error.contains("--allow-write"), "{error}");
        let writes = ("SNOWFLAKE_MCP_ALLOW_WRITE", "insert");
        assert!(http(&[(name, "false"), writes]).is_ok());
        assert!(http(&[(name, "true"), writes]).is_err());
    }
}

#[test]
fn roles_that_only_read_and_writes_exclude_each_other() {
    let strict = ("SNOWFLAKE_MCP_STRICT_ROLE", "true");
    let writes = ("SNOWFLAKE_MCP_ALLOW_WRITE", "insert");
    assert!(http(&[strict]).expect("valid").statements.is_role_strict);
    assert!(http(&[("SNOWFLAKE_MCP_STRICT_ROLE", "false"), writes]).is_ok());
    let error = http(&[strict, writes]).expect_err("no role could do both");
    assert!(
        error.starts_with("SNOWFLAKE_MCP_STRICT_ROLE=true (environment): ")
            && error.contains("--allow-write"),
        "{error}"
    );
}

#[test]
fn the_metrics_route_can_be_moved_and_removed() {
    let path = |environment: &[(&str, &str)]| {
        http(environment).map(|config| config.http.expect("http").metrics_path)
    };
    assert_eq!(path(&[("ENABLE_METRICS", "false")]), Ok(None));
    assert_eq!(
        path(&[("METRICS_ENDPOINT", "/-/metrics")]),
        Ok(Some("/-/metrics".to_owned()))
    );
    for wrong in ["metrics", "/", "/a b", "/x?y"] {
        assert!(path(&[("METRICS_ENDPOINT", wrong)]).is_err(), "{wrong}");
    }
}

#[test]
fn host_names_are_names_only() {
    let hosts =
        |text: &str| http(&[("MCP_ALLOWED_HOSTS", text)]).map(|config| config.http.expect("http").hosts);
    assert_eq!(
        hosts("MCP.example.com, 192.0.2.1"),
        Ok(vec!["mcp.example.com".to_owned(), "192.0.2.1".to_owned()])
    );
    for wrong in ["https://x", "x:80", "x/y", "*"] {
        assert!(hosts(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn log_settings_are_read_in_both_worlds_words() {
    let read = |environment: &[(&str, &str)]| http(environment).map(|config| config.log);
    let log = read(&[
        ("LOG_LEVEL", "WARNING"),
        ("LOG_FORMAT", "JSON"),
        ("LOG_SQL_QUERIES", "1"),
    ])
    .expect("valid");
    assert_eq!(
        (log.level, log.format, log.statements),
        (log::LevelFilter::Warn, Format::Json, true)
    );
    assert!(read(&[("LOG_LEVEL", "loud")]).is_err());
}

#[test]
fn stdio_has_no_address_and_says_that_a_port_is_ignored() {
    let flags = [("--port", "8123"), ("--host", "0.0.0.0")];
    let config = Config::read(&sources(&flags, &[]), Transport::Stdio, true).expect("valid");
    assert!(config.http.is_none());
    let texts: Vec<_> = config.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "--host is ignored: stdio listens on no address",
            "--port is ignored: stdio listens on no address"
        ]
    );
    let config =
        Config::read(&sources(&[], &[("MCP_HTTP_PORT", "1")]), Transport::Stdio, true).expect("valid");
    assert_eq!(config.notes, [], "a variable may be meant for another start");
}

#[test]
fn a_missing_credential_does_not_stop_the_start() {
    let config = Config::read(&sources(&[], &[]), Transport::Http, false).expect("valid");
    let Engine::Incomplete(sentence) = config.engine else {
        panic!("{:?}", config.engine);
    };
    assert!(sentence.contains("SNOWFLAKE_TOKEN"), "{sentence}");
}

#[test]
fn the_demo_reads_no_snowflake_setting() {
    let config = http(&[("SNOWFLAKE_PORT", "nonsense")]).expect("not read");
    assert!(matches!(config.engine, Engine::Demo));
}
