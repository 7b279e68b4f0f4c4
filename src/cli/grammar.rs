//! How a command line is read: commands as data, and what of them was typed.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::{Arg, Parser};
use snowflake_mcp::config::setting::Setting;
use snowflake_mcp::similar;

use super::{Run, help};

/// What the program is called.
pub(crate) const PROGRAM: &str = "snowflake-mcp";

/// A command: a word behind the program's name, or behind the word of a group.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
    /// What its help ends with.
    pub(crate) more: &'static str,
}

/// Whether other commands follow.
pub(crate) enum Kind {
    Group(&'static [Command]),
    Leaf(Leaf),
}

/// What a command takes.
pub(crate) struct Leaf {
    pub(crate) flags: &'static [Flag],
    pub(crate) operand: Option<Operand>,
    /// What is to be done; `Err` says what is wrong with it.
    pub(crate) make: fn(Typed) -> Result<Run, String>,
}

/// A name with two dashes.
pub(crate) struct Flag {
    /// With its dashes.
    pub(crate) name: &'static str,
    /// What its value is called. None: there is none, the name alone says yes.
    pub(crate) value: Option<&'static str>,
    pub(crate) meaning: Meaning,
    pub(crate) is_required: bool,
}

/// Where the words about a flag stand.
pub(crate) enum Meaning {
    /// In the settings' table.
    Setting(&'static Setting),
    Text(&'static str),
}

/// What stands without dashes.
pub(crate) struct Operand {
    pub(crate) value: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) are_many: bool,
}

impl Flag {
    /// The flag of a setting.
    pub(crate) const fn of(setting: &'static Setting, value: &'static str) -> Self {
        let Some(name) = setting.flag else {
            panic!("a setting without a flag");
        };
        Self {
            name,
            value: if value.is_empty() { None } else { Some(value) },
            meaning: Meaning::Setting(setting),
            is_required: false,
        }
    }

    /// One that needs no value.
    pub(crate) const fn switch(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            value: None,
            meaning: Meaning::Text(meaning),
            is_required: false,
        }
    }

    /// One with a value.
    pub(crate) const fn valued(name: &'static str, value: &'static str, meaning: &'static str) -> Self {
        Self {
            value: Some(value),
            ..Self::switch(name, meaning)
        }
    }

    /// The same, without which the command does not run.
    pub(crate) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }
}

/// What was typed behind a command's words. A switch has the value `true`.
#[derive(Default)]
pub(crate) struct Typed {
    flags: Vec<(&'static str, String)>,
    pub(crate) operands: Vec<PathBuf>,
}

impl Typed {
    /// Takes out the value of one flag.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.flags.iter().position(|(typed, _)| *typed == name)?;
        Some(self.flags.remove(at).1)
    }

    /// What nobody took: the flags of settings, by their names in the settings' table.
    pub(crate) fn settings(self) -> Vec<(&'static str, String)> {
        self.flags
    }

    fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(typed, _)| *typed == name)
    }
}

/// What a command line comes to.
pub(crate) enum Asked {
    Run(Run),
    /// Help or the version, for standard output.
    Text(String),
}

/// Why a command line is not understood: lines for standard error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongUsage(pub(crate) String);

/// Reads what stands behind the program's name.
///
/// # Errors
/// What is wrong, and what may be meant.
pub(crate) fn read(
    root: &'static Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Asked, WrongUsage> {
    let mut reading = Reading {
        path: vec![root],
        typed: Typed::default(),
    };
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| reading.wrong(&error.to_string()))? {
        match argument {
            Arg::Short('h') => return Ok(Asked::Text(help::short(&reading.path))),
            Arg::Long("help") => return Ok(Asked::Text(help::long(&reading.path))),
            Arg::Short('V') | Arg::Long("version") if reading.path.len() == 1 => {
                return Ok(Asked::Text(format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"))));
            }
            Arg::Short(letter) => return Err(reading.wrong(&format!("-{letter} is unknown"))),
            Arg::Long(name) => {
                let flag = reading.flag(&format!("--{name}"))?;
                let value = reading.value(flag, &mut parser)?;
                reading.typed.flags.push((flag.name, value));
            }
            Arg::Value(word) if word == "help" && matches!(reading.command().kind, Kind::Group(_)) => {
                return reading.helped(&mut parser);
            }
            Arg::Value(word) => reading.word(word)?,
        }
    }
    reading.ended()
}

struct Reading {
    /// The commands whose words were read, from the program itself on.
    path: Vec<&'static Command>,
    typed: Typed,
}

impl Reading {
    fn command(&self) -> &'static Command {
        self.path[self.path.len() - 1]
    }

    fn flag(&self, name: &str) -> Result<&'static Flag, WrongUsage> {
        let flags: &[Flag] = match &self.command().kind {
            Kind::Leaf(leaf) => leaf.flags,
            Kind::Group(_) => &[],
        };
        let Some(flag) = flags.iter().find(|flag| flag.name == name) else {
            let known = flags.iter().map(|flag| flag.name);
            return Err(self.unknown(name, known.chain(["--help"])));
        };
        if self.typed.has(flag.name) {
            return Err(self.wrong(&format!("{name} is there twice")));
        }
        Ok(flag)
    }

    /// The value of a flag: behind `=`, or the next argument unless that looks like a flag.
    fn value(&self, flag: &Flag, parser: &mut Parser) -> Result<String, WrongUsage> {
        let attached = parser.optional_value();
        let Some(wanted) = flag.value else {
            return match attached {
                None => Ok("true".to_owned()),
                Some(_) => Err(self.wrong(&format!("{} takes no value", flag.name))),
            };
        };
        let missing = || self.wrong(&format!("{} needs a value: {} {wanted}", flag.name, flag.name));
        let value = match attached {
            Some(value) => value,
            None => parser
                .value()
                .ok()
                .filter(|value| !is_flag(value))
                .ok_or_else(missing)?,
        };
        value
            .into_string()
            .map_err(|_| self.wrong(&format!("the value of {} is not UTF-8", flag.name)))
    }

    /// A word is a command of the group that was reached, else an operand.
    fn word(&mut self, word: OsString) -> Result<(), WrongUsage> {
        match &self.command().kind {
            Kind::Group(commands) => self.enter(commands, &word),
            Kind::Leaf(leaf) => {
                let most = leaf
                    .operand
                    .as_ref()
                    .map_or(0, |operand| if operand.are_many { usize::MAX } else { 1 });
                if self.typed.operands.len() >= most {
                    return Err(self.wrong(&format!("{} is unexpected", word.display())));
                }
                self.typed.operands.push(word.into());
                Ok(())
            }
        }
    }

    fn enter(&mut self, commands: &'static [Command], word: &OsStr) -> Result<(), WrongUsage> {
        let Some(command) = commands.iter().find(|command| word == command.name) else {
            let word = word.to_string_lossy();
            return Err(self.unknown(&word, commands.iter().map(|command| command.name)));
        };
        self.path.push(command);
        Ok(())
    }

    /// `help`, and the words of the command that it is wanted for.
    fn helped(mut self, parser: &mut Parser) -> Result<Asked, WrongUsage> {
        while let Ok(Some(Arg::Value(word))) = parser.next() {
            self.word(word)?;
        }
        Ok(Asked::Text(help::long(&self.path)))
    }

    fn ended(self) -> Result<Asked, WrongUsage> {
        let leaf = match &self.command().kind {
            Kind::Group(_) => return Err(WrongUsage(help::short(&self.path))),
            Kind::Leaf(leaf) => leaf,
        };
        let flags = leaf.flags.iter().filter(|flag| flag.is_required);
        if let Some(flag) = flags.into_iter().find(|flag| !self.typed.has(flag.name)) {
            return Err(self.wrong(&format!("{} is missing", help::written(flag))));
        }
        if let Some(operand) = &leaf.operand
            && self.typed.operands.is_empty()
        {
            return Err(self.wrong(&format!("{} is missing", operand.value)));
        }
        match (leaf.make)(self.typed) {
            Ok(run) => Ok(Asked::Run(run)),
            Err(why) => Err(told(&self.path, &why)),
        }
    }

    fn unknown(&self, name: &str, known: impl Iterator<Item = &'static str>) -> WrongUsage {
        let meant = similar::nearest(name, known).map_or(String::new(), |near| format!("; is {near} meant?"));
        self.wrong(&format!("{name} is unknown{meant}"))
    }

    fn wrong(&self, what: &str) -> WrongUsage {
        told(&self.path, what)
    }
}

/// Who means such a value writes it behind `=`.
fn is_flag(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"--")
}

fn told(path: &[&Command], what: &str) -> WrongUsage {
    let words = help::words(path);
    WrongUsage(format!(
        "{PROGRAM}: {what}\n{}\nmore: {words} --help",
        help::usage(path)
    ))
}
