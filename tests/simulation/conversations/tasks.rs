//! Tasks in both forms: looking at them, waiting for them, cancelling them, and answering what they ask.

use serde_json::Value;

use super::client::{Ends, Wire};
use super::{Play, legacy, modern};
use crate::backend::Progressed;

/// A task that a client knows of.
pub(super) struct Task {
    pub(super) id: String,
    pub(super) tag: String,
    /// Its session's place; `None` for the extension.
    pub(super) session: Option<usize>,
    pub(super) status: String,
    /// Its client has cancelled it.
    pub(super) is_cancelled: bool,
}

impl Play {
    /// Asks something about a task, or for its end.
    pub(super) fn ask_about_task(&mut self) -> Result<(), String> {
        let index = self.random.below(self.tasks.len().max(1) as u64) as usize;
        let Some(task) = self.tasks.get(index) else {
            return Ok(());
        };
        let (id, session) = (task.id.clone(), task.session);
        if session.is_some_and(|place| self.sessions[place].is_over) {
            return Ok(());
        }
        match (self.random.below(4), session) {
            (0, _) => {
                let task = &mut self.tasks[index];
                // Whether it comes in time is seen at the next look; who waits for the task may be told before.
                task.is_cancelled |= matches!(task.status.as_str(), "working" | "input_required");
                self.about("tasks/cancel", &id, "", session)?;
                self.look_at(index)
            }
            (1, Some(place)) => self.wait_for(index, place),
            _ => self.look_at(index),
        }
    }

    pub(super) fn about(
        &mut self,
        method: &str,
        id: &str,
        more: &str,
        session: Option<usize>,
    ) -> Result<Value, String> {
        let members = format!(r#""taskId":"{id}"{more}"#);
        let (lines, body) = match session {
            Some(place) => (self.sessions[place].lines.clone(), legacy(method, &members)),
            None => modern(method, id, &members),
        };
        self.ask(&lines, &body)
    }

    /// Looks how far a task is, and answers what it asks.
    pub(super) fn look_at(&mut self, index: usize) -> Result<(), String> {
        let (id, session) = (self.tasks[index].id.clone(), self.tasks[index].session);
        let got = self.about("tasks/get", &id, "", session)?;
        let task = &mut self.tasks[index];
        let status = got["result"]["status"]
            .as_str()
            .ok_or_else(|| format!("no status: {got}"))?;
        let is_final = |status: &str| matches!(status, "completed" | "failed" | "cancelled");
        if is_final(&task.status) && status != task.status {
            return Err(format!("a task went from {} to {status}", task.status));
        }
        if status == "cancelled" && !task.is_cancelled {
            return Err("a task is cancelled and nobody wanted that".to_owned());
        }
        if status == "failed" {
            return Err(format!("a task failed: {got}"));
        }
        task.status = status.to_owned();
        if status == "cancelled" {
            self.check_nothing_runs_for(index)?;
        }
        let task = &self.tasks[index];
        if status == "completed"
            && session.is_none()
            && !got["result"]["result"].to_string().contains(&task.tag)
        {
            return Err(format!("somebody else's result, awaiting {}: {got}", task.tag));
        }
        if let Some(questions) = got["result"]["inputRequests"].as_object() {
            let answers: Vec<String> = questions
                .keys()
                .map(|key| format!(r#""{key}":{{"action":"accept"}}"#))
                .collect();
            let more = format!(r#","inputResponses":{{{}}}"#, answers.join(","));
            self.about("tasks/update", &id, &more, session)?;
        }
        Ok(())
    }

    /// What a task ran that is cancelled is stopped, and takes no further step.
    pub(super) fn check_nothing_runs_for(&mut self, index: usize) -> Result<(), String> {
        let tag = &self.tasks[index].tag;
        for (job, progressed) in self.workers.jobs_of(|own| own == tag) {
            let is_interrupted = false;
            if progressed == (Progressed::Running { is_interrupted }) {
                return Err(format!("{tag} is cancelled and its {job} runs on"));
            }
            self.workers.unwanted.insert(job);
        }
        Ok(())
    }

    /// Looks at every task that can be looked at; where the core form asks something, it asks who waits for the result.
    pub(super) fn look_after_tasks(&mut self) -> Result<(), String> {
        for index in 0..self.tasks.len() {
            let (task, session) = (&self.tasks[index], self.tasks[index].session);
            let is_over = matches!(task.status.as_str(), "completed" | "failed" | "cancelled");
            if is_over || session.is_some_and(|place| self.sessions[place].is_over) {
                continue;
            }
            self.look_at(index)?;
            let task = &self.tasks[index];
            let waits = |wire: &Wire| matches!(&wire.ends, Ends::Task { tag, .. } if *tag == task.tag);
            if let Some(place) = session
                && task.status == "input_required"
                && !self.wires.values().any(waits)
            {
                self.wait_for(index, place)?;
            }
        }
        Ok(())
    }

    pub(super) fn wait_for(&mut self, index: usize, session: usize) -> Result<(), String> {
        let (id, tag) = (&self.tasks[index].id, self.tasks[index].tag.clone());
        let lines = self.sessions[session].lines.clone();
        let body = legacy("tasks/result", &format!(r#""taskId":"{id}""#));
        self.post(&lines, &body, Ends::Task { tag, session })?;
        Ok(())
    }
}
