//! Arguments that are there only where something can be chosen, and what becomes of a choice.

use std::time::Duration;

use serde_json::value::RawValue;

use super::*;
use crate::entropy::SeededEntropy;
use crate::limits::Limits;
use crate::sql::guard::Policy;
use crate::token::Keys;
use crate::tools::{Begun, Call, Catalogue, Form};

const FORM: Form = Form {
    is_structured: true,
    has_links: true,
    before: "",
    after: "",
    fence: None,
};

fn choice(connection: &str, roles: &[&str], warehouses: &[&str]) -> Choice {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Choice {
        connection: connection.into(),
        roles: owned(roles),
        warehouses: owned(warehouses),
    }
}

fn catalogue(choices: Vec<Choice>) -> Catalogue {
    Catalogue::new(Settings {
        choices,
        role: Some("own".to_owned()),
        ..Settings::new(&Limits::default(), Policy::default())
    })
}

fn begin(catalogue: &Catalogue, arguments: &str) -> Result<Work, String> {
    let tool = catalogue.find("execute_query").unwrap();
    let arguments: &RawValue = serde_json::from_str(arguments).unwrap();
    let keys = Keys::random(&mut SeededEntropy::new(1));
    match catalogue.begin(tool, Some(arguments), &Call::of_nobody(FORM, &keys)) {
        Ok(Begun::Work(work)) => Ok(*work),
        Ok(other) => panic!("{other:?}"),
        Err(refused) => Err(String::from_utf8(refused.result).unwrap()),
    }
}

fn extra(catalogue: &Catalogue) -> Vec<&'static str> {
    let plain = properties_of(&self::catalogue(Vec::new()));
    let mut all = properties_of(catalogue);
    all.retain(|name| !plain.contains(name));
    all
}

fn properties_of(catalogue: &Catalogue) -> Vec<&'static str> {
    let tool = catalogue.find("execute_query").unwrap();
    tool.properties.iter().map(|property| property.name).collect()
}

#[test]
fn nothing_to_choose_makes_no_argument() {
    assert_eq!(extra(&catalogue(vec![choice("", &[], &[])])), [""; 0]);
    let one = catalogue(vec![choice("", &["R"], &[])]);
    assert_eq!(extra(&one), ["role"]);
    let two = catalogue(vec![choice("prod", &[], &["W"]), choice("dev", &[], &[])]);
    assert_eq!(extra(&two), ["connection", "warehouse"]);
    // What is remembered of all connections is asked of none.
    for tool in two.tools().iter().filter(|tool| tool.name != "list_queries") {
        let property = tool
            .properties
            .iter()
            .find(|property| property.name == "connection");
        assert_eq!(
            property.map(|property| property.description),
            Some("Which Snowflake connection: prod, dev; without it prod.")
        );
    }
}

#[test]
fn a_call_goes_to_the_connection_that_it_names_or_to_the_first() {
    let two = catalogue(vec![choice("prod", &[], &[]), choice("dev", &[], &[])]);
    let connection = |arguments: &str| begin(&two, arguments).map(|work| work.context.connection);
    assert_eq!(connection(r#"{"query":"select 1"}"#), Ok(Some("prod".into())));
    let named = r#"{"query":"select 1","connection":"dev"}"#;
    assert_eq!(connection(named), Ok(Some("dev".into())));
    let unknown = connection(r#"{"query":"select 1","connection":"DEV"}"#).unwrap_err();
    assert!(
        unknown.contains("connection DEV cannot be chosen; there are prod, dev"),
        "{unknown}"
    );
    let single = catalogue(vec![choice("", &[], &[])]);
    let work = begin(&single, r#"{"query":"select 1"}"#).unwrap();
    assert_eq!(work.context.connection, None);
}

#[test]
fn who_is_told_that_a_statement_goes_on_is_told_which_connection_to_name() {
    let told = |choices: &[&str], arguments: &str| {
        let choices = choices.iter().map(|name| choice(name, &[], &[])).collect();
        let work = begin(&catalogue(choices), arguments).unwrap();
        let told = work.patience.unwrap().tell("01c0", Duration::from_secs(45));
        String::from_utf8(told).unwrap()
    };
    let plain = r#"{"query":"select 1"}"#;
    let alone = told(&[""], plain);
    assert!(alone.contains("with this query_id for its rows"), "{alone}");
    let first = told(&["prod", "dev"], plain);
    assert!(
        first.contains("with this query_id and connection prod for its rows"),
        "{first}"
    );
    let named = told(&["prod", "dev"], r#"{"query":"select 1","connection":"dev"}"#);
    assert!(
        named.contains("with this query_id and connection dev for its rows"),
        "{named}"
    );
}

#[test]
fn a_role_or_a_warehouse_must_be_in_the_connections_own_list() {
    let two = catalogue(vec![
        choice("prod", &["READER", "Mixed"], &[]),
        choice("dev", &[], &["BIG"]),
    ]);
    let role = |arguments: &str| begin(&two, arguments).map(|work| work.context.role);
    assert_eq!(role(r#"{"query":"select 1"}"#), Ok(Some("OWN".to_owned())));
    assert_eq!(
        role(r#"{"query":"select 1","role":"reader"}"#),
        Ok(Some("READER".to_owned()))
    );
    let quoted = r#"{"query":"select 1","role":"\"Mixed\""}"#;
    assert_eq!(role(quoted), Ok(Some("Mixed".to_owned())));
    for refused in [
        r#"{"query":"select 1","role":"accountadmin"}"#,
        r#"{"query":"select 1","role":"mixed"}"#,
        r#"{"query":"select 1","role":"reader","connection":"dev"}"#,
        r#"{"query":"select 1","warehouse":"big"}"#,
    ] {
        assert!(
            role(refused).unwrap_err().contains("cannot be chosen"),
            "{refused}"
        );
    }
    let told = role(r#"{"query":"select 1","role":"mixed"}"#).unwrap_err();
    assert!(
        told.contains(r#"there are READER, \"Mixed\""#),
        "as it must be written: {told}"
    );
    let tool = two.find("execute_query").unwrap();
    let property = tool.properties.iter().find(|property| property.name == "role");
    assert_eq!(
        property.map(|property| property.description),
        Some("Role to use: READER, \"Mixed\" in prod; without it the connection's own.")
    );
    let work = begin(
        &two,
        r#"{"query":"select 1","warehouse":"big","connection":"dev"}"#,
    )
    .unwrap();
    assert_eq!(work.context.warehouse.as_deref(), Some("BIG"));
    let none = catalogue(vec![choice("", &[], &[])]);
    let unknown = begin(&none, r#"{"query":"select 1","role":"reader"}"#).unwrap_err();
    assert!(unknown.contains("unknown argument role"), "{unknown}");
}
