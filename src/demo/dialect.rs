//! Snowflake's dialect as sqlparser knows it, for queries alone.
//!
//! sqlparser reaches its parsers of CREATE, ALTER, COPY, GRANT and whatever else Snowflake has through the dialect, and the
//! linker must keep what can be reached: 0.5 MB of code that no statement gets to, because the guard lets nothing but
//! reads through. Here those ways end. Everything that a query is read by is Snowflake's own answer.

use std::any::TypeId;

use sqlparser::ast::{Ident, ObjectNamePart};
use sqlparser::dialect::{Dialect, SnowflakeDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};

/// Reads queries as [`SnowflakeDialect`] does, and no other statement.
#[derive(Debug)]
pub(super) struct Queries;

/// Methods without arguments that answer yes or no, as Snowflake does.
macro_rules! as_snowflake {
    ($($question:ident),* $(,)?) => {
        $(fn $question(&self) -> bool {
            SnowflakeDialect.$question()
        })*
    };
}

impl Dialect for Queries {
    /// sqlparser asks in some places who the dialect is.
    fn dialect(&self) -> TypeId {
        TypeId::of::<SnowflakeDialect>()
    }

    fn is_identifier_start(&self, character: char) -> bool {
        SnowflakeDialect.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        SnowflakeDialect.is_identifier_part(character)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        SnowflakeDialect.identifier_quote_style(identifier)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        SnowflakeDialect.get_next_precedence(parser)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        SnowflakeDialect.is_reserved_for_identifier(keyword)
    }

    fn is_column_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        SnowflakeDialect.is_column_alias(keyword, parser)
    }

    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        SnowflakeDialect.is_table_alias(keyword, parser)
    }

    fn is_table_factor(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        SnowflakeDialect.is_table_factor(keyword, parser)
    }

    fn get_reserved_keywords_for_select_item_operator(&self) -> &[Keyword] {
        SnowflakeDialect.get_reserved_keywords_for_select_item_operator()
    }

    fn is_identifier_generating_function_name(&self, name: &Ident, parts: &[ObjectNamePart]) -> bool {
        SnowflakeDialect.is_identifier_generating_function_name(name, parts)
    }

    as_snowflake!(
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_array_typedef_without_element_type,
        supports_comma_separated_trim,
        supports_connect_by,
        supports_dictionary_syntax,
        supports_extract_comma_syntax,
        supports_from_trailing_commas,
        supports_group_by_expr,
        supports_lambda_functions,
        supports_left_associative_joins_without_parens,
        supports_match_recognize,
        supports_object_name_double_dot_notation,
        supports_outer_join_operator,
        supports_parens_around_table_factor,
        supports_partiql,
        supports_projection_trailing_commas,
        supports_select_expr_star,
        supports_select_wildcard_exclude,
        supports_select_wildcard_ilike,
        supports_select_wildcard_rename,
        supports_select_wildcard_replace,
        supports_semantic_view_table_factor,
        supports_string_literal_backslash_escape,
        supports_subquery_as_function_arg,
        supports_table_versioning,
        supports_values_as_table_factor,
        supports_window_function_null_treatment_arg,
        supports_within_after_array_aggregation,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::tokenizer::Tokenizer;

    /// What a dialect makes of a text: the tree in words, or the fault.
    fn read(dialect: &dyn Dialect, text: &str) -> String {
        let read = Tokenizer::new(dialect, text)
            .with_unescape(false)
            .tokenize_with_location()
            .map_err(ParserError::from)
            .and_then(|tokens| {
                let mut parser = Parser::new(dialect).with_tokens_with_locations(tokens);
                Ok((parser.parse_query()?, parser.peek_token()))
            });
        format!("{read:?}")
    }

    /// A query for each question that the dialect answers otherwise than sqlparser's default.
    #[test]
    fn a_query_is_read_as_snowflakes_dialect_reads_it() {
        for text in [
            "select 1",
            "select a$b, _c, \"D\", f.g:h[0].i::int from f,",
            "select a, b, from t",
            "select * from db..t",
            "select 'a\\'b', $1, t.$2",
            "select array_agg(a) within group (order by b) from t",
            "select * from a, b where a.x = b.x(+)",
            "select * from t start with a is null connect by prior a = b",
            "select connect_by_root a from t connect by a = prior b",
            "select * from t match_recognize (partition by a order by b measures c as d pattern (e+) define e as f > 1)",
            "select {'a': 1, 'b': [1, 2]}",
            "select first_value(a ignore nulls) over (order by b) from t",
            "select extract(year, d), extract('epoch' from d), extract(yearofweekiso from d)",
            "select * from table(flatten(select a from t))",
            "select a::array, b::array(int), c::object, d::variant from t",
            "select * from (t), (a cross join b)",
            "select * from values (1, 'a'), (2, 'b') v(x, y)",
            "select * from (values (1)) as v(x)",
            "select a interval from interval",
            "select * from a left join b right join c on b.x = c.x on a.x = b.x",
            "select 1 limit, 2 offset, 3 fetch",
            "select * from t limit 3 offset 2",
            "select * from t as limit",
            "select * from limit where a = 1",
            "select * from t at(offset => -60)",
            "select * from t before(statement => 'x')",
            "select a from t group by all",
            "select a from t group by grouping sets ((a), (b)), cube(c), rollup(d)",
            "select identifier('a').* from t as a",
            "select * exclude (a, b) replace (c as d) rename (e as f) from t",
            "select * ilike '%a%' from t",
            "select transform(a, x -> x + 1), filter(b, (x, y) -> x > y)",
            "select trim(a, 'x'), trim(both 'x' from a)",
            "select * from semantic_view(a dimensions b metrics c)",
            "with a as (select 1), recursive as (select 2) select * from a asof join b match_condition (a.x >= b.x)",
            "select * from t pivot(sum(a) for b in ('x', 'y')) qualify row_number() over (order by c) = 1",
            "select from",
            "selec 1",
        ] {
            assert_eq!(read(&Queries, text), read(&SnowflakeDialect, text), "{text}");
        }
    }

    #[test]
    fn a_statement_that_is_no_query_is_none() {
        for text in [
            "create table t(a int)",
            "copy into t from @s",
            "alter session set a = 1",
            "put file://a @b",
            "show tables",
        ] {
            let tokens = Tokenizer::new(&Queries, text).tokenize_with_location().unwrap();
            let read = Parser::new(&Queries)
                .with_tokens_with_locations(tokens)
                .parse_query();
            assert!(read.is_err(), "{text}: {read:?}");
        }
    }
}
