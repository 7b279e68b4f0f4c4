//! Tokens that are good, tokens that are not, and keys that change.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use super::*;
use crate::access::key_set::KeySet;

/// Signs as an issuer does.
enum Signer {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    fn p256() -> Self {
        let random = ring::rand::SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
    }

    fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn rsa() -> Self {
        let pem = include_str!("../../../tests/contract/keys/rsa_pkcs8.pem");
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        Self::Rsa(RsaKeyPair::from_pkcs8(&der).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    fn jwk(&self, id: &str) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match self {
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{y}""#)
            }
            Self::Ed25519(pair) => {
                format!(
                    r#""kty":"OKP","crv":"Ed25519","x":"{}""#,
                    encode(pair.public_key().as_ref())
                )
            }
            Self::Rsa(pair) => {
                let public: ring::signature::RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
                format!(
                    r#""kty":"RSA","n":"{}","e":"{}""#,
                    encode(&public.n),
                    encode(&public.e)
                )
            }
        };
        format!(r#"{{{members},"kid":"{id}","use":"sig"}}"#)
    }

    fn sign(&self, header: &str, claims: &str) -> Vec<u8> {
        let signed = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let random = ring::rand::SystemRandom::new();
        let signature = match self {
            Self::P256(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
    }

    fn token(&self, id: &str, claims: &str) -> Vec<u8> {
        let header = format!(r#"{{"alg":"{}","kid":"{id}","typ":"at+jwt"}}"#, self.algorithm());
        self.sign(&header, claims)
    }
}

const SECONDS: u64 = 1_795_341_600;

fn at(seconds: u64) -> Now {
    Now {
        monotonic: Instant::ZERO + Duration::from_secs(seconds),
        wall: WallTime::from_micros((SECONDS + seconds) * 1_000_000),
    }
}

fn claims(change: &[(&str, &str)]) -> String {
    let expires = (SECONDS + 3_600).to_string();
    let mut members = vec![
        ("iss", "\"https://id.example\""),
        ("aud", "\"https://db.example/mcp\""),
        ("sub", "\"ann\""),
        ("exp", expires.as_str()),
        ("scope", "\"openid snowflake:read\""),
    ];
    for (name, value) in change {
        members.retain(|(own, _)| own != name);
        if !value.is_empty() {
            members.push((name, value));
        }
    }
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn key_set(keys: &[(&Signer, &str)]) -> Result<KeySet, String> {
    let keys: Vec<_> = keys.iter().map(|(signer, id)| signer.jwk(id)).collect();
    KeySet::parse(&format!(r#"{{"keys":[{}]}}"#, keys.join(",")))
}

fn issuers(checked_max: usize) -> Issuers {
    let resource = Resource {
        url: "https://db.example/mcp".into(),
        issuers: vec!["https://id.example".into()],
        scopes: vec!["snowflake:read".into()],
    };
    let times = Times {
        renew_after: Duration::from_secs(3_600),
        refetch_after: Duration::from_secs(30),
    };
    Issuers::new(resource, times, checked_max)
}

/// Issuers that have fetched these keys.
fn ready(keys: &[(&Signer, &str)]) -> Issuers {
    let mut issuers = issuers(100);
    issuers.on_fetched(0, key_set(keys), at(0));
    issuers
}

fn check(issuers: &mut Issuers, token: &[u8], now: u64) -> (Verdict, usize) {
    let mut wanted = Vec::new();
    let verdict = issuers.check(token, at(now), &mut wanted);
    (verdict, wanted.len())
}

fn scope_of(verdict: Verdict) -> Option<Scope> {
    match verdict {
        Verdict::Known(identity) => identity.scope,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tokens_of_all_three_algorithms_are_good_and_the_second_look_costs_no_signature() {
    for signer in [Signer::p256(), Signer::ed25519(1), Signer::rsa()] {
        let mut issuers = ready(&[(&signer, "a")]);
        let token = signer.token("a", &claims(&[]));
        for _ in 0..2 {
            let (verdict, _) = check(&mut issuers, &token, 0);
            let Verdict::Known(identity) = verdict else {
                panic!("{}: {verdict:?}", signer.algorithm());
            };
            assert_eq!((&*identity.label, identity.scope), ("ann", Some(Scope::Read)));
        }
        assert_eq!(issuers.len(), 1);
    }
}

#[test]
fn what_a_token_claims_decides() {
    let signer = Signer::ed25519(1);
    let past = (SECONDS - 61).to_string();
    let just_past = (SECONDS - 59).to_string();
    let soon = (SECONDS + 61).to_string();
    for (change, good) in [
        (vec![], true),
        (vec![("aud", r#"["other","https://db.example/mcp"]"#)], true),
        (vec![("exp", just_past.as_str())], true),
        (vec![("sub", ""), ("client_id", "\"robot\"")], true),
        (vec![("aud", "\"https://other.example/mcp\"")], false),
        (vec![("aud", "\"https://db.example/mcp/\"")], false),
        (vec![("aud", "")], false),
        (vec![("iss", "\"https://evil.example\"")], false),
        (vec![("iss", "")], false),
        (vec![("exp", "")], false),
        (vec![("exp", "\"4102444800\"")], false),
        (vec![("nbf", soon.as_str())], false),
        (vec![("nbf", "\"x\"")], false),
        (vec![("sub", "")], false),
        (vec![("sub", "7")], false),
    ] {
        let token = signer.token("a", &claims(&change));
        let (verdict, _) = check(&mut ready(&[(&signer, "a")]), &token, 0);
        assert_eq!(
            matches!(verdict, Verdict::Known(_)),
            good,
            "{change:?}: {verdict:?}"
        );
        assert!(good || verdict == Verdict::Invalid, "{change:?}: {verdict:?}");
    }
    let token = signer.token("a", &claims(&[("exp", &past)]));
    assert_eq!(
        check(&mut ready(&[(&signer, "a")]), &token, 0).0,
        Verdict::Expired
    );
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let signer = Signer::ed25519(1);
    let mut issuers = ready(&[(&signer, "a")]);
    let token = signer.token("a", &claims(&[]));
    assert!(matches!(check(&mut issuers, &token, 3_659).0, Verdict::Known(_)));
    assert_eq!(check(&mut issuers, &token, 3_660).0, Verdict::Expired);
    assert!(issuers.is_empty());
}

#[test]
fn scopes_are_words_and_custom_ones_can_be_asked_for() {
    let signer = Signer::ed25519(1);
    for (value, expected) in [
        ("\"snowflake:read\"", Some(Scope::Read)),
        ("\"snowflake:read snowflake:write\"", Some(Scope::Write)),
        ("\"snowflake:status\"", Some(Scope::Status)),
        ("\"snowflake:readx openid\"", None),
        ("\"\"", None),
    ] {
        let token = signer.token("a", &claims(&[("scope", value)]));
        let (verdict, _) = check(&mut ready(&[(&signer, "a")]), &token, 0);
        assert_eq!(scope_of(verdict), expected, "{value}");
    }
    let list = claims(&[("scope", ""), ("scp", r#"["snowflake:read"]"#)]);
    let (verdict, _) = check(&mut ready(&[(&signer, "a")]), &signer.token("a", &list), 0);
    assert_eq!(scope_of(verdict), Some(Scope::Read));
}

#[test]
fn nobody_signs_with_nothing_with_our_public_key_or_with_another_algorithm() {
    let (own, other) = (Signer::p256(), Signer::ed25519(2));
    let mut issuers = ready(&[(&own, "a"), (&other, "b")]);
    let claims = claims(&[]);
    let good = own.token("a", &claims);
    let hmac_key = own.jwk("a");
    let hmac = {
        let signed = [r#"{"alg":"HS256","kid":"a"}"#, &claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, hmac_key.as_bytes());
        let tag = ring::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())).into_bytes()
    };
    let unsigned = [r#"{"alg":"none"}"#, &claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let mut changed = good.clone();
    let place = changed.iter().position(|byte| *byte == b'.').unwrap() + 10;
    changed[place] ^= 1;
    for (what, token) in [
        ("hmac", hmac),
        ("none", format!("{unsigned}.").into_bytes()),
        ("changed", changed),
        ("another's key", Signer::p256().token("a", &claims)),
        (
            "an algorithm that the key is not for",
            other.sign(r#"{"alg":"ES256","kid":"a"}"#, &claims),
        ),
        (
            "critical",
            own.sign(r#"{"alg":"ES256","kid":"a","crit":["b64"]}"#, &claims),
        ),
        (
            "another kind",
            own.sign(r#"{"alg":"ES256","kid":"a","typ":"dpop+jwt"}"#, &claims),
        ),
        (
            "twice",
            own.sign(r#"{"alg":"ES256","kid":"a","kid":"a"}"#, &claims),
        ),
        (
            "two claims",
            own.token("a", &claims.replace('{', r#"{"sub":"bob","#)),
        ),
        ("no parts", b"a.b.c".to_vec()),
        ("long", [good.clone(), vec![b'A'; 9_000]].concat()),
    ] {
        assert_eq!(check(&mut issuers, &token, 0).0, Verdict::Invalid, "{what}");
    }
    assert!(matches!(check(&mut issuers, &good, 0).0, Verdict::Known(_)));
}

#[test]
fn keys_are_fetched_once_and_awaited() {
    let signer = Signer::ed25519(1);
    let mut issuers = issuers(100);
    let token = signer.token("a", &claims(&[]));
    assert_eq!(check(&mut issuers, &token, 0), (Verdict::Waits, 1));
    assert_eq!(check(&mut issuers, &token, 1), (Verdict::Waits, 0));
    issuers.on_fetched(0, Err("no route".to_owned()), at(2));
    assert_eq!(check(&mut issuers, &token, 3), (Verdict::Unavailable, 0));
    assert_eq!(check(&mut issuers, &token, 30), (Verdict::Waits, 1));
    issuers.on_fetched(0, key_set(&[(&signer, "a")]), at(31));
    assert!(matches!(check(&mut issuers, &token, 31).0, Verdict::Known(_)));
}

#[test]
fn a_rollover_is_noticed_and_an_unknown_key_is_asked_for_once_in_a_while() {
    let (old, new) = (Signer::ed25519(1), Signer::ed25519(2));
    let mut issuers = issuers(100);
    let (with_old, with_new) = (old.token("a", &claims(&[])), new.token("b", &claims(&[])));
    assert_eq!(check(&mut issuers, &with_old, 0).0, Verdict::Waits);
    issuers.on_fetched(0, key_set(&[(&old, "a")]), at(0));
    assert!(matches!(check(&mut issuers, &with_old, 1).0, Verdict::Known(_)));
    // Within the interval nobody can have the issuer asked again.
    assert_eq!(check(&mut issuers, &with_new, 2), (Verdict::Invalid, 0));
    assert_eq!(check(&mut issuers, &with_new, 31), (Verdict::Waits, 1));
    issuers.on_fetched(0, key_set(&[(&new, "b")]), at(32));
    assert!(matches!(check(&mut issuers, &with_new, 32).0, Verdict::Known(_)));
    // The old key is gone, and what was signed with it, though it was remembered.
    assert_eq!(check(&mut issuers, &with_old, 33), (Verdict::Invalid, 0));
}

#[test]
fn old_keys_are_renewed_while_they_are_used() {
    let signer = Signer::ed25519(1);
    let mut issuers = ready(&[(&signer, "a")]);
    let far = (SECONDS + 100_000).to_string();
    let token = signer.token("a", &claims(&[("exp", &far)]));
    let (verdict, wanted) = check(&mut issuers, &token, 3_599);
    assert!(matches!(verdict, Verdict::Known(_)) && wanted == 0);
    let (verdict, wanted) = check(&mut issuers, &token, 3_600);
    assert!(matches!(verdict, Verdict::Known(_)) && wanted == 1);
    issuers.on_fetched(0, Err("no route".to_owned()), at(3_601));
    let (verdict, wanted) = check(&mut issuers, &token, 3_602);
    assert!(matches!(verdict, Verdict::Known(_)) && wanted == 0);
}

#[test]
fn no_more_tokens_are_remembered_than_may_be() {
    let signer = Signer::ed25519(1);
    let mut issuers = issuers(2);
    issuers.on_fetched(0, key_set(&[(&signer, "a")]), at(0));
    for subject in ["\"a\"", "\"b\"", "\"c\"", "\"d\""] {
        let token = signer.token("a", &claims(&[("sub", subject)]));
        assert!(matches!(check(&mut issuers, &token, 0).0, Verdict::Known(_)));
        assert!(issuers.len() <= 2);
    }
}

#[test]
fn a_renewed_token_is_the_same_caller_and_another_subject_is_another() {
    let signer = Signer::ed25519(1);
    let mut issuers = ready(&[(&signer, "a")]);
    let later = (SECONDS + 7_200).to_string();
    let mut mark =
        |change: &[(&str, &str)]| match check(&mut issuers, &signer.token("a", &claims(change)), 0).0 {
            Verdict::Known(identity) => identity.mark,
            other => panic!("{other:?}"),
        };
    assert_eq!(mark(&[]), mark(&[("exp", &later)]));
    assert_ne!(mark(&[]), mark(&[("sub", "\"bob\"")]));
}

#[test]
fn a_set_without_a_usable_key_is_told() {
    for (set, expected) in [
        ("[]", "no JSON object"),
        ("{}", "no list of keys"),
        (r#"{"keys":[]}"#, "none of the 0 keys"),
        (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "none of the 1 keys"),
        (
            r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
            "none of the 1 keys",
        ),
        (
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}"#,
            "none of the 1 keys",
        ),
    ] {
        let error = KeySet::parse(set).unwrap_err();
        assert!(error.contains(expected), "{set}: {error}");
    }
    let encryption = Signer::p256().jwk("a").replace("\"sig\"", "\"enc\"");
    assert!(KeySet::parse(&format!(r#"{{"keys":[{encryption}]}}"#)).is_err());
}

#[test]
fn what_we_say_about_ourselves_is_the_document_of_rfc_9728() {
    let issuers = issuers(1);
    let document: serde_json::Value = serde_json::from_slice(&issuers.resource().metadata()).unwrap();
    assert_eq!(document["resource"], "https://db.example/mcp");
    assert_eq!(document["authorization_servers"][0], "https://id.example");
    assert_eq!(document["scopes_supported"][0], "snowflake:read");
    assert_eq!(document["bearer_methods_supported"][0], "header");
    assert_eq!(
        issuers.resource().metadata_url(),
        "https://db.example/.well-known/oauth-protected-resource/mcp"
    );
    assert_eq!(issuers.scopes_for(Scope::Write), "snowflake:read snowflake:write");
}
