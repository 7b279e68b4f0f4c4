//! How settings become a way to sign in, or the sentence that says why not.

use super::*;
use crate::config::source::Sources;

fn sources(environment: &[(&str, &str)], file: &[(&str, &str)]) -> Sources {
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    Sources::new([], pairs(environment), pairs(file))
}

fn read(environment: &[(&str, &str)]) -> Result<Settings, String> {
    super::read(&sources(environment, &[]).place(None)).expect("the values are readable")
}

fn refusal(environment: &[(&str, &str)]) -> String {
    match super::read(&sources(environment, &[]).place(None)) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("expected a refusal, got {read:?}"),
    }
}

fn sentence(environment: &[(&str, &str)]) -> String {
    read(environment).expect_err("it must be incomplete")
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----";

#[test]
fn four_variables_and_a_key_file_suffice() {
    let snowflake = read(&[
        ("SNOWFLAKE_ACCOUNT", "myorg-prod"),
        ("SNOWFLAKE_USER", "ann"),
        ("SNOWFLAKE_PRIVATE_KEY_PATH", "/keys/ann.p8"),
        ("SNOWFLAKE_WAREHOUSE", "WH"),
    ])
    .expect("complete");
    assert_eq!(snowflake.account.as_deref(), Some("myorg-prod"));
    assert_eq!(snowflake.context.warehouse.as_deref(), Some("WH"));
    assert_eq!(
        (snowflake.host, snowflake.port, snowflake.protocol),
        (None, None, Protocol::Https)
    );
    let Authentication::KeyPair {
        key: KeySource::File(path),
        passphrase: None,
    } = snowflake.authentication
    else {
        panic!("{:?}", snowflake.authentication);
    };
    assert_eq!(
        (snowflake.user.as_deref(), path),
        (Some("ann"), PathBuf::from("/keys/ann.p8"))
    );
}

#[test]
fn a_region_of_its_own_is_put_behind_an_account_without_one() {
    let account = |account: &str, region: &str| {
        let token = ("SNOWFLAKE_TOKEN", "t");
        let place = [("SNOWFLAKE_ACCOUNT", account), ("SNOWFLAKE_REGION", region)];
        read(&[token, place[0], place[1]]).expect("complete").account
    };
    let expected = Some("xy12345.eu-central-1".to_owned());
    assert_eq!(account("xy12345", "eu-central-1"), expected);
    assert_eq!(account("xy12345.eu-central-1", "us-east-1"), expected);
    for none in ["", "us-west-2"] {
        assert_eq!(account("xy12345", none), Some("xy12345".to_owned()));
    }
}

#[test]
fn a_file_below_the_home_directory_may_be_named_by_a_tilde() {
    let file = |setting: &str, path: &str| {
        let common = [("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_USER", "ann")];
        let sources = sources(&[common[0], common[1], (setting, path)], &[]);
        let sources = sources.with_home(std::path::Path::new("/h/ann"));
        let settings = super::read(&sources.place(None))
            .expect("readable")
            .expect("complete");
        match settings.authentication {
            Authentication::KeyPair {
                key: KeySource::File(path),
                ..
            }
            | Authentication::TokenFile { path, .. } => path,
            other => panic!("{other:?}"),
        }
    };
    for setting in ["SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_TOKEN_FILE_PATH"] {
        assert_eq!(file(setting, "~/k.p8"), PathBuf::from("/h/ann/k.p8"));
        for other in ["/etc/~/k.p8", "~bob/k.p8", "k.p8"] {
            assert_eq!(file(setting, other), PathBuf::from(other));
        }
    }
}

#[test]
fn tokens_are_told_apart() {
    let kind = |pairs: &[(&str, &str)]| {
        let mut all = vec![("SNOWFLAKE_ACCOUNT", "a")];
        all.extend_from_slice(pairs);
        match read(&all).map(|snowflake| snowflake.authentication) {
            Ok(Authentication::ProgrammaticAccessToken(token)) => {
                (TokenKind::ProgrammaticAccess, token.reveal().to_owned())
            }
            Ok(Authentication::OAuth(token)) => (TokenKind::OAuth, token.reveal().to_owned()),
            other => panic!("{other:?}"),
        }
    };
    let access = |token: &str| (TokenKind::ProgrammaticAccess, token.to_owned());
    let authenticator = "SNOWFLAKE_AUTHENTICATOR";
    assert_eq!(kind(&[("SNOWFLAKE_TOKEN", "t")]), access("t"));
    assert_eq!(kind(&[("SNOWFLAKE_PAT", "t")]), access("t"));
    assert_eq!(
        kind(&[("SNOWFLAKE_PASSWORD", "eyJh.eyJi.c")]),
        access("eyJh.eyJi.c")
    );
    assert_eq!(
        kind(&[
            (authenticator, "programmatic_access_token"),
            ("SNOWFLAKE_PASSWORD", "t")
        ]),
        access("t")
    );
    assert_eq!(
        kind(&[
            (authenticator, "snowflake"),
            ("SNOWFLAKE_PASSWORD", "eyJh.eyJi.c")
        ]),
        access("eyJh.eyJi.c")
    );
    let oauth = |token: &str| (TokenKind::OAuth, token.to_owned());
    assert_eq!(
        kind(&[(authenticator, "oauth"), ("SNOWFLAKE_TOKEN", "t")]),
        oauth("t")
    );
    assert_eq!(
        kind(&[("SNOWFLAKE_TOKEN", "ver:1-hint:2-t")]),
        oauth("ver:1-hint:2-t")
    );
}

#[test]
fn a_key_goes_before_a_token_unless_the_authenticator_says_otherwise() {
    let both = [
        ("SNOWFLAKE_ACCOUNT", "a"),
        ("SNOWFLAKE_USER", "u"),
        ("SNOWFLAKE_PRIVATE_KEY", KEY),
        ("SNOWFLAKE_TOKEN", "t"),
    ];
    assert!(matches!(
        read(&both).expect("complete").authentication,
        Authentication::KeyPair { .. }
    ));
    let mut told = both.to_vec();
    told.push(("SNOWFLAKE_AUTHENTICATOR", "PROGRAMMATIC_ACCESS_TOKEN"));
    assert!(matches!(
        read(&told).expect("complete").authentication,
        Authentication::ProgrammaticAccessToken(_)
    ));
}

#[test]
fn what_is_missing_is_named() {
    let nothing = sentence(&[]);
    assert!(
        nothing.contains("SNOWFLAKE_TOKEN") && nothing.contains("--demo"),
        "{nothing}"
    );
    let key_only = sentence(&[("SNOWFLAKE_PRIVATE_KEY_PATH", "k")]);
    assert_eq!(
        key_only,
        "SNOWFLAKE_ACCOUNT and SNOWFLAKE_USER must be set by the operator to sign in with a key pair"
    );
    let jwt_only = sentence(&[
        ("SNOWFLAKE_ACCOUNT", "a"),
        ("SNOWFLAKE_AUTHENTICATOR", "snowflake_jwt"),
    ]);
    assert!(
        jwt_only.starts_with("SNOWFLAKE_USER and SNOWFLAKE_PRIVATE_KEY_PATH must be set"),
        "{jwt_only}"
    );
    let no_account = sentence(&[("SNOWFLAKE_TOKEN", "t")]);
    assert!(
        no_account.starts_with("SNOWFLAKE_ACCOUNT is not set"),
        "{no_account}"
    );
}

#[test]
fn a_password_or_a_browser_gets_the_way_to_a_token_and_is_not_quoted() {
    for pairs in [
        &[("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_PASSWORD", "hunter2")][..],
        &[
            ("SNOWFLAKE_ACCOUNT", "a"),
            ("SNOWFLAKE_AUTHENTICATOR", "externalbrowser"),
        ],
        &[
            ("SNOWFLAKE_ACCOUNT", "a"),
            ("SNOWFLAKE_AUTHENTICATOR", "https://x.okta.com"),
        ],
        &[
            ("SNOWFLAKE_ACCOUNT", "a"),
            ("SNOWFLAKE_AUTH_TYPE", "external_browser"),
        ],
    ] {
        let sentence = sentence(pairs);
        assert!(sentence.contains("ADD PROGRAMMATIC ACCESS TOKEN"), "{sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}

#[test]
fn two_keys_are_one_too_many() {
    let sentence = sentence(&[
        ("SNOWFLAKE_ACCOUNT", "a"),
        ("SNOWFLAKE_USER", "u"),
        ("SNOWFLAKE_PRIVATE_KEY", KEY),
        ("SNOWFLAKE_PRIVATE_KEY_FILE", "k"),
    ]);
    assert!(
        sentence.starts_with("SNOWFLAKE_PRIVATE_KEY and SNOWFLAKE_PRIVATE_KEY_FILE are both set"),
        "{sentence}"
    );
}

#[test]
fn a_test_server_on_loopback_needs_no_account_with_a_token() {
    let pairs = [
        ("SNOWFLAKE_HOST", "127.0.0.1"),
        ("SNOWFLAKE_PORT", "4711"),
        ("SNOWFLAKE_PROTOCOL", "http"),
        ("SNOWFLAKE_TOKEN", "t"),
    ];
    let snowflake = read(&pairs).expect("complete");
    assert_eq!(
        (snowflake.account, snowflake.port, snowflake.protocol),
        (None, Some(4711), Protocol::Http)
    );
}

#[test]
fn a_file_in_the_working_directory_cannot_redirect_a_credential_of_the_environment() {
    let file = [("SNOWFLAKE_HOST", "collector.example.com")];
    let environment = [("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_TOKEN", "t")];
    let read_both = |environment: &[_], file: &[_]| {
        super::read(&sources(environment, file).place(None)).expect("readable")
    };
    let sentence = read_both(&environment, &file).expect_err("redirected");
    assert!(sentence.contains("comes from .env"), "{sentence}");
    let all_in_file = [file[0], environment[0], environment[1]];
    assert!(read_both(&[], &all_in_file).is_ok());
    for harmless in [
        "a.privatelink.Snowflakecomputing.com",
        "localhost",
        "127.0.0.1",
        "[::1]",
    ] {
        assert!(
            read_both(&environment, &[("SNOWFLAKE_HOST", harmless)]).is_ok(),
            "{harmless}"
        );
    }
    for odd in [
        "snowflakecomputing.com.example.com",
        "xsnowflakecomputing.com",
        "localhost.example.com",
        // These end as Snowflake's hosts do, and name another.
        "collector.example.com/.snowflakecomputing.com",
        "https://collector.example.com/a.snowflakecomputing.com",
        "collector.example.com?a.snowflakecomputing.com",
        "a@collector.example.com#.snowflakecomputing.com",
    ] {
        assert!(
            read_both(&environment, &[("SNOWFLAKE_HOST", odd)]).is_err(),
            "{odd}"
        );
    }
}

#[test]
fn what_cannot_work_whatever_snowflake_says_is_told_before_it_is_asked() {
    let token = ("SNOWFLAKE_TOKEN", "t");
    let plain = [("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_PROTOCOL", "http"), token];
    assert!(sentence(&plain).contains("towards this machine only"));
    assert!(sentence(&[("SNOWFLAKE_ACCOUNT", "a b"), token]).contains("SNOWFLAKE_ACCOUNT"));
    let broken = [("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_TOKEN", "two words")];
    let sentence = sentence(&broken);
    assert!(sentence.contains("SNOWFLAKE_TOKEN"), "{sentence}");
    assert!(!sentence.contains("two words"), "{sentence}");
}

#[test]
fn values_that_cannot_be_meant_refuse_to_start() {
    assert_eq!(
        refusal(&[("SNOWFLAKE_PORT", "abc")]),
        "SNOWFLAKE_PORT=abc (environment): expected a number from 1 to 65535"
    );
    let text = refusal(&[("SNOWFLAKE_AUTHENTICATOR", "magic")]);
    assert!(
        text.contains("expected one of SNOWFLAKE_JWT, PROGRAMMATIC_ACCESS_TOKEN, OAUTH"),
        "{text}"
    );
}

#[test]
fn nothing_that_is_printed_shows_a_secret() {
    let snowflake = read(&[
        ("SNOWFLAKE_ACCOUNT", "a"),
        ("SNOWFLAKE_USER", "u"),
        ("SNOWFLAKE_PRIVATE_KEY", KEY),
        ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "hunter2"),
    ])
    .expect("complete");
    let shown = format!("{snowflake:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("AAAA"), "{shown}");
}

#[test]
fn a_token_may_come_from_a_file_a_provider_or_a_workload() {
    let account = ("SNOWFLAKE_ACCOUNT", "a");
    let authenticator = |name| ("SNOWFLAKE_AUTHENTICATOR", name);
    let file = ("SNOWFLAKE_TOKEN_FILE_PATH", "/run/token");
    let chosen = |pairs: &[(&str, &str)]| read(pairs).map(|settings| settings.authentication);
    for (pairs, expected) in [
        (&[account, file][..], TokenKind::OAuth),
        (
            &[account, file, authenticator("programmatic_access_token")],
            TokenKind::ProgrammaticAccess,
        ),
        (
            &[account, file, authenticator("workload_identity")],
            TokenKind::WorkloadIdentity,
        ),
    ] {
        let Ok(Authentication::TokenFile { path, kind }) = chosen(pairs) else {
            panic!("{pairs:?}")
        };
        assert_eq!((path, kind), (PathBuf::from("/run/token"), expected));
    }
    let client = [
        account,
        ("SNOWFLAKE_OAUTH_CLIENT_ID", "id"),
        ("SNOWFLAKE_OAUTH_CLIENT_SECRET", "hunter2"),
        ("SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL", "https://idp.example/token"),
        ("SNOWFLAKE_OAUTH_SCOPE", "session:role:R"),
    ];
    let Ok(Authentication::ClientCredentials(granted)) = chosen(&client) else {
        panic!("it has all that it needs")
    };
    assert_eq!(granted.scope.as_deref(), Some("session:role:R"));
    assert!(!format!("{granted:?}").contains("hunter2"));
    let missing = sentence(&[account, client[1], authenticator("oauth_client_credentials")]);
    assert!(
        missing
            .starts_with("SNOWFLAKE_OAUTH_CLIENT_SECRET and SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL must be set"),
        "{missing}"
    );
    let plain = [
        client[0],
        client[1],
        client[2],
        (client[3].0, "http://idp.example/token"),
    ];
    assert!(sentence(&plain).contains("expected https://HOST/PATH"));
    let azure = [
        account,
        file,
        authenticator("WORKLOAD_IDENTITY"),
        ("SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER", "AZURE"),
    ];
    assert!(sentence(&azure).contains("set it to OIDC"));
}

#[test]
fn a_file_in_the_working_directory_cannot_send_a_secret_elsewhere_by_other_ways_either() {
    let refused = |environment: &[_], file: &[_]| {
        super::read(&sources(environment, file).place(None))
            .expect("readable")
            .is_err_and(|sentence| sentence.contains("comes from .env"))
    };
    let evil = ("SNOWFLAKE_HOST", "collector.example.com");
    let account = ("SNOWFLAKE_ACCOUNT", "a");
    // It may name a file, but what is in it is not its own.
    assert!(refused(
        &[],
        &[account, evil, ("SNOWFLAKE_TOKEN_FILE_PATH", "/run/token")]
    ));
    let key = [
        account,
        evil,
        ("SNOWFLAKE_USER", "u"),
        ("SNOWFLAKE_PRIVATE_KEY_PATH", "k"),
    ];
    assert!(refused(&[], &key));
    let client = [
        account,
        ("SNOWFLAKE_OAUTH_CLIENT_ID", "id"),
        ("SNOWFLAKE_OAUTH_CLIENT_SECRET", "s"),
    ];
    let url = (
        "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL",
        "https://collector.example.com/t",
    );
    assert!(refused(&client, &[url]));
    assert!(!refused(&[], &[client[0], client[1], client[2], url]));
    let token = [account, ("SNOWFLAKE_TOKEN", "t")];
    assert!(refused(&token, &[("SNOWFLAKE_MCP_CA_FILE", "evil.pem")]));
    assert!(
        !refused(&token, &[("HTTPS_PROXY", "http://proxy.example")]),
        "TLS goes through it"
    );
}

#[test]
fn the_way_there_is_taken_from_the_variables_that_everybody_knows() {
    let settings = read(&[
        ("SNOWFLAKE_ACCOUNT", "a"),
        ("SNOWFLAKE_TOKEN", "t"),
        ("https_proxy", "http://u:hunter2@proxy.example:3128"),
        ("NO_PROXY", "localhost, .inside.example"),
        ("SNOWFLAKE_MCP_CA_FILE", "/etc/ca.pem"),
    ])
    .expect("complete");
    assert!(settings.network.proxy.is_some());
    assert_eq!(settings.network.without_proxy, ["localhost", ".inside.example"]);
    assert_eq!(settings.network.authorities, Some(PathBuf::from("/etc/ca.pem")));
    assert!(!format!("{settings:?}").contains("hunter2"));
}
