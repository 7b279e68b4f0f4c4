//! SQL as text: what kind of statement it is and whether it may be sent. Knows no engine and no connection.

pub mod guard;
