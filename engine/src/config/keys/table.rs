//! Every key, in the order in which the reference page shows them.

use super::{KeyDoc, KeyKind};
use KeyKind::{
    Any, Bool, BoolOrWord, Duration, Integer, Map, Maps, NamedMaps, NamedTexts, Number, Size, Step, Text, Texts,
    TextsOrMaps, TextsOrNamedTexts, Word, WordOrMap, WordOrMaps,
};

const fn key(path: &'static str, kind: KeyKind, description: &'static str) -> KeyDoc {
    KeyDoc {
        path,
        kind,
        unit: "",
        default: "",
        description,
        example: "",
        values: &[],
        applies_to: &[],
        is_required: false,
        is_secret: false,
    }
}

impl KeyDoc {
    const fn default(mut self, default: &'static str) -> KeyDoc {
        self.default = default;
        self
    }

    const fn unit(mut self, unit: &'static str) -> KeyDoc {
        self.unit = unit;
        self
    }

    const fn example(mut self, example: &'static str) -> KeyDoc {
        self.example = example;
        self
    }

    const fn values(mut self, values: &'static [&'static str]) -> KeyDoc {
        self.values = values;
        self
    }

    const fn of(mut self, applies_to: &'static [&'static str]) -> KeyDoc {
        self.applies_to = applies_to;
        self
    }

    const fn required(mut self) -> KeyDoc {
        self.is_required = true;
        self
    }

    const fn secret(mut self) -> KeyDoc {
        self.is_secret = true;
        self
    }
}

const S3: &[&str] = &["s3"];
const DELIMITED: &[&str] = &["csv", "tsv"];
const JSON: &[&str] = &["json", "jsonl"];
const TYPES: &[&str] = &["boolean", "long", "double", "string", "timestamp", "json"];
const NEWLINES: &[&str] = &["CRLF", "LF", "CR"];
const UNITS: &[&str] = &["sec", "milli", "micro", "nano"];
const TIME_MODES: &[&str] = &["fixed_time", "incremental_time", "upload_time"];
const COLUMN_FILTERS: &[&str] = &["column", "retain_columns", "add_columns", "drop_columns"];
const MAKING_FILTERS: &[&str] = &["column", "retain_columns", "add_columns"];
const CAST: &[&str] = &["cast", "typecast"];
const HASH: &[&str] = &["hash", "digest"];

/// Every key of the configuration.
#[rustfmt::skip]
pub static KEYS: &[KeyDoc] = &[
    key("in", Map, "Where rows come from").required().example("{type: s3, …}"),
    key("filters", Maps, "What happens to the rows, in list order").default("[]").example("[{type: retain_columns, columns: [time, ip]}]"),
    key("out", Map, "Where the rows go").default("{}").example("{mode: append}"),
    key("exec", Map, "Tuning; what is left out sets itself").default("{}").example("{max_threads: 4}"),
    key("preview_sample_rows", Integer, "Rows that `preview` shows").default("15").unit("rows").example("50"),

    key("in.type", Word, "A bucket of an S3-compatible service, or a local directory").default("s3").values(&["s3", "file"]).example("s3"),
    key("in.bucket", Text, "Name of the bucket, without `s3://`").of(S3).required().example("logs"),
    key("in.path_prefix", Text, "Literal prefix of the keys to load, no pattern; an empty one is the whole bucket. With `type: file` a path, relative to the working directory. Either this or `path` is required").example("web/2026-"),
    key("in.path", Text, "Exactly this key; wins over `path_prefix`").example("web/2026-11-22.csv.gz"),
    key("in.path_match_pattern", Text, "Java regular expression that must be found somewhere in the whole key").default(".*").example(r"\.csv(\.gz)?$"),
    key("in.where", Text, "SQL condition on files, evaluated while they are listed: `_file_path`, `_file_name`, `_file_size`, `_file_modified`, `_file_etag`, `_storage_class`. A file for which it is not true is passed over as one is that the pattern does not fit: `last_path` becomes the last file that was selected").example("_file_size < 1000000 AND _storage_class = 'STANDARD'"),
    key("in.last_path", Text, "Only keys after this one, in byte order; written by incremental runs").example("web/2026-11-21.csv.gz"),
    key("in.incremental", BoolOrWord, "Whether the next run goes on where this one ended: after the last key, or with `use_modified_time` from the last time on. `ledger`: each file is loaded once, whatever its name and time; the table remembers them in `TABLE__files`").default("true").values(&["ledger"]).example("ledger"),
    key("in.on_changed_file", Word, "With `incremental: ledger`, what happens to a file that was rewritten since it was loaded: nothing; it is loaded as well; or its rows take the place of the old ones in the same commit, which needs `_file_path` in `metadata_columns`").default("ignore").values(&["ignore", "load", "replace"]).example("replace"),
    key("in.use_modified_time", Bool, "Chooses files by their modified time instead of by name").default("false").example("true"),
    key("in.last_modified_time", Text, "With `use_modified_time`: only files modified at this moment or later; written by incremental runs").example("2026-11-22T00:00:00.000Z"),
    key("in.skip_glacier_objects", Bool, "Passes over archived files instead of failing").of(S3).default("false").example("true"),
    key("in.total_file_count_limit", Integer, "At most this many files are loaded").unit("files").example("1000"),
    key("in.min_task_size", Size, "Compressed bytes at which a task is full; `0` makes every file a task").unit("bytes").default("268435456").example("64MiB"),
    key("in.stop_when_file_not_found", Bool, "Whether it is an error that no file was selected").default("false").example("true"),
    key("in.endpoint", Text, "Host or URL of the service; wins over `region` as to where requests go").of(S3).example("http://127.0.0.1:9000"),
    key("in.region", Text, "AWS region").of(S3).example("us-east-1"),
    key("in.virtual_hosted_style", Bool, "Puts the bucket's name into the host name. Left out: unless the endpoint is not of AWS").of(S3).example("true"),
    key("in.auth_method", Word, "How requests are signed").of(S3).default("basic").values(&["basic", "session", "anonymous", "env", "profile", "instance", "assume_role", "default"]).example("basic"),
    key("in.access_key_id", Text, "Access key, of `basic` and `session`; with `basic` and without it requests are anonymous").of(S3).secret().example("${AWS_ACCESS_KEY_ID}"),
    key("in.secret_access_key", Text, "Secret key, of `basic` and `session`").of(S3).secret().example("${secret:AWS_SECRET_ACCESS_KEY}"),
    key("in.session_token", Text, "Session token, of `session`").of(S3).secret().example("${secret:AWS_SESSION_TOKEN}"),
    key("in.profile_file", Text, "Credentials file, of `profile`. Left out: `$AWS_CREDENTIAL_PROFILES_FILE`, `$AWS_SHARED_CREDENTIALS_FILE`, `~/.aws/credentials`").of(S3).example("/etc/aws/credentials"),
    key("in.profile_name", Text, "Section of the credentials file, of `profile`").of(S3).default("default").example("loader"),
    key("in.account_id", Text, "Account of the role, of `assume_role`").of(S3).example("123456789012"),
    key("in.role_name", Text, "Name of the role, of `assume_role`").of(S3).example("loader"),
    key("in.external_id", Text, "External id, of `assume_role`").of(S3).example("td-123"),
    key("in.session_name", Text, "Session name, of `assume_role`").of(S3).default("embulk").example("nightly"),
    key("in.duration_in_seconds", Duration, "Lifetime of the session, of `assume_role`").of(S3).unit("seconds").default("3600").example("900"),
    key("in.arn_partition", Text, "Partition of the role's ARN, of `assume_role`").of(S3).default("aws").example("aws-cn"),
    key("in.sts_endpoint", Text, "Where the role is assumed, of `assume_role`. Left out: AWS in the region").of(S3).example("https://sts.us-east-1.amazonaws.com"),
    key("in.http_proxy", Map, "Proxy that requests go through").of(S3).example("{host: proxy.internal, port: 8080}"),
    key("in.http_proxy.host", Text, "Host name of the proxy").of(S3).required().example("proxy.internal"),
    key("in.http_proxy.port", Integer, "Port of the proxy").of(S3).example("8080"),
    key("in.http_proxy.https", Bool, "Whether S3 is spoken to over https").of(S3).default("true").example("false"),
    key("in.http_proxy.user", Text, "User at the proxy").of(S3).example("loader"),
    key("in.http_proxy.password", Text, "Password at the proxy").of(S3).secret().example("${secret:PROXY_PASSWORD}"),
    key("in.maximum_retries", Integer, "How often a failed request is repeated").of(S3).default("7").example("3"),
    key("in.initial_retry_interval_millis", Duration, "Wait before the first repetition; doubled after each").of(S3).unit("milliseconds").default("2000").example("500"),
    key("in.maximum_retry_interval_millis", Duration, "Longest wait between repetitions").of(S3).unit("milliseconds").default("480000").example("30s"),
    key("in.on_file_error", Word, "What a file does that cannot be decoded: it fails the job, or it is left out as a whole, counted and logged").default("fail").values(&["fail", "skip"]).example("skip"),
    key("in.metadata_columns", TextsOrNamedTexts, "Columns about the file and the record, after the parser's: `_file_path`, `_file_name`, `_file_size`, `_file_modified`, `_file_etag`, `_row_number`. A map renames them").default("[]").example("{_file_name: source_file}"),
    key("in.filename_column", Text, "Name of a column that holds the file's name").example("source_file"),
    key("in.filename_mode", Word, "Whether `filename_column` holds the last segment of the key or the whole path").default("name").values(&["name", "key"]).example("key"),
    key("in.__end_modified_time", Text, "Internal to the original; must not be set").example("null"),
    key("in.decoders", WordOrMaps, "Decompressors and unpackers, outermost first; `[]` for none. Left out: by the magic bytes of each file").default("auto").values(&["auto", "none"]).example("[{type: gzip}]"),
    key("in.decoders[].type", Word, "Format").required().values(&["gzip", "bzip2", "zstd", "xz", "zlib", "zip", "tar", "commons-compress", "auto"]).example("gzip"),
    key("in.decoders[].match_name", Text, "Java regular expression that must be found in the name of an archive's entry; with `commons-compress` it must match the whole name").of(&["zip", "tar", "commons-compress"]).example(r"\.csv$"),
    key("in.decoders[].format", Text, "Format in the original's words: `zip`, `jar`, `tar`, `gzip`, `bzip2`, `deflate`, `zstd`, `xz`, `tgz`, `tar.gz`, `tbz`, `tbz2`, `tb2`, `tar.bz2`, `txz`, `tar.xz`. Empty: by magic bytes").of(&["commons-compress"]).default("''").example("tgz"),
    key("in.decoders[].decompress_concatenated", Bool, "Accepted for compatibility: concatenated streams are always read").of(&["commons-compress"]).default("true").example("true"),
    key("in.parser", Map, "How bytes become rows; required except for `guess`").required().example("{type: csv, columns: […]}"),

    key("in.parser.type", Word, "Format of the files").required().values(&["csv", "tsv", "json", "jsonl"]).example("csv"),
    key("in.parser.columns", Maps, "Columns; by position in csv and tsv, by name in json and jsonl. With `json` and none: one column `record` of type json").example("[{name: id, type: long}]"),
    key("in.parser.schema", Maps, "Older name of `columns`").of(&["jsonl"]).example("[{name: id, type: long}]"),
    key("in.parser.columns[].name", Text, "Name of the column").required().example("id"),
    key("in.parser.columns[].type", Word, "Type of the column").required().values(TYPES).example("long"),
    key("in.parser.columns[].format", Texts, "Format of a timestamp, or several that are tried in order").example("%Y-%m-%d %H:%M:%S"),
    key("in.parser.columns[].timezone", Text, "Zone of timestamps that name none").example("Asia/Tokyo"),
    key("in.parser.columns[].date", Text, "Date, `YYYY-MM-DD`, for the parts that the format lacks").example("2026-01-01"),
    key("in.parser.columns[].element_at", Text, "JSON Pointer to the value; left out: the member called `name`").of(JSON).example("/user/id"),
    key("in.parser.columns[].members", Texts, "Of an object in a column of type json, or of each object in an array there, the members that are kept; left out: all").of(JSON).example("[sha, message]"),
    key("in.parser.columns[].typecast", Bool, "Accepted for compatibility: values are always converted to the column's type").of(&["jsonl"]).default("true").example("true"),
    key("in.parser.schema[].name", Text, "As in `columns`").of(&["jsonl"]).required().example("id"),
    key("in.parser.schema[].type", Word, "As in `columns`").of(&["jsonl"]).required().values(TYPES).example("long"),
    key("in.parser.schema[].format", Texts, "As in `columns`").of(&["jsonl"]).example("%Y-%m-%d"),
    key("in.parser.schema[].timezone", Text, "As in `columns`").of(&["jsonl"]).example("UTC"),
    key("in.parser.schema[].date", Text, "As in `columns`").of(&["jsonl"]).example("2026-01-01"),
    key("in.parser.schema[].element_at", Text, "As in `columns`").of(&["jsonl"]).example("/user/id"),
    key("in.parser.schema[].members", Texts, "As in `columns`").of(&["jsonl"]).example("[sha, message]"),
    key("in.parser.schema[].typecast", Bool, "As in `columns`").of(&["jsonl"]).default("true").example("true"),
    key("in.parser.delimiter", Text, "One or more characters between fields; a tab in `tsv`").of(DELIMITED).default(",").example(r#""\t""#),
    key("in.parser.quote", Text, "One character round fields; `null`: no quoting").of(DELIMITED).default(r#"'"'"#).example("null"),
    key("in.parser.escape", Text, "One character before a quote inside a quoted field; `null`: none").of(DELIMITED).default(r"\").example(r#"'"'"#),
    key("in.parser.quotes_in_quoted_fields", Word, "What a quote inside a quoted field may be").of(DELIMITED).default("ACCEPT_ONLY_RFC4180_ESCAPED").values(&["ACCEPT_ONLY_RFC4180_ESCAPED", "ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS"]).example("ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS"),
    key("in.parser.use_string_literal", Bool, r"Reads `\t`, `\0` and other escapes in `delimiter`, `quote` and `escape`").of(DELIMITED).default("false").example("true"),
    key("in.parser.null_string", Text, "Text that means null, quoted or not; then an empty field is an empty text").of(DELIMITED).example(r"\N"),
    key("in.parser.trim_if_not_quoted", Bool, "Strips spaces on both sides of fields that are not quoted").of(DELIMITED).default("false").example("true"),
    key("in.parser.max_quoted_size_limit", Integer, "Longest quoted field").of(DELIMITED).unit("UTF-16 units").default("131072").example("1048576"),
    key("in.parser.comment_line_marker", Text, "Lines that start with it are skipped").of(DELIMITED).example("'#'"),
    key("in.parser.skip_header_lines", Integer, "Lines dropped at the start of each file").of(DELIMITED).unit("lines").default("0").example("1"),
    key("in.parser.header_line", Bool, "Older form of `skip_header_lines: 1`").of(DELIMITED).example("true"),
    key("in.parser.allow_optional_columns", Bool, "Missing columns at the end of a record are null instead of a reject").of(DELIMITED).default("false").example("true"),
    key("in.parser.allow_extra_columns", Bool, "Surplus columns at the end of a record are dropped instead of a reject").of(DELIMITED).default("false").example("true"),
    key("in.parser.header", Word, "How fields find their columns: by their place, or by the names in the header, which is the first record after `skip_header_lines`. By name, columns may come in any order, and a column that a file does not name is null").of(DELIMITED).default("by_position").values(&["by_position", "by_name"]).example("by_name"),
    key("in.parser.header_case_insensitive", Bool, "Finds `Price` for `price`; with `header: by_name`").of(DELIMITED).default("false").example("true"),
    key("in.parser.on_new_columns", Word, "What a column does that is in a file and not in `columns` (csv and tsv: with `header: by_name`; json: a member of the record): it is passed over, fails the file, is added as a column of type string, or is kept in the json column `_rescued`").default("ignore").values(&["ignore", "fail", "add", "rescue"]).example("rescue"),
    key("in.parser.on_bad_value", Word, "What a value does that does not fit the type of its column: it rejects its record, is null, or is null and kept in the json column `_rescued`").default("reject").values(&["reject", "null", "rescue"]).example("rescue"),
    key("in.parser.line_delimiter_recognized", Word, "The only sequence that ends a line; left out: each of the three does").of(DELIMITED).values(NEWLINES).example("LF"),
    key("in.parser.newline", Word, "Put between the lines of a quoted field; it does not split lines").of(&["csv", "tsv", "jsonl"]).default("CRLF").values(NEWLINES).example("LF"),
    key("in.parser.charset", Text, "Character set, by its Java or its WHATWG name. `json`: detected among UTF-8, UTF-16 and UTF-32").default("utf-8").example("MS932"),
    key("in.parser.charset_errors", Word, "What bytes do that are no text in the character set: each malformed part is read as U+FFFD and counted in the report, or its file cannot be read").default("replace").values(&["replace", "fail"]).example("fail"),
    key("in.parser.root", Text, "JSON Pointer applied to each value first").of(JSON).example("/data/items"),
    key("in.parser.flatten_json_array", Bool, "Makes each element of the array at `root` a record").of(JSON).default("false").example("true"),
    key("in.parser.invalid_string_escapes", Word, "What is done with a backslash that JSON does not allow").of(JSON).default("PASSTHROUGH").values(&["PASSTHROUGH", "SKIP", "UNESCAPE"]).example("UNESCAPE"),
    key("in.parser.max_record_size", Size, "Longest JSON record").of(JSON).unit("bytes").default("268435456").example("16MiB"),
    key("in.parser.default_typecast", Bool, "Accepted for compatibility: values are always converted to the column's type").of(&["jsonl"]).default("true").example("true"),
    key("in.parser.min_rows_for_guess", Integer, "Lines of a sample below which `guess` does not take it for jsonl").of(&["jsonl"]).default("4").example("2"),
    key("in.parser.default_timezone", Text, "Zone of timestamps whose column names none").default("UTC").example("Asia/Tokyo"),
    key("in.parser.default_timestamp_format", Texts, "Format of timestamp columns without `format`").default("%Y-%m-%d %H:%M:%S.%N %z").example("%Y-%m-%d"),
    key("in.parser.default_date", Text, "Date, `YYYY-MM-DD`, for the parts that formats lack").default("1970-01-01").example("2026-01-01"),
    key("in.parser.on_error", WordOrMap, "What a record does that cannot be read: it is skipped, counted and stored in the table of rejects, or it fails the job").default("skip").values(&["skip", "fail"]).example("{mode: skip, rejects: none}"),
    key("in.parser.on_error.mode", Word, "As `on_error` itself").default("skip").values(&["skip", "fail"]).example("fail"),
    key("in.parser.on_error.rejects", Word, "Whether skipped records are stored in the table of rejects").default("table").values(&["table", "none"]).example("none"),
    key("in.parser.on_error.max_errors", Integer, "More rejects than this fail the job").unit("records").example("1000"),
    key("in.parser.on_error.max_error_ratio", Number, "A greater share of rejects among the records read fails the job; from 0 to 1").example("0.01"),
    key("in.parser.stop_on_invalid_record", Bool, "Older form of `on_error: fail`").default("false").example("true"),
    key("in.parser.max_errors", Integer, "As `on_error.max_errors`").unit("records").example("1000"),
    key("in.parser.max_error_ratio", Number, "As `on_error.max_error_ratio`").example("0.01"),
    key("in.parser.max_skipped_records", Integer, "Another name of `max_errors`").unit("records").example("1000"),

    key("filters[].type", Word, "What the filter does").required().values(&["column", "retain_columns", "add_columns", "drop_columns", "remove_columns", "expand_json", "hash", "digest", "add_time", "rename", "cast", "row", "dedup", "sql"]).example("retain_columns"),
    key("filters[].columns", TextsOrMaps, "The output is exactly these columns, in this order (`drop_columns`: these go; `add_columns`: these are appended)").of(COLUMN_FILTERS).example("[time, {name: address, src: ip}]"),
    key("filters[].columns", Maps, "Columns to digest, in place").of(HASH).required().example("[{name: email, algorithm: SHA-256}]"),
    key("filters[].columns", TextsOrNamedTexts, "Columns to cast, with their new types").of(CAST).required().example("{price: double}"),
    key("filters[].columns", Texts, "Columns of the key: of all rows that have the same values there, one stays; nulls are equal to each other").of(&["dedup"]).required().example("[order_id]"),
    key("filters[].columns", NamedTexts, "Old names and new ones").of(&["rename"]).example("{ip: address}"),
    key("filters[].columns[].name", Text, "Name of the column; `$.` begins a path into a json column").of(&["column", "retain_columns", "add_columns", "drop_columns", "hash", "digest", "cast", "typecast"]).required().example("address"),
    key("filters[].columns[].src", Text, "Input column it is taken from; left out: the one of the same name").of(MAKING_FILTERS).example("ip"),
    key("filters[].columns[].default", Any, "Stands in for null, and is the value of a column that the input lacks").of(MAKING_FILTERS).example("unknown"),
    key("filters[].columns[].type", Word, "Type of a column that the input lacks, or that is cast to").of(&["column", "retain_columns", "add_columns", "cast", "typecast"]).values(TYPES).example("string"),
    key("filters[].columns[].format", Texts, "Format of a timestamp").of(&["column", "retain_columns", "add_columns", "cast", "typecast"]).example("%Y-%m-%d"),
    key("filters[].columns[].timezone", Text, "Zone of a timestamp that names none").of(&["column", "retain_columns", "add_columns", "cast", "typecast"]).example("UTC"),
    key("filters[].columns[].date", Text, "Date for the parts that the format lacks").of(CAST).example("2026-01-01"),
    key("filters[].columns[].algorithm", Word, "Digest algorithm").of(HASH).default("SHA-256").values(&["MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "HmacMD5", "HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"]).example("HmacSHA256"),
    key("filters[].columns[].secret_key", Text, "Key of the Hmac algorithms").of(HASH).secret().example("${secret:HASH_KEY}"),
    key("filters[].columns[].key_file", Text, "File that holds the key of the Hmac algorithms, instead of `secret_key`; a line end after it does not count").of(HASH).example("/run/secrets/hash_key"),
    key("filters[].columns[].new_name", Text, "New name of the column").of(HASH).example("email_hash"),
    key("filters[].add_columns", TextsOrMaps, "Columns appended last").of(&["column", "add_columns"]).example("[{name: source, type: string, default: web}]"),
    key("filters[].add_columns[].name", Text, "Name of the column").of(&["column", "add_columns"]).required().example("source"),
    key("filters[].add_columns[].src", Text, "Input column that is copied").of(&["column", "add_columns"]).example("ip"),
    key("filters[].add_columns[].default", Any, "The value of a constant column, or what stands in for null").of(&["column", "add_columns"]).example("web"),
    key("filters[].add_columns[].type", Word, "Type of a constant column").of(&["column", "add_columns"]).values(TYPES).example("string"),
    key("filters[].add_columns[].format", Texts, "Format of a timestamp").of(&["column", "add_columns"]).example("%Y-%m-%d"),
    key("filters[].add_columns[].timezone", Text, "Zone of a timestamp that names none").of(&["column", "add_columns"]).example("UTC"),
    key("filters[].drop_columns", TextsOrMaps, "Columns that go").of(&["column", "drop_columns"]).example("[{name: secret}]"),
    key("filters[].drop_columns[].name", Text, "Name of the column").of(&["column", "drop_columns"]).required().example("secret"),
    key("filters[].remove", Texts, "Columns that go").of(&["remove_columns"]).example("[secret]"),
    key("filters[].keep", Texts, "Columns that stay").of(&["remove_columns"]).example("[time, ip]"),
    key("filters[].accept_unmatched_columns", Bool, "Passes over names that the input lacks").of(&["remove_columns"]).default("false").example("true"),
    key("filters[].json_column_name", Text, "A string or json column").of(&["expand_json"]).required().example("record"),
    key("filters[].root", Text, "Put before each expanded column's name to make its path").of(&["expand_json"]).default("$.").example("$.user."),
    key("filters[].expanded_columns", Maps, "Columns that take the place of the json column").of(&["expand_json"]).required().example("[{name: id, type: long}]"),
    key("filters[].expanded_columns[].name", Text, "Path below `root`, and name of the column").of(&["expand_json"]).required().example("email.primary"),
    key("filters[].expanded_columns[].type", Word, "Type of the column").of(&["expand_json"]).required().values(TYPES).example("string"),
    key("filters[].expanded_columns[].format", Texts, "Format of a timestamp").of(&["expand_json"]).example("%Y-%m-%d"),
    key("filters[].expanded_columns[].timezone", Text, "Zone of a timestamp that names none").of(&["expand_json"]).example("UTC"),
    key("filters[].expanded_columns[].date", Text, "Date for the parts that the format lacks").of(&["expand_json"]).example("2026-01-01"),
    key("filters[].keep_expanding_json_column", Bool, "Keeps the json column, before the expanded ones").of(&["expand_json"]).default("false").example("true"),
    key("filters[].stop_on_invalid_record", Bool, "Whether a value that cannot be typed fails the job").of(&["expand_json"]).default("false").example("true"),
    key("filters[].cache_provider", Word, "Accepted for compatibility").of(&["expand_json"]).default("LRU").values(&["LRU", "NOOP"]).example("LRU"),
    key("filters[].time_zone", Text, "Refused: use `default_timezone`").of(&["expand_json"]).example("null"),
    key("filters[].default_timezone", Text, "Zone of timestamps whose column names none").of(&["column", "retain_columns", "add_columns", "expand_json", "cast", "typecast"]).default("UTC").example("Asia/Tokyo"),
    key("filters[].default_timestamp_format", Texts, "Format of timestamp columns without `format`").of(&["column", "retain_columns", "add_columns", "expand_json", "cast", "typecast"]).default("%Y-%m-%d %H:%M:%S.%N %z").example("%Y-%m-%d"),
    key("filters[].default_date", Text, "Date for the parts that formats lack").of(&["expand_json", "cast", "typecast"]).default("1970-01-01").example("2026-01-01"),
    key("filters[].to_column", Map, "The time column to append").of(&["add_time"]).required().example("{name: time}"),
    key("filters[].to_column.name", Text, "Its name; a column of that name gets an underscore").of(&["add_time"]).required().example("time"),
    key("filters[].to_column.type", Word, "Its type").of(&["add_time"]).default("timestamp").values(&["timestamp", "long"]).example("long"),
    key("filters[].to_column.unix_timestamp_unit", Word, "Unit of a long time").of(&["add_time"]).default("sec").values(UNITS).example("milli"),
    key("filters[].from_column", Map, "The column it is taken from; either this or `from_value`").of(&["add_time"]).example("{name: created_at}"),
    key("filters[].from_column.name", Text, "Its name").of(&["add_time"]).required().example("created_at"),
    key("filters[].from_column.unix_timestamp_unit", Word, "Unit of numbers").of(&["add_time"]).default("sec").values(UNITS).example("milli"),
    key("filters[].from_column.timestamp_format", Texts, "Format of texts").of(&["add_time"]).default("%Y-%m-%d %H:%M:%S %z").example("%Y-%m-%d"),
    key("filters[].from_column.timezone", Text, "Zone of texts that name none").of(&["add_time"]).example("Asia/Tokyo"),
    key("filters[].from_column.default_timezone", Text, "As `timezone`, which wins").of(&["add_time"]).default("UTC").example("Asia/Tokyo"),
    key("filters[].from_column.date", Text, "Date for the parts that the format lacks").of(&["add_time"]).example("2026-01-01"),
    key("filters[].from_column.default_date", Text, "As `date`, which wins").of(&["add_time"]).default("1970-01-01").example("2026-01-01"),
    key("filters[].from_column.json_key", Text, "Member of a json column").of(&["add_time"]).example("time"),
    key("filters[].from_value", Map, "A constant or counted time").of(&["add_time"]).example("{mode: upload_time}"),
    key("filters[].from_value.mode", Word, "One time; one second more for each record; or the moment the job started").of(&["add_time"]).default("fixed_time").values(TIME_MODES).example("upload_time"),
    key("filters[].from_value.value", Any, "The time of `fixed_time`, number or text").of(&["add_time"]).example("2026-11-22 00:00:00 +0000"),
    key("filters[].from_value.from", Any, "First time of `incremental_time`").of(&["add_time"]).example("1600000000"),
    key("filters[].from_value.to", Any, "Last time of `incremental_time`").of(&["add_time"]).example("1600003600"),
    key("filters[].from_value.unix_timestamp_unit", Word, "Unit of numbers").of(&["add_time"]).default("sec").values(UNITS).example("milli"),
    key("filters[].from_value.timestamp_format", Texts, "Format of texts").of(&["add_time"]).default("%Y-%m-%d %H:%M:%S %z").example("%Y-%m-%d"),
    key("filters[].from_value.timezone", Text, "Zone of texts that name none").of(&["add_time"]).example("UTC"),
    key("filters[].from_value.default_timezone", Text, "As `timezone`, which wins").of(&["add_time"]).default("UTC").example("UTC"),
    key("filters[].from_value.date", Text, "Date for the parts that the format lacks").of(&["add_time"]).example("2026-01-01"),
    key("filters[].from_value.default_date", Text, "As `date`, which wins").of(&["add_time"]).default("1970-01-01").example("2026-01-01"),
    key("filters[].rules", Maps, "Applied to every name, in list order").of(&["rename"]).default("[]").example("[{rule: upper_to_lower}]"),
    key("filters[].rules[].rule", Word, "What is done to each name").required().values(&["lower_to_upper", "upper_to_lower", "character_types", "first_character_types", "regex_replace", "truncate", "unique_number_suffix"]).example("upper_to_lower"),
    key("filters[].rules[].pass_types", Texts, "Classes of characters that pass: `a-z`, `A-Z`, `0-9`").of(&["character_types", "first_character_types"]).default("[]").example("[a-z, 0-9]"),
    key("filters[].rules[].pass_characters", Text, "Single characters that pass").of(&["character_types", "first_character_types"]).default("''").example("_"),
    key("filters[].rules[].replace", Text, "One character in place of every other").of(&["character_types", "first_character_types"]).default("_").example("_"),
    key("filters[].rules[].prefix", Text, "One character before a first one that does not pass").of(&["first_character_types"]).example("_"),
    key("filters[].rules[].match", Text, "Java regular expression").of(&["regex_replace"]).required().example("^raw_"),
    key("filters[].rules[].replace", Text, "Java replacement; `$1` is the first group").of(&["regex_replace"]).required().example("''"),
    key("filters[].rules[].max_length", Integer, "Longest name").of(&["truncate"]).unit("characters").default("128").example("64"),
    key("filters[].rules[].max_length", Integer, "Longest name, suffix included; at least 8").of(&["unique_number_suffix"]).unit("characters").example("128"),
    key("filters[].rules[].delimiter", Text, "One character between name and number, not a digit").of(&["unique_number_suffix"]).default("_").example("-"),
    key("filters[].rules[].digits", Integer, "Least number of digits").of(&["unique_number_suffix"]).example("2"),
    key("filters[].rules[].offset", Integer, "The number before the first suffix").of(&["unique_number_suffix"]).default("1").example("0"),
    key("filters[].by", Text, "Column that decides which of them stays; a row without a value there stays only if none has one. Left out: any of them stays").of(&["dedup"]).example("updated_at"),
    key("filters[].keep", Word, "Whether the row with the least value in `by` stays or the one with the greatest").of(&["dedup"]).default("first").values(&["first", "last"]).example("last"),
    key("filters[].where", Text, "SQL condition over the columns; rows for which it is not true go. Either this or `conditions`").of(&["row"]).example("status <> 304"),
    key("filters[].condition", Word, "Whether all of `conditions` must hold or one of them").of(&["row"]).default("AND").values(&["AND", "OR"]).example("OR"),
    key("filters[].conditions", Maps, "Conditions on single columns, as the original's filter of this name has them").of(&["row"]).example("[{column: status, operator: '!=', argument: 304}]"),
    key("filters[].conditions[].column", Text, "The column").of(&["row"]).required().example("status"),
    key("filters[].conditions[].operator", Word, "How it is compared. Null fulfils no comparison").of(&["row"]).default("==").values(&["IS NULL", "IS NOT NULL", "==", "=", "!=", ">", ">=", "<", "<=", "start_with", "startsWith", "end_with", "endsWith", "include", "contains"]).example("start_with"),
    key("filters[].conditions[].argument", Any, "What it is compared with").of(&["row"]).example("304"),
    key("filters[].conditions[].not", Bool, "Whether the rows stay for which it does not hold").of(&["row"]).default("false").example("true"),
    key("filters[].conditions[].format", Texts, "Format of the argument if the column is a timestamp").of(&["row"]).default("%Y-%m-%d %H:%M:%S.%N %z").example("%Y-%m-%d"),
    key("filters[].conditions[].timezone", Text, "Zone of such an argument that names none").of(&["row"]).default("UTC").example("Asia/Tokyo"),
    key("filters[].where", Text, "SQL condition over the columns; rows for which it is not true go").of(&["sql"]).example("status <> 304"),
    key("filters[].select", Text, "SQL select list").of(&["sql"]).default("*").example("'*, bytes / 1024.0 AS kib'"),
    key("filters[].query", Text, "A whole SQL query over the table `input`, instead of `where` and `select`").of(&["sql"]).example("SELECT status, count(*) AS hits FROM input GROUP BY status"),
    key("filters[].tables", NamedMaps, "Files that are tables besides `input`, by name. Tables of the warehouse need no entry: they are named `DATABASE.TABLE`").of(&["sql"]).default("{}").example("{geo: {path: geo.csv}}"),
    key("filters[].tables.*.path", Text, "Path on the local disk, a relative one from the working directory on, or `s3://BUCKET/KEY`, read with the credentials of `in`. May be a folder, and have `*`, `**` and `?`. Compressed files are recognised. What DataFusion cannot read in place (all but one plain local file) is held in memory, up to a quarter of `exec.memory_limit`").of(&["sql"]).required().example("geo.csv"),
    key("filters[].tables.*.format", Word, "Format of the file: csv and tsv with a header line, JSON documents one a line or in an array, Parquet. Left out: by the end of its name").of(&["sql"]).values(&["csv", "tsv", "json", "jsonl", "ndjson", "parquet"]).example("csv"),
    key("filters[].tables.*.columns", NamedTexts, "Types of single columns of a csv or tsv file; those of the others are found out from its rows").of(&["sql"]).default("{}").example("{zip: string}"),

    key("out.type", Word, "A Delta table, or the same files for readers that only glob; the original's names mean `delta`").default("delta").values(&["delta", "parquet", "td", "td_internal"]).example("parquet"),
    key("out.mode", Word, "What happens to the rows already there: they stay, they go, or they go if this run brought any").default("append").values(&["append", "replace", "replace_on_new_data"]).example("replace_on_new_data"),
    key("out.time_column", Text, "The long or timestamp column partitions are made by. Left out: `time`, else the upload time").example("created_at"),
    key("out.time_column_fallback", Word, "With no time column to be found: the upload time, or the first long or timestamp column").default("upload_time").values(&["upload_time", "first"]).example("first"),
    key("out.time_value", Map, "A constant or counted time instead of a column's").example("{mode: upload_time}"),
    key("out.time_value.mode", Word, "As in the filter `add_time`").default("fixed_time").values(TIME_MODES).example("upload_time"),
    key("out.time_value.value", Any, "As in the filter `add_time`").example("1600000000"),
    key("out.time_value.from", Any, "As in the filter `add_time`").example("1600000000"),
    key("out.time_value.to", Any, "As in the filter `add_time`").example("1600003600"),
    key("out.time_value.unix_timestamp_unit", Word, "As in the filter `add_time`").default("sec").values(UNITS).example("milli"),
    key("out.time_value.timestamp_format", Texts, "As in the filter `add_time`").default("%Y-%m-%d %H:%M:%S %z").example("%Y-%m-%d"),
    key("out.time_value.timezone", Text, "As in the filter `add_time`").example("UTC"),
    key("out.time_value.default_timezone", Text, "As in the filter `add_time`").default("UTC").example("UTC"),
    key("out.time_value.date", Text, "As in the filter `add_time`").example("2026-01-01"),
    key("out.time_value.default_date", Text, "As in the filter `add_time`").default("1970-01-01").example("2026-01-01"),
    key("out.ignore_alternative_time_if_time_exists", Bool, "Prefers a column `time` of the data to `time_column` and `time_value`").default("false").example("true"),
    key("out.unix_timestamp_unit", Word, "Unit of a long time column").default("sec").values(UNITS).example("milli"),
    key("out.partition_by", Word, "Width of a time partition").default("hour").values(&["hour", "day", "month", "year", "none"]).example("day"),
    key("out.timezone", Text, "IANA zone in which partitions are cut").default("UTC").example("Asia/Tokyo"),
    key("out.stop_on_invalid_record", Bool, "Whether a row without a time fails the job instead of being rejected").default("false").example("true"),
    key("out.auto_create_table", Bool, "Creates a missing table; so does `--auto-create-table`").default("false").example("true"),
    key("out.compression", Text, "Compression of the Parquet files: `none`, `snappy`, `lz4`, `zstd` or `zstd(LEVEL)` with a level from 1 to 22").default("snappy").example("zstd(3)"),
    key("out.sort_by_time", Bool, "Sorts the rows of each file by time").default("false").example("true"),
    key("out.default_timezone", Text, "Zone in which timestamps are written as text").default("UTC").example("Asia/Tokyo"),
    key("out.default_timestamp_type_convert_to", Word, "How timestamp columns are stored: as they are, as text, or as whole seconds").default("native").values(&["native", "string", "sec"]).example("string"),
    key("out.default_boolean_type_convert_to", Word, "How boolean columns are stored: as they are, as 0 and 1, or as text").default("native").values(&["native", "long", "string"]).example("long"),
    key("out.column_options", NamedMaps, "How single columns are stored").default("{}").example("{created_at: {type: string, format: '%Y-%m-%d'}}"),
    key("out.column_options.*.type", Word, "Type the column is stored as").values(TYPES).example("string"),
    key("out.column_options.*.value_type", Word, "Another name of `type`").values(TYPES).example("string"),
    key("out.column_options.*.timezone", Text, "Zone of a timestamp written as text").example("Asia/Tokyo"),
    key("out.column_options.*.format", Text, "Format of a timestamp written as text").default("%Y-%m-%d %H:%M:%S.%6N").example("%Y-%m-%d"),

    key("exec.type", Word, "Where the job runs").default("local").values(&["local"]).example("local"),
    key("exec.max_threads", Integer, "Tasks that run side by side. Left out: the number of cores").example("4"),
    key("exec.min_output_tasks", Integer, "Accepted for compatibility: work is spread over all cores without it").example("1"),
    key("exec.memory_limit", Size, "Bytes that all queues, buffers and open writers may hold").unit("bytes").example("2GiB"),
    key("exec.scratch_folder", Text, "Folder on local disk for what memory has no room for. Left out: the system's folder for temporary files").example("/var/tmp"),
    key("exec.target_file_size", Size, "Bytes of an output file at which the next is begun").unit("bytes").example("256MiB"),
    key("exec.max_requests", Integer, "Requests in flight at most, of all threads together. Left out: 256, or 32 a thread if that is more").unit("requests").example("64"),
    key("exec.batch_rows", Integer, "Rows handled at a time; left out: 8192, fewer where `memory_limit` is small").unit("rows").example("8192"),
    key("exec.commit_every", Step, "An append commits whenever so much is loaded, in the order of the keys, each time with its cursor. Left out: once, at its end").example("10GiB"),
    key("exec.checkpoint_every", Step, "After so much input a job writes down what it has done, so that `issue --resume` goes on from there").default("1GiB").example("1000 files"),
    key("exec.guess_sample_buffer_bytes", Size, "Bytes that `guess` reads of each sampled file; more than 40").unit("bytes").default("32768").example("128KiB"),
    key("exec.preview_sample_buffer_bytes", Size, "Accepted for compatibility: `preview` reads what its rows need").unit("bytes").default("32768").example("32768"),
    key("exec.guess_plugins", Texts, "Guess steps to add").default("[]").example("[jsonl]"),
    key("exec.exclude_guess_plugins", Texts, "Guess steps to leave out").default("[]").example("[csv]"),
];
