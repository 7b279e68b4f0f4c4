//! What a seed draws before anything happens: which faults exist at all, how tight the limits are, who comes.
//!
//! Swarm, not one mix. With every fault on in every run, faults heal each other: spurious readiness at 3 % a turn hides
//! the classic lost edge completely (0 of 200 seeds saw it, against 49 of 199 without spurious readiness).

use std::time::Duration;

use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::limits::Limits;

/// Which kinds of trouble exist in this run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    // The machine.
    /// Reads give fewer bytes than there are.
    pub(crate) short_reads: bool,
    /// Writes take fewer bytes than there is room for.
    pub(crate) short_writes: bool,
    /// Reads and writes are interrupted (EINTR).
    pub(crate) interrupted: bool,
    /// Events about sockets on which nothing happened.
    pub(crate) spurious_events: bool,
    /// Events about sockets that are closed.
    pub(crate) late_events: bool,
    /// No descriptor is left for a while.
    pub(crate) full_table: bool,
    /// Connections that are gone when they are accepted.
    pub(crate) aborted_accepts: bool,
    /// The process is stopped for seconds.
    pub(crate) stopped: bool,
    /// Turns take long, so that much comes at once.
    pub(crate) busy_machine: bool,
    /// Everybody comes at once.
    pub(crate) burst: bool,

    // The peers.
    /// Some take what is sent to them slowly.
    pub(crate) slow_readers: bool,
    /// Some take nothing.
    pub(crate) non_readers: bool,
    /// Some send without end and take nothing.
    pub(crate) flooders: bool,
    /// Some send byte by byte.
    pub(crate) slow_senders: bool,
    /// Some stop in the middle of a request.
    pub(crate) stallers: bool,
    /// Some end their side before they have their replies.
    pub(crate) half_closers: bool,
    /// Some reset the connection.
    pub(crate) resetters: bool,
    /// Some send what HTTP does not allow.
    pub(crate) malformed: bool,
    /// Some send further requests before they have the replies to earlier ones.
    pub(crate) pipeliners: bool,
    /// Some cancel what they asked for (where messages can say so).
    pub(crate) cancellers: bool,
    /// Some use WebSocket.
    pub(crate) web_sockets: bool,
    /// Some requests are large.
    pub(crate) big_requests: bool,

    // The backend.
    /// Statements fail.
    pub(crate) failures: bool,
    /// Workers panic.
    pub(crate) panics: bool,
    /// Statements are polled.
    pub(crate) polled: bool,
    /// Statements are polled for ever.
    pub(crate) never_ending: bool,
    /// Steps end together, as those do that wait for one answer of one machine.
    pub(crate) clumped: bool,
    /// Steps hold their worker until they are interrupted, so that others may starve.
    pub(crate) stuck: bool,
    /// Results are large.
    pub(crate) big_replies: bool,

    // The operator.
    /// A signal comes in the middle.
    pub(crate) early_shutdown: bool,
    /// And a second one.
    pub(crate) second_signal: bool,
}

/// How the wall clock goes. The monotonic one goes on whatever this one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WallClock {
    /// As time does.
    Steady,
    /// Somebody sets it now and then, to any time.
    Jumping,
    /// Somebody sets it in every turn, by hours, forth and back.
    Wild,
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Trouble.
    pub(crate) faults: Faults,
    /// The clock that dates are read from.
    pub(crate) wall: WallClock,
    /// The server's bounds, tight enough to be met.
    pub(crate) limits: Limits,
    /// One peer, over standard input and output.
    pub(crate) is_stdio: bool,
    /// How many connect.
    pub(crate) peers: usize,
    /// How many requests each sends at most.
    pub(crate) requests_max: u64,
    /// Bytes that a socket buffers towards the peer.
    pub(crate) send_buffer_bytes: usize,
    /// Percent of chances that a fault of the machine happens when it can.
    pub(crate) fault_percent: u64,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn draw(random: &mut SeededEntropy) -> Self {
        let mut on = |percent: u64| random.below(100) < percent;
        let faults = Faults {
            short_reads: on(50),
            short_writes: on(50),
            interrupted: on(30),
            spurious_events: on(30),
            late_events: on(40),
            full_table: on(30),
            aborted_accepts: on(30),
            stopped: on(10),
            busy_machine: on(40),
            burst: on(40),
            slow_readers: on(40),
            non_readers: on(20),
            flooders: on(20),
            slow_senders: on(30),
            stallers: on(30),
            half_closers: on(30),
            resetters: on(40),
            malformed: on(30),
            pipeliners: on(60),
            cancellers: on(40),
            web_sockets: on(40),
            big_requests: on(30),
            failures: on(50),
            panics: on(30),
            polled: on(60),
            never_ending: on(30),
            clumped: on(40),
            stuck: on(20),
            big_replies: on(40),
            early_shutdown: on(20),
            second_signal: on(20),
        };
        let wall = if on(30) {
            WallClock::Jumping
        } else {
            WallClock::Steady
        };
        let is_stdio = random.below(100) < 8;
        Self {
            faults,
            wall,
            limits: limits(random, is_stdio),
            is_stdio,
            peers: match (is_stdio, faults.burst) {
                (true, _) => 1,
                (false, true) => 6 + random.below(12) as usize,
                (false, false) => 1 + random.below(8) as usize,
            },
            requests_max: 1 + random.below(8),
            send_buffer_bytes: pick(random, &[64, 512, 4_096, 65_536]),
            fault_percent: pick(random, &[2, 10, 40]),
        }
    }
}

fn limits(random: &mut SeededEntropy, is_stdio: bool) -> Limits {
    let memory = |random: &mut SeededEntropy, tight: usize| {
        let drawn = pick(random, &[tight, tight, 4 * tight, 64 << 20]);
        // The one peer of stdio is never meant to be short of anything.
        if is_stdio { 64 << 20 } else { drawn }
    };
    Limits {
        // What is let go has an answer of its own, which src/server/tests/patience.rs asks for.
        call_wait: Duration::from_secs(1_000_000),
        connections_max: pick(random, &[2, 5, 1_000, 1_000]),
        connections_refused_max: pick(random, &[0, 1, 64]),
        bytes_buffered_max: memory(random, 10 << 10),
        replies_bytes_max: memory(random, 10 << 10),
        // Less than the slowest peer takes that means well, through the smallest buffer.
        progress_bytes_min: 64,
        accepts_per_turn_max: pick(random, &[1, 2, 64]),
        read_per_turn_bytes_max: pick(random, &[16, 200, 4_096, 65_536]),
        write_per_turn_bytes_max: pick(random, &[16, 200, 4_096, 65_536]),
        bulk_per_turn_bytes_max: pick(random, &[16, 300, 8_192, 262_144]),
        completions_per_turn_max: pick(random, &[1, 1, 2, 256]),
        outbox_bytes_max: pick(random, &[1_024, 16_384, 262_144]),
        pipeline_max: pick(random, &[1, 2, 32]),
        workers: pick(random, &[1, 2, 8]),
        // Long enough for the slowest peer that means well, short enough to be met in a run.
        head_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(20),
        drain_delay: Duration::from_millis(pick(random, &[0, 0, 300])),
        drain_timeout: Duration::from_secs(pick(random, &[1, 30])),
        ..Limits::default()
    }
}

impl Plan {
    /// Whether all connections together may hold less than they want to.
    pub(crate) fn may_run_short(&self) -> bool {
        self.limits.bytes_buffered_max < 1 << 20 || self.limits.replies_bytes_max < 1 << 20
    }

    /// Whether there may be more connections than may be open.
    pub(crate) fn may_be_full(&self) -> bool {
        self.limits.connections_max < 1_000
    }
}

/// One of `choices`.
pub(crate) fn pick<T: Copy>(random: &mut SeededEntropy, choices: &[T]) -> T {
    choices[random.below(choices.len() as u64) as usize]
}
