//! The tool that measures the columns of a table, in one statement: how full, how different, from where to where.
//!
//! Which measures a column can have depends on its type, so DESCRIBE comes first, which costs nothing; the statement that
//! measures follows from it.

use std::sync::Arc;

use super::fence::Fence;
use super::listing::Listing;
use super::names::{ObjectName, TABLE_NAME, table_properties, text_property};
use super::render::{Figures, Form, OVERHEAD_BYTES, assemble, missing_result};
use super::schema::Arguments;
use super::{Begun, Call, Refusal, Settings, Tool, render};
use crate::backend::job::{Follow, Followed, Operation, Render, Rendered};
use crate::backend::rows::Row;
use crate::backend::{Answer, Error, Kind};
use crate::json;
use crate::sql::identifier::Identifier;

/// Columns that one statement measures. Each costs Snowflake a sketch of its distinct values.
const COLUMNS_MAX: usize = 40;
/// Characters of a least or greatest text.
const EXTREME_CHARS_MAX: usize = 100;

pub(super) fn profile_table() -> Tool {
    let mut properties = table_properties();
    properties.push(text_property(
        "columns",
        false,
        "Columns to measure, separated by commas; the first 40 if left out.",
    ));
    Tool {
        name: "profile_table",
        title: "Profile table",
        description: "Measure the columns of a table with one statement: rows, share of NULLs, estimated distinct values, least and greatest value. It reads the columns it measures in full, so name the ones you need of a large table.",
        properties,
        output_schema: concat!(
            r#"{"type":"object","properties":{"database":{"type":"string"},"schema":{"type":"string"},"name":{"type":"string"},"rows":{"type":"integer","description":"rows of the table"},"#,
            r#""returned":{"type":"integer","description":"columns measured"},"truncated":{"type":"boolean","description":"whether columns were left out"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
            r#""columns":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"type":{"type":"string"},"null_share":{"type":"number","description":"0 to 1"},"distinct":{"type":"integer","description":"estimate"},"min":{"type":"string"},"max":{"type":"string"}},"required":["name","type"]}}},"#,
            r#""required":["database","schema","name","rows","returned","truncated","elapsed_ms","columns"]}"#
        ),
        begin: begin_profile_table,
    }
}

fn begin_profile_table(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let name = ObjectName::parse(settings, arguments, TABLE_NAME)?;
    let wanted = arguments.text("columns").map(names_in).transpose()?;
    let describe = settings.check(&format!("DESCRIBE TABLE {}", name.to_quoted()))?;
    let context = name.context(settings);
    let settings_then = Arc::clone(settings);
    let follow = move |answer: Answer| follow(&settings_then, &answer, name, wanted.as_deref(), form);
    // Rendered is only what follows.
    let mut work = settings.work(vec![describe], context, settings.rows_max, move |_| {
        missing_result(form)
    });
    work.follow = Some(Follow::new(follow));
    Ok(work.into())
}

/// The names in a list with commas between them. A comma inside of double quotes is part of a name.
fn names_in(text: &str) -> Result<Vec<Identifier>, Refusal> {
    let mut is_quoted = false;
    let parts = text.split(|character| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    });
    let fault = |fault| Refusal::Name {
        argument: "columns",
        fault,
    };
    parts
        .map(|part| part.trim().parse::<Identifier>().map_err(fault))
        .collect()
}

/// A column that is measured.
#[derive(Debug)]
struct Measured {
    name: String,
    type_name: String,
    measures: Measures,
}

/// What a type can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measures {
    /// Whether it is NULL, and no more.
    Nulls,
    /// The same, and how many different values there are.
    Distinct,
    /// The same, and the least and greatest of them.
    Range,
    /// The same of texts, of which the beginning is enough.
    TextRange,
}

impl Measures {
    fn of_type(type_name: &str) -> Self {
        let end = type_name.find(|character: char| !character.is_ascii_alphabetic() && character != '_');
        match &type_name[..end.unwrap_or(type_name.len())] {
            "GEOGRAPHY" | "GEOMETRY" | "VECTOR" | "FILE" | "MAP" => Self::Nulls,
            "VARIANT" | "OBJECT" | "ARRAY" | "BINARY" | "VARBINARY" | "BOOLEAN" => Self::Distinct,
            "VARCHAR" | "TEXT" | "STRING" | "CHAR" | "CHARACTER" => Self::TextRange,
            _ => Self::Range,
        }
    }

    const fn has_distinct(self) -> bool {
        !matches!(self, Self::Nulls)
    }

    const fn has_range(self) -> bool {
        matches!(self, Self::Range | Self::TextRange)
    }
}

#[allow(
    clippy::result_large_err,
    reason = "the error of the backend vocabulary, once per call"
)]
fn follow(
    settings: &Settings,
    answer: &Answer,
    name: ObjectName,
    wanted: Option<&[Identifier]>,
    form: Form,
) -> Result<Followed, Error> {
    let Some(described) = answer.results.first() else {
        return Err(Error::new(
            Kind::Internal,
            "the engine gave no result for a statement",
        ));
    };
    let all: Vec<Measured> = described.rows().filter_map(measured).collect();
    let chosen: Vec<Measured> = match wanted {
        None => all,
        Some(wanted) => {
            let known = |name: &Identifier| all.iter().any(|column| column.name == name.as_str());
            if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
                let message = format!(
                    "{} has no column {}",
                    name.to_display(),
                    super::names::display_name(unknown.as_str())
                );
                return Err(Error::new(Kind::NotFound, message));
            }
            let is_wanted = |column: &Measured| wanted.iter().any(|name| name.as_str() == column.name);
            all.into_iter().filter(is_wanted).collect()
        }
    };
    let is_cut = chosen.len() > COLUMNS_MAX || (wanted.is_none() && described.is_truncated());
    let columns: Vec<Measured> = chosen.into_iter().take(COLUMNS_MAX).collect();
    let checked = settings.policy.check(&statement(&name, &columns));
    let statement = checked.map_err(|refusal| Error::new(Kind::Refused, refusal.message))?;
    let bytes_max = settings.result_bytes_max;
    let profile = Profile {
        name,
        columns,
        is_cut,
        bytes_max,
        form,
    };
    Ok(Followed {
        operation: Operation::Run,
        statements: vec![statement],
        optional: 0,
        follow: None,
        render: Render::new(move |answer| profile.render(&answer)),
    })
}

fn measured(row: Row<'_>) -> Option<Measured> {
    let type_name = row.text("type").unwrap_or("unknown").to_owned();
    Some(Measured {
        name: row.text("name")?.to_owned(),
        measures: Measures::of_type(&type_name),
        type_name,
    })
}

fn statement(name: &ObjectName, columns: &[Measured]) -> String {
    let mut list = "COUNT(*) AS ROWS_ALL".to_owned();
    for (index, column) in columns.iter().enumerate() {
        let quoted = format!("\"{}\"", column.name.replace('"', "\"\""));
        list.push_str(&format!(", COUNT({quoted}) AS FILLED_{index}"));
        if column.measures.has_distinct() {
            list.push_str(&format!(", APPROX_COUNT_DISTINCT({quoted}) AS DISTINCT_{index}"));
        }
        if column.measures.has_range() {
            for (function, called) in [("MIN", "LEAST"), ("MAX", "GREATEST")] {
                let extreme = match column.measures {
                    Measures::TextRange => format!("LEFT({function}({quoted}), {EXTREME_CHARS_MAX})"),
                    _ => format!("{function}({quoted})"),
                };
                list.push_str(&format!(", {extreme} AS {called}_{index}"));
            }
        }
    }
    format!("SELECT {list} FROM {}", name.to_quoted())
}

/// A profile to be rendered.
struct Profile {
    name: ObjectName,
    columns: Vec<Measured>,
    is_cut: bool,
    bytes_max: usize,
    form: Form,
}

impl Profile {
    fn render(&self, answer: &Answer) -> Rendered {
        let Some(result) = answer.results.first() else {
            return missing_result(self.form);
        };
        let Some(row) = result.rows().next() else {
            let message = "the measures do not fit into a result; name fewer columns";
            return render::unrenderable(self.form, &Error::new(Kind::ResultTooLarge, message));
        };
        let rows: u64 = row
            .text("ROWS_ALL")
            .and_then(|rows| rows.parse().ok())
            .unwrap_or(0);
        let room = self
            .bytes_max
            .saturating_sub(OVERHEAD_BYTES + 4 * self.name.to_quoted().len());
        let mut list = Listing::new(self.form.is_structured, room);
        for (index, column) in self.columns.iter().enumerate() {
            push_column(&mut list, column, row, (index, rows));
        }
        let figures = Figures {
            returned: list.count,
            is_truncated: self.is_cut || list.is_cut,
            total: None,
            query_id: result.query_id.as_deref(),
            elapsed: answer.elapsed,
        };
        let mut head = String::new();
        if figures.is_truncated {
            head.push_str(&format!(
                "Truncated: {} columns are measured, there are more. Name others as columns.\n\n",
                list.count
            ));
        }
        head.push_str(&format!(
            "## Profile of {}: {rows} rows\n",
            self.name.to_display()
        ));
        let (mut text, mut members) = (Vec::new(), b"{".to_vec());
        json::push_string_body(&mut text, &head);
        self.name.push_json(&mut members);
        members.extend_from_slice(b",\"rows\":");
        json::push_number(&mut members, rows);
        members.push(b',');
        figures.push_json(&mut members);
        members.extend_from_slice(b",\"columns\":[");
        let [open, close] = Fence::lines(self.form.fence);
        Rendered {
            result: assemble(
                self.form,
                &[&text, &open, &list.text, &close],
                &[&members, &list.json, b"]}"],
            ),
            rows: figures.returned,
            truncated: figures.is_truncated,
            query_id: result.query_id.clone(),
            kept: None,
        }
    }
}

fn push_column(list: &mut Listing, column: &Measured, row: Row<'_>, (index, rows): (usize, u64)) {
    let cell = |measure: &str| row.text(&format!("{measure}_{index}"));
    let filled: u64 = cell("FILLED").and_then(|count| count.parse().ok()).unwrap_or(0);
    let distinct = cell("DISTINCT");
    let extremes = [("min", cell("LEAST")), ("max", cell("GREATEST"))];
    let null_share = thousandths(rows.saturating_sub(filled), rows);
    let mut line = format!("- {} : {}", column.name, column.type_name);
    if let Some(share) = &null_share {
        line.push_str(&format!(", null share {share}"));
    }
    if let Some(distinct) = distinct {
        line.push_str(&format!(", about {distinct} distinct"));
    }
    for (what, value) in extremes {
        if let Some(value) = value {
            line.push_str(&format!(", {what} {}", value.replace(['\r', '\n'], " ")));
        }
    }
    list.push(&line, |fields| {
        fields.text("name", &column.name);
        fields.text("type", &column.type_name);
        if let Some(share) = &null_share {
            fields.raw("null_share", share);
        }
        fields.number_if_any("distinct", distinct);
        for (what, value) in extremes {
            if let Some(value) = value {
                fields.text(what, value);
            }
        }
    });
}

/// A part of a whole with three digits, as JSON writes it; nothing where there is no whole. A part that is not nothing is
/// never told as nothing.
fn thousandths(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let exact = u128::from(part) * 1_000;
    let mut share = exact / u128::from(whole);
    if share == 0 && part > 0 {
        share = 1;
    }
    if share == 1_000 && part < whole {
        share = 999;
    }
    Some(match share {
        0 => "0".to_owned(),
        1_000 => "1".to_owned(),
        share => format!("0.{share:03}").trim_end_matches('0').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_columns_is_read_as_sql_reads_names() {
        let names = |text: &str| -> Vec<String> {
            let names = names_in(text).unwrap();
            names.iter().map(|name| name.as_str().to_owned()).collect()
        };
        assert_eq!(names("id, \"a,b\" ,\"C\"\"d\""), ["ID", "a,b", "C\"d"]);
        assert!(names_in("id,,x").is_err() && names_in("a,").is_err());
    }

    #[test]
    fn a_type_is_asked_for_what_it_can_answer() {
        for (type_name, measures) in [
            ("NUMBER(38,0)", Measures::Range),
            ("TIMESTAMP_TZ(9)", Measures::Range),
            ("VARCHAR(16777216)", Measures::TextRange),
            ("VARIANT", Measures::Distinct),
            ("ARRAY(NUMBER(38,0))", Measures::Distinct),
            ("BOOLEAN", Measures::Distinct),
            ("VECTOR(FLOAT, 3)", Measures::Nulls),
            ("GEOGRAPHY", Measures::Nulls),
        ] {
            assert_eq!(Measures::of_type(type_name), measures, "{type_name}");
        }
    }

    #[test]
    fn a_share_says_nothing_and_all_only_where_it_is_so() {
        for (part, whole, share) in [
            (0, 10, Some("0")),
            (10, 10, Some("1")),
            (1, 4, Some("0.25")),
            (1, 1_000_000, Some("0.001")),
            (999_999, 1_000_000, Some("0.999")),
            (2, 3, Some("0.666")),
            (0, 0, None),
        ] {
            assert_eq!(thousandths(part, whole).as_deref(), share, "{part} of {whole}");
        }
    }
}
