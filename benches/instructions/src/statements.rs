//! Statements of three lengths. Shared with `benches/micro`.

/// What a model asks first.
pub(crate) const SHORT: &str = "select * from orders where o_orderkey = 7 limit 10";

/// Query 5 of TPC-H.
pub(crate) const TPCH: &str = "\
select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue
from customer, orders, lineitem, supplier, nation, region
where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey
  and c_nationkey = s_nationkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey
  and r_name = 'ASIA' and o_orderdate >= to_date('1994-01-01')
  and o_orderdate < dateadd(year, 1, to_date('1994-01-01'))
group by n_name
order by revenue desc";

/// A statement of just under `bytes_max` bytes: query 5 behind a list of values with escapes and comments.
pub(crate) fn long(bytes_max: usize) -> String {
    let begin = "with wanted as (select column1 as p_type from values ";
    let end = "('STEEL')) ";
    let mut text = begin.to_owned();
    for number in 100.. {
        let value = format!("('LARGE PLATED ''{number}'' TIN'), /* no. {number} */\n");
        if text.len() + value.len() + end.len() + TPCH.len() > bytes_max {
            break;
        }
        text.push_str(&value);
    }
    text + end + TPCH
}
