//! Ids of sessions, and who is let in with one.

use super::*;
use crate::entropy::SeededEntropy;
use crate::ident::JobId;
use crate::limits::Limits;
use crate::mcp::Level;
use crate::secret::Secret;
use crate::time::{Instant, Now};

const HOUR: Duration = Duration::from_secs(3_600);

fn now(seconds: u64) -> Now {
    Now {
        monotonic: Instant::from_micros(seconds * 1_000_000),
        wall: WallTime::from_micros((1_790_000_000 + seconds) * 1_000_000 + 17),
    }
}

fn keys(text: &str) -> Keys {
    Keys::new(&Secret::new(text), None)
}

fn session(seed: u64, revision: Revision) -> Session {
    let abilities = Abilities {
        elicitation: true,
        sampling: false,
        roots: true,
    };
    let entropy = &mut SeededEntropy::new(seed);
    let client = ClientLabel::new(if seed == 2 { "claude-ai" } else { "" }, "1.0");
    Session::begin(entropy, (revision, abilities, client), now(0).wall, HOUR)
}

#[test]
fn an_id_carries_the_session_and_is_short_visible_ascii() {
    for revision in Revision::ALL {
        let session = session(1, revision);
        for principal in [b"".as_slice(), &[7; 32]] {
            let text = session.seal(&keys("k"), principal);
            assert!((60..=80).contains(&text.len()), "{}", text.len());
            assert!(text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
            let opened = Session::open(&keys("k"), text.as_bytes(), principal, now(3_599).wall);
            assert_eq!(opened, Ok(session));
        }
    }
    let bools = [false, true];
    for (elicitation, sampling, roots) in bools
        .into_iter()
        .flat_map(|a| bools.into_iter().flat_map(move |b| bools.map(|c| (a, b, c))))
    {
        let set = Abilities {
            elicitation,
            sampling,
            roots,
        };
        assert_eq!(abilities(bits(set)), Some(set));
    }
    assert_eq!(abilities(8), None);
}

#[test]
fn a_log_names_a_session_and_opens_none() {
    let session = session(1, Revision::V20251125);
    assert_eq!(session.id.to_string().len(), 9);
    assert_eq!(format!("{:?}", session.id), session.id.to_string());
}

#[test]
fn a_payload_of_another_version_is_no_session() {
    let keys = keys("k");
    let session = session(1, Revision::V20250326);
    let mut pack = Pack::new();
    pack.number(20_250_326).byte(5).fixed(&session.id.0);
    let good = pack.into_bytes();
    let open = |payload: &[u8]| {
        let text = keys.seal(Purpose::Session, payload, b"", session.validity);
        Session::open(&keys, text.as_bytes(), b"", now(1).wall)
    };
    assert_eq!(open(&good), Ok(session));
    for end in 0..good.len() {
        assert_eq!(open(&good[..end]), Err(Fault::Malformed));
    }
    assert_eq!(open(&[good.as_slice(), &[0]].concat()), Err(Fault::Malformed));
    let mut unknown_revision = Pack::new();
    unknown_revision.number(20_991_231).byte(0).fixed(&session.id.0);
    assert_eq!(open(unknown_revision.as_bytes()), Err(Fault::Malformed));
}

#[test]
fn who_names_no_session_is_let_in_where_none_is_needed() {
    let mut sessions = Sessions::new(&Limits::default(), 1);
    let keys = keys("k");
    let mut admit = |header, method| sessions.admit(&keys, header, Need::of_method(method), b"", now(0));
    for method in ["initialize", "ping", "tools/list", "tools/call", "resources/read"] {
        assert_eq!(admit(Field::Absent, method), Ok(None), "{method}");
        assert_eq!(
            admit(Field::Once(b"x"), method),
            Err(Refusal::Unknown),
            "{method}"
        );
        assert_eq!(admit(Field::Repeated, method), Err(Refusal::Repeated), "{method}");
    }
    for method in ["logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
        assert_eq!(admit(Field::Absent, method), Err(Refusal::Missing), "{method}");
    }
}

#[test]
fn an_id_is_good_for_its_client_until_it_is_over_or_ended() {
    let limits = Limits::default();
    let (mut sessions, mut replica) = (Sessions::new(&limits, 1), Sessions::new(&limits, 2));
    let keys = keys("k");
    let session = session(1, Revision::V20251125);
    let text = session.seal(&keys, b"p");
    let header = Field::Once(text.as_bytes());
    let mut admit = |principal: &[u8], now| sessions.admit(&keys, header, Need::Required, principal, now);
    assert_eq!(admit(b"p", now(1)), Ok(Some(session)));
    assert_eq!(admit(b"q", now(1)), Err(Refusal::Unknown));
    assert_eq!(admit(b"p", now(3_600)), Err(Refusal::Expired));
    assert_eq!(sessions.end(&session, now(2)), Freed::default());
    let again = sessions.admit(&keys, header, Need::Optional, b"p", now(3));
    assert_eq!(again, Err(Refusal::Ended));
    let elsewhere = replica.admit(&keys, header, Need::Required, b"p", now(3));
    assert_eq!(elsewhere, Ok(Some(session)), "a replica does not know of the end");
    assert!(sessions.is_empty() && replica.is_empty(), "nothing was stored");
}

#[test]
fn refusals_have_the_statuses_and_words_that_clients_know() {
    use Refusal::*;

    for (refusals, status) in [
        (vec![Missing, Repeated, StreamGone], 400),
        (vec![Unknown, Expired, Ended], 404),
        (vec![Occupied], 409),
        (vec![Full], 503),
    ] {
        for refusal in refusals {
            assert_eq!(refusal.http_status(), status, "{refusal}");
            let error = refusal.error();
            assert_eq!(error.code, if status == 503 { -32_603 } else { -32_600 });
            assert_eq!(error.message == "Session not found", status == 404, "{error}");
        }
    }
}

#[test]
fn a_question_finds_the_job_that_waits_once() {
    let limits = Limits {
        questions_per_session_max: 1,
        ..Limits::default()
    };
    let mut sessions = Sessions::new(&limits, 1);
    let (one, two) = (session(1, Revision::V20251125), session(2, Revision::V20251125));
    let at = now(0).monotonic;
    assert_eq!(sessions.ask(&one, 7, JobId(3), at), Ok(()));
    let full = Full {
        limit: "questions_per_session_max",
        max: 1,
    };
    assert_eq!(sessions.ask(&one, 8, JobId(4), at), Err(full));
    assert_eq!(sessions.take_question(two.id, 7), None, "another session's");
    assert_eq!(sessions.take_question(one.id, 7), Some(JobId(3)));
    assert_eq!(sessions.take_question(one.id, 7), None);
    assert!(sessions.is_empty());
}

#[test]
fn an_idle_session_is_forgotten_and_ended_if_it_waits_for_something() {
    let limits = Limits::default();
    let mut sessions = Sessions::new(&limits, 1);
    let keys = keys("k");
    let (logs, waits) = (session(1, Revision::V20251125), session(2, Revision::V20251125));
    sessions
        .set_log_level(&logs, Level::Debug, now(0).monotonic)
        .unwrap();
    sessions.subscribe(&waits, "a:b", now(0).monotonic).unwrap();
    let admit = |sessions: &mut Sessions, session: &Session, second| {
        let text = session.seal(&keys, b"");
        sessions.admit(
            &keys,
            Field::Once(text.as_bytes()),
            Need::Required,
            b"",
            now(second),
        )
    };
    assert_eq!(admit(&mut sessions, &waits, 60), Ok(Some(waits)));
    sessions.expire(now(1_800));
    assert_eq!(sessions.log_level(logs.id), None);
    assert_eq!(sessions.subscribers("a:b").collect::<Vec<_>>(), [waits.id]);
    sessions.expire(now(1_860));
    assert!(sessions.is_empty());
    assert_eq!(sessions.subscribers("a:b").count(), 0);
    assert_eq!(admit(&mut sessions, &logs, 1_861), Ok(Some(logs)));
    assert_eq!(admit(&mut sessions, &waits, 1_861), Err(Refusal::Ended));
}
