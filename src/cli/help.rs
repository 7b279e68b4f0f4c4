//! What `--help` prints.

use std::fmt::Write as _;

use snowflake_mcp::config::setting::{self, Setting};

use super::grammar::{Command, Flag, Kind, Meaning};

/// Lines are broken before this column.
const WIDTH: usize = 100;
const INDENT: &str = "          ";

/// The words that lead to a command.
pub(super) fn words(path: &[&Command]) -> String {
    let words: Vec<_> = path.iter().map(|command| command.name).collect();
    words.join(" ")
}

/// How a flag is typed.
pub(super) fn written(flag: &Flag) -> String {
    flag.value
        .map_or_else(|| flag.name.to_owned(), |value| format!("{} {value}", flag.name))
}

/// What can be typed, in a line.
pub(super) fn usage(path: &[&Command]) -> String {
    let mut line = format!("usage: {}", words(path));
    match &path[path.len() - 1].kind {
        Kind::Group(_) => line.push_str(" COMMAND"),
        Kind::Leaf(leaf) => {
            // Writing to a String cannot fail.
            for flag in leaf.flags.iter().filter(|flag| flag.is_required) {
                let _ = write!(line, " {}", written(flag));
            }
            if leaf.flags.iter().any(|flag| !flag.is_required) {
                line.push_str(" [OPTIONS]");
            }
            if let Some(operand) = &leaf.operand {
                let _ = write!(
                    line,
                    " {}{}",
                    operand.value,
                    if operand.are_many { "…" } else { "" }
                );
            }
        }
    }
    line
}

/// The help of a command.
pub(super) fn short(path: &[&Command]) -> String {
    let command = path[path.len() - 1];
    let mut text = format!("{}\n\n{}\n", command.about, usage(path));
    match &command.kind {
        Kind::Group(commands) => {
            text.push_str("\nCommands:\n");
            for command in *commands {
                let _ = writeln!(text, "  {:<8} {}", command.name, command.about);
            }
        }
        Kind::Leaf(leaf) => {
            if let Some(operand) = &leaf.operand {
                let _ = writeln!(text, "\n{}:\n{}", operand.value, wrapped(operand.meaning));
            }
            text.push_str("\nOptions:\n");
            for flag in leaf.flags {
                let _ = writeln!(text, "  {}\n{}", written(flag), wrapped(&meaning(flag)));
            }
        }
    }
    text.push_str("  -h, --help\n");
    if path.len() == 1 {
        text.push_str("  -V, --version\n");
    }
    if !command.more.is_empty() {
        let _ = writeln!(text, "\n{}", command.more);
    }
    text.truncate(text.trim_end().len());
    text
}

/// The same; the program's own is followed by every environment variable.
pub(super) fn long(path: &[&Command]) -> String {
    let mut text = short(path);
    if path.len() > 1 {
        return text;
    }
    text.push_str("\n\nEnvironment (flags win; .env in the working directory is read last):");
    for setting in setting::ALL {
        if let Some(name) = setting.names.first() {
            let said = format!("{} [default: {}]", setting.meaning, setting.default);
            let _ = write!(text, "\n  {name}\n{}", wrapped(&said));
        }
    }
    text
}

fn meaning(flag: &Flag) -> String {
    match flag.meaning {
        Meaning::Text(text) => text.to_owned(),
        Meaning::Setting(setting) => described(setting),
    }
}

fn described(setting: &Setting) -> String {
    let (first, rest) = setting.meaning.split_at(1);
    let mut text = format!("{}{rest} [default: {}]", first.to_uppercase(), setting.default);
    if let Some(name) = setting.names.first() {
        let _ = write!(text, " [env: {name}]");
    }
    text
}

/// `text` in lines, indented.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut column = WIDTH;
    for word in text.split(' ') {
        let length = word.chars().count() + 1;
        if column + length > WIDTH {
            let is_first = lines.is_empty();
            lines.push_str(if is_first { "" } else { "\n" });
            lines.push_str(INDENT);
            column = INDENT.len();
        } else {
            lines.push(' ');
        }
        lines.push_str(word);
        column += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let text = "word ".repeat(50);
        let lines = wrapped(text.trim_end());
        assert_eq!(lines.lines().count(), 3);
        assert!(
            lines
                .lines()
                .all(|line| line.len() <= WIDTH && line.starts_with(INDENT))
        );
        assert_eq!(lines.split_whitespace().count(), 50);
        assert_eq!(wrapped("one"), format!("{INDENT}one"));
    }
}
