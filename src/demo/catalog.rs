//! What the embedded account holds: one table of databases, schemas, tables, views and columns, from which CREATE
//! TABLE, SHOW, DESCRIBE, GET_DDL and INFORMATION_SCHEMA are all made.
//!
//! Names and types of `TPCH_SF1` are those of the sample database that every Snowflake account has, so a query
//! written here runs there. The row counts are small. Knows no SQLite and makes no data (see [`super::data`]).

use super::datatype::Type;

/// A database.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) name: &'static str,
    pub(super) comment: &'static str,
    pub(super) schemas: &'static [Schema],
}

/// A schema.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) name: &'static str,
    pub(super) comment: &'static str,
    pub(super) tables: &'static [Table],
    pub(super) views: &'static [View],
}

/// A table with rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) id: TableId,
    pub(super) name: &'static str,
    pub(super) comment: &'static str,
    /// Rows that [`super::data`] makes, exactly: SHOW TABLES says them without making them.
    pub(super) rows: u64,
    pub(super) columns: &'static [Column],
    /// SQLite's indexes: the join columns of TPC-H. A column named `=X` is the INTEGER PRIMARY KEY.
    pub(super) keys: &'static [&'static str],
}

/// A column of a table.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    pub(super) nullable: bool,
    pub(super) comment: &'static str,
}

/// A view. Its columns are what the translator finds in its text.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) comment: &'static str,
    /// The query behind AS.
    pub(super) query: &'static str,
}

/// A table, as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TableId {
    Region,
    Nation,
    Supplier,
    Customer,
    Part,
    PartSupp,
    Orders,
    LineItem,
}

impl TableId {
    /// The table's name in SQLite, which is also the name of the in-memory database that holds it alone.
    pub(super) const fn storage(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Nation => "nation",
            Self::Supplier => "supplier",
            Self::Customer => "customer",
            Self::Part => "part",
            Self::PartSupp => "partsupp",
            Self::Orders => "orders",
            Self::LineItem => "lineitem",
        }
    }

    /// Its entry in the catalogue.
    pub(super) fn table(self) -> &'static Table {
        TABLES
            .iter()
            .find(|table| table.id == self)
            .expect("every id has a table, as a test checks")
    }
}

/// The account.
pub(super) const DATABASES: &[Database] = &[Database {
    name: DATABASE_DEFAULT,
    comment: "TPC-H sample data, made by the embedded engine",
    schemas: &[
        Schema {
            name: "ANALYTICS",
            comment: "Views over the TPC-H tables",
            tables: &[],
            views: VIEWS,
        },
        Schema {
            name: SCHEMA_DEFAULT,
            comment: "TPC-H, 1/100 of scale factor 1",
            tables: TABLES,
            views: &[],
        },
    ],
}];

/// Where a statement runs that names no database.
pub(super) const DATABASE_DEFAULT: &str = "SNOWFLAKE_SAMPLE_DATA";

/// Where a statement runs that names no schema.
pub(super) const SCHEMA_DEFAULT: &str = "TPCH_SF1";

/// The schema of views about the database itself, which every database has.
pub(super) const INFORMATION_SCHEMA: &str = "INFORMATION_SCHEMA";

/// When everything was made, in microseconds since 1970: 2026-01-01T00:00:00Z.
pub(super) const CREATED_MICROS: i64 = 1_767_225_600_000_000;

/// Who owns everything and whom CURRENT_ROLE() names.
pub(super) const ROLE_DEFAULT: &str = "PUBLIC";

/// The database called `name`, exactly.
pub(super) fn database(name: &str) -> Option<&'static Database> {
    DATABASES.iter().find(|database| database.name == name)
}

impl Database {
    /// The schema called `name`, exactly. INFORMATION_SCHEMA is none of them: it has no rows of its own.
    pub(super) fn schema(&self, name: &str) -> Option<&'static Schema> {
        self.schemas.iter().find(|schema| schema.name == name)
    }
}

impl Schema {
    /// The table called `name`, exactly.
    pub(super) fn table(&self, name: &str) -> Option<&'static Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The view called `name`, exactly.
    pub(super) fn view(&self, name: &str) -> Option<&'static View> {
        self.views.iter().find(|view| view.name == name)
    }
}

impl Table {
    /// Bytes that SHOW TABLES says: rows times the widths of the columns, because no micro-partitions exist here.
    pub(super) fn bytes(&self) -> u64 {
        let width: u64 = self
            .columns
            .iter()
            .map(|column| match column.kind {
                Type::Text { length } => u64::from(length.min(32)),
                _ => 8,
            })
            .sum();
        self.rows * width
    }
}

const KEY: Type = Type::INTEGER;
const MONEY: Type = Type::Number {
    precision: 12,
    scale: 2,
};

const fn text(length: u32) -> Type {
    Type::Text { length }
}

const fn column(name: &'static str, kind: Type, comment: &'static str) -> Column {
    Column {
        name,
        kind,
        nullable: false,
        comment,
    }
}

/// A column that may be NULL. None is in the data, as in TPC-H; the sample database declares it so.
const fn optional(name: &'static str, kind: Type) -> Column {
    Column {
        name,
        kind,
        nullable: true,
        comment: "",
    }
}

const TABLES: &[Table] = &[
    Table {
        id: TableId::Customer,
        name: "CUSTOMER",
        comment: "Customers as defined by TPC-H",
        rows: 1_500,
        columns: &[
            column("C_CUSTKEY", KEY, "Primary key"),
            column("C_NAME", text(25), ""),
            column("C_ADDRESS", text(40), ""),
            column("C_NATIONKEY", KEY, "Foreign key to N_NATIONKEY"),
            column("C_PHONE", text(15), ""),
            column("C_ACCTBAL", MONEY, "Account balance"),
            optional("C_MKTSEGMENT", text(10)),
            optional("C_COMMENT", text(117)),
        ],
        keys: &["=C_CUSTKEY"],
    },
    Table {
        id: TableId::LineItem,
        name: "LINEITEM",
        comment: "Line items of orders as defined by TPC-H",
        rows: 59_520,
        columns: &[
            column("L_ORDERKEY", KEY, "Foreign key to O_ORDERKEY"),
            column(
                "L_PARTKEY",
                KEY,
                "Foreign key to P_PARTKEY; with L_SUPPKEY to PARTSUPP",
            ),
            column("L_SUPPKEY", KEY, "Foreign key to S_SUPPKEY"),
            column("L_LINENUMBER", KEY, "Primary key together with L_ORDERKEY"),
            column("L_QUANTITY", MONEY, ""),
            column("L_EXTENDEDPRICE", MONEY, "Price before discount and tax"),
            column("L_DISCOUNT", MONEY, "0.00 to 0.10"),
            column("L_TAX", MONEY, "0.00 to 0.08"),
            column("L_RETURNFLAG", text(1), "R, A or N"),
            column("L_LINESTATUS", text(1), "O or F"),
            column("L_SHIPDATE", Type::Date, ""),
            column("L_COMMITDATE", Type::Date, ""),
            column("L_RECEIPTDATE", Type::Date, ""),
            column("L_SHIPINSTRUCT", text(25), ""),
            column("L_SHIPMODE", text(10), ""),
            column("L_COMMENT", text(44), ""),
        ],
        keys: &["L_ORDERKEY", "L_PARTKEY, L_SUPPKEY"],
    },
    Table {
        id: TableId::Nation,
        name: "NATION",
        comment: "Nations as defined by TPC-H",
        rows: 25,
        columns: &[
            column("N_NATIONKEY", KEY, "Primary key"),
            column("N_NAME", text(25), ""),
            column("N_REGIONKEY", KEY, "Foreign key to R_REGIONKEY"),
            optional("N_COMMENT", text(152)),
        ],
        keys: &["=N_NATIONKEY"],
    },
    Table {
        id: TableId::Orders,
        name: "ORDERS",
        comment: "Orders as defined by TPC-H",
        rows: 15_000,
        columns: &[
            column("O_ORDERKEY", KEY, "Primary key"),
            column("O_CUSTKEY", KEY, "Foreign key to C_CUSTKEY"),
            column("O_ORDERSTATUS", text(1), "F (fulfilled), O (open) or P (partly)"),
            column(
                "O_TOTALPRICE",
                MONEY,
                "Sum over the line items, with discount and tax",
            ),
            column("O_ORDERDATE", Type::Date, "1992-01-01 to 1998-08-02"),
            column("O_ORDERPRIORITY", text(15), ""),
            column("O_CLERK", text(15), ""),
            column("O_SHIPPRIORITY", KEY, ""),
            column("O_COMMENT", text(79), ""),
        ],
        keys: &["=O_ORDERKEY", "O_CUSTKEY"],
    },
    Table {
        id: TableId::Part,
        name: "PART",
        comment: "Parts as defined by TPC-H",
        rows: 2_000,
        columns: &[
            column("P_PARTKEY", KEY, "Primary key"),
            column("P_NAME", text(55), "Five colours"),
            column("P_MFGR", text(25), ""),
            column("P_BRAND", text(10), ""),
            column("P_TYPE", text(25), ""),
            column("P_SIZE", KEY, "1 to 50"),
            column("P_CONTAINER", text(10), ""),
            column("P_RETAILPRICE", MONEY, ""),
            optional("P_COMMENT", text(23)),
        ],
        keys: &["=P_PARTKEY"],
    },
    Table {
        id: TableId::PartSupp,
        name: "PARTSUPP",
        comment: "Which supplier has which part, as defined by TPC-H",
        rows: 8_000,
        columns: &[
            column("PS_PARTKEY", KEY, "Foreign key to P_PARTKEY"),
            column("PS_SUPPKEY", KEY, "Foreign key to S_SUPPKEY"),
            column("PS_AVAILQTY", KEY, ""),
            column("PS_SUPPLYCOST", MONEY, ""),
            optional("PS_COMMENT", text(199)),
        ],
        keys: &["PS_PARTKEY, PS_SUPPKEY", "PS_SUPPKEY"],
    },
    Table {
        id: TableId::Region,
        name: "REGION",
        comment: "Regions as defined by TPC-H",
        rows: 5,
        columns: &[
            column("R_REGIONKEY", KEY, "Primary key"),
            column("R_NAME", text(25), ""),
            optional("R_COMMENT", text(152)),
        ],
        keys: &["=R_REGIONKEY"],
    },
    Table {
        id: TableId::Supplier,
        name: "SUPPLIER",
        comment: "Suppliers as defined by TPC-H",
        rows: 100,
        columns: &[
            column("S_SUPPKEY", KEY, "Primary key"),
            column("S_NAME", text(25), ""),
            column("S_ADDRESS", text(40), ""),
            column("S_NATIONKEY", KEY, "Foreign key to N_NATIONKEY"),
            column("S_PHONE", text(15), ""),
            column("S_ACCTBAL", MONEY, "Account balance"),
            optional("S_COMMENT", text(101)),
        ],
        keys: &["=S_SUPPKEY"],
    },
];

const VIEWS: &[View] = &[
    View {
        name: "MONTHLY_ORDERS",
        comment: "Orders, customers and value by month of the order",
        query: "select date_trunc('month', o_orderdate) as order_month,
       count(*) as orders,
       count(distinct o_custkey) as customers,
       sum(o_totalprice) as total_price,
       round(avg(o_totalprice), 2) as average_price
from SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.ORDERS
group by order_month",
    },
    View {
        name: "REVENUE_BY_NATION",
        comment: "Revenue after discount by nation of the customer and year of the order",
        query: "select r_name as region,
       n_name as nation,
       year(o_orderdate) as order_year,
       count(distinct o_orderkey) as orders,
       round(sum(l_extendedprice * (1 - l_discount)), 2) as revenue
from SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.LINEITEM
join SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.ORDERS on o_orderkey = l_orderkey
join SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.CUSTOMER on c_custkey = o_custkey
join SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.NATION on n_nationkey = c_nationkey
join SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.REGION on r_regionkey = n_regionkey
group by region, nation, order_year",
    },
    View {
        name: "TOP_CUSTOMERS",
        comment: "The hundred customers who ordered for most",
        query: "select c_custkey as customer_key,
       c_name as customer_name,
       n_name as nation,
       c_mktsegment as market_segment,
       count(*) as orders,
       sum(o_totalprice) as total_spent,
       max(o_orderdate) as last_order,
       rank() over (order by sum(o_totalprice) desc) as spending_rank
from SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.CUSTOMER
join SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.ORDERS on o_custkey = c_custkey
join SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.NATION on n_nationkey = c_nationkey
group by c_custkey, c_name, n_name, c_mktsegment
qualify spending_rank <= 100",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_its_table_and_names_are_sorted_as_show_lists_them() {
        for table in TABLES {
            assert_eq!(table.id.table().name, table.name);
            assert_eq!(table.id.storage().to_uppercase(), table.name);
        }
        assert!(TABLES.is_sorted_by_key(|table| table.name));
        assert!(VIEWS.is_sorted_by_key(|view| view.name));
    }

    #[test]
    fn keys_name_columns_of_their_table() {
        for table in TABLES {
            for name in table
                .keys
                .iter()
                .flat_map(|key| key.trim_start_matches('=').split(", "))
            {
                assert!(table.columns.iter().any(|column| column.name == name), "{name}");
            }
        }
    }
}
