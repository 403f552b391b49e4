//! Keeps rows by conditions on single columns, as the original's `row` has them; a new configuration says it in SQL.

use crate::filter::values::{double_of_text, long_of_text};
use crate::filter::{FilterError, Stage, column};
use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::parse::timestamp::TimestampParser;
use datafusion::common::ScalarValue;
use datafusion::functions::string::expr_fn::{contains, ends_with, starts_with};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use std::sync::Arc;

/// Keeps the rows for which all of some conditions are true, or any of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionsRule {
    /// There is one at least.
    pub conditions: Vec<ColumnCondition>,
    /// Whether one that is true is enough.
    pub is_any: bool,
}

/// A condition on one column. A value that is null fulfils no comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnCondition {
    /// Must exist.
    pub column: String,
    /// How it is compared.
    pub operator: ConditionOperator,
    /// What it is compared with, as text; there is one exactly with the operators that compare.
    pub argument: Option<String>,
    /// Whether the rows are kept for which it does not hold.
    pub is_negated: bool,
    /// How the argument is read if the column is a timestamp.
    pub timestamp: TimestampOptions,
}

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ConditionOperator {
    IsNull,
    IsNotNull,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    StartsWith,
    EndsWith,
    Contains,
}

impl ConditionOperator {
    /// The word of the configuration.
    fn name(self) -> &'static str {
        match self {
            ConditionOperator::IsNull => "IS NULL",
            ConditionOperator::IsNotNull => "IS NOT NULL",
            ConditionOperator::Equal => "==",
            ConditionOperator::NotEqual => "!=",
            ConditionOperator::Greater => ">",
            ConditionOperator::GreaterOrEqual => ">=",
            ConditionOperator::Less => "<",
            ConditionOperator::LessOrEqual => "<=",
            ConditionOperator::StartsWith => "start_with",
            ConditionOperator::EndsWith => "end_with",
            ConditionOperator::Contains => "include",
        }
    }

    /// Whether values of this type can be compared so.
    fn is_known_to(self, column_type: ColumnType) -> bool {
        use ConditionOperator::{Contains, EndsWith, Equal, IsNotNull, IsNull, NotEqual, StartsWith};
        match self {
            IsNull | IsNotNull => true,
            Equal | NotEqual => column_type != ColumnType::Json,
            StartsWith | EndsWith | Contains => column_type == ColumnType::String,
            _ => matches!(
                column_type,
                ColumnType::Long | ColumnType::Double | ColumnType::Timestamp
            ),
        }
    }
}

/// Compiles the rule.
///
/// **Errors**: a column is missing; its type does not know the operator, or cannot read the argument.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &ConditionsRule,
) -> Result<LogicalPlan, FilterError> {
    let mut whole: Option<Expr> = None;
    for condition in &rule.conditions {
        let next = expression(stage, &input, condition)?;
        whole = Some(match (whole, rule.is_any) {
            (None, _) => next,
            (Some(before), true) => before.or(next),
            (Some(before), false) => before.and(next),
        });
    }
    let Some(whole) = whole else {
        return Err(stage.error("`conditions` is empty"));
    };
    LogicalPlanBuilder::from(input)
        .filter(whole)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|source| stage.plan_error(source))
}

fn expression(stage: &Stage<'_>, input: &LogicalPlan, condition: &ColumnCondition) -> Result<Expr, FilterError> {
    let (name, operator) = (condition.column.as_str(), condition.operator);
    let Some(column_type) = stage.column_type(input.schema(), name)? else {
        let reason = format!("column `{name}` doesn't exist in the schema");
        return Err(stage.missing_column(reason, name, input.schema()));
    };
    if !operator.is_known_to(column_type) {
        return Err(stage.error(format!(
            "column `{name}` is {}, which has no operator `{}`",
            column_type.name(),
            operator.name()
        )));
    }
    let holds = match (operator, &condition.argument) {
        (ConditionOperator::IsNull, _) => column(name).is_null(),
        (ConditionOperator::IsNotNull, _) => column(name).is_not_null(),
        (_, None) => return Err(stage.error(format!("the condition on `{name}` has no argument"))),
        (operator, Some(text)) => {
            let argument = argument(column_type, text, &condition.timestamp).ok_or_else(|| {
                stage.error(format!(
                    "the argument `{text}` of the condition on `{name}` cannot be read as {}",
                    column_type.name()
                ))
            })?;
            compared(column(name), operator, argument)
        }
    };
    Ok(match condition.is_negated {
        false => Expr::IsTrue(Box::new(holds)),
        true => Expr::IsNotTrue(Box::new(holds)),
    })
}

fn argument(column_type: ColumnType, text: &str, timestamp: &TimestampOptions) -> Option<Expr> {
    Some(match column_type {
        ColumnType::Boolean => lit(text.eq_ignore_ascii_case("true")),
        // A fraction may stand beside whole numbers.
        ColumnType::Long => match long_of_text(text) {
            Some(long) => lit(long),
            None => lit(double_of_text(text)?),
        },
        ColumnType::Double => lit(double_of_text(text)?),
        ColumnType::String | ColumnType::Json => lit(text),
        ColumnType::Timestamp => {
            let micros = TimestampParser::new(timestamp).ok()?.parse(text.as_bytes())?;
            lit(ScalarValue::TimestampMicrosecond(Some(micros), Some(Arc::from("UTC"))))
        }
    })
}

fn compared(column: Expr, operator: ConditionOperator, argument: Expr) -> Expr {
    match operator {
        ConditionOperator::Equal => column.eq(argument),
        ConditionOperator::NotEqual => column.not_eq(argument),
        ConditionOperator::Greater => column.gt(argument),
        ConditionOperator::GreaterOrEqual => column.gt_eq(argument),
        ConditionOperator::Less => column.lt(argument),
        ConditionOperator::LessOrEqual => column.lt_eq(argument),
        ConditionOperator::StartsWith => starts_with(column, argument),
        ConditionOperator::EndsWith => ends_with(column, argument),
        ConditionOperator::Contains => contains(column, argument),
        ConditionOperator::IsNull => column.is_null(),
        ConditionOperator::IsNotNull => column.is_not_null(),
    }
}
