//! Clauses of queries: what a statement selects, in which order and under which names.

use super::{cells, demo, run};
use crate::backend::ResultSet;
use crate::demo::Demo;

fn answer(demo: &Demo, text: &str) -> ResultSet {
    run(demo, text).unwrap_or_else(|error| panic!("{text}: {error} {:?}", error.detail))
}

/// The rows of each statement, cells divided by `|` and rows by `/`.
fn check(expected: &[(&str, &str)]) {
    let demo = demo();
    for (text, rows) in expected {
        let found: Vec<String> = cells(&answer(&demo, text))
            .iter()
            .map(|row| row.join("|"))
            .collect();
        assert_eq!(found.join("/"), *rows, "{text}");
    }
}

fn names(demo: &Demo, text: &str) -> Vec<String> {
    answer(demo, text)
        .columns
        .into_iter()
        .map(|column| column.name)
        .collect()
}

#[test]
fn columns_are_named_as_snowflake_prints_them() {
    let demo = demo();
    let check = |text: &str, expected: &[&str]| assert_eq!(names(&demo, text), expected, "{text}");
    check(
        "select 1 as one, 2 \"Two\", 3 as \"a\"\"b\"",
        &["ONE", "Two", "a\"b"],
    );
    check(
        "select 1+1, 'it''s', count( * ) from region",
        &["1+1", "'IT''S'", "COUNT( * )"],
    );
    check(
        "select distinct r_name, r.r_name, upper(r_name) from region r",
        &["R_NAME", "R_NAME", "UPPER(R_NAME)"],
    );
    check(
        "select listagg(r_name, ',') within group (order by r_name), max(r_name) from region",
        &[
            "LISTAGG(R_NAME, ',') WITHIN GROUP (ORDER BY R_NAME)",
            "MAX(R_NAME)",
        ],
    );
    check(
        "select top 1 extract(year from date '2024-01-01'), (select 1)",
        &["EXTRACT(YEAR FROM DATE '2024-01-01')", "(SELECT 1)"],
    );
    check("values (1, 2)", &["COLUMN1", "COLUMN2"]);
    check("select 1 + 1 union all select 2", &["1 + 1"]);
    check("select 1 a, 2 a", &["A", "A"]);
}

#[test]
fn wildcards_leave_out_and_rename() {
    let demo = demo();
    let check = |text: &str, expected: &[&str]| assert_eq!(names(&demo, text), expected, "{text}");
    check("select * from region", &["R_REGIONKEY", "R_NAME", "R_COMMENT"]);
    check(
        "select * exclude r_comment from region",
        &["R_REGIONKEY", "R_NAME"],
    );
    check(
        "select r.* exclude (r_comment) rename (r_name as name), 1 one from region r",
        &["R_REGIONKEY", "NAME", "ONE"],
    );
    check(
        "select * ilike '%key%' from nation",
        &["N_NATIONKEY", "N_REGIONKEY"],
    );
    let replaced = answer(
        &demo,
        "select * replace (upper('x') as r_name) from region limit 1",
    );
    assert_eq!(cells(&replaced)[0][1], "X");
}

#[test]
fn sorting_puts_null_last_ascending_and_first_descending() {
    check(&[
        (
            "select * from (values (2), (null), (1)) as t(x) order by x",
            "1/2/NULL",
        ),
        (
            "select * from (values (2), (null), (1)) as t(x) order by x desc",
            "NULL/2/1",
        ),
        (
            "select * from (values (2), (null), (1)) as t(x) order by x nulls first",
            "NULL/1/2",
        ),
        (
            "select * from (values (2), (null), (1)) as t(x) order by 1 desc nulls last",
            "2/1/NULL",
        ),
        (
            "select x, lag(x) over (order by x) from (values (2), (null), (1)) as t(x) order by x",
            "1|NULL/2|1/NULL|2",
        ),
        (
            "select r_name n from region order by n desc limit 2",
            "MIDDLE EAST/EUROPE",
        ),
        (
            "select r_name from region order by length(r_name), r_name limit 2",
            "ASIA/AFRICA",
        ),
        (
            "select r_regionkey from region order by 1 limit 2 offset 3",
            "3/4",
        ),
        ("select r_regionkey from region order by 1 offset 3", "3/4"),
        (
            "select r_regionkey from region order by 1 fetch first 2 rows only",
            "0/1",
        ),
        ("select top 2 r_regionkey from region order by 1 desc", "4/3"),
        ("select r_regionkey from region limit 0", ""),
        (
            "select distinct n_regionkey from nation order by n_regionkey desc",
            "4/3/2/1/0",
        ),
        (
            "select x from (values ('b'), ('B'), ('a')) t(x) order by x",
            "B/a/b",
        ),
    ]);
}

#[test]
fn groups_are_named_by_position_alias_or_all() {
    check(&[
        (
            "select n_regionkey, count(*) from nation group by 1 order by 1 limit 1",
            "0|5",
        ),
        (
            "select n_regionkey % 2 odd, count(*) from nation group by odd order by odd",
            "0|15/1|10",
        ),
        (
            "select n_regionkey, count(*) c from nation group by all order by 1 limit 1",
            "0|5",
        ),
        (
            "select n_regionkey k from nation group by k having max(n_nationkey) > 23",
            "1",
        ),
        ("select count(*) from nation having count(*) > 100", ""),
        (
            "select count(*), sum(n_nationkey), max(n_name), avg(n_nationkey) from nation where 1 = 0",
            "0|NULL|NULL|NULL",
        ),
        (
            "select 1 from nation group by n_regionkey having count(*) = 5 limit 1",
            "1",
        ),
        (
            "select count(distinct n_regionkey, n_nationkey % 2) from nation",
            "10",
        ),
        (
            "select count_if(n_regionkey = 1), count(n_comment) from nation",
            "5|25",
        ),
        (
            "select listagg(n_nationkey, '-') within group (order by n_nationkey desc) from nation where n_nationkey < 3",
            "2-1-0",
        ),
        (
            "select listagg(distinct n_regionkey, ',') within group (order by n_regionkey) from nation",
            "0,1,2,3,4",
        ),
        (
            "select listagg(distinct x, ',') from (values ('a,null'), (null)) t(x)",
            "a,null",
        ),
        (
            "select '[' || listagg(n_name) || ']' from nation where 1 = 0",
            "[]",
        ),
        ("select median(x) from (values (1), (2), (10)) t(x)", "2.000"),
        ("select median(x) from (values (1), (2)) t(x)", "1.500"),
        (
            "select percentile_cont(0.25) within group (order by x) from (values (0), (10)) t(x)",
            "2.500",
        ),
        (
            "select percentile_disc(0.5) within group (order by x desc) from (values (1), (2), (3)) t(x)",
            "2",
        ),
        (
            "select stddev_pop(x), var_samp(x) from (values (2), (4)) t(x)",
            "1|2",
        ),
        (
            "select mode(n_regionkey) from nation where n_regionkey <> 3 or n_nationkey > 10",
            "0",
        ),
        ("select sum(x) from (values (0.1), (0.2), (0.3)) t(x)", "0.6"),
        ("select avg(x) from (values (1), (2)) t(x)", "1.500000"),
        (
            "select boolor_agg(x), booland_agg(x) from (values (true), (false)) t(x)",
            "true|false",
        ),
    ]);
}

#[test]
fn aliases_are_seen_by_every_clause() {
    check(&[
        (
            "select r_regionkey * 2 as double, double + 1 as more from region where double = 4",
            "4|5",
        ),
        (
            "select r_name as r_regionkey from region where r_regionkey = 2",
            "ASIA",
        ),
        (
            "select n_regionkey k, count(*) c from nation where k < 2 group by k having c > 1 order by k",
            "0|5/1|5",
        ),
        (
            "select upper(r_name) as r_name from region where r_name = 'ASIA'",
            "ASIA",
        ),
    ]);
}

#[test]
fn windows_rank_look_around_and_qualify() {
    check(&[
        (
            "select n_name from nation qualify row_number() over (partition by n_regionkey order by n_name) = 1 order by n_name limit 2",
            "ALGERIA/ARGENTINA",
        ),
        (
            "select n_name, rank() over (order by n_regionkey) r from nation qualify r = 6 order by length(n_name), n_name limit 1",
            "PERU|6",
        ),
        (
            "select r_regionkey, sum(r_regionkey) over (order by r_regionkey) from region",
            "0|0/1|1/2|3/3|6/4|10",
        ),
        (
            "select r_regionkey, avg(r_regionkey) over (order by r_regionkey rows between 1 preceding and current row) from region limit 2",
            "0|0.000000/1|0.500000",
        ),
        (
            "select last_value(r_name) over (order by r_name), first_value(r_name) over (order by r_name desc) from region limit 1",
            "MIDDLE EAST|MIDDLE EAST",
        ),
        (
            "select lead(r_name, 2, 'none') over (order by r_name) from region order by r_name",
            "ASIA/EUROPE/MIDDLE EAST/none/none",
        ),
        (
            "select ntile(2) over (order by r_name), dense_rank() over (order by 1) from region order by r_name limit 1",
            "1|1",
        ),
        (
            "select sum(sum(n_nationkey)) over (), n_regionkey from nation group by n_regionkey order by 2 limit 1",
            "300|0",
        ),
        (
            "select ratio_to_report(x) over () from (values (1), (3)) t(x) order by 1",
            "0.25/0.75",
        ),
    ]);
}

#[test]
fn joins_of_every_kind() {
    let tables = "with a as (select * from (values (1, 'x'), (2, 'y')) t(k, v)), b as (select * from (values (2, 'Y'), (3, 'Z')) t(k, w)) ";
    let demo = demo();
    let check = |query: &str, rows: &str| {
        let text = format!("{tables}{query}");
        let found: Vec<String> = cells(&answer(&demo, &text))
            .iter()
            .map(|row| row.join("|"))
            .collect();
        assert_eq!(found.join("/"), rows, "{query}");
    };
    check("select * from a join b on a.k = b.k", "2|y|2|Y");
    check("select * from a join b using (k)", "2|y|Y");
    check("select * from a natural join b", "2|y|Y");
    check(
        "select * from a left join b using (k) order by k",
        "1|x|NULL/2|y|Y",
    );
    check(
        "select k, a.k, b.k from a right join b using (k) order by k",
        "2|2|2/3|NULL|3",
    );
    check(
        "select * from a full join b using (k) order by k",
        "1|x|NULL/2|y|Y/3|NULL|Z",
    );
    check("select count(*) from a, b", "4");
    check("select count(*) from a cross join b", "4");
    check("select a.v from a, b where a.k = b.k", "y");
    check(
        "select a.v, c.w from (a left join b c on a.k = c.k) order by 1",
        "x|NULL/y|Y",
    );
    check(
        "select a.* from a where exists (select 1 from b where b.k = a.k)",
        "2|y",
    );
    check("select v from a where k in (select k from b)", "y");
    check("select v from a where (k, 'Y') in (select k, w from b)", "y");
    check("select v from a where k not in (select k from b)", "x");
    check("select v from a where k = any (select k from b)", "y");
    check(
        "select v, (select max(w) from b where b.k > a.k) from a order by v",
        "x|Z/y|Z",
    );
    check("select x.k from a x, a y where x.k < y.k", "1");
}

#[test]
fn set_operators_bind_as_they_are_written() {
    check(&[
        ("select 1 union select 1", "1"),
        ("select 1 union all select 1", "1/1"),
        ("select 1 union (select 2 intersect select 2) order by 1", "1/2"),
        ("select 1 union select 2 intersect select 2 order by 1", "1/2"),
        ("select 1 union all select 2 minus select 1", "2"),
        (
            "(select 1 a union all select 2) union all select 3 order by a * -1",
            "3/2/1",
        ),
        (
            "(select 2 a order by a limit 1) union all (select 1) order by a",
            "1/2",
        ),
        ("select 1 union all select 2.5 order by 1", "1.0/2.5"),
        ("select '1' union all select 2 order by 1", "1.00000/2.00000"),
        (
            "select null union all select date '2024-01-01' order by 1",
            "2024-01-01/NULL",
        ),
        ("select x from (select 1 x union all select 2) where x > 1", "2"),
    ]);
}

#[test]
fn tables_of_with_see_those_before_them() {
    check(&[
        (
            "with a as (select 1 x) (with b as (select x from a) select * from b)",
            "1",
        ),
        ("select count(*) from identifier('tpch_sf1.region')", "5"),
        (
            "select n_regionkey % 2, n_regionkey from nation group by all order by all limit 2",
            "0|0/0|2",
        ),
        (
            "select count(*) from (select 1 a) x, (select 1 b) y full join (select 2 b) z using (b)",
            "2",
        ),
        (
            "with a as (select 1 x), b(y) as (select x + 1 from a) select * from a, b",
            "1|2",
        ),
        (
            "with a as (select 1 x) select * from (with a as (select 2 x) select * from a) t, a",
            "2|1",
        ),
        ("with region as (select 9 r_regionkey) select * from region", "9"),
        (
            "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select sum(n) from r",
            "15",
        ),
        (
            "with recursive r(d) as (select date '2024-01-30' union all select dateadd(day, 1, d) from r where d < '2024-02-01') select * from r",
            "2024-01-30/2024-01-31/2024-02-01",
        ),
        (
            "with recursive r(n, x) as (select 1, 1.50 union all select n + 1, x * 2 from r where n < 3) select max(x) from r",
            "6.00",
        ),
        (
            "select seq4(), dateadd(day, seq4(), date '2024-01-31') from table(generator(rowcount => 2))",
            "0|2024-01-31/1|2024-02-01",
        ),
        ("select count(*) from table(generator(rowcount => 1000))", "1000"),
        ("select count(*) from region sample (3 rows)", "3"),
        (
            "select count(distinct n_nationkey) from nation tablesample (7 rows)",
            "7",
        ),
        (
            "select max(o_orderkey) > 1000 from orders sample (5 rows)",
            "true",
        ),
        (
            "select count(*) from analytics.top_customers sample (4 rows)",
            "4",
        ),
        (
            "select $2 from (values (1, 'a'), (2, 'b')) order by $1 desc",
            "b/a",
        ),
        ("select column1 from values (1), (2) as v where column1 > 1", "2"),
    ]);
}

#[test]
fn pipes_read_the_stages_before_them() {
    check(&[
        (
            "show databases ->> select \"name\" from $1",
            "SNOWFLAKE_SAMPLE_DATA",
        ),
        ("show tables like 'n%' ->> select \"rows\" + 1 from $1", "26"),
        (
            "select 1 a union all select 2 ->> select sum(a) s from $1 ->> select s + 1 from $1",
            "4",
        ),
        ("select 1 a ->> select 2 b ->> select a, b from $1, $2", "1|2"),
        (
            "with x as (select 7 a) select a from x ->> with y as (select a from $1) select a from y",
            "7",
        ),
        ("describe table region ->> select count(*) from $1", "3"),
        (
            "select r_name from region order by r_name desc limit 2 ->> select max(r_name) from $1",
            "MIDDLE EAST",
        ),
    ]);
}
