//! Workers that panic: one, ten, all at once, thousands, and the thread that cancels.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use super::attacker::{query, reset, response};
use super::stand_in::{PANIC, WORKERS};
use super::victim::{Victim, connect, until};

/// Sends the order on so many connections and then reads the answers.
fn orders(address: SocketAddr, order: &str, count: usize) -> Vec<String> {
    let request = query(&format!("select '{order}'"));
    let mut streams: Vec<TcpStream> = (0..count).map(|_| connect(address)).collect();
    for stream in &mut streams {
        stream.write_all(request.as_bytes()).expect("it reads");
    }
    let answers = streams.iter_mut().map(|stream| {
        let (head, body) = response(stream);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body
    });
    answers.collect()
}

/// The references of answers that are all internal errors and say nothing else.
fn references(answers: &[String]) -> Vec<String> {
    let mut references: Vec<String> = answers
        .iter()
        .map(|answer| {
            assert!(answer.contains(r#""isError":true"#), "{answer}");
            assert!(
                !answer.contains(PANIC) && !answer.contains("stand_in"),
                "{answer}"
            );
            let (_, rest) = answer
                .split_once("the server made a mistake, reference ")
                .expect("an internal error");
            let length = rest.find(|character: char| !character.is_ascii_alphanumeric());
            rest[..length.expect("more follows")].to_owned()
        })
        .collect();
    references.sort_unstable();
    references.dedup();
    assert_eq!(references.len(), answers.len(), "a reference for each");
    references
}

fn is_well(victim: &Victim) {
    // Eight statements that wait for each other end only where eight threads run them.
    let met = orders(victim.address, "meet", WORKERS);
    assert!(
        met.iter().all(|answer| answer.contains(r#""isError":false"#)),
        "{met:?}"
    );
    assert_eq!((victim.threads("worker-"), victim.calls()), (WORKERS, 0));
    // It may never have run, and then has the name of who began it.
    until(|| victim.threads("cancel") == 1).expect("there is a thread that cancels");
}

#[test]
fn one_panic_and_ten_are_internal_errors_whose_references_the_log_explains() {
    let victim = Victim::stand_in("");
    for count in [1, 10] {
        let answers = victim.attacked(|| orders(victim.address, "panic", count));
        let lines = references(&answers).into_iter();
        let lines = lines.map(|reference| format!("reference {reference}: a worker panicked: {PANIC}"));
        victim.says(lines.collect());
    }
    let answers = victim.attacked(|| orders(victim.address, "panic with a number", 1));
    let reference = &references(&answers)[0];
    victim.says(vec![format!(
        "reference {reference}: a worker panicked: a panic without a message"
    )]);
    is_well(&victim);
    victim.calms_down(4 << 20);
}

#[test]
fn all_workers_may_panic_at_once_and_are_all_there_afterwards() {
    const ROUNDS: usize = 20;
    let victim = Victim::stand_in("");
    victim.attacked(|| {
        for _ in 0..ROUNDS {
            references(&orders(victim.address, "panic together", WORKERS));
            is_well(&victim);
        }
    });
    victim.calms_down(4 << 20);
}

#[test]
fn thousands_of_panics_leave_nothing_behind_whether_or_not_somebody_waits_for_them() {
    const ROUNDS: usize = 100;
    const EACH: usize = 20;
    let victim = Victim::stand_in("");
    victim.attacked(|| {
        for _ in 0..ROUNDS {
            let gone: Vec<TcpStream> = (0..EACH).map(|_| connect(victim.address)).collect();
            for mut stream in gone {
                stream
                    .write_all(query("select 'panic'").as_bytes())
                    .expect("it reads");
                reset(stream);
            }
            references(&orders(victim.address, "panic", EACH));
        }
    });
    until(|| victim.calls() == 0).expect("nothing runs for who is gone");
    is_well(&victim);
    victim.calms_down(4 << 20);
}

#[test]
fn a_panic_while_cancelling_leaves_the_next_ones_to_be_cancelled() {
    const COUNT: usize = 10;
    let victim = Victim::stand_in("");
    for _ in 0..COUNT {
        victim.attacked(|| {
            let mut stream = connect(victim.address);
            let request = query("select 'panic when cancelled'");
            stream.write_all(request.as_bytes()).expect("it reads");
            until(|| victim.calls() == 1).expect("it is admitted");
            reset(stream);
            victim.says(vec!["a worker panicked: assertion".to_owned()]);
        });
    }
    is_well(&victim);
    victim.calms_down(4 << 20);
}
