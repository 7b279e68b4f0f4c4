//! The rules of the house that no compiler checks: who may import whom, what pure folders may not touch, sizes,
//! names, and that what can be set or measured is documented. Every finding is told as `file:line`.
//!
//! Source is read as text: comments and the insides of strings are blanked first, `use` trees are expanded, and what
//! stands in a file's `mod tests` at its end is left out.

#[path = "tidy/reader.rs"]
mod reader;

use std::collections::BTreeSet;
use std::fs;

use reader::{Source, files, in_crate, paths, root, sources, without_tests};
use snowflake_mcp::config::setting;

/// Modules that everything may use; among themselves they may use each other.
const VOCABULARY: &[&str] = &[
    "address", "entropy", "ident", "json", "limits", "secret", "similar", "time",
];

/// Who may import whom besides the vocabulary. A module that is not in here is a finding: place it first.
///
/// `wire::buffer` is let through upwards on its own: a reply is made as pieces for an outbox, so that nothing is
/// copied on its way down.
const IMPORTS: &[(&str, &[&str])] = &[
    // What callers may do comes by the same way as who they are.
    ("access", &["sql::ruling"]),
    ("wire", &[]),
    ("rpc", &["wire::buffer"]),
    ("sql", &[]),
    ("audit", &["sql"]),
    ("backend", &["sql"]),
    ("token", &[]),
    ("tools", &["backend", "sql", "token"]),
    (
        "mcp",
        &["backend", "rpc", "sql", "token", "tools", "wire::buffer"],
    ),
    (
        "server",
        &[
            "access", "audit", "backend", "mcp", "rpc", "sql", "token", "tools", "wire",
        ],
    ),
    ("workers", &["access", "backend"]),
    (
        "reactor",
        &[
            "access",
            "audit",
            "backend",
            "observe::audit",
            "server",
            "wire",
            "workers",
        ],
    ),
    (
        "serve",
        &[
            "access",
            "backend",
            "config",
            "observe::audit",
            "reactor",
            "server",
        ],
    ),
    (
        "stdio",
        &[
            "audit",
            "backend",
            "observe::audit",
            "reactor",
            "server",
            "wire",
            "workers",
        ],
    ),
    ("snowflake", &["backend", "fuzz::cuts", "sql"]),
    ("demo", &["backend", "sql"]),
    ("observe", &["audit", "backend"]),
    (
        "config",
        &["access", "audit", "backend", "observe", "snowflake", "sql"],
    ),
    (
        "fuzz",
        &[
            "backend",
            "config",
            "mcp",
            "rpc",
            "snowflake",
            "sql",
            "token",
            "tools",
            "wire",
        ],
    ),
];

/// Words that a part of the tree may not use, with the files that are made for exactly that.
struct Ban {
    modules: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
    except: &'static [&'static str],
}

const BANS: &[Ban] = &[
    Ban {
        modules: &[
            "access", "audit", "backend", "ident", "json", "limits", "mcp", "rpc", "secret", "server",
            "similar", "sql", "token", "tools", "wire",
        ],
        words: &[
            "std::net",
            "std::thread",
            "std::fs",
            "std::env",
            "std::process",
            "Instant::now",
            "SystemTime::now",
            "mio::",
            "ureq::",
            "ring::rand",
            "HashMap",
            "HashSet",
        ],
        reason: "is for the shells: this folder is pure, so that it can be simulated (hash maps iterate in random order)",
        except: &[],
    },
    Ban {
        modules: &["address", "entropy", "time"],
        words: &[
            "std::net",
            "std::thread",
            "std::fs",
            "std::env",
            "mio::",
            "ureq::",
            "HashMap",
            "HashSet",
        ],
        reason: "does not belong into the vocabulary",
        except: &[],
    },
    Ban {
        modules: &["config"],
        words: &[
            "std::fs",
            "std::env",
            "std::thread",
            "Instant::now",
            "SystemTime::now",
            "ureq::",
            "mio::",
        ],
        reason: "is for config/source.rs: the rest of the configuration works on what was found",
        except: &["src/config/source.rs"],
    },
    Ban {
        modules: &[
            "demo",
            "observe",
            "reactor",
            "serve",
            "snowflake",
            "stdio",
            "workers",
        ],
        words: &["Instant::now", "SystemTime::now"],
        reason: "is for time.rs: take the time from a Clock",
        except: &[],
    },
    Ban {
        modules: &[],
        words: &[
            "println!",
            "eprintln!",
            "print!",
            "eprint!",
            "dbg!",
            "todo!",
            "unimplemented!",
        ],
        reason: "has no place in the program",
        except: &[],
    },
];

/// Lines of a file without its tests. Over it, a file has two reasons to change.
const LINES_MAX: usize = 600;

/// Names that say nothing about the domain.
const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "types", "util", "utils",
];

fn tell(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// Imports of `source` that the table does not allow.
fn wrong_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    let own = module[0];
    let allowed = match IMPORTS.iter().find(|(name, _)| *name == own) {
        Some((_, allowed)) => *allowed,
        None if VOCABULARY.contains(&own) => &[],
        None => {
            return vec![format!(
                "{}:1: {own} has no place in the import table of tests/tidy.rs",
                source.path
            )];
        }
    };
    let is_allowed = |named: &str, first: &str| {
        let is_below = |entry: &&str| named == *entry || named.starts_with(&format!("{entry}::"));
        first == own || VOCABULARY.contains(&first) || allowed.iter().any(is_below)
    };
    let mut findings = Vec::new();
    for (line, path) in paths(&source.code) {
        let Some(named) = in_crate(&module, &path) else {
            continue;
        };
        let Some(first) = named.first() else { continue };
        let whole = named.join("::");
        if !is_allowed(&whole, first) {
            findings.push(format!("{}:{line}: {own} may not import {whole}", source.path));
        }
    }
    findings
}

/// Words in `source` that its part of the tree may not use.
fn banned_words(source: &Source) -> Vec<String> {
    let module = source.module();
    let concerns = |ban: &&Ban| ban.modules.is_empty() || ban.modules.contains(&module[0]);
    let mut findings = Vec::new();
    let expanded = paths(&source.code);
    for ban in BANS.iter().filter(concerns) {
        for word in ban
            .words
            .iter()
            .filter(|_| !ban.except.contains(&source.path.as_str()))
        {
            let by_path = expanded
                .iter()
                .filter(|(_, path)| holds(path, word))
                .map(|(line, _)| *line);
            let lines = source.code.lines().enumerate();
            let by_text = lines
                .filter(|(_, line)| holds(line, word))
                .map(|(index, _)| index + 1);
            for line in by_path.chain(by_text).collect::<BTreeSet<_>>() {
                findings.push(format!("{}:{line}: {word} {}", source.path, ban.reason));
            }
        }
    }
    findings
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let sources = sources();
    let concerned = sources
        .iter()
        .filter(|source| !source.is_test() && !source.is_program());
    tell(&concerned.flat_map(wrong_imports).collect::<Vec<_>>());
}

#[test]
fn no_module_uses_what_its_folder_may_not() {
    let sources = sources();
    let concerned = sources.iter().filter(|source| !source.is_test());
    tell(&concerned.flat_map(banned_words).collect::<Vec<_>>());
}

#[test]
fn planted_faults_are_found_where_they_stand() {
    let planted = |path: &str, text: &str| Source::new(path, text.to_owned());
    let source = planted(
        "src/mcp/lists.rs",
        "//! Doc.\nuse crate::{rpc, wire::http};\nuse std::{net, collections::HashMap};\nfn f() { super::super::server::g() }\n",
    );
    assert_eq!(
        wrong_imports(&source),
        [
            "src/mcp/lists.rs:2: mcp may not import wire::http",
            "src/mcp/lists.rs:4: mcp may not import server::g"
        ]
    );
    let banned = banned_words(&source);
    assert_eq!(banned.len(), 2, "{banned:?}");
    assert!(banned[0].starts_with("src/mcp/lists.rs:3: std::net ") && banned[1].contains(":3: HashMap "));
    let in_tests = planted(
        "src/rpc/x.rs",
        "//! Doc.\n\n#[cfg(test)]\nmod tests {\n    use crate::server;\n}\n",
    );
    assert_eq!(wrong_imports(&in_tests), [""; 0]);
    let unplaced = planted("src/novelty/mod.rs", "//! Doc.\n");
    assert!(wrong_imports(&unplaced)[0].contains("novelty has no place"));
}

/// Whether `word` stands in `text` as a word of its own.
fn holds(text: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let ends_open = word.ends_with(is_name);
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !(before.is_some_and(is_name) || ends_open && after.is_some_and(is_name))
    })
}

#[test]
fn files_are_short_named_and_say_what_they_are() {
    let mut findings = Vec::new();
    for source in sources() {
        let lines = without_tests(&source.text).lines().count();
        if lines > LINES_MAX && !source.is_test() {
            findings.push(format!(
                "{}:{LINES_MAX}: {lines} lines without tests, at most {LINES_MAX}",
                source.path
            ));
        }
        if !source.text.starts_with("//!") && !source.is_test() {
            findings.push(format!(
                "{}:1: begins without saying what it is (//!)",
                source.path
            ));
        }
        for part in source.module() {
            if EMPTY_NAMES.contains(&part) {
                findings.push(format!("{}:1: {part} says nothing about the domain", source.path));
            }
        }
    }
    tell(&findings);
}

/// A file of tests that no `mod` line names is never compiled, and no test fails.
#[test]
fn every_file_is_part_of_a_target() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut findings = Vec::new();
    for path in ["src", "tests", "benches"]
        .map(|folder| files(&root().join(folder)))
        .concat()
    {
        let shown = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let parts: Vec<_> = shown.split('/').collect();
        let is_root = shown.ends_with("/main.rs")
            || shown == "src/lib.rs"
            || parts[0] != "src" && parts.len() == 2
            || manifest.contains(&format!("path = \"{shown}\""));
        if is_root || !shown.ends_with(".rs") {
            continue;
        }
        let mut folder = path.parent().unwrap();
        let mut name = path.file_stem().unwrap().to_string_lossy();
        if name == "mod" {
            name = folder.file_name().unwrap().to_string_lossy();
            folder = folder.parent().unwrap();
        }
        let parents = ["mod.rs", "main.rs", "lib.rs"].map(|parent| folder.join(parent));
        let named = parents
            .into_iter()
            .chain([folder.with_extension("rs")])
            .any(|parent| {
                let text = fs::read_to_string(parent).unwrap_or_default();
                text.lines().any(|line| line.ends_with(&format!("mod {name};")))
            });
        if !named {
            findings.push(format!(
                "{shown}:1: no mod line names it, so it is never compiled"
            ));
        }
    }
    tell(&findings);
}

/// A filter that fits no test passes, and shows nothing.
#[test]
fn every_test_that_a_page_tells_to_run_is_there() {
    let mut findings = Vec::new();
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/reliability.md",
    ] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for (index, line) in text.lines().enumerate() {
            for command in line
                .split('`')
                .filter_map(|part| part.strip_prefix("cargo test "))
            {
                let own = command.split(" -- ").next().unwrap_or_default();
                let (folder, filter) = match own.split(' ').collect::<Vec<_>>()[..] {
                    ["--lib", filter] => ("src".to_owned(), filter),
                    ["--test", target, filter] => (format!("tests/{target}"), filter),
                    _ => continue,
                };
                if !tests_below(&folder).iter().any(|name| name.contains(filter)) {
                    findings.push(format!("{page}:{}: no test has {filter} in its name", index + 1));
                }
            }
        }
    }
    tell(&findings);
}

/// The tests in the files of a folder, by module and name.
fn tests_below(folder: &str) -> Vec<String> {
    let mut names = Vec::new();
    for path in files(&root().join(folder)) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let below = path
            .strip_prefix(root().join(folder))
            .expect("it lies below")
            .with_extension("");
        let module = below.to_string_lossy().replace('/', "::");
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[test]") {
            if let Some(name) = pair[1].strip_prefix("fn ") {
                names.push(format!("{module}::{name}"));
            }
        }
    }
    names
}

#[test]
fn everything_that_can_be_set_is_documented() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut names: Vec<&str> = setting::ALL
        .iter()
        .flat_map(|setting| setting.names)
        .copied()
        .collect();
    names.extend(setting::ALL.iter().filter_map(|setting| setting.flag));
    names.extend(setting::INEFFECTIVE.iter().map(|known| known.name));
    let missing = names.into_iter().filter(|name| !holds(&readme, name));
    let findings: Vec<_> = missing
        .map(|name| format!("README.md:1: {name} is not documented"))
        .collect();
    tell(&findings);
}

/// Metric names stand where the exposition is written: in `metrics.rs` of `server` or `observe`, or in a folder of
/// that name. As long as neither exists there is nothing to document; as soon as one does, it must name metrics.
#[test]
fn every_metric_is_documented() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let sources = sources();
    let is_metrics = |source: &&Source| matches!(source.module()[..], ["server" | "observe", "metrics", ..]);
    let places: Vec<_> = sources.iter().filter(is_metrics).collect();
    let mut findings = Vec::new();
    let mut count = 0;
    for source in &places {
        for (index, line) in without_tests(&source.text).lines().enumerate() {
            for name in metric_names(line) {
                count += 1;
                if !holds(&readme, name) {
                    findings.push(format!(
                        "{}:{}: {name} is not documented in README.md",
                        source.path,
                        index + 1
                    ));
                }
            }
        }
    }
    tell(&findings);
    assert!(
        places.is_empty() || count > 0,
        "the metrics module names no metric that this test can see"
    );
}

/// Words of a line that begin with `mcp_` or `snowflake_mcp_`, as metrics do.
fn metric_names(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = line.split(move |character| !is_name(character));
    words.filter(|word| {
        let rest = word
            .strip_prefix("snowflake_")
            .unwrap_or(word)
            .strip_prefix("mcp_");
        rest.is_some_and(|rest| !rest.is_empty())
    })
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Put together here, so that this file does not find itself.
    let words = [
        ["/wo", "rk/"],
        ["/fa", "rm/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/tmp", "/wt"],
    ]
    .map(|parts| parts.concat());
    let mut findings = Vec::new();
    for path in files(root()) {
        let is_lock = path.file_name().is_some_and(|name| name == "Cargo.lock");
        // What is no text holds no path that anybody wrote.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (index, line) in text.lines().enumerate().filter(|_| !is_lock) {
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                let path = path.strip_prefix(root()).unwrap().display();
                findings.push(format!("{path}:{}: {word} is a path of one machine", index + 1));
            }
        }
    }
    tell(&findings);
}
