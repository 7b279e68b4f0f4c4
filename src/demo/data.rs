//! The rows of the TPC-H tables: made, not stored, and the same in every run.
//!
//! Each row is a function of its number alone (a SplitMix64 seeded with table and row), so tables are made in any
//! order and LINEITEM agrees with ORDERS without reading it. The rules are TPC-H's (keys, price formula, dates, flags,
//! who orders at all), the words are our own. Knows no SQL and no database.

use super::calendar::Civil;
use super::catalog::TableId;
use crate::entropy::SeededEntropy;

/// A cell on its way into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    /// A key, a scaled number or a day.
    Integer(i64),
    Text(&'a str),
}

/// Calls `sink` with each row of the table, in key order.
///
/// # Errors
/// The first error of `sink`, which ends the making.
pub(super) fn make<E>(table: TableId, sink: &mut dyn FnMut(&[Cell<'_>]) -> Result<(), E>) -> Result<(), E> {
    match table {
        TableId::Region => regions(sink),
        TableId::Nation => nations(sink),
        TableId::Supplier => (1..=SUPPLIERS).try_for_each(|key| supplier(key, sink)),
        TableId::Customer => (1..=CUSTOMERS).try_for_each(|key| customer(key, sink)),
        TableId::Part => (1..=PARTS).try_for_each(|key| part(key, sink)),
        TableId::PartSupp => (1..=PARTS).try_for_each(|key| part_suppliers(key, sink)),
        TableId::Orders => (0..ORDERS).try_for_each(|index| Order::new(index).row(sink)),
        TableId::LineItem => (0..ORDERS).try_for_each(|index| Order::new(index).line_rows(sink)),
    }
}

type Sink<'s, E> = dyn FnMut(&[Cell<'_>]) -> Result<(), E> + 's;

const SUPPLIERS: i64 = 100;
const CUSTOMERS: i64 = 1_500;
const PARTS: i64 = 2_000;
const ORDERS: i64 = 15_000;

/// Random values of one row.
struct Draw(SeededEntropy);

impl Draw {
    fn new(table: TableId, row: i64) -> Self {
        // Rows of all tables get seeds of their own: the table in the high bits, the row in the low ones.
        Self(SeededEntropy::new(
            ((table as u64) << 48) ^ row.unsigned_abs() ^ 0x5eed_0000_0000,
        ))
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (high - low + 1).unsigned_abs();
        low + i64::try_from(self.0.below(span)).unwrap_or_default()
    }

    fn one_of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[usize::try_from(self.0.below(words.len() as u64)).unwrap_or_default()]
    }

    /// A sentence of at most `length` characters.
    fn comment(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        for pool in [
            &ADVERBS,
            &ADJECTIVES,
            &NOUNS,
            &VERBS,
            &ADVERBS,
            &NOUNS,
            &VERBS,
            &ADJECTIVES,
            &NOUNS,
        ] {
            let word = self.one_of(pool);
            if text.len() + word.len() + 1 > length {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    fn address(&mut self) -> String {
        format!("{} {} Street", self.between(1, 999), self.one_of(&COLOURS))
    }

    /// TPC-H: the country code is the nation's key plus 10.
    fn phone(&mut self, nation: i64) -> String {
        let (area, exchange, line) = (
            self.between(100, 999),
            self.between(100, 999),
            self.between(1_000, 9_999),
        );
        format!("{}-{area}-{exchange}-{line}", nation + 10)
    }
}

fn regions<E>(sink: &mut Sink<'_, E>) -> Result<(), E> {
    for (key, name) in (0..).zip(REGIONS) {
        let comment = Draw::new(TableId::Region, key).comment(80);
        sink(&[Cell::Integer(key), Cell::Text(name), Cell::Text(&comment)])?;
    }
    Ok(())
}

fn nations<E>(sink: &mut Sink<'_, E>) -> Result<(), E> {
    for (key, (name, region)) in (0..).zip(NATIONS) {
        let comment = Draw::new(TableId::Nation, key).comment(80);
        sink(&[
            Cell::Integer(key),
            Cell::Text(name),
            Cell::Integer(region),
            Cell::Text(&comment),
        ])?;
    }
    Ok(())
}

fn supplier<E>(key: i64, sink: &mut Sink<'_, E>) -> Result<(), E> {
    let mut draw = Draw::new(TableId::Supplier, key);
    let nation = draw.between(0, 24);
    let mut comment = draw.comment(60);
    // TPC-H puts these words into a few comments; its query 16 looks for them.
    match key % 20 {
        7 => comment.push_str(" Customer even Complaints"),
        13 => comment.push_str(" Customer more Recommends"),
        _ => {}
    }
    sink(&[
        Cell::Integer(key),
        Cell::Text(&format!("Supplier#{key:09}")),
        Cell::Text(&draw.address()),
        Cell::Integer(nation),
        Cell::Text(&draw.phone(nation)),
        Cell::Integer(draw.between(-99_999, 999_999)),
        Cell::Text(&comment),
    ])
}

fn customer<E>(key: i64, sink: &mut Sink<'_, E>) -> Result<(), E> {
    let mut draw = Draw::new(TableId::Customer, key);
    let nation = draw.between(0, 24);
    sink(&[
        Cell::Integer(key),
        Cell::Text(&format!("Customer#{key:09}")),
        Cell::Text(&draw.address()),
        Cell::Integer(nation),
        Cell::Text(&draw.phone(nation)),
        Cell::Integer(draw.between(-99_999, 999_999)),
        Cell::Text(draw.one_of(&SEGMENTS)),
        Cell::Text(&draw.comment(100)),
    ])
}

fn part<E>(key: i64, sink: &mut Sink<'_, E>) -> Result<(), E> {
    let mut draw = Draw::new(TableId::Part, key);
    let mut name = draw.one_of(&COLOURS).to_owned();
    for _ in 0..4 {
        name.push(' ');
        name.push_str(draw.one_of(&COLOURS));
    }
    let maker = draw.between(1, 5);
    let brand = draw.between(1, 5);
    let kind = [
        draw.one_of(&SYLLABLES_1),
        draw.one_of(&SYLLABLES_2),
        draw.one_of(&METALS),
    ]
    .join(" ");
    let container = [draw.one_of(&SIZES), draw.one_of(&BOXES)].join(" ");
    sink(&[
        Cell::Integer(key),
        Cell::Text(&name),
        Cell::Text(&format!("Manufacturer#{maker}")),
        Cell::Text(&format!("Brand#{maker}{brand}")),
        Cell::Text(&kind),
        Cell::Integer(draw.between(1, 50)),
        Cell::Text(&container),
        Cell::Integer(retail_price(key)),
        Cell::Text(&draw.comment(23)),
    ])
}

/// In cents; TPC-H's formula.
fn retail_price(part: i64) -> i64 {
    90_000 + (part / 10) % 20_001 + 100 * (part % 1_000)
}

/// The `index`-th (0 to 3) supplier of a part; TPC-H's formula, which spreads a part over four suppliers.
fn supplier_of(part: i64, index: i64) -> i64 {
    (part + index * (SUPPLIERS / 4 + (part - 1) / SUPPLIERS)) % SUPPLIERS + 1
}

fn part_suppliers<E>(part: i64, sink: &mut Sink<'_, E>) -> Result<(), E> {
    let mut draw = Draw::new(TableId::PartSupp, part);
    let mut suppliers: Vec<i64> = (0..4).map(|index| supplier_of(part, index)).collect();
    suppliers.sort_unstable();
    for supplier in suppliers {
        sink(&[
            Cell::Integer(part),
            Cell::Integer(supplier),
            Cell::Integer(draw.between(1, 9_999)),
            Cell::Integer(draw.between(100, 100_000)),
            Cell::Text(&draw.comment(120)),
        ])?;
    }
    Ok(())
}

/// An order with its line items.
struct Order {
    key: i64,
    customer: i64,
    day: i64,
    lines: Vec<Line>,
    draw: Draw,
}

struct Line {
    part: i64,
    supplier: i64,
    /// Whole pieces.
    quantity: i64,
    /// In cents.
    price: i64,
    /// In hundredths.
    discount: i64,
    /// In hundredths.
    tax: i64,
    shipped: i64,
    committed: i64,
    received: i64,
}

impl Order {
    fn new(index: i64) -> Self {
        let mut draw = Draw::new(TableId::Orders, index);
        // TPC-H: a third of the customers never order, and of 32 keys 8 are used.
        let customer = draw.between(0, CUSTOMERS / 3 - 1) * 3 + draw.between(1, 2);
        let day = draw.between(day(1992, 1, 1), day(1998, 8, 2));
        let count = draw.between(1, 7);
        let lines = (0..count).map(|_| Line::new(day, &mut draw)).collect();
        Self {
            key: index / 8 * 32 + index % 8 + 1,
            customer,
            day,
            lines,
            draw,
        }
    }

    fn row<E>(mut self, sink: &mut Sink<'_, E>) -> Result<(), E> {
        let open = self.lines.iter().filter(|line| line.is_open()).count();
        let status = match open {
            0 => "F",
            count if count == self.lines.len() => "O",
            _ => "P",
        };
        let total: i64 = self.lines.iter().map(Line::charge).sum();
        sink(&[
            Cell::Integer(self.key),
            Cell::Integer(self.customer),
            Cell::Text(status),
            Cell::Integer(total),
            Cell::Integer(self.day),
            Cell::Text(self.draw.one_of(&PRIORITIES)),
            Cell::Text(&format!("Clerk#{:09}", self.draw.between(1, 10))),
            Cell::Integer(0),
            Cell::Text(&self.comment()),
        ])
    }

    /// One order in fifty asks for something special; TPC-H's query 13 leaves those out.
    fn comment(&mut self) -> String {
        if self.draw.between(1, 50) == 1 {
            format!("special {} requests", self.draw.one_of(&ADJECTIVES))
        } else {
            self.draw.comment(70)
        }
    }

    fn line_rows<E>(mut self, sink: &mut Sink<'_, E>) -> Result<(), E> {
        for (number, line) in (1..).zip(&self.lines) {
            let returned = if line.received > day(1995, 6, 17) {
                "N"
            } else {
                self.draw.one_of(&["R", "A"])
            };
            sink(&[
                Cell::Integer(self.key),
                Cell::Integer(line.part),
                Cell::Integer(line.supplier),
                Cell::Integer(number),
                Cell::Integer(line.quantity * 100),
                Cell::Integer(line.price),
                Cell::Integer(line.discount),
                Cell::Integer(line.tax),
                Cell::Text(returned),
                Cell::Text(if line.is_open() { "O" } else { "F" }),
                Cell::Integer(line.shipped),
                Cell::Integer(line.committed),
                Cell::Integer(line.received),
                Cell::Text(self.draw.one_of(&INSTRUCTIONS)),
                Cell::Text(self.draw.one_of(&MODES)),
                Cell::Text(&self.draw.comment(40)),
            ])?;
        }
        Ok(())
    }
}

impl Line {
    fn new(ordered: i64, draw: &mut Draw) -> Self {
        let part = draw.between(1, PARTS);
        let supplier = supplier_of(part, draw.between(0, 3));
        let quantity = draw.between(1, 50);
        let shipped = ordered + draw.between(1, 121);
        Self {
            part,
            supplier,
            quantity,
            price: quantity * retail_price(part),
            discount: draw.between(0, 10),
            tax: draw.between(0, 8),
            shipped,
            committed: ordered + draw.between(30, 90),
            received: shipped + draw.between(1, 30),
        }
    }

    /// TPC-H's "current date" is 1995-06-17.
    fn is_open(&self) -> bool {
        self.shipped > day(1995, 6, 17)
    }

    /// Price with discount and tax, in cents, rounded half up (nothing here is negative).
    fn charge(&self) -> i64 {
        (self.price * (100 - self.discount) * (100 + self.tax) + 5_000) / 10_000
    }
}

fn day(year: i64, month: i64, day: i64) -> i64 {
    Civil { year, month, day }.to_days()
}

const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];

/// Nations with the key of their region, in TPC-H's order.
const NATIONS: [(&str, i64); 25] = [
    ("ALGERIA", 0),
    ("ARGENTINA", 1),
    ("BRAZIL", 1),
    ("CANADA", 1),
    ("EGYPT", 4),
    ("ETHIOPIA", 0),
    ("FRANCE", 3),
    ("GERMANY", 3),
    ("INDIA", 2),
    ("INDONESIA", 2),
    ("IRAN", 4),
    ("IRAQ", 4),
    ("JAPAN", 2),
    ("JORDAN", 4),
    ("KENYA", 0),
    ("MOROCCO", 0),
    ("MOZAMBIQUE", 0),
    ("PERU", 1),
    ("CHINA", 2),
    ("ROMANIA", 3),
    ("SAUDI ARABIA", 4),
    ("VIETNAM", 2),
    ("RUSSIA", 3),
    ("UNITED KINGDOM", 3),
    ("UNITED STATES", 1),
];

// Values that TPC-H's queries look for.
const SEGMENTS: [&str; 5] = ["AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY"];
const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];
const INSTRUCTIONS: [&str; 4] = ["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"];
const MODES: [&str; 7] = ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"];
const SYLLABLES_1: [&str; 6] = ["ECONOMY", "LARGE", "MEDIUM", "PROMO", "SMALL", "STANDARD"];
const SYLLABLES_2: [&str; 5] = ["ANODIZED", "BRUSHED", "BURNISHED", "PLATED", "POLISHED"];
const METALS: [&str; 5] = ["BRASS", "COPPER", "NICKEL", "STEEL", "TIN"];
const SIZES: [&str; 5] = ["JUMBO", "LG", "MED", "SM", "WRAP"];
const BOXES: [&str; 8] = ["BAG", "BOX", "CAN", "CASE", "DRUM", "JAR", "PACK", "PKG"];
const COLOURS: [&str; 24] = [
    "almond", "azure", "beige", "black", "blue", "brown", "coral", "cream", "cyan", "forest", "gold",
    "green", "grey", "indigo", "ivory", "lime", "linen", "mint", "navy", "olive", "peach", "plum", "rose",
    "snow",
];

// Words of the comments.
const ADVERBS: [&str; 8] = [
    "already", "barely", "calmly", "evenly", "gladly", "hardly", "lately", "nearly",
];
const ADJECTIVES: [&str; 8] = [
    "bold", "brisk", "eager", "late", "pending", "quiet", "regular", "sly",
];
const NOUNS: [&str; 8] = [
    "accounts", "boxes", "couriers", "deposits", "ledgers", "packages", "routes", "wagons",
];
const VERBS: [&str; 8] = [
    "arrive", "cross", "follow", "gather", "linger", "move", "return", "wait",
];

#[cfg(test)]
mod tests {
    use super::super::catalog::DATABASES;
    use super::*;
    use std::convert::Infallible;

    fn count(table: TableId, each: &mut dyn FnMut(&[Cell<'_>])) -> u64 {
        let mut rows = 0;
        let made: Result<(), Infallible> = make(table, &mut |row| {
            rows += 1;
            each(row);
            Ok(())
        });
        assert!(made.is_ok());
        rows
    }

    #[test]
    fn every_table_has_the_rows_and_columns_that_the_catalogue_says() {
        for table in DATABASES
            .iter()
            .flat_map(|database| database.schemas)
            .flat_map(|schema| schema.tables)
        {
            let rows = count(table.id, &mut |row| {
                assert_eq!(row.len(), table.columns.len());
                for (cell, column) in row.iter().zip(table.columns) {
                    match (cell, column.kind) {
                        (Cell::Text(text), super::super::datatype::Type::Text { length }) => {
                            assert!(text.chars().count() <= length as usize, "{} {text}", column.name);
                        }
                        (Cell::Integer(_), kind) => assert!(!kind.is_text(), "{}", column.name),
                        (cell, kind) => panic!("{cell:?} for {kind} in {}", column.name),
                    }
                }
            });
            assert_eq!(rows, table.rows, "{}", table.name);
        }
    }

    #[test]
    fn an_order_costs_what_its_lines_cost() {
        let lines = Order::new(77).lines;
        let mut order_total = 0;
        let mut index = 0;
        count(TableId::Orders, &mut |row| {
            if index == 77
                && let Cell::Integer(total) = row[3]
            {
                order_total = total;
            }
            index += 1;
        });
        assert_eq!(order_total, lines.iter().map(Line::charge).sum::<i64>());
    }

    #[test]
    fn a_part_has_four_different_suppliers() {
        for part in 1..=PARTS {
            let mut suppliers: Vec<i64> = (0..4).map(|index| supplier_of(part, index)).collect();
            suppliers.sort_unstable();
            suppliers.dedup();
            assert_eq!(suppliers.len(), 4, "part {part}");
            assert!(suppliers.iter().all(|key| (1..=SUPPLIERS).contains(key)));
        }
    }
}
