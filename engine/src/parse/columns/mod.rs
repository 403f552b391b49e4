//! What a column of the configuration is, and how its fields become an Arrow array.
//!
//! Reading order: this file (types and options), [`writer`] (fields into arrays) with `texts`, then what each type accepts: [`boolean`],
//! [`long`], [`double`], [`json`]. Timestamps are read by [`super::timestamp`].

pub mod boolean;
pub mod double;
pub mod json;
pub mod long;
pub(crate) mod texts;
pub mod writer;

use arrow::datatypes::{DataType, Field, TimeUnit};
use std::collections::HashMap;
use std::sync::Arc;

/// The types of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `true` or `false`.
    Boolean,
    /// 64-bit signed integer.
    Long,
    /// IEEE 754 binary64.
    Double,
    /// Unicode text.
    String,
    /// An instant, microseconds since the epoch, no zone stored.
    Timestamp,
    /// One JSON value, kept as compact JSON text.
    Json,
}

/// Key of the Arrow field metadata that tells a JSON column from other text.
pub const TYPE_METADATA_KEY: &str = "bucketload.type";

impl ColumnType {
    /// Every type, in the order users read them.
    pub const ALL: [ColumnType; 6] = [
        ColumnType::Boolean,
        ColumnType::Long,
        ColumnType::Double,
        ColumnType::String,
        ColumnType::Timestamp,
        ColumnType::Json,
    ];

    /// The word used in YAML, in messages and in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            ColumnType::Boolean => "boolean",
            ColumnType::Long => "long",
            ColumnType::Double => "double",
            ColumnType::String => "string",
            ColumnType::Timestamp => "timestamp",
            ColumnType::Json => "json",
        }
    }

    /// The type called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<ColumnType> {
        ColumnType::ALL
            .into_iter()
            .find(|column_type| column_type.name() == name)
    }

    /// Whether every text is a value of this type, so that no record is rejected for one.
    pub(crate) fn takes_any_text(self) -> bool {
        matches!(self, ColumnType::String | ColumnType::Boolean)
    }

    /// The Arrow type its arrays have.
    pub fn data_type(self) -> DataType {
        match self {
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Long => DataType::Int64,
            ColumnType::Double => DataType::Float64,
            ColumnType::String | ColumnType::Json => DataType::Utf8,
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
        }
    }

    /// The nullable Arrow field of a column of this type; JSON columns are marked in the field's metadata.
    pub fn field(self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        match self {
            ColumnType::Json => {
                field.with_metadata(HashMap::from([(TYPE_METADATA_KEY.to_owned(), self.name().to_owned())]))
            }
            _ => field,
        }
    }
}

/// How the text of a timestamp column is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampOptions {
    /// Formats in one of the three dialects (no prefix, `ruby:`, `java:`), tried in this order. Never empty.
    pub formats: Vec<String>,
    /// Zone of texts that name none.
    pub timezone: String,
    /// Date, `YYYY-MM-DD`, for the date parts that the format lacks.
    pub date: String,
}

impl Default for TimestampOptions {
    /// The defaults of the configuration reference, section 3.1.
    fn default() -> Self {
        TimestampOptions {
            formats: vec!["%Y-%m-%d %H:%M:%S.%N %z".to_owned()],
            timezone: "UTC".to_owned(),
            date: "1970-01-01".to_owned(),
        }
    }
}

/// One column of a parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnOptions {
    /// Name in the table.
    pub name: String,
    /// Type in the configuration's words.
    pub column_type: ColumnType,
    /// Used by timestamp columns only.
    pub timestamp: TimestampOptions,
    /// JSON Pointer to the value (`json` and `jsonl` parsers); `None`: the top-level member called `name`.
    pub element_at: Option<String>,
    /// Of an object in a column of type json, or of each object in an array there, the members that are kept (`json` and `jsonl`
    /// parsers); empty: all of them.
    pub members: Vec<String>,
}
