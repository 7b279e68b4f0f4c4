//! What a statement is, told by its first words: SHOW, DESCRIBE and EXPLAIN are read here, because sqlparser rejects
//! many of their forms; everything else is a query. Knows no catalogue.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::fault::{Fault, Outcome};
use super::lexis::Cursor;

/// A stage of a pipe, or a whole statement.
#[derive(Debug)]
pub(super) enum Command {
    Query(Vec<TokenWithSpan>),
    Show(Show),
    /// DESCRIBE TABLE or VIEW: exact parts of the name.
    Describe(Vec<String>),
    Explain(Form, Vec<TokenWithSpan>),
}

/// A SHOW command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Show {
    pub(super) what: What,
    pub(super) is_terse: bool,
    pub(super) like: Option<String>,
    pub(super) within: Within,
    pub(super) starts_with: Option<String>,
    pub(super) limit: Option<u64>,
    /// Names up to and with this one are left out.
    pub(super) from: Option<String>,
}

/// What SHOW lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Databases,
    Schemas,
    Tables,
    Views,
    Objects,
    Columns,
    Warehouses,
    Roles,
    PrimaryKeys,
    ImportedKeys,
    Grants,
}

/// Where SHOW looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Within {
    /// Where the session is.
    Session,
    Account,
    /// `None` is the current one.
    Database(Option<Vec<String>>),
    Schema(Option<Vec<String>>),
    /// A table or view, for SHOW COLUMNS.
    Object(Vec<String>),
    /// A name without a word in front: what it means depends on what is listed.
    Name(Vec<String>),
}

/// How EXPLAIN answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Tabular,
    Json,
    Text,
}

/// Reads one stage.
///
/// # Errors
/// A syntax error of SHOW, DESCRIBE or EXPLAIN, or a kind of them that this engine does not have.
pub(super) fn read(tokens: Vec<TokenWithSpan>) -> Outcome<Command> {
    let mut cursor = Cursor::new(&tokens);
    if cursor.eat("SHOW") {
        return show(&mut cursor).map(Command::Show);
    }
    // DESC begins no query.
    if cursor.eat("DESCRIBE") || cursor.eat("DESC") {
        return describe(&mut cursor);
    }
    if cursor.eat("EXPLAIN") {
        return explain(&mut cursor);
    }
    let is_query = ["SELECT", "WITH", "VALUES"].iter().any(|verb| cursor.is_at(verb))
        || cursor.eat_token(&Token::LParen);
    if is_query {
        return Ok(Command::Query(tokens));
    }
    // What sqlparser is not given cannot go wrong in it.
    match cursor.word().map(str::to_uppercase) {
        Some(verb) if WRITING.contains(&verb.as_str()) => Err(Fault::ReadOnly(verb)),
        _ => Err(cursor.unexpected("SELECT, WITH, VALUES, SHOW, DESCRIBE or EXPLAIN")),
    }
}

/// First words of statements that Snowflake has and that do not read.
const WRITING: [&str; 27] = [
    "ALTER", "BEGIN", "CALL", "COMMENT", "COMMIT", "COPY", "CREATE", "DECLARE", "DELETE", "DROP", "EXECUTE",
    "GET", "GRANT", "INSERT", "LIST", "LS", "MERGE", "PUT", "REMOVE", "REVOKE", "ROLLBACK", "SET",
    "TRUNCATE", "UNDROP", "UNSET", "UPDATE", "USE",
];

fn show(cursor: &mut Cursor<'_>) -> Outcome<Show> {
    let is_terse = cursor.eat("TERSE");
    let what = kind(cursor)?;
    cursor.eat("HISTORY");
    let mut show = Show {
        what,
        is_terse,
        like: None,
        within: Within::Session,
        starts_with: None,
        limit: None,
        from: None,
    };
    if what == What::Grants {
        grants(cursor)?;
        return Ok(show);
    }
    if cursor.eat("LIKE") {
        show.like = Some(cursor.string()?);
    }
    if cursor.eat("IN") {
        show.within = within(cursor)?;
    }
    if cursor.eat("STARTS") {
        if !cursor.eat("WITH") {
            return Err(cursor.unexpected("WITH"));
        }
        show.starts_with = Some(cursor.string()?);
    }
    if cursor.eat("LIMIT") {
        show.limit = Some(cursor.number()?);
        if cursor.eat("FROM") {
            show.from = Some(cursor.string()?);
        }
    }
    cursor.end()?;
    Ok(show)
}

fn kind(cursor: &mut Cursor<'_>) -> Outcome<What> {
    const KINDS: [(&str, What); 8] = [
        ("DATABASES", What::Databases),
        ("SCHEMAS", What::Schemas),
        ("TABLES", What::Tables),
        ("VIEWS", What::Views),
        ("OBJECTS", What::Objects),
        ("COLUMNS", What::Columns),
        ("WAREHOUSES", What::Warehouses),
        ("ROLES", What::Roles),
    ];
    for (word, what) in KINDS {
        if cursor.eat(word) {
            return Ok(what);
        }
    }
    let mut kind = "SHOW".to_owned();
    while let Some(word) = cursor.word().filter(|word| !is_clause_of_show(word)) {
        kind = kind + " " + &word.to_uppercase();
        cursor.eat(word);
    }
    match kind.as_str() {
        "SHOW PRIMARY KEYS" => Ok(What::PrimaryKeys),
        "SHOW IMPORTED KEYS" => Ok(What::ImportedKeys),
        "SHOW GRANTS" => Ok(What::Grants),
        "SHOW" => Err(cursor.unexpected("what to show")),
        _ => Err(Fault::unsupported(kind)),
    }
}

/// SHOW GRANTS, alone or TO a role or user: whoever that is, there is one role, which reads.
fn grants(cursor: &mut Cursor<'_>) -> Outcome<()> {
    if cursor.eat("TO") {
        if !cursor.eat("ROLE") && !cursor.eat("USER") {
            return Err(cursor.unexpected("ROLE or USER"));
        }
        cursor.name().ok_or_else(|| cursor.unexpected("a name"))?;
    } else if cursor.is_at("ON") || cursor.is_at("OF") || cursor.is_at("IN") {
        return Err(Fault::unsupported("SHOW GRANTS ON, OF and IN"));
    }
    cursor.end()
}

fn is_clause_of_show(word: &str) -> bool {
    ["LIKE", "IN", "STARTS", "LIMIT", "HISTORY", "ON", "TO", "OF"]
        .iter()
        .any(|clause| word.eq_ignore_ascii_case(clause))
}

fn within(cursor: &mut Cursor<'_>) -> Outcome<Within> {
    if cursor.eat("ACCOUNT") {
        return Ok(Within::Account);
    }
    if cursor.eat("DATABASE") {
        return Ok(Within::Database(optional_name(cursor)));
    }
    if cursor.eat("SCHEMA") {
        return Ok(Within::Schema(optional_name(cursor)));
    }
    if cursor.eat("TABLE") || cursor.eat("VIEW") {
        return cursor
            .name()
            .map(Within::Object)
            .ok_or_else(|| cursor.unexpected("a name"));
    }
    cursor
        .name()
        .map(Within::Name)
        .ok_or_else(|| cursor.unexpected("ACCOUNT, DATABASE, SCHEMA or a name"))
}

/// A name, unless the next clause begins here.
fn optional_name(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    if cursor.is_at("STARTS") || cursor.is_at("LIMIT") {
        return None;
    }
    cursor.name()
}

fn describe(cursor: &mut Cursor<'_>) -> Outcome<Command> {
    const KINDS_ELSEWHERE: [&str; 14] = [
        "RESULT",
        "DATABASE",
        "SCHEMA",
        "WAREHOUSE",
        "USER",
        "ROLE",
        "FUNCTION",
        "PROCEDURE",
        "STAGE",
        "STREAM",
        "TASK",
        "PIPE",
        "SEQUENCE",
        "INTEGRATION",
    ];
    let is_kind_given = cursor.eat("TABLE") || cursor.eat("VIEW");
    if !is_kind_given
        && let Some(word) = cursor.word()
        && KINDS_ELSEWHERE.iter().any(|kind| word.eq_ignore_ascii_case(kind))
    {
        return Err(Fault::unsupported(format_args!(
            "DESCRIBE {}",
            word.to_uppercase()
        )));
    }
    let name = cursor.name().ok_or_else(|| cursor.unexpected("a name"))?;
    if cursor.eat("TYPE") {
        cursor.eat_token(&Token::Eq);
        if !cursor.eat("COLUMNS") {
            return Err(Fault::unsupported("DESCRIBE with TYPE = STAGE"));
        }
    }
    cursor.end()?;
    Ok(Command::Describe(name))
}

fn explain(cursor: &mut Cursor<'_>) -> Outcome<Command> {
    let mut form = Form::Tabular;
    if cursor.eat("USING") {
        form = match cursor.word().map(str::to_uppercase).as_deref() {
            Some("TABULAR") => Form::Tabular,
            Some("JSON") => Form::Json,
            Some("TEXT") => Form::Text,
            _ => return Err(cursor.unexpected("TABULAR, JSON or TEXT")),
        };
        cursor.eat("TABULAR");
        cursor.eat("JSON");
        cursor.eat("TEXT");
    }
    let rest = cursor.rest();
    if rest.is_empty() {
        return Err(cursor.unexpected("a statement to explain"));
    }
    match read(rest)? {
        Command::Query(tokens) => Ok(Command::Explain(form, tokens)),
        _ => Err(Fault::unsupported("EXPLAIN of anything but a query")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexis::tokenize;
    use super::*;

    fn show_of(text: &str) -> Show {
        match read(tokenize(text).unwrap()) {
            Ok(Command::Show(show)) => show,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_clause_of_show_is_read() {
        let show = show_of("show terse tables like 'a%' in schema \"d\".s starts with 'B' limit 5 from 'C'");
        assert_eq!(
            show,
            Show {
                what: What::Tables,
                is_terse: true,
                like: Some("a%".into()),
                within: Within::Schema(Some(vec!["d".into(), "S".into()])),
                starts_with: Some("B".into()),
                limit: Some(5),
                from: Some("C".into()),
            }
        );
        assert_eq!(
            show_of("SHOW VIEWS IN DATABASE STARTS WITH 'x'").within,
            Within::Database(None)
        );
        assert_eq!(show_of("SHOW SCHEMAS IN ACCOUNT").within, Within::Account);
        assert_eq!(
            show_of("SHOW COLUMNS IN TABLE t").within,
            Within::Object(vec!["T".into()])
        );
        assert_eq!(
            show_of("SHOW VIEWS IN d.s").within,
            Within::Name(vec!["D".into(), "S".into()])
        );
    }

    #[test]
    fn what_is_no_show_is_said_with_its_place() {
        let fault = |text: &str| read(tokenize(text).unwrap()).err();
        assert!(matches!(
            fault("show tables in schema s and more"),
            Some(Fault::Syntax {
                line: 1,
                column: 25,
                ..
            })
        ));
        // LIKE stands before IN.
        assert!(matches!(
            fault("show tables in s like 'x'"),
            Some(Fault::Syntax { .. })
        ));
        assert!(matches!(fault("show tables like x"), Some(Fault::Syntax { .. })));
        assert!(matches!(fault("show"), Some(Fault::Syntax { .. })));
        assert_eq!(
            fault("show dynamic tables"),
            Some(Fault::unsupported("SHOW DYNAMIC TABLES"))
        );
    }

    #[test]
    fn describe_and_explain_are_read_in_all_their_forms() {
        for text in [
            "describe view a.b.c",
            "desc table a.b.c",
            "describe a.b.c",
            "desc view a.b.c type = columns",
        ] {
            match read(tokenize(text).unwrap()) {
                Ok(Command::Describe(name)) => assert_eq!(name, ["A", "B", "C"]),
                other => panic!("{text}: {other:?}"),
            }
        }
        for (text, form) in [
            ("explain select 1", Form::Tabular),
            ("explain using json select 1", Form::Json),
            (
                "EXPLAIN USING TEXT WITH a AS (select 1) select * from a",
                Form::Text,
            ),
        ] {
            assert!(matches!(read(tokenize(text).unwrap()), Ok(Command::Explain(found, _)) if found == form));
        }
        assert!(read(tokenize("explain using xml select 1").unwrap()).is_err());
        assert!(read(tokenize("explain show tables").unwrap()).is_err());
    }
}
