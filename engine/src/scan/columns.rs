//! Arranges what a parser gives, what is known of a file, and where rows come from into the batches of a scan.

use super::ScanOptions;
use super::metadata::{MetadataColumn, MetadataKind};
use crate::error::{Error, Result};
use crate::parse::origin::{moved, origin_field};
use crate::parse::{Parsed, Reject};
use crate::source::file::SourceFile;
use crate::source::store::FilePart;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use std::sync::Arc;

/// Makes places in a part of a file those in the whole.
pub(super) fn place_in_whole(parsed: &mut Parsed, part: FilePart) -> Result<()> {
    for Reject { position, .. } in &mut parsed.rejects {
        position.line = position.line.saturating_add_signed(part.lines);
        position.byte = position.byte.saturating_add_signed(part.bytes);
        position.record = position.record.saturating_add_signed(part.records);
    }
    for number in parsed.record_numbers.iter_mut().flatten() {
        *number += part.records;
    }
    if let Some(origins) = &mut parsed.origins {
        *origins = moved(origins, part.lines, part.bytes, part.records)
            .map_err(|error| Error::internal("cannot move the places of rows").caused_by(error))?;
    }
    Ok(())
}

/// Which columns a batch of the scan has, and where each comes from.
pub(super) struct OutputColumns {
    schema: SchemaRef,
    /// Indices into the parser's columns: those of the output, then those that only the condition looks at.
    pub(super) parser_projection: Vec<usize>,
    metadata: Vec<MetadataColumn>,
    sources: Vec<ColumnSource>,
    /// Whether the parser is to say where rows come from.
    pub(super) has_origins: bool,
}

/// The file that rows come from.
#[derive(Clone, Copy)]
pub(super) struct Described<'f> {
    pub(super) file: &'f SourceFile,
    /// How users know it.
    pub(super) name: &'f str,
    /// It is a part of the file of that name.
    pub(super) is_part: bool,
}

/// Where a column of the output comes from.
enum ColumnSource {
    /// Position among the projected columns of the parser.
    Parser(usize),
    /// Position among the wanted metadata columns.
    Metadata(usize),
    /// What the parser says of where rows come from.
    Origins,
}

impl OutputColumns {
    /// The columns of `projection`, made of those and of `looked_at`, which are the parser's.
    pub(super) fn new(options: &ScanOptions, projection: &[usize], looked_at: &[usize]) -> Result<OutputColumns> {
        let parser_fields = options.parser.fields();
        let mut output = OutputColumns {
            schema: Arc::new(Schema::empty()),
            parser_projection: Vec::new(),
            metadata: Vec::new(),
            sources: Vec::new(),
            has_origins: false,
        };
        let origins = parser_fields.len() + options.metadata_columns.len();
        let mut fields = Vec::new();
        for index in projection {
            if let Some(field) = parser_fields.get(*index) {
                output
                    .sources
                    .push(ColumnSource::Parser(output.parser_projection.len()));
                output.parser_projection.push(*index);
                fields.push(field.clone());
            } else if options.origins.has_column() && *index == origins {
                output.sources.push(ColumnSource::Origins);
                output.has_origins = true;
                fields.push(origin_field());
            } else {
                let column = options
                    .metadata_columns
                    .get(index - parser_fields.len())
                    .ok_or_else(|| Error::internal("a projection points outside the table"))?;
                output.sources.push(ColumnSource::Metadata(output.metadata.len()));
                output.metadata.push(column.clone());
                fields.push(column.field());
            }
        }
        for index in looked_at {
            if !output.parser_projection.contains(index) {
                output.parser_projection.push(*index);
            }
        }
        output.schema = Arc::new(Schema::new(fields));
        Ok(output)
    }

    /// Whether a batch has values that are one for its whole file.
    pub(super) fn has_metadata(&self) -> bool {
        !self.metadata.is_empty()
    }

    pub(super) fn has_row_numbers(&self) -> bool {
        self.metadata
            .iter()
            .any(|column| column.kind == MetadataKind::RowNumber)
    }

    /// Puts the columns of a batch into place.
    pub(super) fn arrange(
        &self,
        batch: &RecordBatch,
        record_numbers: Option<Vec<i64>>,
        origins: Option<ArrayRef>,
        described: Option<Described<'_>>,
    ) -> Result<RecordBatch> {
        let mut metadata: Vec<ArrayRef> = Vec::with_capacity(self.metadata.len());
        let record_numbers: Option<ArrayRef> =
            record_numbers.map(|numbers| Arc::new(Int64Array::from(numbers)) as ArrayRef);
        for column in &self.metadata {
            let Described { file, name, is_part } = described.ok_or_else(|| Error::internal("rows without a file"))?;
            let array = match column.kind {
                MetadataKind::RowNumber => record_numbers.clone(),
                // A part knows the name of the whole, and nothing else of it.
                MetadataKind::FileSize | MetadataKind::FileModified | MetadataKind::FileEtag if is_part => {
                    Some(new_null_array(column.field().data_type(), batch.num_rows()))
                }
                _ => column.of_files(std::iter::repeat_n((file, name), batch.num_rows())),
            };
            metadata.push(array.ok_or_else(|| Error::internal("the parser gave no record numbers"))?);
        }
        let columns = self
            .sources
            .iter()
            .map(|source| match source {
                ColumnSource::Parser(index) => Ok(Arc::clone(batch.column(*index))),
                ColumnSource::Metadata(index) => Ok(Arc::clone(&metadata[*index])),
                ColumnSource::Origins => origins
                    .clone()
                    .ok_or_else(|| Error::internal("the parser does not say where rows come from")),
            })
            .collect::<Result<_>>()?;
        let row_count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &row_count)
            .map_err(|error| Error::internal("cannot arrange the columns of a scan").caused_by(error))
    }
}
