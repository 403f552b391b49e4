//! What our functions share: a text, and constants.

use crate::parse::columns::ColumnType;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Int64Builder, ListBuilder, StringArray, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// One function.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// How many arguments it takes, the text among them.
    pub(super) num_arguments: RangeInclusive<usize>,
    /// What the constants are, for a message.
    pub(super) constants: &'static str,
    pub(super) gives: Gives,
    /// Compiles the constants.
    pub(super) compile: fn(&[String]) -> std::result::Result<Compiled, String>,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    One(ColumnType),
    Texts,
}

/// Reads a value from a text.
type Reading<T> = Box<dyn FnMut(&str) -> Option<T>>;

/// Writes what comes of a text; `false` if nothing does.
type Writing<O> = Box<dyn FnMut(&str, &mut O) -> bool>;

/// A function with its constants; `None` and `false` are null.
pub(super) enum Compiled {
    /// The text as it is.
    Same,
    /// Appends to an empty buffer.
    Text(Writing<String>),
    Long(Reading<i64>),
    Boolean(Reading<bool>),
    Timestamp(Reading<i64>),
    Texts(Writing<StringBuilder>),
}

/// A [`Spec`] as DataFusion knows it.
#[derive(Debug)]
pub(super) struct TextFunction {
    spec: &'static Spec,
    signature: Signature,
}

impl PartialEq for TextFunction {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name == other.spec.name
    }
}

impl Eq for TextFunction {}

impl Hash for TextFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.name.hash(state);
    }
}

impl TextFunction {
    pub(super) fn new(spec: &'static Spec) -> TextFunction {
        TextFunction {
            spec,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    fn compiled(&self, constants: Vec<Option<String>>) -> Result<Compiled> {
        let constants: Option<Vec<String>> = constants.into_iter().collect();
        let Some(constants) = constants else {
            return Err(self.error(&format!(
                "needs constants after its first argument: {}",
                self.spec.constants
            )));
        };
        (self.spec.compile)(&constants).map_err(|reason| self.error(&reason))
    }

    fn error(&self, what: &str) -> DataFusionError {
        DataFusionError::Plan(format!("`{}`: {what}", self.spec.name))
    }
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let accepted = &self.spec.num_arguments;
        if !accepted.contains(&arguments.len()) {
            let accepted = match (accepted.start(), accepted.end()) {
                (1, 1) => "1 argument".to_owned(),
                (least, most) if least == most => format!("{least} arguments"),
                (least, most) => format!("{least} to {most} arguments"),
            };
            return Err(self.error(&format!("takes {accepted}")));
        }
        let is_text = |data_type: &DataType| {
            data_type.is_string()
                || data_type.is_null()
                || matches!(data_type, DataType::Dictionary(_, value) if value.is_string())
        };
        for (index, data_type) in arguments.iter().enumerate() {
            // Constants may be numbers: the bits of a network.
            if !is_text(data_type) && (index == 0 || !data_type.is_integer()) {
                return Err(self.error(&format!("reads text, not `{data_type}`")));
            }
        }
        // A number that were cast would be no constant any more.
        let coerced = arguments.iter().map(|data_type| match data_type.is_integer() {
            true => DataType::Int64,
            false => DataType::Utf8,
        });
        Ok(coerced.collect())
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal(
            "return_field_from_args is used instead".to_owned(),
        ))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let constants = args.scalar_arguments.iter().skip(1);
        self.compiled(constants.map(|value| value.and_then(text_of_scalar)).collect())?;
        Ok(Arc::new(match self.spec.gives {
            Gives::One(column_type) => column_type.field(self.spec.name),
            Gives::Texts => {
                let item = Field::new_list_field(DataType::Utf8, true);
                Field::new(self.spec.name, DataType::List(Arc::new(item)), true)
            }
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(text) = args.args.first() else {
            return Err(self.error("has no argument"));
        };
        let constants = args.args.iter().skip(1).map(|value| match value {
            ColumnarValue::Scalar(value) => text_of_scalar(value),
            ColumnarValue::Array(_) => None,
        });
        let mut compiled = self.compiled(constants.collect())?;
        if matches!(compiled, Compiled::Same) {
            return Ok(text.clone());
        }
        // A constant is worked out once, and stays one.
        let is_constant = matches!(text, ColumnarValue::Scalar(_));
        let texts = text.to_array(if is_constant { 1 } else { args.number_rows })?;
        let values = compiled.apply(texts.as_string::<i32>());
        match is_constant {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)),
            false => Ok(ColumnarValue::Array(values)),
        }
    }
}

impl Compiled {
    fn apply(&mut self, texts: &StringArray) -> ArrayRef {
        match self {
            Compiled::Same => Arc::new(texts.clone()),
            Compiled::Text(function) => {
                let mut builder = StringBuilder::with_capacity(texts.len(), texts.value_data().len() / 4);
                let mut buffer = String::new();
                for text in texts {
                    buffer.clear();
                    match text {
                        Some(text) if function(text, &mut buffer) => builder.append_value(&buffer),
                        _ => builder.append_null(),
                    }
                }
                Arc::new(builder.finish())
            }
            Compiled::Long(function) => {
                let mut builder = Int64Builder::with_capacity(texts.len());
                builder.extend(texts.iter().map(|text| text.and_then(&mut *function)));
                Arc::new(builder.finish())
            }
            Compiled::Boolean(function) => {
                let mut builder = BooleanBuilder::with_capacity(texts.len());
                for text in texts {
                    builder.append_option(text.and_then(&mut *function));
                }
                Arc::new(builder.finish())
            }
            Compiled::Timestamp(function) => {
                let mut builder = TimestampMicrosecondBuilder::with_capacity(texts.len())
                    .with_data_type(ColumnType::Timestamp.data_type());
                builder.extend(texts.iter().map(|text| text.and_then(&mut *function)));
                Arc::new(builder.finish())
            }
            Compiled::Texts(function) => {
                let mut builder = ListBuilder::new(StringBuilder::new());
                for text in texts {
                    let is_there = text.is_some_and(|text| function(text, builder.values()));
                    builder.append(is_there);
                }
                Arc::new(builder.finish())
            }
        }
    }
}

fn text_of_scalar(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Int64(Some(number)) => Some(number.to_string()),
        _ => value.try_as_str().flatten().map(str::to_owned),
    }
}
