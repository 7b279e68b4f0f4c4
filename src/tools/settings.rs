//! What the operator decides about the tools.

use std::sync::Arc;
use std::time::Duration;

use super::choice::Choice;
use crate::backend::job::Context;
use crate::limits::Limits;
use crate::sql::guard::Policy;
use crate::sql::identifier::Identifier;
use crate::sql::ruling::{Ruling, Rulings};

/// What the operator decides about the tools. Names are written as in SQL: a bare word is folded to upper case, a name
/// in double quotes is exact.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Rows of one result (`MAX_QUERY_LIMIT`); a caller may only ask for fewer.
    pub rows_max: u64,
    /// Encoded bytes of one result, text and structured form together.
    pub result_bytes_max: usize,
    /// Estimated tokens of the text of one result; a caller may only ask for fewer.
    pub result_tokens_max: u64,
    /// Characters of one cell in a text table.
    pub cell_text_max: usize,
    /// How long a call waits for a statement.
    pub call_wait: Duration,
    /// How long a statement may run; a caller may only ask for less.
    pub statement_timeout: Duration,
    /// Bytes of one SQL text.
    pub statement_bytes_max: usize,
    /// A longer SQL text is guarded by the worker.
    pub statement_reactor_bytes_max: usize,
    /// Rows of `execute_query` when the caller does not say (`DEFAULT_QUERY_LIMIT`).
    pub default_rows: u64,
    /// Database of calls that name none.
    pub default_database: Option<String>,
    /// Schema of calls that name none, in the default database only.
    pub default_schema: Option<String>,
    /// Warehouse of every statement.
    pub warehouse: Option<String>,
    /// Role of every statement.
    pub role: Option<String>,
    /// Which statements may pass, and the tools' own.
    pub policy: Policy,
    /// The same for texts that callers write: functions that name objects by a text are missing where objects are
    /// restricted.
    pub policy_of_texts: Policy,
    /// What else holds for such a caller.
    pub ruling: Arc<Ruling>,
    /// What callers may choose, by connection; the first is the one of calls that name none.
    pub choices: Vec<Choice>,
    /// What each caller may do.
    pub rulings: Rulings,
    /// Whether that may change while the server runs.
    pub rulings_may_change: bool,
}

impl Settings {
    /// Settings with the bounds of `limits`, no defaults for names, and `rulings`.
    pub fn new(limits: &Limits, rulings: impl Into<Rulings>) -> Self {
        let rulings = rulings.into();
        Self {
            rows_max: limits.rows_max,
            result_bytes_max: limits.result_bytes_max,
            result_tokens_max: limits.result_tokens_max,
            cell_text_max: limits.cell_text_max,
            call_wait: limits.call_wait,
            statement_timeout: limits.statement_timeout,
            statement_bytes_max: limits.statement_bytes_max,
            statement_reactor_bytes_max: limits.statement_reactor_bytes_max,
            default_rows: DEFAULT_ROWS,
            default_database: None,
            default_schema: None,
            warehouse: None,
            role: None,
            policy: rulings.base().policy.clone(),
            policy_of_texts: rulings.base().policy.clone(),
            ruling: Arc::clone(rulings.base()),
            rulings,
            rulings_may_change: false,
            choices: Vec::new(),
        }
    }

    /// The same for callers for whom `ruling` holds: policy and bounds are its.
    pub(super) fn under(&self, ruling: &Arc<Ruling>) -> Self {
        let rows_max = ruling.rows_max.unwrap_or(u64::MAX).min(self.rows_max);
        let bytes_max = ruling.result_bytes_max.unwrap_or(usize::MAX);
        let mut policy_of_texts = ruling.policy.clone();
        if !ruling.objects.is_empty() {
            // Their plans do not tell whose definition they show.
            for name in DEFINING {
                policy_of_texts = policy_of_texts.with_denied_function(name);
            }
        }
        Self {
            rows_max,
            default_rows: self.default_rows.min(rows_max),
            result_bytes_max: bytes_max.min(self.result_bytes_max),
            policy: ruling.policy.clone(),
            policy_of_texts,
            ruling: Arc::clone(ruling),
            ..self.clone()
        }
    }

    /// The same with the names made exact. A text that is no name stays: Snowflake will say what is wrong with it.
    pub(super) fn with_exact_names(mut self) -> Self {
        let names = [
            &mut self.default_database,
            &mut self.default_schema,
            &mut self.warehouse,
            &mut self.role,
        ];
        for name in names {
            let exact = name.as_deref().and_then(|text| text.parse::<Identifier>().ok());
            if let Some(exact) = exact {
                *name = Some(exact.as_str().to_owned());
            }
        }
        self
    }

    /// The schema of a call that names `database` and no schema: the default one, unless it belongs to another database.
    pub(super) fn schema_within(&self, database: &str) -> Option<&str> {
        let is_other = self
            .default_database
            .as_deref()
            .is_some_and(|default| default != database);
        if is_other {
            None
        } else {
            self.default_schema.as_deref()
        }
    }

    /// Where a statement runs that names `database` and `schema`, exact, or not.
    pub(super) fn context(&self, database: Option<String>, schema: Option<String>) -> Context {
        let schema = schema.or_else(|| match &database {
            Some(database) => self.schema_within(database).map(str::to_owned),
            None => self.default_schema.clone(),
        });
        Context {
            connection: None,
            database: database.or_else(|| self.default_database.clone()),
            schema,
            warehouse: self.warehouse.clone(),
            role: self.role.clone(),
            login: None,
        }
    }
}

/// Functions that tell about an object that is named by a text.
const DEFINING: [&str; 3] = ["GET_DDL", "GET_OBJECT_REFERENCES", "SYSTEM$GET_TAG"];

/// Rows of `execute_query` when neither caller nor operator says: a table that a model can read.
const DEFAULT_ROWS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            default_database: Some("sales".to_owned()),
            default_schema: Some("\"Raw\"".to_owned()),
            ..Settings::new(&Limits::default(), Policy::default())
        }
        .with_exact_names()
    }

    #[test]
    fn default_names_are_read_as_sql_reads_them() {
        let context = settings().context(None, None);
        assert_eq!(context.database.as_deref(), Some("SALES"));
        assert_eq!(context.schema.as_deref(), Some("Raw"));
    }

    #[test]
    fn the_default_schema_belongs_to_the_default_database() {
        let schema = |database: &str| settings().context(Some(database.to_owned()), None).schema;
        assert_eq!(schema("SALES").as_deref(), Some("Raw"));
        assert_eq!(schema("OTHER"), None);
    }
}
