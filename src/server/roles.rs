//! What the roles in use may do besides reading, as the engine's audit of roles last found it: for the documents and the
//! metrics. It decides nothing: whether a role is used is the engine's business.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::core::Core;
use crate::backend::grants::{Report, Verdict};
use crate::backend::kept::Who;
use crate::backend::{Completion, Outcome};

/// The last report of each role.
#[derive(Debug)]
pub(super) struct Roles {
    reports: BTreeMap<Who, Report>,
    reports_max: usize,
}

impl Roles {
    pub(super) fn new(reports_max: usize) -> Self {
        Self {
            reports: BTreeMap::new(),
            reports_max,
        }
    }

    /// Learns what was found. Without room the one that was found longest ago goes.
    pub(super) fn note(&mut self, report: Report) {
        if self.reports.len() >= self.reports_max && !self.reports.contains_key(&report.who) {
            let oldest = self.reports.values().min_by(|one, other| one.at.cmp(&other.at));
            if let Some(who) = oldest.map(|report| report.who.clone()) {
                self.reports.remove(&who);
            }
        }
        self.reports.insert(report.who.clone(), report);
    }

    /// Privileges that allow more than reading, of all roles in use.
    pub(super) fn privileges(&self) -> u64 {
        self.reports.values().map(|report| report.count).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// For `/health/detailed`: those that can do more first.
    pub(super) fn to_json(&self) -> Value {
        let mut reports: Vec<_> = self.reports.values().collect();
        reports.sort_by_key(|report| {
            (
                report.verdict() == Verdict::Reads,
                std::cmp::Reverse(report.count),
            )
        });
        let told = reports.into_iter().take(TOLD_MAX).map(|report| {
            json!({
                "connection": (!report.who.connection.is_empty()).then_some(&report.who.connection),
                "role": report.role,
                "status": report.verdict().name(),
                "privileges": report.count,
                "first": report.first,
                "roles_read": report.roles,
                "gap": report.gap,
                "as_of": report.at,
            })
        });
        told.collect()
    }
}

impl Core {
    /// Takes note of what a step found out about its role.
    pub(super) fn note_role(&mut self, completion: &mut Completion) {
        if let Outcome::Again { job, .. } = &mut completion.outcome
            && let Some(report) = job.reached.role.take()
        {
            self.roles.note(*report);
        }
    }
}

/// Roles that the document tells.
const TOLD_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(role: &str, count: u64, at: &str) -> Report {
        Report {
            who: Who {
                role: role.into(),
                ..Who::default()
            },
            role: role.into(),
            roles: 2,
            count,
            first: Vec::new(),
            gap: None,
            at: at.into(),
            mark: 0,
        }
    }

    #[test]
    fn the_last_report_of_each_role_is_told_those_that_do_more_first() {
        let mut roles = Roles::new(2);
        roles.note(report("OLD", 7, "1"));
        roles.note(report("READER", 0, "2"));
        roles.note(report("WRITER", 3, "3"));
        assert_eq!(roles.privileges(), 3, "the oldest made room");
        let told = roles.to_json();
        let told: Vec<_> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|role| &role["role"])
            .collect();
        assert_eq!(told, ["WRITER", "READER"]);
        roles.note(report("WRITER", 0, "4"));
        assert_eq!(roles.privileges(), 0);
    }
}
