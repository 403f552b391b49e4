//! Tables of a query other than its input: files named in `tables`, and tables of the warehouse.
//!
//! Files are read by DataFusion when the plan runs; only their columns are found out here. Those that it cannot read where they are were
//! fetched by whoever knows buckets, and tables of the warehouse are opened by whoever knows the warehouse; this module says which ones.

use super::text::SqlStatement;
use super::{TABLE, ast};
use crate::filter::rules::{Filter, FilterRule, LookupFile, LookupFormat};
use crate::filter::{FilterError, Stage};
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::prelude::{CsvReadOptions, DataFrame, JsonReadOptions, ParquetReadOptions, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{ObjectName, Visit, Visitor};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Tables of the warehouse, by database and name.
pub type WarehouseTables = HashMap<(String, String), Arc<dyn TableProvider>>;

/// The files that were fetched, by the index of their filter and the name of their table. Those that are not here are read from the local
/// disk.
pub type LookupPlaces = HashMap<(usize, String), LookupPlace>;

/// Where the session finds the files of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupPlace {
    /// URL of a folder in a store that the session knows.
    pub url: String,
    /// Whether the first of them is one JSON array instead of a document a line.
    pub is_json_array: bool,
}

/// A table that is there for one query.
pub(super) struct Outside {
    pub(super) name: String,
    pub(super) provider: Arc<dyn TableProvider>,
}

/// The tables of the warehouse that filters name, each with the index of the first filter that does.
///
/// A text that is no SQL names none; compiling it says what is wrong.
pub fn warehouse_tables(context: &SessionContext, filters: &[Filter]) -> Vec<(usize, String, String)> {
    let state = context.state();
    let dialect = state.config().options().sql_parser.dialect;
    let mut named: Vec<(usize, String, String)> = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        let rule = match &filter.rule {
            FilterRule::Sql(rule) => rule.clone(),
            FilterRule::Row(rule) => rule.query(),
            _ => continue,
        };
        let Ok(statement) = state.sql_to_statement(&SqlStatement::new(&rule.text).sql, &dialect) else {
            continue;
        };
        let Statement::Statement(statement) = statement else {
            continue;
        };
        for (database, table) in names_of_two_parts(&statement) {
            if !named
                .iter()
                .any(|(_, known, name)| *known == database && *name == table)
            {
                named.push((index, database, table));
            }
        }
    }
    named
}

/// Relations named `database.table`.
fn names_of_two_parts(statement: &ast::Statement) -> Vec<(String, String)> {
    struct Relations(Vec<(String, String)>);
    impl Visitor for Relations {
        type Break = Infallible;

        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Infallible> {
            if let [database, table] = relation.0.as_slice()
                && let (Some(database), Some(table)) = (database.as_ident(), table.as_ident())
            {
                self.0.push((database.value.clone(), table.value.clone()));
            }
            ControlFlow::Continue(())
        }
    }
    let mut relations = Relations(Vec::new());
    let _: ControlFlow<Infallible> = statement.visit(&mut relations);
    relations.0
}

/// Opens the files of `tables`.
///
/// **Errors**: a file is not there, or its columns cannot be found out.
pub(super) async fn open(
    stage: &Stage<'_>,
    context: &SessionContext,
    tables: &[(String, LookupFile)],
) -> Result<Vec<Outside>, FilterError> {
    let mut opened = Vec::with_capacity(tables.len());
    for (name, file) in tables {
        if name == TABLE {
            return Err(stage.error(format!(
                "`tables` cannot hold a table `{TABLE}`, that is the rows of the filter"
            )));
        }
        let fetched = stage.surroundings.lookups.get(&(stage.index, name.clone()));
        if fetched.is_none() && !Path::new(&file.path).is_file() {
            return Err(stage.error_with_hint(
                format!("there is no file `{}` for the table `{name}`", file.path),
                Some("a relative path starts at the working directory".to_owned()),
            ));
        }
        let read = read(context, file, fetched).await.map_err(|error| {
            stage.error(format!(
                "the file `{}` of the table `{name}` cannot be read as {}: {}",
                file.path,
                file.format.name(),
                error.find_root().strip_backtrace()
            ))
        })?;
        if let Some((missing, _)) = file
            .columns
            .iter()
            .find(|(column, _)| read.schema().index_of_column_by_name(None, column).is_none())
        {
            return Err(stage.missing_column(
                format!(
                    "the file `{}` of the table `{name}` has no column `{missing}`",
                    file.path
                ),
                missing,
                read.schema(),
            ));
        }
        opened.push(Outside {
            name: name.clone(),
            provider: read.into_view(),
        });
    }
    Ok(opened)
}

async fn read(
    context: &SessionContext,
    file: &LookupFile,
    fetched: Option<&LookupPlace>,
) -> Result<DataFrame, DataFusionError> {
    let path = fetched.map_or(file.path.as_str(), |place| place.url.as_str());
    match file.format {
        LookupFormat::Csv { delimiter } => {
            // Any extension will do: the format was told from it, or written.
            let options = CsvReadOptions::new().delimiter(delimiter).file_extension("");
            let guessed = context.read_csv(path, options.clone()).await?;
            if file.columns.is_empty() {
                return Ok(guessed);
            }
            let schema = with_types(guessed.schema().as_arrow(), file);
            context.read_csv(path, options.schema(&schema)).await
        }
        LookupFormat::Json => {
            let is_array = match fetched {
                Some(place) => place.is_json_array,
                None => begins_with_bracket(path).map_err(DataFusionError::IoError)?,
            };
            let options = JsonReadOptions::default()
                .file_extension("")
                .newline_delimited(!is_array);
            context.read_json(path, options).await
        }
        LookupFormat::Parquet => {
            let options = ParquetReadOptions::default().file_extension("");
            context.read_parquet(path, options).await
        }
    }
}

/// The columns that were found, with the types that were written for some of them.
fn with_types(schema: &Schema, file: &LookupFile) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        let written = file.columns.iter().find(|(name, _)| name == field.name());
        match written {
            Some((name, column_type)) => Field::new(name, column_type.data_type(), true),
            None => field.as_ref().clone(),
        }
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// Whether a JSON file is one array instead of a document a line.
fn begins_with_bracket(path: &str) -> io::Result<bool> {
    let mut reader = BufReader::new(std::fs::File::open(path)?);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(false);
        }
        if let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            return Ok(*first == b'[');
        }
        let num_blank = bytes.len();
        reader.consume(num_blank);
    }
}
