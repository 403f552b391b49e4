//! CSV: dialect, header, preamble, types.

use super::*;

#[test]
fn cloudfront_log_takes_its_names_from_the_fields_line() {
    let text = "#Version: 1.0\n\
        #Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query\n\
        2014-05-23\t01:13:11\tFRA2\t182\t192.0.2.10\tGET\td1.cloudfront.net\t/view/my/file.html\t200\twww.displaymyfiles.com\tMozilla/4.0%20(compatible;%20MSIE%205.0b1;%20Mac_PowerPC)\t-\n\
        2014-05-23\t01:13:12\tLAX1\t2390282\t192.0.2.202\tGET\td1.cloudfront.net\t/soundtrack/happy.mp3\t304\t-\tcurl\"7\"\ta=b&c=d\n\
        2014-05-23\t01:14:12\tNRT\t-\t192.0.2.203\tGET\td1.cloudfront.net\t/x\t-\t-\tcurl\t-\n";
    let guess = guess_one(text);
    check_setting(&guess, "delimiter", json!("\t"));
    check_setting(&guess, "quote", Value::Null);
    check_setting(&guess, "escape", Value::Null);
    check_setting(&guess, "null_string", json!("-"));
    check_setting(&guess, "comment_line_marker", json!("#"));
    check_setting(&guess, "skip_header_lines", json!(0));
    assert_eq!(
        columns_of(&guess),
        "date:string, time:string, x-edge-location:string, sc-bytes:long, c-ip:string, cs-method:string, \
         cs(Host):string, cs-uri-stem:string, sc-status:long, cs(Referer):string, cs(User-Agent):string, cs-uri-query:string"
    );
    assert_eq!(guess.parser.columns_note, "12 columns; names from the `#Fields:` line");
    assert_eq!(
        guess.filters[0].1,
        "10 of 12 names need it: `x-edge-location` becomes `x_edge_location`"
    );
    let yaml = render_yaml(&json!({}), &guess);
    assert!(
        yaml.contains("    delimiter: \"\\t\"   # 12 fields in 3 of 3 sampled records\n"),
        "{yaml}"
    );
    assert!(
        yaml.contains(
            "filters:\n- type: rename   # 10 of 12 names need it: `x-edge-location` becomes `x_edge_location`\n  rules:\n  \
             - {rule: upper_to_lower}\n"
        ),
        "{yaml}"
    );
}

#[test]
fn access_log_is_cut_at_blanks_with_a_doubt() {
    let line = "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" 200 2326 \"http://a/\" \"Mozilla/4.08 [en] (Win98; I)\"\n";
    let guess = guess_one(line.repeat(5));
    check_setting(&guess, "delimiter", json!(" "));
    check_doubt(
        &guess,
        "type: the lines look like an Apache access log, which is not CSV; cut at blanks, the time makes two columns",
    );
}

#[test]
fn two_narrow_columns_are_two() {
    check_columns("id,n\n1,2\n3,4\n", "id:long, n:long");
    check_columns("1,5;2,5\n3,25;4,5\n7,5;8,5\n", "c0:string, c1:string");
    check_columns("Doe, John\tx\nRoe, Jane\ty\nPoe, Jim\tz\n", "c0:string, c1:string");
    check_columns("1,a;b,x\n2,c;d,y\n3,e;f,z\n", "c0:long, c1:string, c2:string");
}

#[test]
fn small_files_are_read_to_their_end() {
    check_columns("id,name\n1,foo", "id:long, name:string");
    check_columns("1,foo", "c0:long, c1:string");
    check_columns("1,foo\n", "c0:long, c1:string");
    check_columns("1\n2\n3\n", "c0:long");
    check_columns("a\n1\n2\n", "a:long");
    check_columns(
        "id,at\n1,2015-01-01 00:00:00\n2,2015-01-01 00:00:01.5",
        "id:long, at:timestamp %Y-%m-%d %H:%M:%S.%L | %Y-%m-%d %H:%M:%S",
    );
}

#[test]
fn cut_last_record_is_not_looked_at() {
    let text = b"id,v\n1,10\n2,20\n3,3".to_vec();
    let sample = Sample {
        key: "k".to_owned(),
        size_bytes: 1000,
        bytes: text,
        is_whole: false,
    };
    let guess = guess(vec![sample], &Seed::default(), &GuessOptions::default()).unwrap();
    assert_eq!(guess.parser.columns.unwrap()[0].note, "2 values");
}

#[test]
fn names_are_made_usable() {
    check_columns("id,,id, Name \n1,2,3,4\n", "id:long, c1:long, id_2:long, Name:long");
    assert!(guess_one("id,name\n1,a\n").filters.is_empty());
    assert_eq!(guess_one("Id,name\n1,a\n").filters.len(), 1);
}

#[test]
fn rows_that_end_with_one_more_delimiter_are_read() {
    let guess = guess_one("id,name,size\n1,a,2,\n2,b,3,\n3,c,4,\n");
    assert_eq!(columns_of(&guess), "id:long, name:string, size:long");
    check_setting(&guess, "allow_extra_columns", json!(true));
    check_setting(&guess, "skip_header_lines", json!(1));
}

#[test]
fn header_without_the_row_name_is_shifted() {
    check_columns(
        "mpg,cyl\nMazda,21.0,6\nDatsun,22.8,4\n",
        "c0:string, mpg:double, cyl:long",
    );
}

#[test]
fn settings_of_a_file_are_not_its_header() {
    let guess = guess_one("host=a status=200 bytes=5\nhost=b status=404 bytes=6\n");
    check_setting(&guess, "skip_header_lines", json!(0));
}

#[test]
fn preamble_is_skipped() {
    let guess = guess_one("Sales report\n\nid,name,size\n1,a,2\n2,b,3\n");
    assert_eq!(columns_of(&guess), "id:long, name:string, size:long");
    check_setting(&guess, "skip_header_lines", json!(3));
}

#[test]
fn short_records_are_read_if_their_values_fit() {
    let table = "id,name,day,amount,note\n1,a,2024-01-01,1.5,x\n2,b,2024-01-02,2.5,y\n3,c,2024-01-03,3.5,z\n";
    let fitting = guess_one(format!("{table}4,d,2024-01-04\n5,e,2024-01-05,5.5,v\n"));
    check_setting(&fitting, "allow_optional_columns", json!(true));
    // A delimiter is lost, and the values stand in the columns before theirs.
    let shifted = guess_one(format!("{table}4,2024-01-04,4.5,w\n5,e,2024-01-05,5.5,v\n"));
    check_setting(&shifted, "allow_optional_columns", json!(false));
    check_doubt(
        &shifted,
        "records that will be rejected: 1 with fewer than 5 fields (`allow_optional_columns: true` reads them), \
         the first in `k` line 5",
    );
    let footer = guess_one(format!("{table}Total,3\n"));
    check_setting(&footer, "allow_optional_columns", json!(false));
    // One among hundreds was rather cut off.
    let many: String = (6..400).map(|n| format!("{n},e,2024-01-05,{n}.5,v\n")).collect();
    let cut_off = guess_one(format!("{table}4,d,2024-01-04\n{many}"));
    check_setting(&cut_off, "allow_optional_columns", json!(false));
}

#[test]
fn long_records_are_read_if_what_is_too_much_is_empty() {
    let table = "id,name,day\n1,a,2024-01-01\n2,b,2024-01-02,,\n3,c,2024-01-03\n";
    check_setting(&guess_one(table), "allow_extra_columns", json!(true));
    check_setting(
        &guess_one(table.replace(",,", ",?,")),
        "allow_extra_columns",
        json!(false),
    );
}

#[test]
fn titles_of_full_width_stand_above_the_header() {
    let table = "id,name,day,amount\n1,a,2024-01-01,1.5\n2,b,2024-01-02,2.5\n";
    for titles in ["Deliveries,,,\n", ",,,\n", "Deliveries,,,\n,,,\nkeys,,when,\n"] {
        let guess = guess_one(format!("{titles}{table}"));
        let num_lines = titles.lines().count();
        check_setting(&guess, "skip_header_lines", json!(num_lines + 1));
        assert_eq!(
            columns_of(&guess),
            "id:long, name:string, day:timestamp %Y-%m-%d, amount:double"
        );
    }
    // Without a header the first record is a row like others.
    let guess = guess_one("1,,,\n2,b,2024-01-02,2.5\n3,c,2024-01-03,3.5\n");
    check_setting(&guess, "skip_header_lines", json!(0));
}

#[test]
fn header_one_field_longer_than_the_rows_still_gives_the_names() {
    check_columns(
        "id,name,,day\n1,a,2024-01-01\n2,b,2024-01-02\n",
        "id:long, name:string, day:timestamp %Y-%m-%d",
    );
    check_columns(
        "id,name,day,\n1,a,2024-01-01\n2,b,2024-01-02\n",
        "id:long, name:string, day:timestamp %Y-%m-%d",
    );
}

#[test]
fn header_of_every_part_of_a_joined_file_is_no_value() {
    let part = "id,name,day\n1,a,2024-01-01\n2,b,2024-01-02\n";
    let guess = guess_one(part.repeat(3));
    assert_eq!(columns_of(&guess), "id:long, name:string, day:timestamp %Y-%m-%d");
    check_doubt(
        &guess,
        "skip_header_lines: the header stands in `k` 2 times more below the first row and will be read as a record",
    );
}

#[test]
fn record_longer_than_the_sample_says_what_to_do() {
    let options = GuessOptions {
        sample_bytes: 10,
        ..GuessOptions::default()
    };
    let error = |text: &str| {
        guess(vec![whole("k", text)], &Seed::default(), &options)
            .unwrap_err()
            .to_string()
    };
    let expected = "cannot guess: the first record of `k` does not end within the 10 bytes sampled; \
                    a larger `exec.guess_sample_buffer_bytes` is needed";
    assert_eq!(error("aaaaaaaaaaaaaaaaaaaaa,b\n"), expected);
    assert!(error("{\"a\": \"bbbbbbbbbbbbbbbbbb\"}\n").contains("the first JSON object of `k` does not end"));
}

#[test]
fn blanks_around_few_numbers_are_trimmed_and_not_tolerated() {
    let guess = guess_one("id,n\n".to_owned() + &"1,5\n".repeat(199) + "2, 5\n");
    assert_eq!(columns_of(&guess), "id:long, n:long");
    check_setting(&guess, "trim_if_not_quoted", json!(true));
    assert!(guess.doubts.is_empty());
}

#[test]
fn thorns_are_quotes_where_they_stand_round_fields() {
    let guess = guess_one(
        "þidþ\u{14}þnameþ\u{14}þdayþ\nþ1þ\u{14}þa, \"b\" \u{14} cþ\u{14}þ2015-03-04þ\nþ2þ\u{14}þdþ\u{14}þ2015-03-05þ\n",
    );
    check_setting(&guess, "delimiter", json!("\u{14}"));
    check_setting(&guess, "quote", json!("þ"));
    assert_eq!(columns_of(&guess), "id:long, name:string, day:timestamp %Y-%m-%d");

    let names = guess_one("id,name\n1,þórr\n2,þóra\n3,\"Jón, þór\"\n");
    check_setting(&names, "quote", json!("\""));
    assert_eq!(columns_of(&names), "id:long, name:string");
}

#[test]
fn lines_with_one_comma_each_may_be_sentences() {
    let doubt = |text: &str| {
        let doubts = guess_one(text).doubts;
        doubts.iter().any(|doubt| doubt.contains("the lines may be sentences"))
    };
    assert!(doubt(
        "The cat sat, purring\nIt rained, all day long\nWe left, and came back\n"
    ));
    assert!(!doubt("Doe, Jane\nMiller, Joe\nBaker, Ann Marie\n"));
    assert!(!doubt(
        "The cat sat,purring\nIt rained,all day long\nWe left,and came back\n"
    ));
    assert!(!doubt("The cat sat, 1\nIt rained again, 2\nWe left and went, 3\n"));
}
