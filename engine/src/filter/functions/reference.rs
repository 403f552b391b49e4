//! Every function that filters and queries have beyond the usual ones of SQL, for the page `docs/functions.md`.
//!
//! The examples are run by a test, so what they give is true.

/// One function, of ours or of DataFusion.
#[derive(Clone, Copy, Debug)]
pub(super) struct FunctionDoc {
    /// What it is about.
    pub(super) group: &'static str,
    /// How it is called; optional arguments in brackets.
    pub(super) call: &'static str,
    /// What it gives.
    pub(super) description: &'static str,
    /// An expression.
    pub(super) example: &'static str,
    /// What the expression gives, as text; empty: null.
    pub(super) result: &'static str,
    /// Whether it is DataFusion's own.
    pub(super) is_builtin: bool,
}

const fn ours(
    group: &'static str,
    call: &'static str,
    description: &'static str,
    example: &'static str,
    result: &'static str,
) -> FunctionDoc {
    FunctionDoc {
        group,
        call,
        description,
        example,
        result,
        is_builtin: false,
    }
}

const fn builtin(
    group: &'static str,
    call: &'static str,
    description: &'static str,
    example: &'static str,
    result: &'static str,
) -> FunctionDoc {
    FunctionDoc {
        is_builtin: true,
        ..ours(group, call, description, example, result)
    }
}

const JSON: &str = "JSON";
const TIME: &str = "Times";
const URL: &str = "URLs and query strings";
const IP: &str = "IP addresses";
const ENCODING: &str = "Digests and encodings";
const CAST: &str = "Casts that do not fail";

/// Every function of the page, by group.
#[rustfmt::skip]
pub(super) static FUNCTIONS: &[FunctionDoc] = &[
    ours(JSON, "json_get(text, path)", "The value there as text: the content of a string, any other value as JSON; null if there is none. Paths are JSONPath (`$.a.b[0]`) or JSON Pointer (`/a/b/0`)", r#"json_get('{"a": [1, {"b": "x"}]}', '$.a[1].b')"#, "x"),
    ours(JSON, "json_exists(text, path)", "Whether there is a value, be it null", r#"json_exists('{"a": null}', '/a')"#, "true"),
    ours(JSON, "json_length(text [, path])", "The number of elements of an array or of members of an object; null for other values", r#"json_length('{"a": [1, 2]}', '$.a')"#, "2"),
    ours(JSON, "json_elements(text [, path])", "The elements of an array as a list of texts; `unnest` makes a row of each", r#"array_to_string(json_elements('[1, "b"]'), '|')"#, "1|b"),
    ours(JSON, "json_keys(text [, path])", "The names of the members of an object as a list", r#"array_to_string(json_keys('{"a": 1, "b": 2}'), '|')"#, "a|b"),
    ours(JSON, "as_json(text)", "The same text as a column of the type `json`", r#"as_json('[1]')"#, "[1]"),
    ours(TIME, "parse_timestamp(text, format [, zone])", "The instant, by a format as columns have it; null if the text does not fit. The zone is for texts that name none", "parse_timestamp('22/Nov/2026:07:01:02', '%d/%b/%Y:%H:%M:%S', 'Asia/Tokyo')", "2026-11-21T22:01:02Z"),
    builtin(TIME, "date_trunc(unit, time)", "The beginning of the hour, day, month or year", "date_trunc('hour', TIMESTAMP '2026-11-22 07:59:59')", "2026-11-22T07:00:00"),
    builtin(TIME, "to_timestamp_millis(number)", "The instant so many milliseconds after the epoch; also `to_timestamp_seconds`, `to_timestamp_micros`", "to_timestamp_millis(1500)", "1970-01-01T00:00:01.500"),
    ours(URL, "url_scheme(text)", "The scheme in lower case; null for a text without one", "url_scheme('HTTPS://example.com/')", "https"),
    ours(URL, "url_host(text)", "The host in lower case, without user and port", "url_host('https://me@Example.com:8443/a')", "example.com"),
    ours(URL, "url_port(text)", "The port, if the text has one", "url_port('https://example.com:8443/a')", "8443"),
    ours(URL, "url_path(text)", "The path as it is written", "url_path('/a%20b/c?d=e#f')", "/a%20b/c"),
    ours(URL, "url_query(text)", "What stands behind the question mark", "url_query('/a?b=c&d#e')", "b=c&d"),
    ours(URL, "url_fragment(text)", "What stands behind the hash", "url_fragment('/a?b#c')", "c"),
    ours(URL, "query_parameter(text, name)", "The first value of a parameter, decoded, of a URL, a path or a query string", "query_parameter('/search?q=a+b%21&page=2', 'q')", "a b!"),
    ours(URL, "url_decode(text)", "The text without its escapes; `+` is a space", "url_decode('a%2Fb+c')", "a/b c"),
    ours(URL, "url_encode(text)", "The text with escapes for all that is not safe in a query string", "url_encode('a/b c')", "a%2Fb+c"),
    ours(IP, "ip_in_cidr(text, networks)", "Whether the address is in one of the networks, which are separated by commas; null for a text that is no address", "ip_in_cidr('10.1.2.3', '10.0.0.0/8, fd00::/8')", "true"),
    ours(IP, "ip_anonymize(text [, v4_bits [, v6_bits]])", "The address with its last bits zero; 24 bits stay of version 4 and 48 of version 6", "ip_anonymize('203.0.113.77')", "203.0.113.0"),
    ours(IP, "ip_version(text)", "4 or 6; null for a text that is no address", "ip_version('2001:db8::1')", "6"),
    ours(ENCODING, "digest_hex(text, algorithm)", "A digest in hexadecimal digits: `md5`, `sha1`, `sha256`, `sha384` or `sha512`. For keyed ones use the filter `hash`: a key in SQL would be seen in plans", "digest_hex('a', 'md5')", "0cc175b9c0f1b6a831c399e269772661"),
    ours(ENCODING, "try_decode(text, encoding)", "The text that `base64` (of both alphabets) or `hex` stands for; null if it stands for none", "try_decode('w6TDtg==', 'base64')", "äö"),
    builtin(ENCODING, "encode(text, encoding)", "The text in `base64` or `hex`", "encode('äö', 'hex')", "c3a4c3b6"),
    builtin(CAST, "TRY_CAST(value AS type)", "The value in another type; null if it has none there, where `CAST` fails the job", "TRY_CAST('12,5' AS DOUBLE)", ""),
    builtin(CAST, "arrow_try_cast(value, type)", "The same with the name of an Arrow type", "arrow_try_cast('300', 'UInt8')", ""),
    builtin(CAST, "nullif(value, other)", "Null if the values are equal, else the first", "nullif('-', '-')", ""),
    builtin(CAST, "coalesce(value, ...)", "The first value that is not null", "coalesce(NULL, 'b')", "b"),
];

/// The page `docs/functions.md`.
pub fn functions_markdown() -> String {
    let mut page = String::from(
        "# SQL functions\n\n\
         Filters of the types `sql` and `row`, and `bucketload query`, take all functions of \
         [DataFusion](https://datafusion.apache.org/user-guide/sql/scalar_functions.html). This page has those that are ours, and some of \
         DataFusion's that users of logs look for.\n\n\
         Ours take a text, and after it constants. None of them fails on a value: what cannot be read is null. A wrong constant is an error \
         before any file is read.\n\n\
         The page is written from the code, and the examples are run: `BLESS=1 cargo test -p bucketload-tests --test it -- documentation`.\n",
    );
    let mut group = "";
    for function in FUNCTIONS {
        if function.group != group {
            group = function.group;
            page.push_str(&format!(
                "\n## {group}\n\n| function | gives | example | result |\n| --- | --- | --- | --- |\n"
            ));
        }
        let origin = if function.is_builtin { " (DataFusion)" } else { "" };
        let result = match function.result {
            "" => "null".to_owned(),
            result => format!("`{}`", escaped(result)),
        };
        page.push_str(&format!(
            "| `{}`{origin} | {} | `{}` | {result} |\n",
            function.call,
            function.description,
            escaped(function.example),
        ));
    }
    page
}

/// A bar would end the cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
