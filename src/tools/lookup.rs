//! Looking up names: what is in an account, a database, a schema or a table, for lists and completions.
//!
//! SHOW answers without a warehouse. A prefix goes along as a pattern that never misses a name, and what is found is
//! compared exactly here: so nothing in it has to be escaped for LIKE.

use super::names::display_name;
use super::place::{Place, Rank};
use super::shown::{NAMES_KEPT_MAX, names_of, share};
use super::visible::Visible;
use super::{Catalogue, Refusal};
use crate::backend::Answer;
use crate::backend::job::{Context, Rendered, Work};
use crate::backend::kept::{self, Kept, Share, Subject};
use crate::sql::identifier::quote_literal;

/// Which names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// All databases.
    Databases,
    /// What is in a place: schemas, tables and views, columns.
    Within(Place),
    /// All warehouses.
    Warehouses,
    /// All roles.
    Roles,
}

/// Which of them are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that begin so, whatever the case.
    pub prefix: String,
    /// Those that come after this exact name.
    pub after: Option<String>,
    /// So many at most.
    pub names_max: usize,
    /// Whether all are read, to be kept for others who ask.
    pub is_for_all: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names<'a> {
    /// The first of them, in the order in which Snowflake lists them.
    pub names: Vec<Name<'a>>,
    /// How many there are in all, where that is known.
    pub total: Option<u64>,
    /// Whether there are more.
    pub has_more: bool,
}

/// One name that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The exact name.
    pub name: &'a str,
    /// What is known of it: `TABLE`, `STANDARD`.
    pub kind: Option<&'a str>,
    /// What its owner says of it.
    pub comment: Option<&'a str>,
}

impl<'a> Names<'a> {
    /// Those of what was kept of a listing that is whole.
    pub fn of_kept(
        kept: &'a Kept,
        visible: &Visible,
        prefix: &str,
        after: Option<&str>,
        names_max: usize,
    ) -> Self {
        let prefix = prefix.to_lowercase();
        let told = match after {
            None => &kept.names[..],
            Some(after) => {
                let index = kept.names.iter().position(|told| &*told.name == after);
                &kept.names[index.map_or(0, |index| index + 1)..]
            }
        };
        let mut fitting = told
            .iter()
            .filter(|told| begins_with(&told.name, &prefix) && visible.holds(&told.name));
        let names: Vec<Name<'a>> = fitting
            .by_ref()
            .take(names_max)
            .map(|told| Name {
                name: &told.name,
                kind: None,
                comment: Some(&*told.comment).filter(|comment| !comment.is_empty()),
            })
            .collect();
        let more = fitting.count();
        Self {
            total: after.is_none().then_some((names.len() + more) as u64),
            has_more: more > 0,
            names,
        }
    }
}

/// Whether a name begins with a prefix in lower case, whatever its own case. Names are mostly ASCII: nothing is copied
/// for those.
fn begins_with(name: &str, prefix: &str) -> bool {
    if name.is_ascii() {
        let head = name.as_bytes().get(..prefix.len());
        return head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()));
    }
    name.to_lowercase().starts_with(prefix)
}

impl Name<'_> {
    /// As a caller may pass it back.
    pub fn to_display(self) -> String {
        display_name(self.name)
    }
}

impl Catalogue {
    /// Work that looks up names for `principal`; `wrap` makes the result of them.
    ///
    /// # Errors
    /// The guard's, where a policy forbids the statement, and that of the lists of objects.
    pub fn look_up(
        &self,
        principal: &[u8],
        sought: &Sought,
        wanted: Wanted,
        wrap: impl FnOnce(&Names<'_>) -> Vec<u8> + Send + 'static,
    ) -> Result<Work, Refusal> {
        let visible = self.visible(principal, sought)?;
        let settings = self.settings_for(principal);
        let statement = settings.check(&statement(sought, &wanted, &visible))?;
        let share = wanted.is_for_all.then(|| self.share_of(sought));
        let context = self.context_of(sought);
        let render = move |answer| rendered(&answer, &wanted, &visible, wrap);
        let mut work = settings.work(vec![statement], context, NAMES_READ_MAX, render);
        work.share = share;
        Ok(work)
    }

    /// What a look-up asks of the account.
    pub fn share_of(&self, sought: &Sought) -> Share {
        let (subject, scope) = match sought {
            Sought::Databases => (Subject::Databases, String::new()),
            Sought::Warehouses => (Subject::Warehouses, String::new()),
            Sought::Roles => (Subject::Roles, String::new()),
            Sought::Within(place) => {
                let subject = match place.rank() {
                    Rank::Database => Subject::Schemas,
                    Rank::Schema => Subject::Objects,
                    Rank::Object => Subject::Columns,
                };
                (subject, place.to_in_clause())
            }
        };
        share(
            &self.settings,
            &self.context_of(sought),
            subject,
            &scope,
            kept::Form::Names,
        )
    }

    fn context_of(&self, sought: &Sought) -> Context {
        match sought {
            Sought::Within(place) => place.context(&self.settings),
            Sought::Databases | Sought::Warehouses | Sought::Roles => self.settings.context(None, None),
        }
    }
}

/// Names that are read to find those with a prefix: beyond that the total is not told. At some 100 bytes a row of SHOW
/// that is 200 KiB a call.
const NAMES_READ_MAX: u64 = NAMES_KEPT_MAX as u64;

fn statement(sought: &Sought, wanted: &Wanted, visible: &Visible) -> String {
    let (what, within) = match sought {
        Sought::Databases => ("DATABASES", String::new()),
        Sought::Warehouses => ("WAREHOUSES", String::new()),
        Sought::Roles => ("ROLES", String::new()),
        Sought::Within(place) => match place.rank() {
            Rank::Database => ("TERSE SCHEMAS", format!(" IN DATABASE {}", place.to_quoted())),
            Rank::Schema => ("TERSE OBJECTS", format!(" IN SCHEMA {}", place.to_quoted())),
            Rank::Object => ("COLUMNS", format!(" IN TABLE {}", place.to_quoted())),
        },
    };
    let like = if wanted.prefix.is_empty() || wanted.is_for_all {
        String::new()
    } else {
        format!(" LIKE '{}%'", pattern(&wanted.prefix))
    };
    let from = match &wanted.after {
        None => String::new(),
        // How many are left out of the next ones is not known before they are read.
        Some(_) if visible.is_restricted() => String::new(),
        // One more than wanted tells whether there are more.
        Some(after) => format!(" LIMIT {} FROM {}", wanted.names_max + 1, quote_literal(after)),
    };
    format!("SHOW {what}{like}{within}{from}")
}

/// A pattern that finds every name with this prefix: letters and digits as they are (LIKE of SHOW folds case), anything
/// else as any one character.
fn pattern(prefix: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '_'
        }
    };
    prefix.chars().map(plain).collect()
}

fn rendered(
    answer: &Answer,
    wanted: &Wanted,
    visible: &Visible,
    wrap: impl FnOnce(&Names<'_>) -> Vec<u8>,
) -> Rendered {
    let prefix = wanted.prefix.to_lowercase();
    let mut names = Vec::new();
    let mut skipped_to = wanted.after.as_deref().filter(|_| visible.is_restricted());
    let (mut total, mut is_whole, mut query_id) = (0, wanted.after.is_none(), None);
    for result in &answer.results {
        query_id.clone_from(&result.query_id);
        is_whole &= !result.is_truncated();
        for row in result.rows() {
            let name = row.text("column_name").or_else(|| row.text("name"));
            if skipped_to.is_some() {
                skipped_to = skipped_to.filter(|last| name != Some(*last));
                continue;
            }
            let Some(name) = name.filter(|name| begins_with(name, &prefix) && visible.holds(name)) else {
                continue;
            };
            total += 1;
            if names.len() < wanted.names_max {
                names.push(Name {
                    name,
                    kind: row.text("kind").filter(|kind| !kind.is_empty()),
                    comment: row.text("comment").filter(|comment| !comment.is_empty()),
                });
            }
        }
    }
    let found = Names {
        has_more: total > names.len() as u64 || answer.results.iter().any(|result| result.is_truncated()),
        total: is_whole.then_some(total),
        names,
    };
    Rendered {
        rows: found.names.len() as u64,
        truncated: found.has_more,
        result: wrap(&found),
        query_id,
        kept: answer
            .results
            .first()
            .filter(|_| wanted.is_for_all)
            .map(|result| names_of(result, NAMES_KEPT_MAX).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backend::rows::Bounds;
    use crate::backend::{Column, ResultSet, Value};

    fn wanted(prefix: &str, names_max: usize) -> Wanted {
        Wanted {
            prefix: prefix.to_owned(),
            after: None,
            names_max,
            is_for_all: false,
        }
    }

    fn answer(names: &[&str], rows_max: u64) -> Answer {
        let column = |name: &str| Column {
            name: name.to_owned(),
            type_name: "VARCHAR".to_owned(),
            nullable: true,
        };
        let bounds = Bounds {
            rows_max,
            bytes_max: 10_000,
        };
        let mut result = ResultSet::new(vec![column("name"), column("comment")], bounds);
        for name in names {
            result.push(Value::Text(name));
            result.push(Value::Text(""));
            if !result.end_row() {
                result.mark_truncated();
            }
        }
        Answer {
            results: vec![result],
            elapsed: Duration::ZERO,
        }
    }

    fn found(answer: &Answer, wanted: &Wanted) -> String {
        let rendered = rendered(answer, wanted, &Visible::default(), |found| {
            let names: Vec<_> = found.names.iter().map(|name| name.to_display()).collect();
            format!(
                "{} of {:?}, more {}",
                names.join(","),
                found.total,
                found.has_more
            )
            .into_bytes()
        });
        String::from_utf8(rendered.result).unwrap()
    }

    #[test]
    fn the_statement_says_where_and_what_it_can_of_the_prefix() {
        let place = |uri: &str| Sought::Within(Place::of_uri(uri).unwrap());
        for (sought, wanted, expected) in [
            (Sought::Databases, wanted("", 9), "SHOW DATABASES"),
            (
                Sought::Warehouses,
                wanted("a_b%'\\", 9),
                "SHOW WAREHOUSES LIKE 'a_b___%'",
            ),
            (Sought::Roles, wanted("é", 9), "SHOW ROLES LIKE '_%'"),
            (
                place("snowflake://d"),
                wanted("X", 9),
                r#"SHOW TERSE SCHEMAS LIKE 'X%' IN DATABASE "D""#,
            ),
            (
                place("snowflake://d/s"),
                wanted("", 9),
                r#"SHOW TERSE OBJECTS IN SCHEMA "D"."S""#,
            ),
            (
                place("snowflake://d/s/o"),
                wanted("", 9),
                r#"SHOW COLUMNS IN TABLE "D"."S"."O""#,
            ),
        ] {
            assert_eq!(statement(&sought, &wanted, &Visible::default()), expected);
        }
        let after = Wanted {
            after: Some("it's".to_owned()),
            ..wanted("", 2)
        };
        assert_eq!(
            statement(&Sought::Databases, &after, &Visible::default()),
            "SHOW DATABASES LIMIT 3 FROM 'it''s'"
        );
    }

    #[test]
    fn names_are_compared_exactly_and_counted() {
        let answer = answer(&["A_B", "AXB", "a_c", "raw data"], 100);
        assert_eq!(
            found(&answer, &wanted("a_", 9)),
            r#"A_B,"a_c" of Some(2), more false"#
        );
        assert_eq!(found(&answer, &wanted("", 2)), "A_B,AXB of Some(4), more true");
        assert_eq!(found(&answer, &wanted("x", 2)), " of Some(0), more false");
    }

    #[test]
    fn a_result_that_was_cut_has_no_total() {
        let answer = answer(&["A", "B", "C"], 2);
        assert_eq!(found(&answer, &wanted("", 9)), "A,B of None, more true");
    }
}
