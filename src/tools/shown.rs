//! What SHOW said, as the answer of a tool that lists: in both forms, with the names kept for others who ask.

use super::Settings;
use super::fence::Fence;
use super::listing::Listing;
use super::render::{Cut, Figures, Form, OVERHEAD_BYTES, missing_result, shared};
use crate::backend::job::{Context, Rendered};
use crate::backend::kept::{self, Kept, Key, Mark, Share, Subject, Told};
use crate::backend::rows::Row;
use crate::backend::{Answer, ResultSet};
use crate::json;
use crate::sql::objects::ObjectRules;

/// Rows that Snowflake gives of a SHOW at most, whatever is asked for. A result of so many is taken for one that was cut.
pub(super) const SHOWN_MAX: u64 = 10_000;

/// Adds an item for a row, or none.
pub(super) type PushRow = fn(&mut Listing, Row<'_>);

/// A list of objects to be rendered. What the lists of objects bar is left out, and how much of that there was is not told: that
/// something is there is what they keep from who asks.
#[derive(Debug)]
pub(super) struct List {
    title: String,
    empty: String,
    noun: &'static str,
    limit: u64,
    bytes_max: usize,
    form: Form,
    objects: ObjectRules,
    /// The columns of SHOW that have the names of an item, from the database down.
    named_by: &'static [&'static str],
}

impl List {
    /// A list under the operator's bounds, called so, with what is said when there is nothing in it.
    pub(super) fn new(
        settings: &Settings,
        form: Form,
        noun: &'static str,
        title: String,
        empty: String,
    ) -> Self {
        Self {
            title,
            empty,
            noun,
            limit: settings.rows_max,
            bytes_max: settings.result_bytes_max,
            form,
            objects: settings.ruling.objects.clone(),
            named_by: match noun {
                "databases" => &["name"],
                "schemas" => &["database_name", "name"],
                _ => &["database_name", "schema_name", "name"],
            },
        }
    }

    /// The answer.
    pub(super) fn render(&self, answer: &Answer, push: PushRow) -> Rendered {
        let Some(result) = answer.results.first() else {
            return missing_result(self.form);
        };
        let room = self.bytes_max.saturating_sub(OVERHEAD_BYTES + self.title.len());
        let mut list = Listing::new(self.form.is_structured, room);
        result
            .rows()
            .filter(|row| is_seen(&self.objects, *row, self.named_by))
            .for_each(|row| push(&mut list, row));
        let figures = Figures {
            returned: list.count,
            is_truncated: list.is_cut || result.is_truncated() || result.returned() >= SHOWN_MAX,
            total: None,
            query_id: result.query_id.as_deref(),
            elapsed: answer.elapsed,
        };
        let mut head = String::new();
        if figures.is_truncated {
            head = format!("{}\n\n", self.cut(result, &list).sentence((0, list.count), None));
        }
        let is_empty = list.count == 0 && !figures.is_truncated;
        head.push_str(if is_empty { &self.empty } else { &self.title });
        let (mut text, mut members) = (Vec::new(), b"{".to_vec());
        json::push_string_body(&mut text, &head);
        figures.push_json(&mut members);
        members.extend_from_slice(format!(",\"{}\":[", self.noun).as_bytes());
        let structured: [&[u8]; 3] = [&members, &list.json, b"]}"];
        let [open, close] = Fence::lines(self.form.fence);
        let mut mark = Mark::default();
        mark.add(&list.text);
        let kept = Kept {
            body: shared(self.form, &[&text, &open, &list.text, &close], &structured),
            mark: mark.get(),
            ..names_of(result, NAMES_KEPT_MAX)
        };
        Rendered {
            rows: figures.returned,
            truncated: figures.is_truncated,
            query_id: result.query_id.clone(),
            result: Vec::new(),
            kept: Some(kept.into()),
        }
    }

    fn cut(&self, result: &ResultSet, list: &Listing) -> Cut {
        if !list.is_cut && !result.is_truncated() {
            Cut::Shown
        } else if !list.is_cut && result.returned() >= self.limit {
            Cut::Listed { limit: self.limit }
        } else {
            Cut::Bytes {
                limit: self.bytes_max,
                bytes_max: self.bytes_max,
            }
        }
    }
}

/// The names in a result of SHOW or DESCRIBE, to be kept.
pub(super) fn names_of(result: &ResultSet, names_max: usize) -> Kept {
    let name = |row: Row<'_>| {
        let name = row.text("column_name").or_else(|| row.text("name"))?;
        Some(Told::new(name, row.text("comment").unwrap_or_default()))
    };
    let names: Vec<Told> = result.rows().filter_map(name).take(names_max).collect();
    let mut mark = Mark::default();
    for told in &names {
        mark.add(told.name.as_bytes());
        mark.add(told.comment.as_bytes());
    }
    Kept {
        is_whole: !result.is_truncated() && names.len() as u64 == result.returned(),
        mark: mark.get(),
        names,
        body: [].as_slice().into(),
    }
}

/// Names that are kept of one answer: with their comments some 200 KiB at the usual length.
pub(super) const NAMES_KEPT_MAX: usize = 2_000;

/// Whether a row of SHOW is of something that may be read, or looked into, by its names in these columns. Without one of them
/// it cannot be told.
pub(super) fn is_seen(objects: &ObjectRules, row: Row<'_>, named_by: &[&str]) -> bool {
    if objects.is_empty() {
        return true;
    }
    let names: Option<Vec<&str>> = named_by.iter().map(|column| row.text(column)).collect();
    names.is_some_and(|names| objects.check(&names).is_ok())
}

/// What `context` asks of the account about `subject` in `scope`, to be told under `settings`.
pub(super) fn share(
    settings: &Settings,
    context: &Context,
    subject: Subject,
    scope: &str,
    form: kept::Form,
) -> Share {
    let mut seen = Mark::default();
    seen.add(settings.ruling.objects.to_text().as_bytes());
    seen.add(&settings.rows_max.to_le_bytes());
    seen.add(&settings.result_bytes_max.to_le_bytes());
    Share {
        key: Key {
            who: context.who(),
            subject,
            scope: scope.into(),
            form,
            seen: if form == kept::Form::Names { 0 } else { seen.get() },
        },
        is_fresh: false,
        uri: None,
    }
}

/// What a tool's answer is encoded for.
pub(super) const fn form_of(form: Form) -> kept::Form {
    if form.is_structured {
        kept::Form::Structured
    } else {
        kept::Form::Text
    }
}
