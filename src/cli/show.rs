//! `snowflake-mcp config show`: what holds, where it was set, and how much memory it can come to.

use std::fmt::Write;

use snowflake_mcp::config::setting::{self, Setting};
use snowflake_mcp::config::source::Sources;
use snowflake_mcp::limits::Limits;

/// Every setting in a line, then the sums of memory. Secrets are only said to be set.
pub(crate) fn text(sources: &Sources, limits: &Limits) -> String {
    let mut text = String::new();
    for setting in setting::ALL {
        let name = setting
            .names
            .first()
            .or(setting.flag.as_ref())
            .copied()
            .unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name} = {}", value(sources, setting));
    }
    let _ = writeln!(
        text,
        "\nmost memory, whatever clients do: {}",
        mebibytes(limits.memory_bytes_max())
    );
    for (bytes, what) in limits.memory_parts() {
        let _ = writeln!(text, "  {:>10}  {what}", mebibytes(bytes));
    }
    text
}

fn value(sources: &Sources, setting: &Setting) -> String {
    match sources.find(setting) {
        None => format!("{} (default)", setting.default),
        Some(found) if setting.is_secret => format!("set ({}, {})", found.origin, found.name),
        Some(found) => format!("{} ({}, {})", found.value, found.origin, found.name),
    }
}

fn mebibytes(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(environment: &[(&str, &str)]) -> String {
        let pairs = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        text(
            &Sources::new([("--port", "1".to_owned())], pairs, []),
            &Limits::default(),
        )
    }

    #[test]
    fn every_setting_is_shown_with_its_source_and_no_secret() {
        let secrets: Vec<_> = setting::ALL.iter().filter(|setting| setting.is_secret).collect();
        assert!(secrets.len() >= 6);
        let set: Vec<_> = secrets
            .iter()
            .filter_map(|setting| Some((*setting.names.first()?, "hunter2")))
            .collect();
        let shown = shown(&set);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(
            shown.contains("API_KEYS = set (environment, API_KEYS)\n"),
            "{shown}"
        );
        assert!(shown.contains("MCP_HTTP_PORT = 1 (flag, --port)\n"), "{shown}");
        assert!(shown.contains("MCP_WRITE_TIMEOUT = 15 (default)\n"), "{shown}");
        let most = Limits::default().memory_bytes_max() >> 20;
        assert!(
            shown.contains(&format!("most memory, whatever clients do: {most}.")),
            "{shown}"
        );
        let lines = shown.lines().filter(|line| line.contains(" = ")).count();
        assert_eq!(lines, setting::ALL.len());
    }
}
