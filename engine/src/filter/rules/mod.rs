//! The configured filters as plain data, one struct per `type`; section 7 of the configuration reference says what each means.
//!
//! They are filled by `config` and compiled to one `LogicalPlan` by the functions beside them. Nothing here is executed.

pub(super) mod add_time;
pub(super) mod cast;
pub(super) mod column;
pub(super) mod conditions;
pub(super) mod dedup;
pub(super) mod digest;
pub(super) mod expand_json;
pub mod hidden;
mod json_edit;
pub(super) mod remove_columns;
pub(super) mod rename;

use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::pattern::{Pattern, Replacement};

pub use conditions::{ColumnCondition, ConditionOperator, ConditionsRule};

/// One entry of `filters`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The `type` as it was written, which may be one of several for a rule; errors and plans name the filter by it.
    pub kind: &'static str,
    /// What it does.
    pub rule: FilterRule,
}

impl Filter {
    /// The SQL in the configuration of this filter.
    pub fn sql_texts(&self) -> Vec<&str> {
        match &self.rule {
            FilterRule::Row(rule) => vec![&rule.where_clause],
            FilterRule::Sql(rule) => match &rule.text {
                SqlText::Query(query) => vec![query],
                SqlText::Clauses { where_clause, select } => {
                    where_clause.iter().chain(select).map(String::as_str).collect()
                }
            },
            _ => Vec::new(),
        }
    }
}

impl From<FilterRule> for Filter {
    /// A filter under the first name of its rule.
    fn from(rule: FilterRule) -> Filter {
        let kind = match &rule {
            FilterRule::Column(_) => "column",
            FilterRule::RemoveColumns(_) => "remove_columns",
            FilterRule::ExpandJson(_) => "expand_json",
            FilterRule::Digest(_) => "hash",
            FilterRule::AddTime(_) => "add_time",
            FilterRule::Rename(_) => "rename",
            FilterRule::Cast(_) => "cast",
            FilterRule::Row(_) | FilterRule::Conditions(_) => "row",
            FilterRule::Dedup(_) => "dedup",
            FilterRule::Sql(_) => "sql",
        };
        Filter { kind, rule }
    }
}

/// What a filter does.
#[derive(Clone, Debug, PartialEq)]
pub enum FilterRule {
    /// `column`, and the shorthands `retain_columns`, `add_columns`, `drop_columns`.
    Column(ColumnRule),
    /// `remove_columns`.
    RemoveColumns(RemoveColumnsRule),
    /// `expand_json`.
    ExpandJson(ExpandJsonRule),
    /// `hash`, also spelled `digest`.
    Digest(DigestRule),
    /// `add_time`.
    AddTime(AddTimeRule),
    /// `rename`.
    Rename(RenameRule),
    /// `cast`, ours.
    Cast(CastRule),
    /// `row` with `where`, ours.
    Row(RowRule),
    /// `row` with `conditions`.
    Conditions(ConditionsRule),
    /// `dedup`, ours.
    Dedup(DedupRule),
    /// `sql`, ours.
    Sql(SqlRule),
}

impl FilterRule {
    /// Whether it may reject a record, so that it wants to know where rows come from.
    pub fn may_reject(&self) -> bool {
        matches!(
            self,
            FilterRule::ExpandJson(_)
                | FilterRule::Cast(_)
                | FilterRule::AddTime(AddTimeRule {
                    source: AddTimeSource::FromColumn { .. },
                    ..
                })
        )
    }
}

/// Chooses, adds and drops columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnRule {
    /// The output is exactly these, in this order; `None`: the input's columns.
    pub columns: Option<Vec<ColumnEntry>>,
    /// Appended after them.
    pub add_columns: Vec<ColumnEntry>,
    /// Removed. Unknown names are passed over with a warning.
    pub drop_columns: Vec<String>,
}

/// One column of a [`ColumnRule`].
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnEntry {
    /// Name in the output.
    pub name: String,
    /// Input column it is taken from; `None`: the one called `name`.
    pub source: Option<String>,
    /// Needed when there is no such input column.
    pub column_type: Option<ColumnType>,
    /// Replaces null, and is the constant of a new column; as text.
    pub default: Option<String>,
    /// Reads `default` of a timestamp column.
    pub timestamp: TimestampOptions,
}

/// Keeps or removes columns by name.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoveColumnsRule {
    /// Whether `names` are kept or removed.
    pub action: RemoveOrKeep,
    /// Column names.
    pub names: Vec<String>,
    /// Whether names that the input lacks are passed over.
    pub accept_unmatched_columns: bool,
}

/// See [`RemoveColumnsRule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveOrKeep {
    /// The named columns go.
    Remove,
    /// The named columns stay.
    Keep,
}

/// Puts members of a JSON column into columns of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpandJsonRule {
    /// A string or json column.
    pub json_column_name: String,
    /// Text put before each expanded column's name to make its path.
    pub root: String,
    /// Columns in output order.
    pub expanded_columns: Vec<ExpandedColumn>,
    /// Whether the JSON column stays, before the expanded ones.
    pub keep_expanding_json_column: bool,
    /// Whether a record whose value cannot be typed fails the job instead of being rejected.
    pub stop_on_invalid_record: bool,
}

/// One column of an [`ExpandJsonRule`].
#[derive(Clone, Debug, PartialEq)]
pub struct ExpandedColumn {
    /// Path text, and the name of the column.
    pub name: String,
    /// Type of the column.
    pub column_type: ColumnType,
    /// For timestamps.
    pub timestamp: TimestampOptions,
}

/// Replaces values by their digest, in place.
#[derive(Clone, Debug, PartialEq)]
pub struct DigestRule {
    /// Columns with their algorithms.
    pub columns: Vec<DigestColumn>,
}

/// One column of a [`DigestRule`].
#[derive(Clone, PartialEq)]
pub struct DigestColumn {
    /// Input column; it must exist.
    pub name: String,
    /// Algorithm.
    pub algorithm: DigestAlgorithm,
    /// The Hmac algorithms have this or `key_file`, the others none; never shown.
    pub secret_key: Option<String>,
    /// A file that holds the key; a line end after it does not count.
    pub key_file: Option<String>,
    /// Name in the output; `None`: unchanged.
    pub new_name: Option<String>,
}

impl std::fmt::Debug for DigestColumn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DigestColumn")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .field("secret_key", &self.secret_key.as_ref().map(|_| "[hidden]"))
            .field("key_file", &self.key_file)
            .field("new_name", &self.new_name)
            .finish()
    }
}

/// Digest algorithms, named as in Java.
#[expect(missing_docs, reason = "each is the name of its algorithm")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestAlgorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    HmacMd5,
    HmacSha1,
    HmacSha224,
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

/// Appends a time column.
#[derive(Clone, Debug, PartialEq)]
pub struct AddTimeRule {
    /// Name of the new column.
    pub to_column: String,
    /// `None`: a timestamp column; otherwise a long column in this unit.
    pub to_unit: Option<UnixUnit>,
    /// Where the value comes from.
    pub source: AddTimeSource,
}

/// Where [`AddTimeRule`] takes its value from.
#[derive(Clone, Debug, PartialEq)]
pub enum AddTimeSource {
    /// A column: long (by unit), string (by format), timestamp, or a member of a json column.
    FromColumn {
        /// Input column; it must exist.
        name: String,
        /// Unit of numbers.
        unit: UnixUnit,
        /// Formats of text.
        timestamp: TimestampOptions,
        /// Member of a json column.
        json_key: Option<String>,
    },
    /// One instant, microseconds since the epoch.
    FixedTime(i64),
    /// From the first to the last of these seconds, inclusive, one second a record, then from the start again.
    IncrementalTime {
        /// Seconds since the epoch.
        from: i64,
        /// Seconds since the epoch, not before `from`.
        to: i64,
    },
    /// The moment the job started.
    UploadTime,
}

/// Unit of a number that counts from the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnixUnit {
    /// Seconds.
    #[default]
    Sec,
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// Renames columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenameRule {
    /// Old and new names; every old name must exist.
    pub columns: Vec<(String, String)>,
    /// Applied afterwards, in order, to every name.
    pub rules: Vec<RenameStep>,
}

/// One entry of `rules` of a [`RenameRule`]; section 7.6.
#[derive(Clone, Debug, PartialEq)]
pub enum RenameStep {
    /// `lower_to_upper`
    LowerToUpper,
    /// `upper_to_lower`
    UpperToLower,
    /// `character_types`
    CharacterTypes {
        /// Classes that pass: `a-z`, `A-Z`, `0-9`.
        pass_types: Vec<String>,
        /// Single characters that pass.
        pass_characters: String,
        /// Put in place of every other one.
        replace: char,
    },
    /// `first_character_types`
    FirstCharacterTypes {
        /// As above.
        pass_types: Vec<String>,
        /// As above.
        pass_characters: String,
        /// What is done when the first character does not pass.
        change: FirstCharacterChange,
    },
    /// `regex_replace`
    RegexReplace {
        /// What is looked for in a name.
        pattern: Pattern,
        /// Put in the place of every find.
        replacement: Replacement,
    },
    /// `truncate`
    Truncate {
        /// Characters kept.
        max_length: usize,
    },
    /// `unique_number_suffix`
    UniqueNumberSuffix {
        /// Between name and number.
        delimiter: char,
        /// Least number of digits, zero-padded.
        digits: Option<usize>,
        /// Longest name, suffix included.
        max_length: Option<usize>,
        /// The number before the first suffix.
        offset: u64,
    },
}

/// See [`RenameStep::FirstCharacterTypes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstCharacterChange {
    /// Put in its place.
    Replace(char),
    /// Put before it.
    Prefix(char),
}

/// Casts columns.
#[derive(Clone, Debug, PartialEq)]
pub struct CastRule {
    /// Name and new type; text that cannot be cast rejects the record.
    pub columns: Vec<ColumnEntry>,
}

/// Keeps the rows for which a condition is true.
#[derive(Clone, Debug, PartialEq)]
pub struct RowRule {
    /// Boolean SQL expression over the columns.
    pub where_clause: String,
}

impl RowRule {
    /// The same as SQL.
    pub(super) fn query(&self) -> SqlRule {
        SqlRule {
            text: SqlText::Clauses {
                where_clause: Some(self.where_clause.clone()),
                select: None,
            },
            tables: Vec::new(),
        }
    }
}

/// Keeps one row of all that have the same key.
#[derive(Clone, Debug, PartialEq)]
pub struct DedupRule {
    /// The columns of the key; they must exist. Nulls are equal to each other.
    pub columns: Vec<String>,
    /// Which of the rows stays; `None`: any.
    pub order: Option<DedupOrder>,
}

/// Which row a [`DedupRule`] keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct DedupOrder {
    /// The column whose values are compared; it must exist. A row without a value stays only if none has one.
    pub by: String,
    /// Which end of the values.
    pub keep: Keep,
}

/// See [`DedupOrder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The least value.
    First,
    /// The greatest value.
    Last,
}

/// Filters, computes or replaces rows by SQL over the table `input`.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlRule {
    /// What is done.
    pub text: SqlText,
    /// Files that are tables besides `input`, by name.
    pub tables: Vec<(String, LookupFile)>,
}

/// A file that SQL can join with, or several of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupFile {
    /// Path on the local disk, a relative one from the working directory on, or `s3://BUCKET/KEY`. A folder, which ends in a slash there,
    /// stands for all that is in it, `*` for any characters but slashes, `**` for any, `?` for one.
    pub path: String,
    /// How it is read.
    pub format: LookupFormat,
    /// Types of single columns of a CSV file; those of the others are found out.
    pub columns: Vec<(String, ColumnType)>,
}

/// How a [`LookupFile`] is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupFormat {
    /// With a header line.
    Csv {
        /// Between fields.
        delimiter: u8,
    },
    /// A document a line, or one array of documents.
    Json,
    /// Parquet.
    Parquet,
}

impl LookupFormat {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            LookupFormat::Csv { .. } => "csv",
            LookupFormat::Json => "json",
            LookupFormat::Parquet => "parquet",
        }
    }
}

/// The text of a [`SqlRule`].
#[derive(Clone, Debug, PartialEq)]
pub enum SqlText {
    /// `where` and `select`, either of them or both.
    Clauses {
        /// Boolean expression; `None`: every row.
        where_clause: Option<String>,
        /// Select list; `None`: `*`.
        select: Option<String>,
    },
    /// A whole query over the table `input`.
    Query(String),
}
