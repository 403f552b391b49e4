//! Plans a condition that stands by itself: not of a filter, and not on rows.

use super::functions;
use super::text::{SqlStatement, reason_and_hint};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::prelude::SessionContext;

/// A condition that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct WrongCondition {
    /// What is wrong, and where in the text.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Makes an expression of the text of the key `where` over these columns. Our functions become known to the session.
///
/// **Errors**: the text is no expression over them that is true or false.
pub fn plan_condition(context: &SessionContext, text: &str, schema: &DFSchema) -> Result<Expr, WrongCondition> {
    let wrong = |error: DataFusionError| {
        let (reason, hint) = reason_and_hint(&SqlStatement::condition(text), &[], error);
        WrongCondition { reason, hint }
    };
    functions::register_functions(&mut context.clone()).map_err(wrong)?;
    let expr = context.state().create_logical_expr(text, schema).map_err(wrong)?;
    let data_type = expr.get_type(schema).map_err(wrong)?;
    match data_type {
        DataType::Boolean => Ok(expr),
        other => Err(WrongCondition {
            reason: format!("the condition gives `{other}` instead of true or false"),
            hint: None,
        }),
    }
}
