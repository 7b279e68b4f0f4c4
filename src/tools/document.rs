//! What there is to know of a place, as a document: a database's schemas, a schema's tables and views, a table's columns
//! with the statement that makes it.

use super::describe::push_column;
use super::listing::Listing;
use super::lookup::Sought;
use super::names::display_name;
use super::place::{Place, Rank};
use super::shown::{NAMES_KEPT_MAX, names_of, share};
use super::visible::Visible;
use super::{Catalogue, Form, Refusal};
use crate::backend::job::{Rendered, Work};
use crate::backend::kept::{self, Kept, Mark, Subject};
use crate::backend::rows::Row;
use crate::backend::{Answer, ResultSet};
use crate::json;
use crate::sql::identifier::quote_literal;

/// The media type of a document.
pub const MIME_TYPE: &str = "text/markdown";

impl Catalogue {
    /// Work that makes the document about `place`: its text, which is the inside of a JSON string, is what is kept, to be
    /// sent by [`framed`]. What `principal` may not see is not in it; then it is kept for nobody else.
    ///
    /// # Errors
    /// The guard's, where a policy forbids a statement, and that of the lists of objects.
    pub fn document(&self, principal: &[u8], place: Place) -> Result<Work, Refusal> {
        let visible = self.visible(principal, &Sought::Within(place.clone()))?;
        let is_for_all = !visible.is_restricted();
        let settings = self.settings_for(principal);
        let quoted = place.to_quoted();
        let texts = match place.rank() {
            Rank::Database => vec![format!("SHOW SCHEMAS IN DATABASE {quoted}")],
            Rank::Schema => vec![format!("SHOW OBJECTS IN SCHEMA {quoted}")],
            // Both answer for tables and views alike.
            Rank::Object => vec![
                format!("DESCRIBE TABLE {quoted}"),
                format!("SELECT GET_DDL('TABLE', {}, TRUE) AS DDL", quote_literal(&quoted)),
            ],
        };
        let statements: Result<Vec<_>, _> = texts.iter().map(|text| settings.check(text)).collect();
        let (context, bytes_max) = (place.context(settings), settings.result_bytes_max);
        let subject = match place.rank() {
            Rank::Database => Subject::Schemas,
            Rank::Schema => Subject::Objects,
            Rank::Object => Subject::Columns,
        };
        let mut share = share(
            settings,
            &context,
            subject,
            &place.to_in_clause(),
            kept::Form::Document,
        );
        share.uri = Some(place.to_uri().into());
        let render = move |answer| render(&answer, &place, &visible, bytes_max);
        let mut work = settings.work(statements?, context, settings.rows_max, render);
        // As in describe_view: who may not see the statement may still see the columns.
        work.optional = work.statements.len() - 1;
        work.share = Some(share).filter(|_| is_for_all);
        Ok(work)
    }
}

/// What stands before and behind the text of the document that was asked for by `uri`.
pub fn framed(form: Form, uri: &str) -> (Vec<u8>, Vec<u8>) {
    let mut head = format!("{{{}\"contents\":[{{\"uri\":", form.before).into_bytes();
    json::push_string(&mut head, uri);
    head.extend_from_slice(format!(",\"mimeType\":\"{MIME_TYPE}\",\"text\":\"").as_bytes());
    let tail = format!("\"}}]{}}}", form.after);
    (head, tail.into_bytes())
}

fn render(answer: &Answer, place: &Place, visible: &Visible, bytes_max: usize) -> Rendered {
    let (title, push): (&str, PushRow) = match place.rank() {
        Rank::Database => ("Schemas", push_schema),
        Rank::Schema => ("Tables and views", push_object),
        Rank::Object => ("Columns", push_column),
    };
    let name = place.to_display();
    let mut list = Listing::new(false, bytes_max.saturating_sub(2 * name.len() + HEAD_BYTES));
    let first = answer.results.first();
    first
        .into_iter()
        .flat_map(ResultSet::rows)
        .filter(|row| row.text("name").is_none_or(|name| visible.holds(name)))
        .for_each(|row| push(&mut list, row));
    let is_cut = list.is_cut || answer.results.iter().any(ResultSet::is_truncated);
    let mut head = Vec::new();
    json::push_string_body(&mut head, &format!("# {name}\n\n## {title}\n"));
    if list.count == 0 {
        json::push_string_body(&mut head, "\nNone that the server's role may see.");
    }
    let definition = answer.results.get(1).map(|result| definition(result, &list));
    let note: &[u8] = if is_cut { CUT } else { b"" };
    let query_id = first.and_then(|result| result.query_id.clone());
    let text: [&[u8]; 4] = [&head, &list.text, definition.as_deref().unwrap_or_default(), note];
    let mut mark = Mark::default();
    text.iter().for_each(|part| mark.add(part));
    let kept = Kept {
        body: text.concat().into(),
        mark: mark.get(),
        ..first.map_or_else(Kept::default, |result| names_of(result, NAMES_KEPT_MAX))
    };
    Rendered {
        result: Vec::new(),
        rows: list.count,
        truncated: is_cut,
        query_id,
        kept: Some(kept.into()),
    }
}

type PushRow = fn(&mut Listing, Row<'_>);

/// Bytes of a document beside its list and its definition.
const HEAD_BYTES: usize = 256;

const CUT: &[u8] = br"\n\nThere is more than fits here; ask with execute_query.";

fn push_schema(list: &mut Listing, row: Row<'_>) {
    push_named(list, row, "");
}

fn push_object(list: &mut Listing, row: Row<'_>) {
    let kind = row.text("kind").unwrap_or("TABLE");
    // A view has no rows of its own; SHOW says 0 or nothing.
    let rows = row.text("rows").filter(|_| kind != "VIEW");
    let kind = match rows {
        Some(rows) => format!(" ({kind}, {rows} rows)"),
        None => format!(" ({kind})"),
    };
    push_named(list, row, &kind);
}

fn push_named(list: &mut Listing, row: Row<'_>, kind: &str) {
    let mut line = format!("- {}{kind}", display_name(row.text("name").unwrap_or_default()));
    if let Some(comment) = row.text("comment").filter(|comment| !comment.is_empty()) {
        line.push_str(&format!(": {}", comment.replace(['\r', '\n'], " ")));
    }
    list.push(&line, |_| {});
}

/// The section with the statement that makes the object, as far as it is known and fits.
fn definition(result: &ResultSet, list: &Listing) -> Vec<u8> {
    let Some(ddl) = result.rows().next().and_then(|row| row.text("DDL")) else {
        return br"\n\nThe server's role may not see the definition.".to_vec();
    };
    let mut section = br"\n\n## Definition\n\n```sql\n".to_vec();
    json::push_string_body(&mut section, ddl.trim());
    section.extend_from_slice(br"\n```");
    if section.len() > list.room_left() {
        return br"\n\nThe definition is too long to be shown.".to_vec();
    }
    section
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backend::rows::Bounds;
    use crate::backend::{Column, Value};

    fn result(columns: &[&str], rows: &[&[&str]]) -> ResultSet {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            type_name: "VARCHAR".to_owned(),
            nullable: true,
        };
        let bounds = Bounds {
            rows_max: 100,
            bytes_max: 10_000,
        };
        let mut result = ResultSet::new(columns.iter().map(column).collect(), bounds);
        for row in rows {
            row.iter().for_each(|cell| result.push(Value::Text(cell)));
            result.end_row();
        }
        result
    }

    fn document(uri: &str, results: Vec<ResultSet>, bytes_max: usize) -> String {
        let answer = Answer {
            results,
            elapsed: Duration::ZERO,
        };
        let place = Place::of_uri(uri).unwrap();
        let rendered = render(&answer, &place, &Visible::default(), bytes_max);
        let text = String::from_utf8(rendered.kept.unwrap().body.to_vec()).unwrap();
        serde_json::from_str(&format!("\"{text}\"")).unwrap()
    }

    #[test]
    fn a_schema_lists_its_objects_with_what_is_known_of_them() {
        let objects = result(
            &["name", "kind", "rows", "comment"],
            &[
                &["ORDERS", "TABLE", "15", "all\nof them"],
                &["v", "VIEW", "0", ""],
            ],
        );
        assert_eq!(
            document("snowflake://d/s", vec![objects], 10_000),
            "# D.S\n\n## Tables and views\n\n- ORDERS (TABLE, 15 rows): all of them\n- \"v\" (VIEW)"
        );
        let empty = document("snowflake://d", vec![result(&["name"], &[])], 10_000);
        assert_eq!(empty, "# D\n\n## Schemas\n\nNone that the server's role may see.");
    }

    #[test]
    fn a_table_has_columns_and_a_definition_where_it_may_be_seen() {
        let columns = || {
            result(
                &["name", "type", "null?", "comment"],
                &[&["ID", "NUMBER(38,0)", "N", "the \"key\""]],
            )
        };
        let ddl = result(&["DDL"], &[&["create table T (\n\tID int\n);\n"]]);
        let head = "# D.S.T\n\n## Columns\n\n- ID : NUMBER(38,0) NOT NULL (the \"key\")";
        assert_eq!(
            document("snowflake://d/s/t", vec![columns(), ddl.clone()], 10_000),
            format!("{head}\n\n## Definition\n\n```sql\ncreate table T (\n\tID int\n);\n```")
        );
        assert_eq!(
            document("snowflake://d/s/t", vec![columns(), ResultSet::absent()], 10_000),
            format!("{head}\n\nThe server's role may not see the definition.")
        );
        assert_eq!(
            document("snowflake://d/s/t", vec![columns(), ddl], HEAD_BYTES + 100),
            format!("{head}\n\nThe definition is too long to be shown.")
        );
    }

    #[test]
    fn a_long_list_says_that_there_is_more() {
        let names: Vec<String> = (0..50).map(|index| format!("SCHEMA_{index}")).collect();
        let rows: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
        let rows: Vec<&[&str]> = rows.iter().map(|row| row.as_slice()).collect();
        let text = document("snowflake://d", vec![result(&["name"], &rows)], HEAD_BYTES + 100);
        assert!(text.contains("SCHEMA_0") && !text.contains("SCHEMA_49"));
        assert!(text.ends_with("There is more than fits here; ask with execute_query."));
    }
}
