//! A place in an account: a database, a schema, a table or view; in SQL, for people, and as a URI.
//!
//! The URI is `snowflake://{database}/{schema}/{object}`, with as many parts as the place has. A part is a name as a
//! caller writes it (plain, or in double quotes), percent-encoded (RFC 3986 section 2.1): so the URI of an object leads
//! back to it, and one that a person types is read as SQL would read the names.

use super::names::display_name;
use super::settings::Settings;
use crate::backend::job::Context;
use crate::sql::identifier::Identifier;

/// A database, a schema, a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    database: Identifier,
    schema: Option<Identifier>,
    object: Option<Identifier>,
}

/// What the place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// A database.
    Database,
    /// A schema.
    Schema,
    /// A table or view.
    Object,
}

impl Place {
    /// The place with these names, from the database down.
    pub fn new(database: Identifier, schema: Option<Identifier>, object: Option<Identifier>) -> Self {
        debug_assert!(object.is_none() || schema.is_some(), "an object is in a schema");
        Self {
            database,
            schema,
            object,
        }
    }

    /// The place that a URI names; `None` for one of another form.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let parts = uri.strip_prefix(SCHEME)?;
        let mut parts = parts.strip_suffix('/').unwrap_or(parts).split('/');
        let mut part = || parts.next().map(identifier_of);
        let (database, schema, object) = (part()?, part(), part());
        if parts.next().is_some() {
            return None;
        }
        // `?` on the inner option: a part that is there must be a name.
        Some(Self {
            database: database?,
            schema: schema.map_or(Some(None), |schema| schema.map(Some))?,
            object: object.map_or(Some(None), |object| object.map(Some))?,
        })
    }

    /// The URI.
    pub fn to_uri(&self) -> String {
        let parts = self
            .parts()
            .map(|part| percent_encoded(&display_name(part.as_str())));
        format!("{SCHEME}{}", parts.collect::<Vec<_>>().join("/"))
    }

    /// Its exact names, from the database down.
    pub(super) fn names(&self) -> Vec<&str> {
        self.parts().map(Identifier::as_str).collect()
    }

    /// What it is.
    pub fn rank(&self) -> Rank {
        match (&self.schema, &self.object) {
            (None, _) => Rank::Database,
            (Some(_), None) => Rank::Schema,
            (Some(_), Some(_)) => Rank::Object,
        }
    }

    /// Whether it is in, or is, a schema.
    pub(super) fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// `"D"."S"."O"`.
    pub fn to_quoted(&self) -> String {
        let parts = self.parts().map(Identifier::to_quoted);
        parts.collect::<Vec<_>>().join(".")
    }

    /// ` IN SCHEMA "D"."S"`: where SHOW looks.
    pub(super) fn to_in_clause(&self) -> String {
        let what = match self.rank() {
            Rank::Database => "DATABASE",
            Rank::Schema => "SCHEMA",
            Rank::Object => "TABLE",
        };
        format!(" IN {what} {}", self.to_quoted())
    }

    /// As a caller may pass it back.
    pub fn to_display(&self) -> String {
        let parts = self.parts().map(|part| display_name(part.as_str()));
        parts.collect::<Vec<_>>().join(".")
    }

    /// Where a statement about it runs.
    pub(super) fn context(&self, settings: &Settings) -> Context {
        let exact = |name: &Identifier| name.as_str().to_owned();
        settings.context(Some(exact(&self.database)), self.schema.as_ref().map(exact))
    }

    fn parts(&self) -> impl Iterator<Item = &Identifier> {
        [Some(&self.database), self.schema.as_ref(), self.object.as_ref()]
            .into_iter()
            .flatten()
    }
}

pub(super) const SCHEME: &str = "snowflake://";

fn identifier_of(part: &str) -> Option<Identifier> {
    percent_decoded(part)?.parse().ok()
}

/// The text with everything but unreserved characters (RFC 3986 section 2.3) as `%XX`.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The text that was encoded; `None` where what follows a `%` is no byte, or the bytes are no text.
pub(super) fn percent_decoded(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(16 * high + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_leads_back_to_its_place() {
        let name = |text: &str| Identifier::exact(text).unwrap();
        for exact in [
            "SALES",
            "raw",
            "raw data",
            "a/b",
            "100%",
            "say \"hi\"",
            "é漢",
            "%41",
            "a.b",
            "?#",
        ] {
            let places = [
                Place::new(name(exact), None, None),
                Place::new(name("D"), Some(name(exact)), None),
                Place::new(name("D"), Some(name("S")), Some(name(exact))),
            ];
            for place in places {
                let uri = place.to_uri();
                assert!(uri.is_ascii() && !uri.contains(' '), "{uri}");
                assert_eq!(Place::of_uri(&uri).as_ref(), Some(&place), "{uri}");
            }
        }
    }

    #[test]
    fn a_typed_uri_is_read_as_sql_reads_names() {
        let place = Place::of_uri("snowflake://sales/public/%22Orders%22/").unwrap();
        assert_eq!(place.to_quoted(), r#""SALES"."PUBLIC"."Orders""#);
        assert_eq!(place.to_uri(), "snowflake://SALES/PUBLIC/%22Orders%22");
        assert_eq!(place.rank(), Rank::Object);
        assert_eq!(
            Place::of_uri("snowflake://sales/").unwrap().rank(),
            Rank::Database
        );
        assert_eq!(
            Place::of_uri("snowflake://sales/public").unwrap().rank(),
            Rank::Schema
        );
    }

    #[test]
    fn what_is_no_place_is_none() {
        for uri in [
            "",
            "snowflake:",
            "snowflake://",
            "snowflake:///",
            "snowflake://a//b",
            "snowflake://a/b/c/d",
            "snowflake://a/b//",
            "snowflake://%",
            "snowflake://%4",
            "snowflake://%zz",
            "snowflake://%+1",
            "snowflake://%FF",
            "snowflake://a%00b",
            "snowflake://%22a%22b",
            "file:///etc/passwd",
            "https://a/b",
        ] {
            assert_eq!(Place::of_uri(uri), None, "{uri}");
        }
    }
}
