//! Every bound of the server in one place: value, unit, reason, and the memory it implies.
//!
//! Names end in their unit. A limit that is hit is always answered (an HTTP status, a close code, a JSON-RPC or tool
//! error) with the limit and, where an operator may change it, with the setting's name.

use std::time::Duration;

/// The bounds a server works under. [`Limits::default`] fits a small host; [`Limits::check`] refuses nonsense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    // Connections.
    /// Connections open at once; a further one is answered 503 and closed. Idle ones cost about 1 KiB each, busy ones at
    /// most [`CONNECTION_BYTES_MAX`] beside the leases.
    pub connections_max: usize,
    /// Connections open at once from one address, of IPv6 from one /64; a further one is answered 503 and closed. A quarter
    /// of `connections_max`, unless the operator says otherwise: doubled, two addresses keep out everybody else. The count
    /// of an address is part of [`CONNECTION_BYTES_MAX`].
    pub connections_per_address_max: usize,
    /// The same from this machine, where all clients have one address: by default as many as there may be.
    pub connections_per_loopback_max: usize,
    /// Connections beyond `connections_max` that are being told so at once; one more is closed without a word. Doubled,
    /// a storm of connections takes as many descriptors more.
    pub connections_refused_max: usize,
    /// Connections accepted in one turn, so that a flood of them does not starve the open ones.
    pub accepts_per_turn_max: usize,
    /// Bytes read from one connection in one turn.
    pub read_per_turn_bytes_max: usize,
    /// Bytes written to one connection in one turn: a usual result. Of a longer one the rest is bulk.
    pub write_per_turn_bytes_max: usize,
    /// Bytes of bulk written in one turn to all connections together. Doubled, who pings beside readers of large results
    /// waits 0.1 ms longer.
    pub bulk_per_turn_bytes_max: usize,
    /// Completions taken from the workers in one turn.
    pub completions_per_turn_max: usize,
    /// Unsent bytes on one connection beyond which it is not read from any more. A reply in flight may exceed it. While
    /// `replies_bytes_max` is nearly reached, [`FREE_BYTES_EACH`](crate::wire::lease::FREE_BYTES_EACH) takes its place.
    pub outbox_bytes_max: usize,

    // Memory of all connections together. Their own bounds multiplied would be 64 GiB of bodies and 4 GiB of replies.
    /// Bytes of memory that half-received requests and messages, and statements of calls in flight, hold together,
    /// beyond the first 4 KiB of each. Who needs more is answered 503 (HTTP) or closed with 1013 (WebSocket). The last
    /// eighth is kept for those that need at most 64 KiB.
    pub bytes_buffered_max: usize,
    /// Bytes of replies that wait for their readers together, beyond the first 4 KiB of each connection. Seven eighths
    /// of it held, no further tool call is admitted, and a result that comes then is replaced by an error.
    pub replies_bytes_max: usize,

    // HTTP (RFC 9112).
    /// Request line and headers together; more is 431. Double it and an idle flood costs twice as much.
    pub head_bytes_max: usize,
    /// Request target; more is 414.
    pub target_bytes_max: usize,
    /// Header lines of one request; more is 431.
    pub headers_max: usize,
    /// Request body, after chunked decoding; more is 413.
    pub body_bytes_max: usize,
    /// Requests of one connection that wait for their reply at once (pipelining); then it is not read from.
    pub pipeline_max: usize,
    /// Bytes of one stream of events that wait for its reader; beyond it the next event is refused and the stream cut.
    /// One event may exceed it, so that a result always fits: a reader that stops costs this and `result_bytes_max`.
    /// Halved, readers behind a slow network lose streams that they could have followed.
    pub stream_outbox_bytes_max: usize,

    // WebSocket (RFC 6455) and lines (stdio).
    /// One message of a WebSocket or line connection; more closes a WebSocket with 1009.
    pub message_bytes_max: usize,

    // JSON.
    /// Nesting of a JSON message; deeper is a parse error.
    pub json_depth_max: usize,
    /// Text of a JSON-RPC id; longer is an invalid request.
    pub id_bytes_max: usize,

    /// Messages of one batch (2025-03-26); more is refused whole. Each may become a job.
    pub batch_max: usize,

    // Sessions (revisions up to 2025-11-25).
    /// Sessions that something is remembered for: a log level, subscriptions, a stream. Some 500 bytes each, 5 MiB in
    /// all; sessions without any of it cost nothing and are not counted.
    pub sessions_max: usize,
    /// Ids of sessions that clients ended, each kept until it has expired; without room the one that expires first is
    /// forgotten. Some 150 bytes each, 1.5 MiB in all.
    pub sessions_ended_max: usize,
    /// Resources that one session can be subscribed to.
    pub subscriptions_per_session_max: usize,
    /// URI of a subscription.
    pub uri_bytes_max: usize,
    /// URIs of the subscriptions of all sessions together.
    pub subscription_bytes_max: usize,
    /// Questions of one session that wait for its client's answer.
    pub questions_per_session_max: usize,
    /// Streams of one session that can be resumed; further calls have streams that cannot.
    pub streams_per_session_max: usize,
    /// Events of one session kept for `Last-Event-ID`; then its oldest go.
    pub replay_events_max: usize,
    /// Bytes of events of one session kept for `Last-Event-ID`; then its oldest go. Holds a result of the largest size
    /// that can be set.
    pub replay_session_bytes_max: usize,
    /// Bytes of events of all sessions kept for `Last-Event-ID`; then the oldest go, whosever they are.
    pub replay_bytes_max: usize,
    /// Tasks of this process that are remembered; a call that would be one more is answered without a task. Some 500
    /// bytes each and their results.
    pub tasks_max: usize,
    /// Bytes of the results of those tasks; a task whose result does not fit any more fails and says so, since what was
    /// promised to the others is kept.
    pub task_results_bytes_max: usize,

    // TLS.
    /// TLS handshakes under way at once; a further connection is closed. Each may hold a message of 64 KiB.
    pub tls_handshakes_max: usize,
    /// Of them from one address, of IPv6 from one /64; a further connection is closed. With all of them, who begins
    /// handshakes and says nothing would keep everybody else out. From this machine, and from trusted proxies that say whose
    /// connections they pass on, there may be all.
    pub tls_handshakes_per_address_max: usize,
    /// TLS handshakes that begin in one turn of the reactor; with an RSA key it is one. Some 0.2 ms each.
    pub tls_handshakes_per_turn_max: usize,

    // Callers.
    /// Tokens of issuers that were checked and are remembered until they expire; a further one takes the place of
    /// another. Up to 512 bytes each.
    pub tokens_checked_max: usize,

    // Statements and jobs.
    /// One SQL text; longer is refused by the guard. Snowflake itself stops at 1 MB.
    pub statement_bytes_max: usize,
    /// SQL text that the guard reads on the reactor thread; a longer one is guarded by the worker.
    pub statement_reactor_bytes_max: usize,
    /// Calls in flight at once, running or queued; a further one is refused with "busy".
    pub jobs_max: usize,
    /// Calls of one principal that run at once.
    pub jobs_per_principal_max: usize,
    /// Calls of one principal that wait beyond those. Each costs [`JOB_BYTES_MAX`] and counts in `jobs_max`.
    pub waiting_per_principal_max: usize,
    /// Workers that one principal has at once. The rest is for whoever comes next: with all of them, a flood makes
    /// everybody wait for the end of one of its steps.
    pub steps_per_principal_max: usize,
    /// Steps that the workers run at once: the number of worker threads.
    pub workers: usize,
    /// Records of the audit log that wait to be written, those of calls in flight included; a further call is refused, or
    /// the oldest record dropped, as the operator says. Each takes [`AUDIT_RECORD_BYTES_MAX`]. 0 without such a log.
    pub audit_queue_max: usize,
    /// Streams open at once that wait for news (`subscriptions/listen`, GET of a session, HTTP+SSE); a further one is
    /// answered 503. Each costs some 200 bytes besides its connection.
    pub streams_max: usize,

    // What is kept of the account.
    /// Answers about the account that are kept for others who ask the same; then the one asked for longest ago goes.
    pub metadata_entries_max: usize,
    /// Bytes of all of them.
    pub metadata_bytes_max: usize,
    /// Bytes of one; a larger one is not kept.
    pub metadata_entry_bytes_max: usize,
    /// How long tables, views and columns are told from what is kept; schemas and databases five times as long. Zero
    /// keeps nothing.
    pub metadata_ttl: Duration,

    // What is known of roles and logins.
    /// Roles whose privileges are known at once, of all connections and callers; then the one that was used longest ago is
    /// looked at anew. At most [`AUDITED_ROLE_BYTES_MAX`] each.
    pub audited_roles_max: usize,
    /// Roles that are followed from one that is looked at, each granted to another. More are told as a gap.
    pub audit_roles_max: usize,
    /// Grants read of one role: as many as `SHOW` tells.
    pub role_grants_max: u64,
    /// Bytes of them. A job that reads grants holds four times as many.
    pub role_grants_bytes_max: usize,
    /// How long what was found of a role is believed.
    pub role_audit_ttl: Duration,
    /// How long what a call told of a login is believed, where somebody asks for health.
    pub login_told_age: Duration,
    /// Between two looks at a login that no call tells of. Halved, health costs twice as many exchanges.
    pub login_probe_pause: Duration,

    // What is remembered of statements.
    /// Statements that are remembered for `list_queries`, of all callers; then the oldest go.
    pub queries_max: usize,
    /// Those of one caller; then its oldest go, so that a busy one displaces its own.
    pub queries_per_principal_max: usize,
    /// Bytes of all of them, some 640 each where the text is long.
    pub queries_bytes_max: usize,
    /// What TLS holds of a connection at most; nothing where it is not spoken.
    pub tls_bytes_each: usize,
    /// Callers with a login of their own to the database, at once. One more is refused while all of them are in use.
    pub logins_max: usize,
    /// How long one is remembered that nobody uses.
    pub login_idle_max: Duration,

    // Results.
    /// Rows of one result that the operator allows (`MAX_QUERY_LIMIT`); a caller may only ask for fewer.
    pub rows_max: u64,
    /// Encoded bytes of one result; a result that does not fit is cut and says so.
    pub result_bytes_max: usize,
    /// Tokens of the text of one result, estimated from its bytes; what does not fit is cut and can be read on by cursor.
    pub result_tokens_max: u64,
    /// Characters of one cell in the markdown table; longer cells are cut there (structured content keeps them).
    pub cell_text_max: usize,

    // Times.
    /// From the first byte of a request to the end of its head; then 408.
    pub head_timeout: Duration,
    /// Time in which `progress_bytes_min` of a body, or the rest of it, must come; else 408. The same for a WebSocket
    /// message; then the connection is dropped.
    pub body_timeout: Duration,
    /// From the end of the head to the end of the body however fast it comes; then 408. Also from the first byte of a
    /// WebSocket message to its last. What is half received cannot be held for longer.
    pub body_total_timeout: Duration,
    /// A connection without a request for this long is closed.
    pub idle_timeout: Duration,
    /// Time in which a peer must take `progress_bytes_min` of the bytes waiting for it, or all of them; else it is
    /// dropped.
    pub write_timeout: Duration,
    /// The least that is progress, of a body in `body_timeout` and of replies in `write_timeout`: by default 546 bytes a
    /// second, which a modem of 1990 exceeds. Doubled, peers behind the worst of radio links are cut.
    pub progress_bytes_min: usize,
    /// How long a connection that was answered and refused is still read from, so that the answer is not lost.
    pub linger_timeout: Duration,
    /// Silence on a WebSocket after which a ping is sent; twice that without an answer closes it.
    pub websocket_ping_interval: Duration,
    /// How long what is remembered for a session outlives its client's last request, unless a stream is open.
    pub session_idle_timeout: Duration,
    /// How long a session lives; then its client begins a new one.
    pub session_lifetime: Duration,
    /// How long a call is waited for before it is answered with a task, where its client takes tasks.
    pub task_after: Duration,
    /// How long a task is kept; a client may only ask for less.
    pub task_ttl_max: Duration,
    /// How long a broken stream can be resumed; then its call is cancelled.
    pub resume_window: Duration,
    /// How long a call waits for its statement; then it is answered with the query id and the statement goes on. Many
    /// clients give up after 60 s.
    pub call_wait: Duration,
    /// A statement that runs longer is cancelled (`MCP_REQUEST_TIMEOUT`).
    pub statement_timeout: Duration,
    /// A call that goes on by itself, or waits for its client's answer to a question, is ended after this time.
    pub script_timeout: Duration,
    /// A stream on which nothing was said for this long gets a comment, so that nobody between takes it for dead; also
    /// the silence after which a call of a client that takes streams becomes one.
    pub keep_alive_interval: Duration,
    /// From a connection's accept to the end of the PROXY header that its proxy must send; then it is closed.
    pub proxy_header_timeout: Duration,
    /// From a connection's accept to the end of its TLS handshake; then it is closed.
    pub tls_handshake_timeout: Duration,
    /// How long a request waits for the keys of its token's issuer; then 503.
    pub token_keys_timeout: Duration,
    /// The keys of an issuer are fetched for an unknown key no more often.
    pub token_keys_interval: Duration,
    /// The keys of an issuer are fetched again when they are older.
    pub token_keys_renewal: Duration,
    /// After a cancel at shutdown, how long the cancels themselves may take.
    pub cancel_timeout: Duration,
    /// How long shutdown waits for calls in flight (`--drain-timeout`).
    pub drain_timeout: Duration,
    /// How long shutdown still accepts connections while readiness already says 503 (`--drain-delay`).
    pub drain_delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            connections_per_address_max: 4_096,
            connections_per_loopback_max: 16_384,
            connections_refused_max: 64,
            accepts_per_turn_max: 64,
            read_per_turn_bytes_max: 64 << 10,
            write_per_turn_bytes_max: 64 << 10,
            bulk_per_turn_bytes_max: 256 << 10,
            completions_per_turn_max: 256,
            outbox_bytes_max: 256 << 10,
            bytes_buffered_max: 64 << 20,
            replies_bytes_max: 64 << 20,
            head_bytes_max: 32 << 10,
            target_bytes_max: 8 << 10,
            headers_max: 64,
            body_bytes_max: 4 << 20,
            pipeline_max: 32,
            stream_outbox_bytes_max: 256 << 10,
            message_bytes_max: 4 << 20,
            json_depth_max: 64,
            id_bytes_max: 256,
            batch_max: 50,
            sessions_max: 10_000,
            sessions_ended_max: 10_000,
            subscriptions_per_session_max: 256,
            uri_bytes_max: 2 << 10,
            subscription_bytes_max: 16 << 20,
            questions_per_session_max: 16,
            streams_per_session_max: 64,
            replay_events_max: 1_024,
            replay_session_bytes_max: 10 << 20,
            replay_bytes_max: 64 << 20,
            tasks_max: 1_000,
            task_results_bytes_max: 32 << 20,
            tls_handshakes_max: 512,
            tls_handshakes_per_address_max: 128,
            tls_handshakes_per_turn_max: 8,
            tokens_checked_max: 10_000,
            statement_bytes_max: 1 << 20,
            statement_reactor_bytes_max: 8 << 10,
            jobs_max: 1_024,
            jobs_per_principal_max: 512,
            waiting_per_principal_max: 64,
            steps_per_principal_max: 6,
            workers: 8,
            audit_queue_max: 0,
            streams_max: 4_096,
            metadata_entries_max: 1_024,
            metadata_bytes_max: 8 << 20,
            metadata_entry_bytes_max: 1 << 20,
            metadata_ttl: Duration::from_secs(60),
            audited_roles_max: 256,
            audit_roles_max: 64,
            role_grants_max: 10_000,
            role_grants_bytes_max: 2 << 20,
            role_audit_ttl: Duration::from_secs(60 * 60),
            login_told_age: Duration::from_secs(60),
            login_probe_pause: Duration::from_secs(30),
            queries_max: 2_048,
            queries_per_principal_max: 64,
            queries_bytes_max: 1 << 20,
            tls_bytes_each: 0,
            // There are none unless the operator lets them come.
            logins_max: 0,
            login_idle_max: Duration::from_secs(60 * 60),
            rows_max: 10_000,
            result_bytes_max: 4 << 20,
            // More than fits into `result_bytes_max`: bytes bound it, until the operator says what models can bear.
            result_tokens_max: 10_000_000,
            cell_text_max: 200,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            body_total_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(15),
            progress_bytes_min: 8 << 10,
            linger_timeout: Duration::from_secs(2),
            websocket_ping_interval: Duration::from_secs(30),
            session_idle_timeout: Duration::from_secs(30 * 60),
            session_lifetime: Duration::from_secs(24 * 60 * 60),
            task_after: Duration::from_secs(3),
            task_ttl_max: Duration::from_secs(60 * 60),
            resume_window: Duration::from_secs(30),
            call_wait: Duration::from_secs(45),
            statement_timeout: Duration::from_secs(300),
            script_timeout: Duration::from_secs(600),
            keep_alive_interval: Duration::from_secs(15),
            proxy_header_timeout: Duration::from_secs(5),
            tls_handshake_timeout: Duration::from_secs(10),
            token_keys_timeout: Duration::from_secs(10),
            token_keys_interval: Duration::from_secs(30),
            token_keys_renewal: Duration::from_secs(60 * 60),
            cancel_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
        }
    }
}

impl Limits {
    /// Says which relation between limits does not hold, in words for the operator.
    ///
    /// # Errors
    /// The first violated relation: a sentence naming both limits and their values.
    pub fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("workers", self.workers),
            ("connections_max", self.connections_max),
            ("connections_per_address_max", self.connections_per_address_max),
            ("accepts_per_turn_max", self.accepts_per_turn_max),
            ("read_per_turn_bytes_max", self.read_per_turn_bytes_max),
            ("write_per_turn_bytes_max", self.write_per_turn_bytes_max),
            ("bulk_per_turn_bytes_max", self.bulk_per_turn_bytes_max),
            ("completions_per_turn_max", self.completions_per_turn_max),
            ("pipeline_max", self.pipeline_max),
            ("stream_outbox_bytes_max", self.stream_outbox_bytes_max),
            ("batch_max", self.batch_max),
            ("sessions_max", self.sessions_max),
            ("jobs_max", self.jobs_max),
            ("jobs_per_principal_max", self.jobs_per_principal_max),
            ("steps_per_principal_max", self.steps_per_principal_max),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(format!("{name} is 0, at least 1 is needed"));
            }
        }
        let ordered = [
            (
                "target_bytes_max",
                self.target_bytes_max,
                "head_bytes_max",
                self.head_bytes_max,
            ),
            (
                "statement_reactor_bytes_max",
                self.statement_reactor_bytes_max,
                "statement_bytes_max",
                self.statement_bytes_max,
            ),
            (
                "statement_bytes_max",
                self.statement_bytes_max,
                "body_bytes_max",
                self.body_bytes_max,
            ),
            (
                "replay_session_bytes_max",
                self.replay_session_bytes_max,
                "replay_bytes_max",
                self.replay_bytes_max,
            ),
            (
                "result_bytes_max",
                self.result_bytes_max,
                "replay_session_bytes_max",
                self.replay_session_bytes_max,
            ),
            (
                "result_bytes_max",
                self.result_bytes_max,
                "task_results_bytes_max",
                self.task_results_bytes_max,
            ),
            (
                "metadata_entry_bytes_max",
                self.metadata_entry_bytes_max,
                "metadata_bytes_max",
                self.metadata_bytes_max,
            ),
            (
                "four times body_bytes_max",
                self.body_bytes_max.saturating_mul(LARGEST_AT_ONCE_MIN),
                "bytes_buffered_max",
                self.bytes_buffered_max,
            ),
            (
                "four times message_bytes_max",
                self.message_bytes_max.saturating_mul(LARGEST_AT_ONCE_MIN),
                "bytes_buffered_max",
                self.bytes_buffered_max,
            ),
            (
                "four times result_bytes_max",
                self.result_bytes_max.saturating_mul(LARGEST_AT_ONCE_MIN),
                "replies_bytes_max",
                self.replies_bytes_max,
            ),
        ];
        for (small, small_value, large, large_value) in ordered {
            if small_value > large_value {
                return Err(format!(
                    "{small} is {small_value}, more than {large}, which is {large_value}"
                ));
            }
        }
        Ok(())
    }

    /// The most memory that the server holds under these bounds, in bytes, whatever clients do: the sum of
    /// [`Limits::memory_parts`]. The embedded engine's data comes on top, and what an allocator keeps in its holes.
    pub fn memory_bytes_max(&self) -> usize {
        self.memory_parts().iter().map(|(bytes, _)| bytes).sum()
    }

    /// What that is made of: the two sums, what is kept of the account and of statements, what each connection and
    /// each call has beside them, what the workers have in hand, what waits for the audit log, and the program itself.
    pub const fn memory_parts(&self) -> [(usize, &'static str); 13] {
        let connections = self.connections_max + self.connections_refused_max;
        [
            (
                self.bytes_buffered_max,
                "half-received requests, and statements of calls in flight",
            ),
            (self.replies_bytes_max, "replies that wait for their readers"),
            (self.metadata_bytes_max, "what is kept of the account"),
            (self.queries_bytes_max, "what is remembered of statements"),
            (
                self.audited_roles_max * AUDITED_ROLE_BYTES_MAX,
                "what is known of roles",
            ),
            (
                connections * CONNECTION_BYTES_MAX,
                "connections, each at its worst",
            ),
            (
                connections * self.tls_bytes_each,
                "what TLS has of them, each at its worst",
            ),
            (self.jobs_max * JOB_BYTES_MAX, "calls in flight"),
            (
                self.workers * RESULTS_IN_HAND * self.result_bytes_max,
                "results that workers have in hand",
            ),
            (
                self.audit_queue_max * AUDIT_RECORD_BYTES_MAX,
                "records for the audit log",
            ),
            (
                self.tokens_checked_max * TOKEN_CHECKED_BYTES_MAX,
                "tokens of issuers that were found good",
            ),
            (
                self.logins_max * LOGIN_BYTES_MAX,
                "callers with a login of their own",
            ),
            (PROGRAM_BYTES, "the program"),
        ]
    }
}

/// Connections to Snowflake side by side. Each keeps as many sockets as there are workers, one more, and
/// [`PARTITIONS_AHEAD_MAX`], each with 80 KiB of buffers while it is used.
pub const SNOWFLAKE_CONNECTIONS_MAX: usize = 16;

/// Partitions of results that one connection to Snowflake asks for before it is their turn: a thread until the head of
/// the answer is there, then the buffers of a socket, 160 KiB with TLS and decompression. 1.3 MiB in all.
pub const PARTITIONS_AHEAD_MAX: usize = 8;

/// How many of them one call has: with two, three answers take the time of one where the way is long.
pub const PARTITIONS_AHEAD_PER_JOB_MAX: usize = 2;

/// Statements that the embedded engine remembers, so that they can be asked after and read again; then the oldest go.
pub const EMBEDDED_STATEMENTS_MAX: usize = 1_000;

/// Bytes of their texts and of the rows that it keeps of those that took long.
pub const EMBEDDED_STATEMENTS_BYTES_MAX: usize = 16 << 20;

/// So many of the largest requests, and of the largest results, must fit into the sums that bound them: a message in
/// fragments takes twice its length, and the last eighth is kept for small ones.
pub const LARGEST_AT_ONCE_MIN: usize = 4;

/// What a connection holds at most beside the leases: its tables' entries (1 KiB), the first 4 KiB of a request in its
/// inbox, 4 KiB in the buffers of a WebSocket or 64 fields and 32 places in a pipeline (3 KiB), the first 4 KiB of what
/// waits for it in buffers of up to twice that. Of 13 KiB the worst was seen.
pub const CONNECTION_BYTES_MAX: usize = 16 << 10;
/// Bytes of a PROXY header, with what proxies add to it (the certificate of a client); more ends the connection. They wait
/// in the machine's buffers, and are looked at on the stack.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 << 10;
/// What a call in flight holds at most beside the leases: the first 4 KiB of its statements, its id, its tables' entries.
pub const JOB_BYTES_MAX: usize = 8 << 10;
/// Callers whose use is counted, where an operator bounds it: some 200 bytes each, 1 MiB in all. Without room the one
/// that was counted longest ago begins anew.
pub const ACCOUNTS_MAX: usize = 4_096;
/// Bytes of a token with which a caller logs in to the database itself. Those of identity providers have some 2 KiB.
pub const LOGIN_TOKEN_BYTES_MAX: usize = 8 << 10;
/// What such a caller takes: its token, names, and entries of tables.
pub const LOGIN_BYTES_MAX: usize = LOGIN_TOKEN_BYTES_MAX + (1 << 10);
/// Such callers at once where the operator lets them come, 4.5 MiB.
pub const LOGINS_MAX: usize = 512;
/// What a token of an issuer takes that was found good and is remembered: its digest, and who it is.
pub const TOKEN_CHECKED_BYTES_MAX: usize = 512;
/// What TLS holds of a connection at most. Of each of 500, 7 KiB were measured while it is idle, 30 with half a record of its peer's,
/// 38 while answers and requests wait. All of its parts together would be 62: keys and state, a record that waits to be written, one
/// that is not whole and one that is. Sixteen times that only during handshakes, of which there are few at once.
pub const TLS_CONNECTION_BYTES_MAX: usize = 80 << 10;
/// What is known of a role's privileges takes at most: five in words of 200 characters and why there may be more, once for
/// the engine and once for the documents. Most take 1 KiB.
pub const AUDITED_ROLE_BYTES_MAX: usize = 12 << 10;
/// Bytes that the audit log keeps of one statement's text without literals. Longer ones are known by their digest.
pub const AUDIT_TEXT_BYTES_MAX: usize = 2 << 10;
/// Bytes of statements' texts that a record may wait with for its writer, where no worker has made what is kept of them: those
/// that were refused at once (`statement_reactor_bytes_max`), or taken back. Of longer ones a worker makes it first.
pub const AUDIT_WAITING_TEXT_BYTES_MAX: usize = 8 << 10;
/// What a record of the audit log takes until it is written: the texts of its statements or what is kept of them, their objects,
/// who asked, a line being made.
pub const AUDIT_RECORD_BYTES_MAX: usize = AUDIT_WAITING_TEXT_BYTES_MAX + (4 << 10);
/// Records that may wait where there is an audit log: twice the calls in flight, 24 MiB.
pub const AUDIT_QUEUE_MAX: usize = 2_048;
/// Bytes that `list_queries` keeps of the beginning of one statement: enough to know it again.
pub const QUERY_TEXT_BYTES_MAX: usize = 256;
/// Results that a worker has in hand: the partition that it reads, the rows, the reply, and a reply that has been taken
/// by nobody yet.
const RESULTS_IN_HAND: usize = 4;
/// The program without a connection: 7 MiB were measured, with spare buffers, stacks and lists.
const PROGRAM_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests;
