//! A job ready to run: every default filled in, every option checked, secrets in types that hide them.

use crate::decode::DecodeOptions;
use crate::filter::rules::{Filter, UnixUnit};
use crate::source::select::SelectOptions;
use std::path::PathBuf;

pub use crate::pack::StepSize;
pub use crate::parse::ParserOptions;
pub use crate::scan::metadata::{MetadataColumn, MetadataKind};
pub use crate::scan::{CharsetErrors, OnFileError};
pub use crate::source::known::OnChangedFile;
pub use crate::source::options::{CredentialOptions, Location, ProxyOptions, RetryOptions, S3Options};
pub use crate::table::OutputMode;
pub use crate::write::encoding::Compression;
pub use crate::write::partition::PartitionBy;

/// What `resolve` makes of a configuration.
#[derive(Clone, Debug)]
pub struct JobPlan {
    /// Where rows come from.
    pub input: InputPlan,
    /// What happens to them, in order.
    pub filters: Vec<Filter>,
    /// Where they go.
    pub output: OutputPlan,
    /// Tuning; `None` in a knob means that it sets itself while running.
    pub exec: ExecPlan,
}

/// The `in` section.
#[derive(Clone, Debug)]
pub struct InputPlan {
    /// The bucket or directory.
    pub location: Location,
    /// Which of its files.
    pub select: SelectOptions,
    /// A condition on what the listing says of a file, in SQL; `None`: every file.
    pub where_clause: Option<String>,
    /// Compressed bytes at which a task is full; 0 makes every file a task.
    pub min_task_size_bytes: u64,
    /// How bytes become plain bytes.
    pub decode: DecodeOptions,
    /// How plain bytes become rows. `None` only in a seed for `guess`.
    pub parser: Option<ParserOptions>,
    /// Metadata columns, appended after the parser's, in this order.
    pub metadata_columns: Vec<MetadataColumn>,
    /// What a record that cannot be read does.
    pub on_error: OnError,
    /// What a file that cannot be decoded does.
    pub on_file_error: OnFileError,
    /// What bytes do that are no text in the parser's character set.
    pub charset_errors: CharsetErrors,
    /// `incremental: ledger`: each file is loaded once, and this is what happens to one that was rewritten since. `None`: the ledger is
    /// written and not asked.
    pub ledger: Option<OnChangedFile>,
}

/// `in.parser.on_error` and its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct OnError {
    /// Whether the first bad record fails the job.
    pub is_fail: bool,
    /// Whether skipped records are stored in the table of rejects.
    pub has_rejects_table: bool,
    /// More rejects than this fail the job.
    pub max_errors: Option<RejectLimit<u64>>,
    /// A greater share of rejects among the records read, from 0 to 1, fails the job.
    pub max_error_ratio: Option<RejectLimit<f64>>,
}

/// A limit of rejects, with the key that set it: several can, and whoever exceeds it wants to know which to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectLimit<T> {
    /// Path of the key.
    pub key: &'static str,
    /// What is allowed.
    pub max: T,
}

impl<T> RejectLimit<T> {
    /// A limit that `key` sets.
    pub fn new(key: &'static str, max: T) -> RejectLimit<T> {
        RejectLimit { key, max }
    }
}

/// The `out` section.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputPlan {
    /// A Delta table, or bare files.
    pub layout: OutputLayout,
    /// What happens to the rows already there.
    pub mode: OutputMode,
    /// The column partitions are made by; `None`: see section 8.2.
    pub time_column: Option<String>,
    /// Whether, with no time column named and none called `time`, the first long or timestamp column is taken.
    pub is_first_time_column_taken: bool,
    /// A constant or counted time instead of a column's.
    pub time_value: Option<crate::filter::rules::AddTimeSource>,
    /// Unit of a long time column.
    pub unix_timestamp_unit: UnixUnit,
    /// Width of a partition.
    pub partition_by: PartitionBy,
    /// Zone in which partitions are cut.
    pub timezone: String,
    /// Whether a row without a time fails the job instead of being rejected.
    pub stop_on_invalid_record: bool,
    /// Whether a missing table is created.
    pub auto_create_table: bool,
    /// Parquet compression.
    pub compression: Compression,
    /// Whether rows are sorted by time inside each file.
    pub is_sorted_by_time: bool,
    /// Whether a column `time` of the data wins over `time_column` and `time_value`.
    pub is_existing_time_preferred: bool,
    /// What columns are stored as; section 8.3.
    pub storage: StorageOptions,
}

/// Conversions before rows are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageOptions {
    /// Zone in which timestamps are written as text.
    pub timezone: String,
    /// What timestamp columns other than the time column become.
    pub timestamps: TimestampStorage,
    /// What boolean columns become.
    pub booleans: BooleanStorage,
    /// Single columns, in the order written; they win over the two above.
    pub columns: Vec<ColumnStorage>,
}

impl Default for StorageOptions {
    fn default() -> Self {
        StorageOptions {
            timezone: "UTC".to_owned(),
            timestamps: TimestampStorage::default(),
            booleans: BooleanStorage::default(),
            columns: Vec::new(),
        }
    }
}

/// `out.default_timestamp_type_convert_to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampStorage {
    /// Left as they are.
    #[default]
    Native,
    /// Text `%Y-%m-%d %H:%M:%S.%6N`.
    String,
    /// Whole seconds since the epoch.
    Sec,
}

/// `out.default_boolean_type_convert_to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BooleanStorage {
    /// Left as they are.
    #[default]
    Native,
    /// 0 and 1.
    Long,
    /// `true` and `false`.
    String,
}

/// One entry of `out.column_options`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnStorage {
    /// The column; one that the data lacks is passed over.
    pub name: String,
    /// `None`: as its type is stored otherwise.
    pub column_type: Option<crate::parse::columns::ColumnType>,
    /// Zone of a timestamp written as text; `None`: that of [`StorageOptions`].
    pub timezone: Option<String>,
    /// Format of a timestamp written as text, in the Ruby dialect.
    pub format: String,
}

/// `out.type`.
#[expect(missing_docs, reason = "each is the word of the configuration")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputLayout {
    #[default]
    Delta,
    Parquet,
}

/// The `exec` section; `None`: sets itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecPlan {
    /// Partitions of the plan (`max_threads`); the number of cores.
    pub max_threads: Option<usize>,
    /// Bytes all queues, buffers and open writers may hold.
    pub memory_limit_bytes: Option<u64>,
    /// Folder for what memory has no room for; the system's folder for temporary files.
    pub scratch_folder: Option<PathBuf>,
    /// Bytes of one output file at which the next is begun.
    pub target_file_size_bytes: Option<u64>,
    /// Requests in flight at most.
    pub max_requests: Option<usize>,
    /// Rows of a batch.
    pub batch_rows: Option<usize>,
    /// What an append commits at a time; all at once.
    pub commit_every: Option<StepSize>,
    /// After how much input a job writes down what it has done.
    pub checkpoint_every: Option<StepSize>,
    /// Bytes `guess` reads of each sampled file.
    pub guess_sample_buffer_bytes: Option<u64>,
    /// Rows `preview` shows.
    pub preview_sample_rows: Option<usize>,
    /// Guess steps to add (`-g`).
    pub guess_plugins: Vec<String>,
    /// Guess steps to leave out.
    pub exclude_guess_plugins: Vec<String>,
}
