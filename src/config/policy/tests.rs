//! Policy files and settings to rulings, and the refusals in words.

use super::*;
use crate::config::{Config, Transport};

fn read_with(file: &str, environment: &[(&str, &str)]) -> Result<Rulings, String> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags = [("--policy", "p.toml".to_owned())];
    let sources = Sources::new(flags, environment, []).with_policy(file);
    read(&sources, &Limits::default()).map_err(|error| error.to_string())
}

fn read_file(file: &str) -> Result<Rulings, String> {
    read_with(file, &[])
}

#[test]
fn an_empty_file_is_the_strict_policy() {
    let rulings = read_file("# nothing\n").expect("an empty file");
    let base = rulings.base();
    assert!(base.policy.check("select 1").is_ok());
    assert!(base.policy.check("insert into t values (1)").is_err());
    assert!(!base.needs_plan() && !base.asks());
}

#[test]
fn every_word_of_a_file_has_its_effect() {
    let rulings = read_file(
        r#"
        allowed_commands = ["select", "list"]
        allow_write = ["insert"]
        permissions = ["stage_reads"]
        allow_functions = ["SYSTEM$WAIT"]
        deny_functions = ["UPPER"]
        allow_objects = ["SALES"]
        deny_objects = ["SALES.HR"]
        max_rows = 1_000
        max_result_bytes = "64 KiB"
        max_scan_bytes = "10 GB"
        max_partitions = 0x10
        confirm_scan_bytes = 5
        confirm_partitions = 4
        confirm_writes = false
        on_explain_failure = "run"
        "#,
    )
    .expect("all words are known");
    let ruling = rulings.base();
    let passes = |sql| ruling.policy.check(sql).is_ok();
    assert!(
        passes("list @s") && passes("insert into t select $1 from @s") && passes("select system$wait(1)")
    );
    assert!(!passes("show tables") && !passes("select upper('a')") && !passes("delete from t"));
    assert!(ruling.objects.check(&["SALES", "S", "T"]).is_ok());
    assert!(ruling.objects.check(&["SALES", "HR", "T"]).is_err());
    let cost = CostRules {
        scan_bytes_max: Some(10_000_000_000),
        partitions_max: Some(16),
        scan_bytes_unasked_max: Some(5),
        partitions_unasked_max: Some(4),
        unexplained: Unexplained::Runs,
    };
    assert_eq!(ruling.cost, cost);
    assert_eq!(
        (ruling.rows_max, ruling.result_bytes_max),
        (Some(1_000), Some(65_536))
    );
    assert!(ruling.writes_unasked && ruling.runs_unexplained());
}

#[test]
fn settings_are_laid_over_the_file_and_sections_over_both() {
    let file = r#"
        allow_write = ["insert"]
        max_partitions = 1
        [role.reader]
        allow_write = []
        [role."My Role"]
        max_partitions = 2
        [key.nightly]
        max_partitions = 3
    "#;
    let set = [("SNOWFLAKE_MCP_MAX_PARTITIONS", "9")];
    let rulings = read_with(file, &set).expect("a file and a setting");
    let of = |role, key: Option<&str>| {
        let mark = key.map(mark);
        let ruling = rulings.of(role, mark.as_ref().map(|mark| mark.as_bytes()));
        (ruling.cost.partitions_max, ruling.policy.writes().count())
    };
    assert_eq!(of(None, None), (Some(9), 1));
    assert_eq!(of(Some("READER"), None), (Some(9), 0));
    assert_eq!(of(Some("My Role"), None), (Some(2), 1));
    assert_eq!(of(Some("READER"), Some("nightly")), (Some(3), 0));
    assert_eq!(of(Some("OTHER"), Some("nightly")), (Some(3), 1));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (file, expected) in [
        (
            "\nmax_row = 1",
            "line 2: max_row: unknown; known are allowed_commands",
        ),
        ("max_rows = -1", "line 1: max_rows: expected a number above 0"),
        ("max_rows = 0", "line 1: max_rows: expected a number above 0"),
        (
            "max_scan_bytes = \"1 PB\"",
            "line 1: max_scan_bytes: expected bytes",
        ),
        ("allow_write = \"insert\"", "line 1: allow_write: expected a list"),
        (
            "allow_write = [\"copy\"]",
            "\"copy\" is no write that can be allowed",
        ),
        (
            "[key.a]\nallow_write = [\"call\"]",
            "[key.a] \"call\" is no write",
        ),
        ("permissions = [\"all\"]", "\"all\" is no permission"),
        ("deny_objects = [\"a.b.c.d\"]", "is no pattern of objects"),
        ("allowed_commands = []", "the list of allowed commands is empty"),
        (
            "on_explain_failure = \"maybe\"",
            "line 1: on_explain_failure: expected \"refuse\" or \"run\"",
        ),
        (
            "confirm_writes = 1",
            "line 1: confirm_writes: expected true or false",
        ),
        ("role = 1", "line 1: expected sections, as [role.NAME]"),
        ("[key]\nx = 1", "line 2: x is no section"),
        ("max_rows = 1\nmax_rows = 2", "line 2: "),
        ("max_rows", "line 1: "),
    ] {
        let error = read_file(file).expect_err(file);
        assert!(
            error.starts_with("--policy=p.toml (flag)") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_refuses_to_start() {
    let flags = [("--policy", "/nowhere/at/all.toml".to_owned())];
    let sources = Sources::from_process(flags);
    let error = Config::read(&sources, Transport::Stdio, true).expect_err("no file");
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[test]
fn a_setting_that_is_wrong_is_told_by_its_name() {
    for (name, value, expected) in [
        ("SNOWFLAKE_MCP_ALLOW_WRITE", "insert,call", "\"call\" is no write"),
        ("SNOWFLAKE_MCP_MAX_SCAN_BYTES", "lots", "expected bytes"),
        ("SNOWFLAKE_MCP_MAX_PARTITIONS", "0", "expected a number"),
        ("SNOWFLAKE_MCP_DENIED_OBJECTS", "a..b", "is no pattern of objects"),
        (
            "SNOWFLAKE_MCP_ON_EXPLAIN_FAILURE",
            "x",
            "expected one of refuse, run",
        ),
    ] {
        let error = read_with("", &[(name, value)]).expect_err(name);
        assert!(
            error.starts_with(&format!("{name}={value} (environment)")),
            "{error}"
        );
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn bytes_have_units() {
    assert_eq!(bytes_of("10 GiB"), Some(10 << 30));
    assert_eq!(bytes_of("2kb"), Some(2_000));
    assert_eq!(bytes_of("7"), Some(7));
    for wrong in ["", "0", "-1", "1.5 GB", "GB", "1 PB", "99999999 TiB"] {
        assert_eq!(bytes_of(wrong), None, "{wrong}");
    }
}
