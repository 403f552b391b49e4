//! SQL functions of ours, for what DataFusion lacks.
//!
//! | function | gives |
//! | --- | --- |
//! | `parse_timestamp(text, format [, timezone])` | the instant, by a format of the configuration file; null if the text does not fit |
//! | `json_get(text, path)` | the value at a JSON path as text: the content of a string, any other as JSON; null if there is none |
//! | `as_json(text)` | the same text, as a column of the type `json` |
//!
//! Formats, zones and paths are constants, so that they are compiled once and a wrong one is an error before any data is read.

use super::json_path::{JsonPath, parse_json, text_of_json};
use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::parse::timestamp::TimestampParser;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// Adds our functions to a session, or whatever else keeps functions.
///
/// **Errors**: those of the registry.
pub fn register_functions(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for kind in [
        TextFunctionKind::ParseTimestamp,
        TextFunctionKind::JsonGet,
        TextFunctionKind::AsJson,
    ] {
        registry.register_udf(Arc::new(ScalarUDF::new_from_impl(TextFunction::new(kind))))?;
    }
    Ok(())
}

/// Marks a text expression as a column of the type `json`; the optimizer keeps the mark, which it does not for metadata of an alias.
pub(super) fn as_json(text: Expr) -> Expr {
    ScalarUDF::new_from_impl(TextFunction::new(TextFunctionKind::AsJson)).call(vec![text])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TextFunctionKind {
    ParseTimestamp,
    JsonGet,
    AsJson,
}

/// A function whose arguments are texts, all but the first constant.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TextFunction {
    kind: TextFunctionKind,
    signature: Signature,
}

impl TextFunction {
    fn new(kind: TextFunctionKind) -> TextFunction {
        TextFunction {
            kind,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    fn parser(&self, format: Option<String>, timezone: Option<String>) -> Result<TimestampParser> {
        let Some(format) = format else {
            return Err(self.error("needs a constant format as its second argument"));
        };
        let mut options = TimestampOptions {
            formats: vec![format],
            ..TimestampOptions::default()
        };
        if let Some(timezone) = timezone {
            options.timezone = timezone;
        }
        TimestampParser::new(&options).map_err(|error| self.error(&error.to_string()))
    }

    fn path(&self, path: Option<String>) -> Result<JsonPath> {
        let path = path.ok_or_else(|| self.error("needs a constant path as its second argument"))?;
        JsonPath::parse(&path).map_err(|reason| self.error(&reason))
    }

    fn error(&self, what: &str) -> DataFusionError {
        DataFusionError::Plan(format!("`{}`: {what}", self.name()))
    }
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &str {
        match self.kind {
            TextFunctionKind::ParseTimestamp => "parse_timestamp",
            TextFunctionKind::JsonGet => "json_get",
            TextFunctionKind::AsJson => "as_json",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let accepted = match self.kind {
            TextFunctionKind::ParseTimestamp => 2..=3,
            TextFunctionKind::JsonGet => 2..=2,
            TextFunctionKind::AsJson => 1..=1,
        };
        if !accepted.contains(&arguments.len()) {
            return Err(self.error(&format!("takes {} to {} arguments", accepted.start(), accepted.end())));
        }
        let is_text = |data_type: &DataType| {
            data_type.is_string()
                || data_type.is_null()
                || matches!(data_type, DataType::Dictionary(_, value) if value.is_string())
        };
        match arguments.iter().find(|data_type| !is_text(data_type)) {
            Some(other) => Err(self.error(&format!("reads text, not `{other}`"))),
            None => Ok(vec![DataType::Utf8; arguments.len()]),
        }
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal(
            "return_field_from_args is used instead".to_owned(),
        ))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let constant = |index: usize| {
            args.scalar_arguments
                .get(index)
                .copied()
                .flatten()
                .and_then(text_of_scalar)
        };
        let column_type = match self.kind {
            TextFunctionKind::ParseTimestamp => {
                if args.scalar_arguments.len() > 2 && constant(2).is_none() {
                    return Err(self.error("needs a constant time zone as its third argument"));
                }
                self.parser(constant(1), constant(2))?;
                ColumnType::Timestamp
            }
            TextFunctionKind::JsonGet => {
                self.path(constant(1))?;
                ColumnType::String
            }
            TextFunctionKind::AsJson => ColumnType::Json,
        };
        Ok(Arc::new(column_type.field(self.name())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = |index: usize| match args.args.get(index) {
            Some(ColumnarValue::Scalar(value)) => text_of_scalar(value),
            _ => None,
        };
        let Some(text) = args.args.first() else {
            return Err(self.error("has no argument"));
        };
        if self.kind == TextFunctionKind::AsJson {
            return Ok(text.clone());
        }
        let texts = text.to_array(args.number_rows)?;
        let texts = texts.as_string::<i32>();
        let array: ArrayRef = match self.kind {
            TextFunctionKind::ParseTimestamp => {
                let mut parser = self.parser(constant(1), constant(2))?;
                let mut builder = TimestampMicrosecondBuilder::with_capacity(texts.len())
                    .with_data_type(ColumnType::Timestamp.data_type());
                for text in texts {
                    builder.append_option(text.and_then(|text| parser.parse(text.as_bytes())));
                }
                Arc::new(builder.finish())
            }
            _ => {
                let path = self.path(constant(1))?;
                let mut builder = StringBuilder::with_capacity(texts.len(), texts.value_data().len() / 4);
                let mut buffer = String::new();
                for text in texts {
                    let root = text.and_then(parse_json);
                    let found = root.as_ref().and_then(|root| path.find(root));
                    builder.append_option(found.and_then(|value| text_of_json(value, &mut buffer)));
                }
                Arc::new(builder.finish())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

fn text_of_scalar(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}
