//! Calls of functions: which family a name belongs to, and arguments.

mod condition;
mod conversion;
mod date;
mod number;
mod session;
mod text;

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::Translator;
use super::expression::{Bound, single_name};
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

/// A call of a scalar function.
#[derive(Debug)]
pub(super) struct Call<'q> {
    /// Upper case.
    pub(super) name: String,
    pub(super) arguments: Vec<&'q Expr>,
}

impl<'q> Call<'q> {
    /// Refuses a call with fewer or more arguments.
    pub(super) fn expect(&self, counts: std::ops::RangeInclusive<usize>) -> Outcome<()> {
        let found = self.arguments.len();
        if counts.contains(&found) {
            return Ok(());
        }
        let (code, word) = if found < *counts.start() {
            ("000938", "not enough")
        } else {
            ("000939", "too many")
        };
        let wanted = if counts.start() == counts.end() {
            counts.start().to_string()
        } else {
            format!("{} to {}", counts.start(), counts.end())
        };
        Err(Fault::compilation(
            code,
            format!(
                "{word} arguments for function [{}]: expected {wanted}, found {found}",
                self.name
            ),
        ))
    }

    /// The argument at `index`, which [`Call::expect`] has made sure of.
    pub(super) fn argument(&self, index: usize) -> Outcome<&'q Expr> {
        self.arguments.get(index).copied().ok_or_else(|| {
            Fault::compilation(
                "000938",
                format!("not enough arguments for function [{}]", self.name),
            )
        })
    }
}

impl<'q> Translator<'q, '_> {
    /// Any call: an aggregate, a window function or a scalar one.
    pub(super) fn function(&mut self, function: &'q Function) -> Outcome<Bound> {
        let name = single_name(&function.name)
            .map(|name| name.to_uppercase())
            .ok_or_else(|| Fault::unsupported(format_args!("the function {}", function.name)))?;
        if function.over.is_some() {
            return self.window(&name, function);
        }
        if let Some(bound) = self.aggregate(&name, function)? {
            return Ok(bound);
        }
        if super::window::is_window_function(&name) {
            return Err(Fault::compilation(
                "002303",
                format!("window function [{name}] must have an OVER clause"),
            ));
        }
        if !function.within_group.is_empty() || function.filter.is_some() || function.null_treatment.is_some()
        {
            return Err(Fault::compilation(
                "001003",
                format!("unexpected clause after {name}(…)"),
            ));
        }
        let arguments = plain_arguments(&name, &function.args)?;
        self.call_of(&name, arguments)
    }

    /// A call of the scalar function `name`.
    pub(super) fn call_of(&mut self, name: &str, arguments: Vec<&'q Expr>) -> Outcome<Bound> {
        let call = Call {
            name: name.to_owned(),
            arguments,
        };
        let families = [
            Self::condition_call,
            Self::truth_call,
            Self::text_call,
            Self::letter_call,
            Self::number_call,
            Self::date_call,
            Self::conversion_call,
            Self::session_call,
        ];
        for family in families {
            if let Some(bound) = family(self, &call)? {
                return Ok(bound);
            }
        }
        Err(unknown(name))
    }

    /// A name without parentheses that is a function (CURRENT_USER); `None` if it is none.
    pub(super) fn niladic(&mut self, name: &str) -> Outcome<Option<Bound>> {
        let name = name.to_uppercase();
        if !session::is_niladic(&name) {
            return Ok(None);
        }
        self.call_of(&name, Vec::new()).map(Some)
    }

    /// An argument as text.
    pub(super) fn text(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        let bound = self.expression(expression)?;
        self.as_text_of(bound)
    }

    /// An argument as a whole number.
    pub(super) fn whole(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        let bound = self.expression(expression)?;
        self.convert(bound, Type::INTEGER)
    }

    /// An argument as a float.
    pub(super) fn float(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        let bound = self.expression(expression)?;
        self.convert(bound, Type::Float)
    }

    /// All arguments, translated.
    pub(super) fn bind_all(&mut self, call: &Call<'q>) -> Outcome<Vec<Bound>> {
        call.arguments
            .iter()
            .map(|argument| self.expression(argument))
            .collect()
    }
}

/// The arguments of a call without names, `*` or clauses.
pub(super) fn plain_arguments<'q>(name: &str, arguments: &'q FunctionArguments) -> Outcome<Vec<&'q Expr>> {
    let list = match arguments {
        FunctionArguments::None => return Ok(Vec::new()),
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(_) => {
            return Err(Fault::unsupported(format_args!(
                "a subquery as the argument of {name}"
            )));
        }
    };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return Err(Fault::compilation(
            "001003",
            format!("unexpected clause in {name}(…)"),
        ));
    }
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Ok(expression),
            FunctionArg::Unnamed(_) => Err(Fault::compilation(
                "001003",
                format!("unexpected '*' in {name}(…)"),
            )),
            FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                Err(Fault::unsupported(format_args!("named arguments of {name}")))
            }
        })
        .collect()
}

/// Snowflake's message for a name that is no function; for one that is, but not here, a sentence.
fn unknown(name: &str) -> Fault {
    let elsewhere =
        ELSEWHERE.contains(&name) || ELSEWHERE_BEGINNINGS.iter().any(|start| name.starts_with(start));
    if elsewhere {
        Fault::unsupported(format_args!("the function {name}"))
    } else {
        Fault::compilation(
            "002140",
            format!("unknown function {name} (or one that the embedded engine does not have)"),
        )
    }
}

/// Families of functions that Snowflake has and this engine does not.
const ELSEWHERE_BEGINNINGS: [&str; 21] = [
    "REGEXP_", "ARRAY_", "OBJECT_", "ST_", "H3_", "AI_", "JSON_", "HLL_", "BITMAP_", "GET_", "IS_",
    "SYSTEM$", "TRY_TO_", "AS_", "STRTOK", "BASE64_", "HEX_", "SHA", "MD5", "XML", "TO_",
];

/// Functions that Snowflake has and this engine does not.
const ELSEWHERE: [&str; 30] = [
    "PARSE_JSON",
    "TRY_PARSE_JSON",
    "CHECK_JSON",
    "FLATTEN",
    "GET",
    "RANDOM",
    "UNIFORM",
    "NORMAL",
    "ZIPF",
    "RANDSTR",
    "UUID_STRING",
    "HASH",
    "HASH_AGG",
    "RLIKE",
    "SPLIT",
    "EDITDISTANCE",
    "JAROWINKLER_SIMILARITY",
    "SOUNDEX",
    "CONVERT_TIMEZONE",
    "TIME_SLICE",
    "RESULT_SCAN",
    "LAST_QUERY_ID",
    "MIN_BY",
    "MAX_BY",
    "CORR",
    "COVAR_POP",
    "COVAR_SAMP",
    "TYPEOF",
    "SKEW",
    "KURTOSIS",
];
