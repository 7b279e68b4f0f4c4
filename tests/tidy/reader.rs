//! Reading source as text: which files there are, what in them is code, and which paths the code names.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file, read and cut.
pub(crate) struct Source {
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Up to its tests, comments and strings blanked.
    pub(crate) code: String,
}

impl Source {
    /// A file of the repository.
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a source is text");
        let path = path
            .strip_prefix(root())
            .expect("under the root")
            .to_string_lossy();
        Self::new(&path.replace('\\', "/"), text)
    }

    /// `text` as if it stood at `path`.
    pub(crate) fn new(path: &str, text: String) -> Self {
        let code = blanked(without_tests(&text));
        Self {
            path: path.to_owned(),
            text,
            code,
        }
    }

    /// `src/wire/http/mod.rs` is `["wire", "http"]`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let inner = self
            .path
            .strip_prefix("src/")
            .unwrap_or_default()
            .trim_end_matches(".rs");
        let mut parts: Vec<_> = inner.split('/').collect();
        if parts.last() == Some(&"mod") {
            parts.pop();
        }
        parts
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    pub(crate) fn is_program(&self) -> bool {
        matches!(self.module().first(), Some(&"main" | &"lib" | &"cli"))
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `folder`, in order; hidden folders and build output are left out.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("a folder can be read").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && (!name.starts_with('.') || name == ".ci") {
            found.extend(files(&path));
        } else if path.is_file() && name != ".git" {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn sources() -> Vec<Source> {
    let mut sources = files(&root().join("src"));
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(!sources.is_empty(), "no sources found");
    sources.iter().map(|path| Source::read(path)).collect()
}

pub(crate) fn without_tests(text: &str) -> &str {
    let end = text
        .find("\n#[cfg(test)]\nmod tests {")
        .map_or(text.len(), |at| at + 1);
    &text[..end]
}

/// The text with comments and the insides of strings and characters made into spaces; lines stay where they are.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(text, at);
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// Where the comment, string or character that begins at `at` ends; `at` itself if none begins there.
fn skipped(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    let until = |needle: &str, from: usize| {
        let tail = text.get(at + from..).unwrap_or_default();
        tail.find(needle).map_or(text.len(), |found| at + from + found)
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let follows_name = at > 0 && is_name(text.as_bytes()[at - 1]);
    match rest {
        [b'/', b'/', ..] => until("\n", 0),
        [b'/', b'*', ..] => (until("*/", 2) + 2).min(text.len()),
        [b'r', b'"' | b'#', ..] if !follows_name => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            match rest.get(1 + hashes) {
                Some(b'"') => {
                    let end = format!("\"{}", "#".repeat(hashes));
                    (until(&end, 2 + hashes) + end.len()).min(text.len())
                }
                _ => at,
            }
        }
        [b'"', ..] => {
            let mut end = 1;
            while end < rest.len() && rest[end] != b'"' {
                end += if rest[end] == b'\\' { 2 } else { 1 };
            }
            (at + end + 1).min(text.len())
        }
        [b'\'', b'\\', ..] => until("'", 3) + 1,
        // A character rather than a lifetime: a quote follows after one character.
        [b'\'', ..] => {
            let mut characters = text[at + 1..].char_indices().skip(1);
            match characters.next() {
                Some((offset, '\'')) => at + 1 + offset + 1,
                _ => at,
            }
        }
        _ => at,
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Every path that the code names, with its line: `use` trees expanded, and paths written out in place.
pub(crate) fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut rest = code.to_owned();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].chars().next_back();
        let Some(length) = code[at..].find(';') else {
            continue;
        };
        if before.is_none_or(|character| character.is_whitespace() || character == ')') {
            let line = line_of(code, at);
            let tree = &code[at + 4..at + length];
            found.extend(expanded("", tree).into_iter().map(|path| (line, path)));
            rest.replace_range(at..at + length, &" ".repeat(length));
        }
    }
    for (at, _) in rest.match_indices("::") {
        let is_part = |character: char| character.is_alphanumeric() || character == '_' || character == ':';
        let start = rest[..at]
            .rfind(|character| !is_part(character))
            .map_or(0, |before| before + 1);
        let end = rest[at..]
            .find(|character| !is_part(character))
            .map_or(rest.len(), |after| at + after);
        // Only once a path, at its first separator.
        if !rest[start..at].contains("::") {
            found.push((line_of(code, at), rest[start..end].to_owned()));
        }
    }
    found
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d`, `a::c::e`.
fn expanded(prefix: &str, tree: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    let mut items = Vec::new();
    for (at, character) in tree.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&tree[start..]);
    for item in items.into_iter().map(str::trim).filter(|item| !item.is_empty()) {
        match item.split_once('{') {
            Some((head, inner)) => {
                let inner = inner.trim_end().trim_end_matches('}');
                found.extend(expanded(&format!("{prefix}{}", head.trim()), inner));
            }
            None => {
                let name = item.split_whitespace().next().unwrap_or_default();
                found.push(format!("{prefix}{name}"));
            }
        }
    }
    found
}

/// The path from the crate's root that `path`, written in `module`, names; `None` for paths out of the crate.
pub(crate) fn in_crate(module: &[&str], path: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = path.split("::").collect();
    let (base, rest) = match *parts.first()? {
        "crate" => (&[][..], &parts[1..]),
        "super" => {
            let up = parts.iter().take_while(|part| **part == "super").count();
            (&module[..module.len().saturating_sub(up)], &parts[up..])
        }
        _ => return None,
    };
    Some(base.iter().chain(rest).map(|part| (*part).to_owned()).collect())
}

#[test]
fn comments_and_strings_are_not_taken_for_code() {
    let text =
        "a // use std::net\n/* HashMap\n*/ b \"std::fs \\\" x\" c r#\"a\" std::env\"# d '\"' e 'x 'y' f";
    let code = blanked(text);
    assert_eq!(code.lines().count(), text.lines().count());
    let kept: Vec<_> = code.split_whitespace().collect();
    assert_eq!(kept, ["a", "b", "c", "d", "e", "'x", "f"]);
}

#[test]
fn use_trees_are_expanded_and_paths_in_place_are_seen() {
    let code =
        "use crate::{wire::{self, buffer::Piece}, rpc};\nfn f() { let x = crate::mcp::call(std::fs::read); }";
    let expected = [
        (1, "crate::wire::self"),
        (1, "crate::wire::buffer::Piece"),
        (1, "crate::rpc"),
        (2, "crate::mcp::call"),
        (2, "std::fs::read"),
    ];
    assert_eq!(paths(code), expected.map(|(line, path)| (line, path.to_owned())));
}

#[test]
fn a_way_up_and_out_of_a_folder_is_followed() {
    let named = |path: &str| in_crate(&["wire", "http"], path).map(|parts| parts.join("::"));
    assert_eq!(
        named("super::super::server::Server").as_deref(),
        Some("server::Server")
    );
    assert_eq!(named("super::buffer").as_deref(), Some("wire::buffer"));
    assert_eq!(named("crate::mcp").as_deref(), Some("mcp"));
    assert_eq!(named("std::fs"), None);
}
