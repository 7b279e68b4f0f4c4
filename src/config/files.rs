//! What TOML files say: the Snowflake tools' `connections.toml` and `config.toml`, and our own file. Pure: who reads them
//! is [`super::source`].
//!
//! Values are texts from here on, as in the environment; what they mean is decided where the others are read. Keys that
//! this program does not know are the other tools' business.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue};

/// Keys and their values, or connections and theirs.
type Texts = BTreeMap<String, String>;
type Connections = BTreeMap<String, Texts>;

/// Everything that stood in files.
#[derive(Clone, Default)]
pub(super) struct Files {
    tools: Connections,
    own: Connections,
    settings: Texts,
    default_name: Option<String>,
    in_both: BTreeSet<String>,
}

/// One of the files that the Snowflake tools have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolsFile {
    /// Tables `[NAME]`. Read first: it wins.
    Connections,
    /// Tables `[connections.NAME]`, and `default_connection_name`.
    Config,
}

impl ToolsFile {
    /// Its name within the tools' directory.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections.toml",
            Self::Config => "config.toml",
        }
    }
}

impl Files {
    /// Adds a file of the Snowflake tools. What was there before wins, key by key.
    ///
    /// # Errors
    /// It is no TOML.
    pub(super) fn add_tools(&mut self, file: ToolsFile, text: &str) -> Result<(), String> {
        let root = DeTable::parse(text).map_err(|error| wrong(text, &error))?;
        let root = root.get_ref();
        let connections = match file {
            ToolsFile::Connections => connections_of(root),
            ToolsFile::Config => {
                if let Some(name) = root.get("default_connection_name") {
                    self.default_name = text_of(name.get_ref()).filter(|name| !name.is_empty());
                }
                table_of(root, "connections")
                    .map(connections_of)
                    .unwrap_or_default()
            }
        };
        for (name, texts) in connections {
            if self.tools.contains_key(&name) {
                self.in_both.insert(name.clone());
            }
            let known = self.tools.entry(name).or_default();
            for (key, value) in texts {
                known.entry(key).or_insert(value);
            }
        }
        Ok(())
    }

    /// Adds our own file: `[settings]` with the names of the environment, and `[connections.NAME]` with the tools' keys.
    ///
    /// # Errors
    /// It is no TOML, or has something else in it.
    pub(super) fn add_own(&mut self, text: &str) -> Result<(), String> {
        let root = DeTable::parse(text).map_err(|error| wrong(text, &error))?;
        for (name, value) in root.get_ref() {
            let name: &str = name.get_ref();
            match (name, value.get_ref()) {
                ("settings", DeValue::Table(table)) => self.settings = texts_of(table, str::to_owned),
                ("connections", DeValue::Table(table)) => self.own = connections_of(table),
                _ => {
                    let line = line_of(text, value.span().start);
                    return Err(format!(
                        "line {line}: {name} is neither the table [settings] nor [connections.NAME]"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What the tools' files say about `key` of a connection.
    pub(super) fn of_tools(&self, connection: &str, key: &str) -> Option<String> {
        self.tools.get(connection)?.get(key).cloned()
    }

    /// What our own file says about `key` of a connection.
    pub(super) fn of_own(&self, connection: &str, key: &str) -> Option<String> {
        self.own.get(connection)?.get(key).cloned()
    }

    /// What our own file says about a setting, by its name in the environment.
    pub(super) fn setting(&self, name: &str) -> Option<&String> {
        self.settings.get(name)
    }

    /// Names of the settings in our own file.
    pub(super) fn setting_names(&self) -> impl Iterator<Item = &String> {
        self.settings.keys()
    }

    /// Names of the connections in all files.
    pub(super) fn connection_names(&self) -> BTreeSet<&str> {
        self.tools
            .keys()
            .chain(self.own.keys())
            .map(String::as_str)
            .collect()
    }

    /// The connection that is used when none is named, if there is such a one.
    pub(super) fn default_name(&self) -> &str {
        self.default_name.as_deref().unwrap_or(DEFAULT_NAME)
    }

    /// Connections that both of the tools' files have.
    pub(super) fn in_both(&self) -> impl Iterator<Item = &String> {
        self.in_both.iter()
    }
}

fn connections_of(table: &DeTable<'_>) -> Connections {
    let tables = table.iter().filter_map(|(name, value)| {
        let texts = texts_of(value.get_ref().as_table()?, str::to_ascii_lowercase);
        Some((name.get_ref().to_string(), texts))
    });
    tables.collect()
}

fn table_of<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a DeTable<'i>> {
    table.get(name)?.get_ref().as_table()
}

/// The values of a table that can be written as one text. An empty one counts as unset, as in the environment.
fn texts_of(table: &DeTable<'_>, name: fn(&str) -> String) -> Texts {
    let texts = table.iter().filter_map(|(key, value)| {
        let text = text_of(value.get_ref())?;
        let text = text.trim();
        (!text.is_empty()).then(|| (name(key.get_ref()), text.to_owned()))
    });
    texts.collect()
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| text_of(item.get_ref())).collect();
            items.map(|items| items.join(","))
        }
        DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// What is wrong, by its line. The file is never quoted: it may hold secrets.
fn wrong(text: &str, error: &toml::de::Error) -> String {
    let line = line_of(text, error.span().map_or(0, |span| span.start));
    format!("line {line} is no TOML")
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// What the Snowflake tools take when nobody names one.
const DEFAULT_NAME: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    fn files(connections: &str, config: &str) -> Files {
        let mut files = Files::default();
        files.add_tools(ToolsFile::Connections, connections).unwrap();
        files.add_tools(ToolsFile::Config, config).unwrap();
        files
    }

    #[test]
    fn both_files_of_the_tools_are_merged_key_by_key() {
        let files = files(
            "[prod]\naccount = \"a\"\nuser = \"u\"\n",
            "default_connection_name = \"prod\"\n[cli.logs]\nsave_logs = true\n[connections.prod]\nuser = \"other\"\nport = 444\n[connections.dev]\naccount = \"d\"\n",
        );
        let of = |name: &str, key: &str| files.of_tools(name, key);
        assert_eq!(of("prod", "account").as_deref(), Some("a"));
        assert_eq!(of("prod", "user").as_deref(), Some("u"), "connections.toml wins");
        assert_eq!(of("prod", "port").as_deref(), Some("444"));
        assert_eq!(of("dev", "account").as_deref(), Some("d"));
        assert_eq!(files.default_name(), "prod");
        assert_eq!(
            files.connection_names().into_iter().collect::<Vec<_>>(),
            ["dev", "prod"]
        );
        assert_eq!(files.in_both().collect::<Vec<_>>(), ["prod"]);
    }

    #[test]
    fn keys_are_read_in_any_case_and_what_is_no_text_is_left_out() {
        let files = files(
            "[p]\nACCOUNT = \"a\"\nrole = \"\"\nprivate_key = \"\"\"\n-----BEGIN\nx\n\"\"\"\nsince = 2026-11-22\nallowed_roles = [\"A\", \"B\"]\n[p.session_parameters]\nx = 1\n",
            "",
        );
        let of = |key: &str| files.of_tools("p", key);
        assert_eq!(of("account").as_deref(), Some("a"));
        assert_eq!(of("private_key").as_deref(), Some("-----BEGIN\nx"));
        assert_eq!(of("allowed_roles").as_deref(), Some("A,B"));
        assert_eq!(
            (of("role"), of("since"), of("session_parameters")),
            (None, None, None)
        );
        assert_eq!(files.default_name(), "default");
    }

    #[test]
    fn our_own_file_has_two_tables_and_a_third_is_told() {
        let mut files = Files::default();
        let text = "[settings]\nMCP_HTTP_PORT = 8123\nAPI_KEYS = [\"k1\", \"k2\"]\n[connections.dev]\naccount = \"d\"\n";
        files.add_own(text).unwrap();
        assert_eq!(files.setting("MCP_HTTP_PORT").map(String::as_str), Some("8123"));
        assert_eq!(files.setting("API_KEYS").map(String::as_str), Some("k1,k2"));
        assert_eq!(files.of_own("dev", "account").as_deref(), Some("d"));
        assert_eq!(
            files.add_own("[settings]\n\n[servers]\n"),
            Err("line 3: servers is neither the table [settings] nor [connections.NAME]".to_owned())
        );
        assert_eq!(
            files.add_own("[settings]\nAPI_KEYS = hunter2\n"),
            Err("line 2 is no TOML".to_owned())
        );
    }
}
