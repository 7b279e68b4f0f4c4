//! Why the settings do not allow a start, in words that name the place.

use std::fmt;
use std::net::SocketAddr;

use super::source::{Found, Origin};

/// Why the settings do not allow a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A value that cannot be read, or is out of range.
    Value {
        /// Flag or environment name.
        name: String,
        /// What was written; `None` for secrets.
        value: Option<String>,
        /// Where it stands.
        origin: Origin,
        /// What was expected, and what to do.
        expected: String,
    },
    /// Other machines could call, and nothing would ask who they are.
    OpenToOthers {
        /// The address that was to be listened on.
        address: SocketAddr,
    },
    /// A configuration file that cannot be used, with its name and why.
    File(String),
    /// Something wrong in a file that a setting names.
    InFile {
        /// The setting.
        setting: String,
        /// The file.
        path: String,
        /// Where the setting stands.
        origin: Origin,
        /// What is wrong, with its line where it has one.
        wrong: String,
    },
    /// Limits that do not go together.
    Limits(String),
}

impl Error {
    pub(super) fn value(found: &Found, expected: impl Into<String>) -> Self {
        Self::Value {
            name: found.name.clone(),
            value: Some(found.value.clone()),
            origin: found.origin,
            expected: expected.into(),
        }
    }

    /// As [`Error::value`], for a value that must not be shown.
    pub(super) fn secret(found: &Found, expected: impl Into<String>) -> Self {
        Self::Value {
            name: found.name.clone(),
            value: None,
            origin: found.origin,
            expected: expected.into(),
        }
    }

    pub(super) fn in_file(found: &Found, wrong: impl Into<String>) -> Self {
        Self::InFile {
            setting: found.name.clone(),
            path: found.value.clone(),
            origin: found.origin,
            wrong: wrong.into().replace(char::is_control, " "),
        }
    }

    /// Whether the command line is at fault: then the exit code is that of a wrong usage.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Value { origin, .. } => *origin == Origin::Flag,
            Self::InFile { .. } | Self::OpenToOthers { .. } | Self::File(_) | Self::Limits(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value {
                name,
                value,
                origin,
                expected,
            } => {
                write!(formatter, "{name}")?;
                if let Some(value) = value {
                    write!(formatter, "={}", value.escape_debug())?;
                }
                write!(formatter, " ({origin}): {expected}")
            }
            Self::OpenToOthers { address } => write!(
                formatter,
                "{address} is reached by other machines and would ask nobody who it is: set API_KEYS, --keys, \
                 MCP_OAUTH_ISSUER or --tls-client-ca, or listen on 127.0.0.1, or say --allow-unauthenticated if something else keeps strangers out"
            ),
            Self::InFile {
                setting,
                path,
                origin,
                wrong,
            } => write!(formatter, "{setting}={} ({origin}), {wrong}", path.escape_debug()),
            Self::File(broken) | Self::Limits(broken) => write!(formatter, "{broken}"),
        }
    }
}

impl std::error::Error for Error {}
