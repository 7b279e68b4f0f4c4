//! Peers: each sends its requests in its own manner, reads what comes, and complains.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::time::Instant;

use crate::backend::Behaviour;
use crate::link::Link;
use crate::plan::Plan;
use crate::reply::{self, Frames, Reply};
use crate::request::{self, Carrier, Expected, Request};

/// How a peer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Ends its side after the last reply.
    Closes,
    /// Says nothing more; the server closes it for being idle.
    Stays,
    /// Ends its side after the last request, with replies still to come.
    HalfCloses,
    /// Resets after so many acts.
    Resets(u64),
    /// Sends all but the last bytes of its last request.
    Stalls,
    /// Never reads.
    NeverReads,
    /// Never reads, and sends as much as is taken.
    Floods,
}

/// What the peer knows of the world when it judges what it got.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// The time.
    pub(crate) now: Instant,
    /// The server was told to shut down.
    pub(crate) is_draining: bool,
    /// The process was stopped, so that anything may have timed out.
    pub(crate) was_stopped: bool,
    /// Steps may hold every worker until the statements that wait have timed out.
    pub(crate) may_starve: bool,
    /// All connections together may hold less than they want to.
    pub(crate) may_run_short: bool,
    /// There may be more connections than may be open.
    pub(crate) may_be_full: bool,
}

impl Circumstances {
    /// Whether a connection may end, or a call fail, without the peer's doing.
    fn is_lenient(self) -> bool {
        self.is_draining || self.was_stopped
    }
}

/// Pings that a peer answers before it falls silent, or it would live for ever.
const PINGS_ANSWERED_MAX: u32 = 2;

/// Requests of a peer that floods.
const BURDENS: usize = 400;

/// The longest of them, and the shortest reply to one.
const BURDEN_BYTES_MAX: usize = 260;
const PONG_BYTES_MIN: usize = 40;

/// One peer.
#[derive(Debug)]
pub(crate) struct Peer {
    /// How it talks.
    pub(crate) carrier: Carrier,
    /// How it ends.
    pub(crate) fate: Fate,
    requests: VecDeque<Request>,
    /// Bytes of the first request that are sent.
    sent: usize,
    /// Expectations of requests that are sent.
    awaited: VecDeque<Expected>,
    /// When the requests were whole whose response is awaited.
    asked: VecDeque<Instant>,
    /// Dates of responses, each with when it was asked for. The world takes them.
    pub(crate) dates: Vec<(Instant, String)>,
    /// Ids of calls that were cancelled: a reply may still come, or not.
    cancelled: BTreeSet<String>,
    inbound: Vec<u8>,
    frames: Frames,
    is_switched: bool,
    is_pipelining: bool,
    is_slow_reader: bool,
    is_slow_sender: bool,
    reads_again: Instant,
    acts: u64,
    /// Control frames that wait for the end of a frame.
    controls: Vec<u8>,
    pings: u32,
    /// A refusal came: nothing more is awaited.
    is_refused: bool,
    is_closing: bool,
    /// It has noticed the end of the connection.
    pub(crate) is_over: bool,
    /// Replies that it got.
    pub(crate) replies: u64,
}

impl Peer {
    /// Draws a peer.
    pub(crate) fn draw(random: &mut SeededEntropy, plan: &Plan, number: usize, carrier: Carrier) -> Self {
        let faults = &plan.faults;
        let fate = match random.below(12) {
            0 | 1 if faults.half_closers => Fate::HalfCloses,
            2 | 3 if faults.resetters => Fate::Resets(1 + random.below(40)),
            // Nobody watches over stdio: a peer that says nothing there is waited for without end.
            _ if carrier == Carrier::Lines => Fate::Closes,
            4 if faults.stallers => Fate::Stalls,
            5 if faults.non_readers => Fate::NeverReads,
            6 if faults.flooders => Fate::Floods,
            7 | 8 => Fate::Stays,
            _ => Fate::Closes,
        };
        let requests = draw_requests(random, plan, number, carrier, fate);
        Self {
            carrier,
            fate,
            requests,
            sent: 0,
            awaited: VecDeque::new(),
            asked: VecDeque::new(),
            dates: Vec::new(),
            cancelled: BTreeSet::new(),
            inbound: Vec::new(),
            frames: Frames::default(),
            is_switched: false,
            is_pipelining: fate == Fate::Floods || (faults.pipeliners && random.below(2) == 0),
            is_slow_reader: faults.slow_readers && random.below(3) == 0,
            is_slow_sender: fate != Fate::Floods && faults.slow_senders && random.below(3) == 0,
            reads_again: Instant::ZERO,
            acts: 0,
            controls: Vec::new(),
            pings: 0,
            is_refused: false,
            is_closing: false,
            is_over: false,
            replies: 0,
        }
    }

    /// Does something. Says in how long it wants to do more; without an answer it waits for the server.
    ///
    /// # Errors
    /// What the server must never do and did.
    pub(crate) fn act(
        &mut self,
        link: &mut Link,
        random: &mut SeededEntropy,
        around: Circumstances,
    ) -> Result<Option<Duration>, String> {
        if self.is_over {
            return Ok(None);
        }
        self.acts += 1;
        if self.fate == Fate::Resets(self.acts) {
            link.reset();
        }
        if !self.is_deaf() {
            self.read(link, random, around)?;
        }
        if link.is_reset || (link.server_ended && link.to_peer.is_empty()) {
            return self.on_end(link, around);
        }
        let is_sending = self.send(link, random, around.now);
        self.end_when_done(link, random);
        Ok(self.comes_back(link, random, around, is_sending))
    }

    fn read(
        &mut self,
        link: &mut Link,
        random: &mut SeededEntropy,
        around: Circumstances,
    ) -> Result<(), String> {
        if around.now < self.reads_again {
            return Ok(());
        }
        let mut count = link.to_peer.len();
        if self.is_slow_reader {
            count = count.min(1 + random.below(4_096) as usize);
            self.reads_again = around.now + Duration::from_millis(random.below(2_000));
        }
        self.inbound.extend(link.to_peer.drain(..count));
        loop {
            let Some((reply, length)) = self.next_reply()? else {
                return Ok(());
            };
            self.inbound.drain(..length);
            if let Some(reply) = reply {
                self.on_reply(reply, link, random, around)?;
            }
        }
    }

    fn next_reply(&mut self) -> Result<Option<(Option<Reply>, usize)>, String> {
        let whole = |(reply, length)| (Some(reply), length);
        match self.carrier {
            Carrier::WebSocket if self.is_switched => self.frames.next(&self.inbound),
            Carrier::Lines => Ok(reply::line(&self.inbound).map(whole)),
            _ => Ok(reply::response(&self.inbound)?.map(whole)),
        }
    }

    fn on_reply(
        &mut self,
        reply: Reply,
        link: &mut Link,
        random: &mut SeededEntropy,
        around: Circumstances,
    ) -> Result<(), String> {
        match reply {
            Reply::Response { status, date, body } => {
                // A refusal may come before its request is whole, or begun.
                let asked = self
                    .asked
                    .pop_front()
                    .filter(|_| status < 400)
                    .unwrap_or_default();
                self.dates.push((asked, date));
                self.on_response(status, &body, around)
            }
            Reply::Message(text) => self.on_message(&text, around),
            Reply::Ping(payload) => {
                self.pings += 1;
                if self.pings <= PINGS_ANSWERED_MAX {
                    self.send_control(link, request::frame(0x8a, &payload, random));
                }
                Ok(())
            }
            Reply::Pong => Ok(()),
            Reply::Close(_) => {
                if !self.is_closing {
                    self.is_closing = true;
                    self.send_control(link, request::frame(0x88, &[], random));
                }
                self.is_refused = true;
                Ok(())
            }
        }
    }

    /// Sends a control frame, or keeps it until the frame that is being sent is whole.
    fn send_control(&mut self, link: &mut Link, frame: Vec<u8>) {
        if self.sent == 0 {
            link.send(frame);
        } else {
            self.controls.extend(frame);
        }
    }

    /// HTTP answers in the order of the requests.
    fn on_response(&mut self, status: u16, body: &[u8], around: Circumstances) -> Result<(), String> {
        if around.is_lenient() && matches!(status, 408 | 503) {
            self.is_refused = true;
            return Ok(());
        }
        if status == 503 && self.may_be_turned_away(body, around) {
            self.is_refused = true;
            return Ok(());
        }
        let Some(expected) = self.awaited.pop_front() else {
            // A request that never becomes whole is answered as well, and one that is wrong before it is whole.
            let begun = self.requests.front().filter(|_| self.sent > 0);
            let is_wrong = begun.is_some_and(|request| request.expected == Expected::Refusal);
            if (self.fate == Fate::Stalls && status == 408) || (is_wrong && (400..500).contains(&status)) {
                self.is_refused = true;
                return Ok(());
            }
            let body = String::from_utf8_lossy(body);
            return Err(format!("a response to no request, {status}: {body}"));
        };
        self.replies += 1;
        match &expected {
            Expected::Status(wanted) if *wanted == status => Ok(()),
            Expected::Refusal if (400..500).contains(&status) => {
                self.is_refused = true;
                self.requests.clear();
                self.awaited.clear();
                Ok(())
            }
            Expected::Switch if status == 101 => {
                self.is_switched = true;
                Ok(())
            }
            Expected::Pong { .. } | Expected::Answer { .. } => {
                check_message(&expected, body, self.may_fail(around))
                    .map_err(|fault| format!("{fault} in a response {status}"))
            }
            _ => Err(format!(
                "status {status} for {expected:?}: {}",
                String::from_utf8_lossy(body)
            )),
        }
    }

    /// Whether a 503 is one of the two that a server may give at any time, and has the form of all refusals.
    fn may_be_turned_away(&self, body: &[u8], around: Circumstances) -> bool {
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else {
            return false;
        };
        let is_refusal = body["jsonrpc"] == "2.0" && body.get("id").is_none();
        let reason = body["error"]["data"]["reason"].as_str();
        is_refusal
            && match reason {
                Some("short_of_memory") => around.may_run_short,
                Some("table_full") => around.may_be_full && self.replies == 0,
                _ => false,
            }
    }

    /// Other carriers answer in any order, by id.
    fn on_message(&mut self, text: &[u8], around: Circumstances) -> Result<(), String> {
        let id = id_of(text)?;
        let position = self
            .awaited
            .iter()
            .position(|expected| expected.id() == Some(id.as_str()));
        let Some(expected) = position.and_then(|position| self.awaited.remove(position)) else {
            return Err(format!(
                "a reply to no call, or a second one: {}",
                String::from_utf8_lossy(text)
            ));
        };
        self.replies += 1;
        check_message(&expected, text, self.may_fail(around))
    }

    /// Sends a piece of the next request. Says whether more may be sent later without waiting for a reply.
    fn send(&mut self, link: &mut Link, random: &mut SeededEntropy, now: Instant) -> bool {
        if self.is_refused || self.is_closing || self.requests.is_empty() {
            return false;
        }
        let is_last = self.requests.len() == 1;
        let Some(request) = self.requests.front() else {
            return false;
        };
        let waits = !self.is_pipelining && !self.is_unawaiting() && request.expected != Expected::Silence;
        let is_held = waits || (!self.is_opened() && !self.awaited.is_empty());
        if is_held && self.sent == 0 {
            return false;
        }
        let mut end = request.bytes.len();
        if self.fate == Fate::Stalls && is_last {
            end -= 1;
        }
        let left = end - self.sent;
        let piece = if self.is_slow_sender {
            1 + request.bytes.len() / 200
        } else {
            1 + random.below(left as u64 * 2 + 1) as usize
        };
        let piece = piece.min(left);
        link.send(request.bytes[self.sent..self.sent + piece].iter().copied());
        self.sent += piece;
        if self.sent == request.bytes.len()
            && let Some(request) = self.requests.pop_front()
        {
            self.sent = 0;
            link.send(std::mem::take(&mut self.controls));
            self.cancelled.extend(request.cancels);
            if request.expected != Expected::Silence {
                self.awaited.push_back(request.expected);
                self.asked.push_back(now);
            }
        }
        piece > 0
    }

    /// Whether requests may be sent: at once, or after the switch.
    fn is_opened(&self) -> bool {
        self.carrier != Carrier::WebSocket || self.is_switched
    }

    /// Whether it reads nothing. A flooder must see that it has switched.
    fn is_deaf(&self) -> bool {
        self.fate == Fate::NeverReads || (self.fate == Fate::Floods && self.is_opened())
    }

    /// Whether every reply that must come has come.
    fn is_unawaiting(&self) -> bool {
        let is_cancelled = |expected: &Expected| expected.id().is_some_and(|id| self.cancelled.contains(id));
        self.awaited.iter().all(is_cancelled)
    }

    /// Ends its side, if its fate says so and the time has come.
    fn end_when_done(&mut self, link: &mut Link, random: &mut SeededEntropy) {
        if link.peer_ended || self.fate == Fate::Stalls {
            return;
        }
        let is_sent = self.requests.is_empty() || self.is_refused;
        let is_answered = is_sent && (self.is_unawaiting() || self.is_refused);
        match self.fate {
            Fate::HalfCloses if is_sent => link.peer_ended = true,
            Fate::Closes if is_answered && self.is_switched && !self.is_closing => {
                self.is_closing = true;
                self.send_control(link, request::frame(0x88, &1_000_u16.to_be_bytes(), random));
            }
            Fate::Closes if is_answered && (!self.is_switched || self.is_refused) => link.peer_ended = true,
            _ => {}
        }
    }

    fn comes_back(
        &self,
        link: &Link,
        random: &mut SeededEntropy,
        around: Circumstances,
        is_sending: bool,
    ) -> Option<Duration> {
        let gap = Duration::from_micros(1 + random.below(if self.is_slow_sender { 20_000 } else { 5_000 }));
        if matches!(self.fate, Fate::Resets(_)) {
            return Some(gap);
        }
        let is_reading = !link.to_peer.is_empty() && !self.is_deaf();
        match (is_sending, is_reading) {
            (true, _) => Some(gap),
            (false, true) => Some(self.reads_again.since(around.now) + gap),
            (false, false) => None,
        }
    }

    /// The connection is over: is that all right?
    fn on_end(&mut self, link: &mut Link, around: Circumstances) -> Result<Option<Duration>, String> {
        self.is_over = true;
        // A well-mannered peer ends its side too.
        link.peer_ended = true;
        if !self.inbound.is_empty() && !link.is_reset && !around.is_lenient() {
            return Err(format!(
                "the connection ended inside a reply ({} bytes of it)",
                self.inbound.len()
            ));
        }
        if self.is_owed_replies() && !around.is_lenient() {
            return Err(format!("the connection ended with {:?} unanswered", self.awaited));
        }
        Ok(None)
    }

    /// Whether the peer behaved, so that everything that it awaits must come.
    pub(crate) fn is_owed_replies(&self) -> bool {
        match self.fate {
            Fate::Resets(_) | Fate::NeverReads | Fate::Floods => false,
            // A WebSocket whose peer has ended takes no replies any more, and one whose message never becomes whole is
            // dropped before a statement has run out of its time.
            Fate::HalfCloses | Fate::Stalls if self.is_switched => false,
            _ => !self.is_unawaiting() && !self.is_refused,
        }
    }

    /// Whether any call may fail. What runs for a peer that has ended its side is cancelled, and answered so.
    fn may_fail(&self, around: Circumstances) -> bool {
        around.is_lenient() || around.may_starve || around.may_run_short || self.fate == Fate::HalfCloses
    }

    /// Bytes that a server may have read from this peer, if the peer never took anything.
    pub(crate) fn burden_max(&self, plan: &Plan) -> Option<usize> {
        let limits = &plan.limits;
        // What the shortest reply fills, what may be in the pipeline, and one that is being read.
        let answered = (limits.outbox_bytes_max + plan.send_buffer_bytes) / PONG_BYTES_MIN + 2;
        let held = limits.pipeline_max + answered;
        let inbox = (limits.head_bytes_max + limits.read_per_turn_bytes_max).max(16 << 10);
        (self.fate == Fate::Floods).then_some(inbox + held * BURDEN_BYTES_MAX)
    }

    /// What it awaits, for messages.
    pub(crate) fn awaited(&self) -> &VecDeque<Expected> {
        &self.awaited
    }
}

fn draw_requests(
    random: &mut SeededEntropy,
    plan: &Plan,
    peer: usize,
    carrier: Carrier,
    fate: Fate,
) -> VecDeque<Request> {
    let mut requests = VecDeque::new();
    if carrier == Carrier::WebSocket {
        requests.push_back(request::upgrade());
    }
    if fate == Fate::Floods {
        requests.extend((0..BURDENS).map(|index| request::burden(random, carrier, index)));
        return requests;
    }
    for index in 0..1 + random.below(plan.requests_max) {
        let request = request::draw(random, plan, carrier, peer, index as usize);
        let is_cancelled = carrier != Carrier::Http
            && plan.faults.cancellers
            && matches!(request.expected, Expected::Answer { .. })
            && random.below(3) == 0;
        let id = request.expected.id().map(str::to_owned);
        requests.push_back(request);
        if let Some(id) = id.filter(|_| is_cancelled) {
            requests.push_back(request::cancel(random, carrier, &id));
        }
    }
    requests
}

fn id_of(text: &[u8]) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_slice(text)
        .map_err(|fault| format!("{fault} in {:?}", String::from_utf8_lossy(text)))?;
    Ok(value["id"].to_string())
}

/// Whether a JSON-RPC reply is the one that was awaited.
fn check_message(expected: &Expected, text: &[u8], may_fail: bool) -> Result<(), String> {
    let complain = |what: &str| {
        let text = String::from_utf8_lossy(text);
        Err(format!(
            "{what}, awaiting {expected:?}: {}",
            &text[..text.len().min(300)]
        ))
    };
    if Some(id_of(text)?.as_str()) != expected.id() {
        return complain("a reply with another id");
    }
    let value: serde_json::Value = serde_json::from_slice(text).map_err(|fault| fault.to_string())?;
    let has_result = value["result"].is_object();
    let has_failed = !has_result || value["result"]["isError"] == true;
    match expected {
        Expected::Pong { .. } if !has_result => complain("a ping that failed"),
        Expected::Answer { tag, behaviour, .. } => match behaviour {
            Behaviour::Ok | Behaviour::Big(_) | Behaviour::Again(_) => {
                if has_failed && !may_fail {
                    complain("a failure of a statement that does not fail")
                } else if !has_failed && reply::find(text, tag.as_bytes()).is_none() {
                    complain("somebody else's answer")
                } else {
                    Ok(())
                }
            }
            Behaviour::Fail | Behaviour::Panic | Behaviour::Forever | Behaviour::Stuck if !has_failed => {
                complain("a success of a statement that fails")
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
