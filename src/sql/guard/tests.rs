//! What the corpus in `tests/guard` cannot say with a verdict and a rule alone: places, sentences and policies.

use super::*;

fn refusal(sql: &str) -> Refusal {
    Policy::default()
        .check(sql)
        .expect_err("the guard refuses this statement")
}

fn rule(policy: &Policy, sql: &str) -> Option<Rule> {
    policy.check(sql).err().map(|refusal| refusal.rule)
}

#[test]
fn a_checked_statement_keeps_its_text_and_tells_its_kind() {
    for (sql, kind, stages) in [
        ("select 1;", StatementKind::Select, 1),
        ("((select 1) union (select 2))", StatementKind::Select, 1),
        ("with a as (select 1) (select * from a)", StatementKind::Select, 1),
        ("values (1)", StatementKind::Values, 1),
        (
            "-- which\nshow tables ->> select 1 from $1",
            StatementKind::Show,
            2,
        ),
        ("desc table t", StatementKind::Describe, 1),
        (
            "explain using text with a as (select 1) (select 1)",
            StatementKind::Explain,
            1,
        ),
        (
            "select 1 ->> select 2 ->> explain select 3",
            StatementKind::Select,
            3,
        ),
    ] {
        let statement = Policy::default().check(sql).expect("a read");
        assert_eq!(statement.text(), sql);
        assert_eq!((statement.kind(), statement.stages()), (kind, stages), "{sql}");
    }
}

#[test]
fn a_later_check_comes_to_the_same_end() {
    let later = |sql: &str| UncheckedStatement::new(sql.to_owned(), Policy::default()).check();
    assert_eq!(later("select 1"), Policy::default().check("select 1"));
    assert_eq!(later("drop table t"), Policy::default().check("drop table t"));
}

#[test]
fn a_refusal_names_the_place_and_what_to_do() {
    let refusal = refusal("select 1\n  from é, (delete from t)");
    assert_eq!(refusal.rule, Rule::NestedWrite);
    assert_eq!(
        refusal.place,
        Place {
            offset: 21,
            line: 2,
            column: 12
        }
    );
    assert_eq!(
        refusal.to_string(),
        "DELETE changes something or runs code, and only reads are allowed; if it is a column, write \"DELETE\" (line 2, column 12)"
    );
}

#[test]
fn a_json_arrow_is_explained() {
    assert!(refusal("select v ->> 'a' from t").message.contains("column:path"));
}

#[test]
fn an_open_bracket_is_shown_where_it_opens() {
    assert_eq!(refusal("select (1 + (2)").place.offset, 7);
    assert_eq!(refusal("select (1), [2").place.offset, 12);
    assert_eq!(refusal("select 1)").place.offset, 8);
}

#[test]
fn a_text_passes_up_to_its_bound_and_not_a_byte_further() {
    let policy = Policy::default().with_statement_bytes_max(10);
    assert_eq!(rule(&policy, "select 123"), None);
    assert_eq!(rule(&policy, "select 1234"), Some(Rule::TooLong));
    let refusal = policy.check("select 'é'…").expect_err("14 bytes");
    assert!(refusal.message.contains("14 bytes long, at most 10"), "{refusal}");
}

#[test]
fn each_permission_opens_what_it_names_and_nothing_else() {
    let cases = [
        (Permission::StageReads, "select $1 from @s/a.csv", Rule::StageRead),
        (
            Permission::StageReads,
            "select $1 from '@s/a.csv'",
            Rule::StageRead,
        ),
        (
            Permission::StageReads,
            "select * from identifier('@s')",
            Rule::StageRead,
        ),
        (
            Permission::StageReads,
            "select * from table(infer_schema(location => '@s', file_format => 'f'))",
            Rule::StageRead,
        ),
        (
            Permission::ModelFunctions,
            "select ai_complete('m', 'p')",
            Rule::ModelFunction,
        ),
        (
            Permission::ModelFunctions,
            "select snowflake.cortex.complete('m', 'p')",
            Rule::ModelFunction,
        ),
        (
            Permission::FileLinks,
            "select get_presigned_url('s', 'f')",
            Rule::FileLink,
        ),
        (
            Permission::ForeignResults,
            "select * from table(result_scan('01a'))",
            Rule::ForeignResult,
        ),
        (
            Permission::AccountFunctions,
            "select ops.ext.call_out(1)",
            Rule::AccountFunction,
        ),
        (
            Permission::AccountFunctions,
            "select identifier('ext.call_out')(1)",
            Rule::AccountFunction,
        ),
        (Permission::Sequences, "select s.nextval", Rule::Sequence),
        (
            Permission::Sequences,
            "select * from table(getnextval(s))",
            Rule::Sequence,
        ),
    ];
    for (needed, sql, refused_by) in cases {
        assert_eq!(rule(&Policy::default(), sql), Some(refused_by), "{sql}");
        for permission in Permission::ALL {
            let expected = (permission != needed).then_some(refused_by);
            let policy = Policy::default().with_permission(permission);
            assert_eq!(rule(&policy, sql), expected, "{sql} with {}", permission.name());
        }
    }
}

#[test]
fn listing_a_stage_needs_the_word_list_and_no_more() {
    let policy = Policy::from_allowed_commands("select,list").expect("reads");
    assert_eq!(rule(&policy, "list @s/path pattern = '.*'"), None);
    assert_eq!(rule(&policy, "ls @~"), None);
    assert_eq!(rule(&policy, "select $1 from @s"), Some(Rule::StageRead));
    assert_eq!(
        rule(&policy, "list @s ->> select $1 from @s"),
        Some(Rule::StageRead)
    );
    assert_eq!(rule(&policy, "list @s//x; drop table t"), Some(Rule::UnclearText));
    assert_eq!(rule(&policy, "list @s->>drop table t"), Some(Rule::UnclearText));
    assert_eq!(rule(&Policy::default(), "list @s"), Some(Rule::KindNotAllowed));
}

#[test]
fn use_passes_alone_where_it_is_listed() {
    let policy = Policy::from_allowed_commands("select,use,explain").expect("known words");
    assert_eq!(rule(&policy, "use role r"), None);
    assert_eq!(rule(&policy, "use role r ->> select 1"), Some(Rule::NotARead));
    assert_eq!(rule(&policy, "select 1 ->> use role r"), Some(Rule::NotARead));
    assert_eq!(rule(&policy, "explain use role r"), Some(Rule::NotARead));
    assert_eq!(rule(&policy, "(use role r)"), Some(Rule::NotARead));
}

#[test]
fn a_kind_that_is_not_listed_is_refused_with_those_that_are() {
    let policy = Policy::from_allowed_commands("select,explain").expect("reads");
    assert_eq!(
        rule(&policy, "with a as (select 1) select 1 union select 2"),
        None
    );
    assert_eq!(rule(&policy, "explain show tables"), Some(Rule::KindNotAllowed));
    let refusal = policy.check("show tables").expect_err("not listed");
    assert!(refusal.message.contains("use SELECT, EXPLAIN"), "{refusal}");
}

#[test]
fn functions_can_be_allowed_and_denied_by_name() {
    let policy = Policy::default()
        .with_allowed_function("tools.ai_score")
        .with_allowed_function("SYSTEM$WAIT")
        .with_denied_function("web_fetch")
        .with_denied_function("tools.public.spend");
    assert_eq!(rule(&policy, "select db.tools.ai_score(1)"), None);
    assert_eq!(rule(&policy, "select ai_score(1)"), Some(Rule::ModelFunction));
    assert_eq!(rule(&policy, "select system$wait(1)"), None);
    for sql in [
        "select web_fetch(1)",
        "select a.\"web_fetch\" (1)",
        "select identifier('a.WEB_FETCH')(1)",
        "select Web_Fetch /* now */ (1)",
        "select spend(1)",
        "select tools..spend(1)",
        "select public.spend(1)",
    ] {
        assert_eq!(rule(&policy, sql), Some(Rule::DeniedFunction), "{sql}");
    }
    assert_eq!(
        rule(&policy, "select tools.private.spend(1), sales..spend(1)"),
        Some(Rule::AccountFunction)
    );
    let open = policy.clone().with_permission(Permission::AccountFunctions);
    assert_eq!(
        rule(&open, "select tools.private.spend(1), sales..spend(1)"),
        None
    );
    assert_eq!(rule(&open, "select tools..spend(1)"), Some(Rule::DeniedFunction));
    let policy = policy.with_denied_function("SYSTEM$WAIT");
    assert_eq!(rule(&policy, "select system$wait(1)"), Some(Rule::DeniedFunction));
}

#[test]
fn a_policy_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&Policy::default());
}

/// What a policy says that allows `writes`.
fn rule_with_writes(writes: &str, sql: &str) -> Option<Rule> {
    let policy = Policy::default().with_writes(writes).expect("a list of writes");
    rule(&policy, sql)
}

#[test]
fn a_write_passes_by_its_verb_alone_and_by_itself() {
    const ALL: &str = "insert update delete merge truncate create alter drop undrop comment";
    for sql in [
        "insert into t values (1)",
        "INSERT INTO d.s.t (a, b) select a, b from u where c in (select 1)",
        "insert overwrite into t select 1",
        "insert all into t into u select 1",
        "update t set a = 1 from u where t.id = u.id",
        "delete from t using u where t.id = u.id",
        "merge into t using s on t.id = s.id when matched then delete when not matched then insert (id) values (s.id)",
        "truncate table if exists t",
        "create table t (a int default 1)",
        "create or replace transient table t as select 1 as a",
        "create secure view v as select * from t",
        "create schema if not exists d.s",
        "alter table t add column b int",
        "drop view v",
        "undrop table t",
        "comment if exists on column t.a is 'x'",
        "explain insert into t values (1)",
        "explain using json delete from t",
    ] {
        assert_eq!(rule_with_writes(ALL, sql), None, "{sql}");
        assert_eq!(rule_with_writes("", sql), Some(Rule::NotARead), "{sql}");
        let chained = [format!("{sql} ->> select 1"), format!("select 1 ->> {sql}")];
        for text in chained.iter().chain([&format!("({sql})")]) {
            assert!(rule_with_writes(ALL, text).is_some(), "{text}");
        }
        let twice = format!("{sql}; {sql}");
        assert_eq!(
            rule_with_writes(ALL, &twice),
            Some(Rule::SecondStatement),
            "{sql}"
        );
    }
}

#[test]
fn an_allowed_write_allows_no_other_one() {
    for (writes, sql, expected) in [
        ("insert", "update t set a = 1", Rule::NotARead),
        ("insert", "insert overwrite into t select 1", Rule::KindNotAllowed),
        (
            "insert",
            "insert into t select system$wait(1)",
            Rule::SystemFunction,
        ),
        ("insert", "insert into t select $1 from @s", Rule::StageRead),
        ("insert", "insert into t select a into b from u", Rule::Into),
        ("insert", "select 1 into t", Rule::Into),
        (
            "insert",
            "with a as (select 1) insert into t select * from a",
            Rule::WithoutQuery,
        ),
        (
            "create",
            "create or replace table t (a int)",
            Rule::KindNotAllowed,
        ),
        ("create drop", "create task t as delete from u", Rule::ObjectKind),
        (
            "create",
            "create procedure p() returns int as $$ begin end $$",
            Rule::ObjectKind,
        ),
        ("create", "create user u", Rule::ObjectKind),
        ("create", "create dynamic table t as select 1", Rule::ObjectKind),
        (
            "create",
            "create external table t location = @s",
            Rule::ObjectKind,
        ),
        ("create", "create \"TABLE\" t (a int)", Rule::ObjectKind),
        ("create", "create", Rule::Incomplete),
        ("alter", "alter session set query_tag = 'x'", Rule::ObjectKind),
        ("alter", "alter user u set password = 'x'", Rule::ObjectKind),
        ("drop", "drop database d", Rule::ObjectKind),
        (
            "insert update delete merge truncate create alter drop",
            "call p()",
            Rule::NotARead,
        ),
        ("insert", "grant select on table t to role r", Rule::NotARead),
        ("insert", "begin", Rule::NotARead),
        ("insert", "copy into t from @s", Rule::NotARead),
        (
            "insert",
            "execute immediate 'insert into t values (1)'",
            Rule::NotARead,
        ),
        (
            "insert",
            "show tables ->> explain insert into t values (1)",
            Rule::NotARead,
        ),
    ] {
        assert_eq!(rule_with_writes(writes, sql), Some(expected), "{writes}: {sql}");
    }
    assert!(Policy::default().with_writes("insert, call").is_err());
}

#[test]
fn a_checked_write_says_which_it_is() {
    let policy = Policy::default().with_writes("INSERT drop").expect("two writes");
    let write = |sql: &str| policy.check(sql).expect("it passes").write();
    assert_eq!(write("insert into t values (1)"), Some(Write::Insert));
    assert_eq!(write("/* x */ Drop table t"), Some(Write::Drop));
    assert_eq!(write("explain insert into t values (1)"), None);
    assert_eq!(write("select 1"), None);
    assert_eq!(policy.writes().collect::<Vec<_>>(), [Write::Insert, Write::Drop]);
}

#[test]
fn brackets_behind_the_name_of_what_is_written_call_nothing_and_others_do() {
    let policy = Policy::default()
        .with_writes("insert,update,merge,create")
        .unwrap();
    for sql in [
        "insert into d.s.t (a, b) values (1, 2)",
        "insert into d.s.t (a) select abs(b) from u",
        "explain insert into d.s.t (a) values (1)",
        "create table d.s.t (a int, b varchar(10))",
        "create or alter view d.s.v (a) as select b from t",
        "merge into d.s.t using d.s.u on t.a = u.a when matched then update set b = u.b",
    ] {
        let verdict = rule(&policy, sql);
        assert!(verdict != Some(Rule::AccountFunction), "{sql}");
    }
    for sql in [
        "insert into d.s.t (a) values (s.f(1))",
        "insert into d.s.t (a) select s.f(b) from u",
        "update t set a = d.s.f(1)",
        "create view d.s.v (a) as select s.f(b) from t",
        "merge into t using u on t.a = s.f(u.a) when matched then update set b = 1",
    ] {
        assert_eq!(rule(&policy, sql), Some(Rule::AccountFunction), "{sql}");
    }
    let named = Policy::default().with_allowed_function("ops.ext.call_out");
    assert_eq!(rule(&named, "select ops.ext.call_out(1)"), None);
    assert_eq!(
        rule(&named, "select ext.call_out(1)"),
        Some(Rule::AccountFunction),
        "another database may have one of that name"
    );
}
