//! What is called: statements and scripts, alone, in batches, and on behalf of statements that were let go.

use serde_json::{Value, json};

use super::client::Ends;
use super::{Play, legacy, modern};
use crate::backend::Behaviour;

impl Play {
    pub(super) fn tag(&mut self) -> String {
        self.made += 1;
        format!("c-{}x", self.made)
    }

    /// Name and arguments of a call, and its tag.
    pub(super) fn draw_call(&mut self) -> (String, String) {
        let tag = self.tag();
        let members = match self.random.below(3) {
            0 => {
                let (waits, asks) = (self.random.below(3), self.random.below(3));
                format!(r#""name":"talk","arguments":{{"tag":"{tag}","waits":{waits},"asks":{asks}}}"#)
            }
            _ => {
                let behaviour = match self.random.below(4) {
                    0 => Behaviour::Ok,
                    1 => Behaviour::Alone(1 + self.random.below(9) as u32),
                    _ => Behaviour::Again(1 + self.random.below(6) as u32),
                };
                if matches!(behaviour, Behaviour::Alone(_)) {
                    self.alone.insert(tag.clone());
                }
                let statement = behaviour.statement(&tag);
                format!(r#""name":"execute_query","arguments":{{"query":"{statement}"}}"#)
            }
        };
        (members, tag)
    }

    pub(super) fn call(&mut self) -> Result<(), String> {
        let (members, tag) = self.draw_call();
        match (self.random.below(3), self.any_session(false)) {
            (0, _) | (_, None) => {
                let name = if members.contains("talk") {
                    "talk"
                } else {
                    "execute_query"
                };
                let (lines, body) = modern("tools/call", name, &members);
                self.post(&lines, &body, Ends::Call { tag, session: None })?;
            }
            (kind, Some(place)) => {
                let lines = self.sessions[place].lines.clone();
                let more = if kind == 1 {
                    r#""task":{}"#
                } else {
                    r#""_meta":{"progressToken":"t"}"#
                };
                let body = legacy("tools/call", &format!("{members},{more}"));
                let session = Some(place);
                self.post(&lines, &body, Ends::Call { tag, session })?;
            }
        }
        Ok(())
    }

    pub(super) fn batch(&mut self) -> Result<(), String> {
        let Some(place) = self.any_session(true) else {
            return Ok(());
        };
        let mut tags = Vec::new();
        let mut calls = Vec::new();
        for id in 0..1 + self.random.below(3) {
            let tag = self.tag();
            let statement = Behaviour::Again(self.random.below(4) as u32).statement(&tag);
            calls.push(
                json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
                "name": "execute_query", "arguments": {"query": statement}}}),
            );
            tags.push(tag);
        }
        let (lines, body) = (
            self.sessions[place].lines.clone(),
            Value::Array(calls).to_string(),
        );
        self.post(&lines, &body, Ends::Batch { tags, session: place })?;
        Ok(())
    }

    /// Asks for the rows of a statement that goes on without its caller, or for its end.
    pub(super) fn read_on(&mut self) -> Result<(), String> {
        let Some((tag, session)) = self.let_go.pop() else {
            return Ok(());
        };
        let tool = match self.random.below(4) {
            0 => "cancel_query",
            _ => "get_query_result",
        };
        let members = format!(r#""name":"{tool}","arguments":{{"query_id":"{tag}"}}"#);
        let (lines, body) = match session {
            Some(place) if self.sessions[place].is_over => return Ok(()),
            Some(place) => (self.sessions[place].lines.clone(), legacy("tools/call", &members)),
            None => modern("tools/call", tool, &members),
        };
        self.post(&lines, &body, Ends::Call { tag, session })?;
        Ok(())
    }
}
