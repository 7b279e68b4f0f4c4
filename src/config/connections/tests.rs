//! Connections by name: where each value comes from, and what is told of those that nobody knows.

use super::*;
use crate::config::source::Origin;

const CONNECTIONS: &str = "\
[prod]
account = \"myorg-prod\"
token = \"of-the-file\"
role = \"reader\"
[dev]
account = \"myorg-dev\"
authenticator = \"externalbrowser\"
";
const CONFIG: &str = "default_connection_name = \"prod\"\n";
const OWN: &str = "[settings]\nMCP_HTTP_PORT = 9000\n[connections.prod]\nallowed_roles = [\"reader\", '\"Mixed\"']\nwarehouse = \"W\"\n";

fn sources(flags: &[(&'static str, &str)], environment: &[(&str, &str)]) -> Sources {
    let flags = flags.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources::new(flags, environment, [])
        .with_own_file(OWN)
        .with_tools_files(CONNECTIONS, CONFIG)
}

fn refusal(flags: &[(&'static str, &str)]) -> String {
    read(&sources(flags, &[])).unwrap_err().to_string()
}

fn only(sources: &Sources) -> Settings {
    match read(sources).unwrap() {
        (Engine::Snowflake(settings), _) => *settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_value_comes_from_the_place_that_stands_highest() {
    let all = sources(
        &[("--connection", "prod")],
        &[
            ("SNOWFLAKE_CONNECTIONS_PROD_ROLE", "of_name"),
            ("SNOWFLAKE_ROLE", "of_all"),
            ("SNOWFLAKE_WAREHOUSE", "of_all"),
            ("SNOWFLAKE_SCHEMA", "of_all"),
        ],
    );
    let place = all.place(Some("prod"));
    let found = |setting| {
        place
            .find(setting)
            .map(|found: Found| (found.value, found.origin))
    };
    let pair = |value: &str, origin| Some((value.to_owned(), origin));
    assert_eq!(found(&s::ROLE), pair("of_name", Origin::NamedEnvironment));
    assert_eq!(found(&s::ACCOUNT), pair("myorg-prod", Origin::Tools));
    assert_eq!(found(&s::WAREHOUSE), pair("W", Origin::OwnConnection));
    assert_eq!(found(&s::SCHEMA), pair("of_all", Origin::Environment));
    assert_eq!(all.find(&s::PORT).map(|found| found.origin), Some(Origin::Own));
    let unnamed = all.place(None);
    assert_eq!(
        unnamed.find(&s::ROLE).map(|found| found.value),
        Some("of_all".to_owned())
    );
}

#[test]
fn the_default_connection_is_used_where_the_environment_names_no_account() {
    assert_eq!(only(&sources(&[], &[])).account.as_deref(), Some("myorg-prod"));
    let four = [("SNOWFLAKE_ACCOUNT", "own"), ("SNOWFLAKE_TOKEN", "t")];
    let settings = only(&sources(&[], &four));
    assert_eq!(settings.account.as_deref(), Some("own"));
    assert_eq!(settings.context.role, None, "they mean what they say");
    let named = [four[0], ("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "prod")];
    assert_eq!(only(&sources(&[], &named)).account.as_deref(), Some("myorg-prod"));
}

#[test]
fn several_connections_each_have_their_own_settings() {
    let sources = sources(&[("--connections", "dev, prod"), ("--connection", "prod")], &[]);
    let (engine, choices) = read(&sources).unwrap();
    let Engine::Several(connections) = engine else {
        panic!("{engine:?}")
    };
    let names: Vec<_> = connections
        .iter()
        .map(|connection| connection.name.as_str())
        .collect();
    assert_eq!(names, ["prod", "dev"], "the default one first");
    let prod = connections[0].settings.as_ref().unwrap();
    assert_eq!(prod.context.role.as_deref(), Some("READER"), "as SQL reads it");
    let dev = connections[1].settings.as_ref().unwrap_err();
    assert!(dev.contains("cannot sign in through a browser"), "{dev}");
    assert_eq!(choices[0].roles, ["READER", "Mixed"]);
    assert_eq!(choices[1].roles, [""; 0]);
}

#[test]
fn a_connection_that_nobody_knows_is_told_with_those_that_there_are() {
    assert_eq!(
        refusal(&[("--connection", "pord")]),
        "--connection=pord (flag): no connection is called pord; known are dev, prod"
    );
    assert!(refusal(&[("--connections", "prod,x y")]).contains("expected the name of a connection"));
    assert_eq!(
        refusal(&[("--connections", "prod,dev"), ("--connection", "other")]),
        "--connection=other (flag): expected one of prod, dev"
    );
    assert!(refusal(&[("--connections", ",")]).contains("expected 1 to"));
}

#[test]
fn a_connection_may_stand_in_the_environment_alone() {
    let environment = [
        ("SNOWFLAKE_CONNECTIONS_CI_ACCOUNT", "myorg-ci"),
        ("SNOWFLAKE_CONNECTIONS_CI_TOKEN", "t"),
    ];
    let sources = sources(&[("--connection", "ci")], &environment);
    assert_eq!(only(&sources).account.as_deref(), Some("myorg-ci"));
}

#[test]
fn a_policy_by_role_and_a_role_of_the_callers_choice_do_not_go_together() {
    use crate::config::{Config, Transport};
    let refused = |flags: &[(&'static str, &str)], policy: &str| {
        let mut all = vec![("--policy", "policy.toml")];
        all.extend_from_slice(flags);
        let sources = sources(&all, &[]).with_policy(policy);
        let read = Config::read(&sources, Transport::Stdio, false);
        read.err().map(|error| error.to_string())
    };
    let by_role = "[role.reader]\nmax_rows = 5\n";
    let told = refused(&[("--connections", "prod,dev")], by_role).unwrap();
    assert!(told.starts_with("the policy has sections by role"), "{told}");
    assert!(
        refused(&[("--connection", "prod")], by_role).is_some(),
        "it lists roles"
    );
    assert_eq!(refused(&[("--connections", "prod,dev")], "max_rows = 5\n"), None);
    assert_eq!(refused(&[("--connection", "dev")], by_role), None);
}
