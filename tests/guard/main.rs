//! The statement guard on a corpus of labelled SQL: the verdicts themselves, the same verdicts after changes that mean
//! nothing to Snowflake, and random texts.
//!
//! Set `SQL_GUARD_CASES` to a file of cases in the form of [`foreign`] to run these as well.

mod corpus;
mod foreign;
mod mutation;
mod random;
