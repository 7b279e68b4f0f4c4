//! Calls that take time: something is said, a while passes, and so on until the result.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::mcp::offer::{Asked, Reply};
use snowflake_mcp::mcp::script::{Event, Next, Notice, Script};
use snowflake_mcp::mcp::{Level, Payload};
use snowflake_mcp::rpc;

use crate::reply;

/// What the suite wants between two notices.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a stream stays closed before the result is there: long enough that the client finds the end of it first.
const CLOSED: Duration = Duration::from_millis(200);

/// How long the jobs take that fail.
const JOB: Duration = Duration::from_secs(1);

/// A computation takes as long as its caller says, up to here.
const COMPUTATION_MAX: Duration = Duration::from_secs(60);

/// Goes through its steps: what is said, and what comes next.
#[derive(Debug)]
struct Steps(VecDeque<(Option<Notice>, Next)>);

impl Script for Steps {
    fn resume(&mut self, _event: Event<'_>, notices: &mut Vec<Notice>) -> Next {
        let (said, next) = self.0.pop_front().expect("a script is not resumed after its end");
        notices.extend(said);
        next
    }
}

fn steps(steps: impl Into<VecDeque<(Option<Notice>, Next)>>) -> Reply {
    Reply::Script(Box::new(Steps(steps.into())))
}

fn done(asked: &Asked<'_>, result: &Value) -> Next {
    Next::Done(reply::whole(asked.form, result))
}

/// Waits, then ends.
fn after(pause: Duration, end: Next) -> Reply {
    steps([(None, Next::Wait(pause)), (None, end)])
}

/// `test_tool_with_progress`: 0, 50 and 100 of 100.
pub(crate) fn progress(asked: &Asked<'_>) -> Reply {
    let at = |progress| {
        Some(Notice::Progress {
            progress,
            total: Some(100.0),
            message: None,
        })
    };
    let end = done(asked, &reply::says("Tool with progress executed successfully"));
    steps([
        (at(0.0), Next::Wait(PAUSE)),
        (at(50.0), Next::Wait(PAUSE)),
        (at(100.0), end),
    ])
}

/// `test_tool_with_logging` and `test_logging_tool`: three messages, for those that want to hear them.
pub(crate) fn logs(asked: &Asked<'_>) -> Reply {
    let log = |text| {
        Some(Notice::Log {
            level: Level::Info,
            data: json!(text).to_string().into_bytes(),
        })
    };
    let end = done(asked, &reply::says("Tool with logging executed successfully"));
    steps([
        (log("Tool execution started"), Next::Wait(PAUSE)),
        (log("Tool processing data"), Next::Wait(PAUSE)),
        (log("Tool execution completed"), end),
    ])
}

/// `test_reconnection`: the stream is closed before the result is there.
pub(crate) fn reconnection(asked: &Asked<'_>) -> Reply {
    let end = done(asked, &reply::says("Reconnection test completed successfully"));
    steps([(None, Next::Hang(CLOSED)), (None, end)])
}

/// `slow_compute`: takes as long as it is asked to.
pub(crate) fn computation(asked: &Asked<'_>) -> Reply {
    let seconds = asked.argument("seconds").map_or("0", |seconds| seconds.get());
    let time = seconds
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let Some(time) = time.filter(|time| *time <= COMPUTATION_MAX) else {
        let limit = COMPUTATION_MAX.as_secs();
        return reply::result(&reply::fails(format!(
            "seconds is {seconds}, expected 0 to {limit}"
        )));
    };
    let label = asked.text("label").unwrap_or(Cow::Borrowed("computation"));
    let result = reply::says(format!("{label} done after {seconds} s"));
    if time.is_zero() {
        return reply::result(&result);
    }
    after(time, done(asked, &result))
}

/// A result that takes as long as a job.
pub(crate) fn later(asked: &Asked<'_>, members: Vec<u8>) -> Reply {
    after(JOB, Next::Done(Payload::Owned(asked.form.object(&[&members]))))
}

/// `failing_job`: a tool that tells of its failure.
pub(crate) fn failing(asked: &Asked<'_>) -> Reply {
    after(JOB, done(asked, &reply::fails("This job always fails")))
}

/// `protocol_error_job`: a call that ends as an error.
pub(crate) fn breaking(_asked: &Asked<'_>) -> Reply {
    after(
        JOB,
        Next::Failed(rpc::Error::internal_error("this job always breaks")),
    )
}
