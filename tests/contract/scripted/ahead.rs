//! Partitions that are asked for before it is their turn: what overlaps, and what is not asked for.

use snowflake_mcp::backend::job::Operation;
use snowflake_mcp::backend::rows::Position;
use snowflake_mcp::backend::{CancelToken, ResultSet};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::QueryId;
use snowflake_mcp::limits::PARTITIONS_AHEAD_MAX;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::{Authentication, KeySource, Settings, Snowflake};

use super::{KEY, ONE_NUMBER, numbers, settings};
use crate::drive::{self, FakeClock, Task, rows};
use crate::server::{Fault, On, Server};

const QUERY: &str = "select q";

/// A client that asks ahead for so many, and a server with a result of five partitions.
fn scene(partitions_ahead_max: usize) -> (Server, Snowflake, FakeClock) {
    scene_with(partitions_ahead_max, Authentication::OAuth(Secret::new("t")))
}

fn scene_with(partitions_ahead_max: usize, authentication: Authentication) -> (Server, Snowflake, FakeClock) {
    let server = Server::start();
    let partitions = (0..5).map(|index| numbers(index * 10 + 1..=index * 10 + 10));
    server.teach(QUERY, ONE_NUMBER, partitions.collect());
    let settings = Settings {
        partitions_ahead_max,
        ..settings(&server, authentication)
    };
    let clock = FakeClock::new();
    let entropy = Box::new(SeededEntropy::new(5));
    let snowflake = Snowflake::new(settings, Box::new(clock.clone()), entropy).unwrap();
    (server, snowflake, clock)
}

fn run(snowflake: &Snowflake, clock: &FakeClock, task: Task) -> ResultSet {
    let pause = |between: &drive::Between| clock.advance(between.after);
    drive::run(snowflake, task, &CancelToken::new(), pause).result()
}

#[track_caller]
fn holds_numbers(result: &ResultSet, expected: std::ops::RangeInclusive<u32>) {
    let expected: Vec<_> = expected.map(|number| vec![number.to_string()]).collect();
    assert_eq!(rows(result), expected);
}

/// The partitions in the order in which they were asked for.
fn asked(server: &Server) -> Vec<u32> {
    let seen = server.seen();
    let number = |text: &str| text.parse().unwrap();
    seen.iter()
        .filter_map(|seen| seen.query("partition").map(number))
        .collect()
}

#[test]
fn while_a_partition_is_read_the_two_behind_it_are_asked_for() {
    let (server, snowflake, clock) = scene(PARTITIONS_AHEAD_MAX);
    // Read one after the other, none of these would ever end.
    server
        .hold("?partition=1", "?partition=3")
        .hold("?partition=2", "?partition=4");
    holds_numbers(&run(&snowflake, &clock, Task::new(QUERY)), 1..=50);
    let mut all = asked(&server);
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4], "each is asked for once");
}

#[test]
fn a_place_in_a_later_partition_is_asked_for_together_with_the_metadata() {
    let (server, snowflake, clock) = scene(PARTITIONS_AHEAD_MAX);
    let query_id = run(&snowflake, &clock, Task::new(QUERY).rows_max(1))
        .query_id
        .unwrap();
    server.hold(&format!("/{query_id}"), "?partition=3");
    let read = Operation::Read {
        query_id: QueryId::parse(&query_id).unwrap(),
        from: Position { partition: 3, row: 4 },
    };
    holds_numbers(&run(&snowflake, &clock, Task::about(read)), 35..=50);
}

#[test]
fn no_more_are_asked_for_ahead_than_may_be_at_once() {
    let (server, snowflake, clock) = scene(1);
    server
        .hold("?partition=1", "?partition=2")
        .hold("?partition=3", "?partition=4");
    holds_numbers(&run(&snowflake, &clock, Task::new(QUERY)), 1..=50);
    let order = asked(&server);
    let place = |partition| order.iter().position(|found| *found == partition).unwrap();
    assert!(place(3) > place(1).max(place(2)), "{order:?}");
    assert!(place(4) > place(1).max(place(2)), "{order:?}");
}

#[test]
fn what_a_page_does_not_reach_is_not_asked_for() {
    let (server, snowflake, clock) = scene(PARTITIONS_AHEAD_MAX);
    holds_numbers(&run(&snowflake, &clock, Task::new(QUERY).rows_max(20)), 1..=20);
    assert_eq!(asked(&server), [1]);
    // By what ten rows took, some seventeen more fit.
    let result = run(&snowflake, &clock, Task::new(QUERY).bytes_max(250));
    assert!(result.is_truncated() && result.returned() > 20, "{result:?}");
    assert_eq!(asked(&server).iter().max(), Some(&2));
}

#[test]
fn an_answer_that_fails_ahead_of_its_turn_is_asked_for_again_in_it() {
    for fault in [
        Fault::status(503),
        Fault::status(429),
        Fault::Drop,
        Fault::Reset,
        Fault::CutBody,
        Fault::BadGzip,
        Fault::BadJson,
        Fault::NoHttp,
    ] {
        for which in 0..3 {
            let (server, snowflake, clock) = scene(PARTITIONS_AHEAD_MAX);
            for _ in 0..which {
                server.fault(On::Partition, Fault::Pass);
            }
            server.fault(On::Partition, fault.clone());
            holds_numbers(&run(&snowflake, &clock, Task::new(QUERY)), 1..=50);
            assert_eq!(server.executions(QUERY), 1, "{fault:?}");
            assert_eq!(asked(&server).len(), 5, "{fault:?}");
        }
    }
}

#[test]
fn a_login_that_is_refused_for_all_that_is_on_its_way_is_renewed_and_they_are_asked_for_again() {
    let key = Authentication::KeyPair {
        key: KeySource::Text(Secret::new(KEY)),
        passphrase: None,
    };
    let (server, snowflake, clock) = scene_with(PARTITIONS_AHEAD_MAX, key);
    for target in ["?partition=1", "?partition=2", "?partition=3"] {
        server.refuse_once(target);
    }
    holds_numbers(&run(&snowflake, &clock, Task::new(QUERY)), 1..=50);
    assert_eq!(server.executions(QUERY), 1);
    assert_eq!(asked(&server).len(), 7);
}

#[test]
fn a_job_that_is_dropped_leaves_what_it_asked_for_unread() {
    let (server, snowflake, clock) = scene(PARTITIONS_AHEAD_MAX);
    let token = CancelToken::new();
    let ended = drive::run(&snowflake, Task::new(QUERY), &token, |between| {
        clock.advance(between.after);
        if asked(&server).contains(&1) {
            token.cancel();
        }
    });
    assert!(ended.error().message.contains("cancelled"));
    holds_numbers(&run(&snowflake, &clock, Task::new(QUERY)), 1..=50);
}
