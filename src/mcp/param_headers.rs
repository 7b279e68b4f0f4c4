//! `x-mcp-header` (2026-07-28): arguments that a client repeats as `Mcp-Param-*` fields, so that what stands between can
//! route without reading bodies. A field that contradicts the body is refused, else it could be routed as one thing and
//! done as another.

use serde_json::Value;
use serde_json::value::RawValue;

use super::ladder::decoded;
use crate::{json, rpc};

/// The annotated arguments of one tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Annotated {
    arguments: Vec<Annotation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Annotation {
    /// Names of properties, from the root down.
    path: Vec<String>,
    /// What follows `Mcp-Param-`.
    field: String,
}

/// How deep annotations are looked for: schemas come from this program, but may be made by a generator.
const DEPTH_MAX: usize = 16;

impl Annotated {
    /// The annotations that are reached by `properties` alone. A schema without any costs one look at its text.
    pub(super) fn of_schema(schema: &str) -> Self {
        let mut annotated = Self::default();
        if schema.contains(ANNOTATION)
            && let Ok(schema) = serde_json::from_str::<Value>(schema)
        {
            annotated.collect(&schema, &mut Vec::new());
        }
        annotated
    }

    fn collect(&mut self, schema: &Value, path: &mut Vec<String>) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        for (name, property) in properties {
            path.push(name.clone());
            if let Some(field) = property[ANNOTATION].as_str() {
                self.arguments.push(Annotation {
                    path: path.clone(),
                    field: field.to_owned(),
                });
            }
            if path.len() < DEPTH_MAX {
                self.collect(property, path);
            }
            path.pop();
        }
    }

    /// Whether there is nothing to compare.
    pub(super) fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// Compares the fields (name and value) with the arguments.
    ///
    /// # Errors
    /// -32020 for a field that is there without its argument, not there with it, there twice, or says something else.
    pub(super) fn check(
        &self,
        arguments: Option<&RawValue>,
        fields: &[(&[u8], &[u8])],
    ) -> Result<(), rpc::Error> {
        for annotation in &self.arguments {
            let name = format!("{PREFIX}{}", annotation.field);
            let mut named = fields
                .iter()
                .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
            let (field, second) = (named.next(), named.next());
            if second.is_some() {
                return Err(rpc::Error::header_mismatch(format_args!(
                    "{name} occurs more than once"
                )));
            }
            let argument = annotation.find(arguments);
            let agrees = match (argument, field) {
                (None, None) => true,
                (Some(argument), Some((_, value))) => says(value, argument),
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !agrees {
                return Err(rpc::Error::header_mismatch(format_args!(
                    "{name} and the argument {} are not the same",
                    annotation.path.join(".")
                )));
            }
        }
        Ok(())
    }
}

impl Annotation {
    /// The argument, unless it is absent or null.
    fn find<'a>(&self, arguments: Option<&'a RawValue>) -> Option<&'a RawValue> {
        let mut value = arguments;
        for name in &self.path {
            let mut found = None;
            let _ = json::each_member(value?.get(), |member, inner| {
                if member == name.as_str() {
                    found = Some(inner);
                }
            });
            value = found;
        }
        value.filter(|value| value.get() != "null")
    }
}

/// Whether a field says what an argument says: text as it is or encoded, booleans by name, integers by value.
fn says(field: &[u8], argument: &RawValue) -> bool {
    let Some(said) = decoded(field) else { return false };
    if let Some(text) = json::text(argument) {
        return said == text.as_bytes();
    }
    match argument.get() {
        word @ ("true" | "false") => said == word.as_bytes(),
        number => {
            let said = std::str::from_utf8(&said).ok().and_then(integer);
            said.is_some() && said == integer(number)
        }
    }
}

/// An integer, which JSON may also write with a fraction of zeroes.
fn integer(text: &str) -> Option<i128> {
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

const ANNOTATION: &str = "x-mcp-header";
const PREFIX: &str = "Mcp-Param-";

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type":"object","properties":{
        "database":{"type":"string","x-mcp-header":"Database"},
        "page":{"type":"integer","x-mcp-header":"Page"},
        "deep":{"type":"object","properties":{"flag":{"type":"boolean","x-mcp-header":"Flag"}}},
        "list":{"type":"array","items":{"type":"object","properties":{"no":{"type":"string","x-mcp-header":"No"}}}},
        "plain":{"type":"string"}}}"#;

    fn agrees(arguments: &str, fields: &[(&str, &str)]) -> bool {
        let raw: &RawValue = serde_json::from_str(arguments).unwrap();
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        match Annotated::of_schema(SCHEMA).check(Some(raw), &fields) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.code, -32020);
                false
            }
        }
    }

    #[test]
    fn a_field_must_say_what_its_argument_says() {
        for (arguments, fields) in [
            ("{}", &[][..]),
            (r#"{"database":null,"plain":"x"}"#, &[]),
            (r#"{"database":"S"}"#, &[("mcp-param-database", "S")]),
            (
                r#"{"database":"é"}"#,
                &[("Mcp-Param-Database", "=?base64?w6k=?=")],
            ),
            (r#"{"database":""}"#, &[("Mcp-Param-Database", "")]),
            (r#"{"page":42}"#, &[("Mcp-Param-Page", "42")]),
            (r#"{"page":42.0}"#, &[("Mcp-Param-Page", "42")]),
            (r#"{"deep":{"flag":true}}"#, &[("Mcp-Param-Flag", "true")]),
            (r#"{"list":[{"no":"x"}]}"#, &[]),
            ("{}", &[("Mcp-Param-Unknown", "x")]),
        ] {
            assert!(agrees(arguments, fields), "{arguments} {fields:?}");
        }
        for (arguments, fields) in [
            (r#"{"database":"S"}"#, &[][..]),
            ("{}", &[("Mcp-Param-Database", "S")]),
            (r#"{"database":null}"#, &[("Mcp-Param-Database", "null")]),
            (r#"{"database":"S"}"#, &[("Mcp-Param-Database", "s")]),
            (
                r#"{"database":"S"}"#,
                &[("Mcp-Param-Database", "S"), ("mcp-param-database", "S")],
            ),
            (r#"{"database":"é"}"#, &[("Mcp-Param-Database", "=?base64?w6k?=")]),
            (r#"{"page":42}"#, &[("Mcp-Param-Page", "43")]),
            (r#"{"page":42}"#, &[("Mcp-Param-Page", "x")]),
            (r#"{"page":[]}"#, &[("Mcp-Param-Page", "[]")]),
            (r#"{"deep":{"flag":true}}"#, &[("Mcp-Param-Flag", "True")]),
        ] {
            assert!(!agrees(arguments, fields), "{arguments} {fields:?}");
        }
    }

    #[test]
    fn only_what_properties_lead_to_is_annotated() {
        assert_eq!(Annotated::of_schema(SCHEMA).arguments.len(), 3);
        assert!(Annotated::of_schema(r#"{"type":"object"}"#).is_empty());
        assert!(Annotated::of_schema("x-mcp-header is no JSON").is_empty());
    }
}
