//! Tokens that a scripted identity provider gives: when it is asked, how often, and what becomes of its answers.

use std::collections::VecDeque;
use std::sync::{Arc, Barrier};

use super::*;
use crate::snowflake::http::Fault;

type Answer = Result<(u16, Vec<u8>), Fault>;

/// A form, and what stood in Basic.
type Asked = (String, Option<String>);

/// A provider that answers from a list and remembers what it was sent.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Where it stands still: once when it was asked, once before it answers.
    gate: Option<Arc<(Barrier, Barrier)>>,
}

impl Issuer for Scripted {
    fn ask(&self, form: &Secret, basic: Option<&Secret>) -> Answer {
        let basic = basic.map(|basic| basic.reveal().to_owned());
        self.asked.lock().unwrap().push((form.reveal().to_owned(), basic));
        if let Some(gate) = &self.gate {
            gate.0.wait();
            gate.1.wait();
        }
        self.answers
            .lock()
            .unwrap()
            .pop_front()
            .expect("nobody asks that often")
    }

    fn host(&self) -> &'static str {
        "idp.example"
    }
}

impl Scripted {
    fn with(answers: impl IntoIterator<Item = Answer>) -> Self {
        let scripted = Self::default();
        scripted.answers.lock().unwrap().extend(answers);
        scripted
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn token(name: &str, seconds: u64) -> Answer {
    let body = format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":{seconds}}}"#);
    Ok((200, body.into_bytes()))
}

fn client() -> ClientCredentials {
    ClientCredentials {
        token_url: "https://idp.example/token".to_owned(),
        id: "an id".to_owned(),
        secret: Secret::new("p+s:w/é"),
        scope: Some("session:role:READER".to_owned()),
        is_secret_in_body: false,
    }
}

fn grant(issuer: &Scripted) -> Grant {
    Grant::new(&client(), Box::new(issuer.clone()))
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// The token at that second, however many steps it takes to get it.
fn token_at(grant: &Grant, seconds: u64) -> Result<Bearer, LoginError> {
    for _ in 0..2 {
        if let Login::Ready(bearer) = grant.login(at(seconds))? {
            return Ok(bearer);
        }
    }
    panic!("it was just fetched");
}

fn name_at(grant: &Grant, seconds: u64) -> String {
    token_at(grant, seconds).unwrap().token.reveal().to_owned()
}

#[test]
fn a_token_is_fetched_at_the_first_call_and_anew_after_nine_tenths_of_its_life() {
    let issuer = Scripted::with([token("one", 1_000), token("two", 1_000)]);
    let grant = grant(&issuer);
    assert_eq!(issuer.asked(), 0);
    assert!(matches!(grant.login(at(0)), Ok(Login::Pending(Duration::ZERO))));
    assert_eq!(name_at(&grant, 0), "one");
    assert_eq!(name_at(&grant, 899), "one");
    assert_eq!(issuer.asked(), 1);
    assert_eq!(name_at(&grant, 900), "two");
    assert_eq!(token_at(&grant, 901).unwrap().token_type, "OAUTH");
    assert_eq!(issuer.asked(), 2);
}

#[test]
fn name_and_secret_go_into_basic_or_into_the_form_each_encoded() {
    let issuer = Scripted::with([token("t", 60), token("t", 60)]);
    name_at(&grant(&issuer), 0);
    let in_body = ClientCredentials {
        is_secret_in_body: true,
        scope: None,
        ..client()
    };
    name_at(&Grant::new(&in_body, Box::new(issuer.clone())), 0);
    let asked = issuer.asked.lock().unwrap();
    let basic = STANDARD.encode("an+id:p%2Bs%3Aw%2F%C3%A9");
    let form = "grant_type=client_credentials&scope=session%3Arole%3AREADER";
    assert_eq!(asked[0], (form.to_owned(), Some(basic)));
    let form = "grant_type=client_credentials&client_id=an+id&client_secret=p%2Bs%3Aw%2F%C3%A9";
    assert_eq!(asked[1], (form.to_owned(), None));
}

#[test]
fn while_one_fetches_the_others_are_sent_away_and_nobody_waits() {
    let gate = Arc::new((Barrier::new(2), Barrier::new(2)));
    let issuer = Scripted {
        gate: Some(Arc::clone(&gate)),
        ..Scripted::with([token("one", 1_000), token("two", 1_000)])
    };
    let grant = grant(&issuer);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| grant.login(at(0)));
        gate.0.wait();
        for _ in 0..20 {
            assert!(matches!(grant.login(at(0)), Ok(Login::Pending(PENDING_PAUSE))));
        }
        gate.1.wait();
        assert!(matches!(
            first.join().unwrap(),
            Ok(Login::Pending(Duration::ZERO))
        ));
        // With a token that still holds they go on with it.
        let renewing = scope.spawn(|| grant.login(at(950)));
        gate.0.wait();
        for _ in 0..20 {
            assert_eq!(name_at(&grant, 951), "one");
        }
        gate.1.wait();
        renewing.join().unwrap().unwrap();
        assert_eq!(name_at(&grant, 952), "two");
    });
    assert_eq!(issuer.asked(), 2);
}

#[test]
fn a_provider_that_is_away_costs_nothing_while_the_old_token_holds() {
    let away = || Err(Fault::HostUnknown);
    let issuer = Scripted::with([token("one", 1_000), away(), away(), token("two", 1_000)]);
    let grant = grant(&issuer);
    assert_eq!(name_at(&grant, 0), "one");
    for second in [900, 901, 904] {
        assert_eq!(name_at(&grant, second), "one");
    }
    assert_eq!(issuer.asked(), 2, "it is left alone for five seconds");
    let error = token_at(&grant, 1_000).unwrap_err();
    assert!(error.is_passing());
    assert_eq!(token_at(&grant, 1_004).unwrap_err(), error, "as told before");
    assert_eq!(issuer.asked(), 3);
    assert_eq!(name_at(&grant, 1_005), "two");
}

#[test]
fn a_refused_token_is_replaced_once_however_many_were_refused() {
    let issuer = Scripted::with([token("one", 1_000), token("two", 1_000)]);
    let grant = grant(&issuer);
    let refused = token_at(&grant, 0).unwrap();
    grant.forget(refused.generation);
    assert_eq!(name_at(&grant, 1), "two");
    grant.forget(refused.generation);
    assert_eq!(name_at(&grant, 2), "two");
    assert_eq!(issuer.asked(), 2);
}

#[test]
fn a_refusal_is_told_in_the_providers_words_and_without_the_secret() {
    let body = br#"{"error":"invalid_client","error_description":"Unknown\nclient."}"#;
    for (answer, words) in [
        (Ok((401, body.to_vec())), "HTTP 401: invalid_client Unknownclient"),
        (Ok((200, b"{}".to_vec())), "HTTP 200 without an access_token"),
        (
            Ok((200, br#"{"access_token":"a b"}"#.to_vec())),
            "HTTP 200 without an access_token",
        ),
        (Ok((403, b"<html>".to_vec())), "HTTP 403"),
    ] {
        let grant = grant(&Scripted::with([answer]));
        let error = token_at(&grant, 0).unwrap_err();
        assert!(!error.is_passing());
        let message = error.to_error().message;
        assert!(
            message.contains(&format!("idp.example gave no token ({words})")),
            "{message}"
        );
        assert!(!format!("{message}{grant:?}").contains("p+s"), "{message}");
    }
    let grant = grant(&Scripted::with([Ok((503, Vec::new()))]));
    assert!(token_at(&grant, 0).unwrap_err().is_passing());
}

#[test]
fn a_life_may_be_a_number_a_text_or_unsaid_and_is_never_nothing() {
    for (written, seconds) in [
        ("3600", 3_600),
        ("\"599\"", 599),
        ("12.9", 12),
        ("0", 10),
        ("-5", 10),
        ("null", 600),
        ("99999999999", 86_400),
    ] {
        let body = serde_json::from_str(&format!(r#"{{"expires_in":{written}}}"#)).unwrap();
        assert_eq!(life_of(&body), Duration::from_secs(seconds), "{written}");
    }
}

#[test]
fn a_panic_while_asking_does_not_keep_the_others_waiting() {
    let grant = grant(&Scripted::default());
    let asking = std::panic::AssertUnwindSafe(|| grant.login(at(0)));
    assert!(std::panic::catch_unwind(asking).is_err());
    assert!(!grant.lock().is_asking);
}
