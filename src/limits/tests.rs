use super::*;

#[test]
fn the_defaults_hold_together() {
    assert_eq!(Limits::default().check(), Ok(()));
}

#[test]
fn the_most_memory_is_what_the_readme_says() {
    let mebibytes = |limits: &Limits| limits.memory_bytes_max().div_ceil(1 << 20);
    // 64 for requests, 64 for replies, 8 for what is kept of the account, 1 for the statements that are remembered, 257 for 16,448 connections, 8 for calls, 128 for workers, 3 for roles, 5 for tokens that were checked, 16 for the program.
    assert_eq!(mebibytes(&Limits::default()), 554);
    let small = Limits {
        connections_max: 192,
        bytes_buffered_max: 16 << 20,
        replies_bytes_max: 16 << 20,
        workers: 2,
        ..Limits::default()
    };
    assert_eq!(mebibytes(&small), 109);
    // 80 KiB more of each of 256 connections; 9 KiB of each of 512 logins.
    let more = Limits {
        tls_bytes_each: TLS_CONNECTION_BYTES_MAX,
        logins_max: LOGINS_MAX,
        ..small
    };
    assert_eq!(mebibytes(&more), 134);
}

#[test]
fn four_of_the_largest_must_fit_into_the_sum_that_bounds_them() {
    let limits = Limits {
        bytes_buffered_max: 15 << 20,
        ..Limits::default()
    };
    assert_eq!(
        limits.check(),
        Err(
            "four times body_bytes_max is 16777216, more than bytes_buffered_max, which is 15728640"
                .to_owned()
        )
    );
    let limits = Limits {
        replies_bytes_max: 15 << 20,
        ..Limits::default()
    };
    assert!(
        limits
            .check()
            .unwrap_err()
            .starts_with("four times result_bytes_max")
    );
}

#[test]
fn a_violated_relation_names_both_limits() {
    let limits = Limits {
        target_bytes_max: 40_000,
        ..Limits::default()
    };
    assert_eq!(
        limits.check(),
        Err("target_bytes_max is 40000, more than head_bytes_max, which is 32768".to_owned())
    );
    let limits = Limits {
        workers: 0,
        ..Limits::default()
    };
    assert_eq!(
        limits.check(),
        Err("workers is 0, at least 1 is needed".to_owned())
    );
}
