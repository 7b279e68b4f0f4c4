//! What callers may do, out of the settings and the policy file: one layer of words for each place where something
//! is said, laid over one another and then read.
//!
//! ```text
//! file, top level ◄─ environment, flags ◄─ [role.NAME] ◄─ [key.LABEL]        what stands further right wins, word by word
//! ```

mod file;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::setting as s;
use super::source::{Found, Sources};
use super::{Error, value};
use crate::access::Mark;
use crate::access::identity::Kind;
use crate::limits::Limits;
use crate::sql::guard::{Permission, Policy};
use crate::sql::identifier::Identifier;
use crate::sql::objects::ObjectRules;
use crate::sql::ruling::{CostRules, Ruling, Rulings, Special, Unexplained};

/// What is said in one place; what is not said there is taken from the layer below.
#[derive(Debug, Clone, Default)]
struct Layer {
    lists: BTreeMap<&'static str, Vec<String>>,
    numbers: BTreeMap<&'static str, u64>,
    switches: BTreeMap<&'static str, bool>,
    unexplained: Option<Unexplained>,
}

// The words of the file. Lists:
const COMMANDS: &str = "allowed_commands";
const WRITES: &str = "allow_write";
const PERMISSIONS: &str = "permissions";
const FUNCTIONS_ALLOWED: &str = "allow_functions";
const FUNCTIONS_DENIED: &str = "deny_functions";
const OBJECTS_ALLOWED: &str = "allow_objects";
const OBJECTS_DENIED: &str = "deny_objects";
const LISTS: [&str; 7] = [
    COMMANDS,
    WRITES,
    PERMISSIONS,
    FUNCTIONS_ALLOWED,
    FUNCTIONS_DENIED,
    OBJECTS_ALLOWED,
    OBJECTS_DENIED,
];
// Numbers:
const ROWS: &str = "max_rows";
const RESULT_BYTES: &str = "max_result_bytes";
const SCAN_BYTES: &str = "max_scan_bytes";
const PARTITIONS: &str = "max_partitions";
const SCAN_BYTES_UNASKED: &str = "confirm_scan_bytes";
const PARTITIONS_UNASKED: &str = "confirm_partitions";
const NUMBERS: [&str; 6] = [
    ROWS,
    RESULT_BYTES,
    SCAN_BYTES,
    PARTITIONS,
    SCAN_BYTES_UNASKED,
    PARTITIONS_UNASKED,
];
// Switches:
const WRITES_ASKED: &str = "confirm_writes";
const SWITCHES: [&str; 1] = [WRITES_ASKED];
// And one word:
const ON_FAILURE: &str = "on_explain_failure";

/// What [`ON_FAILURE`] can be.
const UNEXPLAINED: [(&str, Unexplained); 2] = [("refuse", Unexplained::Refused), ("run", Unexplained::Runs)];

/// Roles or keys of a file: every pair of them is a ruling.
const SECTIONS_MAX: usize = 64;

/// What callers may do.
///
/// # Errors
/// A setting, or a place in the file, that is wrong.
pub(super) fn read(sources: &Sources, limits: &Limits) -> Result<Rulings, Error> {
    let file = match sources.policy_file() {
        Some((found, text)) => {
            let text = text.map_err(|trouble| Error::value(found, trouble))?;
            let file = file::read(text).map_err(|wrong| Error::in_file(found, wrong));
            Some((found, file?))
        }
        None => None,
    };
    let mut base = Layer::default();
    if let Some((_, file)) = &file {
        base = file.base.clone();
    }
    base.lay(&of_settings(sources)?);
    let wrong = |section: String| {
        let file = &file;
        move |text: String| match file {
            Some((found, _)) => Error::in_file(found, format!("{section}{text}")),
            None => Error::Limits(text),
        }
    };
    let ruling = base.ruling(limits).map_err(wrong(String::new()))?;
    let mut special = Vec::new();
    if let Some((_, file)) = &file {
        for (role, key) in pairs(file) {
            let mut layer = base.clone();
            let mut section = String::new();
            for (kind, name, sections) in [("role", role, &file.roles), ("key", key, &file.keys)] {
                if let Some(over) = name.and_then(|name| sections.get(name)) {
                    layer.lay(over);
                    section = format!("[{kind}.{}] ", name.map_or("", String::as_str));
                }
            }
            let ruling = layer.ruling(limits).map_err(wrong(section))?;
            special.push(Special {
                role: role.map(|name| exact(name)),
                key: key.map(|label| mark(label).as_bytes().to_vec()),
                ruling: Arc::new(ruling),
            });
        }
    }
    Ok(Rulings::new(ruling, special))
}

/// What calls with the key of this label are bound to.
pub fn mark(label: &str) -> Mark {
    Mark::of(Kind::Key, label)
}

/// Every role, every key, and both.
fn pairs(file: &file::File) -> impl Iterator<Item = (Option<&String>, Option<&String>)> {
    let of = |sections: &BTreeMap<String, Layer>| sections.len();
    debug_assert!(of(&file.roles) <= SECTIONS_MAX && of(&file.keys) <= SECTIONS_MAX);
    let roles = || file.roles.keys().map(Some).chain([None]);
    let keys = || file.keys.keys().map(Some).chain([None]);
    let pairs = roles().flat_map(move |role| keys().map(move |key| (role, key)));
    pairs.filter(|(role, key)| role.is_some() || key.is_some())
}

/// A role as Snowflake stores it, from how SQL writes it.
pub fn exact(role: &str) -> String {
    let parsed = role.parse::<Identifier>();
    parsed.map_or_else(|_| role.to_owned(), |name| name.as_str().to_owned())
}

/// What flags, the environment and `.env` say.
fn of_settings(sources: &Sources) -> Result<Layer, Error> {
    let mut layer = Layer::default();
    for (setting, name) in [
        (&s::ALLOWED_COMMANDS, COMMANDS),
        (&s::ALLOW_WRITE, WRITES),
        (&s::ALLOWED_OBJECTS, OBJECTS_ALLOWED),
        (&s::DENIED_OBJECTS, OBJECTS_DENIED),
    ] {
        if let Some(found) = sources.find(setting) {
            check_list(&found, name)?;
            let texts = value::list(&found).into_iter().map(str::to_owned);
            layer.lists.insert(name, texts.collect());
        }
    }
    for (setting, name) in [
        (&s::SCAN_BYTES_MAX, SCAN_BYTES),
        (&s::SCAN_BYTES_UNASKED_MAX, SCAN_BYTES_UNASKED),
    ] {
        if let Some(found) = sources.find(setting) {
            let bytes = bytes_of(&found.value).ok_or_else(|| Error::value(&found, BYTES_EXPECTED))?;
            layer.numbers.insert(name, bytes);
        }
    }
    for (setting, name) in [
        (&s::PARTITIONS_MAX, PARTITIONS),
        (&s::PARTITIONS_UNASKED_MAX, PARTITIONS_UNASKED),
    ] {
        if let Some(found) = sources.find(setting) {
            layer.numbers.insert(name, value::number(&found, 1..=u64::MAX)?);
        }
    }
    if let Some(found) = sources.find(&s::CONFIRM_WRITES) {
        layer.switches.insert(WRITES_ASKED, value::switch(&found)?);
    }
    if let Some(found) = sources.find(&s::UNEXPLAINED) {
        layer.unexplained = Some(value::choice(&found, &UNEXPLAINED)?);
    }
    Ok(layer)
}

/// Refuses a list with the name of its setting, which the layers no longer know.
fn check_list(found: &Found, name: &'static str) -> Result<(), Error> {
    let value = &found.value;
    let wrong = match name {
        COMMANDS => Policy::from_allowed_commands(value)
            .err()
            .map(|error| error.to_string()),
        WRITES => Policy::default()
            .with_writes(value)
            .err()
            .map(|error| error.to_string()),
        _ => ObjectRules::new(&value::list(found), &[])
            .err()
            .map(|error| error.to_string()),
    };
    wrong.map_or(Ok(()), |wrong| Err(Error::value(found, wrong)))
}

impl Layer {
    /// Lays `over` on this one.
    fn lay(&mut self, over: &Self) {
        let lists = over.lists.iter().map(|(name, list)| (*name, list.clone()));
        self.lists.extend(lists);
        self.numbers.extend(&over.numbers);
        self.switches.extend(&over.switches);
        self.unexplained = over.unexplained.or(self.unexplained);
    }

    fn list(&self, name: &str) -> &[String] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }

    /// What it means.
    fn ruling(&self, limits: &Limits) -> Result<Ruling, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let mut policy = Policy::default();
        if self.lists.contains_key(COMMANDS) {
            let commands = self.list(COMMANDS).join(",");
            policy = Policy::from_allowed_commands(&commands).map_err(|error| said(&error))?;
        }
        policy = policy
            .with_statement_bytes_max(limits.statement_bytes_max)
            .with_writes(&self.list(WRITES).join(","))
            .map_err(|error| said(&error))?;
        for name in self.list(PERMISSIONS) {
            let permission = Permission::of_name(name).map_err(|error| said(&error))?;
            policy = policy.with_permission(permission);
        }
        for name in self.list(FUNCTIONS_ALLOWED) {
            policy = policy.with_allowed_function(name);
        }
        for name in self.list(FUNCTIONS_DENIED) {
            policy = policy.with_denied_function(name);
        }
        let objects = ObjectRules::new(self.list(OBJECTS_ALLOWED), self.list(OBJECTS_DENIED))
            .map_err(|error| said(&error))?;
        Ok(Ruling {
            policy,
            objects,
            cost: CostRules {
                scan_bytes_max: self.number(SCAN_BYTES),
                partitions_max: self.number(PARTITIONS),
                scan_bytes_unasked_max: self.number(SCAN_BYTES_UNASKED),
                partitions_unasked_max: self.number(PARTITIONS_UNASKED),
                unexplained: self.unexplained.unwrap_or_default(),
            },
            rows_max: self.number(ROWS),
            result_bytes_max: self
                .number(RESULT_BYTES)
                .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            writes_unasked: self.switches.get(WRITES_ASKED) == Some(&false),
        })
    }
}

const BYTES_EXPECTED: &str = "expected bytes, as a number or with a unit: 500 MB, 10 GiB";

/// A number of bytes, with or without a unit.
fn bytes_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KIB" => 1 << 10,
        "MIB" => 1 << 20,
        "GIB" => 1 << 30,
        "TIB" => 1 << 40,
        _ => return None,
    };
    digits
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)
        .filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests;
