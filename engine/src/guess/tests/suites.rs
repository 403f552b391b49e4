//! Small files in the spirit of the suites of other readers (the reference's own, Python's, DuckDB's, pandas', Polars'), and what a
//! careful person would write for each.

use super::{columns_of, guess_one};
use crate::guess::render_yaml;
use serde_json::{Value, json};

/// `settings` are `key: value` lines of YAML's flow style, JSON that is; keys that are not named do not matter.
#[track_caller]
fn check(text: &str, settings: Value, columns: &str) {
    let guess = guess_one(text);
    let yaml = render_yaml(&json!({}), &guess);
    for (key, expected) in settings.as_object().expect("settings are a map") {
        let found = guess.parser.setting(key).cloned().unwrap_or(Value::Null);
        assert_eq!(found, *expected, "{key} of {text:?}\n{yaml}");
    }
    assert_eq!(columns_of(&guess), columns, "{text:?}\n{yaml}");
}

#[test]
fn titles_of_one_field_above_a_small_table_are_passed_over() {
    check(
        "this is a CSV\ncreated for a test\ncol1\tcol2\n1\tfoo\n2\tbar\n",
        json!({"delimiter": "\t", "skip_header_lines": 3}),
        "col1:long, col2:string",
    );
    check(
        "this is useless header\nand more\nnum,str,quoted_num,time\n1, \"value with space \"\" and quote in it\", \
         \"123\",21150312000000Z\n2\n# 3, \"this is commented out\" ,\"1\",21150312000000Z\n",
        json!({"delimiter": ",", "skip_header_lines": 3, "trim_if_not_quoted": true, "comment_line_marker": "#"}),
        "num:long, str:string, quoted_num:long, time:timestamp %Y%m%d%H%M%S%z",
    );
    check(
        "sep=;\na;b\n1;2\n3;4\n",
        json!({"delimiter": ";", "skip_header_lines": 2}),
        "a:long, b:long",
    );
}

#[test]
fn comments_stand_between_rows() {
    let marked = |marker: &str| json!({"comment_line_marker": marker, "skip_header_lines": 0});
    for marker in ["#", "//"] {
        let text = format!("foo\t 1\tother\n{marker} foo\t 2\tother\nfoo\t 3\tother\n");
        check(&text, marked(marker), "c0:string, c1:long, c2:string");
    }
    check(
        "x,y\n# note\n1,2\n# note\n# note\n4,5\n# note",
        json!({"delimiter": ",", "comment_line_marker": "#", "skip_header_lines": 1}),
        "x:long, y:long",
    );
    check(
        "// a note\n// another\na;b\n// one more\n1;3\n6;7\n// the last",
        json!({"delimiter": ";", "comment_line_marker": "//"}),
        "a:long, b:long",
    );
    check(
        "# a note\noh no\n# but here\nand here not\na;b\n# again\n1;3\n6;7\n# the last",
        json!({"delimiter": ";", "comment_line_marker": "#"}),
        "a:long, b:long",
    );
    check(
        "colour,n\n#fff,1\n#000,2\nred,3\n",
        json!({"comment_line_marker": null}),
        "colour:string, n:long",
    );
    check(
        "#fff,1\n#000,2\nred,3\n",
        json!({"comment_line_marker": null}),
        "c0:string, c1:long",
    );
}

#[test]
fn rare_delimiters_are_found() {
    for delimiter in ["+", "?", "*", "§", "!!!", "%%", "\u{8}", "\u{14}", "\u{1e}"] {
        let text = format!("a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}x\n4{delimiter}5{delimiter}y\n");
        check(&text, json!({"delimiter": delimiter}), "a:long, b:long, c:string");
    }
    for delimiter in ["\u{8}", "\u{1e}"] {
        let text = format!("one{delimiter}two{delimiter}three\nfour{delimiter}five{delimiter}six\n");
        check(
            &text,
            json!({"delimiter": delimiter}),
            "c0:string, c1:string, c2:string",
        );
    }
    check(
        "919 304 6161,2008-08-10\n",
        json!({"delimiter": ","}),
        "c0:string, c1:timestamp %Y-%m-%d",
    );
}

#[test]
fn text_of_one_column_is_not_cut_at_rare_delimiters() {
    for text in [
        "http://a.com/x?a=1&b=2\nhttp://b.com/y?c=3&d=4\n",
        "C:\\a\\b.txt\nC:\\c\\d.txt\n",
        "bob@x.com\nalice@y.org\n",
    ] {
        check(text, json!({"skip_header_lines": 0}), "c0:string");
    }
}

#[test]
fn words_stand_for_null_among_values() {
    for word in ["NA", "N/A", "n/a", "None", "Null", "nan", "?", ".", "--"] {
        let text = format!("a,b,c\n1,{word},x\n2,3,y\n4,{word},z\n");
        check(&text, json!({"null_string": word}), "a:long, b:long, c:string");
    }
    check("a,b\n1,NA\n2,EU\n", json!({"null_string": null}), "a:long, b:string");
}

#[test]
fn years_of_two_digits_make_times() {
    check(
        "id,d,t\n1,01-01-90,01-01-90 12:12:00 AM\n2,02-02-02,02-02-02 02:15:00 PM\n3,12-13-04,12-13-04 03:16:00 PM\n",
        json!({"skip_header_lines": 1}),
        "id:long, d:timestamp %m-%d-%y, t:timestamp %m-%d-%y %I:%M:%S %p",
    );
    check(
        "id,d\n1,31-DEC-99\n2,01-JAN-00\n",
        json!({}),
        "id:long, d:timestamp %d-%b-%y",
    );
    check(
        "ip,v\n10.10.10.12,1.10.25\n10.11.12.13,2.11.12\n",
        json!({}),
        "ip:string, v:string",
    );
}

#[test]
fn headers_of_few_or_no_names_are_passed_over() {
    check(
        ",,\n123,U,x\n345,U,y\n",
        json!({"skip_header_lines": 1}),
        "c0:long, c1:string, c2:string",
    );
    check(
        "a,,\n123,U,x\n345,U,y\n",
        json!({"skip_header_lines": 1}),
        "a:long, c1:string, c2:string",
    );
    check(
        "header1,header2,header3\na,#b,c",
        json!({"skip_header_lines": 1, "comment_line_marker": null}),
        "header1:string, header2:string, header3:string",
    );
    check(
        "a\n\"tab,separated,field\"\n\"quote\"\"separated\"\"field\"\n",
        json!({"skip_header_lines": 1}),
        "a:string",
    );
}

#[test]
fn array_inside_an_object_gives_the_records() {
    let wrapped = "{\"Records\":[{\"v\":\"1.08\",\"n\":1},{\"v\":\"1.08\",\"n\":2}]}";
    check(
        wrapped,
        json!({"type": "json", "root": "/Records", "flatten_json_array": true}),
        "v:string, n:long",
    );
    // What stands beside the array would be lost.
    check(
        "{\"id\":1,\"items\":[{\"n\":1},{\"n\":2}]}",
        json!({"root": null, "flatten_json_array": null}),
        "id:long, items:json",
    );
}

#[test]
fn lines_with_a_broken_one_are_lines() {
    check(
        "{\"a\":1}\n{\"a\":2}\nno json\n{\"a\":3}\n",
        json!({"type": "jsonl"}),
        "a:long",
    );
    check("{\"a\":1}\n{\"a\":2}\n{\"a\":3,\"b", json!({"type": "jsonl"}), "a:long");
}

#[test]
fn header_may_be_cut_by_another_delimiter() {
    for header in ["day;n;name", "day n name", "day n \"name\""] {
        check(
            &format!("{header}\n2020-01-01,1,x\n2020-01-02,2,y\n2020-01-03,3,z\n"),
            json!({"delimiter": ",", "skip_header_lines": 1}),
            "day:timestamp %Y-%m-%d, n:long, name:string",
        );
    }
    check(
        "List of days\nday,n,name\n2020-01-01,1,x\n2020-01-02,2,y\n",
        json!({"delimiter": ",", "skip_header_lines": 2}),
        "day:timestamp %Y-%m-%d, n:long, name:string",
    );
}

#[test]
fn header_that_is_written_twice_is_skipped_twice() {
    check(
        "DATE,Qty,Name\nDATE,Qty,Name\n28/01/2018,2,x\n29/01/2018,0,y\n",
        json!({"skip_header_lines": 2}),
        "DATE:timestamp %d/%m/%Y, Qty:long, Name:string",
    );
}

#[test]
fn last_record_may_be_the_short_one() {
    check(
        "A,B,C,D\n1,2,3,4\n1,3,3,\n1,4,5",
        json!({"allow_optional_columns": true}),
        "A:long, B:long, C:long, D:long",
    );
    check(
        "name,n,m\nx,2,3\ny,3,3\nTotal,5",
        json!({"allow_optional_columns": false}),
        "name:string, n:long, m:long",
    );
}

#[test]
fn years_in_order_are_names_above_other_values() {
    check(
        "Country;1985;1993;2000\nFrance;1.5;2.5;3.5\nSpain;2.5;3.5;4.5\nItaly;3;4;5\n",
        json!({"skip_header_lines": 1}),
        "Country:string, 1985:double, 1993:double, 2000:double",
    );
    check(
        "Paris;1985;1993;2000\nRome;1885;1953;2010\nBonn;1685;1793;1900\n",
        json!({"skip_header_lines": 0}),
        "c0:string, c1:long, c2:long, c3:long",
    );
}
