//! Cases that others wrote: JSON lines with `id`, `sql` (or `parts`, a list of `[text, times]`), `expect` (`allow`,
//! `deny` or `any`) and `tier` (`must`, `robust` or `policy`). The file is named by `SQL_GUARD_CASES`.

use serde_json::Value;
use snowflake_mcp::sql::guard::Policy;

/// Cases of the tier `policy` are defaults that one may argue about. They are printed, not failed; the guard differs
/// where it reads nothing from stages and explains only what it would run.
#[test]
fn the_cases_of_others_are_right_too() {
    let Ok(path) = std::env::var("SQL_GUARD_CASES") else {
        println!("SQL_GUARD_CASES is not set: no cases of others");
        return;
    };
    let file = std::fs::read_to_string(&path).expect("SQL_GUARD_CASES names a readable file");
    let policy = Policy::default();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in file.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).expect("every line is a JSON object");
        let verdict = policy.check(&sql(&case));
        let found = if verdict.is_ok() { "allow" } else { "deny" };
        let expected = case["expect"].as_str().expect("every case expects something");
        count += 1;
        if expected == "any" || expected == found {
            continue;
        }
        let reason = verdict.map_or_else(
            |refusal| format!("{}: {refusal}", refusal.rule),
            |_| String::new(),
        );
        let report = format!("{}: expected {expected}, found {found} {reason}\n", case["id"]);
        if case["tier"] == "policy" {
            print!("{report}");
        } else {
            wrong.push(report);
        }
    }
    assert!(count > 0, "{path} holds no case");
    assert!(
        wrong.is_empty(),
        "{} of {count} are wrong:\n{}",
        wrong.len(),
        wrong.concat()
    );
}

fn sql(case: &Value) -> String {
    if let Some(sql) = case["sql"].as_str() {
        return sql.to_owned();
    }
    let parts = case["parts"].as_array().expect("a case has sql or parts");
    parts
        .iter()
        .map(|part| {
            let times = part[1].as_u64().and_then(|times| usize::try_from(times).ok());
            part[0]
                .as_str()
                .expect("a part is a text and a number")
                .repeat(times.expect("a part is a text and a number"))
        })
        .collect()
}
