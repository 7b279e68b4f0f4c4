//! The corpus: one case a line, `allow: SQL` or `deny RULE: SQL`. SQL that starts with `"` and ends with it is a JSON
//! string, for what has no place in a line of text. Empty lines and lines that start with `# ` say what follows.

use serde_json::from_str;
use snowflake_mcp::sql::guard::{Policy, Rule};

/// A statement and what the default policy has to say about it.
pub(crate) struct Case {
    pub(crate) place: String,
    pub(crate) sql: String,
    /// The rule that refuses it; `None` if it passes.
    pub(crate) rule: Option<Rule>,
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let files = [
        ("reads.txt", include_str!("cases/reads.txt")),
        ("writes.txt", include_str!("cases/writes.txt")),
        ("text.txt", include_str!("cases/text.txt")),
        ("functions.txt", include_str!("cases/functions.txt")),
        ("shapes.txt", include_str!("cases/shapes.txt")),
    ];
    let mut cases = Vec::new();
    for (file, text) in files {
        let lines = (1..).zip(text.lines());
        cases.extend(
            lines
                .filter(|(_, line)| !line.is_empty() && !line.starts_with("# "))
                .map(|(number, line)| case(format!("{file}:{number}"), line)),
        );
    }
    cases
}

fn case(place: String, line: &str) -> Case {
    let (verdict, sql) = line
        .split_once(": ")
        .unwrap_or_else(|| panic!("{place} is no case"));
    let rule = verdict.strip_prefix("deny ").map(|name| {
        Rule::ALL
            .into_iter()
            .find(|rule| rule.name() == name)
            .unwrap_or_else(|| panic!("{place}: there is no rule {name}"))
    });
    assert!(rule.is_some() || verdict == "allow", "{place} has no verdict");
    // A quoted name at the start of a statement is no JSON string: something follows it.
    let sql = match from_str::<String>(sql) {
        Ok(sql) => sql,
        Err(_) => sql.to_owned(),
    };
    Case { place, sql, rule }
}

/// What is wrong with the verdict on `sql`, if something is.
pub(crate) fn complaint(case: &Case, sql: &str) -> Option<String> {
    let found = Policy::default().check(sql).err();
    let is_right = found.as_ref().map(|refusal| refusal.rule) == case.rule;
    (!is_right).then(|| {
        let expected = case.rule.map_or("to pass", Rule::name);
        let found = found.map_or_else(
            || "it passes".to_owned(),
            |refusal| format!("{}: {refusal}", refusal.rule),
        );
        format!("{}: expected {expected}, but {found}\n  {sql:?}\n", case.place)
    })
}

#[test]
fn every_case_is_judged_by_its_rule() {
    let wrong: String = cases()
        .iter()
        .filter_map(|case| complaint(case, &case.sql))
        .collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_rule_has_cases_and_no_case_comes_twice() {
    let cases = cases();
    for rule in Rule::ALL {
        // They need another policy than the default; the tests beside the guard have them.
        let is_elsewhere = matches!(rule, Rule::TooLong | Rule::DeniedFunction | Rule::ObjectKind);
        let has_case = cases.iter().any(|case| case.rule == Some(rule));
        assert!(has_case != is_elsewhere, "{rule}");
    }
    let mut texts: Vec<_> = cases.iter().map(|case| &case.sql).collect();
    texts.sort_unstable();
    let twice: Vec<_> = texts.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn every_refusal_is_one_line_with_a_place_in_the_text() {
    for case in cases() {
        let Err(refusal) = Policy::default().check(&case.sql) else {
            continue;
        };
        let message = refusal.to_string();
        let end = format!("(line {}, column {})", refusal.place.line, refusal.place.column);
        assert!(message.ends_with(&end), "{}: {message}", case.place);
        assert!(
            !message.chars().any(char::is_control),
            "{}: {message}",
            case.place
        );
        assert!(case.sql.is_char_boundary(refusal.place.offset), "{}", case.place);
    }
}
