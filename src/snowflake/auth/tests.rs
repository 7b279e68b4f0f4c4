//! Keys in every form that users have, and the tokens that are signed with them.

use super::*;
use crate::snowflake::settings::KeySource;
use crate::time::{Instant, WallTime};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

const PKCS8: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8.pem");
const PKCS1: &str = include_str!("../../../tests/contract/keys/rsa_pkcs1.pem");
const AES: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8_aes256.pem");
const DES3: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8_des3.pem");
const AES128: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8_aes128.pem");
const AES192: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8_aes192.pem");
/// As OpenSSL 1.0 and LibreSSL made it of the same command.
const DES3_SHA1: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8_des3_sha1.pem");
const SCRYPT: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8_scrypt.pem");
const PBES1: &str = include_str!("../../../tests/contract/keys/rsa_pkcs8_pbes1.pem");
const PKCS1_DEK: &str = include_str!("../../../tests/contract/keys/rsa_pkcs1_dek.pem");
const PUBLIC: &str = include_str!("../../../tests/contract/keys/rsa_public.pem");
const SHORT: &str = include_str!("../../../tests/contract/keys/rsa_1024.pem");
const ELLIPTIC: &str = include_str!("../../../tests/contract/keys/ec_p256.pem");
/// Made by OpenSSL: SHA-256 over the public key's DER.
const FINGERPRINT: &str = include_str!("../../../tests/contract/keys/fingerprint.txt");

fn passphrase() -> Secret {
    Secret::new("test-passphrase")
}

fn fingerprint() -> String {
    format!("SHA256:{}", FINGERPRINT.trim())
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

fn claims(token: &str) -> serde_json::Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

fn at(seconds: u64) -> Now {
    Now {
        monotonic: Instant::from_micros(seconds * 1_000_000),
        wall: WallTime::from_micros(seconds * 1_000_000),
    }
}

fn credentials(authentication: Authentication, user: Option<&str>) -> Result<Credentials, ConfigError> {
    let settings = Settings {
        user: user.map(str::to_owned),
        ..Settings::new("a", authentication)
    };
    Credentials::new(&settings, "TESTORG-TESTACCT")
}

fn key_pair(key: KeySource) -> Credentials {
    let authentication = Authentication::KeyPair {
        key,
        passphrase: None,
    };
    credentials(authentication, Some("TestUser")).unwrap()
}

impl Credentials {
    fn bearer(&self, now: Now) -> Result<Bearer, LoginError> {
        match self.login(now)? {
            Login::Ready(bearer) => Ok(bearer),
            Login::Pending(after) => panic!("nobody fetches a token here: {after:?}"),
        }
    }
}

#[test]
fn every_form_of_a_key_gives_the_same_fingerprint() {
    for (name, text, passphrase) in [
        ("PKCS#8", PKCS8, None),
        ("PKCS#1", PKCS1, None),
        ("AES-256", AES, Some(passphrase())),
        ("AES-128", AES128, Some(passphrase())),
        ("AES-192", AES192, Some(passphrase())),
        ("3DES, SHA-1", DES3_SHA1, Some(passphrase())),
        ("3DES", DES3, Some(passphrase())),
        ("scrypt", SCRYPT, Some(passphrase())),
        ("a passphrase too many", PKCS8, Some(passphrase())),
    ] {
        let key = SigningKey::parse(text, passphrase.as_ref());
        assert_eq!(
            key.map(|key| key.fingerprint().to_owned()),
            Ok(fingerprint()),
            "{name}"
        );
    }
}

#[test]
fn a_key_may_come_mangled_as_environment_variables_mangle_it() {
    let one_line = PKCS8.trim().replace('\n', "\\n");
    let spaced = PKCS8.trim().replace('\n', " ");
    let windows = PKCS8.replace('\n', "\r\n");
    let preceded = format!("Bag Attributes\n    friendlyName: test\n{PKCS8}");
    let of_pem = STANDARD.encode(PKCS8);
    let of_der = STANDARD.encode(der(PKCS8));
    let of_pkcs1_der = STANDARD.encode(der(PKCS1));
    let wrapped = of_der
        .as_bytes()
        .chunks(60)
        .map(|line| String::from_utf8_lossy(line) + "\n")
        .collect();
    for text in [
        one_line,
        spaced,
        windows,
        preceded,
        of_pem,
        of_der,
        of_pkcs1_der,
        wrapped,
    ] {
        let key = SigningKey::parse(&text, None).map(|key| key.fingerprint().to_owned());
        assert_eq!(key, Ok(fingerprint()), "{text}");
    }
    let encrypted = STANDARD.encode(der(AES));
    assert!(SigningKey::parse(&encrypted, Some(&passphrase())).is_ok());
}

#[test]
fn a_key_file_may_hold_the_bare_key() {
    let fingerprint_of = |bytes: Vec<u8>, passphrase: Option<&Secret>| {
        SigningKey::of_file(bytes, passphrase).map(|key| key.fingerprint().to_owned())
    };
    assert_eq!(fingerprint_of(PKCS8.into(), None), Ok(fingerprint()));
    assert_eq!(fingerprint_of(der(PKCS8), None), Ok(fingerprint()));
    assert_eq!(fingerprint_of(der(PKCS1), None), Ok(fingerprint()));
    assert_eq!(fingerprint_of(der(AES), Some(&passphrase())), Ok(fingerprint()));
    assert_eq!(fingerprint_of(vec![0xff; 40], None), Err(KeyError::NoKey));
}

#[test]
fn a_login_name_is_upper_case_unless_it_is_quoted() {
    for (user, name) in [
        ("TestUser", "TESTUSER"),
        ("\"low\"", "low"),
        ("\"a\"\"b\"", "a\"b"),
        ("\"", "\""),
    ] {
        assert_eq!(login_name(user), name, "{user}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("snowflake-mcp-key-mode-{}.p8", std::process::id()));
    std::fs::write(&path, PKCS8).unwrap();
    let read_with = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        key_pair(KeySource::File(path.clone())).bearer(at(1)).map(|_| ())
    };
    assert_eq!(read_with(0o644), Ok(()));
    let mode = 0o664;
    assert_eq!(
        read_with(mode),
        Err(LoginError::Key(KeyError::Changeable { mode }))
    );
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_key_that_cannot_be_used_says_what_to_do() {
    let check = |text: &str, passphrase: Option<&str>, part: &str| {
        let passphrase = passphrase.map(Secret::new);
        let error = SigningKey::parse(text, passphrase.as_ref()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        error
    };
    check(AES, None, "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE");
    assert_eq!(
        check(DES3, Some("wrong"), "passphrase is wrong"),
        KeyError::PassphraseWrong
    );
    assert_eq!(
        check(
            PBES1,
            Some("test-passphrase"),
            "openssl pkcs8 -topk8 -v2 aes-256-cbc"
        ),
        KeyError::OldEncryption
    );
    assert_eq!(
        check(PKCS1_DEK, Some("test-passphrase"), "openssl pkcs8"),
        KeyError::OldEncryption
    );
    check(PUBLIC, None, "holds a PUBLIC KEY");
    check(SHORT, None, "2048");
    check(ELLIPTIC, None, "no RSA key");
    check("", None, "-----BEGIN PRIVATE KEY-----");
    check("/path/to/a/key.p8", None, "holds no key");
    check(&PKCS8[..400], None, "cut or damaged");
    check(&PKCS8.replace('A', "*"), None, "cut or damaged");
}

#[test]
fn a_login_is_signed_so_that_the_public_key_verifies_it() {
    let key = SigningKey::parse(PKCS8, None).unwrap();
    let token = key
        .sign_login("TESTORG-TESTACCT.TESTUSER", 1_800_000_000)
        .unwrap();
    let (signed, signature) = token.reveal().rsplit_once('.').unwrap();
    // ring wants the bare RSAPublicKey: what follows the 24 bytes of SubjectPublicKeyInfo.
    let public = der(PUBLIC);
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public[24..])
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let head = URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap();
    assert_eq!(head, br#"{"alg":"RS256","typ":"JWT"}"#);
    let claims = claims(token.reveal());
    assert_eq!(claims["sub"], "TESTORG-TESTACCT.TESTUSER");
    assert_eq!(
        claims["iss"],
        format!("TESTORG-TESTACCT.TESTUSER.{}", fingerprint())
    );
    let (issued, expires) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert!((30..=60).contains(&(1_800_000_000 - issued)));
    assert!((55 * 60..=59 * 60).contains(&(expires - 1_800_000_000)));
    assert!(expires - issued <= 3_600);
}

#[test]
fn a_token_is_kept_for_fifty_minutes() {
    let pair = key_pair(KeySource::Text(Secret::new(PKCS8)));
    let token = |seconds| pair.bearer(at(seconds)).unwrap().token;
    let first = token(1_800_000_000);
    assert_eq!(claims(first.reveal())["sub"], "TESTORG-TESTACCT.TESTUSER");
    assert_eq!(token(1_800_000_000 + 49 * 60), first);
    let second = token(1_800_000_000 + 50 * 60);
    assert_ne!(second, first);
    assert_ne!(token(1_700_000_000), second, "a clock that was set back");
}

#[test]
fn a_refused_token_is_replaced_once_however_many_were_refused() {
    let pair = key_pair(KeySource::Text(Secret::new(PKCS8)));
    let refused = pair.bearer(at(1_000)).unwrap();
    assert_eq!(pair.bearer(at(1_001)).unwrap().token, refused.token);
    assert!(pair.renew_after(&refused));
    let renewed = pair.bearer(at(1_002)).unwrap();
    assert_ne!(renewed.token, refused.token);
    assert!(
        pair.renew_after(&refused),
        "a slower worker comes with the old one"
    );
    assert_eq!(pair.bearer(at(1_003)).unwrap().token, renewed.token);
}

#[test]
fn many_workers_sign_one_token() {
    let pair = key_pair(KeySource::Text(Secret::new(PKCS8)));
    let generations: Vec<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| pair.bearer(at(1_000)).unwrap().generation))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(generations, [1; 8]);
}

#[test]
fn a_key_file_is_read_at_the_first_call_and_again_after_it_was_repaired() {
    let path = std::env::temp_dir().join(format!("snowflake-mcp-key-{}.p8", std::process::id()));
    let pair = key_pair(KeySource::File(path.clone()));
    let missing = pair.bearer(at(1)).unwrap_err();
    let expected = KeyError::Unreadable {
        kind: std::io::ErrorKind::NotFound,
    };
    assert_eq!(missing, LoginError::Key(expected));
    assert!(!missing.to_error().message.contains("snowflake-mcp-key"));
    std::fs::write(&path, PKCS8).unwrap();
    let repaired = pair.bearer(at(2)).map(|bearer| bearer.token_type);
    assert_eq!(repaired, Ok("KEYPAIR_JWT"));
    let hint = pair.login_hint(None);
    for part in [&fingerprint(), "TESTORG-TESTACCT.TESTUSER", "RSA_PUBLIC_KEY_2_FP"] {
        assert!(hint.contains(part), "{hint}");
    }
    let other = "A".repeat(43) + "=";
    let both = pair.login_hint(Some(&other));
    assert!(both.contains(&fingerprint()) && both.contains(&other), "{both}");
    let same = pair.login_hint(Some(FINGERPRINT.trim()));
    assert!(same.contains("which Snowflake names too"), "{same}");
    // Also while another worker has just thrown the refused token away.
    assert!(pair.renew_after(&pair.bearer(at(3)).unwrap()));
    std::fs::remove_file(&path).unwrap();
    assert!(pair.login_hint(None).contains(&fingerprint()));
}

#[test]
fn a_key_pair_needs_its_user() {
    let authentication = Authentication::KeyPair {
        key: KeySource::Text(Secret::new(PKCS8)),
        passphrase: None,
    };
    for user in [None, Some(""), Some("  ")] {
        assert_eq!(
            credentials(authentication.clone(), user).err(),
            Some(ConfigError::UserMissing)
        );
    }
}

#[test]
fn a_fixed_token_is_sent_as_it_is_and_never_renewed() {
    let pat = Authentication::ProgrammaticAccessToken(Secret::new("pat-secret"));
    let fixed = credentials(pat, None).unwrap();
    let bearer = fixed.bearer(at(0)).unwrap();
    assert_eq!(bearer.token.reveal(), "pat-secret");
    assert_eq!(bearer.token_type, "PROGRAMMATIC_ACCESS_TOKEN");
    assert!(!fixed.renew_after(&bearer));
    assert!(!format!("{fixed:?} {bearer:?}").contains("pat-secret"));
    let oauth = Authentication::OAuth(Secret::new("o"));
    let fixed = credentials(oauth, None).unwrap();
    assert_eq!(fixed.bearer(at(0)).unwrap().token_type, "OAUTH");
}

#[test]
fn nothing_prints_a_key() {
    let key = SigningKey::parse(PKCS8, None).unwrap();
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", fingerprint()));
    let pair = key_pair(KeySource::Text(Secret::new(PKCS8)));
    let token = pair.bearer(at(0)).unwrap().token;
    let printed = format!("{pair:?}");
    assert!(!printed.contains(&PKCS8[60..120]) && !printed.contains(token.reveal()));
}
