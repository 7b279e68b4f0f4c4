//! The gate before a statement: what must be seen of it first (its plan, the names that it is given, whether it writes),
//! and what follows from that: it runs, it is refused with the figures, or the caller is asked.
//!
//! ```text
//!                      SHOW, DESCRIBE: names ─┐
//!   statements ─ enter ┤                      ├─ barred: refused
//!                      └─ others: EXPLAIN … ──┤              ┌─ consent given: the statements run
//!                                             └─ costly, or  ┤  client can be asked: the reply asks, with a signed state
//!                                                a write     └─ else: refused with the argument that confirms
//! ```
//!
//! The `EXPLAIN`s are the first round of the job and the statements its second ([`Follow`]), so a statement that is
//! refused was never sent. Names are compared as the compiler resolved them, in `EXPLAIN`'s list of objects: a view
//! counts as the tables beneath it.

use std::fmt;
use std::sync::Arc;

use super::plan::{Explained, bytes_text};
use super::render::{Form, missing_result};
use super::schema::{self, Arguments, Property};
use super::{Settings, Tool};
use crate::backend::job::{Context, Follow, Followed, Operation, Render, Rendered, Work};
use crate::backend::{Answer, Error, Kind};
use crate::sql::guard::CheckedStatement;
use crate::sql::mentioned::{Resolved, bounded};
use crate::sql::named::{Named, named};
use crate::sql::objects::Barred;
use crate::sql::ruling::{Ruling, Rulings};
use crate::sql::statement::StatementKind;

const DRY_RUN: &str = "dry_run";

/// The argument that confirms.
pub const CONFIRM: &str = "confirm";

/// What is known of a caller's will to let something costly or writing run.
pub enum Consent {
    /// The argument says so, or the client's user did when asked.
    Given,
    /// The client's user was asked and does not want it.
    Declined,
    /// Nothing. What makes a result that asks, where the client can be asked.
    Unknown(Option<Asker>),
}

/// Makes the whole result that asks a question.
pub type Asker = Box<dyn FnOnce(&str) -> Vec<u8> + Send>;

impl fmt::Debug for Consent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Given => "Given",
            Self::Declined => "Declined",
            Self::Unknown(Some(_)) => "Unknown(Some(…))",
            Self::Unknown(None) => "Unknown(None)",
        })
    }
}

/// What stands before the statements of one call.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) ruling: Arc<Ruling>,
    pub(super) consent: Consent,
    pub(super) form: Form,
    /// Whether the plan's figures say what the statements cost. They do not where a `LIMIT` of ours ends them early.
    pub(super) is_measured: bool,
    /// Whether the call is about plans itself: an `EXPLAIN` of it is judged when its answer is rendered.
    pub(super) is_about_plans: bool,
    /// Where names are looked up.
    pub(super) place: Context,
    /// Where the audit log finds what the compiler made of the names.
    pub(super) resolved: Arc<Resolved>,
}

/// Where a call stands behind the gate.
enum Passage {
    /// On.
    On(Followed),
    /// Before this question.
    Ask(String),
}

/// The settings for callers for whom something else is said.
pub(super) fn special(settings: &Settings) -> Vec<Arc<Settings>> {
    let special = settings.rulings.special().iter();
    special
        .map(|special| Arc::new(settings.under(&special.ruling)))
        .collect()
}

/// Gives the tools that may have to be confirmed the argument for it.
pub(super) fn add_arguments(rulings: &Rulings, tools: &mut [Tool]) {
    if !rulings.all().any(|ruling| ruling.asks()) {
        return;
    }
    for tool in tools.iter_mut().filter(|tool| CONFIRMED.contains(&tool.name)) {
        tool.properties.push(Property {
            name: CONFIRM,
            kind: schema::Kind::Flag { default: false },
            is_required: false,
            description: "Run it although it costs much or changes something. Set it only when the user, who knows the figures, wants that.",
        });
    }
}

/// Tools whose statements may cost or change something.
const CONFIRMED: [&str; 2] = ["execute_query", "profile_table"];

/// Bytes of a `SHOW` or `DESCRIBE` in which names are looked for; each becomes some 20 bytes of tokens meanwhile.
const NAMING_BYTES_MAX: usize = 64 << 10;

/// Tools that end a statement early, so that its plan does not say what it costs.
const UNMEASURED: [&str; 2] = ["query_view", "sample_table"];

impl Gate {
    /// The gate before a call of the tool called `name`.
    pub(super) fn new(
        settings: &Settings,
        name: &str,
        arguments: &Arguments<'_>,
        (form, place): (Form, &Context),
        consent: Consent,
    ) -> Self {
        let is_confirmed = arguments.is_known(CONFIRM) && arguments.flag(CONFIRM);
        let is_dry_run = arguments.is_known(DRY_RUN) && arguments.flag(DRY_RUN);
        Self {
            ruling: Arc::clone(&settings.ruling),
            consent: if is_confirmed { Consent::Given } else { consent },
            form,
            is_measured: !UNMEASURED.contains(&name),
            is_about_plans: is_dry_run || name == super::explain::EXPLAIN_QUERY,
            place: place.clone(),
            resolved: Arc::default(),
        }
    }

    /// Puts the gate before `work`. What can be seen at once is; then an error refuses the call, and the second variant
    /// is its whole result.
    pub(super) fn put_before(mut self, mut work: Box<Work>) -> Result<Result<Box<Work>, Vec<u8>>, Error> {
        let has_writes = self.ruling.policy.writes().next().is_some();
        if !matches!(work.operation, Operation::Run) || !(self.ruling.needs_plan() || has_writes) {
            return Ok(Ok(work));
        }
        if work.asked.announced.is_empty() {
            work.asked.announced = work.asked();
        }
        work.asked
            .resolved
            .get_or_insert_with(|| Arc::clone(&self.resolved));
        if let Some(unchecked) = work.unchecked.take() {
            // Too long for here: the worker looks at it, as the first thing that it does for the job.
            let rest = rest_of(&mut work);
            work.follow = Some(Follow::new(move |_| {
                let refused = |refusal| Error::refused(&refusal);
                let statements = vec![unchecked.check().map_err(refused)?];
                self.pass(Followed { statements, ..rest })
            }));
            return Ok(Ok(work));
        }
        let rest = rest_of(&mut work);
        match self.enter(rest)? {
            Passage::On(followed) => {
                let Followed {
                    operation: _,
                    statements,
                    optional,
                    follow,
                    render,
                } = followed;
                (work.statements, work.optional) = (statements, optional);
                (work.follow, work.render) = (follow, render);
                Ok(Ok(work))
            }
            Passage::Ask(question) => Ok(Err(self.ask(&question)?)),
        }
    }

    /// As [`Gate::enter`], in the worker.
    fn pass(mut self, next: Followed) -> Result<Followed, Error> {
        // The gate moves into what follows, or asks.
        match self.enter(next)? {
            Passage::On(followed) => Ok(followed),
            Passage::Ask(question) => Ok(asking(self.ask(&question)?)),
        }
    }

    /// What the job does next, of `next`: that, or what has to be known first.
    fn enter(&mut self, next: Followed) -> Result<Passage, Error> {
        let Followed { statements, .. } = &next;
        for statement in statements {
            self.check_names(statement)?;
        }
        let writes = statements.iter().any(|statement| statement.write().is_some());
        if writes && !self.ruling.writes_unasked && !matches!(self.consent, Consent::Given) {
            return Ok(Passage::Ask(WRITES.to_owned()));
        }
        if !self.ruling.needs_plan() {
            return Ok(Passage::On(next));
        }
        let mut plans = Vec::new();
        for statement in statements {
            match statement.explained() {
                Some(explained) => plans.push(explained),
                None if is_planned(statement) => {
                    self.unexplained("it is a chain of statements, which has no plan of its own")?;
                }
                None => {}
            }
        }
        let gate = self.take();
        if plans.is_empty() {
            return Ok(Passage::On(gate.before_what_follows(next)));
        }
        let form = self.form;
        let judge = move |answer| gate.judge(answer, next);
        Ok(Passage::On(Followed {
            operation: Operation::Run,
            statements: plans,
            optional: 0,
            follow: Some(Follow::after_any_end(judge)),
            // Never rendered: something follows.
            render: Render::new(move |_| missing_result(form)),
        }))
    }

    /// Goes on with `next` if the plans allow it.
    fn judge(mut self, answer: Result<Answer, Error>, next: Followed) -> Result<Followed, Error> {
        let plan = match answer {
            Ok(answer) => plan_of(&answer),
            Err(error) if !is_about_explaining(&error) => return Err(error),
            Err(error) => Err(error.message),
        };
        match plan {
            Ok(plan) => {
                // Of several rounds the first has what was asked for.
                let _ = self.resolved.set(bounded(plan.objects().into_iter()));
                check_objects(&self.ruling, &plan)?;
                if self.is_measured
                    && let Some(question) = weigh(&self.ruling, &plan)?
                    && !matches!(self.consent, Consent::Given)
                {
                    return Ok(asking(self.ask(&question)?));
                }
            }
            Err(why) => self.unexplained(&why)?,
        }
        Ok(self.before_what_follows(next))
    }

    /// A statement without a plan: whether it may run nevertheless.
    fn unexplained(&self, why: &str) -> Result<(), Error> {
        if self.ruling.runs_unexplained() {
            return Ok(());
        }
        let message = format!(
            "the statement was not run, because its plan is needed to judge it and cannot be had: {why}"
        );
        Err(Error {
            own_advice: Some(UNEXPLAINED),
            ..Error::new(Kind::Barred, message)
        })
    }

    /// The same gate before whatever the job goes on with after `next`.
    fn before_what_follows(self, mut next: Followed) -> Followed {
        next.follow = next.follow.map(|follow| {
            Follow::new(move |answer| {
                let followed = follow.run(Ok(answer))?;
                self.pass(followed)
            })
        });
        next
    }

    /// What a `SHOW` or `DESCRIBE` is about, and whether it may be.
    fn check_names(&self, statement: &CheckedStatement) -> Result<(), Error> {
        let objects = &self.ruling.objects;
        if objects.is_empty() {
            return Ok(());
        }
        if statement.kind() == StatementKind::Explain && !self.is_about_plans {
            let message = "EXPLAIN as a statement is not possible where objects are restricted";
            return Err(Error {
                own_advice: Some("Call explain_query with the statement behind EXPLAIN."),
                ..Error::new(Kind::Barred, message)
            });
        }
        let is_named = matches!(statement.kind(), StatementKind::Show | StatementKind::Describe);
        if is_named && statement.text().len() > NAMING_BYTES_MAX {
            let message = format!(
                "the statement is {} bytes long, and of a {} at most {NAMING_BYTES_MAX} are read where objects are restricted",
                statement.text().len(),
                statement.kind().name().to_uppercase()
            );
            return Err(Error::new(Kind::Barred, message));
        }
        for name in named(statement.text(), statement.kind()) {
            self.check_name(&name)?;
        }
        Ok(())
    }

    fn check_name(&self, name: &Named) -> Result<(), Error> {
        let objects = &self.ruling.objects;
        let written: Vec<&str> = name.parts.iter().map(String::as_str).collect();
        let place = [self.place.database.as_deref(), self.place.schema.as_deref()];
        // Without a word before it, `IN name` may be a database or a schema: both may be meant.
        let ranks = match name.rank {
            Some(rank) => rank..=rank,
            None => written.len()..=(written.len() + 1).min(2).max(written.len()),
        };
        let mut barred = None;
        let mut is_allowed = false;
        for rank in ranks {
            let missing = rank.saturating_sub(written.len());
            let outer: Option<Vec<&str>> = place.iter().take(missing).copied().collect();
            let Some(outer) = outer else {
                barred = Some(Barred {
                    name: format!("{} (write it with its database and schema)", written.join(".")),
                    is_denied: false,
                });
                continue;
            };
            let whole: Vec<&str> = outer.into_iter().chain(written.iter().copied()).collect();
            match objects.check(&whole) {
                Ok(()) => is_allowed = true,
                Err(found) if found.is_denied => return Err(error_of(&found)),
                Err(found) => barred = Some(found),
            }
        }
        match barred {
            Some(barred) if !is_allowed => Err(error_of(&barred)),
            _ => Ok(()),
        }
    }

    /// The result that asks `question`.
    ///
    /// # Errors
    /// Nobody can be asked, or said no.
    fn ask(&mut self, question: &str) -> Result<Vec<u8>, Error> {
        match std::mem::replace(&mut self.consent, Consent::Unknown(None)) {
            Consent::Unknown(Some(asker)) => Ok(asker(question)),
            Consent::Declined => {
                let message = "the user was asked and does not want the statement to run; nothing was run";
                Err(Error::new(Kind::Unconfirmed, message))
            }
            _ => {
                let message = format!("{question} Nothing was run yet");
                Err(Error::new(Kind::Unconfirmed, message))
            }
        }
    }

    fn take(&mut self) -> Self {
        Self {
            ruling: Arc::clone(&self.ruling),
            consent: std::mem::replace(&mut self.consent, Consent::Unknown(None)),
            form: self.form,
            is_measured: self.is_measured,
            is_about_plans: self.is_about_plans,
            place: self.place.clone(),
            resolved: Arc::clone(&self.resolved),
        }
    }
}

/// What `work` was to do, taken out of it.
fn rest_of(work: &mut Work) -> Followed {
    Followed {
        operation: Operation::Run,
        statements: std::mem::take(&mut work.statements),
        optional: std::mem::take(&mut work.optional),
        follow: work.follow.take(),
        render: std::mem::replace(&mut work.render, Render::new(|_| unanswered())),
    }
}

/// The end of a job with a result that was made before.
fn asking(result: Vec<u8>) -> Followed {
    Followed {
        operation: Operation::Run,
        statements: Vec::new(),
        optional: 0,
        follow: None,
        render: Render::new(move |_| Rendered {
            result,
            ..unanswered()
        }),
    }
}

fn unanswered() -> Rendered {
    Rendered {
        result: Vec::new(),
        rows: 0,
        truncated: false,
        query_id: None,
        kept: None,
    }
}

/// The plans of an answer, added up.
///
/// # Errors
/// Why there is none.
pub(super) fn plan_of(answer: &Answer) -> Result<Explained, String> {
    let mut sum = Explained::default();
    for result in &answer.results {
        let plan = Explained::of(result);
        sum.add(plan.ok_or_else(|| "what the engine answered is no plan in JSON".to_owned())?);
    }
    Ok(sum)
}

/// Whether a statement of this kind reads or changes objects that its plan tells.
fn is_planned(statement: &CheckedStatement) -> bool {
    statement.kind().is_query() || statement.write().is_some() || statement.stages() > 1
}

/// Whether it was the `EXPLAIN` that failed, and the statement itself might not.
fn is_about_explaining(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Unsupported | Kind::Syntax | Kind::Execution | Kind::ResultTooLarge | Kind::Protocol
    )
}

/// Whether a statement with this plan may be about its objects.
///
/// # Errors
/// The first object that it may not be about.
pub(super) fn check_objects(ruling: &Ruling, plan: &Explained) -> Result<(), Error> {
    if ruling.objects.is_empty() {
        return Ok(());
    }
    if let Some(scan) = plan.unnamed_scan() {
        let message = format!(
            "the plan has a {scan} of an object without a name, and only named objects may be read here"
        );
        return Err(Error::new(Kind::Barred, message));
    }
    for object in plan.objects() {
        ruling
            .objects
            .check_resolved(object)
            .map_err(|barred| error_of(&barred))?;
    }
    Ok(())
}

/// Whether a statement with this plan may run for its cost; the question to ask first, where one is to be asked.
///
/// # Errors
/// It costs too much, with the figures.
pub(super) fn weigh(ruling: &Ruling, plan: &Explained) -> Result<Option<String>, Error> {
    let (bytes, partitions) = (plan.bytes_assigned, plan.partitions_assigned);
    let is_over = |limit: Option<u64>, figure: u64| limit.filter(|limit| figure > *limit);
    let figures = format!(
        "the statement would scan up to {} in {partitions} of {} partitions",
        bytes_text(bytes),
        plan.partitions_total
    );
    let cost = &ruling.cost;
    let over = |bytes_max, partitions_max| {
        let bytes = is_over(bytes_max, bytes).map(bytes_text);
        bytes.or_else(|| is_over(partitions_max, partitions).map(|limit| format!("{limit} partitions")))
    };
    if let Some(limit) = over(cost.scan_bytes_max, cost.partitions_max) {
        let message = format!("{figures}; at most {limit} are allowed, so it was not run");
        return Err(Error::new(Kind::Costly, message));
    }
    let over = over(cost.scan_bytes_unasked_max, cost.partitions_unasked_max);
    Ok(over.map(|limit| {
        let figures = figures.replacen("the", "The", 1);
        format!("{figures}, which is more than {limit}. Shall it run?")
    }))
}

/// What is asked before a write.
pub(super) const WRITES: &str = "The statement changes data or objects. Shall it run?";
/// What to do about a statement that nobody can judge.
const UNEXPLAINED: &str = "Write it as one query that EXPLAIN can plan, without ->>, or ask the operator, who may let it run without a plan (--on-explain-failure run).";

fn error_of(barred: &Barred) -> Error {
    Error::new(Kind::Barred, barred.to_string())
}
