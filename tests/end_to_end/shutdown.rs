//! Signals and exit codes.

use std::io::Read;

use super::process::Daemon;

#[test]
fn either_signal_ends_an_idle_server_with_0() {
    for signal in ["TERM", "INT"] {
        let daemon = Daemon::start(&[], &[]);
        daemon.signal(signal);
        assert_eq!(daemon.end().code(), Some(0), "{signal}");
    }
}

#[test]
fn an_idle_connection_is_closed_and_does_not_hold_the_end() {
    let daemon = Daemon::start(&[], &[]);
    let mut idle = daemon.connect();
    assert_eq!(daemon.ask("GET", "/health", "").status, 200);
    daemon.signal("TERM");
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).expect("closed in order"), 0);
    assert_eq!(daemon.end().code(), Some(0));
}

#[test]
fn readiness_is_503_while_the_delay_lasts() {
    let daemon = Daemon::start(&["--drain-delay", "30"], &[]);
    assert_eq!(daemon.ask("GET", "/health/ready", "").status, 200);
    daemon.signal("TERM");
    daemon.wait_for("readiness is 503");
    assert_eq!(daemon.ask("GET", "/health/ready", "").status, 503);
    assert_eq!(daemon.ask("GET", "/health/live", "").status, 200);
    daemon.signal("TERM");
    assert_eq!(
        daemon.end().code(),
        Some(0),
        "the second signal ends at once; no call was cut off"
    );
}

#[test]
fn a_websocket_is_closed_with_1001() {
    use tungstenite::protocol::frame::coding::CloseCode;

    let daemon = Daemon::start(&[], &[]);
    let url = format!("ws://{}/mcp", daemon.address);
    let (mut socket, _) = tungstenite::client(url, daemon.connect()).expect("the upgrade is accepted");
    daemon.signal("TERM");
    let closed = loop {
        match socket.read() {
            Ok(tungstenite::Message::Close(frame)) => break frame,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(closed.map(|frame| frame.code), Some(CloseCode::Away));
    // The answer to the close frame goes out with the next read.
    while socket.read().is_ok() {}
    assert_eq!(daemon.end().code(), Some(0));
}
