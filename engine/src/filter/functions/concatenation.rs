//! `a || b || c` in one pass. The operator takes two operands, so it would make a text for each of them but the first, and copy it for
//! the next.

use crate::append::append_whole;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// With fewer operands the operator makes no text in vain.
const MIN_OPERANDS: usize = 3;

/// Replaces each chain of `||` in a plan by one function that gives the same.
///
/// **Errors**: those of DataFusion, for a plan that is none.
pub(in crate::filter) fn join_concatenations(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let plan = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_down(|expr| Ok(joined(expr, &schema)))?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })?;
        plan.map_data(LogicalPlan::recompute_schema)
    })?;
    Ok(plan.data)
}

fn joined(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let mut operands = Vec::new();
    push_operands(&expr, &mut operands);
    let is_text = |operand: &&Expr| matches!(operand.get_type(schema), Ok(DataType::Utf8));
    if operands.len() < MIN_OPERANDS || !operands.iter().all(is_text) {
        return Transformed::no(expr);
    }
    let operands = operands.into_iter().cloned().collect();
    Transformed::yes(ScalarUDF::new_from_impl(Concatenation::new()).call(operands))
}

/// Appends the operands of a chain in their order; of anything else, itself.
fn push_operands<'e>(expr: &'e Expr, operands: &mut Vec<&'e Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::StringConcat,
            right,
        }) => {
            push_operands(left, operands);
            push_operands(right, operands);
        }
        _ => operands.push(expr),
    }
}

/// The texts of all arguments one after the other; null if one of them is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Concatenation {
    signature: Signature,
}

impl Concatenation {
    fn new() -> Concatenation {
        Concatenation {
            signature: Signature::variadic(vec![DataType::Utf8], Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Concatenation {
    fn name(&self) -> &str {
        "concatenation"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let operands: Vec<Operand<'_>> = args.args.iter().map(Operand::new).collect::<Result<_>>()?;
        if operands.iter().any(|operand| matches!(operand, Operand::Same(None))) {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        }
        let is_same = operands.iter().all(|operand| matches!(operand, Operand::Same(_)));
        let texts: ArrayRef = Arc::new(concatenated(&operands, if is_same { 1 } else { args.number_rows })?);
        Ok(match is_same {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?),
            false => ColumnarValue::Array(texts),
        })
    }
}

enum Operand<'a> {
    Each(&'a StringArray),
    /// In every row.
    Same(Option<&'a str>),
}

impl Operand<'_> {
    fn new(value: &ColumnarValue) -> Result<Operand<'_>> {
        let operand = match value {
            ColumnarValue::Array(array) => array.as_string_opt().map(Operand::Each),
            ColumnarValue::Scalar(ScalarValue::Utf8(text)) => Some(Operand::Same(text.as_deref())),
            ColumnarValue::Scalar(_) => None,
        };
        operand.ok_or_else(|| DataFusionError::Internal("only texts are concatenated".to_owned()))
    }

    fn text(&self, row: usize) -> &str {
        match self {
            Operand::Each(texts) => texts.value(row),
            Operand::Same(text) => text.unwrap_or_default(),
        }
    }

    fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Operand::Each(texts) => texts.nulls(),
            Operand::Same(_) => None,
        }
    }

    /// Bytes of the texts of all rows.
    fn num_bytes(&self, num_rows: usize) -> usize {
        match self {
            Operand::Each(texts) => {
                texts.value_offsets().last().map_or(0, |end| *end as usize) - texts.value_offsets()[0] as usize
            }
            Operand::Same(text) => text.map_or(0, str::len) * num_rows,
        }
    }
}

fn concatenated(operands: &[Operand<'_>], num_rows: usize) -> Result<StringArray> {
    let nulls = operands.iter().fold(None, |nulls, operand| {
        NullBuffer::union(nulls.as_ref(), operand.nulls())
    });
    let mut bytes = Vec::with_capacity(operands.iter().map(|operand| operand.num_bytes(num_rows)).sum());
    let mut ends = Vec::with_capacity(num_rows + 1);
    ends.push(0);
    for row in 0..num_rows {
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            for operand in operands {
                append_whole(&mut bytes, operand.text(row).as_bytes());
            }
        }
        let end = i32::try_from(bytes.len());
        ends.push(end.map_err(|_| DataFusionError::Execution("the texts of a batch exceed 2 GiB".to_owned()))?);
    }
    Ok(StringArray::try_new(
        OffsetBuffer::new(ends.into()),
        bytes.into(),
        nulls,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, RecordBatch};
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::{SessionConfig, SessionContext};

    /// The plan and the rows of an expression over `a`, `b` (texts) and `n`, as the operator gives them and joined.
    async fn both(expression: &str) -> Result<[(String, String); 2]> {
        let texts = |texts: &[Option<&str>]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let batch = RecordBatch::try_from_iter([
            ("a", texts(&[Some("x"), None, Some(""), Some("é")])),
            (
                "b",
                texts(&[Some("a text of more than 16 bytes"), Some("y"), None, Some("")]),
            ),
            ("n", Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(4)]))),
        ])?;
        let mut config = SessionConfig::new();
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let context = SessionContext::new_with_config(config);
        context.register_batch("input", batch)?;
        let frame = context.sql(&format!("SELECT {expression} FROM input")).await?;
        let (state, plan) = frame.into_parts();
        let joined = join_concatenations(plan.clone())?;
        let mut found = Vec::new();
        for plan in [plan, joined] {
            let shown = plan.to_string();
            let frame = datafusion::prelude::DataFrame::new(state.clone(), plan);
            found.push((shown, pretty_format_batches(&frame.collect().await?)?.to_string()));
        }
        Ok(found.try_into().expect("two of them"))
    }

    #[track_caller]
    fn check(expression: &str, is_joined: bool) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let [(plan, rows), (joined_plan, joined_rows)] = runtime.block_on(both(expression)).unwrap();
        assert_eq!(joined_rows, rows, "{expression}");
        assert_eq!(joined_plan != plan, is_joined, "{expression}: {joined_plan}");
        assert_eq!(joined_plan.contains("concatenation("), is_joined, "{joined_plan}");
    }

    #[test]
    fn chains_of_texts_give_what_the_operator_gives() {
        check("a || 'T' || b || 'Z' AS v", true);
        check("a || ('T' || b) || (b || a) AS v", true);
        check("upper(a || b || 'c') || '-' || lower(b) AS v", true);
        check("CASE WHEN a || b || a > 'x' THEN 1 END AS v", true);
        check(
            "count(*) AS v, a || '/' || b AS key FROM input GROUP BY a || '/' || b ORDER BY key --",
            true,
        );
        check("(SELECT max(a || b || 'c') FROM input) AS v", true);
        check("a || b || NULL || 'x' AS v", false);
        check("'a' || 'b' || 'c' AS v", true);
    }

    #[test]
    fn columns_keep_their_names() {
        check("a || 'T' || b", true);
        check("a || b || a, n", true);
    }

    #[test]
    fn other_operands_are_left_to_the_operator() {
        check("a || b AS v", false);
        check("a || '-' || n AS v", false);
        check("n + n + n AS v", false);
    }
}
