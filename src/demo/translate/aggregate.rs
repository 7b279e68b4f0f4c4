//! Aggregates, alone and as the function of a window.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, OrderByExpr,
};

use super::Translator;
use super::expression::Bound;
use super::operator::quotient_scale;
use super::scope::Clause;
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

/// An aggregate as it was written.
struct Aggregate<'q> {
    name: String,
    arguments: Vec<&'q Expr>,
    is_star: bool,
    is_distinct: bool,
    within_group: &'q [OrderByExpr],
}

impl<'q> Translator<'q, '_> {
    /// The aggregate `name`; `None` if it is none.
    pub(super) fn aggregate(&mut self, name: &str, function: &'q Function) -> Outcome<Option<Bound>> {
        if !is_aggregate(name) {
            return Ok(None);
        }
        if let Some(scope) = self.scopes.last_mut() {
            if scope.clause != Clause::List {
                return Err(Fault::compilation(
                    "002035",
                    format!(
                        "invalid aggregate function in {} clause [{name}]",
                        scope.clause.name()
                    ),
                ));
            }
            if scope.inside_aggregate > 0 {
                return Err(Fault::compilation(
                    "002036",
                    format!("aggregate functions cannot be nested [{name}]"),
                ));
            }
            scope.saw_aggregate = true;
            scope.inside_aggregate += 1;
        } else {
            return Err(Fault::compilation(
                "002035",
                format!("invalid aggregate function [{name}]"),
            ));
        }
        let bound = self.aggregate_over(name, function, "");
        if let Some(scope) = self.scopes.last_mut() {
            scope.inside_aggregate -= 1;
        }
        bound.map(Some)
    }

    /// The aggregate with `over` behind every aggregate of SQLite's that it is made of.
    pub(super) fn aggregate_over(
        &mut self,
        name: &str,
        function: &'q Function,
        over: &str,
    ) -> Outcome<Bound> {
        if function.filter.is_some() {
            return Err(Fault::unsupported("FILTER"));
        }
        let FunctionArguments::List(list) = &function.args else {
            return Err(Fault::compilation(
                "000938",
                format!("not enough arguments for function [{name}]"),
            ));
        };
        if let Some(clause) = list.clauses.first() {
            return Err(match clause {
                FunctionArgumentClause::IgnoreOrRespectNulls(_) => Fault::unsupported("IGNORE NULLS"),
                other => Fault::compilation("001003", format!("unexpected '{other}' in {name}(…)")),
            });
        }
        let mut arguments = Vec::new();
        let mut is_star = false;
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => arguments.push(expression),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name == "COUNT" => is_star = true,
                _ => return Err(Fault::unsupported(format_args!("this argument of {name}"))),
            }
        }
        let aggregate = Aggregate {
            name: name.to_owned(),
            arguments,
            is_star,
            is_distinct: list.duplicate_treatment == Some(DuplicateTreatment::Distinct),
            within_group: &function.within_group,
        };
        self.aggregate_sql(&aggregate, over)
    }

    fn aggregate_sql(&mut self, aggregate: &Aggregate<'q>, over: &str) -> Outcome<Bound> {
        let distinct = if aggregate.is_distinct { "DISTINCT " } else { "" };
        let count_kind = Type::number(18, 0);
        match aggregate.name.as_str() {
            "COUNT" if aggregate.is_star => Ok(Bound::column(format!("count(*){over}"), count_kind, false)),
            "COUNT" | "APPROX_COUNT_DISTINCT" => {
                let distinct = if aggregate.name == "COUNT" {
                    distinct
                } else {
                    "DISTINCT "
                };
                let value = self.counted(aggregate)?;
                Ok(Bound::column(
                    format!("count({distinct}{value}){over}"),
                    count_kind,
                    false,
                ))
            }
            "COUNT_IF" => {
                let [test] = aggregate.only()?;
                let test = self.condition(test)?;
                let sql = format!("count(CASE WHEN {} THEN 1 END){over}", test.sql);
                Ok(Bound::column(sql, count_kind, false))
            }
            "SUM" | "AVG" => self.sum_or_average(aggregate, distinct, over),
            "MIN" | "MAX" | "ANY_VALUE" => {
                let [value] = aggregate.only()?;
                let value = self.expression(value)?;
                let function = if aggregate.name == "MAX" { "max" } else { "min" };
                Ok(Bound::column(
                    format!("{function}({}){over}", value.sql),
                    value.kind,
                    true,
                ))
            }
            "BOOLAND_AGG" | "BOOLOR_AGG" => {
                let [test] = aggregate.only()?;
                let test = self.condition(test)?;
                let function = if aggregate.name == "BOOLAND_AGG" {
                    "min"
                } else {
                    "max"
                };
                Ok(Bound::column(
                    format!("{function}({}){over}", test.sql),
                    Type::Boolean,
                    true,
                ))
            }
            "LISTAGG" => self.list(aggregate, over),
            _ if !over.is_empty() => Err(Fault::unsupported(format_args!(
                "{} as a window function",
                aggregate.name
            ))),
            _ => self.statistic(aggregate, distinct),
        }
    }

    /// Aggregates that SQLite has none of: see [`crate::demo::functions`].
    fn statistic(&mut self, aggregate: &Aggregate<'q>, distinct: &str) -> Outcome<Bound> {
        match aggregate.name.as_str() {
            "MEDIAN" => {
                let [value] = aggregate.only()?;
                self.percentile(value, 500_000_000, true)
            }
            "PERCENTILE_CONT" | "PERCENTILE_DISC" => self.percentile_within(aggregate),
            "MODE" => {
                let [value] = aggregate.only()?;
                let value = self.expression(value)?;
                Ok(Bound::column(
                    format!("agg_mode({})", value.sql),
                    value.kind,
                    true,
                ))
            }
            other => {
                let [value] = aggregate.only()?;
                let value = self.float(value)?;
                let function = match other {
                    "VAR_POP" | "VARIANCE_POP" => "agg_var_pop",
                    "STDDEV_POP" => "agg_stddev_pop",
                    "STDDEV" | "STDDEV_SAMP" => "agg_stddev_samp",
                    _ => "agg_var_samp",
                };
                Ok(Bound::column(
                    format!("{function}({distinct}{})", value.sql),
                    Type::Float,
                    true,
                ))
            }
        }
    }

    /// What COUNT counts; of several values only rows in which none is NULL.
    fn counted(&mut self, aggregate: &Aggregate<'q>) -> Outcome<String> {
        let mut values = Vec::new();
        for argument in &aggregate.arguments {
            values.push(self.expression(argument)?.sql);
        }
        match values.as_slice() {
            [] => Err(Fault::compilation(
                "000938",
                "not enough arguments for function [COUNT]",
            )),
            [single] => Ok(single.clone()),
            several => {
                let tests: Vec<String> = several
                    .iter()
                    .map(|value| format!("{value} IS NOT NULL"))
                    .collect();
                Ok(format!(
                    "CASE WHEN {} THEN json_array({}) END",
                    tests.join(" AND "),
                    several.join(", ")
                ))
            }
        }
    }

    /// SUM stays exact: SQLite adds integers as integers and says when they overflow. AVG is its quotient.
    fn sum_or_average(&mut self, aggregate: &Aggregate<'q>, distinct: &str, over: &str) -> Outcome<Bound> {
        let [value] = aggregate.only()?;
        let value = self.expression(value)?;
        let value = self.numeric(value)?;
        let sum = format!("sum({distinct}{}){over}", value.sql);
        let Type::Number { precision, scale } = value.kind else {
            let sql = if aggregate.name == "SUM" {
                sum
            } else {
                format!("avg({distinct}{}){over}", value.sql)
            };
            return Ok(Bound::column(sql, Type::Float, true));
        };
        let summed = u32::from(precision) + 12;
        if aggregate.name == "SUM" {
            return Ok(Bound::column(sum, Type::number(summed, scale), true));
        }
        let quotient = quotient_scale(scale);
        let sql = format!(
            "num_div({sum}, nullif(count({distinct}{}){over}, 0), {})",
            value.sql,
            quotient - scale
        );
        let kind = Type::number(summed + u32::from(quotient - scale), quotient);
        Ok(Bound::column(sql, kind, true))
    }

    /// `LISTAGG([DISTINCT] value [, separator]) [WITHIN GROUP (ORDER BY …)]`; of no rows it is the empty text.
    fn list(&mut self, aggregate: &Aggregate<'q>, over: &str) -> Outcome<Bound> {
        let (value, separator) = match aggregate.arguments.as_slice() {
            [value] => (self.text(value)?, Bound::text("")),
            [value, separator] => (self.text(value)?, self.text(separator)?),
            _ => {
                return Err(Fault::compilation(
                    "000938",
                    "LISTAGG takes a value and a separator",
                ));
            }
        };
        if !over.is_empty() && !aggregate.within_group.is_empty() {
            return Err(Fault::unsupported("LISTAGG WITHIN GROUP as a window function"));
        }
        let mut order = String::new();
        for key in aggregate.within_group {
            let bound = self.expression(&key.expr)?;
            let separator = if order.is_empty() { " ORDER BY " } else { ", " };
            order += &format!("{separator}{}", super::order::direction(&bound.sql, &key.options));
        }
        let sql = if aggregate.is_distinct {
            // SQLite separates DISTINCT values by a comma only, so they are gathered as JSON and joined afterwards.
            format!(
                "txt_join(json_group_array(DISTINCT {}{order}), {})",
                value.sql, separator.sql
            )
        } else {
            format!(
                "coalesce(group_concat({}, {}{order}){over}, '')",
                value.sql, separator.sql
            )
        };
        Ok(Bound::column(sql, Type::TEXT, false))
    }

    fn percentile_within(&mut self, aggregate: &Aggregate<'q>) -> Outcome<Bound> {
        let [fraction] = aggregate.only()?;
        let fraction = self.expression(fraction)?;
        let fraction = self.convert(
            fraction,
            Type::Number {
                precision: 10,
                scale: 9,
            },
        )?;
        let [key] = aggregate.within_group else {
            return Err(Fault::compilation(
                "001003",
                format!("{} needs WITHIN GROUP (ORDER BY one value)", aggregate.name),
            ));
        };
        let billionths: i64 = fraction
            .sql
            .parse()
            .ok()
            .filter(|billionths| (0..=1_000_000_000).contains(billionths))
            .ok_or_else(|| Fault::compilation("001007", "a percentile is a constant from 0 to 1"))?;
        let descending = key.options.sort == Some(sqlparser::ast::OrderBySort::Desc);
        let billionths = if descending {
            1_000_000_000 - billionths
        } else {
            billionths
        };
        self.percentile(&key.expr, billionths, aggregate.name == "PERCENTILE_CONT")
    }

    fn percentile(&mut self, value: &'q Expr, billionths: i64, continuous: bool) -> Outcome<Bound> {
        let value = self.expression(value)?;
        match (value.kind, continuous) {
            (Type::Number { precision, scale }, true) => {
                let digits = 3.min(numeric_room(scale));
                let sql = format!("agg_percentile({}, {billionths}, {digits})", value.sql);
                let kind = Type::number(u32::from(precision) + u32::from(digits), scale + digits);
                Ok(Bound::column(sql, kind, true))
            }
            (Type::Number { .. } | Type::Date | Type::Timestamp, false) => {
                let sql = format!("agg_percentile_disc({}, {billionths}, 0)", value.sql);
                Ok(Bound::column(sql, value.kind, true))
            }
            _ => {
                let value = self.convert(value, Type::Float)?;
                let sql = format!("agg_float_percentile({}, {billionths})", value.sql);
                Ok(Bound::column(sql, Type::Float, true))
            }
        }
    }
}

impl<'q> Aggregate<'q> {
    fn only(&self) -> Outcome<[&'q Expr; 1]> {
        match self.arguments.as_slice() {
            [argument] if !self.is_star => Ok([argument]),
            found => Err(Fault::compilation(
                if found.is_empty() { "000938" } else { "000939" },
                format!("function [{}] takes 1 argument, found {}", self.name, found.len()),
            )),
        }
    }
}

/// Fraction digits that a number with `scale` can still be given.
fn numeric_room(scale: u8) -> u8 {
    crate::demo::datatype::PRECISION_MAX.saturating_sub(scale)
}

/// Whether `name` is an aggregate of this engine.
pub(super) fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "COUNT"
            | "APPROX_COUNT_DISTINCT"
            | "COUNT_IF"
            | "SUM"
            | "AVG"
            | "MIN"
            | "MAX"
            | "ANY_VALUE"
            | "BOOLAND_AGG"
            | "BOOLOR_AGG"
            | "LISTAGG"
            | "MEDIAN"
            | "PERCENTILE_CONT"
            | "PERCENTILE_DISC"
            | "MODE"
            | "STDDEV"
            | "STDDEV_SAMP"
            | "STDDEV_POP"
            | "VARIANCE"
            | "VAR_SAMP"
            | "VARIANCE_SAMP"
            | "VAR_POP"
            | "VARIANCE_POP"
    )
}
