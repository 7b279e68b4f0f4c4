//! The contract of `Backend`: bounds, cancellation, time, isolation, and that nobody writes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{cells, demo, finish, job, run};
use crate::backend::job::Context;
use crate::backend::rows::Bounds;
use crate::backend::{Backend, CancelToken, Kind, Progress, Step};
use crate::demo::Demo;
use crate::demo::session::Session;
use crate::time::{Clock, Instant, SystemClock};

/// A cross join that would run for years.
const RUNAWAY: &str =
    "select count(*) from lineitem a, lineitem b, lineitem c where a.l_tax + b.l_tax > c.l_tax";

fn now() -> Instant {
    CLOCK.with(|clock| clock.now().monotonic)
}

std::thread_local! {
    static CLOCK: SystemClock = SystemClock::new();
}

/// Waits until `demo` runs so many long statements.
fn until_running(demo: &Demo, count: usize) {
    while demo.slots.taken.load(Ordering::SeqCst) < count {
        std::thread::yield_now();
    }
}

#[test]
fn select_one_makes_no_table() {
    let demo = demo();
    let result = run(&demo, "select 1 as one").unwrap();
    assert_eq!(cells(&result), [["1"]]);
    assert_eq!(
        (
            result.columns[0].name.as_str(),
            result.columns[0].type_name.as_str()
        ),
        ("ONE", "NUMBER(1,0)")
    );
    assert!(!result.columns[0].nullable);
    assert_eq!(demo.store.tables_made(), 0);
    run(&demo, "select count(*) from nation").unwrap();
    assert_eq!(demo.store.tables_made(), 1);
    run(&demo, "select count(*) from analytics.revenue_by_nation").unwrap();
    assert_eq!(demo.store.tables_made(), 5);
}

#[test]
fn statements_of_a_job_run_in_order_and_the_first_failure_ends_it() {
    let demo = demo();
    let results = finish(
        &demo,
        job(&["select 1", "show databases", "select 3"]),
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(cells(&results[2]), [["3"]]);
    let mut ids: Vec<_> = results
        .iter()
        .map(|result| result.query_id.clone().unwrap())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() == 36));
    let error = finish(
        &demo,
        job(&["select 1", "select 1/0", "select nosuch"]),
        &CancelToken::new(),
    )
    .unwrap_err();
    assert!(error.query_id.is_some());
}

#[test]
fn rows_and_bytes_stop_at_the_bounds_and_say_so() {
    let demo = demo();
    let bounded = |text: &str, rows_max: u64, bytes_max: usize| {
        let mut job = job(&[text]);
        job.work.bounds = Bounds { rows_max, bytes_max };
        finish(&demo, job, &CancelToken::new()).unwrap().remove(0)
    };
    let whole = bounded("select * from nation", 25, 1 << 20);
    assert_eq!(
        (whole.returned(), whole.total, whole.is_truncated()),
        (25, Some(25), false)
    );
    let cut = bounded("select * from nation", 24, 1 << 20);
    assert_eq!((cut.returned(), cut.total, cut.is_truncated()), (24, None, true));
    let cut = bounded("select * from lineitem a, lineitem b", 3, 1 << 20);
    assert_eq!((cut.returned(), cut.is_truncated()), (3, true));
    let small = bounded("select l_comment from lineitem", 1_000, 500);
    assert!(small.is_truncated() && small.returned() > 0 && small.bytes() <= 500);
    let listing = bounded("show tables", 3, 1 << 20);
    assert_eq!(
        (listing.returned(), listing.total, listing.is_truncated()),
        (3, None, true)
    );
    let none = bounded("select 1", 0, 1 << 20);
    assert_eq!((none.returned(), none.is_truncated()), (0, true));
}

#[test]
fn nothing_is_written_whatever_is_asked() {
    let demo = demo();
    let before = cells(&run(&demo, "select count(*), sum(r_regionkey) from region").unwrap());
    for text in [
        "delete from region",
        "insert into region values (9, 'X', 'y')",
        "update region set r_name = 'X'",
        "drop table region",
        "create table t as select 1 x",
        "create temporary table t (x int)",
        "truncate table region",
        "attach 'x' as y",
        "pragma query_only = off",
        "vacuum",
        "begin",
        "copy into region from @stage",
        "call procedure()",
        "select 1; delete from region",
        "with a as (delete from region returning *) select * from a",
        "show tables ->> delete from region",
        "explain delete from region",
        "select * into t from region",
        "select load_extension('x')",
        "select readfile('/etc/passwd')",
        "select * from sqlite_master",
        "select * from pragma_database_list",
        "select * from db_region.region",
        "select * from json_each('[1]')",
    ] {
        let error = run(&demo, text).unwrap_err();
        assert!(
            matches!(
                error.kind,
                Kind::Refused | Kind::Syntax | Kind::Unsupported | Kind::NotFound
            ),
            "{text}: {error} {:?}",
            error.detail
        );
        // And if the guard had let it through: nothing that is no query has a translation.
        let planned = demo.plans.plan(text, &Session::new(&Context::default()));
        assert!(planned.is_err(), "{text} was translated");
    }
    assert_eq!(
        cells(&run(&demo, "select count(*), sum(r_regionkey) from region").unwrap()),
        before
    );
}

#[test]
fn a_cancelled_token_runs_nothing() {
    let demo = demo();
    let cancel = CancelToken::new();
    cancel.cancel();
    let error = finish(&demo, job(&["select count(*) from region"]), &cancel).unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (Kind::Cancelled, Some("000604"))
    );
    assert_eq!(demo.store.tables_made(), 0);
}

#[test]
fn a_runaway_join_ends_at_once_when_it_is_cancelled() {
    let demo = demo();
    run(&demo, "select count(*) from lineitem").unwrap();
    // Three tries, because other processes may hold the processor. It takes some milliseconds; by itself it takes hours.
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let cancel = CancelToken::new();
        let (error, took) = std::thread::scope(|scope| {
            let running = scope.spawn(|| finish(&demo, job(&[RUNAWAY]), &cancel));
            until_running(&demo, 1);
            let start = now();
            cancel.cancel();
            let error = running.join().unwrap().unwrap_err();
            (error, now().since(start))
        });
        assert_eq!(error.kind, Kind::Cancelled);
        assert_eq!(demo.slots.taken.load(Ordering::SeqCst), 0);
        fastest = fastest.min(took);
    }
    assert!(fastest < Duration::from_secs(5), "{fastest:?}");
    assert_eq!(
        cells(&run(&demo, "select 1").unwrap()),
        [["1"]],
        "the lane is fine afterwards"
    );
}

#[test]
fn a_statement_ends_when_its_time_is_up() {
    let demo = demo();
    let mut slow = job(&["select 1", RUNAWAY]);
    slow.work.timeout = Duration::from_millis(150);
    let error = finish(&demo, slow, &CancelToken::new()).unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (Kind::Timeout, Some("000630"))
    );
    assert!(error.message.contains("150 ms"), "{error}");
    for endless in [
        "with recursive r(n) as (select 1 union all select n from r) select count(*) from r",
        "select count(*) from table(generator(rowcount => 9000000000))",
        "select o_orderkey from orders, lineitem, lineitem b where o_totalprice < 0",
    ] {
        let mut slow = job(&[endless]);
        slow.work.timeout = Duration::from_millis(50);
        let error = finish(&demo, slow, &CancelToken::new()).unwrap_err();
        assert_eq!(error.kind, Kind::Timeout, "{endless}: {error} {:?}", error.detail);
    }
    let mut none = job(&["select 1"]);
    none.work.timeout = Duration::ZERO;
    assert_eq!(
        finish(&demo, none, &CancelToken::new()).unwrap_err().kind,
        Kind::Timeout
    );
}

#[test]
fn short_statements_run_while_long_ones_take_every_slot() {
    let demo = Demo::new(SystemClock::new(), 4).unwrap();
    run(&demo, "select count(*) from lineitem").unwrap();
    let cancels = [CancelToken::new(), CancelToken::new()];
    std::thread::scope(|scope| {
        let running = cancels
            .each_ref()
            .map(|cancel| scope.spawn(|| finish(&demo, job(&[RUNAWAY]), cancel)));
        until_running(&demo, 2);
        match demo.step(job(&[RUNAWAY]), &CancelToken::new()) {
            Step::Again { progress, after, job } => {
                assert_eq!(progress, Progress::Queued);
                assert!(after <= Duration::from_millis(10));
                assert_eq!(job.work.statements.len(), 1);
            }
            Step::Done(_, outcome) => panic!("{outcome:?}"),
        }
        assert_eq!(
            cells(&run(&demo, "select count(*) from nation").unwrap()),
            [["25"]]
        );
        assert_eq!(run(&demo, "show tables").unwrap().returned(), 8);
        cancels.iter().for_each(CancelToken::cancel);
        for running in running {
            assert_eq!(running.join().unwrap().unwrap_err().kind, Kind::Cancelled);
        }
    });
    assert_eq!(demo.slots.taken.load(Ordering::SeqCst), 0);
}

#[test]
fn no_client_sees_another_clients_context() {
    let demo = demo();
    let place = |database: Option<&str>, schema: Option<&str>| {
        let mut job = job(&[
            "select current_database() || '.' || current_schema(), current_role(), current_warehouse()",
        ]);
        job.work.context = Context {
            connection: None,
            database: database.map(str::to_owned),
            schema: schema.map(str::to_owned),
            role: schema.map(|schema| format!("{schema}_READER")),
            warehouse: schema.map(str::to_owned),
            login: None,
        };
        cells(&finish(&demo, job, &CancelToken::new()).unwrap()[0]).remove(0)
    };
    let default = ["SNOWFLAKE_SAMPLE_DATA.TPCH_SF1", "PUBLIC", "NULL"];
    assert_eq!(place(None, None), default);
    assert_eq!(
        place(None, Some("ANALYTICS")),
        ["SNOWFLAKE_SAMPLE_DATA.ANALYTICS", "ANALYTICS_READER", "ANALYTICS"]
    );
    assert_eq!(place(None, None), default);
    assert_eq!(place(Some("OTHER"), Some("S"))[0], "OTHER.S");
    assert_eq!(
        place(Some("OTHER"), None)[0],
        "NULL",
        "a database without the default schema has none"
    );
    let mut elsewhere = job(&["select count(*) from region"]);
    elsewhere.work.context.schema = Some("ANALYTICS".to_owned());
    let error = finish(&demo, elsewhere, &CancelToken::new()).unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(
        cells(&run(&demo, "select count(*) from region").unwrap()),
        [["5"]]
    );
}

#[test]
fn many_clients_make_and_read_the_tables_at_once() {
    let demo = demo();
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..6 {
            let (demo, failed) = (&demo, &failed);
            scope.spawn(move || {
                for text in [
                    "select count(*) from lineitem join orders on l_orderkey = o_orderkey",
                    "select count(*) from partsupp, part where ps_partkey = p_partkey and p_size > 0",
                    "select count(*) from customer",
                ] {
                    let rows = run(demo, text).map(|result| cells(&result));
                    if !matches!(&rows, Ok(rows) if ["59520", "8000", "1500"].contains(&rows[0][0].as_str()))
                    {
                        failed.store(true, Ordering::SeqCst);
                        panic!("client {client}: {rows:?}");
                    }
                }
            });
        }
    });
    assert!(!failed.load(Ordering::SeqCst));
    assert_eq!(demo.store.tables_made(), 5);
}

/// Needs some 60 MiB, and has them if it is alone.
const MODEST: &str = "select count(*) from (select distinct repeat('x', 800) || l_orderkey || '-' || l_linenumber from lineitem)";

/// Needs gigabytes.
const GREEDY: &str =
    "select count(*) from (select distinct repeat('x', 100000) || l_orderkey || l_linenumber from lineitem)";

#[test]
fn statements_that_take_all_memory_fail_and_their_neighbours_do_not() {
    let demo = demo();
    let greedy_left = AtomicUsize::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let error = run(&demo, GREEDY).unwrap_err();
                greedy_left.fetch_sub(1, Ordering::SeqCst);
                assert_eq!(error.kind, Kind::ResultTooLarge, "{error} {:?}", error.detail);
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while greedy_left.load(Ordering::SeqCst) > 0 {
                    assert_eq!(cells(&run(&demo, MODEST).unwrap()), [["59520"]]);
                }
            });
        }
    });
}

#[test]
fn a_statement_that_needs_too_much_memory_fails_alone() {
    let demo = demo();
    let error = run(&demo, GREEDY).unwrap_err();
    assert_eq!(error.kind, Kind::ResultTooLarge, "{error} {:?}", error.detail);
    assert_eq!(
        cells(&run(&demo, "select count(*) from lineitem").unwrap()),
        [["59520"]]
    );
}

#[test]
fn current_timestamp_stands_still_within_a_statement_only() {
    let demo = demo();
    let distinct = run(
        &demo,
        "select count(distinct current_timestamp()) from lineitem a, region b where a.l_tax >= 0",
    );
    assert_eq!(cells(&distinct.unwrap()), [["1"]]);
    let moment = || cells(&run(&demo, "select current_timestamp()").unwrap())[0][0].clone();
    let first = moment();
    assert!(first.starts_with("20") && first.ends_with('Z'), "{first}");
    while moment() == first {
        std::thread::yield_now();
    }
}
