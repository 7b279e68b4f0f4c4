//! From a statement's text to what has to be done: rows that are already known, or text for SQLite.
//!
//! Plans depend on text and session only, so they are kept and shared by all workers ([`Plans`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlparser::tokenizer::TokenWithSpan;

use super::command::{self, Command};
use super::fault::{Fault, Outcome};
use super::lexis::{stages, tokenize};
use super::listing::Listing;
use super::session::Session;
use super::translate::{Field, Frame, Rows, object, translate};
use super::{describe, show};

/// What a statement leads to.
#[derive(Debug)]
pub(super) enum Plan {
    /// Rows that need no SQLite.
    Listing(Listing),
    /// A query of SQLite's.
    Query(Query),
}

/// A query that is ready to be run.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) fields: Vec<Field>,
    pub(super) frame: Frame,
}

impl Plan {
    /// Whether it surely ends soon: at most one relation and nothing that generates rows. Such statements need no slot
    /// among the long ones.
    pub(super) fn is_short(&self) -> bool {
        match self {
            Self::Listing(_) => true,
            Self::Query(query) => query.frame.relations <= 1 && !query.frame.is_generative,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Listing(listing) => listing.rows.len() * listing.fields.len() * 32,
            Self::Query(query) => {
                query.sql.len() + query.frame.parameters.iter().map(String::len).sum::<usize>()
            }
        }
    }
}

/// Plans made before.
#[derive(Debug, Default)]
pub(super) struct Plans {
    kept: Mutex<BTreeMap<(Session, String), Arc<Plan>>>,
}

impl Plans {
    /// The plan for `text`, made now if it is not kept.
    ///
    /// # Errors
    /// Every fault of the compile-time kinds.
    pub(super) fn plan(&self, text: &str, session: &Session) -> Outcome<Arc<Plan>> {
        let key = (session.clone(), text.to_owned());
        if let Some(plan) = self.lock().get(&key) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(make(text, session)?);
        if text.len() + plan.bytes() <= PLAN_BYTES_MAX {
            let mut kept = self.lock();
            if kept.len() >= PLANS_MAX {
                // Rare, and every plan is made again in well under a millisecond.
                kept.clear();
            }
            kept.insert(key, Arc::clone(&plan));
        }
        Ok(plan)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Session, String), Arc<Plan>>> {
        // A map is whole before and after each call that could panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plans kept, and bytes of one: 8 MiB together.
const PLANS_MAX: usize = 256;
const PLAN_BYTES_MAX: usize = 32 << 10;

/// Stages of a pipe; each may read all before it.
const STAGES_MAX: usize = 32;

/// Makes the plan of a statement.
///
/// # Errors
/// Every fault of the compile-time kinds.
pub(super) fn make(text: &str, session: &Session) -> Outcome<Plan> {
    let mut stages = stages(tokenize(text)?);
    if stages.len() > STAGES_MAX {
        return Err(Fault::unsupported(format_args!(
            "pipes of more than {STAGES_MAX} stages (found {})",
            stages.len()
        )));
    }
    let last = stages.pop().unwrap_or_default();
    let mut frame = Frame::default();
    let mut before = Vec::new();
    let mut tables = Vec::new();
    for stage in stages {
        let rows = stage_rows(stage, session, &before, &mut frame)?;
        let name = format!("p{}", before.len() + 1);
        let columns: Vec<String> = (1..=rows.fields.len())
            .map(|number| format!("c{number}"))
            .collect();
        tables.push(format!("{name}({}) AS ({})", columns.join(", "), rows.sql));
        before.push(Rows {
            sql: format!("SELECT * FROM {name}"),
            ..rows
        });
    }
    let rows = match command::read(last)? {
        Command::Query(tokens) => translate(&tokens, session, &before, &mut frame)?,
        other => return listing(other, session, &before).map(Plan::Listing),
    };
    Ok(Plan::Query(Query {
        sql: with_tables(&tables, rows.sql),
        fields: rows.fields,
        frame,
    }))
}

/// The stages before the last as tables of WITH.
fn with_tables(tables: &[String], sql: String) -> String {
    if tables.is_empty() {
        return sql;
    }
    let tables = tables.join(", ");
    if let Some(rest) = sql.strip_prefix("WITH RECURSIVE ") {
        format!("WITH RECURSIVE {tables}, {rest}")
    } else if let Some(rest) = sql.strip_prefix("WITH ") {
        format!("WITH {tables}, {rest}")
    } else {
        format!("WITH {tables} {sql}")
    }
}

fn stage_rows(
    tokens: Vec<TokenWithSpan>,
    session: &Session,
    before: &[Rows],
    frame: &mut Frame,
) -> Outcome<Rows> {
    match command::read(tokens)? {
        Command::Query(tokens) => translate(&tokens, session, before, frame),
        other => {
            let listing = listing(other, session, before)?;
            Ok(object::listing_rows(&listing, frame))
        }
    }
}

fn listing(command: Command, session: &Session, before: &[Rows]) -> Outcome<Listing> {
    match command {
        Command::Show(show) => show::listing(&show, session),
        Command::Describe(name) => describe::listing(&name, session),
        Command::Explain(form, tokens) => {
            let mut frame = Frame::default();
            let rows = translate(&tokens, session, before, &mut frame)?;
            Ok(describe::plan(form, &rows, &frame))
        }
        Command::Query(_) => Err(Fault::Internal("a query is no listing".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::job::Context;

    #[test]
    fn a_plan_is_made_once_for_a_text_in_a_session() {
        let plans = Plans::default();
        let session = Session::new(&Context::default());
        let first = plans.plan("select 1", &session).unwrap();
        assert!(Arc::ptr_eq(&first, &plans.plan("select 1", &session).unwrap()));
        let elsewhere = Session::new(&Context {
            schema: Some("ANALYTICS".into()),
            ..Context::default()
        });
        assert!(!Arc::ptr_eq(&first, &plans.plan("select 1", &elsewhere).unwrap()));
    }

    #[test]
    fn kept_plans_are_bounded_in_number_and_size() {
        let plans = Plans::default();
        let session = Session::new(&Context::default());
        for number in 0..PLANS_MAX * 2 {
            plans.plan(&format!("select {number}"), &session).unwrap();
        }
        assert!(plans.lock().len() <= PLANS_MAX);
        let long = format!("select '{}'", "x".repeat(PLAN_BYTES_MAX - 100));
        plans.plan(&long, &session).unwrap();
        assert!(!plans.lock().contains_key(&(session, long)));
    }

    #[test]
    fn only_statements_of_one_relation_are_short() {
        let session = Session::new(&Context::default());
        let is_short = |text: &str| make(text, &session).unwrap().is_short();
        assert!(is_short("select 1"));
        assert!(is_short("show tables"));
        assert!(is_short("select count(*) from lineitem"));
        assert!(!is_short("select count(*) from lineitem a, lineitem b"));
        assert!(!is_short("select (select count(*) from orders) from region"));
        assert!(!is_short(
            "select count(*) from table(generator(rowcount => 1000000))"
        ));
        assert!(!is_short(
            "with recursive r(n) as (select 1 union all select n + 1 from r) select max(n) from r"
        ));
    }

    #[test]
    fn a_pipe_that_doubles_at_each_stage_stays_small() {
        let session = Session::new(&Context::default());
        let text = format!(
            "select 1 as a{}",
            " ->> select l.a from $1 l, $1 r".repeat(STAGES_MAX - 1)
        );
        match make(&text, &session) {
            Ok(Plan::Query(query)) => assert!(query.sql.len() < 10_000),
            other => panic!("{other:?}"),
        }
        let longer = text + " ->> select 1";
        assert!(matches!(make(&longer, &session), Err(Fault::Unsupported(_))));
    }
}
