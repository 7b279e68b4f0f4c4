//! Calls that take time: things are said with pauses between, then comes the result.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::mcp::offer::{Asked, Reply};
use snowflake_mcp::mcp::script::{Event, Next, Notice, Script};
use snowflake_mcp::mcp::{Level, Payload};

use crate::reply;

/// What the suite wants between two notices.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a stream stays closed before the result is there: long enough that the client finds the end of it first.
const CLOSED: Duration = Duration::from_millis(200);

/// Says one thing after the other, then ends.
#[derive(Debug)]
struct Timed {
    said: VecDeque<Notice>,
    end: Option<Payload>,
}

impl Script for Timed {
    fn resume(&mut self, _event: Event<'_>, notices: &mut Vec<Notice>) -> Next {
        notices.extend(self.said.pop_front());
        if self.said.is_empty() {
            return Next::Done(self.end.take().expect("a script is not resumed after its end"));
        }
        Next::Wait(PAUSE)
    }
}

/// Progress at 0, 50 and 100 of 100.
pub(crate) fn progress(asked: &Asked<'_>) -> Reply {
    let said = [0.0, 50.0, 100.0].map(|progress| Notice::Progress {
        progress,
        total: Some(100.0),
        message: None,
    });
    timed(
        asked,
        said,
        &reply::says("Tool with progress executed successfully"),
    )
}

/// Three log messages.
pub(crate) fn logs(asked: &Asked<'_>) -> Reply {
    let said = [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ]
    .map(|text| Notice::Log {
        level: Level::Info,
        data: json!(text).to_string().into_bytes(),
    });
    timed(
        asked,
        said,
        &reply::says("Tool with logging executed successfully"),
    )
}

fn timed(asked: &Asked<'_>, said: impl Into<VecDeque<Notice>>, result: &Value) -> Reply {
    Reply::Script(Box::new(Timed {
        said: said.into(),
        end: Some(reply::whole(asked.form, result)),
    }))
}

/// Closes the caller's stream before the result is there.
#[derive(Debug)]
struct Hanging {
    is_closed: bool,
    end: Option<Payload>,
}

impl Script for Hanging {
    fn resume(&mut self, _event: Event<'_>, _notices: &mut Vec<Notice>) -> Next {
        if self.is_closed {
            return Next::Done(self.end.take().expect("a script is not resumed after its end"));
        }
        self.is_closed = true;
        Next::Hang(CLOSED)
    }
}

/// A result that the client has to come back for.
pub(crate) fn reconnection(asked: &Asked<'_>) -> Reply {
    let result = reply::says("Reconnection test completed successfully");
    Reply::Script(Box::new(Hanging {
        is_closed: false,
        end: Some(reply::whole(asked.form, &result)),
    }))
}
