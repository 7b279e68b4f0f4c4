//! What a role may do besides reading, from what `SHOW GRANTS` tells. Pure: it says what to ask next, and is told the rows.
//!
//! A role has its own privileges and those of every role that was granted to it, and a session also those of its secondary
//! roles and of PUBLIC. So roles are asked about level by level. What cannot be read is a gap: who must know that a role only
//! reads does not know it then.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ResultSet;
use super::kept::{Mark, Who};
use crate::limits::Limits;
use crate::sql::identifier::{Identifier, QualifiedName};

/// What a role may do, as it was found at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// As whom statements run with it.
    pub who: Who,
    /// The role, as Snowflake names it; empty where that is not known.
    pub role: Box<str>,
    /// Roles whose grants were read, its own included.
    pub roles: usize,
    /// Privileges that allow more than reading.
    pub count: u64,
    /// The first of them, in words.
    pub first: Vec<Box<str>>,
    /// Why there may be more, if not everything could be read.
    pub gap: Option<Box<str>>,
    /// When, for a reader: RFC 3339.
    pub at: Box<str>,
    /// Another number when something else was found.
    pub mark: u64,
}

/// What a report comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The role reads and can do nothing else.
    Reads,
    /// It can do more.
    DoesMore,
    /// Not everything could be read, and what was read only reads.
    Unknown,
}

impl Verdict {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::DoesMore => "more than reads",
            Self::Unknown => "unknown",
        }
    }
}

impl Report {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        match (self.count, &self.gap) {
            (0, None) => Verdict::Reads,
            (0, Some(_)) => Verdict::Unknown,
            _ => Verdict::DoesMore,
        }
    }

    /// What it found, in words that complete "the role …".
    pub fn sentence(&self) -> String {
        let role = if self.role.is_empty() {
            "of this login"
        } else {
            &self.role
        };
        let gap = self.gap.as_deref().unwrap_or_default();
        match self.verdict() {
            Verdict::Reads => format!("{role} can only read ({} roles looked at)", self.roles),
            Verdict::Unknown => format!("{role} may be able to do more than read: {gap}"),
            Verdict::DoesMore => {
                let more = if self.count > self.first.len() as u64 {
                    ", …"
                } else {
                    ""
                };
                let first = self.first.join(", ");
                let s = if self.count == 1 { "" } else { "s" };
                let besides = if gap.is_empty() {
                    ""
                } else {
                    "; and not all is known: "
                };
                format!(
                    "{role} can do more than read, it has {} privilege{s} for that: {first}{more}{besides}{gap}",
                    self.count
                )
            }
        }
    }
}

/// A role whose grants are to be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Role {
    /// `ROLE`, `DATABASE ROLE` or `APPLICATION ROLE`.
    kind: &'static str,
    /// In quotes, as it goes into SQL.
    quoted: String,
}

/// A reading of grants that is under way.
#[derive(Debug)]
pub struct Reading {
    report: Report,
    mark: Mark,
    /// Every role met so far.
    met: BTreeSet<Role>,
    /// Those of them that are still to be asked about.
    level: Vec<Role>,
    roles_max: usize,
    has_begun: bool,
}

impl Reading {
    /// A reading that has not begun.
    pub fn new(who: Who, limits: &Limits) -> Self {
        Self {
            report: Report {
                who,
                role: Box::default(),
                roles: 0,
                count: 0,
                first: Vec::new(),
                gap: None,
                at: Box::default(),
                mark: 0,
            },
            mark: Mark::default(),
            met: BTreeSet::new(),
            level: Vec::new(),
            roles_max: limits.audit_roles_max,
            has_begun: false,
        }
    }

    /// What to ask next, and how many of these statements, at the end, may fail for want of their object. Nothing when it is over.
    pub fn statements(&self) -> (Vec<String>, usize) {
        if !self.has_begun {
            // An engine without secondary roles does not know the second.
            return (vec![OWN_ROLE.to_owned(), SECONDARY_ROLES.to_owned()], 1);
        }
        let shown = self.level.iter().take(ROLES_AT_ONCE);
        let statements: Vec<String> = shown
            .map(|role| format!("SHOW GRANTS TO {} {}", role.kind, role.quoted))
            .collect();
        let optional = statements.len();
        (statements, optional)
    }

    /// Takes the answers to [`Reading::statements`].
    pub fn take(&mut self, results: &[ResultSet]) {
        if self.has_begun {
            let asked: Vec<Role> = self.level.drain(..self.level.len().min(ROLES_AT_ONCE)).collect();
            for (index, role) in asked.iter().enumerate() {
                self.take_grants(role, results.get(index));
            }
        } else {
            self.has_begun = true;
            self.take_session(results);
        }
    }

    /// Whether there is nothing more to ask.
    pub fn is_over(&self) -> bool {
        self.has_begun && self.level.is_empty()
    }

    /// What was found, at the time `at`.
    pub fn into_report(self, at: String) -> Report {
        Report {
            at: at.into(),
            mark: self.mark.get(),
            ..self.report
        }
    }

    /// What is to be said when it could not be finished.
    pub fn into_failure(mut self, why: &str, at: String) -> Report {
        self.note_gap(format!("its grants could not be read ({why})"));
        self.into_report(at)
    }

    fn take_session(&mut self, results: &[ResultSet]) {
        let cell = |index: usize, name: &str| {
            let row = results.get(index).and_then(|result| result.rows().next())?;
            row.text(name).map(str::to_owned)
        };
        match cell(0, "ROLE") {
            Some(name) => {
                self.report.role = shortened(&name).into();
                if SYSTEM_ROLES.contains(&name.as_str()) {
                    self.note_power(&format!("everything that {name} administers"));
                }
                self.meet_text("ROLE", &format!("\"{}\"", name.replace('"', "\"\"")));
            }
            None => self.note_gap("the session has no role that can be named".to_owned()),
        }
        if let Some(text) = cell(1, "SECONDARY") {
            let parsed: Option<Value> = serde_json::from_str(&text).ok();
            match parsed.as_ref().and_then(|value| value.get("roles")?.as_str()) {
                Some(roles) => {
                    let names = roles.split(',').filter(|name| !name.trim().is_empty());
                    for name in names {
                        self.meet_text("ROLE", name.trim());
                    }
                }
                None => self.note_gap("the secondary roles of the session cannot be read".to_owned()),
            }
        }
        // Every role has what PUBLIC has, without being told so.
        self.meet_text("ROLE", "PUBLIC");
    }

    fn take_grants(&mut self, role: &Role, result: Option<&ResultSet>) {
        let Some(result) = result.filter(|result| !result.columns.is_empty()) else {
            return self.note_gap(format!("the grants of {} cannot be seen", role.quoted));
        };
        self.report.roles += 1;
        if result.is_truncated() {
            self.note_gap(format!("{} has more grants than are read", role.quoted));
        }
        for row in result.rows() {
            let text = |name: &str| row.text(name).unwrap_or_default();
            let privilege = text("privilege").to_ascii_uppercase();
            if privilege.is_empty() {
                return self.note_gap("SHOW GRANTS has no column that is called privilege".to_owned());
            }
            let (on, name) = (text("granted_on").replace('_', " "), text("name"));
            self.mark.add(format!("{privilege} {on} {name}").as_bytes());
            let kind = ROLE_KINDS.into_iter().find(|kind| *kind == on);
            let can_pass_on = text("grant_option").eq_ignore_ascii_case("true");
            if privilege == "USAGE"
                && let Some(kind) = kind
            {
                self.meet_text(kind, name);
            }
            if !is_read(&privilege, &on) || can_pass_on {
                let option = if can_pass_on { " with grant option" } else { "" };
                self.note_power(&format!("{privilege} on {on} {name}{option}"));
            }
        }
    }

    /// A role that is active or was granted: its grants are read too, if they can be.
    fn meet_text(&mut self, kind: &'static str, name: &str) {
        let quoted = match kind {
            "ROLE" if name.starts_with('"') => name.parse::<Identifier>().map(|name| name.to_quoted()),
            "ROLE" => Identifier::exact(name).map(|name| name.to_quoted()),
            _ => match name.parse::<QualifiedName>() {
                // What Snowflake's own database lets see is not ours to grant, and writes nothing of ours.
                Ok(name) if name.schema().is_some_and(|owner| owner.as_str() == "SNOWFLAKE") => return,
                name => name.map(|name| name.to_quoted()),
            },
        };
        let Ok(quoted) = quoted else {
            return self.note_gap(format!("{} is no name of a role", shortened(name)));
        };
        if kind == "ROLE" && SYSTEM_ROLES.contains(&name.trim_matches('"')) && !self.met.is_empty() {
            self.note_power(&format!("USAGE on ROLE {name}"));
        }
        let role = Role { kind, quoted };
        if self.met.contains(&role) {
            return;
        }
        if self.met.len() >= self.roles_max {
            let max = self.roles_max;
            return self.note_gap(format!(
                "more than {max} roles were granted to it, one to another"
            ));
        }
        self.met.insert(role.clone());
        self.level.push(role);
    }

    fn note_power(&mut self, what: &str) {
        self.report.count += 1;
        if self.report.first.len() < FIRST_MAX {
            self.report.first.push(shortened(what).into());
        }
    }

    /// The first gap is told: one is enough not to know.
    fn note_gap(&mut self, gap: String) {
        self.mark.add(gap.as_bytes());
        self.report.gap.get_or_insert_with(|| gap.into());
    }
}

/// Whether a privilege on such an object lets its holder see things and nothing else. One that nobody here knows does not
/// count as such.
fn is_read(privilege: &str, on: &str) -> bool {
    if privilege == "USAGE" && USED_TO_WRITE.contains(&on) {
        return false;
    }
    READS.contains(&privilege) || READS_BEGIN.iter().any(|begin| privilege.starts_with(begin))
}

fn shortened(text: &str) -> &str {
    let end = text.char_indices().nth(NAME_CHARS_MAX);
    &text[..end.map_or(text.len(), |(end, _)| end)]
}

const OWN_ROLE: &str = "SELECT CURRENT_ROLE() AS \"ROLE\"";
const SECONDARY_ROLES: &str = "SELECT CURRENT_SECONDARY_ROLES() AS \"SECONDARY\"";
/// What `SHOW GRANTS` says a privilege is on when a role was granted.
const ROLE_KINDS: [&str; 3] = ["ROLE", "DATABASE ROLE", "APPLICATION ROLE"];
const READS: [&str; 8] = [
    "USAGE",
    "SELECT",
    "REFERENCES",
    "REFERENCE_USAGE",
    "READ",
    "MONITOR",
    "IMPORTED PRIVILEGES",
    "RESOLVE ALL",
];
/// Who uses a procedure has it do what its owner may; who uses an external stage can unload tables to it.
const USED_TO_WRITE: [&str; 2] = ["PROCEDURE", "STAGE"];
const READS_BEGIN: [&str; 3] = ["MONITOR ", "READ ", "VIEW "];
/// They administer by being what they are, whatever was granted to them.
const SYSTEM_ROLES: [&str; 6] = [
    "ACCOUNTADMIN",
    "SECURITYADMIN",
    "USERADMIN",
    "SYSADMIN",
    "ORGADMIN",
    "GLOBALORGADMIN",
];
/// Roles that are asked about in one round: what they have is in memory at once.
const ROLES_AT_ONCE: usize = 4;
/// Privileges that a report names.
const FIRST_MAX: usize = 5;
/// Of a name that is told.
const NAME_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests;
