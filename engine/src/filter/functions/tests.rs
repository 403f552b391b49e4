//! Functions as SQL calls them.

use super::reference::{FUNCTIONS, FunctionDoc};
use super::{SPECS, register_functions};
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;

/// The value of an expression as text; null is empty.
async fn value(expression: &str) -> Result<String, String> {
    let context = SessionContext::new();
    register_functions(&mut context.clone()).map_err(|error| error.to_string())?;
    let query = format!("SELECT {expression} AS v");
    let frame = context.sql(&query).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    array_value_to_string(batches[0].column(0), 0).map_err(|error| error.to_string())
}

#[track_caller]
fn check(expression: &str, expected: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(value(expression));
    assert_eq!(found.as_deref(), Ok(expected), "{expression}");
}

#[track_caller]
fn check_error(expression: &str, expected: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(value(expression)).unwrap_err();
    assert!(error.contains(expected), "{expression}: {error}");
}

#[test]
fn examples_of_the_reference_give_what_they_say() {
    for FunctionDoc { example, result, .. } in FUNCTIONS {
        check(example, result);
    }
}

#[test]
fn every_function_of_ours_is_in_the_reference() {
    for spec in SPECS {
        let call = format!("{}(", spec.name);
        let is_documented = FUNCTIONS
            .iter()
            .any(|function| !function.is_builtin && function.call.starts_with(&call));
        assert!(is_documented, "{}", spec.name);
    }
    let num_ours = FUNCTIONS.iter().filter(|function| !function.is_builtin).count();
    assert_eq!(num_ours, SPECS.len());
}

#[test]
fn json_is_found_by_path_and_by_pointer() {
    let json = r#"'{"a": {"b/c": [1.10, {"~": null}]}, "0": "zero"}'"#;
    for (place, expected) in [
        ("$.a['b/c'][0]", "1.10"),
        ("/a/b~1c/0", "1.10"),
        ("/a/b~1c/1/~0", ""),
        ("/a/b~1c/00", ""),
        ("/a/b~1c/-1", ""),
        ("/0", "zero"),
        ("", r#"{"a":{"b/c":[1.10,{"~":null}]},"0":"zero"}"#),
        ("$.nope", ""),
        ("/a/nope/x", ""),
    ] {
        let place = place.replace('\'', "''");
        check(&format!("json_get({json}, '{place}')"), expected);
    }
    check(&format!("json_exists({json}, '/a/b~1c/1/~0')"), "true");
    check(&format!("json_exists({json}, '/b')"), "false");
    check("json_exists('{', '/b')", "");
    check("json_get(NULL, '/b')", "");
    check_error("json_get('{}', 'a')", "`json_get`: path `a` does not start with `$`");
    check_error(
        "json_get('{}', v) AS x FROM (SELECT '$' AS v)",
        "`json_get`: needs constants after its first argument: a path",
    );
    check_error("json_get('{}')", "`json_get`: takes 2 arguments");
    check_error("json_length('[]', '/a', '/b')", "`json_length`: takes 1 to 2 arguments");
    check_error("json_get(1.5, '/a')", "`json_get`: reads text, not");
}

#[test]
fn arrays_become_lists_and_rows() {
    check("json_length('[1, 2, 3]')", "3");
    check(r#"json_length('{"a": 1}')"#, "1");
    check("json_length('1')", "");
    check("json_elements('[]')", "[]");
    check("json_elements('{}')", "");
    check("json_keys('[]')", "");
    check(
        r#"(SELECT count(*) FROM (SELECT unnest(json_elements('[1, null, {"a": 2}]')) AS e) WHERE e IS NULL OR e = '{"a":2}' OR e = '1')"#,
        "3",
    );
}

#[test]
fn urls_of_every_form_have_their_parts() {
    for (call, expected) in [
        ("url_host('http://[2001:DB8::1]:80/x')", "[2001:db8::1]"),
        ("url_port('http://[2001:DB8::1]:80/x')", "80"),
        ("url_port('http://[2001:DB8::1]/x')", ""),
        ("url_host('//cdn.example.com?x')", "cdn.example.com"),
        ("url_host('/a/b')", ""),
        ("url_host('file:///etc')", ""),
        ("url_port('http://h:99999/')", ""),
        ("url_scheme('/a:b')", ""),
        ("url_scheme('mailto:me@example.com')", "mailto"),
        ("url_path('mailto:me@example.com')", "me@example.com"),
        ("url_path('http://h')", ""),
        ("url_path('http://h/a//b?c#d')", "/a//b"),
        ("url_query('/a')", ""),
        ("url_fragment('/a#b?c')", "b?c"),
        ("url_query('/a#b?c')", ""),
        ("query_parameter('a=1&b=2&a=3', 'a')", "1"),
        ("query_parameter('https://h/p?%C3%A4=%F0%9F%98%80', 'ä')", "😀"),
        ("query_parameter('/p?a&b', 'a')", ""),
        ("query_parameter('/p?a', 'b') IS NULL", "true"),
        ("query_parameter('/p?a', 'a') IS NULL", "false"),
        ("url_decode('%zz%4')", "%zz%4"),
        ("url_decode('a=b&c')", "a=b&c"),
        ("url_decode('')", ""),
        ("url_decode('%26%3D')", "&="),
    ] {
        check(call, expected);
    }
}

#[test]
fn addresses_are_of_both_versions() {
    for (call, expected) in [
        ("ip_in_cidr('10.255.0.1', '10.0.0.0/8')", "true"),
        ("ip_in_cidr('11.0.0.1', '10.1.2.3/8')", "false"),
        ("ip_in_cidr('::ffff:10.0.0.1', '10.0.0.0/8')", "true"),
        ("ip_in_cidr('1.2.3.4', '0.0.0.0/0')", "true"),
        ("ip_in_cidr('::1', '0.0.0.0/0')", "false"),
        ("ip_in_cidr('::1', '::/0')", "true"),
        ("ip_in_cidr('192.0.2.1', '192.0.2.1')", "true"),
        ("ip_in_cidr('2001:db8::1', '192.0.2.1,2001:db8::/32')", "true"),
        ("ip_in_cidr('-', '10.0.0.0/8')", ""),
        ("ip_anonymize('2001:db8:1:2:3::4')", "2001:db8:1::"),
        ("ip_anonymize('203.0.113.77', 16)", "203.0.0.0"),
        ("ip_anonymize('203.0.113.77', 0)", "0.0.0.0"),
        ("ip_anonymize('203.0.113.77', 32)", "203.0.113.77"),
        ("ip_anonymize('2001:db8::1', 24, 128)", "2001:db8::1"),
        ("ip_anonymize('unknown')", ""),
        ("ip_version('::ffff:1.2.3.4')", "4"),
    ] {
        check(call, expected);
    }
    for (call, expected) in [
        (
            "ip_in_cidr('1.2.3.4', '10.0.0.0/33')",
            "`10.0.0.0/33` is no network, such as `10.0.0.0/8`",
        ),
        ("ip_in_cidr('1.2.3.4', '10.0.0.0/')", "`10.0.0.0/` is no network"),
        ("ip_in_cidr('1.2.3.4', '')", "`` is no network"),
        ("ip_anonymize('1.2.3.4', 33)", "`33` is no number of bits from 0 to 32"),
    ] {
        check_error(call, expected);
    }
}

#[test]
fn what_stands_for_no_text_is_null() {
    for (call, expected) in [
        ("try_decode('YQ', 'base64')", "a"),
        ("try_decode('YQ==', 'base64')", "a"),
        ("try_decode('YQ===', 'base64')", ""),
        ("try_decode('Y', 'base64')", ""),
        ("try_decode('_-8=', 'base64') IS NULL", "true"),
        ("try_decode('4pmg8J-YgA', 'base64')", "♠😀"),
        ("try_decode('4pmg8J+YgA==', 'base64')", "♠😀"),
        ("try_decode('6A6B', 'hex')", "jk"),
        ("try_decode('6', 'hex')", ""),
        ("try_decode('zz', 'hex')", ""),
        (
            "digest_hex('', 'SHA-256')",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("digest_hex(NULL, 'md5')", ""),
    ] {
        check(call, expected);
    }
    check_error("digest_hex('a', 'crc32')", "`crc32` is no digest");
    check_error("try_decode('a', 'base32')", "`base32` is no encoding");
}
