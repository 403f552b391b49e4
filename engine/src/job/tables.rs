//! Shows, makes and deletes tables.

use super::environment::Environment;
use super::notes::{UnfinishedJob, unfinished_jobs};
use crate::error::{Error, Result};
use crate::parse::columns::ColumnType;
use crate::table::promise::Companion;
use crate::table::schema::{partition_column_names, type_name};
use crate::table::warehouse::TableName;
use crate::table::{TableLayout, commit, delta, plain, promise};
use crate::write::partition::PartitionBy;
use arrow::datatypes::Schema;
use serde::Serialize;
use std::sync::Arc;

/// One table of the warehouse.
#[derive(Clone, Debug, Serialize)]
pub struct TableSummary {
    /// Folder of the warehouse.
    pub database: String,
    /// Folder of the database.
    pub table: String,
    /// `delta` or `parquet`.
    #[serde(rename = "type")]
    pub layout: &'static str,
    /// The version readers see; null for bare files.
    pub version: Option<u64>,
    /// Data files.
    pub files: u64,
    /// Rows; null if that would need reading files.
    pub rows: Option<u64>,
    /// Bytes of the data files.
    pub bytes: u64,
}

/// A table with its columns.
#[derive(Clone, Debug, Serialize)]
pub struct TableDetails {
    /// As in the list of tables.
    #[serde(flatten)]
    pub summary: TableSummary,
    /// Where the files are.
    pub location: String,
    /// Names of the partition columns, outermost first.
    pub partition_columns: Vec<String>,
    /// The column partitions are made of.
    pub time_column: Option<String>,
    /// The zone in which partitions are cut.
    pub timezone: Option<String>,
    /// All columns, partition columns included.
    pub columns: Vec<ColumnSummary>,
    /// Jobs that are running, or that died and can be gone on with.
    pub unfinished_jobs: Vec<UnfinishedJob>,
}

/// One column of a table.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnSummary {
    /// Name.
    pub name: String,
    /// Type, in the words of the configuration where it has one.
    #[serde(rename = "type")]
    pub column_type: String,
}

/// What a new table is to look like.
#[derive(Clone, Debug, Default)]
pub struct NewTable {
    /// Columns; none: the table takes those of its first load.
    pub columns: Vec<(String, ColumnType)>,
    /// Width of a partition.
    pub partition_by: PartitionBy,
    /// The column partitions are made of.
    pub time_column: Option<String>,
    /// The zone in which partitions are cut; `None`: UTC.
    pub timezone: Option<String>,
}

/// Lists the tables of the warehouse, by name.
pub async fn tables(environment: &Environment) -> Result<Vec<TableSummary>> {
    let mut summaries = Vec::new();
    for name in environment.warehouse.folders_of_tables().await? {
        summaries.extend(details(environment, &name).await?.map(|details| details.summary));
    }
    Ok(summaries)
}

/// Describes one table.
///
/// **Errors**: there is none of that name.
pub async fn show(environment: &Environment, name: &TableName) -> Result<TableDetails> {
    match details(environment, name).await? {
        Some(details) => Ok(details),
        None => Err(no_such_table(environment, name).await),
    }
}

/// The error for a name that is no table, with the nearest that is one.
pub(super) async fn no_such_table(environment: &Environment, name: &TableName) -> Error {
    let error = Error::config(format!("table `{name}` doesn't exist"));
    let known = environment.warehouse.folders_of_tables().await.unwrap_or_default();
    let nearest = known
        .iter()
        // Of a table of which nothing was committed there may be a folder.
        .filter(|known| *known != name)
        .map(|known| {
            (
                strsim::damerau_levenshtein(&known.to_string(), &name.to_string()),
                known,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 3);
    match nearest {
        Some((_, nearest)) => error.with_hint(format!("did you mean `{nearest}`?")),
        None => error.with_hint("`bucketload tables` lists those there are"),
    }
}

/// What is in a folder; `None` if it is no table, or not yet.
async fn details(environment: &Environment, name: &TableName) -> Result<Option<TableDetails>> {
    let folder = environment.warehouse.table(name);
    let column = |field: &arrow::datatypes::Field| ColumnSummary {
        name: field.name().clone(),
        column_type: type_name(field),
    };
    if let Some(table) = delta::open(&folder).await? {
        promise::settle(&environment.warehouse, &table, name).await?;
        let totals = table.totals()?;
        return Ok(Some(TableDetails {
            summary: TableSummary {
                database: name.database.clone(),
                table: name.table.clone(),
                layout: "delta",
                version: Some(table.version()),
                files: totals.num_files,
                rows: totals.num_rows,
                bytes: totals.size_bytes,
            },
            location: table.place().to_owned(),
            partition_columns: table.partition_columns()?,
            time_column: table.property("time_column")?,
            timezone: table.property("timezone")?,
            columns: table.schema()?.fields().iter().map(|field| column(field)).collect(),
            unfinished_jobs: unfinished_jobs(&folder, environment.now()).await?,
        }));
    }
    plain::complete(&environment.warehouse, &folder).await?;
    let Some(table) = plain::read(&folder).await? else {
        return Ok(None);
    };
    let files = table.files();
    let schema = super::query::plain_schema(environment, &folder).await?;
    Ok(Some(TableDetails {
        summary: TableSummary {
            database: name.database.clone(),
            table: name.table.clone(),
            layout: "parquet",
            version: None,
            files: files.len() as u64,
            rows: files.iter().map(|file| file.num_rows).sum(),
            bytes: files.iter().map(|file| file.size_bytes).sum(),
        },
        location: folder.place(),
        partition_columns: table.partition_columns().to_vec(),
        time_column: table.time_column().map(str::to_owned),
        timezone: table.timezone().map(str::to_owned),
        columns: schema.fields().iter().map(|field| column(field)).collect(),
        unfinished_jobs: unfinished_jobs(&folder, environment.now()).await?,
    }))
}

/// Makes an empty table.
///
/// **Errors**: there is one already; the time column is missing or tells no time.
pub async fn create(environment: &Environment, name: &TableName, new: &NewTable) -> Result<()> {
    let is_blank = new.columns.is_empty();
    let time_name = new.time_column.clone().unwrap_or_else(|| "time".to_owned());
    let mut columns = new.columns.clone();
    if is_blank {
        // A table must have columns; these make room for the first load's.
        columns.push((time_name.clone(), ColumnType::Timestamp));
    }
    let time_column = match new.partition_by {
        PartitionBy::None => None,
        _ => {
            let found = columns.iter().find(|(column, _)| *column == time_name);
            if !found.is_some_and(|(_, kind)| matches!(kind, ColumnType::Timestamp | ColumnType::Long)) {
                return Err(
                    Error::config(format!("the table has no timestamp or long column `{time_name}`"))
                        .with_hint("name one with `--time-column`, or use `--partition-by none`"),
                );
            }
            Some(time_name)
        }
    };
    let fields: Vec<_> = columns.iter().map(|(column, kind)| kind.field(column)).collect();
    let schema = Arc::new(Schema::new(fields));
    let layout = TableLayout {
        partition_columns: partition_column_names(new.partition_by, &schema),
        schema,
        partition_by: new.partition_by,
        timezone: new.timezone.clone().unwrap_or_else(|| "UTC".to_owned()),
        time_column,
    };
    commit::create(&environment.warehouse.table(name), &layout, is_blank).await
}

/// Deletes a table with its files, its table of rejects and its ledger.
///
/// **Shape**: the number of files deleted.
/// **Errors**: there is none of that name.
pub async fn delete(environment: &Environment, name: &TableName) -> Result<u64> {
    let folder = environment.warehouse.table(name);
    if !folder.has_any_file().await? {
        return Err(no_such_table(environment, name).await);
    }
    let mut num_deleted = 0;
    for companion in Companion::ALL {
        num_deleted += environment.warehouse.table(&companion.name(name)).delete_all().await?;
    }
    Ok(num_deleted + folder.delete_all().await?)
}
