//! Values of expressions, as Snowflake gives them.

use super::{cells, demo, run};
use crate::backend::Kind;

/// Each expression has this value.
fn check(expected: &[(&str, &str)]) {
    let demo = demo();
    for (expression, value) in expected {
        let result = run(&demo, &format!("select {expression}"));
        let result = result.unwrap_or_else(|error| panic!("{expression}: {error} {:?}", error.detail));
        assert_eq!(cells(&result), [[(*value).to_owned()]], "{expression}");
    }
}

#[test]
fn a_number_that_json_cannot_say_is_null_and_told_and_a_null_is_only_null() {
    let demo = demo();
    for (expression, is_told) in [
        ("'NaN'::float", true),
        ("'inf'::float", true),
        ("1e308 * 10", true),
        ("null::float", false),
        ("1.5::float", false),
    ] {
        let result = run(&demo, &format!("select {expression}")).unwrap();
        assert_eq!(result.has_non_finite(), is_told, "{expression}");
    }
}

#[test]
fn decimals_are_exact() {
    check(&[
        ("0.1 + 0.2", "0.3"),
        ("1.50 + 2", "3.50"),
        ("1.5 * 1.25", "1.875"),
        ("0.123456789 * 0.987654321", "0.121932631113"),
        ("1/3", "0.333333"),
        ("2/3", "0.666667"),
        ("-2/3", "-0.666667"),
        ("10.00/3", "3.33333333"),
        ("7 % 4", "3"),
        ("-7 % 4", "-3"),
        ("7.5 % 2", "1.5"),
        ("- -5", "5"),
        ("123456789012345678 + 1", "123456789012345679"),
        ("999999999.999999999 + 0.000000001", "1000000000.000000000"),
        ("2.55::number(10,1)", "2.6"),
        ("(-2.55)::number(10,1)", "-2.6"),
        ("'12.345'::number(10,2)", "12.35"),
        ("1.5::float", "1.5"),
        ("0.1::float + 0.2::float", "0.30000000000000004"),
        ("0.285::float::number(10,2)", "0.29"),
    ]);
}

#[test]
fn rounding_and_powers() {
    check(&[
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(135.135, 1)", "135.1"),
        ("round(1234.567, -2)", "1200"),
        ("round(1.5, 3)", "1.5"),
        ("floor(-2.1)", "-3"),
        ("ceil(-2.9)", "-2"),
        ("floor(2.79, 1)", "2.7"),
        ("ceil(2.71, 1)", "2.8"),
        ("trunc(-1.99, 1)", "-1.9"),
        ("trunc(1599, -2)", "1500"),
        ("abs(-1.5)", "1.5"),
        ("sign(-0.5)", "-1"),
        ("mod(7.5, 2)", "1.5"),
        ("sqrt(2)", "1.4142135623730951"),
        ("power(2, 10)", "1024"),
        ("ln(1)", "0"),
        ("log(10, 1000)", "2.9999999999999996"),
        ("div0(1, 0)", "0.000000"),
        ("div0null(1, null)", "0.000000"),
        ("div0(null, 0)", "NULL"),
        ("greatest(1, 2.5)", "2.5"),
        ("least('b', 'a')", "a"),
        ("greatest(1, null)", "NULL"),
    ]);
}

/// Values that are known to more digits than a float has.
#[test]
fn angles_have_every_digit() {
    check(&[
        ("sin(1)", "0.8414709848078965"),
        ("cos(1)", "0.5403023058681398"),
        ("tan(1)", "1.5574077246549023"),
        ("asin(0.5)", "0.5235987755982989"),
        ("acos(0.5)", "1.0471975511965979"),
        ("atan(1)", "0.7853981633974483"),
        ("atan2(-1, -1)", "-2.356194490192345"),
        ("sin(1e6)", "-0.34999350217129294"),
        ("cos(null)", "NULL"),
        ("asin(2)", "NULL"),
    ]);
}

#[test]
fn conditions_know_three_truths() {
    check(&[
        ("true and null", "NULL"),
        ("false and null", "false"),
        ("not true", "false"),
        ("null = null", "NULL"),
        ("equal_null(null, null)", "true"),
        ("1 is distinct from null", "true"),
        ("null is not distinct from null", "true"),
        ("1 in (1, null)", "true"),
        ("2 in (1, null)", "NULL"),
        ("2 not in (1, 3)", "true"),
        ("1 between 0.5 and 1.5", "true"),
        ("(1 = 1) is true", "true"),
        ("iff(null, 1, 2)", "2"),
        ("case 1 when 1.0 then 'a' else 'b' end", "a"),
        ("case when 1 = 2 then 1 end", "NULL"),
        ("nvl(null, 3)", "3"),
        ("nvl2(null, 1, 2)", "2"),
        ("nullif(1.0, 1)", "NULL"),
        ("zeroifnull(null) + 1", "1"),
        ("nullifzero(0)", "NULL"),
        ("coalesce(null, null, 'z')", "z"),
        ("decode(null, null, 'none', 'some')", "none"),
        ("decode(2, 1, 'a', 2, 'b', 'c')", "b"),
        ("decode(9, 1, 'a')", "NULL"),
        ("booland(true, false)", "false"),
        ("'yes'::boolean", "true"),
        ("to_boolean('off')", "false"),
        ("0::boolean", "false"),
        ("true::varchar", "true"),
        ("true + 1", "2"),
    ]);
}

#[test]
fn dates_are_days_of_a_calendar() {
    check(&[
        ("'2024-02-28'::date + 2", "2024-03-01"),
        ("'2024-03-01'::date - 1", "2024-02-29"),
        ("'2024-03-01'::date - '2024-02-01'::date", "29"),
        ("date '2024-01-31' + interval '1 month'", "2024-02-29"),
        ("date '2024-01-31' - interval '1 year, 1 day'", "2023-01-30"),
        ("date '2024-01-31' + interval '90' minute", "2024-01-31T01:30:00"),
        ("dateadd(month, 1, '2024-01-31'::date)", "2024-02-29"),
        ("dateadd('quarter', -1, '2024-05-31'::date)", "2024-02-29"),
        ("dateadd(hour, 25, '2024-01-01'::date)", "2024-01-02T01:00:00"),
        (
            "dateadd(day, 1, '2024-01-01 10:00'::timestamp)",
            "2024-01-02T10:00:00",
        ),
        ("add_months('2024-01-31'::date, 13)", "2025-02-28"),
        ("datediff(day, '2024-01-01', '2024-03-01')", "60"),
        ("datediff(month, '2024-01-31'::date, '2024-02-01'::date)", "1"),
        ("datediff(year, '2023-12-31'::date, '2024-01-01'::date)", "1"),
        ("datediff(week, '2024-06-09'::date, '2024-06-10'::date)", "1"),
        (
            "datediff(hour, '2024-01-01 00:59'::timestamp, '2024-01-01 01:00'::timestamp)",
            "1",
        ),
        ("date_trunc('quarter', '2024-05-17'::date)", "2024-04-01"),
        (
            "date_trunc(hour, '2024-05-17 10:11:12'::timestamp)",
            "2024-05-17T10:00:00",
        ),
        ("trunc('2024-05-17'::date, 'month')", "2024-05-01"),
        ("last_day('2024-02-01'::date)", "2024-02-29"),
        ("last_day('2024-02-01'::date, 'year')", "2024-12-31"),
        ("year('2024-05-17'::date)", "2024"),
        ("extract(dayofweek from '2024-05-19'::date)", "0"),
        ("date_part('doy', '2024-12-31'::date)", "366"),
        ("week('2024-12-30'::date)", "1"),
        ("extract('year' from date '2024-05-01')", "2024"),
        ("extract(month, date '2024-05-01')", "5"),
        ("dayname('2024-05-17'::date)", "Fri"),
        ("monthname('2024-05-17'::date)", "May"),
        ("next_day('2024-05-17'::date, 'friday')", "2024-05-24"),
        ("previous_day('2024-05-17'::date, 'mo')", "2024-05-13"),
        ("date_from_parts(2024, 13, 0)", "2024-12-31"),
        ("months_between('2024-03-31'::date, '2024-02-29'::date)", "1"),
        ("to_date('17/05/2024', 'DD/MM/YYYY')", "2024-05-17"),
        ("try_to_date('2024-02-30')", "NULL"),
        ("to_varchar('2024-05-17'::date, 'DD MON YYYY')", "17 May 2024"),
        ("to_timestamp(1700000000)", "2023-11-14T22:13:20"),
        ("to_timestamp(1700000000123, 3)", "2023-11-14T22:13:20.123"),
        (
            "'2024-01-01T00:00:00+02:00'::timestamp_ltz",
            "2023-12-31T22:00:00Z",
        ),
        (
            "'2024-01-01T00:00:00+02:00'::timestamp_ntz",
            "2024-01-01T00:00:00",
        ),
        (
            "'2024-01-01 10:11:12.5'::timestamp::varchar",
            "2024-01-01 10:11:12.500",
        ),
        ("'2024-01-01 10:11:12'::timestamp::date", "2024-01-01"),
        ("'1969-12-31 23:00'::timestamp::date", "1969-12-31"),
        ("'10:11:12'::time", "10:11:12"),
        ("'2024-01-01'::date = '2024-01-01 00:00:00'::timestamp", "true"),
        ("current_date() = current_timestamp()::date", "true"),
    ]);
}

#[test]
fn text_counts_characters() {
    check(&[
        ("upper('straße')", "STRASSE"),
        ("lower('ÄÖ')", "äö"),
        ("length('héllo')", "5"),
        ("substr('héllo', 2, 2)", "él"),
        ("substring('hello' from 2 for 3)", "ell"),
        ("substr('hello', -3)", "llo"),
        ("left('hello', 2)", "he"),
        ("right('hello', 2)", "lo"),
        ("trim('  x ')", "x"),
        ("ltrim('xxa', 'x')", "a"),
        ("rtrim('axx', 'x')", "a"),
        ("replace('aXa', 'X', '-')", "a-a"),
        ("replace('aXa', 'X')", "aa"),
        ("lpad('7', 3, '0')", "007"),
        ("lpad('hello', 3)", "hel"),
        ("repeat('ab', 2)", "abab"),
        ("reverse('abc')", "cba"),
        ("position('l' in 'hello')", "3"),
        ("charindex('l', 'hello', 4)", "4"),
        ("split_part('a,b,c', ',', 2)", "b"),
        ("split_part('a,b,c', ',', -1)", "c"),
        ("concat('a', 1, 'b')", "a1b"),
        ("concat_ws('-', 'a', 'b')", "a-b"),
        ("'a' || 1.50 || true", "a1.50true"),
        ("'a' || null", "NULL"),
        ("contains('abc', 'b')", "true"),
        ("startswith('abc', 'ab')", "true"),
        ("endswith('abc', 'ab')", "false"),
        ("'ABC' like 'a%'", "false"),
        ("'ABC' ilike 'a%'", "true"),
        ("'50%' like '50!%' escape '!'", "true"),
        ("'abc' like any ('x%', '%c')", "true"),
        ("initcap('hello WORLD')", "Hello World"),
        ("translate('abc', 'ab', 'x')", "xc"),
        ("ascii('A')", "65"),
        ("chr(233)", "é"),
        ("'it''s'", "it's"),
        ("'a\\tb'", "a\tb"),
        ("$$a'b$$", "a'b"),
        ("'hello'::varchar(2)", "he"),
        ("try_cast('x' as int)", "NULL"),
        ("try_cast('12' as number(5,1))", "12.0"),
        ("to_varchar(1.50)", "1.50"),
        ("to_varchar(1e20)", "1e+20"),
        ("to_char(12345.678, 'FM999,999.00')", "12,345.68"),
        ("to_char(-5, '$990')", "  -$5"),
        ("to_varchar(1.5e0, '9.99')", " 1.50"),
        ("'AFRICA' like all ('A%', '%A')", "true"),
        ("'ASIA' like all ('A%', '%X')", "false"),
        ("to_number('12.7')", "13"),
        ("to_number('12.7', 10, 1)", "12.7"),
    ]);
}

#[test]
fn the_session_says_where_it_is() {
    check(&[
        ("current_database()", "SNOWFLAKE_SAMPLE_DATA"),
        ("current_schema()", "TPCH_SF1"),
        ("current_role()", "PUBLIC"),
        ("current_user", "DEMO"),
        ("current_warehouse()", "NULL"),
        ("system$typeof(1.5)", "NUMBER(2,1)"),
        ("current_timestamp() = current_timestamp", "true"),
    ]);
}

#[test]
fn what_fails_on_the_data_says_so_with_snowflakes_code() {
    let demo = demo();
    let check = |expression: &str, code: &str, sql_state: &str| {
        let error = run(&demo, &format!("select {expression}")).unwrap_err();
        assert_eq!(error.kind, Kind::Execution, "{expression}: {error}");
        assert_eq!(error.code.as_deref(), Some(code), "{expression}: {error}");
        assert_eq!(
            error.sql_state.as_deref(),
            Some(sql_state),
            "{expression}: {error}"
        );
    };
    check("1/0", "100051", "22012");
    check("1 % 0", "100051", "22012");
    check("1e0 / 0", "100051", "22012");
    check("'abc'::int", "100038", "22018");
    check("r_name::int from region", "100038", "22018");
    check("'tomorrow'::date", "100040", "22007");
    check("r_name::date from region", "100040", "22007");
    check("'x'::timestamp", "100035", "22007");
    check("'maybe'::boolean", "100037", "22018");
    check("1000::number(3,0)", "100039", "22003");
    check("99.95::number(3,1)", "100039", "22003");
    check("99999999999999999999", "100046", "22003");
    check("123456789012345678 * 1000", "100046", "22003");
    check("sum(o_orderkey * 10000000000000) from orders", "100046", "22003");
    check("dateadd(year, 9000, '2024-01-01'::date)", "100077", "22023");
    check("sqrt(-1)", "100077", "22023");
    check("repeat('abc', 100000000)", "100077", "22023");
    check(
        "like(repeat('a', 100000), repeat('%a', 10000))",
        "100077",
        "22023",
    );
}

#[test]
fn a_bug_would_be_internal_and_none_of_these_is() {
    let demo = demo();
    for text in [
        "select date '2024-01-01' + 'x'",
        "select abs('x')",
        "select upper(1), lower(date '2024-01-01'), length(true)",
        "select year('x')",
        "select sum(r_name) from region",
        "select max(r_name) + 1 from region",
        "select r_name - 1 from region",
        "select not r_name from region",
        "select -r_name from region",
        "select case when r_name then 1 end from region",
        "select iff('maybe', 1, 2)",
        "select coalesce(1, 'x')",
        "select 1 = 'x', date '2024-01-01' = 'x'",
        "select true > 'x'",
        "select listagg(r_regionkey, 1) from region",
        "select split_part(1, 2, 3), substr(123, 'x')",
        "select dateadd(day, 'x', '2024-01-01')",
        "select nullif('a', 1)",
        "select median(r_name) from region",
        "select 1 in ('x', 2)",
        "select greatest('x', 1)",
        "select count(*) from region where 'x'",
        "select '\\0' || 'a' = 'b'",
        "select avg(true), sum('1')",
    ] {
        if let Err(error) = run(&demo, text) {
            assert_ne!(error.kind, Kind::Internal, "{text}: {:?}", error.detail);
        }
    }
}
