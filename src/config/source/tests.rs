use super::super::setting::{PORT, ROLE};
use super::*;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn found(sources: &Sources) -> Option<(String, Origin)> {
    sources.find(&PORT).map(|found| (found.value, found.origin))
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let environment = pairs(&[("MCP_HTTP_PORT", "2")]);
    let file = pairs(&[("MCP_HTTP_PORT", "3")]);
    let all = Sources::new([("--port", "1".to_owned())], environment.clone(), file.clone());
    assert_eq!(found(&all), Some(("1".to_owned(), Origin::Flag)));
    let two = Sources::new([], environment, file.clone());
    assert_eq!(found(&two), Some(("2".to_owned(), Origin::Environment)));
    let one = Sources::new([], [], file);
    assert_eq!(found(&one), Some(("3".to_owned(), Origin::File)));
    assert_eq!(found(&Sources::default()), None);
}

#[test]
fn an_alias_in_the_environment_beats_the_first_name_in_the_file() {
    let sources = Sources::new(
        [],
        pairs(&[("MCP_SERVER_PORT", "1")]),
        pairs(&[("MCP_HTTP_PORT", "2")]),
    );
    assert_eq!(found(&sources), Some(("1".to_owned(), Origin::Environment)));
    let both = Sources::new([], pairs(&[("MCP_SERVER_PORT", "1"), ("MCP_HTTP_PORT", "2")]), []);
    assert_eq!(found(&both), Some(("2".to_owned(), Origin::Environment)));
}

#[test]
fn an_empty_value_is_no_value() {
    let sources = Sources::new(
        [],
        pairs(&[("SNOWFLAKE_ROLE", "  ")]),
        pairs(&[("SNOWFLAKE_ROLE", "R")]),
    );
    assert_eq!(sources.find(&ROLE).map(|found| found.value), Some("R".to_owned()));
}

#[test]
fn the_file_may_carry_quotes_comments_export_and_a_byte_order_mark() {
    let text =
        b"\xef\xbb\xbfexport SNOWFLAKE_USER=ann # who\n\nSNOWFLAKE_ROLE='READER'\nnot a line\nPATH=/x\n";
    let (pairs, trouble) = parse_file(text);
    let sources = Sources::new([], [], pairs);
    assert_eq!(sources.names_of_file(), ["SNOWFLAKE_ROLE", "SNOWFLAKE_USER"]);
    assert_eq!(
        sources.find(&ROLE).map(|found| found.value),
        Some("READER".to_owned())
    );
    assert_eq!(trouble.as_deref(), Some("has 1 line(s) that are not NAME=value"));
}

#[test]
fn what_the_environment_sets_is_not_counted_for_the_file() {
    let sources = Sources::new(
        [],
        pairs(&[("SNOWFLAKE_ROLE", "R")]),
        pairs(&[("SNOWFLAKE_ROLE", "S")]),
    );
    assert!(sources.names_of_file().is_empty());
    assert_eq!(sources.names(), ["SNOWFLAKE_ROLE"]);
}

#[test]
fn variables_that_kubernetes_makes_are_no_settings() {
    let made = pairs(&[
        ("MCP_SERVER_PORT", "tcp://10.0.0.1:80"),
        ("MCP_SERVER_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("SNOWFLAKE_MCP_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("SNOWFLAKE_MCP_SERVICE_HOST", "10.0.0.1"),
        ("SNOWFLAKE_MCP_SERVICE_PORT_HTTP", "8000"),
    ]);
    let sources = Sources::new([], made, []);
    assert_eq!(found(&sources), None);
    assert!(sources.names().is_empty(), "{sources:?}");
}

#[test]
fn the_tools_files_are_where_the_tools_look() {
    let look = |named, there: &str| {
        let home = Some(PathBuf::from("/u/ann"));
        tools_directory(named, home, None, |path| path == Path::new(there))
            .map(|path| path.display().to_string())
    };
    assert_eq!(
        look(None, "/u/ann/.snowflake").as_deref(),
        Some("/u/ann/.snowflake")
    );
    assert_eq!(look(Some("~/x"), "/u/ann/x").as_deref(), Some("/u/ann/x"));
    assert_eq!(look(Some("/y"), "/y").as_deref(), Some("/y"));
    if cfg!(target_os = "linux") {
        assert_eq!(look(None, "").as_deref(), Some("/u/ann/.config/snowflake"));
        let system = Some(PathBuf::from("/c"));
        assert_eq!(
            tools_directory(None, None, system, |_| false),
            Some(PathBuf::from("/c/snowflake"))
        );
    }
    assert_eq!(tools_directory(None, None, None, |_| false), None);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_change_is_refused_and_one_that_they_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("snowflake-mcp-config-{}.toml", std::process::id()));
    std::fs::write(&path, "x = 1\n").unwrap();
    let read = |mode, is_silent| {
        let mut notes = Vec::new();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let text = read_checked(&path, is_silent, &mut notes);
        (text, notes.len())
    };
    let text = Ok(Some("x = 1\n".to_owned()));
    assert_eq!(read(0o600, false), (text.clone(), 0));
    assert_eq!(read(0o644, false), (text.clone(), 1));
    assert_eq!(read(0o644, true), (text, 0));
    for mode in [0o620, 0o602] {
        let refused = read(mode, true).0.unwrap_err();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read_checked(&path, false, &mut Vec::new()), Ok(None));
}

#[test]
fn sources_show_names_and_no_values() {
    let sources = Sources::new([], pairs(&[("SNOWFLAKE_TOKEN", "hunter2")]), []);
    let shown = format!("{sources:?} {:?}", sources.find(&setting::TOKEN));
    assert!(
        shown.contains("SNOWFLAKE_TOKEN (environment)") && !shown.contains("hunter2"),
        "{shown}"
    );
}
