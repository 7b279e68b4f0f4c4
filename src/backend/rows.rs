//! Rows of a result, kept as bounded text: one arena a result, no allocation a cell.
//!
//! Cells are already in the form that leaves the program (decimals exact, timestamps ISO 8601), so an engine decodes
//! once and the renderer only copies. A row that would break a bound is withdrawn whole and the result says so.

use std::sync::Arc;

/// How much of a result may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Rows; the operator's maximum, lowered by the caller.
    pub rows_max: u64,
    /// Bytes of cell text and structure, an estimate of the encoded size that never falls short of it by design
    /// of [`ResultSet::end_row`].
    pub bytes_max: usize,
}

/// A place in a result. Engines keep results in partitions; one that has none keeps all rows in the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Which partition, from 0.
    pub partition: u32,
    /// Which of its rows, from 0.
    pub row: u64,
}

/// Where the rows that are kept lie in the whole result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extent {
    /// The first one.
    pub begins: Position,
    /// Rows of each partition of the whole result, where that is known.
    pub partition_rows: Arc<[Option<u64>]>,
}

impl Extent {
    /// The place `count` rows after the first one.
    fn after(&self, count: u64) -> Position {
        let mut place = self.begins;
        place.row = place.row.saturating_add(count);
        while let Some(Some(rows)) = self.partition_rows.get(place.partition as usize)
            && place.row >= *rows
            && (place.partition as usize) + 1 < self.partition_rows.len()
        {
            place.row -= rows;
            place.partition += 1;
        }
        place
    }

    /// Rows of the whole result before the first one, where that is known.
    fn before(&self) -> Option<u64> {
        let earlier = self.partition_rows.get(..self.begins.partition as usize)?;
        let rows: Option<u64> = earlier.iter().copied().sum();
        Some(rows? + self.begins.row)
    }
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As the engine names it; two columns may share a name.
    pub name: String,
    /// As a Snowflake type, e.g. `NUMBER(38,0)`, `VARCHAR(25)`, `TIMESTAMP_NTZ(9)`.
    pub type_name: String,
    /// Whether NULL may occur.
    pub nullable: bool,
}

/// One cell on its way in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL (also NaN and the infinities, which JSON cannot say).
    Null,
    /// TRUE or FALSE.
    Boolean(bool),
    /// A number in JSON's syntax, exact, whatever its length.
    Number(&'a str),
    /// Text, also dates, times and binary (hex).
    Text(&'a str),
    /// A JSON document (VARIANT, OBJECT, ARRAY), compact and valid.
    Json(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Null,
    False,
    True,
    Number,
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    end: u32,
    kind: CellKind,
}

/// A bounded result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultSet {
    /// The columns, also when there are no rows.
    pub columns: Vec<Column>,
    /// Rows that the whole result has, where the engine knows.
    pub total: Option<u64>,
    /// The statement's query id, where the engine has one.
    pub query_id: Option<String>,
    /// Where the rows lie in the whole result.
    pub extent: Extent,
    text: String,
    cells: Vec<Cell>,
    row_start: (usize, usize),
    rows: u64,
    bytes: usize,
    truncated: bool,
    has_non_finite: bool,
    bounds: Bounds,
}

/// Bytes that a cell costs beyond its text: quotes, comma, an escape or two.
const CELL_OVERHEAD_BYTES: usize = 4;

impl ResultSet {
    /// An empty result with these columns.
    pub fn new(columns: Vec<Column>, bounds: Bounds) -> Self {
        Self {
            columns,
            total: None,
            query_id: None,
            extent: Extent::default(),
            text: String::new(),
            cells: Vec::new(),
            row_start: (0, 0),
            rows: 0,
            bytes: 0,
            truncated: false,
            has_non_finite: false,
            bounds,
        }
    }

    /// The result of a statement that a job can do without: no columns, no rows, no query id.
    pub fn absent() -> Self {
        let nothing = Bounds {
            rows_max: 0,
            bytes_max: 0,
        };
        Self::new(Vec::new(), nothing)
    }

    /// Adds the next cell of the row being written. A row has as many cells as there are columns.
    pub fn push(&mut self, value: Value<'_>) {
        let kind = match value {
            Value::Null => CellKind::Null,
            Value::Boolean(false) => CellKind::False,
            Value::Boolean(true) => CellKind::True,
            Value::Number(text) => self.keep(text, CellKind::Number),
            Value::Text(text) => self.keep(text, CellKind::Text),
            Value::Json(text) => self.keep(text, CellKind::Json),
        };
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.cells.push(Cell { end, kind });
    }

    fn keep(&mut self, text: &str, kind: CellKind) -> CellKind {
        // A single cell larger than the whole budget is not copied: the row is withdrawn in `end_row` anyway.
        if text.len() <= self.bounds.bytes_max {
            self.text.push_str(text);
        } else {
            self.truncated = true;
        }
        kind
    }

    /// Ends the row. Returns whether more rows may follow; a row that broke a bound is withdrawn.
    ///
    /// Call it for one row more than the bound to learn that there was more: that is what `truncated` means.
    pub fn end_row(&mut self) -> bool {
        debug_assert_eq!(
            self.cells.len() - self.row_start.1,
            self.columns.len(),
            "a row has a cell per column"
        );
        let (text_start, cell_start) = self.row_start;
        let row_bytes = self.text.len() - text_start
            + CELL_OVERHEAD_BYTES * (self.cells.len() - cell_start)
            + CELL_OVERHEAD_BYTES;
        let fits = !self.truncated
            && self.rows < self.bounds.rows_max
            && self.bytes + row_bytes <= self.bounds.bytes_max
            && u32::try_from(self.text.len()).is_ok();
        if !fits {
            self.text.truncate(text_start);
            self.cells.truncate(cell_start);
            self.truncated = true;
            return false;
        }
        self.rows += 1;
        self.bytes += row_bytes;
        self.row_start = (self.text.len(), self.cells.len());
        true
    }

    /// Says that rows were left out for a reason that the result itself cannot see (rows not fetched).
    pub fn mark_truncated(&mut self) {
        self.truncated = true;
    }

    /// Whether rows were left out.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Says that a number which JSON cannot say was kept as NULL.
    pub fn note_non_finite(&mut self) {
        self.has_non_finite = true;
    }

    /// Whether numbers that JSON cannot say were kept as NULL.
    pub fn has_non_finite(&self) -> bool {
        self.has_non_finite
    }

    /// Rows kept.
    pub fn returned(&self) -> u64 {
        self.rows
    }

    /// The rows from number `first` on, within `bounds`; `None` where that needs rows that are not kept.
    pub fn page(&self, first: u64, bounds: Bounds) -> Option<Self> {
        if self.extent.begins != Position::default() || (self.truncated && first >= self.rows) {
            return None;
        }
        let mut page = Self::new(self.columns.clone(), bounds);
        (page.total, page.query_id) = (self.total, self.query_id.clone());
        page.extent = Extent {
            begins: Position {
                partition: 0,
                row: first,
            },
            partition_rows: Arc::clone(&self.extent.partition_rows),
        };
        for row in self.rows().skip(usize::try_from(first).unwrap_or(usize::MAX)) {
            row.cells().for_each(|cell| page.push(cell));
            if !page.end_row() {
                return Some(page);
            }
        }
        if self.truncated {
            page.mark_truncated();
        }
        Some(page)
    }

    /// Where reading goes on after the first `count` of the rows that are kept.
    pub fn position_after(&self, count: u64) -> Position {
        self.extent.after(count)
    }

    /// Rows of the whole result before the first one that is kept, where that is known.
    pub fn rows_before(&self) -> Option<u64> {
        self.extent.before()
    }

    /// Estimated encoded bytes of the rows kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows, each an iterator over its cells.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let width = self.columns.len();
        let kept = self.row_start.1;
        (0..usize::try_from(self.rows).unwrap_or(usize::MAX)).map(move |row| {
            debug_assert!((row + 1) * width <= kept);
            Row {
                result: self,
                first: row * width,
            }
        })
    }

    fn value(&self, index: usize) -> Value<'_> {
        let cell = self.cells[index];
        let start = if index == 0 { 0 } else { self.cells[index - 1].end };
        let text = &self.text[start as usize..cell.end as usize];
        match cell.kind {
            CellKind::Null => Value::Null,
            CellKind::False => Value::Boolean(false),
            CellKind::True => Value::Boolean(true),
            CellKind::Number => Value::Number(text),
            CellKind::Text => Value::Text(text),
            CellKind::Json => Value::Json(text),
        }
    }
}

/// One row of a [`ResultSet`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    result: &'a ResultSet,
    first: usize,
}

impl<'a> Row<'a> {
    /// The cells in column order.
    pub fn cells(self) -> impl Iterator<Item = Value<'a>> {
        (self.first..self.first + self.result.columns.len()).map(move |index| self.result.value(index))
    }

    /// The cell of the column called `name` (ASCII case does not matter: SHOW's layouts are read by name).
    pub fn by_name(self, name: &str) -> Option<Value<'a>> {
        let column = self
            .result
            .columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))?;
        Some(self.result.value(self.first + column))
    }

    /// The text of the column called `name`; `None` when it is absent or NULL.
    pub fn text(self, name: &str) -> Option<&'a str> {
        match self.by_name(name)? {
            Value::Text(text) | Value::Number(text) | Value::Json(text) => Some(text),
            Value::Boolean(true) => Some("true"),
            Value::Boolean(false) => Some("false"),
            Value::Null => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rows_max: u64, bytes_max: usize) -> ResultSet {
        let column = |name: &str| Column {
            name: name.to_owned(),
            type_name: "VARCHAR".to_owned(),
            nullable: true,
        };
        ResultSet::new(vec![column("A"), column("b")], Bounds { rows_max, bytes_max })
    }

    fn add(result: &mut ResultSet, first: &str) -> bool {
        result.push(Value::Text(first));
        result.push(Value::Null);
        result.end_row()
    }

    #[test]
    fn cells_come_back_as_they_went_in() {
        let mut rows = result(10, 1_000);
        rows.push(Value::Number("1.50"));
        rows.push(Value::Boolean(true));
        assert!(rows.end_row());
        rows.push(Value::Json("[1]"));
        rows.push(Value::Text(""));
        assert!(rows.end_row());
        let cells: Vec<Vec<_>> = rows.rows().map(|row| row.cells().collect()).collect();
        assert_eq!(cells[0], [Value::Number("1.50"), Value::Boolean(true)]);
        assert_eq!(cells[1], [Value::Json("[1]"), Value::Text("")]);
        assert_eq!(rows.rows().next().and_then(|row| row.text("a")), Some("1.50"));
        assert_eq!(rows.rows().next().and_then(|row| row.text("B")), Some("true"));
        assert!(!rows.is_truncated());
    }

    #[test]
    fn a_page_knows_where_it_lies_and_where_the_next_one_begins() {
        let place = |partition, row| Position { partition, row };
        let mut rows = result(10, 1_000);
        assert_eq!(
            (rows.rows_before(), rows.position_after(7)),
            (Some(0), place(0, 7))
        );
        rows.extent = Extent {
            begins: place(1, 2),
            partition_rows: [Some(3), Some(4), Some(0), Some(5)].into(),
        };
        assert_eq!(rows.rows_before(), Some(5));
        let after: Vec<_> = [0, 1, 2, 6, 7, 9].map(|count| rows.position_after(count)).into();
        let expected = [(1, 2), (1, 3), (3, 0), (3, 4), (3, 5), (3, 7)];
        assert_eq!(after, expected.map(|(partition, row)| place(partition, row)));
        rows.extent.partition_rows = [None, None].into();
        assert_eq!((rows.rows_before(), rows.position_after(9)), (None, place(1, 11)));
    }

    #[test]
    fn a_page_of_kept_rows_says_whether_there_are_more() {
        let mut rows = result(3, 1_000);
        for cell in ["a", "b", "c", "d"] {
            add(&mut rows, cell);
        }
        let page = |rows: &ResultSet, first, rows_max| {
            let bounds = Bounds {
                rows_max,
                bytes_max: 1_000,
            };
            let page = rows.page(first, bounds)?;
            Some((page.returned(), page.is_truncated(), page.rows_before()))
        };
        assert_eq!(page(&rows, 1, 1), Some((1, true, Some(1))));
        assert_eq!(
            page(&rows, 1, 9),
            Some((2, true, Some(1))),
            "there was a fourth row"
        );
        assert_eq!(page(&rows, 3, 9), None);
        let mut whole = result(9, 1_000);
        add(&mut whole, "a");
        assert_eq!(page(&whole, 0, 9), Some((1, false, Some(0))));
        assert_eq!(page(&whole, 1, 9), Some((0, false, Some(1))));
    }

    #[test]
    fn one_row_too_many_is_withdrawn_and_told() {
        let mut rows = result(2, 1_000);
        assert!(add(&mut rows, "x"));
        assert!(add(&mut rows, "y"));
        assert!(!rows.is_truncated());
        assert!(!add(&mut rows, "z"));
        assert!(rows.is_truncated());
        assert_eq!((rows.returned(), rows.rows().count()), (2, 2));
    }

    #[test]
    fn bytes_are_bounded_too_and_nothing_follows_a_cut() {
        let mut rows = result(100, 60);
        assert!(add(&mut rows, "x"));
        assert!(!add(&mut rows, &"y".repeat(50)));
        assert!(!add(&mut rows, "z"), "a small row after a cut would hide the gap");
        assert!(!add(&mut rows, &"w".repeat(1_000)));
        assert_eq!(rows.returned(), 1);
        assert!(rows.is_truncated() && rows.bytes() <= 60);
    }
}
