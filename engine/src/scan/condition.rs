//! Decides about files by what a listing says of them, before anything is fetched.
//!
//! Files are rows of a few columns there, and a condition is an expression of DataFusion over them, evaluated for many files at a time.

use super::metadata::{MetadataColumn, MetadataKind};
use crate::source::file::{ListedFile, SourceFile};
use crate::source::select::{ConditionError, FileCondition};
use crate::source::store::FileStore;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::PhysicalExpr;
use std::sync::Arc;

/// The column of the storage class, which no row of a table knows.
const STORAGE_CLASS: &str = "_storage_class";

/// Files as rows.
#[derive(Debug)]
pub(super) struct ListingColumns {
    columns: Vec<MetadataColumn>,
    pub(super) schema: SchemaRef,
}

impl ListingColumns {
    /// `columns` are known from a listing.
    pub(super) fn new(columns: Vec<MetadataColumn>) -> ListingColumns {
        let fields: Vec<Field> = columns.iter().map(MetadataColumn::field).collect();
        let schema = Arc::new(Schema::new(fields));
        ListingColumns { columns, schema }
    }

    /// One row for each file and its name in messages; `more` are the arrays of further columns of the schema.
    pub(super) fn rows<'f>(
        &self,
        files: impl ExactSizeIterator<Item = (&'f SourceFile, &'f str)> + Clone,
        more: Vec<ArrayRef>,
    ) -> Result<RecordBatch> {
        let row_count = RecordBatchOptions::new().with_row_count(Some(files.len()));
        let known = self.columns.iter().filter_map(|column| column.of_files(files.clone()));
        let columns = known.chain(more).collect();
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &row_count,
        )?)
    }
}

/// Whether a condition is true, for each row.
pub(super) fn verdicts(condition: &dyn PhysicalExpr, rows: &RecordBatch) -> Result<Vec<bool>> {
    let values = condition.evaluate(rows)?.into_array(rows.num_rows())?;
    let values = values.as_boolean();
    Ok((0..values.len())
        .map(|row| values.is_valid(row) && values.value(row))
        .collect())
}

/// `in.where`, ready to be evaluated.
#[derive(Debug)]
pub(crate) struct ListingCondition {
    columns: ListingColumns,
    condition: Arc<dyn PhysicalExpr>,
    store: Arc<dyn FileStore>,
}

impl ListingCondition {
    /// What a condition can name.
    pub(crate) fn schema() -> Result<DFSchema> {
        DFSchema::try_from(Self::columns().schema)
    }

    fn columns() -> ListingColumns {
        let known = MetadataKind::ALL
            .into_iter()
            .filter(|kind| kind.is_known_from_listing());
        let columns = known.map(|kind| MetadataColumn {
            kind,
            name: kind.name().to_owned(),
        });
        let mut columns = ListingColumns::new(columns.collect());
        let fields = columns.schema.fields().iter().map(|field| field.as_ref().clone());
        let class = Field::new(STORAGE_CLASS, DataType::Utf8, true);
        columns.schema = Arc::new(Schema::new(fields.chain([class]).collect::<Vec<_>>()));
        columns
    }

    /// Makes an expression over [`ListingCondition::schema`] ready; `now_micros` is what `now()` gives.
    ///
    /// **Errors**: it needs more than one row to be evaluated.
    pub(crate) fn new(
        state: &dyn Session,
        condition: Expr,
        now_micros: i64,
        store: Arc<dyn FileStore>,
    ) -> Result<ListingCondition> {
        let columns = Self::columns();
        let schema = Arc::new(DFSchema::try_from(Arc::clone(&columns.schema))?);
        // Some functions, `coalesce` and `now` among them, exist only until they are simplified.
        let context = SimplifyContext::builder()
            .with_schema(Arc::clone(&schema))
            .with_config_options(Arc::clone(state.config().options()))
            .with_query_execution_start_time(timestamp_us_to_datetime(now_micros).map(|now| now.and_utc()))
            .build();
        let simplifier = ExprSimplifier::new(context);
        let condition = simplifier.simplify(simplifier.coerce(condition, &schema)?)?;
        let condition = state.create_physical_expr(condition, &schema)?;
        Ok(ListingCondition {
            columns,
            condition,
            store,
        })
    }

    fn evaluate(&self, files: &[ListedFile]) -> Result<Vec<bool>> {
        let urls: Vec<String> = files.iter().map(|listed| self.store.url(&listed.file.key)).collect();
        let classes: StringArray = files.iter().map(|listed| listed.storage_class.as_deref()).collect();
        let rows = files
            .iter()
            .map(|listed| &listed.file)
            .zip(urls.iter().map(String::as_str));
        let rows = self.columns.rows(rows, vec![Arc::new(classes)])?;
        verdicts(self.condition.as_ref(), &rows)
    }
}

impl FileCondition for ListingCondition {
    fn holds(&self, files: &[ListedFile]) -> std::result::Result<Vec<bool>, ConditionError> {
        self.evaluate(files).map_err(|error| ConditionError {
            reason: error.find_root().strip_backtrace(),
        })
    }
}
