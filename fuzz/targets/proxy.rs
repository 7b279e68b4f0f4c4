#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| snowflake_mcp::fuzz::proxy(bytes));
