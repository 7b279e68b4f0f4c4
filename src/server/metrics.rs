//! What happened, counted, and the text that tells it (Prometheus text format 0.0.4).

use std::fmt::Write;

use crate::backend::Kind;
use crate::wire::CloseReason;

/// Something that is counted. Named by what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Metric {
    /// Connections accepted.
    ConnectionsAccepted,
    /// Connections refused because the table was full: answered 503, or closed.
    ConnectionsRefused,
    /// Connections refused because as many from their address were open as may be.
    ConnectionsRefusedByAddress,
    /// HTTP requests read.
    RequestsReceived,
    /// HTTP requests that the codec refused.
    RequestsRefused,
    /// WebSocket and line messages read.
    MessagesReceived,
    /// Requests refused for their Host or Origin.
    OriginsRefused,
    /// Requests refused for want of a key.
    KeysRefused,
    /// WebSockets opened.
    WebSocketsOpened,
    /// Tool calls admitted.
    CallsAdmitted,
    /// Tool calls refused because too many were in flight.
    CallsRefused,
    /// Tool calls answered with rows.
    CallsAnswered,
    /// Tool calls answered with a failure.
    CallsFailed,
    /// Tool calls cancelled because who asked is gone or changed its mind.
    CallsCancelled,
    /// Tool calls answered with the query id of a statement that goes on.
    CallsLetGo,
    /// Tool calls cut off by shutdown.
    CallsCut,
    /// Completions for a job that is not known any more.
    CompletionsStale,
    /// Rows sent.
    RowsReturned,
    /// Results cut by a bound.
    ResultsTruncated,
    /// Streams of events begun.
    StreamsBegun,
    /// Streams cut off because their reader was too slow.
    StreamsCut,
    /// Requests and messages turned away because all together held too much memory.
    RequestsNotKept,
    /// Results replaced by an error because too many bytes of replies waited for their readers.
    ResultsNotKept,
    /// Subscriptions refused because their session or connection has as many as it may.
    SubscriptionsRefused,
    /// Calls answered with a task.
    TasksMade,
    /// Tasks that were not made because there were as many as may be.
    TasksRefused,
    /// Statements that the guard refused.
    StatementsDenied,
    /// Records given to the audit log.
    AuditRecords,
    /// Records that the audit log does not have.
    AuditDropped,
}

const METRICS: [(Metric, &str, &str); 29] = [
    (
        Metric::ConnectionsAccepted,
        "snowflake_mcp_connections_total",
        "Connections accepted.",
    ),
    (
        Metric::ConnectionsRefused,
        "snowflake_mcp_connections_refused_total",
        "Connections refused: table full.",
    ),
    (
        Metric::ConnectionsRefusedByAddress,
        "snowflake_mcp_connections_refused_by_address_total",
        "Connections refused: too many of one address.",
    ),
    (
        Metric::RequestsReceived,
        "snowflake_mcp_http_requests_total",
        "HTTP requests read.",
    ),
    (
        Metric::RequestsRefused,
        "snowflake_mcp_http_requests_refused_total",
        "HTTP requests refused by the codec.",
    ),
    (
        Metric::MessagesReceived,
        "snowflake_mcp_messages_total",
        "WebSocket and stdio messages read.",
    ),
    (
        Metric::OriginsRefused,
        "snowflake_mcp_origins_refused_total",
        "Requests refused for their Host or Origin.",
    ),
    (
        Metric::KeysRefused,
        "snowflake_mcp_keys_refused_total",
        "Requests refused for want of a valid key.",
    ),
    (
        Metric::WebSocketsOpened,
        "snowflake_mcp_websockets_total",
        "WebSockets opened.",
    ),
    (
        Metric::CallsAdmitted,
        "mcp_requests_total",
        "Tool calls admitted.",
    ),
    (
        Metric::CallsRefused,
        "snowflake_mcp_calls_refused_total",
        "Tool calls refused: too many in flight.",
    ),
    (
        Metric::CallsAnswered,
        "snowflake_mcp_calls_answered_total",
        "Tool calls answered with rows.",
    ),
    (
        Metric::CallsFailed,
        "mcp_errors_total",
        "Tool calls answered with a failure.",
    ),
    (
        Metric::CallsCancelled,
        "snowflake_mcp_calls_cancelled_total",
        "Tool calls cancelled by who asked.",
    ),
    (
        Metric::CallsLetGo,
        "snowflake_mcp_calls_let_go_total",
        "Tool calls answered with the query id of a statement that goes on.",
    ),
    (
        Metric::CallsCut,
        "snowflake_mcp_calls_cut_total",
        "Tool calls cut off by shutdown.",
    ),
    (
        Metric::CompletionsStale,
        "snowflake_mcp_completions_stale_total",
        "Completions of forgotten jobs.",
    ),
    (Metric::RowsReturned, "mcp_query_rows_returned", "Rows sent."),
    (
        Metric::ResultsTruncated,
        "snowflake_mcp_results_truncated_total",
        "Results cut by a bound.",
    ),
    (
        Metric::StreamsBegun,
        "snowflake_mcp_streams_total",
        "Streams of events begun.",
    ),
    (
        Metric::StreamsCut,
        "snowflake_mcp_streams_cut_total",
        "Streams cut off: reader too slow.",
    ),
    (
        Metric::RequestsNotKept,
        "snowflake_mcp_requests_not_kept_total",
        "Requests and messages turned away: short of memory.",
    ),
    (
        Metric::ResultsNotKept,
        "snowflake_mcp_results_not_kept_total",
        "Results replaced by an error: short of memory.",
    ),
    (
        Metric::SubscriptionsRefused,
        "snowflake_mcp_subscriptions_refused_total",
        "Subscriptions refused: too many of one client.",
    ),
    (
        Metric::TasksMade,
        "snowflake_mcp_tasks_total",
        "Calls answered with a task.",
    ),
    (
        Metric::TasksRefused,
        "snowflake_mcp_tasks_refused_total",
        "Tasks not made: table full.",
    ),
    (
        Metric::StatementsDenied,
        "snowflake_mcp_statements_denied_total",
        "Statements that the guard refused.",
    ),
    (
        Metric::AuditRecords,
        "snowflake_mcp_audit_records_total",
        "Records given to the audit log.",
    ),
    (
        Metric::AuditDropped,
        "snowflake_mcp_audit_dropped_total",
        "Records that the audit log does not have.",
    ),
];

/// Values that go up and down, read when the text is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauges {
    /// Bytes that half-received requests and statements of calls hold.
    pub bytes_buffered: usize,
    /// Bytes of replies that wait for their readers.
    pub replies_bytes: usize,
    /// Connections open.
    pub connections: usize,
    /// WebSockets open.
    pub websockets: usize,
    /// Tool calls in flight.
    pub calls: usize,
    /// Steps that workers run now.
    pub steps: usize,
    /// Worker threads.
    pub workers: usize,
    /// Privileges beyond reading of the roles in use.
    pub role_privileges: u64,
    /// Seconds since the start.
    pub uptime_seconds: f64,
}

/// Counters of everything.
#[derive(Debug, Clone)]
pub struct Metrics {
    counts: [u64; METRICS.len()],
    failures: [u64; Kind::ALL.len()],
    closed: [u64; CloseReason::ALL.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            counts: [0; METRICS.len()],
            failures: [0; Kind::ALL.len()],
            closed: [0; CloseReason::ALL.len()],
        }
    }
}

impl Metrics {
    /// Counts one.
    pub fn count(&mut self, metric: Metric) {
        self.add(metric, 1);
    }

    /// Counts `amount`.
    pub fn add(&mut self, metric: Metric, amount: u64) {
        self.counts[metric as usize] += amount;
    }

    /// Counts a failed call by kind.
    pub fn count_failure(&mut self, kind: Kind) {
        self.count(Metric::CallsFailed);
        if let Some(index) = Kind::ALL.iter().position(|other| *other == kind) {
            self.failures[index] += 1;
        }
    }

    /// Counts a closed connection by reason.
    pub fn count_close(&mut self, reason: CloseReason) {
        if let Some(index) = CloseReason::ALL.iter().position(|other| *other == reason) {
            self.closed[index] += 1;
        }
    }

    /// How often it happened.
    pub fn value(&self, metric: Metric) -> u64 {
        self.counts[metric as usize]
    }

    /// The text of `/metrics`.
    pub fn to_text(&self, version: &str, engine: &str, gauges: &Gauges) -> String {
        let mut text = String::with_capacity(4 << 10);
        for (metric, name, help) in METRICS {
            family(&mut text, name, "counter", help);
            // Writing to a String cannot fail; the results are ignored for that reason alone.
            let _ = writeln!(text, "{name} {}", self.value(metric));
        }
        family(
            &mut text,
            "snowflake_mcp_calls_failed_total",
            "counter",
            "Failed tool calls by kind.",
        );
        for (kind, count) in Kind::ALL.iter().zip(self.failures) {
            let _ = writeln!(
                text,
                "snowflake_mcp_calls_failed_total{{kind=\"{}\"}} {count}",
                kind.name()
            );
        }
        family(
            &mut text,
            "snowflake_mcp_connections_closed_total",
            "counter",
            "Closed connections by reason.",
        );
        for (reason, count) in CloseReason::ALL.iter().zip(self.closed) {
            let name = reason.name();
            let _ = writeln!(
                text,
                "snowflake_mcp_connections_closed_total{{reason=\"{name}\"}} {count}"
            );
        }
        let values = [
            (
                "snowflake_mcp_bytes_buffered",
                "Bytes of half-received requests and statements held.",
                gauges.bytes_buffered as f64,
            ),
            (
                "snowflake_mcp_replies_bytes",
                "Bytes of replies that wait for their readers.",
                gauges.replies_bytes as f64,
            ),
            (
                "snowflake_mcp_connections_active",
                "Connections open.",
                gauges.connections as f64,
            ),
            (
                "snowflake_mcp_websockets_active",
                "WebSockets open.",
                gauges.websockets as f64,
            ),
            (
                "snowflake_mcp_requests_active",
                "Tool calls in flight.",
                gauges.calls as f64,
            ),
            (
                "snowflake_mcp_steps_active",
                "Steps that workers run now.",
                gauges.steps as f64,
            ),
            (
                "mcp_connection_pool_size",
                "Worker threads.",
                gauges.workers as f64,
            ),
            (
                "snowflake_mcp_role_privileges",
                "Privileges beyond reading of the roles in use, as last found.",
                gauges.role_privileges as f64,
            ),
            (
                "mcp_uptime_seconds",
                "Seconds since the start.",
                gauges.uptime_seconds,
            ),
        ];
        for (name, help, value) in values {
            family(&mut text, name, "gauge", help);
            let _ = writeln!(text, "{name} {value}");
        }
        family(&mut text, "mcp_server_info", "gauge", "Version and engine.");
        let _ = writeln!(
            text,
            "mcp_server_info{{version=\"{version}\",engine=\"{engine}\"}} 1"
        );
        // It is counted by its length while it waits for its reader.
        text.shrink_to_fit();
        text
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_stands_at_its_own_index() {
        for (index, (metric, _, _)) in METRICS.iter().enumerate() {
            assert_eq!(*metric as usize, index);
        }
    }

    #[test]
    fn the_text_tells_counts_gauges_and_reasons() {
        let mut metrics = Metrics::default();
        metrics.add(Metric::RowsReturned, 7);
        metrics.count_failure(Kind::Timeout);
        metrics.count_close(CloseReason::IdleTimeout);
        let text = metrics.to_text(
            "1.2.3",
            "demo",
            &Gauges {
                connections: 3,
                ..Gauges::default()
            },
        );
        for line in [
            "mcp_query_rows_returned 7",
            "mcp_errors_total 1",
            "snowflake_mcp_calls_failed_total{kind=\"timeout\"} 1",
            "snowflake_mcp_connections_closed_total{reason=\"idle_timeout\"} 1",
            "snowflake_mcp_connections_active 3",
            "mcp_server_info{version=\"1.2.3\",engine=\"demo\"} 1",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
