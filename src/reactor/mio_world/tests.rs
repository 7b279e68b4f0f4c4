//! The machine's world over loopback, on ports that the machine chooses. Everything waits with a deadline.

mod guarded;

use super::*;
use crate::backend::job::{Context, Reached, Render, Rendered, Work};
use crate::backend::rows::Bounds;
use crate::backend::{CancelToken, Outcome, ResultSet, Step};
use crate::entropy::SeededEntropy;
use crate::mcp::{Keys, Service};
use crate::reactor::{Driver, bind};
use crate::server::{self, Introduction, Server};
use crate::sql::guard::Policy;
use crate::tools;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream as Client};
use std::thread;

const DEADLINE: Duration = Duration::from_secs(20);

struct Immediately;

impl Backend for Immediately {
    fn step(&self, job: Job, _cancel: &CancelToken) -> Step {
        let result = ResultSet::new(Vec::new(), job.work.bounds);
        Step::Done(Box::new(job), Ok(vec![result]))
    }
}

fn job(id: u64) -> Box<Job> {
    Box::new(Job {
        id: JobId(id),
        work: Box::new(Work {
            operation: crate::backend::job::Operation::Run,
            unchecked: None,
            asked: Default::default(),
            optional: 0,
            statements: Vec::new(),
            context: Context::default(),
            bounds: Bounds {
                rows_max: 1,
                bytes_max: 1,
            },
            timeout: DEADLINE,
            query_tag: None,
            share: None,
            patience: None,
            follow: None,
            render: Render::new(|_| Rendered {
                result: b"{}".to_vec(),
                rows: 0,
                truncated: false,
                query_id: None,
                kept: None,
            }),
        }),
        reached: Reached::default(),
        admitted: Instant::ZERO,
        request_id: crate::ident::Uuid::from_random([7; 16]),
    })
}

fn loopback() -> Vec<SocketAddr> {
    vec![
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
    ]
}

fn world() -> MioWorld {
    let listeners = bind(&loopback()).unwrap();
    MioWorld::new(
        listeners,
        Arc::new(Immediately),
        &Limits::default(),
        SystemClock::new(),
    )
    .unwrap()
}

/// Waits until `is_wanted` has found something in what happens, or the deadline has passed.
fn until<T>(world: &mut MioWorld, mut is_wanted: impl FnMut(&mut MioWorld, &[Event]) -> Option<T>) -> T {
    let deadline = world.now().monotonic + DEADLINE;
    loop {
        let mut events = Vec::new();
        world.wait(Some(deadline), &mut events).unwrap();
        if let Some(found) = is_wanted(world, &events) {
            return found;
        }
        assert!(world.now().monotonic < deadline, "it did not happen in time");
    }
}

fn connect(world: &mut MioWorld, address: SocketAddr) -> (SocketKey, Client) {
    let client = Client::connect(address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.set_write_timeout(Some(DEADLINE)).unwrap();
    let key = until(world, |world, events| {
        let is_told = events.contains(&Event::Acceptable);
        is_told.then(|| world.accept().unwrap().0)
    });
    (key, client)
}

fn first_address(world: &MioWorld) -> SocketAddr {
    world.local_addresses().unwrap()[0]
}

fn has(events: &[Event], key: SocketKey, is_wanted: impl Fn(bool, bool, bool) -> bool) -> bool {
    events.iter().any(|event| match *event {
        Event::Socket {
            socket,
            readable,
            writable,
            broken,
        } => socket == key && is_wanted(readable, writable, broken),
        _ => false,
    })
}

/// Reads like the driver: until it would block.
fn read_all(world: &mut MioWorld, key: SocketKey) -> (Vec<u8>, Option<io::Result<()>>) {
    let (mut bytes, mut room) = (Vec::new(), [0; 7]);
    loop {
        match world.read(key, &mut room) {
            Ok(0) => return (bytes, Some(Ok(()))),
            Ok(count) => bytes.extend_from_slice(&room[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (bytes, None),
            Err(error) => return (bytes, Some(Err(error))),
        }
    }
}

#[test]
fn both_loopback_families_listen_on_one_port() {
    let world = world();
    let addresses = world.local_addresses().unwrap();
    assert!(
        addresses
            .iter()
            .all(|address| address.port() == addresses[0].port())
    );
    assert_ne!(addresses[0].port(), 0);
    // A machine without IPv6 has only the first.
    assert!(addresses[0].is_ipv4() && addresses.len() <= 2);
}

#[test]
fn a_port_that_is_taken_is_told_with_the_address() {
    let taken = bind(&loopback()[..1]).unwrap();
    let address = taken[0].local_addr().unwrap();
    let error = bind(&[address]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on {address}: ")),
        "{error}"
    );
}

#[test]
fn bytes_go_both_ways_and_the_end_is_read() {
    let mut world = world();
    for address in world.local_addresses().unwrap() {
        let (key, mut client) = connect(&mut world, address);
        client.write_all(b"hello, reactor").unwrap();
        let mut heard = Vec::new();
        until(&mut world, |world, events| {
            if has(events, key, |readable, _, _| readable) {
                heard.extend(read_all(world, key).0);
            }
            (heard == b"hello, reactor").then_some(())
        });
        let pieces = [
            IoSlice::new(b"hello, "),
            IoSlice::new(b""),
            IoSlice::new(b"client"),
        ];
        assert_eq!(world.write(key, &pieces).unwrap(), 13);
        world.shutdown_write(key).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello, client");
        drop(client);
        until(&mut world, |world, events| {
            let is_told = has(events, key, |readable, _, _| readable);
            is_told.then(|| assert!(matches!(read_all(world, key).1, Some(Ok(())))))
        });
        world.close(key);
    }
}

/// When a peer that sends a few bytes ends its side.
#[derive(Debug, Clone, Copy, PartialEq)]
enum EndComes {
    BeforeTheAccept,
    BetweenEventAndRead,
    AfterTheRead,
}

#[test]
fn an_end_is_told_whenever_it_comes_although_short_reads_are_believed() {
    for when in [
        EndComes::BeforeTheAccept,
        EndComes::BetweenEventAndRead,
        EndComes::AfterTheRead,
    ] {
        let mut world = world();
        let mut client = Client::connect(first_address(&world)).unwrap();
        client.write_all(b"bytes").unwrap();
        if when == EndComes::BeforeTheAccept {
            client.shutdown(Shutdown::Write).unwrap();
        }
        let key = until(&mut world, |world, _| world.accept().ok()).0;
        if when == EndComes::BetweenEventAndRead {
            until(&mut world, |_, events| {
                has(events, key, |readable, _, _| readable).then_some(())
            });
            client.shutdown(Shutdown::Write).unwrap();
        }
        let (mut bytes, mut end) = read_all(&mut world, key);
        if when == EndComes::AfterTheRead {
            client.shutdown(Shutdown::Write).unwrap();
        }
        if end.is_none() {
            end = until(&mut world, |world, events| {
                let is_told = has(events, key, |readable, _, _| readable);
                let (more, end) = is_told.then(|| read_all(world, key))?;
                bytes.extend(more);
                end
            })
            .into();
        }
        assert!(matches!(end, Some(Ok(()))), "{when:?}: {end:?}");
        assert_eq!(bytes, b"bytes", "{when:?}");
    }
}

#[test]
fn after_a_short_read_the_machine_is_only_asked_again_once_something_is_told() {
    if !DRAINS_BY_SHORT_READ {
        return;
    }
    let mut world = world();
    let address = first_address(&world);
    let (key, mut client) = connect(&mut world, address);
    for part in [&b"one"[..], b"another"] {
        client.write_all(part).unwrap();
        until(&mut world, |_, events| {
            has(events, key, |readable, _, _| readable).then_some(())
        });
        assert!(!world.stream(key).unwrap().is_drained);
        let mut room = [0; 64];
        assert_eq!(world.read(key, &mut room).unwrap(), part.len());
        assert!(world.stream(key).unwrap().is_drained);
        assert!(Transport::is_drained(&world, key));
        let again = world.read(key, &mut room).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn an_accepted_connection_sends_what_it_has_at_once() {
    let mut world = world();
    let address = first_address(&world);
    let (key, _client) = connect(&mut world, address);
    assert!(world.stream(key).unwrap().socket.nodelay().unwrap());
}

#[test]
fn writing_resumes_on_the_edge_after_would_block_without_a_new_registration() {
    let mut world = world();
    let address = first_address(&world);
    let (key, mut client) = connect(&mut world, address);
    let reader = thread::Builder::new();
    let chunk = vec![7; 1 << 20];
    let mut written = 0;
    let write_all = |world: &mut MioWorld, written: &mut usize| loop {
        match world.write(key, &[IoSlice::new(&chunk)]) {
            Ok(count) => *written += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return;
            }
        }
        if *written > 64 << 20 {
            return;
        }
    };
    write_all(&mut world, &mut written);
    assert!(written > 0, "the socket took something before it was full");
    let before = written;
    let drained = reader
        .spawn(move || {
            let mut room = vec![0; before];
            client.read_exact(&mut room).unwrap();
            client
        })
        .unwrap();
    until(&mut world, |world, events| {
        if has(events, key, |_, writable, _| writable) {
            write_all(world, &mut written);
        }
        (written > before).then_some(())
    });
    drop(drained.join().unwrap());
}

#[test]
fn a_reset_is_told_as_broken() {
    let mut world = world();
    let address = first_address(&world);
    let (key, client) = connect(&mut world, address);
    // Closing with unread bytes resets.
    assert_eq!(world.write(key, &[IoSlice::new(b"unread")]).unwrap(), 6);
    client.peek(&mut [0]).unwrap();
    drop(client);
    until(&mut world, |_, events| {
        has(events, key, |readable, _, broken| readable && broken).then_some(())
    });
    assert!(matches!(read_all(&mut world, key).1, Some(Err(_))));
}

#[test]
fn a_slot_that_is_used_again_has_another_key() {
    let mut world = world();
    let address = first_address(&world);
    let (first, _client) = connect(&mut world, address);
    world.close(first);
    let (second, _client) = connect(&mut world, address);
    assert_eq!(first.index, second.index);
    assert_ne!(first.generation, second.generation);
    assert_eq!(
        world.read(first, &mut [0]).unwrap_err().kind(),
        ErrorKind::NotConnected
    );
    world.close(first);
    assert_eq!(
        world.read(second, &mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn nagle_is_off_on_accepted_sockets() {
    let mut world = world();
    let address = first_address(&world);
    let (key, _client) = connect(&mut world, address);
    assert!(world.stream(key).unwrap().socket.nodelay().unwrap());
}

#[test]
fn after_stop_accepting_peers_are_refused() {
    let mut world = world();
    let address = first_address(&world);
    world.stop_accepting();
    assert!(matches!(world.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock));
    assert_eq!(
        Client::connect(address).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn completions_wake_the_reactor() {
    let mut world = world();
    for id in 1..=100 {
        world.submit(job(id));
        let completion = until(&mut world, |world, _| world.completion());
        assert_eq!(completion.job, JobId(id));
        assert!(matches!(completion.outcome, Outcome::Done(Ok(_))));
    }
}

#[test]
fn every_shutdown_is_told_once_even_when_they_share_a_wake_up() {
    let mut world = world();
    let handle = world.shutdown_handle();
    let other = handle.clone();
    handle.shut_down();
    thread::Builder::new()
        .spawn(move || other.shut_down())
        .unwrap()
        .join()
        .unwrap();
    let mut told = 0;
    until(&mut world, |_, events| {
        told += events.iter().filter(|event| **event == Event::Shutdown).count();
        (told >= 2).then_some(())
    });
    let mut events = Vec::new();
    world.wait(Some(Instant::ZERO), &mut events).unwrap();
    assert_eq!((told, events.len()), (2, 0));
}

#[test]
fn a_deadline_that_has_passed_does_not_sleep() {
    let mut world = world();
    let mut events = Vec::new();
    world.wait(Some(Instant::ZERO), &mut events).unwrap();
    let soon = world.now().monotonic + Duration::from_millis(1);
    world.wait(Some(soon), &mut events).unwrap();
    assert!(world.now().monotonic >= soon);
}

fn server(limits: &Limits) -> Server {
    let settings = server::Settings {
        limits: limits.clone(),
        ..server::Settings::default()
    };
    let tools = tools::Settings::new(limits, Policy::default());
    let service = Service::new(limits, tools, Keys::random(&mut SeededEntropy::new(1)));
    Server::new(settings, service, Box::new(SeededEntropy::new(1)))
}

fn ask(client: &mut Client, message: &str) -> String {
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         Content-Length: {}\r\n\r\n{message}",
        message.len()
    );
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    while !is_whole(&answer) {
        let mut room = [0; 1_000];
        let count = client.read(&mut room).unwrap();
        assert!(count > 0, "the connection ended: {answer:?}");
        answer.push_str(std::str::from_utf8(&room[..count]).unwrap());
    }
    answer
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() == length.unwrap().parse::<usize>().unwrap()
}

#[test]
fn the_whole_reactor_answers_calls_and_ends_when_it_is_told_to() {
    let limits = Limits::default();
    let world = world();
    let (addresses, shutdown) = (world.local_addresses().unwrap(), world.shutdown_handle());
    let server = server(&limits);
    let reactor = thread::Builder::new()
        .spawn(move || Driver::new(world, server, &limits).run())
        .unwrap();
    let _idle = Client::connect(addresses[0]).unwrap();
    for address in addresses {
        let mut client = Client::connect(address).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        for id in 0..50 {
            let pong = ask(
                &mut client,
                &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#),
            );
            assert!(pong.contains(&format!(r#""id":{id},"result":{{}}"#)), "{pong}");
            let call = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"select 1"}}}}}}"#
            );
            let answer = ask(&mut client, &call);
            assert!(answer.contains(r#""isError":false"#), "{answer}");
        }
    }
    shutdown.shut_down();
    assert_eq!(reactor.join().unwrap().unwrap().calls_cut, 0);
}
