//! What `EXPLAIN USING JSON` says: how much a statement would read, of which objects, by which operations. Figures are the
//! compiler's upper bounds. Decides nothing: [`super::gate`] does.

use serde_json::Value;

use crate::backend::ResultSet;

/// The plan of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) partitions_total: u64,
    pub(super) partitions_assigned: u64,
    pub(super) bytes_assigned: u64,
    pub(super) operations: Vec<Operation>,
}

/// One operation of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) id: u64,
    pub(super) parents: Vec<u64>,
    /// `TableScan`, `Filter`, `Join` and so on.
    pub(super) name: String,
    /// Whole names, where it reads or changes objects.
    pub(super) objects: Vec<String>,
    /// What it computes or compares, as the compiler writes it.
    pub(super) expressions: Vec<String>,
    pub(super) partitions_assigned: Option<u64>,
    pub(super) bytes_assigned: Option<u64>,
}

impl Explained {
    /// The plan in the result of an `EXPLAIN USING JSON`; `None` where it is no whole one.
    pub(super) fn of(result: &ResultSet) -> Option<Self> {
        if result.is_truncated() {
            return None;
        }
        let name = &result.columns.first()?.name;
        Self::parse(result.rows().next()?.text(name)?)
    }

    fn parse(json: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(json).ok()?;
        let stats = value.get("GlobalStats")?;
        let figure = |name| number(stats.get(name)?);
        // A list of operations for each step.
        let steps = value.get("Operations")?.as_array()?;
        let operations = steps.iter().filter_map(Value::as_array).flatten();
        Some(Self {
            partitions_total: figure("partitionsTotal")?,
            partitions_assigned: figure("partitionsAssigned")?,
            bytes_assigned: figure("bytesAssigned")?,
            operations: operations.map(Operation::of).collect(),
        })
    }

    /// Adds the figures of the plan of a further statement.
    pub(super) fn add(&mut self, other: Self) {
        self.partitions_total = self.partitions_total.saturating_add(other.partitions_total);
        self.partitions_assigned = self.partitions_assigned.saturating_add(other.partitions_assigned);
        self.bytes_assigned = self.bytes_assigned.saturating_add(other.bytes_assigned);
        self.operations.extend(other.operations);
    }

    /// The objects that it reads or changes, each once, in order.
    pub(super) fn objects(&self) -> Vec<&str> {
        let named = self.operations.iter().flat_map(|operation| &operation.objects);
        let mut objects: Vec<_> = named.map(String::as_str).collect();
        objects.sort_unstable();
        objects.dedup();
        objects
    }

    /// The first operation that reads an object and does not say which.
    pub(super) fn unnamed_scan(&self) -> Option<&str> {
        let is_unnamed = |operation: &&Operation| {
            operation.objects.is_empty() && operation.name.ends_with("Scan") && operation.name != "ValuesScan"
        };
        let found = self.operations.iter().find(is_unnamed)?;
        Some(&found.name)
    }

    /// Whether a function outside of Snowflake is called.
    pub(super) fn calls_out(&self) -> bool {
        self.operations.iter().any(|operation| {
            let name = operation.name.to_ascii_lowercase();
            name.starts_with("external") && name.contains("function")
        })
    }
}

impl Operation {
    fn of(value: &Value) -> Self {
        let texts = |name: &str| match value.get(name) {
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(single) => vec![text(single)],
        };
        let parents = value.get("parentOperators").or_else(|| value.get("parent"));
        Self {
            id: value.get("id").and_then(number).unwrap_or_default(),
            parents: match parents {
                Some(Value::Array(items)) => items.iter().filter_map(number).collect(),
                Some(single) => number(single).into_iter().collect(),
                None => Vec::new(),
            },
            name: value.get("operation").map(text).unwrap_or_default(),
            objects: texts("objects"),
            expressions: [texts("expressions"), texts("joinKey")].concat(),
            partitions_assigned: value.get("partitionsAssigned").and_then(number),
            bytes_assigned: value.get("bytesAssigned").and_then(number),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A count, which may be written with a fraction or as a text.
fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| {
            value
                .as_f64()
                .filter(|number| *number >= 0.0)
                .map(|number| number as u64)
        })
        .or_else(|| value.as_str()?.parse().ok())
}

/// So many bytes, for people: three digits at most before the unit.
pub(super) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 0;
    let mut scaled = bytes as f64;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} bytes");
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the documentation shows it, shortened.
    const JOIN: &str = r#"{"GlobalStats":{"partitionsTotal":2,"partitionsAssigned":1,"bytesAssigned":1024},"Operations":[[
        {"id":0,"operation":"Result","expressions":["Z1.ID","Z2.ID"]},
        {"id":1,"parentOperators":[0],"operation":"InnerJoin","joinKey":"(Z2.ID = Z1.ID)"},
        {"id":2,"parentOperators":[1],"operation":"TableScan","objects":["TESTDB.S.Z2"],"expressions":["ID"],"partitionsTotal":1,"partitionsAssigned":1,"bytesAssigned":512},
        {"id":3,"parentOperators":[1],"operation":"JoinFilter","expressions":["joinKey: (Z2.ID = Z1.ID)"]},
        {"id":4,"parentOperators":[3],"operation":"TableScan","objects":["TESTDB.S.Z1"],"expressions":["ID"],"partitionsTotal":1,"partitionsAssigned":0,"bytesAssigned":512}]]}"#;

    #[test]
    fn a_plan_is_read_with_its_figures_operations_and_objects() {
        let plan = Explained::parse(JOIN).unwrap();
        let figures = (
            plan.partitions_total,
            plan.partitions_assigned,
            plan.bytes_assigned,
        );
        assert_eq!(figures, (2, 1, 1024));
        assert_eq!(plan.objects(), ["TESTDB.S.Z1", "TESTDB.S.Z2"]);
        assert_eq!(plan.operations.len(), 5);
        assert_eq!(plan.operations[1].expressions, ["(Z2.ID = Z1.ID)"]);
        assert_eq!(plan.operations[4].parents, [3]);
        assert_eq!(plan.unnamed_scan(), None);
        assert!(!plan.calls_out());
    }

    #[test]
    fn what_is_no_plan_is_none() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"GlobalStats":{},"Operations":[]}"#,
            r#"{"GlobalStats":{"partitionsTotal":1,"partitionsAssigned":1,"bytesAssigned":-1},"Operations":[]}"#,
            r#"{"GlobalStats":{"partitionsTotal":1,"partitionsAssigned":1,"bytesAssigned":1}}"#,
        ] {
            assert_eq!(Explained::parse(json), None, "{json}");
        }
    }

    #[test]
    fn a_scan_without_a_name_and_a_call_to_the_outside_are_found() {
        let plan = |operation: &str| {
            let json = format!(
                r#"{{"GlobalStats":{{"partitionsTotal":0,"partitionsAssigned":0,"bytesAssigned":0}},"Operations":[[{{"id":0,"operation":"{operation}"}}]]}}"#
            );
            Explained::parse(&json).unwrap()
        };
        assert_eq!(plan("ExternalScan").unnamed_scan(), Some("ExternalScan"));
        assert_eq!(plan("ValuesClause").unnamed_scan(), None);
        assert!(plan("ExternalFunction").calls_out() && !plan("ExtensionFunction").calls_out());
    }

    #[test]
    fn bytes_are_told_in_a_unit_that_fits() {
        assert_eq!(bytes_text(0), "0 bytes");
        assert_eq!(bytes_text(1023), "1023 bytes");
        assert_eq!(bytes_text(10 << 30), "10.0 GiB");
        assert_eq!(bytes_text(u64::MAX), "16.0 EiB");
    }
}
