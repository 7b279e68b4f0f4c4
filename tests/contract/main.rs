//! One behaviour, several engines: what `backend::Backend` promises, run for each engine that implements it.
//!
//! - [`behaviours`]: the list, written against `&dyn Backend` alone.
//! - [`scripted`]: the Snowflake client against a server in this process that follows the SQL API's wire and can be
//!   told to fail in any way; no time passes, because the driver's clock is a number.
//! - `embedded`: the embedded engine.
//! - [`vectors`]: results and errors of the real service, decoded through the client.
//! - [`paging`]: results read on by cursor, through the tools.
//! - [`live`]: the Snowflake client against a running SQL API server, when `SNOWFLAKE_CONTRACT_URL` names one.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what it did, and ends where it fails"
)]

mod behaviours;
mod drive;
#[cfg(feature = "demo")]
mod embedded;
mod gzip;
mod live;
mod paging;
mod scripted;
mod server;
mod showing;
mod vectors;
