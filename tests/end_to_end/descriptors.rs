//! The limit of open files: taken up to what is allowed, and told where it is too low.

use super::process::Daemon;

fn told<'a>(daemon: &'a Daemon, part: &str) -> Option<&'a String> {
    daemon.first_lines.iter().find(|line| line.contains(part))
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let room = [("MCP_MAX_CONNECTIONS", "500")];
    let daemon = Daemon::start_after("ulimit -n 1000; ulimit -Sn 64", &room);
    let said = told(&daemon, "files may be open at once");
    assert!(
        said.is_some_and(|line| line.contains("up to 1000 files") && line.ends_with("raised from 64")),
        "{:?}",
        daemon.first_lines
    );
    assert_eq!(told(&daemon, "connections_max"), None, "500 connections fit");
    // More than the soft limit that it was started with.
    let open: Vec<_> = (0..150).map(|_| daemon.connect()).collect();
    assert_eq!(daemon.ask("GET", "/health", "").status, 200);
    drop(open);
}

#[test]
fn connections_that_do_not_fit_are_told_with_both_figures() {
    let daemon = Daemon::start_after("ulimit -n 200", &[("MCP_MAX_CONNECTIONS", "500")]);
    let said = told(&daemon, "connections_max").expect("a warning");
    assert!(
        said.contains("WARN") && said.contains("is 500") && said.contains("limit of 200 open files"),
        "{said}"
    );
    assert_eq!(daemon.ask("GET", "/health", "").status, 200);
}
