//! DESCRIBE TABLE and DESCRIBE VIEW, and the columns of any object.

use super::command::Form;
use super::datatype::Type;
use super::fault::Outcome;
use super::information_schema;
use super::listing::{Cell, Listing};
use super::session::Session;
use super::translate::object::{self, Object};
use super::translate::{Field, Frame, Rows};

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) nullable: bool,
    pub(super) comment: String,
}

/// The columns of the object that `parts` name. Those of a view are found by translating it; nothing is run.
///
/// # Errors
/// The object does not exist.
pub(super) fn columns(parts: &[String], session: &Session, frame: &mut Frame) -> Outcome<Vec<Described>> {
    let of_field = |field: Field| Described {
        name: field.name,
        kind: field.kind,
        nullable: field.nullable,
        comment: String::new(),
    };
    Ok(match object::find(session, parts)? {
        Object::Table(table) => table
            .columns
            .iter()
            .map(|column| Described {
                name: column.name.to_owned(),
                kind: column.kind,
                nullable: column.nullable,
                comment: column.comment.to_owned(),
            })
            .collect(),
        Object::View(view) => {
            let rows = object::view_rows(view, session, frame)?;
            rows.fields.into_iter().map(of_field).collect()
        }
        Object::Information(view) => information_schema::fields(view)
            .into_iter()
            .map(of_field)
            .collect(),
    })
}

/// DESCRIBE TABLE and DESCRIBE VIEW have the same layout.
///
/// # Errors
/// The object does not exist.
pub(super) fn listing(parts: &[String], session: &Session) -> Outcome<Listing> {
    let names = [
        "name",
        "type",
        "kind",
        "null?",
        "default",
        "primary key",
        "unique key",
        "check",
        "expression",
        "comment",
        "policy name",
        "privacy domain",
        "write default",
    ];
    let mut listing = Listing::new(&names.map(|name| (name, Type::TEXT)));
    for column in columns(parts, session, &mut Frame::default())? {
        let comment = Some(column.comment).filter(|comment| !comment.is_empty());
        listing.push(vec![
            column.name.into(),
            column.kind.to_string().into(),
            "COLUMN".into(),
            if column.nullable { "Y" } else { "N" }.into(),
            Cell::Null,
            "N".into(),
            "N".into(),
            Cell::Null,
            Cell::Null,
            comment.into(),
            Cell::Null,
            Cell::Null,
            Cell::Null,
        ]);
    }
    Ok(listing)
}

/// What is read of a table. Nothing is pruned here: a scan reads all of it.
struct Scan {
    name: String,
    partitions: u64,
    bytes: u64,
}

/// Rows of what counts as a partition: the largest table has eight.
const PARTITION_ROWS: u64 = 8_192;

/// EXPLAIN in Snowflake's layout. Bytes are those of SHOW TABLES.
pub(super) fn plan(form: Form, rows: &Rows, frame: &Frame) -> Listing {
    let output: Vec<&str> = rows.fields.iter().map(|field| field.name.as_str()).collect();
    let expressions = output.join(", ");
    let scans: Vec<Scan> = super::catalog::DATABASES
        .iter()
        .flat_map(|database| database.schemas.iter().map(move |schema| (database, schema)))
        .flat_map(|(database, schema)| schema.tables.iter().map(move |table| (database, schema, table)))
        .filter(|(.., table)| frame.tables.contains(&table.id))
        .map(|(database, schema, table)| Scan {
            name: format!("{}.{}.{}", database.name, schema.name, table.name),
            partitions: table.rows.div_ceil(PARTITION_ROWS),
            bytes: table.bytes(),
        })
        .collect();
    match form {
        Form::Tabular => tabular(&expressions, &scans),
        Form::Json => single_text(json(&output, &scans)),
        Form::Text => single_text(text(&expressions, &scans)),
    }
}

/// Partitions and bytes of all scans.
fn sum(scans: &[Scan]) -> (u64, u64) {
    let partitions = scans.iter().map(|scan| scan.partitions).sum();
    (partitions, scans.iter().map(|scan| scan.bytes).sum())
}

fn tabular(expressions: &str, scans: &[Scan]) -> Listing {
    let number = Type::INTEGER;
    let mut listing = Listing::new(&[
        ("step", number),
        ("id", number),
        ("parentOperators", Type::TEXT),
        ("operation", Type::TEXT),
        ("objects", Type::TEXT),
        ("alias", Type::TEXT),
        ("expressions", Type::TEXT),
        ("partitionsTotal", number),
        ("partitionsAssigned", number),
        ("bytesAssigned", number),
    ]);
    let none = || Cell::Null;
    let (partitions, bytes) = sum(scans);
    let global = "GlobalStats".into();
    listing.push(vec![
        none(),
        none(),
        none(),
        global,
        none(),
        none(),
        none(),
        partitions.into(),
        partitions.into(),
        bytes.into(),
    ]);
    let result = "Result".into();
    listing.push(vec![
        1_i64.into(),
        0_i64.into(),
        none(),
        result,
        none(),
        none(),
        expressions.into(),
        none(),
        none(),
        none(),
    ]);
    for (id, scan) in (1_i64..).zip(scans) {
        listing.push(vec![
            1_i64.into(),
            id.into(),
            "[0]".into(),
            "TableScan".into(),
            scan.name.as_str().into(),
            none(),
            none(),
            scan.partitions.into(),
            scan.partitions.into(),
            scan.bytes.into(),
        ]);
    }
    listing
}

fn single_text(text: String) -> Listing {
    let mut listing = Listing::new(&[("content", Type::TEXT)]);
    listing.push(vec![text.into()]);
    listing
}

fn json(output: &[&str], scans: &[Scan]) -> String {
    let (partitions, bytes) = sum(scans);
    let stats = serde_json::json!({
        "partitionsTotal": partitions,
        "partitionsAssigned": partitions,
        "bytesAssigned": bytes,
    });
    let mut operations = vec![serde_json::json!({"id": 0, "operation": "Result", "expressions": output})];
    for (id, scan) in (1..).zip(scans) {
        operations.push(serde_json::json!({
            "id": id,
            "operation": "TableScan",
            "objects": [scan.name],
            "parentOperators": [0],
            "partitionsTotal": scan.partitions,
            "partitionsAssigned": scan.partitions,
            "bytesAssigned": scan.bytes,
        }));
    }
    serde_json::json!({"GlobalStats": stats, "Operations": [operations]}).to_string()
}

fn text(expressions: &str, scans: &[Scan]) -> String {
    let (partitions, bytes) = sum(scans);
    let mut text = format!(
        "GlobalStats:\n\tbytesAssigned={bytes}\n\tpartitionsAssigned={partitions}\n\tpartitionsTotal={partitions}\nOperations:\n"
    );
    text += &format!("1:0     ->Result  {expressions}\n");
    for (id, scan) in (1..).zip(scans) {
        let Scan {
            name,
            partitions,
            bytes,
        } = scan;
        text += &format!(
            "1:{id}          ->TableScan  {name}  {{partitionsTotal={partitions}, partitionsAssigned={partitions}, bytesAssigned={bytes}}}\n"
        );
    }
    text
}
