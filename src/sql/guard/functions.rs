//! Functions that do more than compute: they act, cost money by the call, or reach data past the tables. Knows names
//! only; whether a policy lets them pass is decided in [`super::walk`].

use super::words::fold;

/// What is to be said against calling a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// `SYSTEM$…` that is not known to read only.
    System,
    /// Runs a language model or another model that is paid by use.
    Model,
    /// Makes a link that carries access with it.
    FileLink,
    /// Reads or lists files.
    Stage,
    /// Reads a result by its query id.
    Result,
    /// Advances a sequence.
    Sequence,
    /// Runs SQL given as text.
    DynamicCode,
    /// Is one of the account, perhaps an external one: nothing in its name tells.
    Account,
}

/// What is to be said against calling the function `path`, its name last (`["SNOWFLAKE", "CORTEX", "COMPLETE"]`).
/// Quoted names count like unquoted ones in any case: with `QUOTED_IDENTIFIERS_IGNORE_CASE` they are the same.
pub(super) fn concern(path: &[&str]) -> Option<Concern> {
    let (&name, owners) = path.split_last()?;
    let is_of_cortex = owners.is_empty() && CORTEX.iter().any(|listed| is_word(name, listed));
    if is_cortex(owners) || is_of_cortex {
        return Some(Concern::Model);
    }
    let by_name = concern_by_name(name);
    // Snowflake's own functions need no schema, but for those in two places.
    by_name.or_else(|| (!owners.is_empty() && !is_snowflakes(owners)).then_some(Concern::Account))
}

fn concern_by_name(name: &str) -> Option<Concern> {
    if !name.is_ascii() {
        // No built-in function has such a name; but some letters become ASCII in upper case.
        return Some(fold(name))
            .filter(|folded| folded.is_ascii())
            .and_then(|folded| concern_of_name(&folded));
    }
    if has_prefix(name, "SYSTEM$") {
        let is_listed = SYSTEM_READS
            .iter()
            .any(|listed| name[7..].eq_ignore_ascii_case(listed));
        return (!is_listed).then_some(Concern::System);
    }
    concern_of_name(name)
}

/// Whether the function `path` is the one that a policy calls `listed` (`f`, `schema.f` or `database.schema.f`): every
/// part of `listed` has to be there.
pub(super) fn is_surely(path: &[&str], listed: &str) -> bool {
    listed.split('.').count() <= path.len() && is_maybe(path, listed)
}

/// Whether the function `path` could be the one that a policy calls `listed`: where either leaves the schema or database
/// out, the session might fill it in.
pub(super) fn is_maybe(path: &[&str], listed: &str) -> bool {
    let mut parts = path.iter().rev().zip(listed.rsplit('.'));
    parts
        .all(|(name, part)| name.eq_ignore_ascii_case(part) || (!name.is_ascii() && fold(name) == fold(part)))
}

fn concern_of_name(name: &str) -> Option<Concern> {
    if has_prefix(name, "SYSTEM$") {
        return Some(Concern::System);
    }
    if has_prefix(name, "AI_") {
        return Some(Concern::Model);
    }
    NAMES
        .iter()
        .find(|(listed, _)| name.eq_ignore_ascii_case(listed))
        .map(|&(_, concern)| concern)
}

/// `CORTEX.f`, which means `SNOWFLAKE.CORTEX.f` where the database is SNOWFLAKE; not `MYDB.CORTEX.f`.
fn is_cortex(owners: &[&str]) -> bool {
    match owners {
        [.., database, schema] => is_word(schema, "CORTEX") && is_word(database, "SNOWFLAKE"),
        [schema] => is_word(schema, "CORTEX"),
        [] => false,
    }
}

/// `INFORMATION_SCHEMA` of any database, and what is in the database SNOWFLAKE.
fn is_snowflakes(owners: &[&str]) -> bool {
    match owners {
        [database, _] if is_word(database, "SNOWFLAKE") => true,
        [.., schema] => is_word(schema, "INFORMATION_SCHEMA"),
        [] => false,
    }
}

fn is_word(name: &str, word: &str) -> bool {
    name.eq_ignore_ascii_case(word) || (!name.is_ascii() && fold(name) == word)
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Built-in functions by name; <https://docs.snowflake.com/en/sql-reference/functions-all>.
const NAMES: &[(&str, Concern)] = &[
    ("BUILD_SCOPED_FILE_URL", Concern::FileLink),
    ("BUILD_STAGE_FILE_URL", Concern::FileLink),
    ("CORTEX_SEARCH_BATCH", Concern::Model),
    ("DIRECTORY", Concern::Stage),
    ("FL_GET_SCOPED_FILE_URL", Concern::FileLink),
    ("GETNEXTVAL", Concern::Sequence),
    ("GET_PRESIGNED_URL", Concern::FileLink),
    ("GET_STAGE_LOCATION", Concern::FileLink),
    ("INFER_SCHEMA", Concern::Stage),
    ("RESULT_SCAN", Concern::Result),
    ("TO_FILE", Concern::Stage),
    ("TO_QUERY", Concern::DynamicCode),
    ("TRY_TO_FILE", Concern::Stage),
];

/// Functions of `SNOWFLAKE.CORTEX`, which are called so where a call says that names are looked up there. Not here is `TRANSLATE`,
/// which means another function.
const CORTEX: &[&str] = &[
    "CLASSIFY_TEXT",
    "COMPLETE",
    "EMBED_TEXT_1024",
    "EMBED_TEXT_768",
    "ENTITY_SENTIMENT",
    "EXTRACT_ANSWER",
    "FINETUNE",
    "PARSE_DOCUMENT",
    "SEARCH_PREVIEW",
    "SENTIMENT",
    "SUMMARIZE",
    "TRY_COMPLETE",
];

/// `SYSTEM$` functions that only tell something; <https://docs.snowflake.com/en/sql-reference/functions-system>. Not
/// here although they read: those that tell secrets (`SHOW_OAUTH_CLIENT_SECRETS`), those that try something out at
/// another service (`VERIFY_…`, `VALIDATE_…`), and those that wait.
const SYSTEM_READS: &[&str] = &[
    "ALLOWLIST",
    "ALLOWLIST_PRIVATELINK",
    "AUTO_REFRESH_STATUS",
    "BEHAVIOR_CHANGE_BUNDLE_STATUS",
    "CLIENT_VERSION_INFO",
    "CLIENT_VULNERABILITY_INFO",
    "CLUSTERING_DEPTH",
    "CLUSTERING_INFORMATION",
    "CLUSTERING_RATIO",
    "CURRENT_USER_TASK_NAME",
    "DATABASE_REFRESH_HISTORY",
    "DATABASE_REFRESH_PROGRESS",
    "DATABASE_REFRESH_PROGRESS_BY_JOB",
    "ESTIMATE_AUTOMATIC_CLUSTERING_COSTS",
    "ESTIMATE_QUERY_ACCELERATION",
    "ESTIMATE_SEARCH_OPTIMIZATION_COSTS",
    "EXPLAIN_JSON_TO_TEXT",
    "EXPLAIN_PLAN_JSON",
    "EXTERNAL_TABLE_PIPE_STATUS",
    "GET_AWS_SNS_IAM_POLICY",
    "GET_CLASSIFICATION_RESULT",
    "GET_COMPUTE_POOL_STATUS",
    "GET_DIRECTORY_TABLE_STATUS",
    "GET_ICEBERG_TABLE_INFORMATION",
    "GET_LOGIN_FAILURE_DETAILS",
    "GET_PREDECESSOR_RETURN_VALUE",
    "GET_PRIVATELINK",
    "GET_PRIVATELINK_CONFIG",
    "GET_RESULTSET_STATUS",
    "GET_SERVICE_LOGS",
    "GET_SERVICE_STATUS",
    "GET_SNOWFLAKE_PLATFORM_INFO",
    "GET_TAG",
    "GET_TAG_ALLOWED_VALUES",
    "GET_TAG_ON_CURRENT_COLUMN",
    "GET_TAG_ON_CURRENT_TABLE",
    "GET_TASK_GRAPH_CONFIG",
    "INTERNAL_STAGES_PUBLIC_ACCESS_STATUS",
    "IS_APPLICATION_INSTALLED_FROM_SAME_ACCOUNT",
    "IS_APPLICATION_SHARING_EVENTS_WITH_PROVIDER",
    "IS_GLOBAL_DATA_SHARING_ENABLED_FOR_ACCOUNT",
    "LAST_CHANGE_COMMIT_TIME",
    "PIPE_STATUS",
    "REPLICATION_GROUP_REFRESH_PROGRESS",
    "SHOW_ACTIVE_BEHAVIOR_CHANGE_BUNDLES",
    "SHOW_BUDGETS_IN_ACCOUNT",
    "STREAM_BACKLOG",
    "STREAM_GET_TABLE_TIMESTAMP",
    "STREAM_HAS_DATA",
    "TASK_RUNTIME_INFO",
    "TYPEOF",
    "WHITELIST",
    "WHITELIST_PRIVATELINK",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_function_is_of_concern_unless_it_is_known_to_read() {
        assert_eq!(concern(&["system$wait"]), Some(Concern::System));
        assert_eq!(concern(&["SYSTEM$"]), Some(Concern::System));
        assert_eq!(concern(&["SYSTEM$TYPEOF"]), None);
        assert_eq!(concern(&["system$Pipe_Status"]), None);
        assert_eq!(concern(&["MYDB", "S", "SYSTEM$WAIT"]), Some(Concern::System));
        assert_eq!(concern(&["SYSTEMATIC"]), None);
    }

    #[test]
    fn letters_that_become_ascii_in_upper_case_do_not_hide_a_name() {
        assert_eq!(concern(&["\u{17f}ystem$wait"]), Some(Concern::System));
        assert_eq!(concern(&["a\u{131}_complete"]), Some(Concern::Model));
        assert_eq!(concern(&["größe"]), None);
    }

    #[test]
    fn with_a_schema_a_function_is_the_accounts_unless_the_schema_is_snowflakes() {
        for path in [
            &["D", "S", "F"][..],
            &["S", "F"],
            &["PUBLIC", "ABS"],
            &["S", "INFORMATION_SCHEMA", "S", "F"][2..],
            &["SNOWFLAKE", "F"],
        ] {
            assert_eq!(concern(path), Some(Concern::Account), "{path:?}");
        }
        for path in [
            &["F"][..],
            &["INFORMATION_SCHEMA", "QUERY_HISTORY"],
            &["d", "information_schema", "f"],
            &["snowflake", "core", "null_count"],
        ] {
            assert_eq!(concern(path), None, "{path:?}");
        }
    }

    #[test]
    fn cortex_is_snowflakes_schema_and_nobody_elses() {
        assert_eq!(
            concern(&["snowflake", "cortex", "complete"]),
            Some(Concern::Model)
        );
        assert_eq!(concern(&["CORTEX", "SENTIMENT"]), Some(Concern::Model));
        assert_eq!(concern(&["MYDB", "CORTEX", "SENTIMENT"]), Some(Concern::Account));
        assert_eq!(concern(&["CORTEX"]), None);
    }

    #[test]
    fn a_listed_name_means_as_many_parts_as_it_has() {
        assert!(is_surely(&["D", "S", "F"], "f"));
        assert!(is_surely(&["D", "S", "F"], "s.F"));
        assert!(!is_surely(&["F"], "S.F"));
        assert!(!is_surely(&["D", "S", "FF"], "F"));
        assert!(!is_surely(&["D", "T", "F"], "S.F"));
    }

    #[test]
    fn a_part_that_is_left_out_may_be_any() {
        assert!(is_maybe(&["F"], "D.S.F"));
        assert!(is_maybe(&["S", "F"], "D.S.F"));
        assert!(!is_maybe(&["T", "F"], "D.S.F"));
        assert!(!is_maybe(&["S"], "D.S.F"));
    }
}
