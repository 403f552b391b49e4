//! Reads the `in.parser` section; sections 3 and 4 of the configuration reference.

use super::columns::{read_columns, read_pointer, read_timestamp_defaults};
use super::document::Value;
use super::plan::{CharsetErrors, OnError, ParserOptions, RejectLimit};
use super::reader::Reader;
use crate::parse::columns::ColumnOptions;
use crate::parse::csv::{ColumnMatch, CsvOptions, Newline, QuotesInQuotedFields, searched_name};
use crate::parse::drift::{OnBadValue, OnNewColumns, RESCUED_COLUMN_NAME};
use crate::parse::json::{InvalidStringEscapes, JsonLayout, JsonOptions};
use encoding_rs::Encoding;

const NEWLINES: [(&str, Newline); 3] = [("CRLF", Newline::Crlf), ("LF", Newline::Lf), ("CR", Newline::Cr)];

/// Names of character sets in Java that the WHATWG list does not know, and what they are there.
const JAVA_CHARSETS: [(&str, &str); 14] = [
    ("cp932", "shift_jis"),
    ("ms932", "shift_jis"),
    ("x-windows-31j", "shift_jis"),
    ("windows-932", "shift_jis"),
    ("eucjp", "euc-jp"),
    ("euc_jp", "euc-jp"),
    ("iso2022jp", "iso-2022-jp"),
    ("ms936", "gbk"),
    ("cp936", "gbk"),
    ("ms949", "euc-kr"),
    ("euc_kr", "euc-kr"),
    ("euckr", "euc-kr"),
    ("ms950", "big5"),
    ("iso8859_1", "iso-8859-1"),
];

/// What a parser section says: how to read records, and what a record does that cannot be read.
pub(crate) struct ParserSection {
    /// `None` if a problem was reported.
    pub(crate) plan: Option<ParserOptions>,
    /// Where records go that cannot be read.
    pub(crate) on_error: OnError,
    /// What bytes do that are no text.
    pub(crate) charset_errors: CharsetErrors,
}

/// Reads the parser of a job.
pub(crate) fn read_parser(parser: &mut Reader<'_>) -> ParserSection {
    let on_error = OnError {
        is_fail: false,
        has_rejects_table: true,
        max_errors: None,
        max_error_ratio: None,
    };
    let nothing = ParserSection {
        plan: None,
        on_error,
        charset_errors: CharsetErrors::default(),
    };
    let kinds = [("csv", "csv"), ("tsv", "tsv"), ("json", "json"), ("jsonl", "jsonl")];
    if parser.value("type").is_none() {
        parser
            .error("type", "`type` is required")
            .hint("write `type: csv`, `tsv`, `json` or `jsonl`");
        return nothing;
    }
    let complain = |value: &str, list: &str| format!("unknown parser type '{value}'. Supported types are [{list}]");
    let Some(kind) = parser.choice("type", &kinds, complain) else {
        return nothing;
    };
    parser.set_kind(kind);
    let on_error = read_on_error(parser);
    let plan = match kind {
        "csv" | "tsv" => read_csv(parser).map(ParserOptions::Csv),
        _ => read_json(parser).map(ParserOptions::Json),
    };
    let charset_errors = read_charset_errors(parser);
    parser.finish();
    ParserSection {
        plan,
        on_error,
        charset_errors,
    }
}

fn read_csv(parser: &Reader<'_>) -> Option<CsvOptions> {
    let default = CsvOptions::default();
    let defaults = read_timestamp_defaults(parser, true);
    let columns = read_required_columns(parser, "columns", &defaults);
    let is_literal = parser.bool("use_string_literal").unwrap_or(false);
    let quote = read_character(parser, "quote", is_literal, default.quote, default.quote);
    let escape = read_character(parser, "escape", is_literal, default.escape, None);
    let quotes_words = [
        (
            "ACCEPT_ONLY_RFC4180_ESCAPED",
            QuotesInQuotedFields::AcceptOnlyRfc4180Escaped,
        ),
        (
            "ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS",
            QuotesInQuotedFields::AcceptStrayQuotesAssumingNoDelimitersInFields,
        ),
    ];
    let complain = |_: &str, list: &str| format!("\"quotes_in_quoted_fields\" must be one of [{list}]");
    let quotes = parser
        .choice("quotes_in_quoted_fields", &quotes_words, complain)
        .unwrap_or_default();
    let trim_if_not_quoted = parser.bool("trim_if_not_quoted").unwrap_or(false);
    if trim_if_not_quoted && quotes != QuotesInQuotedFields::default() {
        parser.error(
            "trim_if_not_quoted",
            "`trim_if_not_quoted` cannot be set together with stray quotes in `quotes_in_quoted_fields`",
        );
    }
    let columns = columns.unwrap_or_default();
    let column_match = read_column_match(parser, &columns);
    let options = CsvOptions {
        on_new_columns: read_on_new_columns(parser, column_match != ColumnMatch::ByPosition),
        on_bad_value: read_on_bad_value(parser),
        column_match,
        columns,
        delimiter: read_delimiter(parser, is_literal),
        quote,
        escape,
        quotes_in_quoted_fields: quotes,
        null_string: parser.text("null_string").map(str::to_owned),
        trim_if_not_quoted,
        max_quoted_size_limit: parser
            .count("max_quoted_size_limit")
            .unwrap_or(default.max_quoted_size_limit),
        comment_line_marker: parser
            .text("comment_line_marker")
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        skip_header_lines: read_header_lines(parser, column_match),
        allow_optional_columns: parser.bool("allow_optional_columns").unwrap_or(false),
        allow_extra_columns: parser.bool("allow_extra_columns").unwrap_or(false),
        charset: read_charset(parser).unwrap_or(default.charset),
        newline: read_newline(parser, "newline").unwrap_or(default.newline),
        line_delimiter_recognized: read_newline(parser, "line_delimiter_recognized"),
        ..default
    };
    check_rescued(parser, &options.columns, options.all_columns().len());
    let quote_in_delimiter = options.quote.filter(|quote| options.delimiter.starts_with(*quote));
    if let Some(quote) = quote_in_delimiter {
        parser.error(
            "delimiter",
            format!("the delimiter must not begin with the quote `{quote}`"),
        );
    }
    Some(options)
}

fn read_json(parser: &Reader<'_>) -> Option<JsonOptions> {
    let default = JsonOptions::default();
    let defaults = read_timestamp_defaults(parser, true);
    let (layout, columns, charset) = match parser.kind() {
        "jsonl" => {
            let columns = match (parser.value("columns"), parser.value("schema")) {
                (None, Some(_)) => read_columns(parser, "schema", &defaults),
                (Some(_), Some(_)) => {
                    parser.error("schema", "`schema` is the older name of `columns`, both are set");
                    None
                }
                _ => read_required_columns(parser, "columns", &defaults),
            };
            if parser.bool("default_typecast") == Some(false) {
                parser.warn(
                    "default_typecast",
                    "values are always converted to the type of their column",
                );
            }
            parser.ignore(&["min_rows_for_guess"]);
            read_newline(parser, "newline");
            (
                JsonLayout::Lines,
                columns,
                read_charset(parser).or(Some(encoding_rs::UTF_8)),
            )
        }
        _ => (
            JsonLayout::Values,
            read_columns(parser, "columns", &defaults),
            read_charset(parser),
        ),
    };
    let escapes = [
        ("PASSTHROUGH", InvalidStringEscapes::Passthrough),
        ("SKIP", InvalidStringEscapes::Skip),
        ("UNESCAPE", InvalidStringEscapes::Unescape),
    ];
    let complain =
        |value: &str, list: &str| format!("unknown invalid_string_escapes '{value}'. Supported are [{list}]");
    let max_record_bytes = parser
        .size("max_record_size")
        .and_then(|bytes| usize::try_from(bytes).ok());
    let columns = columns.unwrap_or_default();
    let options = JsonOptions {
        layout,
        on_new_columns: read_on_new_columns(parser, !columns.is_empty()),
        on_bad_value: read_on_bad_value(parser),
        columns,
        root: read_pointer(parser, "root").filter(|root| !root.is_empty()),
        flatten_json_array: parser.bool("flatten_json_array").unwrap_or(false),
        invalid_string_escapes: parser
            .choice("invalid_string_escapes", &escapes, complain)
            .unwrap_or(default.invalid_string_escapes),
        charset,
        max_record_bytes: max_record_bytes.unwrap_or(default.max_record_bytes),
        ..default
    };
    check_rescued(parser, &options.columns, options.all_columns().len());
    Some(options)
}

/// How fields find their columns; reported if two columns answer to one name.
fn read_column_match(parser: &Reader<'_>, columns: &[ColumnOptions]) -> ColumnMatch {
    let words = [("by_position", false), ("by_name", true)];
    let complain = |value: &str, list: &str| format!("unknown header '{value}'. Supported values are [{list}]");
    let is_by_name = parser.choice("header", &words, complain).unwrap_or(false);
    let ignores_case = parser.bool("header_case_insensitive");
    if !is_by_name {
        if ignores_case.is_some() {
            parser
                .error("header_case_insensitive", "columns are not found by their names")
                .hint("set `header: by_name`");
        }
        return ColumnMatch::ByPosition;
    }
    let ignores_case = ignores_case.unwrap_or(false);
    let searched = |column: &ColumnOptions| searched_name(&column.name, ignores_case);
    for (index, column) in columns.iter().enumerate() {
        let twin = columns[..index]
            .iter()
            .find(|other| searched(other) == searched(column));
        if let Some(twin) = twin {
            parser.error(
                "columns",
                format!("a header cannot tell `{}` from `{}`", twin.name, column.name),
            );
        }
    }
    ColumnMatch::ByName { ignores_case }
}

/// `has_names`: the columns have names by which others are known to be new.
fn read_on_new_columns(parser: &Reader<'_>, has_names: bool) -> OnNewColumns {
    let words = [
        ("ignore", OnNewColumns::Ignore),
        ("fail", OnNewColumns::Fail),
        ("add", OnNewColumns::Add),
        ("rescue", OnNewColumns::Rescue),
    ];
    let complain = |value: &str, list: &str| format!("unknown on_new_columns '{value}'. Supported values are [{list}]");
    let on_new_columns = parser.choice("on_new_columns", &words, complain);
    if on_new_columns.is_some() && !has_names {
        let hint = match parser.kind() {
            "json" => "name the known ones in `columns`",
            _ => "set `header: by_name`",
        };
        parser
            .error("on_new_columns", "nothing tells which columns are new")
            .hint(hint);
    }
    on_new_columns.unwrap_or_default()
}

/// Here a written `null` is a value, not the absence of one.
fn read_on_bad_value(parser: &Reader<'_>) -> OnBadValue {
    if parser.node("on_bad_value").is_some_and(|node| node.is_null()) {
        return OnBadValue::Null;
    }
    let words = [
        ("reject", OnBadValue::Reject),
        ("null", OnBadValue::Null),
        ("rescue", OnBadValue::Rescue),
    ];
    let complain = |value: &str, list: &str| format!("unknown on_bad_value '{value}'. Supported values are [{list}]");
    parser.choice("on_bad_value", &words, complain).unwrap_or_default()
}

/// Reports a column that has the name of the one for what is rescued, if there is one.
fn check_rescued(parser: &Reader<'_>, columns: &[ColumnOptions], num_all_columns: usize) {
    let has_rescued = num_all_columns > columns.len() && !columns.is_empty();
    if has_rescued && columns.iter().any(|column| column.name == RESCUED_COLUMN_NAME) {
        parser
            .error(
                "columns",
                format!("`{RESCUED_COLUMN_NAME}` is the column for what has no place in the others"),
            )
            .hint("give yours another name");
    }
}

fn read_required_columns(
    parser: &Reader<'_>,
    key: &'static str,
    defaults: &crate::parse::columns::TimestampOptions,
) -> Option<Vec<ColumnOptions>> {
    let is_empty = parser
        .value(key)
        .is_none_or(|node| matches!(&node.value, Value::List(items) if items.is_empty()));
    if is_empty {
        parser
            .error(key, format!("attribute '{key}' is required but not set"))
            .hint("`bucketload guess` finds the columns of a sample");
        return None;
    }
    read_columns(parser, key, defaults)
}

/// Reads escapes of a Java string literal.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => result.push('\t'),
            Some('n') => result.push('\n'),
            Some('r') => result.push('\r'),
            Some('0') => result.push('\0'),
            Some(other) => result.push(other),
            None => result.push('\\'),
        }
    }
    result
}

fn read_delimiter(parser: &Reader<'_>, is_literal: bool) -> String {
    let default = if parser.kind() == "tsv" { "\t" } else { "," };
    let Some(text) = parser.name("delimiter") else {
        return default.to_owned();
    };
    if is_literal {
        return unescaped(text);
    }
    if text == r"\t" {
        parser
            .warn("delimiter", r"the delimiter is a backslash and a `t`, two characters")
            .hint(r#"write `"\t"`, with double quotes, for a tab"#);
    }
    text.to_owned()
}

/// Reads one character; `null`, NUL and a written `\0` mean none, an empty text means `empty`, with a warning.
fn read_character(
    parser: &Reader<'_>,
    key: &'static str,
    is_literal: bool,
    default: Option<char>,
    empty: Option<char>,
) -> Option<char> {
    let Some(node) = parser.node(key) else { return default };
    if node.is_null() {
        return None;
    }
    let text = parser.text(key)?;
    // A single backslash is itself, as a literal too: it is the most usual escape.
    let text = if is_literal && text.len() > 1 {
        unescaped(text)
    } else {
        text.to_owned()
    };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (None, _) => {
            let meaning = empty.map_or("`null`".to_owned(), |character| format!("`{character}`"));
            parser
                .warn(key, format!("an empty `{key}` means {meaning}"))
                .hint(format!("write {meaning}"));
            empty
        }
        (Some('\0'), None) => None,
        (Some(character), None) => Some(character),
        _ if text == r"\0" => None,
        _ => {
            parser.error(key, format!("\"{key}\" option accepts only 1 character"));
            default
        }
    }
}

fn read_header_lines(parser: &Reader<'_>, column_match: ColumnMatch) -> u64 {
    let skip_header_lines = parser.count("skip_header_lines");
    let header_line = parser.bool("header_line");
    if column_match != ColumnMatch::ByPosition {
        // The header is the first record after the lines that are skipped, and is always there.
        if header_line == Some(false) {
            parser.error("header_line", "`header: by_name` needs a header");
        }
        return skip_header_lines.unwrap_or(0);
    }
    if header_line.is_some() && skip_header_lines.is_some_and(|lines| lines > 0) {
        parser.error(
            "header_line",
            "'header_line' option is invalid if 'skip_header_lines' is set",
        );
    }
    skip_header_lines.unwrap_or(u64::from(header_line == Some(true)))
}

fn read_newline(parser: &Reader<'_>, key: &'static str) -> Option<Newline> {
    parser.choice(key, &NEWLINES, |value, list| {
        format!("unknown {key} '{value}'. Supported are [{list}]")
    })
}

fn read_charset_errors(parser: &Reader<'_>) -> CharsetErrors {
    let words = [("replace", CharsetErrors::Replace), ("fail", CharsetErrors::Fail)];
    let complain = |value: &str, list: &str| format!("unknown charset_errors '{value}'. Supported values are [{list}]");
    parser.choice("charset_errors", &words, complain).unwrap_or_default()
}

fn read_charset(parser: &Reader<'_>) -> Option<&'static Encoding> {
    let name = parser.name("charset")?;
    let encoding = find_charset(name);
    if encoding.is_none() {
        parser
            .error("charset", format!("unknown charset '{name}'"))
            .hint("write a name such as `utf-8` or `MS932`");
    }
    encoding
}

/// The character set of a Java or a WHATWG name.
fn find_charset(name: &str) -> Option<&'static Encoding> {
    let lower = name.trim().to_ascii_lowercase();
    let label = JAVA_CHARSETS
        .iter()
        .find(|(java, _)| *java == lower)
        .map_or(lower.as_str(), |(_, label)| *label);
    let hyphenated = label.replace('_', "-");
    Encoding::for_label_no_replacement(label.as_bytes())
        .or_else(|| Encoding::for_label_no_replacement(hyphenated.as_bytes()))
}

fn read_on_error(parser: &Reader<'_>) -> OnError {
    let modes = [("skip", false), ("fail", true)];
    let complain = |value: &str, list: &str| format!("unknown on_error '{value}'. Supported values are [{list}]");
    let is_map = parser
        .value("on_error")
        .is_some_and(|node| matches!(node.value, Value::Map(_)));
    let mut written = None;
    let mut on_error = OnError {
        is_fail: false,
        has_rejects_table: true,
        max_errors: None,
        max_error_ratio: None,
    };
    if is_map && let Some(map) = parser.map("on_error") {
        written = map.choice("mode", &modes, complain);
        let words = [("table", true), ("none", false)];
        let complain = |value: &str, list: &str| format!("unknown rejects '{value}'. Supported values are [{list}]");
        on_error.has_rejects_table = map.choice("rejects", &words, complain).unwrap_or(true);
        on_error.max_errors = map
            .count("max_errors")
            .map(|max| RejectLimit::new("in.parser.on_error.max_errors", max));
        on_error.max_error_ratio = map
            .ratio("max_error_ratio")
            .map(|max| RejectLimit::new("in.parser.on_error.max_error_ratio", max));
        map.finish();
    } else if !is_map {
        written = parser.choice("on_error", &modes, complain);
    }
    let stop = parser.bool("stop_on_invalid_record");
    if let (Some(is_fail), Some(is_stop)) = (written, stop)
        && is_fail != is_stop
    {
        let word = if is_fail { "fail" } else { "skip" };
        parser.error(
            "stop_on_invalid_record",
            format!("`stop_on_invalid_record: {is_stop}` contradicts `on_error: {word}`"),
        );
    }
    on_error.is_fail = written.or(stop).unwrap_or(false);
    let names = [
        ("max_errors", "in.parser.max_errors"),
        ("max_skipped_records", "in.parser.max_skipped_records"),
    ];
    for (key, path) in names {
        let limit = parser.count(key).map(|max| RejectLimit::new(path, max));
        if limit.is_some() && on_error.max_errors.is_some() {
            parser.error(key, "the limit of rejects is set twice");
        }
        on_error.max_errors = on_error.max_errors.or(limit);
    }
    let ratio = parser
        .ratio("max_error_ratio")
        .map(|max| RejectLimit::new("in.parser.max_error_ratio", max));
    if ratio.is_some() && on_error.max_error_ratio.is_some() {
        parser.error("max_error_ratio", "the limit of rejects is set twice");
    }
    on_error.max_error_ratio = on_error.max_error_ratio.or(ratio);
    on_error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&'static Encoding>) {
        assert_eq!(find_charset(name), expected, "{name}");
    }

    #[test]
    fn charsets_are_known_by_their_java_names() {
        check("UTF-8", Some(encoding_rs::UTF_8));
        check("UTF8", Some(encoding_rs::UTF_8));
        check("MS932", Some(encoding_rs::SHIFT_JIS));
        check("windows-31j", Some(encoding_rs::SHIFT_JIS));
        check("Shift_JIS", Some(encoding_rs::SHIFT_JIS));
        check("SJIS", Some(encoding_rs::SHIFT_JIS));
        check("EUC-JP", Some(encoding_rs::EUC_JP));
        check("EUC_JP", Some(encoding_rs::EUC_JP));
        check("ISO-2022-JP", Some(encoding_rs::ISO_2022_JP));
        check("ISO-8859-1", Some(encoding_rs::WINDOWS_1252));
        check("ISO8859_1", Some(encoding_rs::WINDOWS_1252));
        check("Cp1252", Some(encoding_rs::WINDOWS_1252));
        check("US-ASCII", Some(encoding_rs::WINDOWS_1252));
        check("UTF-16LE", Some(encoding_rs::UTF_16LE));
        check("GB18030", Some(encoding_rs::GB18030));
        check("Big5", Some(encoding_rs::BIG5));
        check("KOI8_R", Some(encoding_rs::KOI8_R));
    }

    #[test]
    fn unknown_charsets_are_refused() {
        for name in ["", "utf-9", "EBCDIC", "hz-gb-2312", "replacement"] {
            check(name, None);
        }
    }

    #[test]
    fn string_literals_are_unescaped() {
        assert_eq!(unescaped(r"\t"), "\t");
        assert_eq!(unescaped(r#"\\\""#), r#"\""#);
        assert_eq!(unescaped(r"a\"), r"a\");
    }
}
