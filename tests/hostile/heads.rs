//! Requests that begin and do not go on.

use std::io::Write;
use std::net::TcpStream;

use super::attacker::{TEXT, announced, read_to_end, websocket};
use super::victim::{KEPT_EACH_BYTES, Victim, connect, until};

/// Opens `count` connections that say `part` each, and waits until the server has accepted them all. They come in lots:
/// who asks for health waits behind those that came before, and a storm is a test of its own.
fn open(victim: &Victim, count: usize, part: &[u8]) -> Vec<TcpStream> {
    const LOT: usize = 250;
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let mut stream = connect(victim.address);
        stream.write_all(part).expect("it reads");
        open.push(stream);
        if open.len() % LOT == 0 {
            until(|| victim.figures().connections >= open.len()).expect("all are accepted");
        }
    }
    open
}

#[test]
fn five_thousand_half_open_heads_cost_less_than_16_kib_each() {
    const COUNT: usize = 5_000;
    let mut victim = Victim::start_after("export MCP_HEAD_TIMEOUT=600");
    let part = format!(
        "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Half: {}",
        "x".repeat(3_000)
    );
    // The second attack is made of the memory that the first one left.
    for kept in [COUNT * KEPT_EACH_BYTES, 2 << 20] {
        let heads = victim.attacked(|| open(&victim, COUNT, part.as_bytes()));
        let each = victim.growth_bytes() / COUNT;
        assert!(each < 16 << 10, "{each} bytes each");
        drop(heads);
        victim.calms_down(kept);
        victim.is_used_to_it();
    }
}

#[test]
fn a_length_that_is_announced_takes_no_memory_before_its_bytes_come() {
    const COUNT: usize = 500;
    let victim = Victim::start_after("export MCP_BODY_TIMEOUT=600");
    let most = 4 << 20;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let counted = format!("{head}Content-Length: {most}\r\n\r\n{{");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{most:x}\r\n{{");
    let held = victim.attacked(|| {
        let mut held = open(&victim, COUNT, counted.as_bytes());
        held.extend(open(&victim, COUNT, chunked.as_bytes()));
        held.extend((0..COUNT).map(|_| {
            let mut socket = websocket(victim.address);
            socket.write_all(&announced(TEXT, most)).expect("it reads");
            socket.write_all(b"{").expect("it reads");
            socket
        }));
        held
    });
    let each = victim.growth_bytes() / held.len();
    assert!(each < 16 << 10, "{each} bytes each");
    let kept = held.len() * KEPT_EACH_BYTES;
    drop(held);
    victim.calms_down(kept);
}

#[test]
fn a_length_over_the_limit_is_refused_before_its_bytes_come() {
    let victim = Victim::start();
    victim.attacked(|| {
        for framing in [
            "Content-Length: 4194305\r\n\r\n",
            "Content-Length: 18446744073709551615\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n400001\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert_body_is_refused(&victim, framing);
        }
        for length in [4_194_305, i64::MAX as u64] {
            assert_message_is_refused(&victim, length);
        }
    });
    victim.calms_down(4 << 20);
}

fn assert_body_is_refused(victim: &Victim, framing: &str) {
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let mut stream = connect(victim.address);
    stream
        .write_all(format!("{head}{framing}").as_bytes())
        .expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    let answer = String::from_utf8(read_to_end(&mut stream)).expect("text");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{framing:?}: {answer}");
}

fn assert_message_is_refused(victim: &Victim, length: u64) {
    let mut socket = websocket(victim.address);
    socket.write_all(&announced(TEXT, length)).expect("it reads");
    socket.shutdown(std::net::Shutdown::Write).expect("it is open");
    let close = read_to_end(&mut socket);
    // A Close frame, its length, and 1009, "message too big".
    assert_eq!(
        (close[0], &close[2..4]),
        (0x88, &1009_u16.to_be_bytes()[..]),
        "{length}"
    );
}
