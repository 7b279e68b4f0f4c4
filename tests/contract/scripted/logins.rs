//! Callers' own logins, on the wire: each statement and all that belongs to it arrives with the token of whoever it is for.

use std::sync::Arc;
use std::time::Duration;

use snowflake_mcp::backend::job::Context;
use snowflake_mcp::backend::{CancelToken, Kind};
use snowflake_mcp::secret::{Login, Secret};
use snowflake_mcp::snowflake::{Authentication, TokenKind};

use super::{End, ONE_NUMBER, Scene, Script, numbers, settings};
use crate::drive::{Task, rows};
use crate::server::{Fault, On};

const QUERY: &str = "select q";

fn task(token: Option<&str>) -> Task {
    let login = token.map(|token| Arc::new(Login::new(Secret::new(token), "x-snowflake-token".into())));
    Task {
        context: Context {
            login,
            ..Context::default()
        },
        ..Task::new(QUERY)
    }
}

fn scene() -> Scene {
    let scene = Scene::with(Authentication::OAuth(Secret::new("the-servers")));
    let partitions = vec![numbers(1..=2), numbers(3..=4), numbers(5..=5)];
    scene.server.teach(QUERY, ONE_NUMBER, partitions);
    scene
}

/// What each request since the `from`th was sent with: token and kind.
fn logins(scene: &Scene, from: usize) -> Vec<(String, String)> {
    let seen = scene.server.seen();
    let header = |headers: &[(String, String)], name: &str| {
        let found = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let login = |headers: &[(String, String)]| {
        (
            header(headers, "authorization"),
            header(headers, "x-snowflake-authorization-token-type"),
        )
    };
    seen[from..].iter().map(|seen| login(&seen.headers)).collect()
}

#[test]
fn every_request_for_a_caller_carries_its_own_token_and_no_other() {
    let scene = scene();
    for (token, sent) in [
        (Some("anns"), "Bearer anns"),
        (Some("bobs"), "Bearer bobs"),
        (None, "Bearer the-servers"),
    ] {
        let from = scene.server.seen().len();
        let ended = scene.run(task(token));
        assert_eq!(rows(&ended.outcome.unwrap()[0]).len(), 5);
        let sent_with = logins(&scene, from);
        assert!(
            sent_with.len() >= 4,
            "submitted, polled, read twice more: {sent_with:?}"
        );
        for (found, kind) in sent_with {
            assert_eq!((found.as_str(), kind.as_str()), (sent, "OAUTH"));
        }
    }
}

#[test]
fn a_statement_that_is_cancelled_is_cancelled_with_its_callers_token() {
    let scene = scene();
    let script = Script {
        polls: 1_000,
        end: End::Rows(Vec::new(), Vec::new()),
        is_synchronous: false,
    };
    scene.server.script("select forever", script);
    let cancel = CancelToken::new();
    let forever = Task {
        statements: vec!["select forever".to_owned()],
        ..task(Some("anns"))
    };
    let ended = scene.run_with(forever, &cancel, |steps| {
        if steps == 3 {
            cancel.cancel();
        }
    });
    assert_eq!(ended.outcome.unwrap_err().kind, Kind::Cancelled);
    assert!(scene.server.seen().iter().any(|seen| seen.on == On::Cancel));
    assert!(logins(&scene, 0).iter().all(|(token, _)| token == "Bearer anns"));
}

#[test]
fn a_token_that_is_refused_is_told_with_its_header_and_the_servers_login_goes_on() {
    let scene = scene();
    for _ in 0..30 {
        scene.server.fault(On::Post, Fault::complaint(401, "390318"));
        let ended = scene.run(task(Some("anns-old")));
        let error = ended.outcome.unwrap_err();
        assert_eq!(error.kind, Kind::Login);
        assert!(
            error.message.contains("header x-snowflake-token"),
            "{}",
            error.message
        );
        assert!(!error.advice().contains("operator"), "{}", error.advice());
        assert!(!format!("{error:?}").contains("anns-old"), "{error:?}");
    }
    // Refused once each: nobody can renew it, and no breaker has opened.
    assert_eq!(scene.server.seen().len(), 30);
    let ended = scene.run(task(None));
    assert!(ended.outcome.is_ok());
    assert!(
        ended
            .pauses
            .iter()
            .all(|between| between.after < Duration::from_secs(1))
    );
}

#[test]
fn programmatic_access_tokens_are_called_so() {
    let server = crate::server::Server::start();
    let clock = crate::drive::FakeClock::new();
    let own = snowflake_mcp::snowflake::Settings {
        callers_kind: TokenKind::ProgrammaticAccess,
        ..settings(&server, Authentication::OAuth(Secret::new("the-servers")))
    };
    let entropy = snowflake_mcp::entropy::SeededEntropy::new(7);
    let snowflake =
        snowflake_mcp::snowflake::Snowflake::new(own, Box::new(clock.clone()), Box::new(entropy)).unwrap();
    let scene = Scene {
        server,
        clock,
        snowflake,
    };
    scene.server.teach(QUERY, ONE_NUMBER, vec![numbers(1..=1)]);
    assert!(scene.run(task(Some("anns"))).outcome.is_ok());
    let all = logins(&scene, 0);
    assert!(
        all.iter()
            .all(|(token, kind)| token == "Bearer anns" && kind == "PROGRAMMATIC_ACCESS_TOKEN")
    );
}
