//! Lists of objects that may be read, or may not: patterns over whole names. Knows no text of a statement: the names it
//! is asked about are exact, as the engine's compiler or a tool's arguments give them.

use std::fmt;
use std::sync::Arc;

/// Which objects may be read. Cheap to clone; without a pattern everything may.
///
/// ```
/// use snowflake_mcp::sql::objects::ObjectRules;
///
/// let rules = ObjectRules::new(&["sales", "ops.public.v_*"], &["sales.hr"]).expect("patterns");
/// assert!(rules.check(&["SALES", "PUBLIC", "ORDERS"]).is_ok());
/// assert!(rules.check(&["SALES", "HR", "PAY"]).is_err());
/// assert!(rules.check(&["OPS", "PUBLIC", "T"]).is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectRules {
    lists: Arc<Lists>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Lists {
    allowed: Vec<Pattern>,
    denied: Vec<Pattern>,
}

/// `DATABASE.SCHEMA.OBJECT`, each part with `*` for any characters. Parts that are left out at the end are any.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    parts: [Part; PARTS],
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Any,
    /// Was in double quotes: no character of it means something else.
    Exact(String),
    /// In upper case, as names without quotes are.
    Glob(String),
}

/// Database, schema, object.
const PARTS: usize = 3;

/// Why an object may not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barred {
    /// The object or place.
    pub name: String,
    /// Whether a pattern of the deny list names it; else none of the allow list does.
    pub is_denied: bool,
}

impl fmt::Display for Barred {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, is_denied } = self;
        if *is_denied {
            write!(
                formatter,
                "{name} may not be read here: the operator's list denies it"
            )
        } else {
            write!(
                formatter,
                "{name} may not be read here: it is not on the operator's list of allowed objects"
            )
        }
    }
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    text: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} is no pattern of objects; write DATABASE, DATABASE.SCHEMA or DATABASE.SCHEMA.OBJECT, with * for any characters",
            self.text
        )
    }
}

impl std::error::Error for PatternError {}

impl ObjectRules {
    /// Only what `allowed` names, or everything if that is empty; and of that nothing that `denied` names.
    ///
    /// # Errors
    /// The first text that is no pattern.
    pub fn new<T: AsRef<str>>(allowed: &[T], denied: &[T]) -> Result<Self, PatternError> {
        let patterns = |texts: &[T]| {
            let patterns = texts.iter().map(|text| Pattern::parse(text.as_ref()));
            patterns.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            lists: Arc::new(Lists {
                allowed: patterns(allowed)?,
                denied: patterns(denied)?,
            }),
        })
    }

    /// Whether there is no pattern, so that nothing needs to be known of a statement's objects.
    pub fn is_empty(&self) -> bool {
        self.lists.allowed.is_empty() && self.lists.denied.is_empty()
    }

    /// All patterns as a text that no other lists have; empty for none.
    pub fn to_text(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        format!("{:?}", self.lists)
    }

    /// Whether the object with this exact name may be read. With fewer than three parts it is a place, a database or
    /// schema: it may be looked into if something in it might be read.
    ///
    /// # Errors
    /// The name and which list bars it.
    pub fn check(&self, name: &[&str]) -> Result<(), Barred> {
        let Lists { allowed, denied } = &*self.lists;
        let barred = |is_denied| {
            let name = name.join(".");
            Err(Barred { name, is_denied })
        };
        if denied.iter().any(|pattern| pattern.covers(name)) {
            return barred(true);
        }
        if !allowed.is_empty() && !allowed.iter().any(|pattern| pattern.touches(name)) {
            return barred(false);
        }
        Ok(())
    }

    /// As [`ObjectRules::check`], for the name of an object as a plan writes it: `DB.SCHEMA.NAME`, with quotes around
    /// parts that need them. A name in another form is barred: what cannot be read cannot be compared.
    ///
    /// # Errors
    /// As [`ObjectRules::check`].
    pub fn check_resolved(&self, text: &str) -> Result<(), Barred> {
        let text = text.strip_prefix("ARCHIVE OF ").unwrap_or(text);
        let parts = split(text).filter(|parts| parts.len() == PARTS);
        let Some(parts) = parts else {
            return if self.is_empty() {
                Ok(())
            } else {
                Err(Barred {
                    name: text.to_owned(),
                    is_denied: false,
                })
            };
        };
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        self.check(&names)
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let error = || PatternError {
            text: text.to_owned(),
        };
        let mut given = split(text).ok_or_else(error)?;
        if given.len() > PARTS {
            return Err(error());
        }
        let mut parts = [Part::Any, Part::Any, Part::Any];
        for (part, (text, is_quoted)) in parts.iter_mut().zip(given.drain(..)) {
            *part = match text.as_str() {
                "*" if !is_quoted => Part::Any,
                _ if is_quoted => Part::Exact(text),
                _ => Part::Glob(text.to_uppercase()),
            };
        }
        Ok(Self { parts })
    }

    /// Whether `name` and everything in it matches.
    fn covers(&self, name: &[&str]) -> bool {
        self.touches(name) && self.parts.iter().skip(name.len()).all(|part| *part == Part::Any)
    }

    /// Whether `name`, or something in it, may match.
    fn touches(&self, name: &[&str]) -> bool {
        self.parts.iter().zip(name).all(|(part, name)| part.matches(name))
    }
}

impl Part {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == name,
            Self::Glob(glob) => matches_glob(glob, name),
        }
    }
}

/// Whether `name` is `glob` with some text for each `*`. Goes back to the last `*` only, so it takes at most the product
/// of both lengths.
fn matches_glob(glob: &str, name: &str) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let (mut at, mut of, mut retry) = (0, 0, None);
    while of < name.len() {
        match glob.get(at) {
            Some(b'*') => {
                retry = Some((at, of));
                at += 1;
            }
            Some(byte) if *byte == name[of] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                at = star + 1;
                of = from + 1;
            }
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

/// The parts of a dotted name, each with whether it stood in double quotes; `None` if a part is empty or a quote is not
/// closed.
fn split(text: &str) -> Option<Vec<(String, bool)>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, is_quoted, behind) = match rest.strip_prefix('"') {
            Some(inside) => {
                let (part, behind) = quoted(inside)?;
                (part, true, behind)
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), false, &rest[end..])
            }
        };
        if part.is_empty() || (!is_quoted && part.contains('"')) {
            return None;
        }
        parts.push((part, is_quoted));
        let behind = behind.trim();
        if behind.is_empty() {
            return Some(parts);
        }
        rest = behind.strip_prefix('.')?.trim_start();
    }
}

/// What stands before the closing quote, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character != '"' {
            part.push(character);
        } else if characters.next_if(|&(_, next)| next == '"').is_some() {
            part.push('"');
        } else {
            return Some((part, &text[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allowed: &[&str], denied: &[&str]) -> ObjectRules {
        ObjectRules::new(allowed, denied).unwrap()
    }

    #[test]
    fn without_patterns_everything_may_be_read() {
        let rules = ObjectRules::default();
        assert!(rules.is_empty());
        assert_eq!(rules.check(&["D", "S", "T"]), Ok(()));
        assert_eq!(rules.check_resolved("something else"), Ok(()));
    }

    #[test]
    fn a_pattern_is_read_as_sql_reads_names() {
        let rules = rules(&["db.s.t*_x", "\"Raw\".\"a.b\".\"*\""], &[]);
        for (name, is_allowed) in [
            (["DB", "S", "T_X"], true),
            (["DB", "S", "TABLE_X_X"], true),
            (["DB", "S", "T_XY"], false),
            (["DB", "S", "t_x"], false),
            (["db", "S", "T_X"], false),
            (["Raw", "a.b", "*"], true),
            (["Raw", "a.b", "T"], false),
        ] {
            assert_eq!(rules.check(&name).is_ok(), is_allowed, "{name:?}");
        }
    }

    #[test]
    fn a_denial_wins_over_an_allowance() {
        let rules = rules(&["d"], &["d.*.secret*"]);
        assert_eq!(rules.check(&["D", "S", "T"]), Ok(()));
        let barred = rules.check(&["D", "S", "SECRETS"]).unwrap_err();
        assert_eq!((barred.name.as_str(), barred.is_denied), ("D.S.SECRETS", true));
        assert!(!rules.check(&["E", "S", "T"]).unwrap_err().is_denied);
    }

    #[test]
    fn a_place_may_be_looked_into_if_something_in_it_might_be_read() {
        let rules = rules(&["d.s.t", "e"], &["e.hr", "d.s.u"]);
        for (place, is_allowed) in [
            (["D"].as_slice(), true),
            (&["D", "S"], true),
            (&["D", "R"], false),
            (&["E", "HR"], false),
            (&["E", "OTHER"], true),
            (&["F"], false),
        ] {
            assert_eq!(rules.check(place).is_ok(), is_allowed, "{place:?}");
        }
    }

    #[test]
    fn a_resolved_name_is_read_with_quotes_and_without() {
        let rules = rules(&[], &["d.s.\"my.table\"", "d.s.t"]);
        assert!(rules.check_resolved("D.S.\"my.table\"").is_err());
        assert!(rules.check_resolved("ARCHIVE OF D.S.T").is_err());
        assert!(rules.check_resolved("D.S.U").is_ok());
        for odd in ["T", "S.T", "A.B.C.D", "D.S.", "D.S.\"x", ""] {
            assert!(!rules.check_resolved(odd).unwrap_err().is_denied, "{odd}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_what_one_looks_like() {
        for text in ["", "a..b", "a.b.c.d", "\"a", "a\"b", "a.\"b\"c"] {
            let error = ObjectRules::new(&[text], &[]).unwrap_err().to_string();
            assert!(error.contains("DATABASE.SCHEMA.OBJECT"), "{text}: {error}");
        }
    }

    #[test]
    fn a_glob_of_many_stars_ends_soon() {
        assert!(!matches_glob(&"*a".repeat(50), &"a".repeat(40)));
        assert!(matches_glob("**", ""));
        assert!(!matches_glob("A", ""));
        assert!(matches_glob("A*B*C", "AXBYBZC"));
    }
}
