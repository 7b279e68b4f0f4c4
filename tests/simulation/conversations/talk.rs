//! A tool that waits and asks before it answers, as often as its arguments say.

use std::time::Duration;

use snowflake_mcp::mcp::entry::ToolEntry;
use snowflake_mcp::mcp::offer::{Asked, Offer, Reply};
use snowflake_mcp::mcp::script::{Event, Next, Notice, Question, Script};
use snowflake_mcp::mcp::tasks::{Mode, Support};
use snowflake_mcp::mcp::{Level, Payload};
use snowflake_mcp::tools::Form;

#[derive(Debug)]
pub(super) struct Talker {
    tools: Vec<ToolEntry>,
}

impl Talker {
    pub(super) fn new() -> Self {
        let entry = ToolEntry {
            name: "talk".to_owned(),
            description: "Waits and asks".to_owned(),
            input_schema: r#"{"type":"object"}"#.to_owned(),
            task_support: Support::Optional,
            ..ToolEntry::default()
        };
        Self { tools: vec![entry] }
    }
}

impl Offer for Talker {
    fn tools(&self) -> &[ToolEntry] {
        &self.tools
    }

    fn call_tool(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        let number = |name| asked.argument(name)?.get().parse::<u32>().ok();
        let can_ask = asked.mode != Mode::Now || !asked.revision.is_modern();
        (name == "talk").then(|| {
            Reply::Script(Box::new(Talk {
                tag: asked.text("tag").unwrap_or_default().into_owned(),
                waits: number("waits").unwrap_or(0),
                asks: number("asks").filter(|_| can_ask).unwrap_or(0) as usize,
                form: asked.form,
            }))
        })
    }
}

#[derive(Debug)]
struct Talk {
    tag: String,
    waits: u32,
    /// Questions that are put together, after everything was waited for.
    asks: usize,
    form: Form,
}

impl Script for Talk {
    fn resume(&mut self, event: Event<'_>, notices: &mut Vec<Notice>) -> Next {
        notices.push(Notice::Progress {
            progress: 1.0 / f64::from(self.waits + 1),
            total: None,
            message: None,
        });
        notices.push(Notice::Log {
            level: Level::Debug,
            data: b"1".to_vec(),
        });
        match event {
            Event::Answered(answers) => assert_eq!(answers.len(), self.asks, "an answer to each question"),
            Event::Refused(error) => {
                let what = error.map_or("it cannot be asked", |error| error.get());
                return self.ends(&format!("refused: {}", what.replace('"', "'")));
            }
            Event::Begun | Event::Elapsed if self.waits > 0 => {
                self.waits -= 1;
                return Next::Wait(Duration::from_millis(30));
            }
            Event::Begun | Event::Elapsed if self.asks > 0 => {
                let question = Question {
                    method: "elicitation/create",
                    params: br#"{"message":"?"}"#.to_vec(),
                };
                return Next::Ask(vec![question; self.asks]);
            }
            Event::Begun | Event::Elapsed => {}
        }
        self.ends("done")
    }
}

impl Talk {
    fn ends(&self, how: &str) -> Next {
        let text = format!("{} {how}", self.tag);
        let members = format!(r#""content":[{{"type":"text","text":"{text}"}}],"isError":false"#);
        Next::Done(Payload::Owned(self.form.object(&[members.as_bytes()])))
    }
}
