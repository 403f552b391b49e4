use super::*;

#[track_caller]
fn check(values: &[&str], expected: &[&str]) {
    let found = formats_of(values).map(|guessed| guessed.formats).unwrap_or_default();
    assert_eq!(found, expected, "{values:?}");
}

#[test]
fn shapes_of_the_reference_have_their_formats() {
    check(&["2015-03-31 06:12:37"], &["%Y-%m-%d %H:%M:%S"]);
    check(&["2015-03-31T06:12:37Z"], &["%Y-%m-%dT%H:%M:%S%z"]);
    check(&["2015-03-31T06:12:37.123Z"], &["%Y-%m-%dT%H:%M:%S.%L%z"]);
    check(&["2015-03-31T06:12:37.123456+09:00"], &["%Y-%m-%dT%H:%M:%S.%N%:z"]);
    check(&["2015-03-31 06:12:37 +0900"], &["%Y-%m-%d %H:%M:%S %z"]);
    check(&["2015-03-31 06:12:37 UTC"], &["%Y-%m-%d %H:%M:%S %z"]);
    check(&["2015/3/1"], &["%Y/%m/%d"]);
    check(&["2015.03.31_06-12"], &["%Y.%m.%d_%H-%M"]);
    check(&["20150331"], &["%Y%m%d"]);
    check(&["20150331T061237"], &["%Y%m%dT%H%M%S"]);
    check(&["20150331061237"], &["%Y%m%d%H%M%S"]);
    check(&["10/Oct/2000:13:55:36 -0700"], &["%d/%b/%Y:%H:%M:%S %z"]);
    check(&["Tue, 31 Mar 2015 06:12:37 +0000"], &["%a, %d %b %Y %H:%M:%S %z"]);
    check(&["Tue Mar 31 06:12:37 2015"], &["%a %b %e %H:%M:%S %Y"]);
    check(&["Tue Mar  3 06:12:37 JST 2015"], &["%a %b %e %H:%M:%S %z %Y"]);
}

#[test]
fn shapes_beyond_the_reference() {
    check(&["31-Mar-2015"], &["%d-%b-%Y"]);
    check(&["3/31/2015 6:12 AM"], &["%m/%d/%Y %I:%M %p"]);
    check(&["2015-03-31 06:12:37,123"], &["%Y-%m-%d %H:%M:%S,%L"]);
    check(&["Mar 31, 2015", "April 1, 2015"], &["%b %d, %Y"]);
}

#[test]
fn years_of_two_digits_are_where_the_values_allow_it() {
    check(&["12/28/02", "1/2/03"], &["%m/%d/%y"]);
    check(&["28/12/02 13:45", "01/02/03 00:00"], &["%d/%m/%y %H:%M"]);
    check(&["90.01.01", "02.02.02", "04.12.13"], &["%y.%m.%d"]);
    check(
        &["01-01-90 12:12:00 AM", "12-13-04 03:16:00 PM"],
        &["%m-%d-%y %I:%M:%S %p"],
    );
    check(&["31-DEC-99", "01-JAN-00"], &["%d-%b-%y"]);
    check(&["12/28/02", "28/12/02"], &[]);
    check(&["12/28/02", "12/28/2002"], &[]);
    assert!(formats_of(&["05/05/03"]).unwrap().is_order_ambiguous);
    assert!(!formats_of(&["05/31/99"]).unwrap().is_order_ambiguous);
}

#[test]
fn month_comes_first_until_a_value_forbids_it() {
    check(&["03/04/2015"], &["%m/%d/%Y"]);
    check(&["03/04/2015", "12/31/2015"], &["%m/%d/%Y"]);
    check(&["03/04/2015", "31/12/2015"], &["%d/%m/%Y"]);
    check(&["12/31/2015", "31/12/2015"], &[]);
    assert!(formats_of(&["03/04/2015"]).unwrap().is_order_ambiguous);
    assert!(!formats_of(&["03/14/2015"]).unwrap().is_order_ambiguous);
}

#[test]
fn optional_parts_make_a_list_with_the_longest_first() {
    check(
        &["2015-03-31 06:12:37", "2015-03-31 06:12:37.5"],
        &["%Y-%m-%d %H:%M:%S.%L", "%Y-%m-%d %H:%M:%S"],
    );
    check(&["2015-03-31", "2015-03-31 06:12"], &["%Y-%m-%d %H:%M", "%Y-%m-%d"]);
    check(
        &["2015-03-31T06:12:37.5Z", "2015-03-31T06:12:37.123456Z"],
        &["%Y-%m-%dT%H:%M:%S.%N%z"],
    );
    check(
        &["2015-03-31T06:12:37Z", "2015-03-31T06:12:37+09:00"],
        &["%Y-%m-%dT%H:%M:%S%z"],
    );
}

#[test]
fn orders_are_not_mixed() {
    check(&["2015-03-31", "31-03-2015"], &[]);
    check(&["2015-03-31", "2015/03/31"], &[]);
}

#[test]
fn what_is_no_date_has_no_shape() {
    for text in [
        "",
        "06:12:37",
        "2015",
        "2015-13-01",
        "2015-03-32",
        "5-3-1",
        "1.10.25",
        "10.10.10.12",
        "20-30-40",
        "12/12/1",
        "127.0.0.1",
        "2015-03-31 25:00",
        "2015-03-31x",
        "99991231",
        "2015-03/31",
        "1.2.20155",
        "201503310612",
        "2015-03-31 06:12:37.",
        "٢٠١٥-٠٣-٣١",
        "13/13/2015",
        "Foo, 1 Mar 2015",
    ] {
        assert_eq!(shape(text), None, "{text:?}");
    }
}

#[test]
fn digits_are_plausible_in_years_tables_speak_about() {
    assert!(is_plausible_digits("20150331") && is_plausible_digits("20150331235959"));
    for text in [
        "12345678",
        "20151301",
        "18991231",
        "2015033",
        "20150331236059",
        "2015-3-1",
    ] {
        assert!(!is_plausible_digits(text), "{text}");
    }
}
