//! Legacy sessions and their streams: how they begin, break, are resumed, answer what they are asked, and end.

use serde_json::{Value, json};
use snowflake_mcp::server::Input;

use super::client::{Ends, Wire};
use super::{Play, SESSIONS_MAX};

/// A legacy session.
pub(super) struct Session {
    pub(super) lines: String,
    pub(super) has_batches: bool,
    pub(super) is_over: bool,
}

impl Play {
    pub(super) fn open_session(&mut self) -> Result<(), String> {
        if self.sessions.iter().filter(|session| !session.is_over).count() >= SESSIONS_MAX {
            return Ok(());
        }
        let has_batches = self.random.below(3) == 0;
        let revision = if has_batches { "2025-03-26" } else { "2025-11-25" };
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "c", "version": "1"}}});
        let connection = self.post("", &body.to_string(), Ends::Now)?;
        let session = self.wires.get(&connection).and_then(Wire::session);
        let session = session.ok_or("no session begins")?;
        self.hang_up(connection);
        self.sessions.push(Session {
            lines: format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {revision}\r\n"),
            has_batches,
            is_over: false,
        });
        Ok(())
    }

    pub(super) fn any_session(&mut self, has_batches: bool) -> Option<usize> {
        let fit = |(_, session): &(usize, &Session)| !session.is_over && session.has_batches == has_batches;
        let open: Vec<usize> = self
            .sessions
            .iter()
            .enumerate()
            .filter(fit)
            .map(|(place, _)| place)
            .collect();
        let index = self.random.below(open.len().max(1) as u64) as usize;
        open.get(index).copied()
    }

    /// A connection breaks. What can be resumed is kept in mind, what cannot is wanted no more.
    pub(super) fn break_off(&mut self) -> Result<(), String> {
        let index = self.random.below(self.wires.len().max(1) as u64) as usize;
        let Some(connection) = self.wires.keys().nth(index).copied() else {
            return Ok(());
        };
        let wire = self.wires.remove(&connection).ok_or("it was there")?;
        self.handle(Input::Broken { connection });
        match (&wire.ends, &wire.last_id) {
            (
                Ends::Call {
                    session: Some(place), ..
                },
                Some(id),
            ) => {
                let broken = (*place, id.clone(), wire);
                self.broken.push(broken);
            }
            (Ends::Call { tag, .. }, None) => self.unwanted.push(tag.clone()),
            (Ends::Call { tag, session: None }, Some(_)) => self.unwanted.push(tag.clone()),
            (Ends::Batch { tags, .. }, _) => self.unwanted.extend(tags.iter().cloned()),
            (Ends::Task { .. } | Ends::Now, _) => {}
        }
        Ok(())
    }

    pub(super) fn resume(&mut self) -> Result<(), String> {
        let Some((place, id, wire)) = self.broken.pop() else {
            return Ok(());
        };
        let lines = &self.sessions[place].lines;
        let request = format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{lines}Last-Event-ID: {id}\r\n\r\n"
        );
        let ends = wire.ends.clone();
        let is_over = self.sessions[place].is_over;
        let connection = self.send(&request, ends)?;
        // What it was asked before the break is still to be answered.
        if let Some(resumed) = self.wires.get_mut(&connection) {
            resumed.questions.extend(wire.questions);
        }
        if is_over {
            self.hang_up(connection);
        }
        Ok(())
    }

    pub(super) fn end_session(&mut self) -> Result<(), String> {
        let has_batches = self.random.below(2) == 0;
        let Some(place) = self.any_session(has_batches) else {
            return Ok(());
        };
        self.sessions[place].is_over = true;
        // Its streams end, and what runs in it is cancelled; a whole response is answered so.
        for wire in self.wires.values_mut() {
            if wire.ends.session() == Some(place) && wire.is_stream() {
                self.unwanted.extend(wire.ends.tags());
                wire.is_excused = true;
            }
        }
        self.unwanted.extend(
            self.broken
                .iter()
                .filter(|(own, ..)| *own == place)
                .flat_map(|(_, _, wire)| wire.ends.tags()),
        );
        self.broken.retain(|(own, ..)| *own != place);
        let lines = self.sessions[place].lines.clone();
        let request = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
        let connection = self.send(&request, Ends::Now)?;
        self.hang_up(connection);
        Ok(())
    }

    /// Answers what was asked on streams.
    pub(super) fn answer_questions(&mut self) -> Result<(), String> {
        let mut asked: Vec<(usize, Value)> = Vec::new();
        for wire in self.wires.values_mut() {
            if let Some(place) = wire.ends.session() {
                asked.extend(wire.questions.drain(..).map(|id| (place, id)));
            }
        }
        for (place, id) in asked {
            if !self.sessions[place].is_over {
                let body = json!({"jsonrpc": "2.0", "id": id, "result": {"action": "accept"}});
                let lines = self.sessions[place].lines.clone();
                let connection = self.post(&lines, &body.to_string(), Ends::Now)?;
                self.hang_up(connection);
            }
        }
        Ok(())
    }
}
