//! What every engine does, whatever it is: the contract in `backend/mod.rs`, one function a promise.
//!
//! A subject brings an engine, a way to let time pass, and a table that it has. To run the list for another engine,
//! make a [`Subject`] and call [`check_all`].

use std::time::Duration;

use snowflake_mcp::backend::job::{Operation, Status};
use snowflake_mcp::backend::rows::Position;
use snowflake_mcp::backend::{Backend, CancelToken, Kind, ResultSet};
use snowflake_mcp::ident::QueryId;

use crate::drive::{self, Ended, Task, rows};
use crate::showing::{self, Listed};

/// An engine under test.
pub(crate) struct Subject<'a> {
    /// Its name, for messages.
    pub(crate) name: &'a str,
    /// The engine.
    pub(crate) backend: &'a dyn Backend,
    /// Lets this much time pass.
    pub(crate) pause: &'a dyn Fn(Duration),
    /// A table that the engine has.
    pub(crate) table: Table<'a>,
    /// What it has to be listed.
    pub(crate) listed: Listed<'a>,
}

/// A table for the behaviours about context. Its name must not be one that the engine finds without a context.
pub(crate) struct Table<'a> {
    pub(crate) database: &'a str,
    pub(crate) schema: &'a str,
    pub(crate) name: &'a str,
    /// How many rows it has.
    pub(crate) rows: u64,
}

impl Subject<'_> {
    pub(crate) fn run(&self, task: Task) -> Ended {
        self.run_with(task, &CancelToken::new())
    }

    fn run_with(&self, task: Task, cancel: &CancelToken) -> Ended {
        drive::run(self.backend, task, cancel, |between| (self.pause)(between.after))
    }
}

/// A behaviour and its name, which is a sentence.
pub(crate) type Behaviour = (&'static str, fn(&Subject<'_>));

/// Checks each behaviour of the list and names the first that does not hold.
pub(crate) fn check_all(subject: &Subject<'_>) {
    for (name, check) in ALL {
        // Printed by the test harness only when the test fails: the last line is the broken promise.
        println!("{}: {name}", subject.name);
        check(subject);
    }
}

/// The list.
pub(crate) const ALL: &[Behaviour] = &[
    ("select 1 gives one row with one number", select_one),
    ("columns are named and typed", columns_are_named_and_typed),
    ("null is null", null_is_null),
    ("text is not touched", text_is_not_touched),
    (
        "numbers are exact, times ISO 8601, and each type has its name",
        values_are_exact_and_typed,
    ),
    ("a result without rows has columns", no_rows_but_columns),
    ("rows come in order", rows_come_in_order),
    ("the row bound cuts and is told", row_bound_cuts),
    ("a result that just fits is not truncated", exact_fit_is_whole),
    ("the byte bound cuts and is told", byte_bound_cuts),
    ("a missing table is not found", missing_table),
    ("a missing column is not found", missing_column),
    ("a text that is no SQL is a syntax error", syntax_error),
    ("a cancelled token starts nothing", cancelled_at_start),
    (
        "statements run in order, each with its result",
        several_statements,
    ),
    ("the first failure ends the job", first_failure_ends),
    (
        "a job does without a statement that it can spare",
        spares_what_is_optional,
    ),
    (
        "a job spares no statement that is wrong in itself",
        spares_no_mistake,
    ),
    ("a context holds for its job only", context_holds_for_its_job),
    ("an error does not spoil the next job", error_spoils_nothing),
    ("a failed job is never retried for ever", errors_end_at_once),
    (
        "a statement that was run can be read again by its query id",
        reads_what_exists,
    ),
    (
        "its rows can be read from any place, and each comes once",
        pages_give_each_row_once,
    ),
    ("a statement that has ended says so", tells_status),
    ("what failed fails again when it is asked after", tells_failure),
    (
        "a cancel of what has ended is confirmed and spoils nothing",
        cancels_what_has_ended,
    ),
    ("a query id that nobody has is gone", unknown_is_gone),
    (
        "what there is is listed in columns that are read by name",
        showing::listings_are_read_by_name,
    ),
    (
        "nothing is listed where nothing is",
        showing::nothing_is_listed_where_nothing_is,
    ),
    (
        "a listing can be cut and says so",
        showing::a_listing_can_be_cut_and_says_so,
    ),
    (
        "a cancelled token ends a reader and not the statement",
        reader_leaves_alone,
    ),
];

/// Statements of the list that an engine without SQL must know by heart.
pub(crate) const SELECT_ONE: &str = "select 1 as one";
pub(crate) const TWO_TYPES: &str = "select 1 as n, 'x' as s";
pub(crate) const A_NULL: &str = "select null as nothing";
pub(crate) const TEXTS: &str = "select 'it''s \"ü\" \\\\ 🦀' as s, '' as e";
pub(crate) const VALUES: &str = "select 123456789012345.678 as n, true as b, '2024-02-29'::date as d, '2024-02-29 23:59:59'::timestamp_ntz as t";
pub(crate) const NO_ROWS: &str = "select 1 as n where 1 = 0";
pub(crate) const FIVE_ROWS: &str =
    "select 1 as n union all select 2 union all select 3 union all select 4 union all select 5 order by 1";
pub(crate) const MISSING_TABLE: &str = "select * from no_such_table_anywhere";
pub(crate) const MISSING_COLUMN: &str = "select no_such_column from (select 1 as n) t";
pub(crate) const SYNTAX_ERROR: &str = "select from where";

fn select_one(subject: &Subject<'_>) {
    let result = subject.run(Task::new(SELECT_ONE)).result();
    assert_eq!(rows(&result), [["1"]]);
    assert_eq!(result.columns.len(), 1);
    assert_eq!(result.columns[0].name, "ONE");
    assert!(!result.is_truncated());
    assert!(result.total.is_none_or(|total| total == 1));
}

fn columns_are_named_and_typed(subject: &Subject<'_>) {
    let result = subject.run(Task::new(TWO_TYPES)).result();
    assert_eq!(rows(&result), [["1", "\"x\""]]);
    let names: Vec<_> = result.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["N", "S"]);
    assert!(
        result.columns[0].type_name.starts_with("NUMBER"),
        "{:?}",
        result.columns
    );
    assert!(
        result.columns[1].type_name.starts_with("VARCHAR"),
        "{:?}",
        result.columns
    );
}

fn null_is_null(subject: &Subject<'_>) {
    assert_eq!(rows(&subject.run(Task::new(A_NULL)).result()), [["null"]]);
}

fn text_is_not_touched(subject: &Subject<'_>) {
    let result = subject.run(Task::new(TEXTS)).result();
    let row = result.rows().next().unwrap();
    assert_eq!(
        (row.text("s"), row.text("E")),
        (Some("it's \"ü\" \\ 🦀"), Some(""))
    );
}

fn values_are_exact_and_typed(subject: &Subject<'_>) {
    let result = subject.run(Task::new(VALUES)).result();
    let expected = [
        "123456789012345.678",
        "true",
        "\"2024-02-29\"",
        "\"2024-02-29T23:59:59\"",
    ];
    assert_eq!(rows(&result), [expected]);
    for (column, kind) in result
        .columns
        .iter()
        .zip(["NUMBER", "BOOLEAN", "DATE", "TIMESTAMP_NTZ"])
    {
        assert!(column.type_name.starts_with(kind), "{column:?}");
    }
}

fn no_rows_but_columns(subject: &Subject<'_>) {
    let result = subject.run(Task::new(NO_ROWS)).result();
    assert_eq!((result.returned(), result.columns.len()), (0, 1));
    assert!(!result.is_truncated());
}

fn rows_come_in_order(subject: &Subject<'_>) {
    let result = subject.run(Task::new(FIVE_ROWS)).result();
    assert_eq!(rows(&result), [["1"], ["2"], ["3"], ["4"], ["5"]]);
    assert!(!result.is_truncated());
}

fn row_bound_cuts(subject: &Subject<'_>) {
    let result = subject.run(Task::new(FIVE_ROWS).rows_max(3)).result();
    assert_eq!(rows(&result), [["1"], ["2"], ["3"]]);
    assert!(result.is_truncated());
    assert!(result.total.is_none_or(|total| total == 5));
}

fn exact_fit_is_whole(subject: &Subject<'_>) {
    let result = subject.run(Task::new(FIVE_ROWS).rows_max(5)).result();
    assert_eq!((result.returned(), result.is_truncated()), (5, false));
}

fn byte_bound_cuts(subject: &Subject<'_>) {
    let result = subject.run(Task::new(FIVE_ROWS).bytes_max(30)).result();
    assert!(result.is_truncated());
    assert!((1..5).contains(&result.returned()), "{}", result.returned());
    assert!(result.bytes() <= 30);
}

fn missing_table(subject: &Subject<'_>) {
    let error = subject
        .run(Task::new(MISSING_TABLE).within(subject.table.database, subject.table.schema))
        .error();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    assert!(
        error.message.to_lowercase().contains("no_such_table_anywhere"),
        "{error}"
    );
}

fn missing_column(subject: &Subject<'_>) {
    let error = subject.run(Task::new(MISSING_COLUMN)).error();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
}

fn syntax_error(subject: &Subject<'_>) {
    let error = subject.run(Task::new(SYNTAX_ERROR)).error();
    assert_eq!(error.kind, Kind::Syntax, "{error}");
    assert!(!error.message.is_empty() && !error.message.ends_with('.'));
    assert!(!error.message.contains('\n'), "{error}");
}

fn cancelled_at_start(subject: &Subject<'_>) {
    let token = CancelToken::new();
    token.cancel();
    let ended = subject.run_with(Task::new(SELECT_ONE), &token);
    assert!(ended.pauses.is_empty(), "{:?}", ended.pauses);
    assert_eq!(ended.error().kind, Kind::Cancelled);
}

fn several_statements(subject: &Subject<'_>) {
    let results = subject.run(Task::new(SELECT_ONE).then(TWO_TYPES)).results();
    let all: Vec<_> = results.iter().map(rows).collect();
    assert_eq!(all, [vec![vec!["1"]], vec![vec!["1", "\"x\""]]]);
}

fn first_failure_ends(subject: &Subject<'_>) {
    let error = subject
        .run(Task::new(SELECT_ONE).then(SYNTAX_ERROR).then(SELECT_ONE))
        .error();
    assert_eq!(error.kind, Kind::Syntax, "{error}");
}

fn spares_what_is_optional(subject: &Subject<'_>) {
    let task = || Task::new(SELECT_ONE).within(subject.table.database, subject.table.schema);
    let results = subject.run(task().then(MISSING_TABLE).optional(1)).results();
    assert_eq!(rows(&results[0]), [["1"]]);
    assert_eq!(results[1], ResultSet::absent());

    let results = subject
        .run(task().then(MISSING_TABLE).then(TWO_TYPES).optional(2))
        .results();
    assert_eq!(results.len(), 3);
    assert_eq!(rows(&results[2]), [["1", "\"x\""]]);

    let error = subject
        .run(task().then(MISSING_TABLE).then(SELECT_ONE).optional(1))
        .error();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
}

fn spares_no_mistake(subject: &Subject<'_>) {
    let error = subject
        .run(Task::new(SELECT_ONE).then(SYNTAX_ERROR).optional(1))
        .error();
    assert_eq!(error.kind, Kind::Syntax, "{error}");
}

/// The statement about the subject's table, by its bare name.
pub(crate) fn count_of(table: &str) -> String {
    format!("select count(*) as c from {table}")
}

fn context_holds_for_its_job(subject: &Subject<'_>) {
    let Table {
        database,
        schema,
        name,
        rows: expected,
    } = subject.table;
    let count = count_of(name);
    let result = subject.run(Task::new(&count).within(database, schema)).result();
    assert_eq!(rows(&result), [[expected.to_string()]]);
    let error = subject.run(Task::new(&count)).error();
    assert!(
        matches!(error.kind, Kind::NotFound | Kind::NoDatabase),
        "the context leaked: {error}"
    );
}

fn error_spoils_nothing(subject: &Subject<'_>) {
    for broken in [SYNTAX_ERROR, MISSING_TABLE] {
        subject.run(Task::new(broken)).error();
        assert_eq!(rows(&subject.run(Task::new(SELECT_ONE)).result()), [["1"]]);
    }
}

/// Runs a statement and gives its query id.
fn run_before(subject: &Subject<'_>, statement: &str) -> QueryId {
    let result = subject.run(Task::new(statement)).result();
    QueryId::parse(&result.query_id.expect("a result has a query id")).unwrap()
}

fn read(query_id: &QueryId, from: Position) -> Task {
    Task::about(Operation::Read {
        query_id: query_id.clone(),
        from,
    })
}

fn reads_what_exists(subject: &Subject<'_>) {
    let query_id = run_before(subject, FIVE_ROWS);
    for _ in 0..2 {
        let result = subject.run(read(&query_id, Position::default())).result();
        assert_eq!(rows(&result), [["1"], ["2"], ["3"], ["4"], ["5"]]);
        assert_eq!(result.query_id.as_deref(), Some(query_id.as_str()));
        assert_eq!(result.columns[0].name, "N");
    }
}

fn pages_give_each_row_once(subject: &Subject<'_>) {
    for page in 1..=5 {
        let first = subject.run(Task::new(FIVE_ROWS).rows_max(page)).result();
        let query_id = QueryId::parse(first.query_id.as_deref().unwrap()).unwrap();
        let (mut all, mut last) = (rows(&first), first);
        while last.is_truncated() {
            let from = last.position_after(last.returned());
            last = subject.run(read(&query_id, from).rows_max(page)).result();
            assert_eq!(last.rows_before(), Some(all.len() as u64));
            all.extend(rows(&last));
            assert!(all.len() <= 5, "{all:?}");
        }
        assert_eq!(all, [["1"], ["2"], ["3"], ["4"], ["5"]], "{page} rows a page");
    }
}

fn tells_status(subject: &Subject<'_>) {
    let query_id = run_before(subject, SELECT_ONE);
    let answer = subject
        .run(Task::about(Operation::Status(query_id.clone())))
        .result();
    assert_eq!(answer.status(), Some(Status::Succeeded));
    assert_eq!(answer.query_id.as_deref(), Some(query_id.as_str()));
}

fn tells_failure(subject: &Subject<'_>) {
    let error = subject.run(Task::new(MISSING_COLUMN)).error();
    let query_id = QueryId::parse(error.query_id.as_deref().expect("what failed had an id")).unwrap();
    let asked = [
        Operation::Status(query_id.clone()),
        read(&query_id, Position::default()).operation,
    ];
    for operation in asked {
        let again = subject.run(Task::about(operation)).error();
        assert_eq!((again.kind, &again.query_id), (Kind::NotFound, &error.query_id));
    }
}

fn cancels_what_has_ended(subject: &Subject<'_>) {
    let query_id = run_before(subject, SELECT_ONE);
    let answer = subject.run(Task::about(Operation::Cancel(query_id))).result();
    assert_eq!(answer.status(), Some(Status::Cancelled));
    assert_eq!(rows(&subject.run(Task::new(SELECT_ONE)).result()), [["1"]]);
}

fn unknown_is_gone(subject: &Subject<'_>) {
    let nobody = QueryId::parse("01b00000-0000-0000-0000-00000000dead").unwrap();
    for operation in [
        Operation::Status(nobody.clone()),
        Operation::Cancel(nobody.clone()),
        read(&nobody, Position::default()).operation,
    ] {
        let error = subject.run(Task::about(operation)).error();
        assert_eq!(error.kind, Kind::ResultGone, "{error}");
    }
}

fn reader_leaves_alone(subject: &Subject<'_>) {
    let query_id = run_before(subject, SELECT_ONE);
    let token = CancelToken::new();
    token.cancel();
    let error = subject
        .run_with(read(&query_id, Position::default()), &token)
        .error();
    assert_eq!(error.kind, Kind::Cancelled);
    let result = subject.run(read(&query_id, Position::default())).result();
    assert_eq!(rows(&result), [["1"]]);
}

fn errors_end_at_once(subject: &Subject<'_>) {
    let ended = subject.run(Task::new(SYNTAX_ERROR));
    assert_eq!(ended.retries(), 0, "{:?}", ended.pauses);
}
