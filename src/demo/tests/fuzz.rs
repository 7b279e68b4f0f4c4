//! Random statements: whatever is put together, the engine answers or refuses in words, and never with a bug.

use super::{demo, run};
use crate::backend::Kind;
use crate::entropy::SeededEntropy;

/// Atoms of every type.
const ATOMS: [&str; 24] = [
    "1",
    "-2.50",
    "0",
    "1e3",
    "'x'",
    "'2024-01-31'",
    "'12.5'",
    "''",
    "null",
    "true",
    "date '2024-02-29'",
    "'2024-01-01 10:00:00'::timestamp",
    "current_timestamp()",
    "'10:00'::time",
    "r_regionkey",
    "r_name",
    "r_comment",
    "r.r_name",
    "(select max(n_name) from nation)",
    "(select count(*) from nation where n_regionkey = r_regionkey)",
    "123456789012345678",
    "0.000000001",
    "'%A'",
    "month",
];

/// Forms with `?` where an expression goes.
const FORMS: [&str; 72] = [
    "? + ?",
    "? - ?",
    "? * ?",
    "? / ?",
    "? % ?",
    "? || ?",
    "- ?",
    "not ?",
    "? = ?",
    "? <> ?",
    "? < ?",
    "? >= ?",
    "? and ?",
    "? or ?",
    "? is null",
    "? is true",
    "? is distinct from ?",
    "? in (?, ?)",
    "? between ? and ?",
    "? like ?",
    "? ilike ?",
    "case when ? then ? else ? end",
    "case ? when ? then ? end",
    "iff(?, ?, ?)",
    "nvl(?, ?)",
    "coalesce(?, ?, ?)",
    "nullif(?, ?)",
    "decode(?, ?, ?, ?)",
    "greatest(?, ?)",
    "least(?, ?)",
    "?::int",
    "?::number(10,2)",
    "?::varchar",
    "?::date",
    "?::timestamp",
    "?::float",
    "?::boolean",
    "?::time",
    "try_cast(? as int)",
    "try_cast(? as date)",
    "abs(?)",
    "round(?, 1)",
    "floor(?)",
    "ceil(?)",
    "trunc(?)",
    "sqrt(?)",
    "power(?, ?)",
    "upper(?)",
    "length(?)",
    "substr(?, ?, ?)",
    "split_part(?, ?, ?)",
    "replace(?, ?, ?)",
    "lpad(?, 5, ?)",
    "contains(?, ?)",
    "position(?, ?)",
    "concat(?, ?)",
    "dateadd(month, ?, ?)",
    "datediff(day, ?, ?)",
    "date_trunc(month, ?)",
    "year(?)",
    "last_day(?)",
    "to_varchar(?)",
    "to_varchar(?, 'YYYY')",
    "to_date(?)",
    "to_number(?)",
    "zeroifnull(?)",
    "div0(?, ?)",
    "equal_null(?, ?)",
    "? + interval '1 day'",
    "mod(?, ?)",
    "dayname(?)",
    "(?)",
];

/// Statements with `?` where an expression goes.
const STATEMENTS: [&str; 14] = [
    "select ? from region r",
    "select ?, ? from region r where ?",
    "select ? from region r order by ?",
    "select ?, count(*) from region r group by 1",
    "select max(?), min(?), count(distinct ?) from region r",
    "select sum(?), avg(?) from region r",
    "select r_name, sum(?) from region r group by r_name having ? > 0",
    "select listagg(?, ',') within group (order by ?) from region r",
    "select median(?), mode(?) from region r",
    "select row_number() over (partition by ? order by ?) from region r",
    "select lag(?, 1, ?) over (order by ?) from region r",
    "select ? a from region r qualify rank() over (order by ?) < 3",
    "select ? from region r union select ? from region r",
    "select * from (select ? a, ? b from region r) where a = b",
];

fn expression(draw: &mut SeededEntropy, depth: u64) -> String {
    if depth == 0 || draw.below(3) == 0 {
        return pick(draw, &ATOMS).to_owned();
    }
    let form = pick(draw, &FORMS);
    fill(draw, form, depth - 1)
}

fn fill(draw: &mut SeededEntropy, form: &str, depth: u64) -> String {
    let mut text = String::new();
    for (index, part) in form.split('?').enumerate() {
        if index > 0 {
            text += &expression(draw, depth);
        }
        text += part;
    }
    text
}

fn pick<'a>(draw: &mut SeededEntropy, from: &[&'a str]) -> &'a str {
    from[usize::try_from(draw.below(from.len() as u64)).unwrap()]
}

#[test]
fn random_statements_are_answered_or_refused_but_never_a_bug() {
    let demo = demo();
    let (mut answered, mut failed) = (0, 0);
    let seeds: u64 = std::env::var("DEMO_SEEDS").map_or(4_000, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let mut draw = SeededEntropy::new(seed);
        let statement = pick(&mut draw, &STATEMENTS);
        let text = fill(&mut draw, statement, 3);
        match run(&demo, &text) {
            Ok(result) => {
                answered += 1;
                assert!(!result.columns.is_empty(), "seed {seed}: {text}");
            }
            Err(error) => {
                failed += 1;
                let is_known = matches!(
                    error.kind,
                    Kind::Syntax | Kind::NotFound | Kind::Unsupported | Kind::Execution
                );
                assert!(is_known, "seed {seed}: {text}\n{error} {:?}", error.detail);
            }
        }
    }
    assert!(
        answered > seeds / 10 && failed > 0,
        "{answered} answered, {failed} failed"
    );
}
