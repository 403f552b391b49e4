use super::*;
use crate::decode::{DecodeOptions, DecoderOptions, EntryOptions};
use crate::filter::rules::*;
use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::parse::csv::{ColumnMatch, CsvOptions, Newline, QuotesInQuotedFields};
use crate::parse::drift::{OnBadValue, OnNewColumns};
use crate::parse::json::{InvalidStringEscapes, JsonLayout, JsonOptions};
use crate::pattern::{Pattern, Replacement};
use plan::*;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::time::Duration;

mod coverage;
mod examples;

fn lookup(name: &str) -> Option<String> {
    match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIA".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("hush".to_owned()),
        "SIZE" => Some("64MiB".to_owned()),
        _ => None,
    }
}

fn try_resolve(text: &str, is_strict: bool) -> Result<Resolved, ConfigErrors> {
    let document = Document::parse(text, "load.yml")?;
    resolve(
        &document,
        &ResolveOptions {
            is_strict,
            lookup: &lookup,
        },
    )
}

#[track_caller]
fn resolved(text: &str) -> Resolved {
    try_resolve(text, false).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A whole file around the lines of its sections.
fn file(input: &str, parser: &str, rest: &str) -> String {
    format!(
        "in: {{type: s3, bucket: b, path_prefix: p, auth_method: anonymous, {input}\n  parser: {{{parser}}}}}\n{rest}"
    )
}

const CSV: &str = "type: csv, columns: [{name: a, type: long}]";

#[track_caller]
fn input(lines: &str) -> InputPlan {
    resolved(&file(lines, CSV, "")).plan.input
}

#[track_caller]
fn csv(lines: &str) -> CsvOptions {
    let plan = resolved(&file("", &format!("{CSV}, {lines}"), "")).plan;
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!("not csv")
    };
    options
}

#[track_caller]
fn json(lines: &str) -> JsonOptions {
    let plan = resolved(&file("", lines, "")).plan;
    let Some(ParserOptions::Json(options)) = plan.input.parser else {
        panic!("not json")
    };
    options
}

#[track_caller]
fn filter(line: &str) -> FilterRule {
    let mut filters = resolved(&file("", CSV, &format!("filters:\n- {line}\n"))).plan.filters;
    assert_eq!(filters.len(), 1);
    filters.remove(0).rule
}

#[track_caller]
fn output(line: &str) -> OutputPlan {
    resolved(&file("", CSV, &format!("out: {line}\n"))).plan.output
}

#[track_caller]
fn check_problems(text: &str, expected: &[(&str, usize, &str)]) {
    let problems = try_resolve(text, false)
        .map(|_| Vec::new())
        .unwrap_or_else(|errors| errors.problems);
    let found: Vec<String> = problems
        .iter()
        .map(|p| format!("{} {} {}", p.path, p.line, p.message))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (problem, (path, line, message)) in problems.iter().zip(expected) {
        assert_eq!((problem.path.as_str(), problem.line), (*path, *line), "{found:#?}");
        assert!(problem.message.contains(message), "{} lacks {message}", problem.message);
    }
}

#[track_caller]
fn check_input_error(lines: &str, path: &str, message: &str) {
    check_problems(&file(lines, CSV, ""), &[(path, 1, message)]);
}

#[track_caller]
fn check_csv_error(lines: &str, path: &str, message: &str) {
    check_problems(&file("", &format!("{CSV}, {lines}"), ""), &[(path, 2, message)]);
}

#[track_caller]
fn check_filter_error(line: &str, path: &str, message: &str) {
    check_problems(&file("", CSV, &format!("filters:\n- {line}\n")), &[(path, 4, message)]);
}

#[track_caller]
fn check_output_error(line: &str, path: &str, message: &str) {
    check_problems(&file("", CSV, &format!("out: {line}\n")), &[(path, 3, message)]);
}

#[track_caller]
fn check_warning(text: &str, path: &str, message: &str, hint: Option<&str>) {
    let warnings = resolved(text).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(warnings[0].path, path);
    assert!(warnings[0].message.contains(message), "{}", warnings[0].message);
    if let Some(hint) = hint {
        assert!(
            warnings[0].hint.as_deref().unwrap_or("").contains(hint),
            "{:?}",
            warnings[0].hint
        );
    }
}

// The `in` section.

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
fn all_problems_come_at_once_in_the_order_of_the_file() {
    check_problems(
        "in:\n  type: s3\n  auth_method: nope\n  min_task_size: x\n  parser:\n    type: csv\n    quote: abc\nfilters:\n- type: sql\nout:\n  mode: upsert\n",
        &[
            ("in.bucket", 2, "required"),
            ("in.path_prefix", 2, "required"),
            (
                "in.auth_method",
                3,
                "unknown auth_method 'nope'. Supported methods are basic",
            ),
            ("in.min_task_size", 4, "number of bytes"),
            ("in.parser.columns", 6, "attribute 'columns' is required but not set"),
            ("in.parser.quote", 7, "\"quote\" option accepts only 1 character"),
            ("filters.0", 9, "required"),
            (
                "out.mode",
                11,
                "unknown mode 'upsert'. Supported modes are [append, replace, replace_on_new_data]",
            ),
        ],
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

// Credentials.

#[track_caller]
fn credentials(lines: &str) -> CredentialOptions {
    let text = format!("in: {{bucket: b, path: p, {lines}\n  parser: {{{CSV}}}}}\n");
    let Location::S3(s3) = resolved(&text).plan.input.location else {
        panic!()
    };
    s3.credentials
}

#[track_caller]
fn check_credentials_error(lines: &str, path: &str, message: &str) {
    let text = format!("in: {{bucket: b, path: p, {lines}\n  parser: {{{CSV}}}}}\n");
    check_problems(&text, &[(path, 1, message)]);
}

#[test]
fn keys_come_from_variables() {
    let CredentialOptions::Static {
        access_key_id,
        secret_access_key,
        session_token,
    } = credentials("access_key_id: '${AWS_ACCESS_KEY_ID}', secret_access_key: '${secret:AWS_SECRET_ACCESS_KEY}',")
    else {
        panic!()
    };
    assert_eq!(access_key_id, "AKIA");
    assert_eq!(secret_access_key.expose_secret(), "hush");
    assert!(session_token.is_none());
}

#[test]
fn every_auth_method_is_read() {
    let shown = |lines: &str| format!("{:?}", credentials(lines));
    assert_eq!(shown("auth_method: anonymous,"), "Anonymous");
    assert_eq!(shown("auth_method: env,"), "Env");
    assert_eq!(shown("auth_method: instance,"), "Instance");
    assert_eq!(shown("auth_method: default,"), "Default");
    assert_eq!(
        shown("auth_method: profile,"),
        "Profile { file: None, name: \"default\" }"
    );
    assert_eq!(
        shown("auth_method: profile, profile_file: f, profile_name: n,"),
        "Profile { file: Some(\"f\"), name: \"n\" }"
    );
    assert_eq!(
        shown("auth_method: assume_role, account_id: 0123, role_name: r,"),
        "AssumeRole { role_arn: \"arn:aws:iam::0123:role/r\", external_id: None, session_name: \"embulk\", duration: 3600s, sts_endpoint: None }"
    );
    assert_eq!(
        shown(
            "auth_method: assume_role, account_id: 1, role_name: r, external_id: e, session_name: s, duration_in_seconds: 900, arn_partition: aws-cn, sts_endpoint: 'http://s',"
        ),
        "AssumeRole { role_arn: \"arn:aws-cn:iam::1:role/r\", external_id: Some(\"e\"), session_name: \"s\", duration: 900s, sts_endpoint: Some(\"http://s\") }"
    );
    let session = shown("auth_method: session, access_key_id: a, secret_access_key: hush, session_token: hush,");
    assert!(session.contains("Static") && !session.contains("hush"), "{session}");
}

#[test]
fn basic_without_a_key_is_anonymous_with_a_warning() {
    let text = format!("in: {{bucket: b, path: p,\n  parser: {{{CSV}}}}}\n");
    check_warning(&text, "in.access_key_id", "requests are anonymous", None);
    let text = format!("in: {{bucket: b, path: p, access_key_id: '', secret_access_key: x,\n  parser: {{{CSV}}}}}\n");
    check_warning(&text, "in.access_key_id", "requests are anonymous", None);
}

#[test]
fn missing_and_forbidden_credentials_are_errors() {
    check_credentials_error(
        "access_key_id: a,",
        "in.auth_method",
        "required option is not set: 'secret_access_key'",
    );
    check_credentials_error(
        "auth_method: session, access_key_id: a,",
        "in.auth_method",
        "required option is not set: 'secret_access_key', 'session_token'",
    );
    check_credentials_error(
        "auth_method: assume_role,",
        "in.auth_method",
        "required option is not set: 'account_id', 'role_name'",
    );
    check_credentials_error(
        "auth_method: anonymous, access_key_id: a,",
        "in.access_key_id",
        "invalid option is set: access_key_id",
    );
    check_credentials_error(
        "auth_method: env, profile_name: a,",
        "in.profile_name",
        "invalid option is set: profile_name",
    );
    check_credentials_error("auth_method: properties,", "in.auth_method", "Java");
}

#[test]
fn secrets_never_show() {
    let text = "in: {bucket: b, path: p, auth_method: env, secret_access_key: hush, access_key_id: [hush], session_token: hush,\n  parser: {type: csv}}\nfilters:\n- {type: hash, columns: [{name: a, algorithm: x, secret_key: hush}]}\n";
    let errors = try_resolve(text, true).unwrap_err();
    assert!(!format!("{errors}{errors:?}").contains("hush"));
    let text = file(
        "min_task_size: '${secret:AWS_SECRET_ACCESS_KEY}',",
        CSV,
        "out: {mode: '${secret:AWS_SECRET_ACCESS_KEY}'}\n",
    );
    let errors = try_resolve(&text, true).unwrap_err();
    assert_eq!(errors.problems.len(), 2);
    assert!(!format!("{errors}{errors:?}").contains("hush"), "{errors}");
    let text = "in: {bucket: b, path: p, access_key_id: a, secret_access_key: hush, http_proxy: {host: h, password: hush},\n  parser: {type: json}}\nfilters:\n- {type: hash, columns: [{name: a, algorithm: HmacSHA1, secret_key: hush}]}\n";
    assert!(!format!("{:?}", resolved(text)).contains("hush"));
}

// Decoders.

#[track_caller]
fn check_decoders(text: &str, expected: &[DecoderOptions]) {
    assert_eq!(
        input(&format!("decoders: {text},")).decode,
        DecodeOptions::Listed(expected.to_vec())
    );
}

#[test]
fn decoders_are_listed_outermost_first() {
    let entries = |pattern: Option<&str>| EntryOptions {
        match_name: pattern.map(|pattern| Pattern::new(pattern).unwrap()),
    };
    check_decoders("[]", &[]);
    check_decoders("none", &[]);
    check_decoders(
        "[{type: gzip}, {type: bzip2}]",
        &[DecoderOptions::Gzip, DecoderOptions::Bzip2],
    );
    check_decoders("[gzip]", &[DecoderOptions::Gzip]);
    check_decoders("gzip", &[DecoderOptions::Gzip]);
    check_decoders(
        "[{type: zstd}, {type: zlib}]",
        &[DecoderOptions::Zstd, DecoderOptions::Zlib],
    );
    check_decoders(
        "[{type: zip, match_name: x}]",
        &[DecoderOptions::Zip(entries(Some("x")))],
    );
    check_decoders("[{type: tar}]", &[DecoderOptions::Tar(entries(None))]);
    check_decoders(
        "[{type: commons-compress, format: tgz, match_name: x}]",
        &[DecoderOptions::Gzip, DecoderOptions::Tar(entries(Some(r"\A(?:x)\z")))],
    );
    check_decoders(
        "[{type: commons-compress, format: tar.bz2}]",
        &[DecoderOptions::Bzip2, DecoderOptions::Tar(entries(None))],
    );
    check_decoders("[{type: commons-compress, format: deflate}]", &[DecoderOptions::Zlib]);
}

#[test]
fn decoders_may_be_found_by_magic() {
    for text in ["auto", "null", "[auto]", "[{type: auto}]", "[{type: commons-compress}]"] {
        assert_eq!(
            input(&format!("decoders: {text},")).decode,
            DecodeOptions::Auto,
            "{text}"
        );
    }
}

#[test]
fn wrong_decoders_are_errors() {
    check_input_error(
        "decoders: [{type: gzpi}],",
        "in.decoders.0.type",
        "unknown decoder type 'gzpi'. Supported types are",
    );
    check_input_error("decoders: [{format: x}],", "in.decoders.0.type", "`type` is required");
    check_input_error("decoders: [[]],", "in.decoders.0", "a list cannot be read as a decoder");
    check_input_error(
        "decoders: [{type: commons-compress, format: tar.Z}],",
        "in.decoders.0.format",
        "unsupported format 'tar.Z'",
    );
    check_input_error(
        "decoders: [{type: commons-compress, match_name: x}],",
        "in.decoders.0.format",
        "`match_name` needs a `format`",
    );
    check_input_error(
        "decoders: [gzip, {type: tar, match_name: 'a(b'}],",
        "in.decoders.1.match_name",
        "pattern `a(b` is wrong at character 2: the group is not closed with `)`",
    );
}

// Metadata columns.

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

// Parsers.

#[test]
fn csv_defaults_are_those_of_the_kernel() {
    let options = csv("");
    let expected = CsvOptions {
        columns: options.columns.clone(),
        ..CsvOptions::default()
    };
    assert_eq!(format!("{options:?}"), format!("{expected:?}"));
    assert_eq!(options.columns[0].timestamp, TimestampOptions::default());
}

#[test]
fn csv_values_are_read() {
    let options = csv(
        "delimiter: '||', quote: \"'\", escape: \"'\", quotes_in_quoted_fields: ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS, \
         null_string: '\\N', max_quoted_size_limit: 9, comment_line_marker: '#', skip_header_lines: '2', \
         allow_optional_columns: true, allow_extra_columns: true, charset: MS932, newline: LF, line_delimiter_recognized: CR",
    );
    assert_eq!(
        (options.delimiter.as_str(), options.quote, options.escape),
        ("||", Some('\''), Some('\''))
    );
    assert_eq!(
        options.quotes_in_quoted_fields,
        QuotesInQuotedFields::AcceptStrayQuotesAssumingNoDelimitersInFields
    );
    assert_eq!(options.null_string.as_deref(), Some("\\N"));
    assert_eq!((options.max_quoted_size_limit, options.skip_header_lines), (9, 2));
    assert_eq!(options.comment_line_marker.as_deref(), Some("#"));
    assert!(options.allow_optional_columns && options.allow_extra_columns);
    assert_eq!(options.charset, encoding_rs::SHIFT_JIS);
    assert_eq!(
        (options.newline, options.line_delimiter_recognized),
        (Newline::Lf, Some(Newline::Cr))
    );
}

#[test]
fn null_strings_keep_their_spelling() {
    assert_eq!(csv("null_string: ''").null_string.as_deref(), Some(""));
    assert_eq!(csv("null_string: null").null_string, None);
    assert_eq!(csv("null_string: 'null'").null_string.as_deref(), Some("null"));
    assert_eq!(csv("null_string: 1.0").null_string.as_deref(), Some("1.0"));
}

#[test]
fn quote_and_escape_may_be_null() {
    assert_eq!(csv("quote: null").quote, None);
    assert_eq!(csv("escape: null").escape, None);
    assert_eq!(csv("quote: \"\\0\"").quote, None);
    assert_eq!(csv("escape: '\\0'").escape, None);
    assert_eq!(csv("escape: '\\'").escape, Some('\\'));
}

#[test]
fn empty_quote_and_escape_are_warned_about() {
    let text = file("", &format!("{CSV}, quote: ''"), "");
    check_warning(&text, "in.parser.quote", "an empty `quote` means `\"`", None);
    assert_eq!(csv("quote: ''").quote, Some('"'));
    let text = file("", &format!("{CSV}, escape: ''"), "");
    check_warning(&text, "in.parser.escape", "an empty `escape` means `null`", None);
    assert_eq!(csv("escape: ''").escape, None);
}

#[test]
fn tsv_is_csv_with_a_tab() {
    let plan = resolved(&file("", "type: tsv, columns: [{name: a, type: string}]", "")).plan;
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!()
    };
    assert_eq!(options.delimiter, "\t");
    assert_eq!(csv("delimiter: \"\\t\"").delimiter, "\t");
    assert_eq!(csv("delimiter: '\\t', use_string_literal: true").delimiter, "\t");
    check_warning(
        &file("", &format!("{CSV}, delimiter: '\\t'"), ""),
        "in.parser.delimiter",
        "two characters",
        None,
    );
}

#[test]
fn the_older_header_line_counts_one() {
    assert_eq!(csv("header_line: true").skip_header_lines, 1);
    assert_eq!(csv("header_line: false").skip_header_lines, 0);
    assert_eq!(csv("header_line: true, skip_header_lines: 0").skip_header_lines, 0);
    check_csv_error(
        "header_line: true, skip_header_lines: 1",
        "in.parser.header_line",
        "'header_line' option is invalid if 'skip_header_lines' is set",
    );
}

#[test]
fn csv_errors_name_the_key() {
    check_csv_error(
        "quote: ab",
        "in.parser.quote",
        "\"quote\" option accepts only 1 character",
    );
    check_csv_error(
        "escape: ab",
        "in.parser.escape",
        "\"escape\" option accepts only 1 character",
    );
    check_csv_error("delimiter: ''", "in.parser.delimiter", "must not be empty");
    check_csv_error(
        "delimiter: '\"'",
        "in.parser.delimiter",
        "must not begin with the quote",
    );
    check_csv_error("charset: utf-9", "in.parser.charset", "unknown charset 'utf-9'");
    check_csv_error(
        "newline: LFCR",
        "in.parser.newline",
        "unknown newline 'LFCR'. Supported are [CRLF, LF, CR]",
    );
    check_csv_error(
        "quotes_in_quoted_fields: NO",
        "in.parser.quotes_in_quoted_fields",
        "\"quotes_in_quoted_fields\" must be one of [ACCEPT_ONLY_RFC4180_ESCAPED, ",
    );
    check_csv_error(
        "skip_header_lines: -1",
        "in.parser.skip_header_lines",
        "must be at least 0, not -1",
    );
    check_csv_error(
        "max_quoted_size_limit: 1.5",
        "in.parser.max_quoted_size_limit",
        "`1.5` cannot be read",
    );
    check_csv_error(
        "trim_if_not_quoted: true, quotes_in_quoted_fields: ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS",
        "in.parser.trim_if_not_quoted",
        "cannot be set together",
    );
}

#[test]
fn the_unexpected_follows_the_options() {
    let options = csv("header: by_position");
    assert_eq!(options.column_match, ColumnMatch::ByPosition);
    assert_eq!(options.on_bad_value, OnBadValue::Reject);
    let options = csv(
        "header: by_name, header_case_insensitive: true, header_line: true, on_new_columns: rescue, on_bad_value: 'null'",
    );
    assert_eq!(options.column_match, ColumnMatch::ByName { ignores_case: true });
    assert_eq!(options.skip_header_lines, 0, "the header is no line to be skipped");
    assert_eq!(options.on_new_columns, OnNewColumns::Rescue);
    assert_eq!(options.on_bad_value, OnBadValue::Null);
    assert_eq!(csv("header: by_name, skip_header_lines: 2").skip_header_lines, 2);
    // Nobody who writes it means the absence of a value.
    assert_eq!(csv("on_bad_value: null").on_bad_value, OnBadValue::Null);
}

#[test]
fn options_for_the_unexpected_that_mean_nothing_are_errors() {
    check_csv_error(
        "on_new_columns: add",
        "in.parser.on_new_columns",
        "nothing tells which columns are new",
    );
    check_csv_error(
        "header_case_insensitive: true",
        "in.parser.header_case_insensitive",
        "columns are not found by their names",
    );
    check_csv_error(
        "header: by_name, header_line: false",
        "in.parser.header_line",
        "`header: by_name` needs a header",
    );
    check_csv_error("header: names", "in.parser.header", "unknown header 'names'");
    check_csv_error(
        "on_bad_value: drop",
        "in.parser.on_bad_value",
        "unknown on_bad_value 'drop'",
    );
    let twins = "type: csv, header: by_name, header_case_insensitive: true, \
                 columns: [{name: a, type: long}, {name: A, type: long}]";
    check_problems(
        &file("", twins, ""),
        &[("in.parser.columns", 2, "a header cannot tell `a` from `A`")],
    );
    let taken = "type: jsonl, on_bad_value: rescue, columns: [{name: _rescued, type: json}]";
    check_problems(
        &file("", taken, ""),
        &[("in.parser.columns", 2, "`_rescued` is the column for what has no place")],
    );
}

#[test]
fn other_parsers_are_errors_that_list_ours() {
    check_problems(
        &file("", "type: parquet", ""),
        &[(
            "in.parser.type",
            2,
            "unknown parser type 'parquet'. Supported types are [csv, tsv, json, jsonl]",
        )],
    );
    check_problems(
        &file("", "quote: x", ""),
        &[("in.parser.type", 2, "`type` is required")],
    );
    check_problems(
        "in: {bucket: b, path: p, auth_method: anonymous}",
        &[("in.parser", 1, "`parser` is required")],
    );
}

#[test]
fn columns_have_names_types_and_formats() {
    let text = "type: csv, default_timezone: Asia/Tokyo, default_timestamp_format: '%Y', default_date: 2000-01-01, columns: [\
        {name: 1, type: timestamp}, {name: true, type: timestamp, format: ['%d', '%m'], timezone: UTC, date: 2001-01-01}]";
    let Some(ParserOptions::Csv(options)) = resolved(&file("", text, "")).plan.input.parser else {
        panic!()
    };
    let options_of = |formats: &[&str], timezone: &str, date: &str| TimestampOptions {
        formats: formats.iter().map(|format| (*format).to_owned()).collect(),
        timezone: timezone.to_owned(),
        date: date.to_owned(),
    };
    assert_eq!(
        (options.columns[0].name.as_str(), options.columns[1].name.as_str()),
        ("1", "true")
    );
    assert_eq!(
        options.columns[0].timestamp,
        options_of(&["%Y"], "Asia/Tokyo", "2000-01-01")
    );
    assert_eq!(
        options.columns[1].timestamp,
        options_of(&["%d", "%m"], "UTC", "2001-01-01")
    );
}

#[test]
fn wrong_columns_are_errors() {
    let check_columns = |columns: &str, path: &str, message: &str| {
        check_problems(
            &file("", &format!("type: csv, columns: {columns}"), ""),
            &[(path, 2, message)],
        );
    };
    check_columns("[{type: long}]", "in.parser.columns.0.name", "`name` is required");
    check_columns(
        "[{name: '', type: long}]",
        "in.parser.columns.0.name",
        "must not be empty",
    );
    check_columns("[{name: a}]", "in.parser.columns.0.type", "`type` is required");
    check_columns(
        "[{name: a, type: strng}]",
        "in.parser.columns.0.type",
        "unknown type 'strng'. Supported types are [boolean, long, double, string, timestamp, json]",
    );
    check_columns("[a]", "in.parser.columns.0", "text cannot be read as a map");
    check_columns("a", "in.parser.columns", "`a` cannot be read as a list");
    check_columns("[]", "in.parser.columns", "attribute 'columns' is required but not set");
    check_columns(
        "[{name: a, type: timestamp, format: []}]",
        "in.parser.columns.0.format",
        "must not be empty",
    );
    check_columns(
        "[{name: a, type: long}, {name: a, type: long}]",
        "in.parser",
        "the column `a` stands twice in `columns`",
    );
}

#[test]
fn columns_named_twice_are_told_apart_when_the_file_makes_names_unique() {
    let parser = "type: csv, columns: [{name: a, type: long}, {name: a, type: long}, {name: a_2, type: long}]";
    let text = file(
        "",
        parser,
        "filters: [{type: rename, rules: [{rule: unique_number_suffix}]}]\n",
    );
    let Some(ParserOptions::Csv(options)) = resolved(&text).plan.input.parser else {
        panic!()
    };
    let names: Vec<&str> = options.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "a_3", "a_2"]);
}

#[test]
fn json_values_are_read() {
    let options = json("type: json");
    assert_eq!(options.layout, JsonLayout::Values);
    assert!(options.columns.is_empty() && options.charset.is_none() && options.root.is_none());
    let options = json(
        "type: json, root: /a/b, flatten_json_array: true, invalid_string_escapes: unescape, charset: UTF-16LE, \
         max_record_size: 1KiB, columns: [{name: x, type: long, element_at: /x/0}]",
    );
    assert_eq!(options.root.as_deref(), Some("/a/b"));
    assert!(options.flatten_json_array);
    assert_eq!(options.invalid_string_escapes, InvalidStringEscapes::Unescape);
    assert_eq!(options.charset, Some(encoding_rs::UTF_16LE));
    assert_eq!(options.max_record_bytes, 1024);
    assert_eq!(options.columns[0].element_at.as_deref(), Some("/x/0"));
}

#[test]
fn jsonl_takes_columns_or_schema() {
    for key in ["columns", "schema"] {
        let options = json(&format!(
            "type: jsonl, {key}: [{{name: x, type: long, typecast: true}}]"
        ));
        assert_eq!(options.layout, JsonLayout::Lines);
        assert_eq!(options.columns[0].name, "x");
        assert_eq!(options.charset, Some(encoding_rs::UTF_8));
    }
    let missing = file("", "type: jsonl", "");
    check_problems(
        &missing,
        &[("in.parser.columns", 2, "attribute 'columns' is required but not set")],
    );
    let both = file("", "type: jsonl, columns: [{name: a, type: long}], schema: []", "");
    check_problems(&both, &[("in.parser.schema", 2, "both are set")]);
    let text = file(
        "",
        "type: jsonl, default_typecast: false, columns: [{name: a, type: long}]",
        "",
    );
    check_warning(&text, "in.parser.default_typecast", "always converted", None);
}

#[test]
fn json_pointers_begin_with_a_slash() {
    let text = file("", "type: json, root: $.a.b", "");
    let errors = try_resolve(&text, false).unwrap_err();
    assert_eq!(errors.problems[0].message, "`$.a.b` is not a JSON Pointer");
    assert_eq!(errors.problems[0].hint.as_deref(), Some("write `/a/b`"));
}

#[test]
fn bad_records_follow_on_error() {
    let on_error = |lines: &str| resolved(&file("", &format!("{CSV}, {lines}"), "")).plan.input.on_error;
    assert!(on_error("on_error: fail").is_fail);
    assert!(!on_error("on_error: skip").is_fail);
    assert!(on_error("stop_on_invalid_record: true").is_fail);
    assert!(on_error("stop_on_invalid_record: true, on_error: fail").is_fail);
    assert_eq!(on_error("max_skipped_records: 3").max_errors, Some(3));
    assert_eq!(
        on_error("max_errors: 3, max_error_ratio: 0.5").max_error_ratio,
        Some(0.5)
    );
    assert_eq!(
        on_error("on_error: {mode: skip, rejects: none, max_errors: 10, max_error_ratio: '0.1'}"),
        OnError {
            is_fail: false,
            has_rejects_table: false,
            max_errors: Some(10),
            max_error_ratio: Some(0.1)
        }
    );
    check_csv_error(
        "on_error: stop",
        "in.parser.on_error",
        "unknown on_error 'stop'. Supported values are [skip, fail]",
    );
    check_csv_error(
        "on_error: {rejects: file}",
        "in.parser.on_error.rejects",
        "unknown rejects 'file'",
    );
    check_csv_error(
        "on_error: skip, stop_on_invalid_record: true",
        "in.parser.stop_on_invalid_record",
        "`stop_on_invalid_record: true` contradicts `on_error: skip`",
    );
    check_csv_error(
        "max_error_ratio: 5",
        "in.parser.max_error_ratio",
        "must be between 0 and 1, not 5",
    );
    check_csv_error(
        "max_errors: 5, max_skipped_records: 5",
        "in.parser.max_skipped_records",
        "set twice",
    );
}

// Filters.

fn entry(name: &str) -> ColumnEntry {
    ColumnEntry {
        name: name.to_owned(),
        source: None,
        column_type: None,
        default: None,
        timestamp: TimestampOptions::default(),
    }
}

#[test]
fn column_filters_are_read() {
    let constant = ColumnEntry {
        column_type: Some(ColumnType::Json),
        default: Some("{\"a\":[1]}".to_owned()),
        ..entry("c")
    };
    let copied = ColumnEntry {
        source: Some("b".to_owned()),
        ..entry("d")
    };
    let column = |columns: Option<Vec<ColumnEntry>>, add: Vec<ColumnEntry>, drop: &[&str]| {
        let drop_columns = drop.iter().map(|name| (*name).to_owned()).collect();
        FilterRule::Column(ColumnRule {
            columns,
            add_columns: add,
            drop_columns,
        })
    };
    assert_eq!(
        filter("{type: retain_columns, columns: [a, b]}"),
        column(Some(vec![entry("a"), entry("b")]), vec![], &[])
    );
    assert_eq!(
        filter("{type: drop_columns, columns: [a, {name: b}]}"),
        column(None, vec![], &["a", "b"])
    );
    assert_eq!(
        filter("{type: drop_columns, drop_columns: [a]}"),
        column(None, vec![], &["a"])
    );
    assert_eq!(
        filter("{type: add_columns, columns: [{name: c, type: json, default: {a: [1]}}]}"),
        column(None, vec![constant.clone()], &[])
    );
    assert_eq!(
        filter(
            "{type: column, columns: [{name: a}], add_columns: [{name: c, type: json, default: {a: [1]}}, {name: d, src: b}]}"
        ),
        column(Some(vec![entry("a")]), vec![constant, copied], &[])
    );
    assert_eq!(
        filter("{type: column, drop_columns: [{name: x}]}"),
        column(None, vec![], &["x"])
    );
}

#[test]
fn column_filter_errors() {
    check_filter_error(
        "{type: column, columns: [a], drop_columns: [b]}",
        "filters.0.drop_columns",
        "either of \"columns\", \"drop_columns\" can be specified",
    );
    check_filter_error("{type: column}", "filters.0", "must be specified");
    check_filter_error("{type: retain_columns}", "filters.0.columns", "required");
    check_filter_error("{type: add_columns}", "filters.0.columns", "required");
    check_filter_error("{type: drop_columns}", "filters.0.columns", "required");
    check_filter_error(
        "{type: column, add_columns: [{name: c, type: long}]}",
        "filters.0.add_columns.0.name",
        "add_columns: Column src 'c' is not found in inputSchema. Column 'c' does not have \"type\" and \"default\"",
    );
    check_filter_error(
        "{type: retain_columns, columns: [a, a]}",
        "filters.0.columns.1",
        "stands twice",
    );
    check_filter_error(
        "{type: retain_columns, columns: [[a]]}",
        "filters.0.columns.0",
        "a column needs a name",
    );
    check_filter_error(
        "{type: column, columns: [{name: $.a.b, type: timestamp, default: x}]}",
        "filters.0.columns.0.type",
        "cannot be a timestamp",
    );
}

#[test]
fn remove_columns_is_read() {
    let rule = |action, accept_unmatched_columns| {
        let names = vec!["a".to_owned()];
        FilterRule::RemoveColumns(RemoveColumnsRule {
            action,
            names,
            accept_unmatched_columns,
        })
    };
    assert_eq!(
        filter("{type: remove_columns, remove: [a]}"),
        rule(RemoveOrKeep::Remove, false)
    );
    assert_eq!(
        filter("{type: remove_columns, keep: a, accept_unmatched_columns: true}"),
        rule(RemoveOrKeep::Keep, true)
    );
    check_filter_error(
        "{type: remove_columns, keep: [a], remove: [b]}",
        "filters.0.keep",
        "remove: and keep: must not be multi-select",
    );
    check_filter_error("{type: remove_columns}", "filters.0", "must require remove: or keep:");
}

#[test]
fn expand_json_is_read() {
    let FilterRule::ExpandJson(rule) = filter(
        "{type: expand_json, json_column_name: record, root: $.user., expanded_columns: [{name: id, type: long}, {name: at, type: timestamp, format: '%s'}], keep_expanding_json_column: true, cache_provider: NOOP}",
    ) else {
        panic!()
    };
    assert_eq!(
        (rule.json_column_name.as_str(), rule.root.as_str()),
        ("record", "$.user.")
    );
    assert_eq!(rule.expanded_columns[1].timestamp.formats, ["%s"]);
    assert!(rule.keep_expanding_json_column && !rule.stop_on_invalid_record);
    check_filter_error(
        "{type: expand_json, json_column_name: r, expanded_columns: [{name: a, type: long}, {name: a, type: long}]}",
        "filters.0.expanded_columns.1.name",
        "Column config for 'a' is duplicated at 'expanded_columns' option",
    );
    check_filter_error(
        "{type: expand_json, json_column_name: r, expanded_columns: [], time_zone: UTC}",
        "filters.0.time_zone",
        "'time_zone' option will be deprecated",
    );
    check_filter_error(
        "{type: expand_json, expanded_columns: []}",
        "filters.0.json_column_name",
        "is required",
    );
    check_filter_error(
        "{type: expand_json, json_column_name: r}",
        "filters.0.expanded_columns",
        "is required",
    );
}

#[test]
fn digest_is_hash() {
    for kind in ["hash", "digest"] {
        let FilterRule::Digest(rule) = filter(&format!(
            "{{type: {kind}, columns: [{{name: a}}, {{name: b, algorithm: hmacsha256, secret_key: hush, new_name: c}}, {{name: d, algorithm: sha1}}]}}"
        )) else {
            panic!()
        };
        assert_eq!(rule.columns[0].algorithm, DigestAlgorithm::Sha256);
        assert_eq!(rule.columns[1].algorithm, DigestAlgorithm::HmacSha256);
        assert_eq!(rule.columns[1].secret_key.as_deref(), Some("hush"));
        assert_eq!(rule.columns[1].new_name.as_deref(), Some("c"));
        assert_eq!(rule.columns[2].algorithm, DigestAlgorithm::Sha1);
    }
    check_filter_error(
        "{type: hash, columns: [{name: a, algorithm: CRC32}]}",
        "filters.0.columns.0.algorithm",
        "no such algorithm: CRC32",
    );
    check_filter_error(
        "{type: hash, columns: [{name: a, algorithm: HmacMD5}]}",
        "filters.0.columns.0.secret_key",
        "secret key must not be null",
    );
    check_filter_error("{type: hash}", "filters.0.columns", "`columns` is required");
}

#[track_caller]
fn add_time(source: &str) -> AddTimeSource {
    let FilterRule::AddTime(rule) = filter(&format!("{{type: add_time, to_column: {{name: time}}, {source}}}")) else {
        panic!()
    };
    assert_eq!((rule.to_column.as_str(), rule.to_unit), ("time", None));
    rule.source
}

#[test]
fn add_time_takes_columns_and_values() {
    let AddTimeSource::FromColumn {
        name,
        unit,
        timestamp,
        json_key,
    } = add_time("from_column: {name: at, unix_timestamp_unit: milli, default_timezone: Asia/Tokyo, json_key: k}")
    else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), unit, json_key.as_deref()),
        ("at", UnixUnit::Milli, Some("k"))
    );
    assert_eq!(
        (timestamp.formats[0].as_str(), timestamp.timezone.as_str()),
        ("%Y-%m-%d %H:%M:%S %z", "Asia/Tokyo")
    );
    assert_eq!(add_time("from_value: {value: 5}"), AddTimeSource::FixedTime(5_000_000));
    assert_eq!(
        add_time("from_value: {value: '5', unix_timestamp_unit: nano}"),
        AddTimeSource::FixedTime(0)
    );
    assert_eq!(
        add_time("from_value: {mode: incremental_time, from: 1, to: 9}"),
        AddTimeSource::IncrementalTime { from: 1, to: 9 }
    );
    assert_eq!(add_time("from_value: {mode: upload_time}"), AddTimeSource::UploadTime);
    let FilterRule::AddTime(rule) = filter(
        "{type: add_time, to_column: {name: t, type: long, unix_timestamp_unit: micro}, from_value: {value: 0}}",
    ) else {
        panic!()
    };
    assert_eq!(rule.to_unit, Some(UnixUnit::Micro));
}

#[test]
fn times_are_read_by_their_format() {
    assert_eq!(
        add_time("from_value: {value: 1970-01-02 00:00:00 +0000}"),
        AddTimeSource::FixedTime(86_400_000_000)
    );
    assert_eq!(
        add_time("from_value: {mode: incremental_time, from: 1970-01, to: 1970-02, timestamp_format: '%Y-%m'}"),
        AddTimeSource::IncrementalTime { from: 0, to: 2_678_400 }
    );
}

#[test]
fn formats_and_zones_that_do_not_compile_are_reported_where_they_stand() {
    let check_column = |column: &str, path: &str| {
        let errors = try_resolve(&file("", &format!("type: csv, columns: [{column}]"), ""), false).unwrap_err();
        assert_eq!(
            (
                errors.problems.len(),
                errors.problems[0].path.as_str(),
                errors.problems[0].line
            ),
            (1, path, 2)
        );
    };
    check_column(
        "{name: a, type: timestamp, format: '%Y', timezone: Mars/Olympus}",
        "in.parser.columns.0.format",
    );
    check_column(
        "{name: a, type: timestamp, date: 2026-02-31}",
        "in.parser.columns.0.type",
    );
    check_column(
        "{name: a, type: timestamp, format: 'java:{'}",
        "in.parser.columns.0.format",
    );
}

#[test]
fn add_time_errors() {
    let check_time = |source: &str, path: &str, message: &str| {
        check_filter_error(
            &format!("{{type: add_time, to_column: {{name: time}}, {source}}}"),
            path,
            message,
        );
    };
    check_time(
        "from_column: {name: a}, from_value: {value: 1}",
        "filters.0.from_value",
        "setting both from_column and from_value is invalid",
    );
    check_time("", "filters.0", "setting from_column or from_value is required");
    check_time(
        "from_value: {mode: fixed_time}",
        "filters.0.from_value",
        "required option is not set: 'value'",
    );
    check_time(
        "from_value: {value: 1, from: 2}",
        "filters.0.from_value.from",
        "invalid option is set: 'from'",
    );
    check_time(
        "from_value: {mode: incremental_time}",
        "filters.0.from_value",
        "required option is not set: 'from', 'to'",
    );
    check_time(
        "from_value: {mode: incremental_time, from: 9, to: 1}",
        "filters.0.from_value.to",
        "`to` must not be before `from`",
    );
    check_time(
        "from_value: {mode: now}",
        "filters.0.from_value.mode",
        "unknown mode 'now'. Supported modes are [fixed_time",
    );
    check_time(
        "from_value: {value: 1, unix_timestamp_unit: day}",
        "filters.0.from_value.unix_timestamp_unit",
        "unknown unix_timestamp_unit 'day'. Supported units are sec, milli, micro, and nano",
    );
    check_time(
        "from_value: {value: soon}",
        "filters.0.from_value.value",
        "`soon` cannot be read as a time",
    );
    check_time("from_column: {}", "filters.0.from_column.name", "`name` is required");
    check_filter_error(
        "{type: add_time, from_value: {value: 1}}",
        "filters.0.to_column",
        "`to_column` is required",
    );
}

#[test]
fn rename_is_read_in_order() {
    let FilterRule::Rename(rule) = filter(
        "{type: rename, columns: {a: b, c: 1}, rules: [{rule: lower_to_upper}, {rule: upper_to_lower}, \
         {rule: character_types, pass_types: [a-z, 0-9], pass_characters: _}, \
         {rule: first_character_types, pass_types: [a-z], prefix: _}, {rule: first_character_types, replace: x}, \
         {rule: regex_replace, match: '^(.)', replace: $1}, {rule: truncate}, \
         {rule: unique_number_suffix, max_length: 128, digits: 2, offset: 0, delimiter: '-'}]}",
    ) else {
        panic!()
    };
    assert_eq!(
        rule.columns,
        [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "1".to_owned())]
    );
    let first = Pattern::new("^(.)").unwrap();
    assert_eq!(
        rule.rules,
        [
            RenameStep::LowerToUpper,
            RenameStep::UpperToLower,
            RenameStep::CharacterTypes {
                pass_types: vec!["a-z".to_owned(), "0-9".to_owned()],
                pass_characters: "_".to_owned(),
                replace: '_'
            },
            RenameStep::FirstCharacterTypes {
                pass_types: vec!["a-z".to_owned()],
                pass_characters: String::new(),
                change: FirstCharacterChange::Prefix('_')
            },
            RenameStep::FirstCharacterTypes {
                pass_types: vec![],
                pass_characters: String::new(),
                change: FirstCharacterChange::Replace('x')
            },
            RenameStep::RegexReplace {
                replacement: Replacement::new("$1", &first).unwrap(),
                pattern: first,
            },
            RenameStep::Truncate { max_length: 128 },
            RenameStep::UniqueNumberSuffix {
                delimiter: '-',
                digits: Some(2),
                max_length: Some(128),
                offset: 0
            },
        ]
    );
}

#[test]
fn rename_errors() {
    let check_rule = |rule: &str, path: &str, message: &str| {
        check_filter_error(&format!("{{type: rename, rules: [{rule}]}}"), path, message);
    };
    check_rule(
        "{rule: lowercase}",
        "filters.0.rules.0.rule",
        "unknown rule 'lowercase'. Supported rules are",
    );
    check_rule("{}", "filters.0.rules.0.rule", "`rule` is required");
    check_rule(
        "{rule: character_types, replace: ab}",
        "filters.0.rules.0.replace",
        "just 1 character",
    );
    check_rule(
        "{rule: character_types, pass_types: [a-f]}",
        "filters.0.rules.0.pass_types",
        "unknown pass_types 'a-f'",
    );
    check_rule("{rule: first_character_types}", "filters.0.rules.0", "is required");
    check_rule(
        "{rule: first_character_types, prefix: a, replace: b}",
        "filters.0.rules.0.prefix",
        "together",
    );
    check_rule(
        "{rule: unique_number_suffix, delimiter: '1'}",
        "filters.0.rules.0.delimiter",
        "must not be a digit",
    );
    check_rule(
        "{rule: unique_number_suffix, max_length: 7}",
        "filters.0.rules.0.max_length",
        "at least 8",
    );
    check_rule(
        "{rule: regex_replace, match: a}",
        "filters.0.rules.0.replace",
        "`replace` is required",
    );
    check_rule(
        "{rule: regex_replace, match: '[a', replace: b}",
        "filters.0.rules.0.match",
        "pattern `[a` is wrong at character 3: the class is not closed with `]`",
    );
    check_rule(
        "{rule: regex_replace, match: a, replace: $1}",
        "filters.0.rules.0.replace",
        "replacement `$1` names the group 1, which the pattern lacks",
    );
}

#[test]
fn cast_takes_a_list_or_a_map() {
    let cast = |name: &str, column_type| ColumnEntry {
        column_type: Some(column_type),
        ..entry(name)
    };
    let expected = FilterRule::Cast(CastRule {
        columns: vec![cast("a", ColumnType::Double), cast("b", ColumnType::Long)],
    });
    assert_eq!(filter("{type: cast, columns: {a: double, b: long}}"), expected);
    assert_eq!(
        filter("{type: typecast, columns: [{name: a, type: double}, {name: b, type: long}]}"),
        expected
    );
    check_filter_error(
        "{type: cast, columns: {a: float}}",
        "filters.0.columns",
        "unknown type 'float' of `a`",
    );
    check_filter_error("{type: cast}", "filters.0.columns", "`columns` is required");
}

#[test]
fn keys_of_digests_come_from_text_or_a_file() {
    let digest = |key: &str| {
        let line = format!("{{type: hash, columns: [{{name: a, algorithm: HmacMD5, {key}}}]}}");
        let FilterRule::Digest(mut rule) = filter(&line) else {
            panic!("not hash")
        };
        let column = rule.columns.remove(0);
        (column.secret_key, column.key_file)
    };
    assert_eq!(digest("secret_key: k"), (Some("k".to_owned()), None));
    assert_eq!(digest("key_file: f"), (None, Some("f".to_owned())));
    for (key, place, message) in [
        (
            "secret_key: k, key_file: f",
            "key_file",
            "either `secret_key` or `key_file`",
        ),
        ("secret_key: ''", "secret_key", "must not be null"),
    ] {
        check_filter_error(
            &format!("{{type: hash, columns: [{{name: a, algorithm: HmacMD5, {key}}}]}}"),
            &format!("filters.0.columns.0.{place}"),
            message,
        );
    }
}

fn sql(text: SqlText) -> FilterRule {
    let tables = Vec::new();
    FilterRule::Sql(SqlRule { text, tables })
}

#[test]
fn files_are_tables_of_sql() {
    let FilterRule::Sql(rule) = filter(
        "{type: sql, query: q, tables: {geo: {path: a/geo.CSV, columns: {zip: string}}, t: {path: b, format: tsv}, j: {path: c.ndjson}}}",
    ) else {
        panic!("not sql")
    };
    let file = |path: &str, format, columns| LookupFile {
        path: path.to_owned(),
        format,
        columns,
    };
    let zip = vec![("zip".to_owned(), ColumnType::String)];
    let expected = [
        ("geo", file("a/geo.CSV", LookupFormat::Csv { delimiter: b',' }, zip)),
        ("t", file("b", LookupFormat::Csv { delimiter: b'\t' }, Vec::new())),
        ("j", file("c.ndjson", LookupFormat::Json, Vec::new())),
    ];
    assert_eq!(rule.tables, expected.map(|(name, file)| (name.to_owned(), file)));
    for (table, path, message) in [
        ("{}", "filters.0.tables.a.path", "`path` is required"),
        ("{path: a.xlsx}", "filters.0.tables.a.path", "does not tell the format"),
        (
            "{path: a, format: xlsx}",
            "filters.0.tables.a.format",
            "unknown format 'xlsx'",
        ),
        (
            "{path: a.parquet, columns: {b: long}}",
            "filters.0.tables.a.columns",
            "csv files only",
        ),
        (
            "{path: a.csv, columns: {b: int}}",
            "filters.0.tables.a.columns",
            "unknown type 'int' of `b`",
        ),
    ] {
        check_filter_error(
            &format!("{{type: sql, query: q, tables: {{a: {table}}}}}"),
            path,
            message,
        );
    }
}

#[test]
fn metadata_columns_that_sql_names_are_there_and_hidden() {
    let names = |input: &str, filters: &str| -> Vec<String> {
        let plan = resolved(&file(input, CSV, &format!("filters:\n- {filters}\n"))).plan;
        let columns = plan.input.metadata_columns;
        columns.into_iter().map(|column| column.name).collect()
    };
    assert_eq!(names("", "{type: row, where: _file_size > 1}"), ["__hidden_file_size"]);
    assert_eq!(
        names("", "{type: sql, query: 'SELECT _row_number FROM input'}"),
        ["__hidden_row_number"]
    );
    assert_eq!(
        names("metadata_columns: [_file_size],", "{type: row, where: _file_size > 1}"),
        ["_file_size"]
    );
    assert_eq!(
        names(
            "metadata_columns: {_file_size: size},",
            "{type: row, where: _file_size > size}"
        ),
        ["size", "__hidden_file_size"]
    );
    assert!(names("", "{type: rename, columns: {a: _file_size}}").is_empty());
    let plan = resolved(&file("", CSV, "filters: [{type: row, where: _row_number = 1}]\n")).plan;
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!("not csv")
    };
    assert!(options.has_record_numbers);
}

#[test]
fn sql_takes_clauses_or_a_query() {
    assert_eq!(
        filter("{type: sql, where: 'a > 1', select: '*'}"),
        sql(SqlText::Clauses {
            where_clause: Some("a > 1".to_owned()),
            select: Some("*".to_owned())
        })
    );
    assert_eq!(
        filter("{type: sql, query: SELECT 1}"),
        sql(SqlText::Query("SELECT 1".to_owned()))
    );
    check_filter_error("{type: sql, query: q, where: w}", "filters.0.query", "stands alone");
    check_filter_error(
        "{type: sql}",
        "filters.0",
        "either `where`, `select` or `query` is required",
    );
}

#[test]
fn filters_that_choose_rows_are_read() {
    assert_eq!(
        filter("{type: row, where: a > 1}"),
        FilterRule::Row(RowRule {
            where_clause: "a > 1".to_owned()
        })
    );
    check_filter_error("{type: row}", "filters.0.where", "`where` is required");
    let dedup = |order| {
        FilterRule::Dedup(DedupRule {
            columns: vec!["a".to_owned()],
            order,
        })
    };
    assert_eq!(filter("{type: dedup, columns: a}"), dedup(None));
    for (keep, expected) in [
        ("", Keep::First),
        (", keep: first", Keep::First),
        (", keep: last", Keep::Last),
    ] {
        let by = "b".to_owned();
        assert_eq!(
            filter(&format!("{{type: dedup, columns: [a], by: b{keep}}}")),
            dedup(Some(DedupOrder { by, keep: expected }))
        );
    }
    check_filter_error("{type: dedup}", "filters.0.columns", "required");
    check_filter_error("{type: dedup, columns: []}", "filters.0.columns", "required");
    check_filter_error(
        "{type: dedup, columns: [a], keep: last}",
        "filters.0.keep",
        "no promised order",
    );
    check_filter_error(
        "{type: dedup, columns: [a], by: b, keep: newest}",
        "filters.0.keep",
        "unknown keep 'newest'. Supported are [first, last]",
    );
}

#[test]
fn unknown_filters_name_the_nearest() {
    let text = file("", CSV, "filters:\n- {type: retain_colums}\n- {columns: [a]}\n");
    let errors = try_resolve(&text, false).unwrap_err();
    assert!(
        errors.problems[0]
            .message
            .starts_with("unknown filter type 'retain_colums'. Supported types are [")
    );
    assert_eq!(
        errors.problems[0].hint.as_deref(),
        Some("did you mean `retain_columns`?")
    );
    assert_eq!(
        (errors.problems[1].path.as_str(), errors.problems[1].line),
        ("filters.1.type", 5)
    );
}

// Output and tuning.

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

// Unknown keys, variables, overrides, seeds.

#[test]
fn unknown_keys_are_warned_about_with_line_and_nearest() {
    let text = "in:\n  bucket: b\n  path: p\n  auth_method: anonymous\n  parser:\n    type: csv\n    skip_header_line: 1\n    columns:\n    - {name: a, type: long, frmat: x}\nexce: {}\n";
    let warnings = resolved(text).warnings;
    let found: Vec<(&str, usize, Option<&str>)> = warnings
        .iter()
        .map(|warning| (warning.path.as_str(), warning.line, warning.hint.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (
                "in.parser.skip_header_line",
                7,
                Some("did you mean `skip_header_lines`?")
            ),
            ("in.parser.columns.0.frmat", 9, Some("did you mean `format`?")),
            ("exce", 10, Some("did you mean `exec`?")),
        ]
    );
    let errors = try_resolve(text, true).unwrap_err();
    assert_eq!(errors.problems.len(), 3);
    assert_eq!(errors.problems[0].message, "unknown key `skip_header_line`");
}

#[test]
fn keys_of_another_type_are_told_apart() {
    let text = file("", "type: json, delimiter: ','", "");
    check_warning(&text, "in.parser.delimiter", "has no effect with type `json`", None);
}

#[test]
fn a_misspelled_key_is_shown_beside_the_missing_one() {
    let errors = try_resolve(
        "in: {buckt: b, path: p, auth_method: anonymous, parser: {type: json}}",
        false,
    )
    .unwrap_err();
    assert_eq!(errors.problems[0].path, "in.bucket");
    assert_eq!(errors.warnings[0].hint.as_deref(), Some("did you mean `bucket`?"));
}

#[test]
fn variables_are_replaced_before_reading() {
    assert_eq!(input("min_task_size: '${SIZE}',").min_task_size_bytes, 64 << 20);
    assert_eq!(input("last_path: '${NOPE:-}',").select.last_path, None);
    check_input_error("region: '${NOPE}',", "in.region", "the variable `NOPE` is not set");
}

#[test]
fn overrides_win_over_the_file() {
    let mut document = Document::parse(&file("min_task_size: 1,", CSV, ""), "load.yml").unwrap();
    for assignment in [
        "in.min_task_size=64MiB",
        "in.decoders.0.type=gzip",
        "out.mode=replace",
        "in.parser.delimiter=|",
    ] {
        document.set(assignment).unwrap();
    }
    let plan = resolve(
        &document,
        &ResolveOptions {
            is_strict: true,
            lookup: &lookup,
        },
    )
    .unwrap()
    .plan;
    assert_eq!(plan.input.min_task_size_bytes, 64 << 20);
    assert_eq!(plan.input.decode, DecodeOptions::Listed(vec![DecoderOptions::Gzip]));
    assert_eq!(plan.output.mode, OutputMode::Replace);
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!()
    };
    assert_eq!(options.delimiter, "|");
    document.set("in.min_task_size=huge").unwrap();
    let errors = resolve(
        &document,
        &ResolveOptions {
            is_strict: true,
            lookup: &lookup,
        },
    )
    .unwrap_err();
    assert_eq!(
        (errors.problems[0].path.as_str(), errors.problems[0].line),
        ("in.min_task_size", 0)
    );
}

#[test]
fn a_seed_needs_no_parser() {
    let seed = |text: &str| {
        let document = Document::parse(text, "seed.yml").unwrap();
        resolve_seed(
            &document,
            &ResolveOptions {
                is_strict: true,
                lookup: &lookup,
            },
        )
    };
    let plain = seed("bucket: b\npath_prefix: p\nauth_method: anonymous\n").unwrap();
    assert!(plain.input.parser.is_none() && plain.parser.is_none() && !plain.has_decoders);
    let partial = seed(
        "in: {bucket: b, path_prefix: p, auth_method: anonymous, decoders: [gzip], parser: {type: csv, charset: '${SIZE}'}}\nexec: {guess_plugins: [jsonl]}\nout: {}\n",
    )
    .unwrap();
    assert!(partial.has_decoders);
    assert_eq!(partial.parser.unwrap().get("charset").unwrap().text(), Some("64MiB"));
    assert_eq!(partial.exec.guess_plugins, ["jsonl"]);
    assert_eq!(seed("in: {path: p}").unwrap_err().problems[0].path, "in.bucket");
    assert_eq!(seed("out: {}").unwrap_err().problems[0].path, "in");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        if let Ok(document) = Document::parse(&text, "load.yml") {
            let _ = resolve(&document, &ResolveOptions { is_strict: true, lookup: &lookup });
        }
    }

    #[test]
    fn no_text_of_yaml_characters_makes_it_panic(text in "[a-c\\[\\]{}:,&*#'\"\\-\\n |>!$0-9.~<?%]{0,120}") {
        let _ = Document::parse(&text, "load.yml");
    }

    #[test]
    fn no_value_of_any_key_makes_it_panic(index in 0..keys::KEYS.len(), choice in 0usize..9, text in "\\PC{0,20}") {
        let values = ["null", "[]", "{}", "-1", "1.5", "[{}]", "[a, {b: c}]", "true", ""];
        let path = keys::KEYS[index].path.replace("[]", ".0").replace('*', "x");
        for kind in keys::KEYS[index].applies_to.iter().copied().chain([""]) {
            let mut document = Document::parse(&file("", CSV, ""), "load.yml").unwrap();
            let (section, _) = path.rsplit_once('.').unwrap_or(("", ""));
            if !kind.is_empty() {
                let _ = document.set(&format!("{section}.type={kind}"));
            }
            let value = if choice == 8 { text.as_str() } else { values[choice] };
            let _ = document.set(&format!("{path}={value}"));
            let _ = resolve(&document, &ResolveOptions { is_strict: false, lookup: &lookup });
        }
    }
}
