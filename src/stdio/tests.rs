//! The world of stdio over pipes in memory.

use super::*;
use crate::backend::{CancelToken, Step};
use crate::entropy::SeededEntropy;
use crate::mcp::{Keys, Service};
use crate::reactor::Driver;
use crate::server::{self, Exit, Server};
use crate::sql::guard::Policy;
use crate::tools;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, pipe};

const DEADLINE: Duration = Duration::from_secs(20);

struct Never;

impl Backend for Never {
    fn step(&self, job: Job, _cancel: &CancelToken) -> Step {
        Step::Done(Box::new(job), Ok(Vec::new()))
    }
}

fn world() -> (StdioWorld<PipeWriter>, PipeWriter, PipeReader) {
    let (input, to_input) = pipe().unwrap();
    let (from_output, output) = pipe().unwrap();
    let world = StdioWorld::new(
        input,
        output,
        Arc::new(Never),
        &Limits::default(),
        SystemClock::new(),
    )
    .unwrap();
    (world, to_input, from_output)
}

fn wait<O: Write>(world: &mut StdioWorld<O>) -> Vec<Event> {
    let mut events = Vec::new();
    let deadline = world.now().monotonic + DEADLINE;
    world.wait(Some(deadline), &mut events).unwrap();
    events
}

fn read_to_end<O: Write>(world: &mut StdioWorld<O>) -> Vec<u8> {
    let (mut bytes, mut room) = (Vec::new(), [0; 1_000]);
    loop {
        match world.read(SOCKET, &mut room) {
            Ok(0) => return bytes,
            Ok(count) => bytes.extend_from_slice(&room[..count]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert!(!wait(world).is_empty(), "it came to an end in time");
            }
        }
    }
}

#[test]
fn there_is_exactly_one_peer() {
    let (mut world, _input, _output) = world();
    assert!(matches!(world.accept(), Ok((SOCKET, Peer::Stdio))));
    assert!(matches!(world.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock));
}

#[test]
fn input_beyond_the_buffers_comes_through_in_order() {
    let (mut world, mut input, _output) = world();
    let sent: Vec<u8> = (0..CHUNK_BYTES * 5 + 13).map(|byte| (byte % 251) as u8).collect();
    let expected = sent.clone();
    let writer = thread::Builder::new()
        .spawn(move || input.write_all(&sent))
        .unwrap();
    assert!(
        read_to_end(&mut world) == expected,
        "what comes out is what went in"
    );
    writer.join().unwrap().unwrap();
}

#[test]
fn the_reading_thread_stops_when_its_buffers_are_full() {
    let (mut world, mut input, _output) = world();
    let writer = thread::Builder::new()
        .spawn(move || input.write_all(&vec![1; CHUNK_BYTES * 10]))
        .unwrap();
    let mut held = 0;
    // Whoever does not read gets at most the two buffers, however long it waits.
    while held < CHUNKS_MAX {
        held += wait(&mut world).len();
    }
    assert_eq!(world.input.chunks.len(), CHUNKS_MAX);
    assert!(!writer.is_finished(), "the peer waits");
    assert_eq!(read_to_end(&mut world).len(), CHUNK_BYTES * 10);
    writer.join().unwrap().unwrap();
}

#[test]
fn output_is_written_whole_and_flushed() {
    let (mut world, _input, mut output) = world();
    let pieces = [IoSlice::new(b"{\"id\":1}"), IoSlice::new(b"\n")];
    assert_eq!(world.write(SOCKET, &pieces).unwrap(), 9);
    let mut line = [0; 9];
    output.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"{\"id\":1}\n");
}

#[test]
fn a_peer_that_closed_its_end_is_an_error_of_the_write() {
    let (mut world, _input, output) = world();
    drop(output);
    let error = world.write(SOCKET, &[IoSlice::new(b"lost")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_shutdown_is_told_once() {
    let (mut world, _input, _output) = world();
    world.shutdown_handle().shut_down();
    assert_eq!(wait(&mut world), [Event::Shutdown]);
    let mut events = Vec::new();
    world.wait(Some(Instant::ZERO), &mut events).unwrap();
    assert!(events.is_empty());
}

fn driver(world: StdioWorld<PipeWriter>) -> Driver<StdioWorld<PipeWriter>> {
    let limits = Limits::default();
    let tools = tools::Settings::new(&limits, Policy::default());
    let service = Service::new(&limits, tools, Keys::random(&mut SeededEntropy::new(1)));
    let entropy = Box::new(SeededEntropy::new(1));
    Driver::new(
        world,
        Server::new(server::Settings::default(), service, entropy),
        &limits,
    )
}

#[test]
fn calls_are_answered_and_the_end_of_input_ends_the_program_after_the_last_answer() {
    let (world, mut input, output) = world();
    input
        .write_all(
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\
              \"params\":{\"name\":\"execute_query\",\"arguments\":{\"query\":\"select 1\"}}}\n",
        )
        .unwrap();
    drop(input);
    assert_eq!(driver(world).run().unwrap(), Exit { calls_cut: 0 });
    let lines: Vec<String> = BufReader::new(output).lines().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert!(
        lines[1].starts_with(r#"{"jsonrpc":"2.0","id":2,"#),
        "{}",
        lines[1]
    );
}

#[test]
fn a_client_that_vanishes_ends_the_program() {
    let (world, mut input, output) = world();
    drop(output);
    input
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n")
        .unwrap();
    // The input stays open, as that of an orphan may: the broken output alone must do.
    assert_eq!(driver(world).run().unwrap(), Exit { calls_cut: 0 });
    drop(input);
}
