//! Stopped, continued and ended while there is load.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::attacker::post;
use super::victim::{Victim, connect, took, until};

/// For so long calls are waited for at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"select 1"}}}"#;

#[test]
fn what_was_asked_while_the_process_was_stopped_is_answered_when_it_goes_on() {
    const CLIENTS: usize = 100;
    let victim = Victim::start();
    let mut clients: Vec<_> = (0..CLIENTS / 2).map(|_| connect(victim.address)).collect();
    until(|| victim.figures().connections == CLIENTS / 2).expect("all are accepted");
    victim.signal(Signal::STOP);
    clients.extend((0..CLIENTS / 2).map(|_| connect(victim.address)));
    for client in &mut clients {
        client
            .write_all(post(CALL).as_bytes())
            .expect("its buffer has room");
    }
    victim.signal(Signal::CONT);
    for client in &mut clients {
        let mut answer = [0; 12];
        client.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    drop(clients);
    victim.calms_down(8 << 20);
}

/// One client in a closed loop until its connection ends: how many answers it got. Half an answer is a failure; none to
/// the last request is not, because the request may have crossed the close.
fn work(address: SocketAddr, has_begun: &AtomicBool) -> usize {
    let mut stream = connect(address);
    let mut answers = 0;
    loop {
        let mut text = Vec::new();
        if stream.write_all(post(CALL).as_bytes()).is_err() {
            return answers;
        }
        loop {
            let mut part = [0; 8192];
            match stream.read(&mut part) {
                Ok(0) if text.is_empty() => return answers,
                Err(error) if error.kind() == ErrorKind::ConnectionReset && text.is_empty() => {
                    return answers;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(count) if count > 0 => text.extend_from_slice(&part[..count]),
                ended => panic!("{ended:?} in the middle of {}", String::from_utf8_lossy(&text)),
            }
            if is_whole(&text) {
                break;
            }
        }
        answers += 1;
        has_begun.store(true, Ordering::Relaxed);
    }
}

fn is_whole(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).expect("text");
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.parse::<usize>().ok());
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.len() == length.expect("a length")
}

#[test]
fn an_end_under_load_leaves_no_half_answer_and_says_that_none_is_missing() {
    const CLIENTS: usize = 20;
    let victim = Victim::start();
    let has_begun = [const { AtomicBool::new(false) }; CLIENTS];
    let address = victim.address;
    let time = thread::scope(|scope| {
        let clients: Vec<_> = has_begun
            .iter()
            .map(|has_begun| scope.spawn(move || work(address, has_begun)))
            .collect();
        until(|| has_begun.iter().all(|has| has.load(Ordering::Relaxed))).expect("all are served");
        took(|| {
            victim.signal(Signal::TERM);
            for client in clients {
                assert!(client.join().expect("no half answer") > 0);
            }
        })
    });
    assert!(time < DRAIN_TIMEOUT, "{time:?}: somebody was waited for in vain");
    let (status, said) = victim.end();
    assert_eq!(status.code(), Some(0), "{said:?}");
}
