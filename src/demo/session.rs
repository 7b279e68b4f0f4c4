//! Where a statement runs: the names that complete a one- or two-part name and that CURRENT_…() answers.

use super::catalog::{DATABASE_DEFAULT, DATABASES, ROLE_DEFAULT, SCHEMA_DEFAULT};
use super::fault::{Fault, Outcome};
use crate::backend::job::Context;

/// The context of one statement. Made anew for each job, so nothing leaks from one to the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session {
    pub(super) database: String,
    /// `None` when a database was named without a schema and it has none of the default's name.
    pub(super) schema: Option<String>,
    pub(super) role: String,
    pub(super) warehouse: Option<String>,
}

impl Session {
    /// The job's context, completed by the defaults.
    pub(super) fn new(context: &Context) -> Self {
        let database = context
            .database
            .clone()
            .unwrap_or_else(|| DATABASE_DEFAULT.to_owned());
        let schema = context.schema.clone().or_else(|| {
            let has_default = DATABASES
                .iter()
                .any(|known| known.name == database && known.schema(SCHEMA_DEFAULT).is_some());
            has_default.then(|| SCHEMA_DEFAULT.to_owned())
        });
        Self {
            database,
            schema,
            role: context.role.clone().unwrap_or_else(|| ROLE_DEFAULT.to_owned()),
            warehouse: context.warehouse.clone(),
        }
    }

    /// Database, schema and object of a name with one to three parts.
    ///
    /// # Errors
    /// More parts, or no schema to complete it with.
    pub(super) fn complete<'a>(&'a self, parts: &'a [String]) -> Outcome<[&'a str; 3]> {
        match parts {
            [object] => Ok([
                self.database.as_str(),
                self.schema_or_fault(object)?,
                object.as_str(),
            ]),
            [schema, object] => Ok([self.database.as_str(), schema.as_str(), object.as_str()]),
            [database, schema, object] => Ok([database.as_str(), schema.as_str(), object.as_str()]),
            _ => Err(Fault::compilation(
                "001003",
                format!(
                    "'{}' has {} parts, a name has at most 3",
                    parts.join("."),
                    parts.len()
                ),
            )),
        }
    }

    fn schema_or_fault(&self, object: &str) -> Outcome<&str> {
        self.schema.as_deref().ok_or_else(|| Fault::Compilation {
            code: "090106",
            sql_state: "22000",
            message: format!("cannot find '{object}': this call has no current schema"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_from_the_right() {
        let session = Session::new(&Context::default());
        let complete = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            session.complete(&parts).map(|name| name.join("."))
        };
        assert_eq!(
            complete(&["T"]).as_deref(),
            Ok("SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.T")
        );
        assert_eq!(complete(&["S", "T"]).as_deref(), Ok("SNOWFLAKE_SAMPLE_DATA.S.T"));
        assert_eq!(complete(&["D", "S", "T"]).as_deref(), Ok("D.S.T"));
        assert!(complete(&["A", "D", "S", "T"]).is_err());
    }

    #[test]
    fn an_unknown_database_has_no_default_schema() {
        let session = Session::new(&Context {
            database: Some("OTHER".into()),
            ..Context::default()
        });
        assert_eq!(session.schema, None);
        assert!(session.complete(&["T".into()]).is_err());
    }
}
