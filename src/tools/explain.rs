//! The tool that shows what a statement would read, and whether it would run, without running it. `dry_run` of
//! `execute_query` is the same.

use std::sync::Arc;

use super::fence::Fence;
use super::gate::{WRITES, check_objects, plan_of, weigh};
use super::listing::Listing;
use super::names::{name_in, statement_properties};
use super::plan::{Explained, Operation, bytes_text};
use super::render::{Form, OVERHEAD_BYTES, assemble, error_text, failure};
use super::schema::Arguments;
use super::{Begun, Call, Refusal, Settings, Tool};
use crate::backend::job::{self, Follow, Followed, Render, Rendered, Work};
use crate::backend::{Answer, Asked, Error, Kind};
use crate::json;
use crate::sql::guard::{CheckedStatement, UncheckedStatement};
use crate::sql::mentioned::{Resolved, bounded};
use crate::sql::ruling::Ruling;

/// The name of the tool.
pub(super) const EXPLAIN_QUERY: &str = "explain_query";

pub(super) fn explain_query() -> Tool {
    Tool {
        name: EXPLAIN_QUERY,
        title: "Explain query",
        description: "Show what one SQL statement would read, without running it: micro-partitions and bytes (upper bounds), the objects it touches and the operations of its plan, and whether it would run under the server's limits. Costs no warehouse time. Use it before a query over large tables.",
        properties: statement_properties("One SQL statement in Snowflake's dialect."),
        output_schema: concat!(
            r#"{"type":"object","properties":{"would_run":{"type":"boolean","description":"whether the server's limits let it run"},"reason":{"type":"string","description":"why not, or what would be asked first"},"#,
            r#""partitions_total":{"type":"integer","description":"micro-partitions of the tables that it reads"},"partitions_assigned":{"type":"integer","description":"those of them that it may have to read"},"bytes_assigned":{"type":"integer","description":"bytes in these"},"#,
            r#""objects":{"type":"array","description":"what it reads or changes; of views the tables beneath","items":{"type":"string"}},"truncated":{"type":"boolean","description":"whether operations were left out"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
            r#""operations":{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"},"parents":{"type":"array","items":{"type":"integer"}},"operation":{"type":"string"},"objects":{"type":"array","items":{"type":"string"}},"expressions":{"type":"array","items":{"type":"string"}},"partitions_assigned":{"type":"integer"},"bytes_assigned":{"type":"integer"}},"required":["id","operation"]}}},"#,
            r#""required":["would_run","partitions_total","partitions_assigned","bytes_assigned","objects","truncated","elapsed_ms","operations"]}"#
        ),
        begin,
    }
}

fn begin(settings: &Arc<Settings>, arguments: &Arguments<'_>, call: &Call<'_>) -> Result<Begun, Refusal> {
    plan_work(settings, arguments, call.form, false).map(Begun::from)
}

/// The work that shows the plan of the statement in `query`. As `dry_run` it also has what results of rows have.
pub(super) fn plan_work(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    form: Form,
    is_dry_run: bool,
) -> Result<Work, Refusal> {
    let text = settings.sql_text(arguments)?;
    let exact = |argument| Ok(name_in(arguments, argument)?.map(|name| name.as_str().to_owned()));
    let context = settings.context(exact("database")?, exact("schema")?);
    let resolved = Arc::new(Resolved::new());
    let asked = Asked {
        announced: vec![text.into()],
        resolved: Some(Arc::clone(&resolved)),
        summaries: None,
    };
    let mut page = Page {
        ruling: Arc::clone(&settings.ruling),
        bytes_max: settings.result_bytes_max,
        form,
        is_dry_run,
        resolved,
        is_write: false,
    };
    if text.len() > settings.statement_reactor_bytes_max {
        let unchecked = UncheckedStatement::new(text, settings.policy_of_texts.clone());
        let mut work = settings.work(Vec::new(), context, 1, move |_| failed(form, &no_plan()));
        work.asked = asked;
        work.follow = Some(Follow::new(move |_| {
            let statement = unchecked.check().map_err(|refusal| Error::refused(&refusal))?;
            page.is_write = statement.write().is_some();
            Ok(Followed {
                operation: job::Operation::Run,
                statements: vec![statement.explained().ok_or_else(no_plan)?],
                optional: 0,
                follow: None,
                render: Render::new(move |answer| page.render(&answer)),
            })
        }));
        return Ok(work);
    }
    let statement = settings.check_text(text)?;
    page.is_write = statement.write().is_some();
    let explained = explained(&statement)?;
    let mut work = settings.work(vec![explained], context, 1, move |answer| page.render(&answer));
    work.asked = asked;
    Ok(work)
}

fn explained(statement: &CheckedStatement) -> Result<CheckedStatement, Refusal> {
    statement.explained().ok_or(Refusal::NoPlan)
}

fn no_plan() -> Error {
    Error::new(Kind::Refused, Refusal::NoPlan.to_string())
}

fn failed(form: Form, error: &Error) -> Rendered {
    Rendered {
        result: failure(form, &error_text(error)),
        rows: 0,
        truncated: false,
        query_id: error.query_id.clone(),
        kept: None,
    }
}

/// How a plan is shown.
#[derive(Debug)]
struct Page {
    ruling: Arc<Ruling>,
    bytes_max: usize,
    form: Form,
    is_dry_run: bool,
    /// Where the audit log finds what the compiler made of the names.
    resolved: Arc<Resolved>,
    is_write: bool,
}

impl Page {
    fn render(&self, answer: &Answer) -> Rendered {
        let query_id = answer.results.first().and_then(|result| result.query_id.clone());
        let plan =
            plan_of(answer).map_err(|why| Error::new(Kind::Unsupported, format!("there is no plan: {why}")));
        if let Ok(plan) = &plan {
            let _ = self.resolved.set(bounded(plan.objects().into_iter()));
        }
        // What may not be read may not be looked at either.
        let plan = plan.and_then(|plan| check_objects(&self.ruling, &plan).map(|()| plan));
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return failed(self.form, &Error { query_id, ..error }),
        };
        let objects = plan.objects();
        let room = self
            .bytes_max
            .saturating_sub(OVERHEAD_BYTES + 4 * objects.iter().map(|name| name.len() + 4).sum::<usize>());
        let mut list = Listing::new(self.form.is_structured, room);
        for operation in &plan.operations {
            push_operation(&mut list, operation);
        }
        let is_asked = self.is_write && !self.ruling.writes_unasked;
        let of_write = || is_asked.then(|| WRITES.to_owned());
        let verdict = weigh(&self.ruling, &plan).map(|question| question.or_else(of_write));
        let (mut text, mut named) = (Vec::new(), Vec::new());
        json::push_string_body(&mut text, &head(&plan, &verdict));
        json::push_string_body(&mut named, &names(&objects, list.is_cut));
        // Names and expressions may be those of others.
        let [open, close] = Fence::lines(self.form.fence);
        let mut members = self.members(&plan, &objects, &verdict, list.is_cut);
        if let Some(query_id) = &query_id {
            members.extend_from_slice(b",\"query_id\":");
            json::push_string(&mut members, query_id);
        }
        members.extend_from_slice(b",\"elapsed_ms\":");
        json::push_number(
            &mut members,
            u64::try_from(answer.elapsed.as_millis()).unwrap_or(u64::MAX),
        );
        members.extend_from_slice(b",\"operations\":[");
        Rendered {
            result: assemble(
                self.form,
                &[&text, &open, &named, &list.text, &close],
                &[&members, &list.json, b"]}"],
            ),
            rows: 0,
            truncated: list.is_cut,
            query_id,
            kept: None,
        }
    }

    /// Everything of the structured form before the operations.
    fn members(
        &self,
        plan: &Explained,
        objects: &[&str],
        verdict: &Result<Option<String>, Error>,
        is_cut: bool,
    ) -> Vec<u8> {
        let mut members = if self.is_dry_run {
            br#"{"dry_run":true,"returned":0,"columns":[],"rows":[],"#.to_vec()
        } else {
            b"{".to_vec()
        };
        let would_run = if verdict.is_ok() { "true" } else { "false" };
        members.extend_from_slice(format!("\"would_run\":{would_run}").as_bytes());
        let reason = match verdict {
            Ok(None) => None,
            Ok(Some(question)) => Some(question.as_str()),
            Err(error) => Some(error.message.as_str()),
        };
        if let Some(reason) = reason {
            members.extend_from_slice(b",\"reason\":");
            json::push_string(&mut members, reason);
        }
        for (name, figure) in [
            ("partitions_total", plan.partitions_total),
            ("partitions_assigned", plan.partitions_assigned),
            ("bytes_assigned", plan.bytes_assigned),
        ] {
            members.extend_from_slice(format!(",\"{name}\":{figure}").as_bytes());
        }
        members.extend_from_slice(b",\"objects\":");
        push_texts(&mut members, objects);
        members.extend_from_slice(format!(",\"truncated\":{is_cut}").as_bytes());
        members
    }
}

/// What is said of the plan.
fn head(plan: &Explained, verdict: &Result<Option<String>, Error>) -> String {
    let mut head = format!(
        "Nothing was run. The statement would scan up to {} in {} of {} partitions.\n",
        bytes_text(plan.bytes_assigned),
        plan.partitions_assigned,
        plan.partitions_total
    );
    head.push_str(&match verdict {
        Ok(None) => "It would run.".to_owned(),
        Ok(Some(question)) => format!("It would be confirmed first: {question}"),
        Err(error) => format!("It would be refused: {}.", error.message),
    });
    if plan.calls_out() {
        head.push_str("\nIt calls a function outside of Snowflake.");
    }
    head
}

/// The text between that and the operations.
fn names(objects: &[&str], is_cut: bool) -> String {
    let objects = if objects.is_empty() {
        "none".to_owned()
    } else {
        objects.join(", ")
    };
    let first = if is_cut { " (the first ones)" } else { "" };
    format!("\nObjects: {objects}\n\n### Operations{first}")
}

fn push_operation(list: &mut Listing, operation: &Operation) {
    let mut line = format!("{}. {}", operation.id, operation.name);
    if !operation.objects.is_empty() {
        line.push_str(&format!(" of {}", operation.objects.join(", ")));
    }
    if let (Some(partitions), Some(bytes)) = (operation.partitions_assigned, operation.bytes_assigned) {
        line.push_str(&format!(" ({partitions} partitions, {})", bytes_text(bytes)));
    }
    let expressions = operation.expressions.join(", ");
    if !expressions.is_empty() {
        let cut = expressions.char_indices().nth(EXPRESSION_CHARS_MAX);
        line.push_str(": ");
        line.push_str(cut.map_or(&*expressions, |(at, _)| &expressions[..at]));
        line.push_str(if cut.is_some() { "…" } else { "" });
    }
    list.push(&line, |fields| {
        fields.raw("id", &operation.id.to_string());
        if !operation.parents.is_empty() {
            let parents: Vec<_> = operation.parents.iter().map(u64::to_string).collect();
            fields.raw("parents", &format!("[{}]", parents.join(",")));
        }
        fields.text("operation", &operation.name);
        for (name, texts) in [
            ("objects", &operation.objects),
            ("expressions", &operation.expressions),
        ] {
            if !texts.is_empty() {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let mut json = Vec::new();
                push_texts(&mut json, &texts);
                fields.raw(name, &String::from_utf8_lossy(&json));
            }
        }
        for (name, figure) in [
            ("partitions_assigned", operation.partitions_assigned),
            ("bytes_assigned", operation.bytes_assigned),
        ] {
            if let Some(figure) = figure {
                fields.raw(name, &figure.to_string());
            }
        }
    });
}

fn push_texts(into: &mut Vec<u8>, texts: &[&str]) {
    into.push(b'[');
    super::schema::push_separated(into, texts.iter(), |into, text| json::push_string(into, text));
    into.push(b']');
}

/// Of one operation in the text form; the structured one has them whole.
const EXPRESSION_CHARS_MAX: usize = 300;
