//! What the columns of a table are, and how those of a load fit the ones already there.

use super::TableLayout;
use crate::error::{Error, Result};
use crate::write::partition::PartitionBy;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// Names for the partition columns that the data does not have itself: a taken one gets underscores in front.
pub fn partition_column_names(partition_by: PartitionBy, schema: &Schema) -> Vec<String> {
    let is_taken = |name: &str| {
        schema
            .fields()
            .iter()
            .any(|field| field.name().eq_ignore_ascii_case(name))
    };
    partition_by
        .column_names()
        .iter()
        .map(|name| {
            let mut name = (*name).to_owned();
            while is_taken(&name) {
                name.insert(0, '_');
            }
            name
        })
        .collect()
}

/// The Arrow fields of the partition columns, in order.
pub fn partition_fields(layout: &TableLayout) -> Vec<Field> {
    let types: &[DataType] = match layout.partition_by {
        PartitionBy::Hour => &[DataType::Date32, DataType::Int32],
        PartitionBy::Day => &[DataType::Date32],
        PartitionBy::Month => &[DataType::Utf8],
        PartitionBy::Year => &[DataType::Int32],
        PartitionBy::None => &[],
    };
    layout
        .partition_columns
        .iter()
        .zip(types)
        .map(|(name, data_type)| Field::new(name, data_type.clone(), true))
        .collect()
}

/// All columns of the table: those of the files, then the partition columns. All are nullable, whatever a query says of its own: rows
/// that come before or after may be without them.
pub fn table_schema(layout: &TableLayout) -> SchemaRef {
    let mut fields: Vec<Field> = layout
        .schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    fields.extend(partition_fields(layout));
    Arc::new(Schema::new(fields))
}

/// The type a column has in a table, for every type a query can produce: text is `Utf8`, instants are microseconds in UTC,
/// unsigned numbers become the next larger signed ones.
///
/// **Shape**: `None` if the column can stay as it is.
pub fn storable_type(data_type: &DataType) -> Option<DataType> {
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Some(DataType::Utf8),
        DataType::Dictionary(_, values) => Some(storable_type(values).unwrap_or_else(|| values.as_ref().clone())),
        DataType::UInt8 => Some(DataType::Int16),
        DataType::UInt16 => Some(DataType::Int32),
        DataType::UInt32 => Some(DataType::Int64),
        DataType::UInt64 => Some(DataType::Decimal128(20, 0)),
        DataType::Float16 => Some(DataType::Float32),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => None,
        DataType::Timestamp(_, _) => Some(utc()),
        DataType::Date64 => Some(DataType::Date32),
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) | DataType::Interval(_) => {
            Some(DataType::Utf8)
        }
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Some(DataType::Binary),
        _ => None,
    }
}

/// The columns of a table after a load: those it has, then the new ones, all nullable.
///
/// **Errors**: a column of the load has the name of one in the table and another type.
pub fn merged_schema(existing: &Schema, loaded: &Schema, table: &str) -> Result<Schema> {
    let nullable = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_nullable(true));
    let mut fields: Vec<Arc<Field>> = existing.fields().iter().map(nullable).collect();
    for field in loaded.fields() {
        match existing
            .fields()
            .iter()
            .find(|known| known.name().eq_ignore_ascii_case(field.name()))
        {
            None => fields.push(nullable(field)),
            Some(known) if known.name() != field.name() => {
                return Err(Error::config(format!(
                    "column `{}` differs from column `{}` of table `{table}` in case only",
                    field.name(),
                    known.name()
                ))
                .with_hint("rename one of them, readers cannot tell them apart"));
            }
            Some(known) if known.data_type() != field.data_type() => {
                return Err(Error::config(format!(
                    "column `{}` is {} in table `{table}` and {} in this load",
                    field.name(),
                    type_name(known),
                    type_name(field)
                ))
                .with_hint(format!(
                    "give `{}` the table's type in `in.parser.columns` or with a `cast` filter, rename it, or load with \
                     `--mode replace`",
                    field.name()
                )));
            }
            Some(_) => {}
        }
    }
    Ok(Schema::new(fields))
}

/// The type of a column in the words of the configuration where it has one.
pub fn type_name(field: &Field) -> String {
    use crate::parse::columns::{ColumnType, TYPE_METADATA_KEY};
    if field
        .metadata()
        .get(TYPE_METADATA_KEY)
        .is_some_and(|name| name == ColumnType::Json.name())
    {
        return ColumnType::Json.name().to_owned();
    }
    match field.data_type() {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Timestamp(_, _) => "timestamp".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(
            columns
                .iter()
                .map(|(name, data_type)| Field::new(*name, data_type.clone(), true))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_taken_partition_name_gets_an_underscore() {
        let data = schema(&[("Date", DataType::Utf8), ("_date", DataType::Utf8)]);
        assert_eq!(partition_column_names(PartitionBy::Hour, &data), ["__date", "hour"]);
    }

    #[test]
    fn new_columns_come_last() {
        let merged = merged_schema(
            &schema(&[("a", DataType::Int64), ("b", DataType::Utf8)]),
            &schema(&[("c", DataType::Int64), ("b", DataType::Utf8)]),
            "db.t",
        )
        .expect("these fit");
        let names: Vec<&str> = merged.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn every_column_may_be_missing_in_some_rows() {
        let required = |name: &str| Schema::new(vec![Field::new(name, DataType::Int64, false)]);
        let merged = merged_schema(&required("a"), &required("b"), "db.t").expect("these fit");
        assert!(merged.fields().iter().all(|field| field.is_nullable()), "{merged:?}");
    }

    #[test]
    fn another_type_is_refused_by_name() {
        let error = merged_schema(
            &schema(&[("a", DataType::Int64)]),
            &schema(&[("a", DataType::Utf8)]),
            "db.t",
        )
        .expect_err("types differ");
        assert_eq!(
            error.to_string(),
            "column `a` is long in table `db.t` and string in this load"
        );
    }
}
