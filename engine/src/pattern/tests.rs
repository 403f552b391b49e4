use super::*;

#[track_caller]
fn check(pattern: &str, key: &str, expected: bool) {
    let found = Pattern::new(pattern)
        .unwrap_or_else(|error| panic!("{error}"))
        .is_found_in(key)
        .unwrap();
    assert_eq!(found, expected, "`{pattern}` in {key:?}");
}

#[track_caller]
fn check_all(pattern: &str, found: &[&str], not_found: &[&str]) {
    for key in found {
        check(pattern, key, true);
    }
    for key in not_found {
        check(pattern, key, false);
    }
}

#[track_caller]
fn check_error(pattern: &str, expected: &str) {
    assert_eq!(Pattern::new(pattern).unwrap_err().to_string(), expected);
}

#[test]
fn documented_examples_are_found_anywhere() {
    check_all(r"\.csv$", &["a/b.csv", ".csv"], &["a.csv.gz", "a/bcsv", "a.CSV"]);
    check_all("/archive/", &["x/archive/y"], &["archive/y", "x/archive"]);
    check_all("/data1/|/data2/", &["a/data1/b", "a/data2/b"], &["a/data3/b"]);
    check_all(
        ".csv$|.csv.gz$",
        &["acsv", "a.csv.gz", "xcsvxgz"],
        &["csv", "a.csv.bz2"],
    );
    check_all(".*", &["", "a", "a\nb"], &[]);
    check_all("", &["", "a"], &[]);
}

#[test]
fn anchors_are_those_of_the_whole_key() {
    check_all("^a", &["a", "ab"], &["ba", "b\na"]);
    check_all(r"\Aa\z", &["a"], &["a\n", "ba"]);
    check_all(
        "a$",
        &["a", "a\n", "a\r\n", "a\r", "a\u{85}", "a\u{2028}"],
        &["a\n\n", "ab", "a\nb"],
    );
    check_all(r"a\Z", &["a", "a\r\n"], &["ab"]);
    check_all("a\r$", &["a\r"], &["a\r\n"]);
}

#[test]
fn lines_are_told_apart_in_multiline_mode() {
    check_all(
        "(?m)^a$",
        &["a", "b\na", "a\nb", "b\r\na\r\nc", "b\u{2028}a"],
        &["ba", "ab", "b\nba"],
    );
    check_all("(?m)^$", &["", "\n\n", "a\n\nb"], &["a\r\nb", "a", "a\n"]);
    check_all("(?md)^a$", &["b\na"], &["b\ra"]);
}

#[test]
fn a_dot_is_no_line_terminator() {
    check_all("a.b", &["axb", "a日b", "a/b"], &["a\nb", "a\rb", "a\u{2029}b", "ab"]);
    check_all("(?s)a.b", &["a\nb"], &[]);
    check_all("(?d)a.b", &["a\rb"], &["a\nb"]);
}

#[test]
fn classes_are_ascii() {
    check_all(r"^\d+$", &["123"], &["١٢٣", "12a"]);
    check_all(r"^\w+$", &["aZ_9"], &["é", "a-b"]);
    check_all(r"^\s$", &[" ", "\t", "\u{b}", "\u{c}"], &["\u{a0}", "a"]);
    check_all(r"^\D\W\S$", &["aéa", "éé1"], &["1éa"]);
    check_all(r"^\h\H\v\V$", &["\u{a0}a\u{85}a"], &["aaaa"]);
    check_all(r"\bcsv\b", &["a.csv", "écsvé", "csv"], &["acsv", "csv_1"]);
    check_all(r"a\Bb", &["ab"], &["a b"]);
    check_all(r"(?=c)\bcsv\b", &["a.csv", "écsv"], &["acsv"]);
}

#[test]
fn classes_can_be_combined() {
    check_all("^[a-z&&[def]]$", &["d"], &["a", "g"]);
    check_all("^[a-z&&[^bc]]$", &["a", "d"], &["b", "c"]);
    check_all("^[a-z&&d-f]$", &["e"], &["a"]);
    check_all("^[a-d[m-p]]$", &["b", "n"], &["e"]);
    check_all("^[^a[b]]$", &["c"], &["a", "b"]);
    check_all(r"^[\w&&[^\d]]$", &["a", "_"], &["1"]);
    check_all(r"^[\w.-]+$", &["a-b.c"], &["a b"]);
    check_all("^[]a]$", &["]", "a"], &["b"]);
    check_all("^[^]a]$", &["b"], &["]", "a"]);
    check_all("^[a&b~~c|d-]+$", &["a&b~c-|d"], &["e", ","]);
    check_all("^[[:alpha:]]+$", &[":", "alpha"], &["z"]);
    check_all(r"^[\Qa]-\E]+$", &["a]-"], &["b"]);
}

#[test]
fn case_is_folded_for_ascii_only() {
    check_all("(?i)^abc$", &["ABC", "aBc"], &[]);
    check_all("(?i)^é$", &["é"], &["É"]);
    check_all("(?iu)^é$", &["é", "É"], &[]);
    check_all("(?i)k", &["K"], &["\u{212a}"]);
    check_all("(?i)^[a-c]$", &["B"], &["d"]);
    check_all("(?i)^[^a]$", &["b"], &["A", "a"]);
    check_all("a(?i)b(?-i)c", &["aBc", "abc"], &["aBC", "Abc"]);
    check_all("a(?i:b)c", &["aBc"], &["aBC"]);
    check_all("(a(?i)b)c", &["aBc"], &["aBC"]);
    check_all(r"(?i)\.CSV(\.GZ)?$", &["a.csv.gz", "a.Csv"], &["a.csv.bz"]);
}

#[test]
fn look_around_is_supported() {
    check_all(r"^(?!.*_old).*\.csv$", &["a/b.csv"], &["a_old/b.csv"]);
    check_all(r"(?<!tmp/)x", &["a/x"], &["tmp/x"]);
    check_all(r"(?<=a|bb)x", &["bbx", "ax"], &["bx"]);
    check_all(r"a(?=b)", &["ab"], &["ac"]);
}

#[test]
fn backtracking_constructs_are_supported() {
    check_all(r"^(a|b)\1$", &["aa", "bb"], &["ab"]);
    check_all(r"^(?<x>a|b)\k<x>$", &["aa"], &["ab"]);
    check_all(r"(?i)^(a)\1$", &["aA"], &["ab"]);
    check_all(r"^(a)\11$", &["aa1"], &["aa"]);
    check_all(r"^a*+a$", &[], &["aaa"]);
    check_all(r"^(?>a|ab)c$", &["ac"], &["abc"]);
    check_all(r"^a{1,2}+a$", &["aaa"], &["aa"]);
    check_all(r"^a++b?+$", &["aab"], &["ba"]);
    check_all(r"\2(a)(b)", &[], &["ab"]);
}

#[test]
fn quotations_and_escapes_are_supported() {
    check_all(r"\Qa.b|c\E$", &["a.b|c"], &["aXb|c", "a.b"]);
    check_all(r"\Qab\E+$", &["abbb"], &["aa"]);
    check_all(r"\Qa(b", &["a(b"], &["ab"]);
    check_all(r"^\x41\u0042\x{43}\0104\t$", &["ABCD\t"], &[]);
    check_all(r"^a\Rb$", &["a\nb", "a\r\nb", "a\u{2028}b"], &["ab"]);
    check_all(r"a\-b\#c\/d\=", &["a-b#c/d="], &[]);
    check_all("a#b c~&%@\"'`!;:<>", &["a#b c~&%@\"'`!;:<>"], &[]);
    check_all("}]", &["}]"], &[]);
    check_all("(?x) a b # comment\n c", &["abc"], &["a b c"]);
    check_all(r"(?x)a\ [b ] +", &["a b", "a bb"], &["ab"]);
    check_all("日本", &["x日本"], &["日"]);
}

#[test]
fn properties_are_those_of_java() {
    check_all(r"^\p{Lower}\p{Upper}\p{Alnum}$", &["aB1"], &["é1B"]);
    check_all(r"^\p{L}\pL\p{IsL}\p{IsAlphabetic}\p{IsHan}$", &["éabc日"], &["1aaa日"]);
    check_all(r"^\P{L}[\P{L}x]$", &["1x", "12"], &["a1", "1a"]);
    check_all(r"^[\p{Punct}&&[^.]]$", &["-", "~"], &[".", "a"]);
}

#[test]
fn counts_are_supported() {
    check_all("^(ab){2}c{1,}d{0,1}$", &["ababc", "ababccd"], &["abc"]);
    check_all("^a{2,3}?$", &["aa", "aaa"], &["a"]);
    check_all("^(?:^)*a$", &["a"], &[]);
}

#[test]
fn unsupported_constructs_are_named() {
    check_error(
        "(?U)a",
        "pattern `(?U)a` has the construct `(?U` at character 1, which is not supported",
    );
    check_error(
        r"a\X",
        r"pattern `a\X` has the construct `\X` at character 2, which is not supported",
    );
    check_error(
        r"\b{g}",
        r"pattern `\b{g}` has the construct `\b` at character 1, which is not supported",
    );
    check_error(
        r"\p{InGreek}",
        r"pattern `\p{InGreek}` has the construct `\p{InGreek}` at character 1, which is not supported",
    );
    check_error(
        r"[\p{Nope}]",
        r"pattern `[\p{Nope}]` has the construct `\p{Nope}` at character 2, which is not supported",
    );
}

#[test]
fn mistakes_are_shown_where_they_are() {
    for (pattern, position) in [
        ("*.csv", 1),
        ("a(b", 2),
        ("ab)", 3),
        ("a[b", 4),
        ("[z-a]", 2),
        ("a{", 2),
        ("a{2,1}", 2),
        ("{a}", 1),
        ("a\\", 2),
        (r"\y", 1),
        ("a**", 2),
        ("(?z)", 1),
        ("(?<1>a)", 1),
        ("(?<x>a)(?<x>b)", 8),
        (r"\k<x>(?<x>a)", 1),
        (r"\k{a}", 1),
        ("[a&&]", 3),
        (r"\xZZ", 1),
        ("a{99999999999}", 2),
    ] {
        match Pattern::new(pattern) {
            Err(PatternError::Syntax { position: found, .. }) => assert_eq!(found, position, "{pattern}"),
            other => panic!("{pattern}: {other:?}"),
        }
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    assert!(Pattern::new(&"(".repeat(100_000)).is_err());
    assert!(Pattern::new(&"[".repeat(100_000)).is_err());
    assert!(Pattern::new("a{1000}{1000}").is_err());
    assert!(Pattern::new("((a{1000}){1000}){1000}").is_err());
}

#[test]
fn a_search_without_end_is_given_up() {
    let pattern = Pattern::new(r"^(a+)+\1$").unwrap();
    let key = format!("{}b", "a".repeat(60));
    let error = pattern.is_found_in(&key).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(r"pattern `^(a+)+\1$` takes too many steps on `aaa"),
        "{error}"
    );
}

#[test]
fn plain_patterns_use_the_linear_engine() {
    for pattern in [r"\.csv(\.gz)?$", r"(?i)^a/\d{4}/.*\bx", "[a-z&&[^b]]", r"\Qa\E"] {
        assert!(
            matches!(Pattern::new(pattern).unwrap().simple, Engine::Linear(_)),
            "{pattern}"
        );
    }
}

#[track_caller]
fn check_replaced(pattern: &str, replacement: &str, text: &str, expected: &str) {
    let compiled = Pattern::new(pattern).unwrap();
    let replaced = Replacement::new(replacement, &compiled).unwrap();
    assert_eq!(
        compiled.replace_all(text, &replaced).unwrap(),
        expected,
        "`{pattern}` by `{replacement}` in {text:?}"
    );
}

#[track_caller]
fn check_replacement_error(pattern: &str, replacement: &str, expected: &str) {
    let error = Replacement::new(replacement, &Pattern::new(pattern).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

/// All as OpenJDK 17 has it.
#[test]
fn every_find_is_replaced() {
    check_replaced(r"\W", "_", "größe é", "gr__e__");
    check_replaced("[^a-z0-9_]", "_", "User ID (é)", "_ser_______");
    check_replaced(r"\d", "#", "1٢3", "#٢#");
    check_replaced(r"\s+", "_", " a\u{a0} b ", "_a\u{a0}_b_");
    check_replaced("(?i)É", "x", "éÉ", "éx");
    check_replaced(r"\Q.\E", "_", "a.b.c", "a_b_c");
    check_replaced("a*+a", "x", "aaa", "aaa");
    check_replaced("(?<=a)b", "c", "abb", "acb");
    check_replaced("a$", "x", "a\na\n", "a\nx\n");
    check_replaced(r"\R", "/", "a\r\nb\n", "a/b/");
    check_replaced("^", "p_", "a\nb", "p_a\nb");
    check_replaced("(?m)^", "p_", "a\nb", "p_a\np_b");
}

/// All as OpenJDK 17 has it.
#[test]
fn empty_finds_are_replaced_too() {
    check_replaced("a*", "x", "baaac", "xbxxcx");
    check_replaced("x*", "日", "日本", "日日日本日");
    check_replaced("", "-", "abc", "-a-b-c-");
    check_replaced(r"\b", "|", "ab cd", "|ab| |cd|");
    check_replaced("$", "!", "ab", "ab!");
    check_replaced("$", "!", "ab\n", "ab!\n!");
    check_replaced("(b)?", "[$1]", "ab", "[]a[b][]");
    check_replaced(r"\G_", "", "__a_b", "a_b");
    check_replaced(r"\G_?", "x", "_a", "xxa");
}

/// All as OpenJDK 17 has it.
#[test]
fn groups_are_put_into_replacements() {
    check_replaced(r"(\w)-(\w)", "$2$1", "a-b c-d", "ba dc");
    check_replaced("(a)", "$12", "bab", "ba2b");
    check_replaced("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", "$11-$12", "abcdefghijk", "k-a2");
    check_replaced(r"(.)\1", "$0$1", "aabbc", "aaabbbc");
    check_replaced("(?<x>a)", "[${x}]", "ca", "c[a]");
    check_replaced("(?<a>x)(?<b>y)?", "${b}${a}", "xxy", "xyx");
    check_replaced("(a)|b", "<$1>", "ab", "<a><>");
    check_replaced("a(?=b)", r"\$\\", "abac", r"$\bac");
}

#[test]
fn mistakes_in_replacements_are_named() {
    check_replacement_error("a", "$1", "replacement `$1` names the group 1, which the pattern lacks");
    check_replacement_error(
        "a",
        "${x}",
        "replacement `${x}` names the group `x`, which the pattern lacks",
    );
    check_replacement_error("(?<x>a)", "${x", "replacement `${x` has an unclosed `${`");
    check_replacement_error("a", "x\\", r"replacement `x\` ends in a `\`");
    for replacement in ["x$", "$x"] {
        let expected = format!(r"replacement `{replacement}` has a `$` without a group; write `\$` for the character");
        check_replacement_error("a", replacement, &expected);
    }
}

#[test]
fn patterns_written_alike_are_equal() {
    assert_eq!(Pattern::new("a+").unwrap(), Pattern::new("a+").unwrap());
    assert_ne!(Pattern::new("a+").unwrap(), Pattern::new("aa*").unwrap());
}

proptest::proptest! {
    #[test]
    fn no_pattern_makes_it_panic(pattern in r"[a-c\\\[\]\(\)\{\}\?\*\+\|\^\$\.&\-<>=!:QEdwsbBRpkx0-2,\n]{0,12}", key in "[a-c\n\r]{0,6}") {
        if let Ok(pattern) = Pattern::new(&pattern) {
            let _ = pattern.is_found_in(&key);
            let replacement = Replacement::new("<$0>", &pattern).unwrap();
            if let Ok(replaced) = pattern.replace_all(&key, &replacement) {
                proptest::prop_assert_eq!(replaced.replace(['<', '>'], ""), key);
            }
        }
    }

    #[test]
    fn a_quotation_finds_exactly_itself(text in "[ -\\[\\]-~日é]{1,8}", key in "[ -~日é]{0,8}") {
        let pattern = Pattern::new(&format!(r"\Q{text}\E")).unwrap();
        proptest::prop_assert_eq!(pattern.is_found_in(&key).unwrap(), key.contains(&text));
        let around = format!("a{text}b");
        proptest::prop_assert!(pattern.is_found_in(&around).unwrap());
    }
}

#[test]
fn a_whole_pattern_matches_the_whole_text() {
    let check = |pattern: &str, text: &str, expected: bool| {
        let pattern = Pattern::new(pattern).expect("a pattern");
        let whole = Pattern::new(&pattern.as_whole()).expect("a whole pattern");
        assert_eq!(
            whole.is_found_in(text).expect("few steps"),
            expected,
            "{pattern:?} in {text:?}"
        );
    };
    check(r".*\.csv", "a/b.csv", true);
    check(r".*\.csv", "a/b.csv.bak", false);
    check("a|ab", "ab", true);
    check(r"a\Q.b", "a.b", true);
    check(r"a\Q.b", "a.bc", false);
    check("a$", "a\n", false);
}
