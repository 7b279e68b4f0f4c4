//! The 22 queries of TPC-H in Snowflake's spelling: all run, and some are computed again in Rust from the generated rows.

use super::{cells, demo, run};
use crate::demo::calendar::Civil;
use crate::demo::catalog::TableId;
use crate::demo::data::{self, Cell};
use crate::demo::numeric::{divide_rounded, to_text};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A row with its texts owned.
#[derive(Debug, Clone)]
enum Datum {
    Integer(i64),
    Text(String),
}

impl Datum {
    fn number(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            Self::Text(text) => panic!("{text} is no number"),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Integer(number) => panic!("{number} is no text"),
            Self::Text(text) => text,
        }
    }
}

fn rows(table: TableId) -> Vec<Vec<Datum>> {
    let mut rows = Vec::new();
    let made: Result<(), Infallible> = data::make(table, &mut |row| {
        let row = row.iter().map(|cell| match cell {
            Cell::Integer(number) => Datum::Integer(*number),
            Cell::Text(text) => Datum::Text((*text).to_owned()),
        });
        rows.push(row.collect());
        Ok(())
    });
    assert!(made.is_ok());
    rows
}

fn day(year: i64, month: i64, day: i64) -> i64 {
    Civil { year, month, day }.to_days()
}

fn answer(text: &str) -> Vec<Vec<String>> {
    cells(&run(&demo(), text).unwrap_or_else(|error| panic!("{error} {:?}\n{text}", error.detail)))
}

/// As Snowflake's AVG of a NUMBER(p,2): eight fraction digits.
fn average(sum: i128, count: i128) -> String {
    to_text(i64::try_from(divide_rounded(sum * 1_000_000, count)).unwrap(), 8)
}

fn exact(value: i128, scale: u8) -> String {
    to_text(i64::try_from(value).unwrap(), scale)
}

#[test]
fn query_1_agrees_with_sums_over_the_rows() {
    let mut groups: BTreeMap<(String, String), [i128; 6]> = BTreeMap::new();
    for row in rows(TableId::LineItem) {
        if row[10].number() > day(1998, 12, 1) - 90 {
            continue;
        }
        let key = (row[8].text().to_owned(), row[9].text().to_owned());
        let [quantity, price, discount, tax] = [4, 5, 6, 7].map(|column| i128::from(row[column].number()));
        let sums = groups.entry(key).or_default();
        let charge = price * (100 - discount) * (100 + tax);
        for (sum, value) in
            sums.iter_mut()
                .zip([quantity, price, price * (100 - discount), charge, discount, 1])
        {
            *sum += value;
        }
    }
    let expected: Vec<Vec<String>> = groups
        .into_iter()
        .map(
            |((flag, status), [quantity, price, discounted, charge, discount, count])| {
                vec![
                    flag,
                    status,
                    exact(quantity, 2),
                    exact(price, 2),
                    exact(discounted, 4),
                    exact(charge, 6),
                    average(quantity, count),
                    average(price, count),
                    average(discount, count),
                    count.to_string(),
                ]
            },
        )
        .collect();
    assert_eq!(expected.len(), 4);
    assert_eq!(answer(QUERIES[0].0), expected);
}

#[test]
fn query_3_agrees_with_a_join_in_rust() {
    let builders: Vec<i64> = rows(TableId::Customer)
        .iter()
        .filter(|row| row[6].text() == "BUILDING")
        .map(|row| row[0].number())
        .collect();
    let orders: BTreeMap<i64, i64> = rows(TableId::Orders)
        .iter()
        .filter(|row| builders.contains(&row[1].number()) && row[4].number() < day(1995, 3, 15))
        .map(|row| (row[0].number(), row[4].number()))
        .collect();
    let mut revenue: BTreeMap<i64, i128> = BTreeMap::new();
    for row in rows(TableId::LineItem) {
        if row[10].number() > day(1995, 3, 15) && orders.contains_key(&row[0].number()) {
            let value = i128::from(row[5].number()) * i128::from(100 - row[6].number());
            *revenue.entry(row[0].number()).or_default() += value;
        }
    }
    let mut expected: Vec<(i128, i64, i64)> = revenue
        .into_iter()
        .map(|(key, value)| (-value, orders[&key], key))
        .collect();
    expected.sort_unstable();
    let found: Vec<(String, String)> = answer(QUERIES[2].0)
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let expected: Vec<(String, String)> = expected
        .iter()
        .take(10)
        .map(|(value, _, key)| (key.to_string(), exact(-value, 4)))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn query_6_agrees_with_a_filter_in_rust() {
    let revenue: i128 = rows(TableId::LineItem)
        .iter()
        .filter(|row| {
            (day(1994, 1, 1)..day(1995, 1, 1)).contains(&row[10].number())
                && (5..=7).contains(&row[6].number())
                && row[4].number() < 2_400
        })
        .map(|row| i128::from(row[5].number()) * i128::from(row[6].number()))
        .sum();
    assert_eq!(answer(QUERIES[5].0), [[exact(revenue, 4)]]);
}

#[test]
fn query_13_agrees_with_counting_in_rust() {
    let mut orders: BTreeMap<i64, usize> = rows(TableId::Customer)
        .iter()
        .map(|row| (row[0].number(), 0))
        .collect();
    for row in rows(TableId::Orders) {
        let comment = row[8].text();
        let is_special = comment
            .split_once("special")
            .is_some_and(|(_, rest)| rest.contains("requests"));
        if !is_special {
            *orders.entry(row[1].number()).or_default() += 1;
        }
    }
    let mut customers: BTreeMap<usize, usize> = BTreeMap::new();
    for count in orders.into_values() {
        *customers.entry(count).or_default() += 1;
    }
    let mut expected: Vec<(usize, usize)> = customers
        .into_iter()
        .map(|(count, customers)| (customers, count))
        .collect();
    expected.sort_unstable_by(|left, right| right.cmp(left));
    let expected: Vec<Vec<String>> = expected
        .into_iter()
        .map(|(customers, count)| vec![count.to_string(), customers.to_string()])
        .collect();
    assert_eq!(answer(QUERIES[12].0), expected);
}

#[test]
fn query_14_divides_exactly() {
    let promoted: Vec<i64> = rows(TableId::Part)
        .iter()
        .filter(|row| row[4].text().starts_with("PROMO"))
        .map(|row| row[0].number())
        .collect();
    let (mut promo, mut all) = (0_i128, 0_i128);
    for row in rows(TableId::LineItem) {
        if (day(1995, 9, 1)..day(1995, 10, 1)).contains(&row[10].number()) {
            let value = i128::from(row[5].number()) * i128::from(100 - row[6].number());
            all += value;
            promo += if promoted.contains(&row[1].number()) {
                value
            } else {
                0
            };
        }
    }
    // 100.00 * a NUMBER(…,4) has 6 fraction digits, so the quotient has 12.
    let expected = divide_rounded(promo * 100 * 10_i128.pow(12), all);
    assert_eq!(answer(QUERIES[13].0), [[exact(expected, 12)]]);
}

#[test]
fn query_18_agrees_with_grouping_in_rust() {
    let mut quantities: BTreeMap<i64, i64> = BTreeMap::new();
    for row in rows(TableId::LineItem) {
        *quantities.entry(row[0].number()).or_default() += row[4].number();
    }
    let mut expected: Vec<(i64, i64, i64, i64)> = rows(TableId::Orders)
        .iter()
        .map(|row| {
            (
                -row[3].number(),
                row[4].number(),
                row[0].number(),
                quantities[&row[0].number()],
            )
        })
        .filter(|order| order.3 > 27_000)
        .collect();
    expected.sort_unstable();
    let expected: Vec<Vec<String>> = expected
        .into_iter()
        .map(|(price, _, key, quantity)| vec![key.to_string(), to_text(-price, 2), to_text(quantity, 2)])
        .collect();
    let found: Vec<Vec<String>> = answer(QUERIES[17].0)
        .into_iter()
        .map(|row| vec![row[2].clone(), row[4].clone(), row[5].clone()])
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn query_22_agrees_with_an_anti_join_in_rust() {
    let codes = ["13", "31", "23", "29", "30", "18", "17"];
    let customers = rows(TableId::Customer);
    let of_codes: Vec<&Vec<Datum>> = customers
        .iter()
        .filter(|row| codes.contains(&&row[4].text()[..2]))
        .collect();
    let positive: Vec<i128> = of_codes
        .iter()
        .map(|row| i128::from(row[5].number()))
        .filter(|balance| *balance > 0)
        .collect();
    let count = i128::try_from(positive.len()).unwrap();
    // In hundred-millionths, as the query compares.
    let average = divide_rounded(positive.iter().sum::<i128>() * 1_000_000, count);
    let buyers: std::collections::BTreeSet<i64> =
        rows(TableId::Orders).iter().map(|row| row[1].number()).collect();
    let mut expected: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for row in of_codes {
        if i128::from(row[5].number()) * 1_000_000 > average && !buyers.contains(&row[0].number()) {
            let group = expected.entry(row[4].text()[..2].to_owned()).or_default();
            *group = (group.0 + 1, group.1 + row[5].number());
        }
    }
    let expected: Vec<Vec<String>> = expected
        .into_iter()
        .map(|(code, (count, sum))| vec![code, count.to_string(), to_text(sum, 2)])
        .collect();
    assert_eq!(answer(QUERIES[21].0), expected);
}

#[test]
fn all_22_queries_run_and_find_their_rows() {
    let demo = demo();
    for (number, (text, rows)) in (1..).zip(QUERIES) {
        let result =
            run(&demo, text).unwrap_or_else(|error| panic!("query {number}: {error} {:?}", error.detail));
        assert_eq!(result.returned(), *rows, "query {number}");
        assert_eq!(result.total, Some(*rows), "query {number}");
        assert!(
            result
                .columns
                .iter()
                .all(|column| column.name == column.name.to_uppercase())
        );
    }
}

#[test]
fn the_views_agree_with_the_tables() {
    let demo = demo();
    let number = |text: &str| cells(&run(&demo, text).unwrap())[0][0].clone();
    let total: i64 = rows(TableId::Orders).iter().map(|row| row[3].number()).sum();
    assert_eq!(
        number("select sum(total_price) from analytics.monthly_orders"),
        to_text(total, 2)
    );
    assert_eq!(
        number("select sum(orders) from analytics.monthly_orders"),
        "15000"
    );
    assert_eq!(
        number("select sum(orders) from analytics.revenue_by_nation"),
        "15000"
    );
    assert_eq!(number("select count(*) from analytics.top_customers"), "100");
    let best = number("select total_spent from analytics.top_customers where spending_rank = 1");
    let mut spent: BTreeMap<i64, i64> = BTreeMap::new();
    for row in rows(TableId::Orders) {
        *spent.entry(row[1].number()).or_default() += row[3].number();
    }
    assert_eq!(best, to_text(spent.into_values().max().unwrap(), 2));
}

/// The queries with the rows they find.
const QUERIES: &[(&str, u64)] = &[
    (
        "select l_returnflag, l_linestatus, sum(l_quantity) as sum_qty, sum(l_extendedprice) as sum_base_price,
 sum(l_extendedprice * (1-l_discount)) as sum_disc_price,
 sum(l_extendedprice * (1-l_discount) * (1+l_tax)) as sum_charge,
 avg(l_quantity) as avg_qty, avg(l_extendedprice) as avg_price, avg(l_discount) as avg_disc, count(*) as count_order
from lineitem where l_shipdate <= dateadd(day, -90, to_date('1998-12-01'))
group by l_returnflag, l_linestatus order by l_returnflag, l_linestatus",
        4,
    ),
    (
        "select s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
from part, supplier, partsupp, nation, region
where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size = 15 and p_type like '%BRASS'
 and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE'
 and ps_supplycost = (select min(ps_supplycost) from partsupp, supplier, nation, region
   where p_partkey = ps_partkey and s_suppkey = ps_suppkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE')
order by s_acctbal desc, n_name, s_name, p_partkey limit 100",
        8,
    ),
    (
        "select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_shippriority
from customer, orders, lineitem
where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey
 and o_orderdate < '1995-03-15'::date and l_shipdate > '1995-03-15'::date
group by l_orderkey, o_orderdate, o_shippriority order by revenue desc, o_orderdate limit 10",
        10,
    ),
    (
        "select o_orderpriority, count(*) as order_count from orders
where o_orderdate >= '1993-07-01'::date and o_orderdate < dateadd(month, 3, '1993-07-01'::date)
 and exists (select * from lineitem where l_orderkey = o_orderkey and l_commitdate < l_receiptdate)
group by o_orderpriority order by o_orderpriority",
        5,
    ),
    (
        "select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue
from customer, orders, lineitem, supplier, nation, region
where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey and c_nationkey = s_nationkey
 and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'ASIA'
 and o_orderdate >= '1994-01-01' and o_orderdate < dateadd(year, 1, '1994-01-01'::date)
group by n_name order by revenue desc",
        5,
    ),
    (
        "select sum(l_extendedprice * l_discount) as revenue from lineitem
where l_shipdate >= '1994-01-01'::date and l_shipdate < dateadd(year, 1, to_date('1994-01-01'))
 and l_discount between 0.06 - 0.01 and 0.06 + 0.01 and l_quantity < 24",
        1,
    ),
    (
        "select supp_nation, cust_nation, l_year, sum(volume) as revenue from (
 select n1.n_name as supp_nation, n2.n_name as cust_nation, extract(year from l_shipdate) as l_year, l_extendedprice * (1 - l_discount) as volume
 from supplier, lineitem, orders, customer, nation n1, nation n2
 where s_suppkey = l_suppkey and o_orderkey = l_orderkey and c_custkey = o_custkey and s_nationkey = n1.n_nationkey and c_nationkey = n2.n_nationkey
  and ((n1.n_name = 'FRANCE' and n2.n_name = 'GERMANY') or (n1.n_name = 'GERMANY' and n2.n_name = 'FRANCE'))
  and l_shipdate between date '1995-01-01' and date '1996-12-31') as shipping
group by supp_nation, cust_nation, l_year order by supp_nation, cust_nation, l_year",
        4,
    ),
    (
        "select o_year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) as mkt_share from (
 select extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) as volume, n2.n_name as nation
 from part, supplier, lineitem, orders, customer, nation n1, nation n2, region
 where p_partkey = l_partkey and s_suppkey = l_suppkey and l_orderkey = o_orderkey and o_custkey = c_custkey
  and c_nationkey = n1.n_nationkey and n1.n_regionkey = r_regionkey and r_name = 'AMERICA' and s_nationkey = n2.n_nationkey
  and o_orderdate between date '1995-01-01' and date '1996-12-31' and p_type = 'ECONOMY ANODIZED STEEL') as all_nations
group by o_year order by o_year",
        2,
    ),
    (
        "select nation, o_year, sum(amount) as sum_profit from (
 select n_name as nation, extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity as amount
 from part, supplier, lineitem, partsupp, orders, nation
 where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and ps_partkey = l_partkey and p_partkey = l_partkey and o_orderkey = l_orderkey
  and s_nationkey = n_nationkey and p_name like '%green%') as profit
group by nation, o_year order by nation, o_year desc",
        175,
    ),
    (
        "select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name, c_address, c_phone, c_comment
from customer, orders, lineitem, nation
where c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate >= '1993-10-01'::date and o_orderdate < dateadd(month, 3, '1993-10-01'::date)
 and l_returnflag = 'R' and c_nationkey = n_nationkey
group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment order by revenue desc limit 20",
        20,
    ),
    (
        "select ps_partkey, sum(ps_supplycost * ps_availqty) as value from partsupp, supplier, nation
where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY'
group by ps_partkey having sum(ps_supplycost * ps_availqty) > (
 select sum(ps_supplycost * ps_availqty) * 0.0100000000 from partsupp, supplier, nation
 where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY')
order by value desc",
        41,
    ),
    (
        "select l_shipmode, sum(case when o_orderpriority = '1-URGENT' or o_orderpriority = '2-HIGH' then 1 else 0 end) as high_line_count,
 sum(case when o_orderpriority <> '1-URGENT' and o_orderpriority <> '2-HIGH' then 1 else 0 end) as low_line_count
from orders, lineitem where o_orderkey = l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate
 and l_shipdate < l_commitdate and l_receiptdate >= '1994-01-01'::date and l_receiptdate < dateadd(year, 1, '1994-01-01'::date)
group by l_shipmode order by l_shipmode",
        2,
    ),
    (
        "select c_count, count(*) as custdist from (
 select c_custkey, count(o_orderkey) from customer left outer join orders on c_custkey = o_custkey and o_comment not like '%special%requests%'
 group by c_custkey) as c_orders (c_custkey, c_count)
group by c_count order by custdist desc, c_count desc",
        26,
    ),
    (
        "select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end) / sum(l_extendedprice * (1 - l_discount)) as promo_revenue
from lineitem, part where l_partkey = p_partkey and l_shipdate >= '1995-09-01'::date and l_shipdate < dateadd(month, 1, '1995-09-01'::date)",
        1,
    ),
    (
        "with revenue as (select l_suppkey as supplier_no, sum(l_extendedprice * (1 - l_discount)) as total_revenue from lineitem
 where l_shipdate >= '1996-01-01'::date and l_shipdate < dateadd(month, 3, '1996-01-01'::date) group by l_suppkey)
select s_suppkey, s_name, s_address, s_phone, total_revenue from supplier, revenue
where s_suppkey = supplier_no and total_revenue = (select max(total_revenue) from revenue) order by s_suppkey",
        1,
    ),
    (
        "select p_brand, p_type, p_size, count(distinct ps_suppkey) as supplier_cnt from partsupp, part
where p_partkey = ps_partkey and p_brand <> 'Brand#45' and p_type not like 'MEDIUM POLISHED%' and p_size in (49, 14, 23, 45, 19, 3, 36, 9)
 and ps_suppkey not in (select s_suppkey from supplier where s_comment like '%Customer%Complaints%')
group by p_brand, p_type, p_size order by supplier_cnt desc, p_brand, p_type, p_size",
        320,
    ),
    (
        "select sum(l_extendedprice) / 7.0 as avg_yearly from lineitem, part
where p_partkey = l_partkey and p_brand = 'Brand#23'
 and l_quantity < (select 0.2 * avg(l_quantity) from lineitem where l_partkey = p_partkey)",
        1,
    ),
    (
        "select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) from customer, orders, lineitem
where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 270)
 and c_custkey = o_custkey and o_orderkey = l_orderkey
group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice order by o_totalprice desc, o_orderdate limit 100",
        13,
    ),
    (
        "select sum(l_extendedprice* (1 - l_discount)) as revenue from lineitem, part
where (p_partkey = l_partkey and p_brand = 'Brand#12' and p_container in ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG') and l_quantity >= 1 and l_quantity <= 1 + 10 and p_size between 1 and 5 and l_shipmode in ('AIR', 'REG AIR') and l_shipinstruct = 'DELIVER IN PERSON')
 or (p_partkey = l_partkey and p_brand = 'Brand#23' and p_container in ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK') and l_quantity >= 10 and l_quantity <= 10 + 10 and p_size between 1 and 10 and l_shipmode in ('AIR', 'REG AIR') and l_shipinstruct = 'DELIVER IN PERSON')
 or (p_partkey = l_partkey and p_brand = 'Brand#34' and p_container in ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG') and l_quantity >= 20 and l_quantity <= 20 + 10 and p_size between 1 and 15 and l_shipmode in ('AIR', 'REG AIR') and l_shipinstruct = 'DELIVER IN PERSON')",
        1,
    ),
    (
        "select s_name, s_address from supplier, nation where s_suppkey in (
 select ps_suppkey from partsupp where ps_partkey in (select p_partkey from part where p_name like 'forest%')
  and ps_availqty > (select 0.5 * sum(l_quantity) from lineitem where l_partkey = ps_partkey and l_suppkey = ps_suppkey and l_shipdate >= to_date('1994-01-01') and l_shipdate < dateadd(year, 1, to_date('1994-01-01'))))
 and s_nationkey = n_nationkey and n_name = 'CANADA' order by s_name",
        6,
    ),
    (
        "select s_name, count(*) as numwait from supplier, lineitem l1, orders, nation
where s_suppkey = l1.l_suppkey and o_orderkey = l1.l_orderkey and o_orderstatus = 'F' and l1.l_receiptdate > l1.l_commitdate
 and exists (select * from lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <> l1.l_suppkey)
 and not exists (select * from lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_suppkey <> l1.l_suppkey and l3.l_receiptdate > l3.l_commitdate)
 and s_nationkey = n_nationkey and n_name = 'SAUDI ARABIA'
group by s_name order by numwait desc, s_name limit 100",
        8,
    ),
    (
        "select cntrycode, count(*) as numcust, sum(c_acctbal) as totacctbal from (
 select substring(c_phone from 1 for 2) as cntrycode, c_acctbal from customer
 where substring(c_phone from 1 for 2) in ('13', '31', '23', '29', '30', '18', '17')
  and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0.00 and substring(c_phone from 1 for 2) in ('13', '31', '23', '29', '30', '18', '17'))
  and not exists (select * from orders where o_custkey = c_custkey)) as custsale
group by cntrycode order by cntrycode",
        7,
    ),
];
