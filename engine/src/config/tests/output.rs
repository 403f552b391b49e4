//! The sections `out` and `exec`.

use super::*;

#[test]
fn output_defaults() {
    let output = output("{}");
    assert_eq!(output, OutputPlan::default());
    assert_eq!(
        (output.layout, output.mode, output.partition_by),
        (OutputLayout::Delta, OutputMode::Append, PartitionBy::Hour)
    );
    assert_eq!(
        (output.timezone.as_str(), output.compression),
        ("UTC", Compression::Snappy)
    );
    assert!(!output.auto_create_table && !output.stop_on_invalid_record && !output.is_sorted_by_time);
    assert_eq!(output.storage, StorageOptions::default());
}

#[test]
fn output_values_are_read() {
    let output = output(
        "{type: parquet, mode: replace_on_new_data, time_column: t, time_column_fallback: first, unix_timestamp_unit: milli, \
         partition_by: month, timezone: Asia/Tokyo, stop_on_invalid_record: true, auto_create_table: true, compression: zstd(9), \
         sort_by_time: true, ignore_alternative_time_if_time_exists: true, default_timezone: Europe/Paris, \
         default_timestamp_type_convert_to: sec, default_boolean_type_convert_to: long, \
         column_options: {a: {type: string, timezone: UTC, format: '%Y'}, b: {value_type: long}}}",
    );
    assert_eq!(
        (output.layout, output.mode),
        (OutputLayout::Parquet, OutputMode::ReplaceOnNewData)
    );
    assert_eq!(output.time_column.as_deref(), Some("t"));
    assert!(output.is_first_time_column_taken && output.stop_on_invalid_record && output.auto_create_table);
    assert!(output.is_sorted_by_time && output.is_existing_time_preferred);
    assert_eq!(
        (output.unix_timestamp_unit, output.partition_by),
        (UnixUnit::Milli, PartitionBy::Month)
    );
    assert_eq!(
        (output.timezone.as_str(), output.compression),
        ("Asia/Tokyo", Compression::Zstd { level: 9 })
    );
    let storage = output.storage;
    assert_eq!(
        (storage.timestamps, storage.booleans),
        (TimestampStorage::Sec, BooleanStorage::Long)
    );
    assert_eq!(storage.timezone, "Europe/Paris");
    assert_eq!(storage.columns[0].column_type, Some(ColumnType::String));
    assert_eq!(storage.columns[0].format, "%Y");
    assert_eq!(storage.columns[1].column_type, Some(ColumnType::Long));
    assert_eq!(storage.columns[1].format, "%Y-%m-%d %H:%M:%S.%6N");
}

#[test]
fn a_time_value_replaces_the_column() {
    assert_eq!(
        output("{time_value: {mode: upload_time}}").time_value,
        Some(AddTimeSource::UploadTime)
    );
    assert_eq!(
        output("{time_value: {value: 1}}").time_value,
        Some(AddTimeSource::FixedTime(1_000_000))
    );
    check_output_error(
        "{time_column: t, time_value: {value: 1}}",
        "out.time_value",
        "setting both time_column and time_value is invalid",
    );
}

#[test]
fn output_errors_name_the_key() {
    check_output_error("{type: parqet}", "out.type", "unknown output type 'parqet'");
    check_output_error(
        "{mode: truncate}",
        "out.mode",
        "Supported modes are [append, replace, replace_on_new_data]",
    );
    check_output_error(
        "{partition_by: week}",
        "out.partition_by",
        "unknown partition_by 'week'",
    );
    check_output_error(
        "{timezone: Mars/Olympus}",
        "out.timezone",
        "unknown time zone 'Mars/Olympus'",
    );
    check_output_error(
        "{compression: zstd(99)}",
        "out.compression",
        "unknown compression 'zstd(99)'",
    );
    check_output_error(
        "{unix_timestamp_unit: day}",
        "out.unix_timestamp_unit",
        "Supported units are",
    );
    check_output_error(
        "{column_options: {a: b}}",
        "out.column_options.a",
        "text cannot be read as a map",
    );
    check_output_error("{time_column: ''}", "out.time_column", "must not be empty");
    check_output_error("[]", "out", "a list cannot be read as a map");
}

#[test]
fn the_outputs_of_the_original_are_ignored() {
    for kind in ["td", "td_internal"] {
        check_warning(
            &file("", CSV, &format!("out: {{type: {kind}}}\n")),
            "out.type",
            "the original's own output",
            None,
        );
    }
}

#[test]
fn replacing_by_increments_is_warned_about() {
    let text = file("last_path: x,", CSV, "out: {mode: replace}\n");
    check_warning(&text, "out.mode", "only the files of this increment", None);
    assert!(
        resolved(&file(
            "last_path: x, incremental: false,",
            CSV,
            "out: {mode: replace}\n"
        ))
        .warnings
        .is_empty()
    );
    assert!(resolved(&file("", CSV, "out: {mode: replace}\n")).warnings.is_empty());
}

#[test]
fn tuning_sets_itself_unless_written() {
    assert_eq!(resolved(&file("", CSV, "")).plan.exec, ExecPlan::default());
    let exec = resolved(&file(
        "",
        CSV,
        "exec: {type: local, max_threads: 4, memory_limit: 2GiB, scratch_folder: /var/tmp, target_file_size: 256MB, max_requests: '8', batch_rows: 100, \
         commit_every: 512MiB, checkpoint_every: 1000 files, \
         guess_sample_buffer_bytes: 64KiB, guess_plugins: [jsonl], exclude_guess_plugins: csv, min_output_tasks: 1}\npreview_sample_rows: 3\n",
    ));
    assert!(exec.warnings.is_empty());
    assert_eq!(
        exec.plan.exec,
        ExecPlan {
            max_threads: Some(4),
            memory_limit_bytes: Some(2 << 30),
            scratch_folder: Some(PathBuf::from("/var/tmp")),
            target_file_size_bytes: Some(256_000_000),
            max_requests: Some(8),
            batch_rows: Some(100),
            commit_every: Some(StepSize::Bytes(512 << 20)),
            checkpoint_every: Some(StepSize::Files(1000)),
            guess_sample_buffer_bytes: Some(65_536),
            preview_sample_rows: Some(3),
            guess_plugins: vec!["jsonl".to_owned()],
            exclude_guess_plugins: vec!["csv".to_owned()],
        }
    );
    check_problems(
        &file("", CSV, "exec: {max_threads: 0, guess_sample_buffer_bytes: 40}\n"),
        &[
            ("exec.max_threads", 3, "at least 1"),
            ("exec.guess_sample_buffer_bytes", 3, "more than 40 bytes"),
        ],
    );
}
