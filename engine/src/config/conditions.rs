//! Reads the filter `row`: a condition in SQL, or a list of conditions on columns.

use super::columns::{check_timestamp, read_timestamp};
use super::reader::Reader;
use crate::filter::rules::{ColumnCondition, ConditionOperator, ConditionsRule, FilterRule, RowRule};
use crate::parse::columns::TimestampOptions;

/// Operators by their words; the first of each is the usual one.
const OPERATORS: [(&str, ConditionOperator); 15] = [
    ("IS NULL", ConditionOperator::IsNull),
    ("IS NOT NULL", ConditionOperator::IsNotNull),
    ("==", ConditionOperator::Equal),
    ("!=", ConditionOperator::NotEqual),
    (">", ConditionOperator::Greater),
    (">=", ConditionOperator::GreaterOrEqual),
    ("<", ConditionOperator::Less),
    ("<=", ConditionOperator::LessOrEqual),
    ("start_with", ConditionOperator::StartsWith),
    ("startsWith", ConditionOperator::StartsWith),
    ("end_with", ConditionOperator::EndsWith),
    ("endsWith", ConditionOperator::EndsWith),
    ("include", ConditionOperator::Contains),
    ("contains", ConditionOperator::Contains),
    ("=", ConditionOperator::Equal),
];

/// Reads `where`, or `conditions` with `condition`.
pub(super) fn read_row(filter: &Reader<'_>) -> Option<FilterRule> {
    let words = [("AND", false), ("OR", true)];
    let is_any = filter.choice("condition", &words, |value, list| {
        format!("unknown condition '{value}'. Supported are [{list}]")
    });
    let is_listed = filter.value("conditions").is_some();
    let conditions = filter.maps("conditions");
    match (filter.value("where").is_some(), is_listed) {
        (true, true) => {
            filter.error(
                "conditions",
                "either of `where` and `conditions` can be specified, not both",
            );
            None
        }
        (false, false) => {
            filter.error("where", "either `where` or `conditions` is required");
            None
        }
        (true, false) => {
            filter.required_name("where")?;
            let where_clause = filter.sql("where")?.to_owned();
            Some(FilterRule::Row(RowRule { where_clause }))
        }
        (false, true) => {
            let entries = conditions?;
            if entries.is_empty() {
                filter.error("conditions", "`conditions` is empty");
            }
            let read: Vec<Option<ColumnCondition>> = entries.iter().map(read_condition).collect();
            Some(FilterRule::Conditions(ConditionsRule {
                conditions: read.into_iter().collect::<Option<_>>()?,
                is_any: is_any.unwrap_or(false),
            }))
        }
    }
}

fn read_condition(entry: &Reader<'_>) -> Option<ColumnCondition> {
    let column = entry.required_name("column").map(str::to_owned);
    let is_written = entry.value("operator").is_some();
    let operator = entry.choice("operator", &OPERATORS, |value, list| {
        format!("unknown operator '{value}'. Supported are [{list}]")
    });
    let argument = entry
        .value("argument")
        .map(|node| node.text().map_or_else(|| node.to_json().to_string(), str::to_owned));
    let is_negated = entry.bool("not").unwrap_or(false);
    let timestamp = read_timestamp(entry, &TimestampOptions::default(), false);
    check_timestamp(entry, "format", &timestamp);
    let operator = match (operator, is_written) {
        (None, false) => Some(ConditionOperator::Equal),
        (operator, _) => operator,
    };
    let is_unary = matches!(operator, Some(ConditionOperator::IsNull | ConditionOperator::IsNotNull));
    if operator.is_some() && !is_unary && argument.is_none() {
        entry.error("argument", "`argument` is required");
    }
    entry.finish();
    Some(ColumnCondition {
        column: column?,
        operator: operator?,
        argument,
        is_negated,
        timestamp,
    })
}
