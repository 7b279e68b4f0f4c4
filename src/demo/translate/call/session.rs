//! Functions of the session: who, where and when; and GET_DDL.

use super::Call;
use crate::demo::datatype::Type;
use crate::demo::ddl;
use crate::demo::fault::{Fault, Outcome};
use crate::demo::translate::Translator;
use crate::demo::translate::expression::Bound;

/// Functions that are also called without parentheses.
pub(super) fn is_niladic(name: &str) -> bool {
    matches!(
        name,
        "CURRENT_DATE"
            | "CURRENT_TIME"
            | "CURRENT_TIMESTAMP"
            | "CURRENT_USER"
            | "CURRENT_ROLE"
            | "CURRENT_DATABASE"
            | "CURRENT_SCHEMA"
            | "CURRENT_WAREHOUSE"
            | "LOCALTIME"
            | "LOCALTIMESTAMP"
    )
}

impl<'q> Translator<'q, '_> {
    pub(super) fn session_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let bound = match call.name.as_str() {
            "CURRENT_DATABASE" => Bound::text(&self.session.database),
            "CURRENT_SCHEMA" => self
                .session
                .schema
                .as_deref()
                .map_or_else(Bound::null, Bound::text),
            "CURRENT_WAREHOUSE" => self
                .session
                .warehouse
                .as_deref()
                .map_or_else(Bound::null, Bound::text),
            "CURRENT_ROLE" => Bound::text(&self.session.role),
            // It has one role, and no other is active beside it.
            "CURRENT_SECONDARY_ROLES" => Bound::text(r#"{"roles":"","value":""}"#),
            "CURRENT_USER" => Bound::text("DEMO"),
            "CURRENT_ACCOUNT" | "CURRENT_ACCOUNT_NAME" => Bound::text("EMBEDDED"),
            "CURRENT_ORGANIZATION_NAME" => Bound::text("SNOWFLAKE_MCP"),
            "CURRENT_REGION" => Bound::text("EMBEDDED"),
            "CURRENT_CLIENT" => Bound::text(concat!("snowflake-mcp ", env!("CARGO_PKG_VERSION"))),
            "CURRENT_VERSION" => Bound::text(concat!("embedded ", env!("CARGO_PKG_VERSION"))),
            "CURRENT_TIMESTAMP" | "LOCALTIMESTAMP" | "GETDATE" | "SYSTIMESTAMP" => {
                now("ts_now()", Type::Instant { scale: 9 })
            }
            "SYSDATE" => now("ts_now()", Type::Timestamp),
            "CURRENT_DATE" => now("ts_day(ts_now())", Type::Date),
            "CURRENT_TIME" | "LOCALTIME" => now("ts_time(ts_now())", Type::Time),
            "GET_DDL" => return self.get_ddl(call).map(Some),
            "SYSTEM$TYPEOF" => {
                call.expect(1..=1)?;
                let value = self.expression(call.argument(0)?)?;
                return Ok(Some(Bound::text(&value.kind.to_string())));
            }
            _ => return Ok(None),
        };
        let takes_scale = call.name.ends_with("TIMESTAMP") || call.name.ends_with("TIME");
        call.expect(0..=usize::from(takes_scale))?;
        Ok(Some(bound))
    }

    /// GET_DDL('kind', 'name' [, with qualified names]): the text is known now, so it is a constant.
    fn get_ddl(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(2..=3)?;
        let kind = self.expression(call.argument(0)?)?;
        let name = self.expression(call.argument(1)?)?;
        let qualified = match call.arguments.get(2) {
            Some(flag) => self.expression(flag)?.sql == "1",
            None => false,
        };
        let (Some(kind), Some(name)) = (kind.as_text(), name.as_text()) else {
            return Err(Fault::unsupported("GET_DDL of a computed name"));
        };
        let text = ddl::of(kind, name, qualified, self.session)?;
        Ok(Bound {
            kind: Type::TEXT,
            ..Bound::text(&text)
        })
    }
}

fn now(sql: &str, kind: Type) -> Bound {
    Bound::column(sql.to_owned(), kind, false)
}
