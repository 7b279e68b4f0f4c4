//! Health that is asked for while nobody calls: when the login is looked at, and what is told of it.

use super::*;
use crate::backend::job::Operation;

fn bench() -> Bench {
    Bench::with(Settings {
        probes_logins: true,
        ..Settings::default()
    })
}

fn database(bench: &mut Bench) -> String {
    let answer = bench.request("GET /health", "", "");
    let document: serde_json::Value = serde_json::from_str(body(&answer)).expect("a document");
    document["database"].as_str().expect("a word").to_owned()
}

#[test]
fn however_often_health_is_asked_for_the_login_is_looked_at_once_in_a_while() {
    let mut bench = bench();
    for _ in 0..50 {
        assert_eq!(database(&mut bench), "unused");
    }
    assert_eq!(bench.submitted.len(), 1);
    let job = bench.next_submitted();
    assert!(
        matches!(job.work.operation, Operation::Status(_)),
        "nothing is run"
    );
    bench.fail_with(job.id, Kind::ResultGone, "there is no such statement");
    assert_eq!(
        database(&mut bench),
        "healthy",
        "somebody looked for it, so the login is good"
    );
    let limits = Limits::default();
    bench.pass(limits.login_told_age - Duration::from_secs(1));
    database(&mut bench);
    assert_eq!(
        bench.submitted.len(),
        0,
        "what was learnt is believed for a while"
    );
    bench.pass(Duration::from_secs(1));
    database(&mut bench);
    assert_eq!(bench.submitted.len(), 1);
    // Nobody answers: it is asked again, but not at once.
    bench.pass(limits.login_probe_pause - Duration::from_secs(1));
    database(&mut bench);
    assert_eq!(bench.submitted.len(), 1);
}

#[test]
fn a_login_that_went_bad_is_told_before_anybody_calls_and_so_is_its_end() {
    let mut bench = bench();
    database(&mut bench);
    let job = bench.next_submitted();
    bench.fail_with(job.id, Kind::Login, "JWT token is invalid");
    assert_eq!(database(&mut bench), "unhealthy");
    let open = bench.request("GET /health", "", "");
    assert!(!open.contains("JWT"), "why, is for those who may read more");
    let answer = bench.request("GET /health/detailed", "", "");
    assert_eq!(status(&answer), "503");
    assert!(body(&answer).contains("JWT token is invalid"), "{answer}");
    bench.pass(Limits::default().login_told_age);
    database(&mut bench);
    let job = bench.next_submitted();
    bench.fail_with(job.id, Kind::ResultGone, "there is no such statement");
    assert_eq!(status(&bench.request("GET /health/detailed", "", "")), "200");
}

#[test]
fn calls_that_tell_of_the_login_spare_the_look_and_the_look_takes_nobodys_place() {
    let mut bench = Bench::with(Settings {
        probes_logins: true,
        limits: Limits {
            jobs_per_principal_max: 1,
            ..Limits::default()
        },
        ..Settings::default()
    });
    database(&mut bench);
    let look = bench.next_submitted();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    bench.complete_with(job.id, "{}");
    assert!(String::from_utf8_lossy(&bench.receive(connection)).contains("\"result\":{}"));
    bench.fail_with(look.id, Kind::Cancelled, "given up");
    bench.pass(Limits::default().login_told_age - Duration::from_secs(1));
    assert_eq!(database(&mut bench), "healthy");
    assert_eq!(bench.submitted.len(), 0);
}

#[test]
fn each_of_several_connections_is_looked_at_and_one_that_fails_is_told() {
    let names = ["prod", "dev"].map(std::sync::Arc::<str>::from);
    let mut bench = Bench::with(Settings {
        probes_logins: true,
        connections: names.to_vec(),
        ..Settings::default()
    });
    database(&mut bench);
    let looks = [bench.next_submitted(), bench.next_submitted()];
    let asked = looks.each_ref().map(|job| job.work.context.connection.clone());
    assert_eq!(asked, names.map(Some));
    bench.fail_with(looks[0].id, Kind::ResultGone, "there is no such statement");
    bench.fail_with(looks[1].id, Kind::Login, "the token was refused");
    let answer = bench.request("GET /health/detailed", "", "");
    assert_eq!(status(&answer), "503");
    let document: serde_json::Value = serde_json::from_str(body(&answer)).expect("a document");
    let told = &document["components"]["connections"];
    assert_eq!(told["prod"]["status"], "healthy");
    assert_eq!(told["dev"]["error"], "the token was refused");
}

#[test]
fn a_call_that_names_no_connection_tells_of_the_first_and_hides_no_other() {
    let names = ["prod", "dev"].map(std::sync::Arc::<str>::from);
    let mut bench = Bench::with(Settings {
        probes_logins: true,
        connections: names.to_vec(),
        ..Settings::default()
    });
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    bench.complete_with(job.id, "{}");
    database(&mut bench);
    let look = bench.next_submitted();
    assert_eq!(
        look.work.context.connection.as_deref(),
        Some("dev"),
        "of the other one it is known"
    );
    assert_eq!(bench.submitted.len(), 0);
    bench.fail_with(look.id, Kind::Login, "the token was refused");
    bench.send(connection, post_call(2).as_bytes());
    let job = bench.next_submitted();
    bench.complete_with(job.id, "{}");
    assert_eq!(database(&mut bench), "unhealthy");
}

#[test]
fn nothing_is_looked_at_without_an_account_and_while_the_server_ends() {
    let mut missing = Bench::with(Settings {
        probes_logins: true,
        engine_missing: Some("SNOWFLAKE_ACCOUNT is not set".to_owned()),
        ..Settings::default()
    });
    assert_eq!(database(&mut missing), "unhealthy");
    assert_eq!(missing.submitted.len(), 0);
}

#[test]
fn the_end_of_the_server_waits_for_no_look() {
    for is_in_a_worker in [false, true] {
        let mut bench = bench();
        database(&mut bench);
        let job = bench.next_submitted();
        let id = job.id;
        if !is_in_a_worker {
            let (after, progress) = (Duration::from_secs(10), Progress::Retrying);
            bench.complete(id, Outcome::Again { job, after, progress });
        }
        bench.handle(Input::Shutdown);
        assert!(bench.exit.is_some());
        // It is given up all the same: the threads are waited for.
        let cancel = bench.cancels.pop_front().map(|job| job.id);
        assert_eq!(cancel.or_else(|| bench.interrupted.pop()), Some(id));
    }
}
