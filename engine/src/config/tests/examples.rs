//! Whole files as users have them.

use super::*;

/// The file of the interface's first section, with a parser.
const INTERFACE: &str = r#"
in:
  type: s3                 # or `file`
  endpoint: http://127.0.0.1:9000
  region: us-east-1
  auth_method: basic
  access_key_id: ${AWS_ACCESS_KEY_ID}
  secret_access_key: ${AWS_SECRET_ACCESS_KEY}
  bucket: logs
  path_prefix: web/2026-
  path_match_pattern: \.csv(\.gz)?$
  min_task_size: 268435456
  decoders: [{type: gzip}]
  parser: {type: csv, columns: [{name: time, type: timestamp, format: "%s"}, {name: ip, type: string}, {name: status, type: long}, {name: bytes, type: long}]}
filters:
  - {type: retain_columns, columns: [time, ip, status, bytes]}
  - {type: sql, where: "status <> 304", select: "*, bytes / 1024.0 AS kib"}
out:
  mode: append
  time_column: time
  partition_by: hour
  timezone: UTC
exec: {}
"#;

#[test]
fn the_file_of_the_interface_resolves_without_a_warning() {
    let resolved = try_resolve(INTERFACE, true).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(resolved.warnings.is_empty(), "{:?}", resolved.warnings);
    assert_eq!(
        resolved
            .plan
            .input
            .select
            .path_match_pattern
            .as_ref()
            .map(Pattern::as_str),
        Some(r"\.csv(\.gz)?$")
    );
    assert_eq!(resolved.plan.filters.len(), 2);
    let Location::S3(s3) = &resolved.plan.input.location else {
        panic!()
    };
    let CredentialOptions::Static { secret_access_key, .. } = &s3.credentials else {
        panic!()
    };
    assert_eq!(secret_access_key.expose_secret(), "hush");
}

/// A seed of `td connector:guess`: a bare input is written below `in`, the output is empty.
const SEED: &str = r#"
in:
  type: s3
  access_key_id: XXXXXXXXXX
  secret_access_key: YYYYYYYYYY
  bucket: sample_bucket
  # path to the *.json or *.csv or *.tsv file on your s3 bucket
  path_prefix: path/to/sample_file
out:
  mode: append
"#;

#[test]
fn a_seed_of_the_original_can_be_guessed_from() {
    let document = Document::parse(SEED, "seed.yml").unwrap();
    let seed = resolve_seed(
        &document,
        &ResolveOptions {
            is_strict: true,
            lookup: &lookup,
        },
    )
    .unwrap();
    assert!(seed.warnings.is_empty());
    assert_eq!(seed.input.select.path_prefix, "path/to/sample_file");
}

/// What the original's guess makes of it.
const GUESSED: &str = r#"
---
in:
  type: s3
  access_key_id: XXXXXXXXXX
  secret_access_key: YYYYYYYYYY
  bucket: sample_bucket
  path_prefix: path/to/sample_file
  parser:
    charset: UTF-8
    newline: CRLF
    type: csv
    delimiter: ','
    quote: '"'
    escape: ''
    null_string: 'NULL'
    skip_header_lines: 1
    allow_extra_columns: false
    allow_optional_columns: false
    trim_if_not_quoted: false
    columns:
    - name: id
      type: long
    - name: company
      type: string
    - name: customer
      type: string
    - name: created_at
      type: timestamp
      format: '%Y-%m-%d %H:%M:%S'
out:
  mode: append
exec: {}
filters:
- rules:
  - rule: upper_to_lower
  - pass_types:
    - a-z
    - 0-9
    pass_characters: _
    replace: _
    rule: character_types
  - pass_types:
    - a-z
    pass_characters: _
    prefix: _
    rule: first_character_types
  - rule: unique_number_suffix
    max_length: 128
  type: rename
- from_value:
    mode: upload_time
  to_column:
    name: time
  type: add_time
"#;

#[test]
fn a_guessed_file_of_the_original_works_unchanged() {
    let resolved = try_resolve(GUESSED, true).unwrap_or_else(|errors| panic!("{errors}"));
    let warnings: Vec<&str> = resolved.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warnings, ["in.parser.escape"]);
    let Some(ParserOptions::Csv(options)) = resolved.plan.input.parser else {
        panic!()
    };
    assert_eq!(
        (options.quote, options.escape, options.null_string.as_deref()),
        (Some('"'), None, Some("NULL"))
    );
    assert_eq!(options.columns.len(), 4);
    assert!(matches!(resolved.plan.filters[1].rule, FilterRule::AddTime(_)));
}

/// An incremental job of JSON lines, as one puts it below `config`.
const WRAPPED: &str = r#"
config:
  in:
    type: s3
    region: ap-northeast-1
    auth_method: session
    access_key_id: ${env:AWS_ACCESS_KEY_ID}
    secret_access_key: ${secret:AWS_SECRET_ACCESS_KEY}
    session_token: ${TOKEN:-none}
    bucket: events
    path_prefix: app/
    use_modified_time: true
    last_modified_time: '2026-11-20T00:00:00.000Z'
    skip_glacier_objects: true
    decoders:
    - type: gzip
    parser:
      type: json
  filters:
  - type: expand_json
    json_column_name: record
    expanded_columns:
    - {name: user.id, type: long}
    - {name: at, type: timestamp, format: '%Y-%m-%dT%H:%M:%S.%NZ'}
  - type: column
    drop_columns:
    - name: secret
  - type: hash
    columns:
    - {name: user.id, algorithm: HmacSHA256, secret_key: '${secret:AWS_SECRET_ACCESS_KEY}'}
  out: {type: td_internal, mode: replace_on_new_data, plazma_dataset: x}
"#;

#[test]
fn a_wrapped_file_with_filters_resolves() {
    let resolved = try_resolve(WRAPPED, false).unwrap_or_else(|errors| panic!("{errors}"));
    let warnings: Vec<&str> = resolved.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warnings, ["out.type", "out.mode", "out.plazma_dataset"]);
    assert_eq!(resolved.plan.filters.len(), 3);
    assert!(!format!("{:?}", resolved.plan).contains("hush"));
}

#[test]
fn the_same_file_as_json_is_the_same_job() {
    for text in [INTERFACE, GUESSED, WRAPPED] {
        let document = Document::parse(text, "load.yml").unwrap();
        let json = serde_json::to_string_pretty(&document.root().to_json()).unwrap();
        let plan = |text: &str| format!("{:?}", try_resolve(text, false).unwrap().plan);
        assert_eq!(plan(&json), plan(text));
    }
}
