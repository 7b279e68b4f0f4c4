//! Key files: what is read, what is refused, and whose key is whose.

use super::*;
use crate::entropy::SeededEntropy;

const NOW: WallTime = WallTime::from_micros(1_795_341_600_000_000);

fn made(label: &str, seed: u64) -> Made {
    let wanted = Wanted {
        label: label.to_owned(),
        ..Wanted::default()
    };
    make(&wanted, &mut SeededEntropy::new(seed)).unwrap()
}

fn find(ring: &KeyRing, key: &Secret, now: WallTime) -> Result<String, Refused> {
    ring.find(key.reveal().as_bytes(), now)
        .map(|holder| holder.label.to_string())
}

#[test]
fn a_key_that_was_made_opens_with_the_line_that_was_made_with_it() {
    let (ann, bob) = (made("ann", 1), made("bob \\ 2", 2));
    assert!(ann.key.reveal().starts_with("sfmcp_") && ann.key.reveal().len() == 49);
    assert!(!ann.line.contains(ann.key.reveal()));
    let ring = KeyRing::parse(&format!("# people\n\n{}\n{}\n", ann.line, bob.line)).unwrap();
    assert_eq!(ring.len(), 2);
    assert_eq!(find(&ring, &ann.key, NOW).as_deref(), Ok("ann"));
    assert_eq!(find(&ring, &bob.key, NOW).as_deref(), Ok("bob \\ 2"));
    assert_eq!(find(&ring, &made("ann", 3).key, NOW), Err(Refused::Unknown));
    assert_eq!(find(&KeyRing::default(), &ann.key, NOW), Err(Refused::Unknown));
}

#[test]
fn a_key_expires_to_the_microsecond_and_says_so() {
    let wanted = Wanted {
        label: "ann".to_owned(),
        scope: Some(Scope::Read),
        expires: Some(NOW),
    };
    let made = make(&wanted, &mut SeededEntropy::new(1)).unwrap();
    let ring = KeyRing::parse(&made.line).unwrap();
    let before = WallTime::from_micros(NOW.as_micros() - 1);
    assert_eq!(find(&ring, &made.key, before).as_deref(), Ok("ann"));
    assert_eq!(find(&ring, &made.key, NOW), Err(Refused::Expired));
    let ann = ring.find(made.key.reveal().as_bytes(), before).unwrap();
    assert!(ring.holds(&ann, before) && !ring.holds(&ann, NOW));
}

#[test]
fn an_exchanged_key_is_the_same_caller() {
    let (old, new) = (made("ann", 1), made("ann", 2));
    let both = KeyRing::parse(&format!("{}\n{}", old.line, new.line)).unwrap();
    let mark =
        |ring: &KeyRing, key: &Secret| ring.find(key.reveal().as_bytes(), NOW).map(|holder| holder.mark);
    assert_eq!(mark(&both, &old.key), mark(&both, &new.key));
    let after = KeyRing::parse(&new.line).unwrap();
    assert_eq!(mark(&after, &old.key), Err(Refused::Unknown));
    assert_eq!(mark(&after, &new.key), mark(&both, &new.key));
}

#[test]
fn a_line_says_all_that_a_key_may_have() {
    let hash = "0f".repeat(32);
    let ring = KeyRing::parse(&format!(
        r#"{{"label":"ann","sha256":"{hash}","scopes":["snowflake:status","snowflake:read"],"calls":8,"calls_per_minute":120,"rows_per_day":1000,"bytes_per_day":1048576,"expires":"2027-01-31T00:00:00Z"}}"#
    ))
    .unwrap();
    let holder = &ring.keys[0].holder;
    assert_eq!(holder.scope, Some(Scope::Read));
    assert_eq!(
        holder.quota,
        Quota {
            calls_max: Some(8),
            calls_per_minute_max: Some(120),
            rows_per_day_max: Some(1_000),
            bytes_per_day_max: Some(1 << 20),
        }
    );
    assert_eq!(holder.expires.unwrap().to_rfc3339(), "2027-01-31T00:00:00Z");
}

#[test]
fn what_cannot_be_read_is_told_with_its_line_and_never_left_out() {
    let hash = "0f".repeat(32);
    let good = format!(r#"{{"label":"ann","sha256":"{hash}"}}"#);
    for (line, expected) in [
        ("ann 0f0f".to_owned(), "expected one JSON object a line"),
        (format!("{good}{good}"), "expected one JSON object a line"),
        (format!(r#"{{"sha256":"{hash}"}}"#), "label is missing"),
        (r#"{"label":"ann"}"#.to_owned(), "sha256 is missing"),
        (
            r#"{"label":"ann","sha256":"0f"}"#.to_owned(),
            "sha256: expected 64 hexadecimal digits",
        ),
        (
            format!(r#"{{"label":"a\nb","sha256":"{hash}"}}"#),
            "the label is expected",
        ),
        (
            format!(r#"{{"label":"","sha256":"{hash}"}}"#),
            "the label is expected",
        ),
        (
            format!(r#"{{"label":"a","sha256":"{hash}","scopes":[]}}"#),
            "scopes: expected a list",
        ),
        (
            format!(r#"{{"label":"a","sha256":"{hash}","scopes":["read"]}}"#),
            "scopes: expected a list",
        ),
        (
            format!(r#"{{"label":"a","sha256":"{hash}","expires":"soon"}}"#),
            "expires: expected a time",
        ),
        (
            format!(r#"{{"label":"a","sha256":"{hash}","calls":0}}"#),
            "calls: expected a whole number",
        ),
        (
            format!(r#"{{"label":"a","sha256":"{hash}","calls":1.5}}"#),
            "calls: expected a whole number",
        ),
        (
            format!(r#"{{"label":"a","sha256":"{hash}","expire":"x"}}"#),
            "expire is no member that is known",
        ),
        (
            format!(r#"{{"label":"a","label":"b","sha256":"{hash}"}}"#),
            "label stands twice",
        ),
        (good.clone(), "this sha256 stands in an earlier line"),
    ] {
        let error = KeyRing::parse(&format!("{good}\n{line}\n")).unwrap_err();
        assert_eq!(error.line, 2, "{line}");
        assert!(error.expected.starts_with(expected), "{line}: {error}");
    }
}

#[test]
fn a_ring_does_not_show_its_hashes() {
    let ring = KeyRing::parse(&made("ann", 1).line).unwrap();
    assert_eq!(format!("{ring:?}"), r#"["ann"]"#);
}
