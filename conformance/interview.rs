//! Calls that ask their client before they answer, in every revision: a modern client gets all questions at once and
//! calls again with the answers; a legacy one is asked over its stream, one question after the other; those of a task
//! wait in it.

use std::collections::BTreeMap;

use serde_json::Value;
use snowflake_mcp::mcp::offer::{Ability, Asked, Reply};
use snowflake_mcp::mcp::script::{Event, Next, Notice, Question, Script};
use snowflake_mcp::mcp::tasks::Mode;
use snowflake_mcp::tools::Form;

use crate::reply;

/// The client's answers, by the key of their question.
pub(crate) type Answers = BTreeMap<&'static str, Value>;

/// What a call asks, and the result it makes of the answers.
#[derive(Debug)]
pub(crate) struct Interview {
    pub(crate) questions: Vec<(&'static str, Question)>,
    /// What a modern client has to bring back with the answers.
    pub(crate) state: Option<&'static [u8]>,
    pub(crate) conclude: fn(&Answers) -> Value,
}

impl Interview {
    /// The reply to a call: the result if everything is answered, else the questions.
    pub(crate) fn reply(self, asked: &Asked<'_>) -> Reply {
        let mut needed = self.questions.iter().map(|(_, question)| ability(question));
        if let Some(missing) = needed.find(|ability| !ability.is_among(asked.abilities)) {
            return Reply::MissingCapability(missing);
        }
        if asked.revision.is_modern() && asked.mode == Mode::Now {
            self.reply_at_once(asked)
        } else {
            Reply::Script(Box::new(Asking {
                questions: self.questions,
                conclude: self.conclude,
                form: asked.form,
            }))
        }
    }

    fn reply_at_once(self, asked: &Asked<'_>) -> Reply {
        let keys = self.questions.iter().map(|(key, _)| *key);
        let answers: Answers = keys.filter_map(|key| Some((key, answer(asked, key)?))).collect();
        let is_complete = answers.len() == self.questions.len();
        if is_complete && asked.state == self.state {
            return reply::result(&(self.conclude)(&answers));
        }
        Reply::InputRequired {
            questions: self.questions,
            state: self.state.map(<[u8]>::to_vec),
        }
    }
}

/// The client's answer to the question with this key, if it is an object.
pub(crate) fn answer(asked: &Asked<'_>, key: &str) -> Option<Value> {
    serde_json::from_str(asked.answer(key)?.get()).ok()
}

/// What `question` needs of a client.
pub(crate) fn ability(question: &Question) -> Ability {
    Ability::of_method(question.method).expect("only methods of clients are asked")
}

/// A client that is being asked.
#[derive(Debug)]
struct Asking {
    questions: Vec<(&'static str, Question)>,
    conclude: fn(&Answers) -> Value,
    form: Form,
}

impl Script for Asking {
    fn resume(&mut self, event: Event<'_>, _notices: &mut Vec<Notice>) -> Next {
        match event {
            Event::Begun | Event::Elapsed => {
                let questions = self.questions.iter().map(|(_, question)| question.clone());
                Next::Ask(questions.collect())
            }
            Event::Answered(answers) => {
                let answers = answers
                    .iter()
                    .map(|answer| serde_json::from_str(answer.get()).unwrap_or_default());
                let keys = self.questions.iter().map(|(key, _)| *key);
                let answers: Answers = keys.zip(answers).collect();
                Next::Done(reply::whole(self.form, &(self.conclude)(&answers)))
            }
            Event::Refused(error) => {
                let why = error.map_or("it cannot be asked", |error| error.get());
                let result = reply::fails(format!("The client did not answer: {why}"));
                Next::Done(reply::whole(self.form, &result))
            }
        }
    }
}
