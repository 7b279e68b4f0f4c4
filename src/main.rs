//! The `snowflake-mcp` program.
fn main() {}
