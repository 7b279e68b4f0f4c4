//! The error object of JSON-RPC and the code table of JSON-RPC and MCP.

/// A JSON-RPC error object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The code.
    pub code: i32,
    /// A sentence.
    pub message: String,
    /// The `data` member, as JSON.
    pub data: Option<String>,
}
