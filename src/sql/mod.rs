//! SQL as text: what kind of statement it is and whether it may be sent. Knows no engine and no connection.
//!
//! ```text
//! text ─ lexer ─► tokens ─ statement ─► kinds, parts ─ guard ─► CheckedStatement (or a Refusal)
//! names of a call ─ identifier ─► quoted names
//! ```
//!
//! There is no parser here on purpose. A grammar of Snowflake's SQL is always behind Snowflake, so it refuses what
//! analysts use next; and it is not needed, because what a statement does is told by its verb, by the functions that it
//! calls and by a handful of words. Tokens, however, must be Snowflake's to the letter: every known way around a guard
//! of this kind is a text that the guard and the engine cut differently.

pub mod guard;
pub mod identifier;
pub mod lexer;
pub mod literals;
pub mod mentioned;
pub mod named;
pub mod objects;
pub mod ruling;
pub mod statement;
pub mod summary;
