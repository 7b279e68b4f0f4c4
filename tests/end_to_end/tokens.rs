//! What 100 rows cost a model in each form, as the README tells it: the table there is compared with what the binary
//! says. Tokens are estimated as everywhere in this program, two for seven bytes of text.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::process::Daemon;

const ROWS: u64 = 100;
/// Name in the table, and columns, of what is measured.
const SHAPES: [(&str, &str); 3] = [
    ("two numbers", "o_orderkey, o_totalprice"),
    ("an order: 9 columns, a text and a date among them", "*"),
    (
        "a name beside 4 codes",
        "o_clerk, o_orderstatus, o_orderpriority, o_shippriority, o_custkey",
    ),
];
const FORMS: [&str; 4] = ["markdown", "json", "csv", "jsonl"];

fn tokens(bytes: usize) -> usize {
    (bytes * 2).div_ceil(7)
}

/// The result of 100 orders in this form.
fn result(daemon: &Daemon, columns: &str, format: &str) -> Value {
    let query = format!("select {columns} from snowflake_sample_data.tpch_sf1.orders order by o_orderkey");
    let arguments = json!({"query": query, "limit": ROWS, "format": format});
    let body = json!({"name": "execute_query", "arguments": arguments}).to_string();
    let document = daemon.ask("POST", "/mcp/tools/call", &body).json();
    let result = document["result"].clone();
    assert_eq!(result["structuredContent"]["returned"], ROWS, "{document}");
    result
}

/// Tokens of the whole text: rows, names of columns, and the heading with the statement.
fn text_tokens(daemon: &Daemon, columns: &str, format: &str) -> usize {
    let text = result(daemon, columns, format)["content"][0]["text"].clone();
    tokens(text.as_str().expect("text").len())
}

#[test]
fn the_readme_says_what_a_hundred_rows_cost_in_each_form() {
    let daemon = Daemon::start(&["--demo"], &[("MCP_FENCE_DATA", "false")]);
    let mut table = String::from(
        "| 100 rows of | markdown | json | csv | jsonl | `structuredContent` |\n|---|---|---|---|---|---|\n",
    );
    for (name, columns) in SHAPES {
        let each = FORMS.map(|form| text_tokens(&daemon, columns, form).to_string());
        let rows = result(&daemon, columns, "csv")["structuredContent"]["rows"].to_string();
        table.push_str(&format!(
            "| {name} | {} | {} |\n",
            each.join(" | "),
            tokens(rows.len())
        ));
    }
    println!("{table}");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("it is there");
    assert!(
        readme.contains(&table),
        "the README's table of tokens is not this one:\n{table}"
    );
}
