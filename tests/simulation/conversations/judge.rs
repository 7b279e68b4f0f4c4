//! Whether a reply is the one that was asked for, and whether anything runs on for nobody.

use serde_json::Value;
use snowflake_mcp::server::Metric;

use super::Play;
use super::client::Ends;
use super::tasks::Task;
use crate::backend::Progressed;

impl Play {
    /// Whether a reply is the one that was asked for.
    pub(super) fn check(&mut self, ends: &Ends, reply: &Value) -> Result<(), String> {
        let is_unwanted = ends.tags().iter().any(|tag| self.unwanted.contains(tag));
        let is_over = ends.session().is_some_and(|place| self.sessions[place].is_over);
        let result = &reply["result"];
        let created = if result["resultType"] == "task" {
            result
        } else {
            &result["task"]
        };
        if let Ends::Call { tag, session } = ends
            && result["structuredContent"]["status"] == "running"
        {
            self.times_let_go += 1;
            self.let_go.push((tag.clone(), *session));
        }
        match ends {
            Ends::Call { tag, session } if created.is_object() => self.tasks.push(Task {
                id: created["taskId"].as_str().unwrap_or_default().to_owned(),
                tag: tag.clone(),
                session: *session,
                status: created["status"].as_str().unwrap_or_default().to_owned(),
                is_cancelled: false,
            }),
            Ends::Task { tag, .. } => {
                let is_cancelled = |task: &Task| task.tag == *tag && task.is_cancelled;
                let may_fail = is_over || self.tasks.iter().any(is_cancelled);
                if !may_fail && !result.to_string().contains(tag) {
                    return Err(format!("somebody else's result, awaiting {tag}: {reply}"));
                }
            }
            Ends::Batch { tags, .. } => {
                let replies = reply.as_array().ok_or_else(|| format!("no array: {reply}"))?;
                let is_whole = replies.len() == tags.len()
                    && tags
                        .iter()
                        .all(|tag| replies.iter().any(|reply| reply.to_string().contains(tag)));
                if !is_whole && !is_over {
                    return Err(format!("not the batch of {tags:?}: {reply}"));
                }
            }
            Ends::Call { tag, .. } if !is_unwanted && !is_over && !result.to_string().contains(tag) => {
                return Err(format!("somebody else's reply, awaiting {tag}: {reply}"));
            }
            Ends::Call { .. } | Ends::Now => {}
        }
        Ok(())
    }

    /// Nothing runs on for nobody.
    pub(super) fn check_workers(&self) -> Result<(), String> {
        if self.server.jobs() > 0 {
            return Err(format!("{} jobs do not end", self.server.jobs()));
        }
        let mut forgotten = 0;
        for (job, (tag, progressed)) in &self.workers.jobs {
            if *progressed == Progressed::Done {
                continue;
            }
            // Between two steps, a job is forgotten that nobody needs: its statement goes on by itself.
            let is_reader = self.workers.readers.contains(job);
            let may_be_forgotten = is_reader || self.alone.contains(tag);
            if *progressed != Progressed::Waiting || !may_be_forgotten {
                return Err(format!("{job} ({tag}) is {progressed:?} when all is over"));
            }
            forgotten += u64::from(!is_reader);
        }
        let let_go = self.server.metrics().value(Metric::CallsLetGo);
        if forgotten > let_go {
            return Err(format!(
                "{forgotten} jobs are forgotten, and {let_go} calls were let go"
            ));
        }
        Ok(())
    }
}
