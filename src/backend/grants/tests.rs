//! What comes of the grants that a role has.

use super::*;
use crate::backend::rows::{Bounds, Column};
use crate::backend::{ResultSet, Value as Cell};

fn result(columns: &[&str], rows: &[&[&str]]) -> ResultSet {
    let bounds = Bounds {
        rows_max: 100,
        bytes_max: 1 << 20,
    };
    bounded(columns, rows, bounds)
}

fn bounded(columns: &[&str], rows: &[&[&str]], bounds: Bounds) -> ResultSet {
    let column = |name: &&str| Column {
        name: (*name).to_owned(),
        type_name: "VARCHAR".to_owned(),
        nullable: true,
    };
    let mut result = ResultSet::new(columns.iter().map(column).collect(), bounds);
    for row in rows {
        row.iter().for_each(|cell| result.push(Cell::Text(cell)));
        if !result.end_row() {
            result.mark_truncated();
            break;
        }
    }
    result
}

fn session(role: &str, secondary: &str) -> [ResultSet; 2] {
    let secondary = match secondary {
        "" => ResultSet::absent(),
        secondary => result(&["SECONDARY"], &[&[secondary]]),
    };
    [result(&["ROLE"], &[&[role]]), secondary]
}

const GRANTS: [&str; 4] = ["privilege", "granted_on", "name", "grant_option"];

fn grants(rows: &[[&str; 3]]) -> ResultSet {
    let rows: Vec<[&str; 4]> = rows.iter().map(|row| [row[0], row[1], row[2], "false"]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(<[&str; 4]>::as_slice).collect();
    result(&GRANTS, &rows)
}

fn begun(role: &str, secondary: &str) -> Reading {
    let mut reading = Reading::new(Who::default(), &Limits::default());
    assert_eq!(reading.statements().1, 1, "an engine may have no secondary roles");
    reading.take(&session(role, secondary));
    reading
}

/// Reads a role that has these privileges and nothing else.
fn report(role: &str, rows: &[[&str; 3]]) -> Report {
    let mut reading = begun(role, "");
    let answers = [grants(rows), grants(&[])];
    reading.take(&answers);
    reading.into_report(String::new())
}

#[test]
fn a_role_that_reads_reads() {
    let report = report(
        "READER",
        &[
            ["USAGE", "DATABASE", "D"],
            ["USAGE", "SCHEMA", "D.S"],
            ["SELECT", "TABLE", "D.S.T"],
            ["REFERENCES", "VIEW", "D.S.V"],
            ["USAGE", "WAREHOUSE", "W"],
            ["MONITOR", "WAREHOUSE", "W"],
            ["MONITOR USAGE", "ACCOUNT", "A"],
            ["USAGE", "FUNCTION", "D.S.F(NUMBER)"],
            ["IMPORTED PRIVILEGES", "DATABASE", "SHARED"],
        ],
    );
    assert_eq!(
        (report.verdict(), report.count, report.roles),
        (Verdict::Reads, 0, 2)
    );
    assert_eq!(report.sentence(), "READER can only read (2 roles looked at)");
}

#[test]
fn what_writes_owns_or_administers_is_counted_and_the_first_are_named() {
    let rows = [
        ["SELECT", "TABLE", "D.S.T"],
        ["INSERT", "TABLE", "D.S.T"],
        ["OWNERSHIP", "SCHEMA", "D.S"],
        ["CREATE TABLE", "SCHEMA", "D.S"],
        ["MANAGE GRANTS", "ACCOUNT", "A"],
        ["OPERATE", "WAREHOUSE", "W"],
        ["USAGE", "PROCEDURE", "D.S.P(NUMBER)"],
        ["USAGE", "STAGE", "D.S.BUCKET"],
        ["SOMETHING OF NEXT YEAR", "TABLE", "D.S.T"],
    ];
    let report = report("LOADER", &rows);
    assert_eq!((report.verdict(), report.count), (Verdict::DoesMore, 8));
    assert_eq!(report.first.len(), 5);
    let sentence = report.sentence();
    assert!(
        sentence.starts_with(
            "LOADER can do more than read, it has 8 privileges for that: INSERT on TABLE D.S.T, OWNERSHIP on SCHEMA D.S,"
        ),
        "{sentence}"
    );
    assert!(sentence.ends_with(", …"), "{sentence}");
}

#[test]
fn a_role_that_can_pass_reading_on_does_more_than_read() {
    let mut reading = begun("READER", "");
    let passes_on = result(&GRANTS, &[&["SELECT", "TABLE", "D.S.T", "true"]]);
    reading.take(&[passes_on, grants(&[])]);
    let report = reading.into_report(String::new());
    assert_eq!(report.first, ["SELECT on TABLE D.S.T with grant option".into()]);
}

#[test]
fn a_system_role_administers_whatever_was_granted_to_it() {
    assert_eq!(report("ACCOUNTADMIN", &[]).verdict(), Verdict::DoesMore);
    let inherits = report("READER", &[["USAGE", "ROLE", "SYSADMIN"]]);
    assert_eq!(inherits.verdict(), Verdict::DoesMore);
    assert_eq!(inherits.first, ["USAGE on ROLE SYSADMIN".into()]);
}

#[test]
fn roles_that_were_granted_are_asked_level_by_level_and_each_once() {
    let mut reading = begun("A", "");
    assert_eq!(
        reading.statements().0,
        ["SHOW GRANTS TO ROLE \"A\"", "SHOW GRANTS TO ROLE \"PUBLIC\""]
    );
    reading.take(&[
        grants(&[
            ["USAGE", "ROLE", "B"],
            ["USAGE", "ROLE", "\"my role\""],
            ["USAGE", "DATABASE_ROLE", "D.R"],
            ["USAGE", "DATABASE_ROLE", "SNOWFLAKE.OBJECT_VIEWER"],
            ["USAGE", "DATABASE_ROLE", "\"SNOWFLAKE_COPY\".R"],
        ]),
        grants(&[["USAGE", "ROLE", "A"]]),
    ]);
    let (statements, optional) = reading.statements();
    assert_eq!(
        statements,
        [
            "SHOW GRANTS TO ROLE \"B\"",
            "SHOW GRANTS TO ROLE \"my role\"",
            "SHOW GRANTS TO DATABASE ROLE \"D\".\"R\"",
            "SHOW GRANTS TO DATABASE ROLE \"SNOWFLAKE_COPY\".\"R\"",
        ]
    );
    assert_eq!(optional, 4, "one that cannot be seen does not end the reading");
    // They point at each other, which no account does, and it ends all the same.
    reading.take(&[
        grants(&[["USAGE", "ROLE", "A"]]),
        grants(&[["USAGE", "ROLE", "B"], ["DELETE", "TABLE", "D.S.T"]]),
        grants(&[]),
        grants(&[]),
    ]);
    assert!(reading.is_over());
    let report = reading.into_report(String::new());
    assert_eq!((report.count, report.roles), (1, 6));
}

#[test]
fn secondary_roles_are_roles_of_the_session() {
    let reading = begun("A", r#"{"roles":"B,\"c d\"","value":"ALL"}"#);
    let expected =
        ["\"A\"", "\"B\"", "\"c d\"", "\"PUBLIC\""].map(|role| format!("SHOW GRANTS TO ROLE {role}"));
    assert_eq!(reading.statements().0, expected);
    let none = begun("A", r#"{"roles":"","value":""}"#);
    assert_eq!(none.statements().0.len(), 2);
    let odd = begun("A", "no JSON").into_report(String::new());
    assert_eq!(odd.verdict(), Verdict::Unknown);
}

#[test]
fn what_cannot_be_read_is_a_gap_and_nobody_is_called_a_reader_for_it() {
    let gap = |answers: &[ResultSet]| {
        let mut reading = begun("A", "");
        reading.take(answers);
        let report = reading.into_report(String::new());
        assert_eq!(report.verdict(), Verdict::Unknown);
        report.gap.unwrap()
    };
    assert!(gap(&[ResultSet::absent(), grants(&[])]).contains("cannot be seen"));
    assert!(gap(&[grants(&[])]).contains("\"PUBLIC\""));
    let odd = result(&["nothing"], &[&["x"]]);
    assert!(gap(&[odd, grants(&[])]).contains("no column that is called privilege"));
    let bounds = Bounds {
        rows_max: 1,
        bytes_max: 1 << 10,
    };
    let row: &[&str] = &["SELECT", "TABLE", "T", "false"];
    assert!(gap(&[bounded(&GRANTS, &[row, row], bounds), grants(&[])]).contains("more grants than are read"));
    let unreadable = grants(&[["USAGE", "ROLE", "\"half"]]);
    assert!(gap(&[unreadable, grants(&[])]).contains("no name of a role"));
}

#[test]
fn roles_without_end_are_followed_so_far() {
    let limits = Limits {
        audit_roles_max: 3,
        ..Limits::default()
    };
    let mut reading = Reading::new(Who::default(), &limits);
    reading.take(&session("A", ""));
    let many = grants(&[["USAGE", "ROLE", "B"], ["USAGE", "ROLE", "C"]]);
    reading.take(&[many, grants(&[])]);
    assert_eq!(reading.statements().0.len(), 1);
    reading.take(&[grants(&[])]);
    let report = reading.into_report(String::new());
    assert!(report.gap.unwrap().contains("more than 3 roles"));
}

#[test]
fn the_mark_tells_whether_something_else_was_found() {
    let one = report("A", &[["SELECT", "TABLE", "T"]]);
    assert_eq!(one.mark, report("A", &[["SELECT", "TABLE", "T"]]).mark);
    assert_ne!(one.mark, report("A", &[["INSERT", "TABLE", "T"]]).mark);
}
