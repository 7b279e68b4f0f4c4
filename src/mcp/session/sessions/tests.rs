//! The table against a naive model of it: every history of a few steps, and long ones of chance. After every step both
//! must have said the same, and hold the same.

mod model;

use proptest::collection::vec;
use proptest::prelude::*;

use self::model::{Pair, Step, connection, limits};
use super::*;

/// Every history of four steps out of these: two sessions, one connection each, and the windows that pass.
#[test]
fn every_short_history_goes_as_the_model_says() {
    let steps = [
        Step::LogLevel(0),
        Step::Subscribe(0, 0),
        Step::Ask(0, 1),
        Step::Answer(0, 1),
        Step::Get(0, 0),
        Step::Call(0, 1),
        Step::Record(0, 3),
        Step::Detach(0, 0),
        Step::Finish(0),
        Step::Resume(0, 0, 1, 1),
        Step::End(0),
        Step::Pass(30),
        Step::Pass(100),
    ];
    let count = steps.len();
    for history in 0..count.pow(4) {
        let mut pair = Pair::new();
        let mut rest = history;
        for _ in 0..4 {
            pair.step(steps[rest % count]);
            rest /= count;
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let of = || 0..4_u8;
    let on = || 0..3_u32;
    prop_oneof![
        1 => of().prop_map(Step::LogLevel),
        1 => (of(), 0..4_u8).prop_map(|(of, uri)| Step::Subscribe(of, uri)),
        1 => (of(), 0..4_u8).prop_map(|(of, uri)| Step::Unsubscribe(of, uri)),
        1 => (of(), 0..3_u64).prop_map(|(of, number)| Step::Ask(of, number)),
        1 => (of(), 0..3_u64).prop_map(|(of, number)| Step::Answer(of, number)),
        2 => (of(), on()).prop_map(|(of, on)| Step::Get(of, on)),
        2 => (of(), on()).prop_map(|(of, on)| Step::Call(of, on)),
        8 => (any::<u8>(), prop_oneof![0..20_u8, 0..=255_u8]).prop_map(|(of, bytes)| Step::Record(of, bytes)),
        3 => (any::<u8>(), on()).prop_map(|(of, on)| Step::Detach(of, on)),
        1 => (any::<u8>()).prop_map(Step::Finish),
        4 => (of(), any::<u8>(), 0..10_u8, on())
            .prop_map(|(session, of, unseen, on)| Step::Resume(session, of, unseen, on)),
        1 => of().prop_map(Step::End),
        3 => prop_oneof![1..40_u8, Just(29_u8), Just(100_u8)].prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_histories_go_as_the_model_says(steps in vec(any_step(), 1..80)) {
        let mut pair = Pair::new();
        for step in steps {
            pair.step(step);
        }
    }
}

#[test]
fn a_broken_stream_goes_on_where_its_client_stopped() {
    let mut pair = Pair::new();
    let (session, at) = (pair.sessions[0], pair.at());
    let table = &mut pair.table;
    let stream = table.open_call(&session, connection(1), JobId(9), at).unwrap();
    let first = table.record(stream, [b"one".to_vec().into()].into(), at).unwrap();
    table.detach(stream, connection(1), at);
    table.record(stream, [b"two".to_vec().into()].into(), at).unwrap();
    let resumed = table.resume(&session, first, connection(2), at).unwrap();
    let said: Vec<_> = resumed
        .missed
        .iter()
        .map(|(_, data)| data[0].as_slice())
        .collect();
    assert_eq!(said, [b"two"]);
    assert_eq!(table.reader(stream), Some(connection(2)));
    let all = table
        .resume(&session, stream.id.priming(), connection(2), at)
        .unwrap();
    assert_eq!(all.missed.len(), 2);
}

#[test]
fn what_a_client_that_came_back_was_told_is_kept_for_a_window_from_then() {
    let mut pair = Pair::new();
    for step in [
        Step::Call(0, 0),
        Step::Record(0, 3),
        Step::Pass(20),
        Step::Detach(0, 0),
    ] {
        pair.step(step);
    }
    // The event is older than a window when it is told, and the connection breaks again before it arrives.
    for step in [
        Step::Pass(20),
        Step::Resume(0, 0, 1, 1),
        Step::Pass(20),
        Step::Detach(0, 1),
    ] {
        pair.step(step);
    }
    let (session, stream) = (pair.sessions[0], pair.streams[0].1);
    let resumed = pair
        .table
        .resume(&session, stream.id.priming(), connection(2), pair.at());
    assert_eq!(resumed.unwrap().missed.len(), 1);
    pair.table.detach(stream, connection(2), pair.at());
    pair.step(Step::Resume(0, 0, 1, 2));
    pair.step(Step::Pass(29));
    assert_ne!(pair.table.replay_bytes(), 0);
    pair.step(Step::Pass(1));
    assert_eq!(pair.table.replay_bytes(), 0, "it has had its window");
}

#[test]
fn after_a_restart_the_get_stream_begins_anew_and_a_calls_does_not() {
    let pair = Pair::new();
    let (session, at) = (pair.sessions[0], pair.at());
    let (mut before, mut after) = (pair.table, Sessions::new(&limits(), 8));
    let get = before.open_get(&session, connection(1), at).unwrap();
    let call = before.open_call(&session, connection(1), JobId(1), at).unwrap();
    let resumed = after
        .resume(&session, get.id.priming(), connection(2), at)
        .unwrap();
    assert_ne!(resumed.stream.id, get.id);
    assert_eq!(after.get_stream(session.id), Some(resumed.stream));
    let refused = after.resume(&session, call.id.priming(), connection(2), at);
    assert_eq!(refused.unwrap_err(), Refusal::StreamGone);
}
