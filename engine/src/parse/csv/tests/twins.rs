//! The fast reader against the reference, on whatever chance makes up.

use super::*;

/// Bytes that are mostly well-formed CSV, and bytes that mostly are not.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = |pieces: &'static [&'static [u8]]| prop::sample::select(pieces);
    let wild = piece(&[
        b",",
        b",",
        b"\"",
        b"\"",
        b"\\",
        b"\n",
        b"\r",
        b"\r\n",
        b" ",
        b"a",
        b"1",
        b"\t",
        b"#",
        b"\0",
        b"\xc3\xa9",
        b"\xff",
        b"\xe2",
        b"\"\"",
        b",\"",
        b"\",",
        b"\"\n",
        b"-",
        b";;",
        b"a;",
    ]);
    let tame = piece(&[
        b"1,",
        b"22,",
        b"\"a\",",
        b"\"b\"\"c\",",
        b"\"d,e\",",
        b"\n",
        b"\r\n",
        b"\"f\\\"g\",",
        b"\"x\ny\",",
        b"1\n",
        b"\"a\"\n",
        b"-,",
        b",",
        b"1.5,",
        b"#c\n",
        b"longer text than thirty-two bytes it is,",
        b"\"longer text than thirty-two bytes it is\"\n",
        b"in \"the middle\",",
        b"an \"odd one,",
        b"true,1,a\n",
        b"2,3,4\r\n",
        b"2,3,4\n",
        b"\"\\\\\",",
        b"\n\n",
    ]);
    prop_oneof![
        prop::collection::vec(wild.clone(), 0..60),
        prop::collection::vec(tame.clone(), 0..120),
        prop::collection::vec(prop_oneof![1 => wild, 8 => tame], 0..120),
    ]
    .prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn any_options()(
        types in "[slbdj]{0,4}",
        delimiter in prop::sample::select(&[",", ",", ",", ",", "\t", ";;", " ", "é", "\"", "\\", "a"][..]),
        quote in prop::sample::select(&[Some('"'), Some('"'), Some('"'), Some('"'), None, Some('\''), Some('a'), Some('é'), Some(' ')][..]),
        escape in prop::sample::select(&[Some('\\'), Some('\\'), Some('"'), None, Some('a'), Some('é'), Some(' '), Some(',')][..]),
        has_stray_quotes in prop::bool::weighted(0.1),
        null_string in prop::sample::select(&[None, None, Some(""), Some("-"), Some("a"), Some("\u{FFFD}")][..]),
        trim_if_not_quoted in prop::bool::weighted(0.2),
        max_quoted_size_limit in prop::sample::select(&[131_072, 131_072, 131_072, 3, 20, 100, 0][..]),
        comment_line_marker in prop::sample::select(&[None, None, Some("#"), Some("a"), Some("\"#"), Some("1,")][..]),
        (skip_header_lines, line_delimiter_recognized) in (
            prop::sample::select(&[0, 0, 0, 1, 2][..]),
            prop::sample::select(&[None, None, None, None, Some(Newline::Lf), Some(Newline::Crlf), Some(Newline::Cr)][..]),
        ),
        (allow_optional_columns, allow_extra_columns) in any::<(bool, bool)>(),
        (column_match, on_new_columns, on_bad_value) in drift::any_drift(),
        newline in prop::sample::select(&[Newline::Crlf, Newline::Lf, Newline::Cr][..]),
        batch_rows in prop::sample::select(&[1_usize, 2, 3, 100][..]),
        projection in prop::option::weighted(0.2, prop::collection::vec(0..4_usize, 0..4)),
        has_record_numbers: bool,
        origins in any_origins(),
    ) -> CsvOptions {
        let columns = columns(&types);
        let projection = projection
            .map(|projection| projection.into_iter().filter(|index| *index < columns.len()).collect());
        CsvOptions {
            columns,
            column_match,
            on_new_columns,
            on_bad_value,
            projection,
            delimiter: delimiter.to_owned(),
            quote,
            escape,
            quotes_in_quoted_fields: match has_stray_quotes {
                true => QuotesInQuotedFields::AcceptStrayQuotesAssumingNoDelimitersInFields,
                false => QuotesInQuotedFields::AcceptOnlyRfc4180Escaped,
            },
            null_string: null_string.map(str::to_owned),
            trim_if_not_quoted: trim_if_not_quoted && !has_stray_quotes,
            max_quoted_size_limit,
            comment_line_marker: comment_line_marker.map(str::to_owned),
            skip_header_lines,
            allow_optional_columns,
            allow_extra_columns,
            charset: encoding_rs::UTF_8,
            newline,
            line_delimiter_recognized,
            batch_rows,
            has_record_numbers,
            origins,
        }
    }
}

fn any_origins() -> impl Strategy<Value = OriginRows> {
    prop_oneof![
        Just(OriginRows::None),
        Just(OriginRows::All),
        (0..4_usize).prop_map(|column| OriginRows::Untimed(TimeSource {
            column,
            usable: -5..=5_000
        })),
    ]
}

/// A field as a well-behaved writer would write it, of a type that mostly fits any column.
fn tidy_field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,9}",
        2 => "-?[0-9]{1,5}[.][0-9]{1,3}",
        3 => "[a-z ]{0,40}",
        1 => Just("-".to_owned()),
        2 => "[a-z, #]{0,70}".prop_map(|text| format!("\"{text}\"")),
        2 => r#"([a-z]{0,9}(""|,|\\"|\\\\|\\n|\r\n|\n|\r|é| )){0,6}"#.prop_map(|text| format!("\"{text}\"")),
    ]
}

/// Files of records with three fields, as they are in practice, with now and then a byte put in where it does harm.
fn tidy_text() -> impl Strategy<Value = Vec<u8>> {
    let record = [tidy_field(), tidy_field(), tidy_field()].prop_map(|fields| fields.join(","));
    let injury = (
        any::<prop::sample::Index>(),
        prop::sample::select(b"\"\"\"\\,\n\r# \xff".to_vec()),
    );
    (
        prop::collection::vec(record, 1..60),
        prop::sample::select(&["\n", "\r\n", "\r"][..]),
        prop::collection::vec(injury, 0..3),
    )
        .prop_map(|(records, line_end, injuries)| {
            let mut text = (records.join(line_end) + line_end).into_bytes();
            for (index, byte) in injuries {
                text.insert(index.index(text.len()), byte);
            }
            text
        })
}

prop_compose! {
    fn usual_options()(
        types in prop::sample::select(&["sss", "sss", "sls", "dss", "bsb"][..]),
        escape in prop::sample::select(&[Some('\\'), Some('"'), None][..]),
        null_string in prop::sample::select(&[None, Some("-")][..]),
        comment_line_marker in prop::sample::select(&[None, None, Some("#")][..]),
        newline in prop::sample::select(&[Newline::Crlf, Newline::Lf][..]),
        batch_rows in prop::sample::select(&[5_usize, 8_192][..]),
        (allow_optional_columns, allow_extra_columns, trim_if_not_quoted) in any::<(bool, bool, bool)>(),
        (column_match, on_new_columns, on_bad_value) in drift::any_drift(),
    ) -> CsvOptions {
        CsvOptions {
            column_match,
            on_new_columns,
            on_bad_value,
            escape,
            null_string: null_string.map(str::to_owned),
            comment_line_marker: comment_line_marker.map(str::to_owned),
            newline,
            batch_rows,
            allow_optional_columns,
            allow_extra_columns,
            trim_if_not_quoted,
            ..options(types)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn both_readers_agree_however_the_files_are_cut(
        options in any_options(),
        files in prop::collection::vec(text(), 1..3),
        chunk_bytes in prop::collection::vec(1..200_usize, 1..6),
    ) {
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let whole = outcome(&mut ReferenceCsvParser::new(&options).unwrap(), &files, &mut || usize::MAX);
        let mut next = chunk_bytes.iter().copied().cycle();
        let mut cuts = || next.next().unwrap_or(1);
        let cut = outcome(&mut ReferenceCsvParser::new(&options).unwrap(), &files, &mut cuts);
        prop_assert_eq!(&cut, &whole, "the reference depends on the cuts");
        let fast_whole = outcome(&mut CsvParser::new(&options).unwrap(), &files, &mut || usize::MAX);
        prop_assert_eq!(&fast_whole, &whole);
        let fast_cut = outcome(&mut CsvParser::new(&options).unwrap(), &files, &mut cuts);
        prop_assert_eq!(&fast_cut, &whole);
    }

    #[test]
    fn both_readers_agree_on_what_writers_write(
        options in usual_options(),
        header in prop::sample::select(&["", "a,b,c\n", "b,a,x\n", "\"c\",,a\r\n", "a,a\n", "B,C\n", "x\n"][..]),
        text in tidy_text(),
        chunk_bytes in 1..3_000_usize,
    ) {
        let text = [header.as_bytes(), &text].concat();
        let files = [text.as_slice()];
        let whole = outcome(&mut ReferenceCsvParser::new(&options).unwrap(), &files, &mut || usize::MAX);
        for chunk_bytes in [chunk_bytes, usize::MAX] {
            let fast = outcome(&mut CsvParser::new(&options).unwrap(), &files, &mut || chunk_bytes);
            prop_assert_eq!(&fast, &whole);
        }
    }
}

proptest! {
    // Each is many conditions.
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_condition_leaves_rows_out_and_nothing_else(
        options in usual_options(),
        text in tidy_text(),
        chunk_bytes in 1..3_000_usize,
    ) {
        condition::tests::check(&ParserOptions::Csv(options), &[&text], &[chunk_bytes, usize::MAX]);
    }
}
