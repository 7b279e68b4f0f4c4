//! Window functions: `function(…) OVER (…)`.

use sqlparser::ast::{
    Expr, Function, FunctionArguments, Ident, NamedWindowExpr, NullTreatment, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};

use super::Translator;
use super::aggregate::is_aggregate;
use super::call::plain_arguments;
use super::expression::Bound;
use super::order::direction;
use super::scope::{Clause, name_of};
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

/// The text of a window.
struct Window {
    /// Inside the parentheses of OVER.
    sql: String,
    has_order: bool,
    has_frame: bool,
}

/// Whether `name` needs an OVER clause.
pub(super) fn is_window_function(name: &str) -> bool {
    matches!(
        name,
        "ROW_NUMBER"
            | "RANK"
            | "DENSE_RANK"
            | "PERCENT_RANK"
            | "CUME_DIST"
            | "NTILE"
            | "LAG"
            | "LEAD"
            | "FIRST_VALUE"
            | "LAST_VALUE"
            | "NTH_VALUE"
            | "RATIO_TO_REPORT"
    )
}

impl<'q> Translator<'q, '_> {
    /// `name(…) OVER (…)`.
    pub(super) fn window(&mut self, name: &str, function: &'q Function) -> Outcome<Bound> {
        if let Some(scope) = self.scopes.last()
            && scope.clause != Clause::List
        {
            return Err(Fault::compilation(
                "002303",
                format!(
                    "window function [{name}] is not allowed in the {} clause",
                    scope.clause.name()
                ),
            ));
        }
        if matches!(function.null_treatment, Some(NullTreatment::IgnoreNulls)) {
            return Err(Fault::unsupported("IGNORE NULLS"));
        }
        let window = match &function.over {
            Some(WindowType::WindowSpec(spec)) => self.specification(spec)?,
            Some(WindowType::NamedWindow(ident)) => self.named_window(ident)?,
            None => return Err(Fault::Internal("a window function without OVER".into())),
        };
        if is_aggregate(name) {
            if function_is_distinct(function) && window.has_order {
                return Err(Fault::unsupported("DISTINCT in a window with ORDER BY"));
            }
            return self.aggregate_over(name, function, &format!(" OVER ({})", window.sql));
        }
        let arguments = plain_arguments(name, &function.args)?;
        self.ranking(name, &arguments, &window)
    }

    fn ranking(&mut self, name: &str, arguments: &[&'q Expr], window: &Window) -> Outcome<Bound> {
        let expect = |counts: std::ops::RangeInclusive<usize>| {
            let code = if arguments.len() < *counts.start() {
                "000938"
            } else {
                "000939"
            };
            counts.contains(&arguments.len()).then_some(()).ok_or_else(|| {
                Fault::compilation(code, format!("wrong number of arguments for function [{name}]"))
            })
        };
        let over = format!("OVER ({})", window.sql);
        let rank = Type::number(18, 0);
        match name {
            "ROW_NUMBER" | "RANK" | "DENSE_RANK" => {
                expect(0..=0)?;
                Ok(Bound::column(
                    format!("{}() {over}", name.to_lowercase()),
                    rank,
                    false,
                ))
            }
            "PERCENT_RANK" | "CUME_DIST" => {
                expect(0..=0)?;
                Ok(Bound::column(
                    format!("{}() {over}", name.to_lowercase()),
                    Type::Float,
                    false,
                ))
            }
            "NTILE" => {
                expect(1..=1)?;
                let count = self.whole(arguments[0])?;
                Ok(Bound::column(format!("ntile({}) {over}", count.sql), rank, false))
            }
            "LAG" | "LEAD" => {
                expect(1..=3)?;
                self.neighbour(name, arguments, &over)
            }
            "FIRST_VALUE" | "LAST_VALUE" | "NTH_VALUE" => {
                let is_nth = name == "NTH_VALUE";
                expect(if is_nth { 2..=2 } else { 1..=1 })?;
                let value = self.expression(arguments[0])?;
                let mut parts = value.sql.clone();
                if is_nth {
                    parts += &format!(", {}", self.whole(arguments[1])?.sql);
                }
                // Snowflake looks at the whole partition unless a frame is written; SQLite stops at the current row.
                let frame = if window.has_frame { "" } else { WHOLE_PARTITION };
                let sql = format!("{}({parts}) OVER ({}{frame})", name.to_lowercase(), window.sql);
                Ok(Bound::column(sql, value.kind, true))
            }
            "RATIO_TO_REPORT" => {
                expect(1..=1)?;
                let value = self.float(arguments[0])?;
                let sql = format!("({0} / nullif(sum({0}) {over}, 0))", value.sql);
                Ok(Bound::column(sql, Type::Float, true))
            }
            other => Err(Fault::unsupported(format_args!("{other} as a window function"))),
        }
    }

    fn neighbour(&mut self, name: &str, arguments: &[&'q Expr], over: &str) -> Outcome<Bound> {
        let value = self.expression(arguments[0])?;
        let distance = match arguments.get(1) {
            Some(distance) => self.whole(distance)?,
            None => Bound::integer(1, Type::number(1, 0)),
        };
        let default = match arguments.get(2) {
            Some(default) => self.expression(default)?,
            None => Bound::null(),
        };
        let [value, default] = self.pair(value, default)?;
        let nullable = value.nullable || default.nullable;
        let sql = format!(
            "{}({}, {}, {}) {over}",
            name.to_lowercase(),
            value.sql,
            distance.sql,
            default.sql
        );
        Ok(Bound::column(sql, value.kind, nullable))
    }

    fn named_window(&mut self, ident: &'q Ident) -> Outcome<Window> {
        let name = name_of(ident);
        let windows = self.scopes.last().map(|scope| scope.windows).unwrap_or_default();
        let definition = windows.iter().find(|definition| name_of(&definition.0) == name);
        match definition.map(|definition| &definition.1) {
            Some(NamedWindowExpr::WindowSpec(spec)) => self.specification(spec),
            Some(NamedWindowExpr::NamedWindow(_)) => {
                Err(Fault::unsupported("a window defined by another window"))
            }
            None => Err(Fault::compilation("002303", format!("unknown window '{name}'"))),
        }
    }

    fn specification(&mut self, spec: &'q WindowSpec) -> Outcome<Window> {
        if spec.window_name.is_some() {
            return Err(Fault::unsupported("a window defined by another window"));
        }
        let mut partition = Vec::new();
        for key in &spec.partition_by {
            partition.push(self.expression(key)?.sql);
        }
        let mut order = Vec::new();
        for key in &spec.order_by {
            let bound = self.expression(&key.expr)?;
            order.push(direction(&bound.sql, &key.options));
        }
        let mut parts = Vec::new();
        if !partition.is_empty() {
            parts.push(format!("PARTITION BY {}", partition.join(", ")));
        }
        if !order.is_empty() {
            parts.push(format!("ORDER BY {}", order.join(", ")));
        }
        if let Some(frame) = &spec.window_frame {
            parts.push(frame_sql(frame)?);
        }
        Ok(Window {
            sql: parts.join(" "),
            has_order: !order.is_empty(),
            has_frame: spec.window_frame.is_some(),
        })
    }
}

fn function_is_distinct(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list) if list.duplicate_treatment.is_some())
}

fn frame_sql(frame: &WindowFrame) -> Outcome<String> {
    let units = match frame.units {
        WindowFrameUnits::Rows => "ROWS",
        WindowFrameUnits::Range => "RANGE",
        WindowFrameUnits::Groups => return Err(Fault::unsupported("GROUPS in a window frame")),
    };
    let start = bound_sql(&frame.start_bound, units)?;
    match &frame.end_bound {
        Some(end) => Ok(format!("{units} BETWEEN {start} AND {}", bound_sql(end, units)?)),
        None => Ok(format!("{units} {start}")),
    }
}

fn bound_sql(bound: &WindowFrameBound, units: &str) -> Outcome<String> {
    let (count, word) = match bound {
        WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".to_owned()),
        WindowFrameBound::Preceding(count) => (count, "PRECEDING"),
        WindowFrameBound::Following(count) => (count, "FOLLOWING"),
    };
    let Some(count) = count else {
        return Ok(format!("UNBOUNDED {word}"));
    };
    let text = count.to_string();
    let is_count = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if units == "RANGE" || !is_count {
        return Err(Fault::unsupported(format_args!(
            "the window frame {units} {text} {word}"
        )));
    }
    Ok(format!("{text} {word}"))
}

const WHOLE_PARTITION: &str = " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING";
