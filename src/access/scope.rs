//! What a caller may do, as three levels of which each includes the ones before it.

use std::fmt;

/// What a caller may do. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read what the server says of itself: `/metrics`, `/status`, `/health/detailed`.
    Status,
    /// Call tools that read.
    Read,
    /// Call tools that write, where the operator offers them.
    Write,
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Status, Self::Read, Self::Write];

    /// How key files and tokens call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "snowflake:status",
            Self::Read => "snowflake:read",
            Self::Write => "snowflake:write",
        }
    }

    /// The scope of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_levels_include_those_before() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
        }
        assert_eq!(Scope::parse("read"), None);
        assert!(Scope::Write > Scope::Read && Scope::Read > Scope::Status);
    }
}
