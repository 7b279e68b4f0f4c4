//! What the program says about itself while it runs.

pub mod audit;
pub mod logger;
pub mod statements;
