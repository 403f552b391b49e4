//! The section `in`, but for its parser.

use super::*;

#[test]
fn input_defaults_are_those_of_the_reference() {
    let input = input("");
    assert_eq!(input.min_task_size_bytes, 268_435_456);
    assert_eq!(input.decode, DecodeOptions::Auto);
    assert_eq!(input.on_file_error, OnFileError::Fail);
    assert!(input.metadata_columns.is_empty());
    let select = input.select;
    assert_eq!(select.path_prefix, "p");
    assert!(select.incremental && !select.use_modified_time && !select.skip_glacier_objects);
    assert!(!select.stop_when_file_not_found);
    assert_eq!(
        (select.path, select.path_match_pattern, select.last_path),
        (None, None, None)
    );
    assert_eq!(
        (select.total_file_count_limit, select.last_modified_micros),
        (None, None)
    );
    let Location::S3(s3) = input.location else { panic!() };
    assert_eq!(s3.bucket, "b");
    assert_eq!((s3.endpoint, s3.region, s3.virtual_hosted_style), (None, None, None));
    assert_eq!(s3.retry, RetryOptions::default());
    assert!(s3.proxy.is_none());
    assert_eq!(
        input.on_error,
        OnError {
            is_fail: false,
            has_rejects_table: true,
            max_errors: None,
            max_error_ratio: None
        }
    );
}

#[test]
fn a_wrong_pattern_is_an_error_with_its_place() {
    check_input_error(
        "path_match_pattern: '*.csv',",
        "in.path_match_pattern",
        "pattern `*.csv` is wrong at character 1: the quantifier has nothing to repeat",
    );
    check_input_error(
        r"path_match_pattern: 'a\X',",
        "in.path_match_pattern",
        r"pattern `a\X` has the construct `\X` at character 2, which is not supported",
    );
    check_input_error(
        "path_match_pattern: 'a{1000}{1000}',",
        "in.path_match_pattern",
        "a quantifier cannot be repeated",
    );
    check_input_error(
        "path_match_pattern: '((a{1000}){1000}){1000}',",
        "in.path_match_pattern",
        "cannot be compiled: ",
    );
}

#[test]
fn input_values_are_read() {
    let input = input(
        "path: k, path_match_pattern: '\\.csv$', last_path: l, incremental: 'false', use_modified_time: true, \
         last_modified_time: '2026-01-01T00:00:00.000Z', skip_glacier_objects: true, total_file_count_limit: '5', \
         min_task_size: 64MiB, stop_when_file_not_found: yes, endpoint: 'http://127.0.0.1:9000', region: r, \
         virtual_hosted_style: true, maximum_retries: 2, initial_retry_interval_millis: 5, \
         maximum_retry_interval_millis: 30s, on_file_error: skip, \
         http_proxy: {host: h, port: 8080, https: false, user: u, password: hush},",
    );
    assert_eq!(input.min_task_size_bytes, 64 << 20);
    assert_eq!(input.on_file_error, OnFileError::Skip);
    let select = input.select;
    assert_eq!(select.path.as_deref(), Some("k"));
    assert_eq!(select.path_match_pattern, Pattern::new(r"\.csv$").ok());
    assert_eq!(select.last_path.as_deref(), Some("l"));
    assert!(!select.incremental && select.use_modified_time && select.skip_glacier_objects);
    assert!(select.stop_when_file_not_found);
    assert_eq!(select.last_modified_micros, Some(1_767_225_600_000_000));
    assert_eq!(select.total_file_count_limit, Some(5));
    let Location::S3(s3) = input.location else { panic!() };
    assert_eq!(s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert_eq!(s3.virtual_hosted_style, Some(true));
    assert_eq!(s3.retry.maximum_retries, 2);
    assert_eq!(s3.retry.initial_interval, Duration::from_millis(5));
    assert_eq!(s3.retry.maximum_interval, Duration::from_secs(30));
    let proxy = s3.proxy.unwrap();
    assert_eq!(
        (proxy.host.as_str(), proxy.port, proxy.is_https),
        ("h", Some(8080), false)
    );
    assert_eq!(proxy.password.unwrap().expose_secret(), "hush");
}

#[test]
fn limits_that_are_none_or_negative() {
    assert_eq!(
        input("total_file_count_limit: 2147483647,")
            .select
            .total_file_count_limit,
        None
    );
    assert_eq!(
        input("total_file_count_limit: -3,").select.total_file_count_limit,
        Some(0)
    );
    assert_eq!(
        input("total_file_count_limit: 0,").select.total_file_count_limit,
        Some(0)
    );
    assert_eq!(input("min_task_size: 0,").min_task_size_bytes, 0);
}

#[test]
fn input_errors_name_the_key() {
    let no_path = format!("in: {{type: s3, bucket: b, auth_method: anonymous,\n  parser: {{{CSV}}}}}\n");
    check_problems(
        &no_path,
        &[("in.path_prefix", 1, "either path or path_prefix is required")],
    );
    let no_bucket = format!("in: {{path: p, auth_method: anonymous,\n  parser: {{{CSV}}}}}\n");
    check_problems(&no_bucket, &[("in.bucket", 1, "`bucket` is required")]);
    check_input_error(
        "min_task_size: many,",
        "in.min_task_size",
        "`many` cannot be read as a number of bytes",
    );
    check_input_error("incremental: 2,", "in.incremental", "`2` cannot be read as a boolean");
    check_input_error(
        "maximum_retries: -1,",
        "in.maximum_retries",
        "must be between 0 and 4294967295, not -1",
    );
    check_input_error("last_path: [a],", "in.last_path", "a list cannot be read as text");
    check_input_error(
        "__end_modified_time: x,",
        "in.__end_modified_time",
        "'__end_modified_time' must not be set",
    );
    check_input_error("http_proxy: {port: 1},", "in.http_proxy.host", "`host` is required");
    check_input_error("http_proxy: x,", "in.http_proxy", "`x` cannot be read as a map");
    check_input_error(
        "http_proxy: {host: h, port: 70000},",
        "in.http_proxy.port",
        "between 1 and 65535",
    );
    check_input_error(
        "on_file_error: stop,",
        "in.on_file_error",
        "unknown on_file_error 'stop'",
    );
    check_input_error(
        "last_modified_time: yesterday,",
        "in.last_modified_time",
        "unsupported DateTime value: 'yesterday', supported formats: [yyyy-MM-dd'T'HH:mm:ss.SSS'Z']",
    );
    check_input_error(
        "use_modified_time: true, total_file_count_limit: 5,",
        "in.total_file_count_limit",
        "would lose files",
    );
    check_input_error(
        "use_modified_time: true, incremental: ledger,",
        "in.use_modified_time",
        "a ledger knows every file",
    );
    check_input_error(
        "incremental: ledger, on_changed_file: drop,",
        "in.on_changed_file",
        "unknown on_changed_file 'drop'",
    );
    check_problems(
        &format!("in: {{type: gcs, path: p,\n  parser: {{{CSV}}}}}\n"),
        &[("in.type", 1, "unknown input type 'gcs'. Supported types are [s3, file]")],
    );
    check_problems(
        &format!("in: {{bucket: 's3://b/x', path: p, auth_method: anonymous,\n  parser: {{{CSV}}}}}\n"),
        &[("in.bucket", 1, "is not the name of a bucket")],
    );
}

#[test]
fn a_local_directory_needs_no_bucket() {
    let text = format!("in: {{type: file, path_prefix: data/,\n  parser: {{{CSV}}}}}\n");
    assert!(matches!(resolved(&text).plan.input.location, Location::Local));
    let text = format!("in: {{type: file, path_prefix: data/, bucket: b,\n  parser: {{{CSV}}}}}\n");
    check_warning(&text, "in.bucket", "has no effect with type `file`", None);
}

#[test]
fn doubtful_inputs_are_warned_about() {
    let text = file("endpoint: s3.eu-west-1.amazonaws.com, region: us-east-1,", CSV, "");
    check_warning(&text, "in.region", "`endpoint` wins over `region`", None);
    let text = format!("in: {{bucket: b, path_prefix: /, auth_method: anonymous,\n  parser: {{{CSV}}}}}\n");
    check_warning(&text, "in.path_prefix", "begin with a slash", Some("''"));
}

#[test]
fn metadata_columns_are_named_in_a_list_or_a_map() {
    let names = |text: &str| -> Vec<(MetadataKind, String)> {
        input(text)
            .metadata_columns
            .into_iter()
            .map(|column| (column.kind, column.name))
            .collect()
    };
    assert_eq!(
        names("metadata_columns: [_file_path, {_file_name: source}, _row_number],"),
        [
            (MetadataKind::FilePath, "_file_path".to_owned()),
            (MetadataKind::FileName, "source".to_owned()),
            (MetadataKind::RowNumber, "_row_number".to_owned()),
        ]
    );
    assert_eq!(
        names("metadata_columns: {_file_size: size, _file_etag: null},"),
        [
            (MetadataKind::FileSize, "size".to_owned()),
            (MetadataKind::FileEtag, "_file_etag".to_owned())
        ]
    );
    assert_eq!(names("filename_column: f,"), [(MetadataKind::FileName, "f".to_owned())]);
    assert_eq!(
        names("filename_column: f, filename_mode: key,"),
        [(MetadataKind::FilePath, "f".to_owned())]
    );
}

#[test]
fn wrong_metadata_columns_are_errors() {
    check_input_error(
        "metadata_columns: [_filename],",
        "in.metadata_columns",
        "unknown metadata column '_filename'. Supported columns are [_file_path",
    );
    check_input_error(
        "metadata_columns: [{_file_name: a}],",
        "in.metadata_columns",
        "there is already a column `a`",
    );
    check_input_error(
        "filename_column: a,",
        "in.filename_column",
        "there is already a column `a`",
    );
    check_input_error(
        "filename_mode: path,",
        "in.filename_mode",
        "unknown filename_mode 'path'",
    );
}

#[test]
fn a_row_number_makes_the_parser_count() {
    let plan = resolved(&file(
        "metadata_columns: [_row_number],",
        CSV,
        "exec: {batch_rows: 7}\n",
    ))
    .plan;
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!()
    };
    assert!(options.has_record_numbers);
    assert_eq!(options.batch_rows, 7);
}
