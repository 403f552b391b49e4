//! Finds comment lines, and the column names that some formats hide in them.
//!
//! Logs of web servers and CDNs begin with `#Version: 1.0` and `#Fields: date time ...`: the rows below have no other header.

use super::TextSample;
use super::kind::{Kind, kind_of};
use super::split::{Record, lines};

/// Markers looked for.
const MARKERS: [&str; 2] = ["#", "//"];

/// What is said of names from the line in which a log declares its fields.
pub(crate) const FIELDS_LINE: &str = "the `#Fields:` line";

/// The marker, the comment lines seen, and the names one of them gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuessedComment {
    /// What comment lines begin with.
    pub(crate) marker: &'static str,
    /// How many there are.
    pub(crate) num_lines: usize,
}

/// The marker of lines that are likely comments: only some of the lines have it, and either they open the file or they are the
/// fewer. If some open the file, they may be as many as the others, and any number if a blank follows each marker.
pub(crate) fn candidate(samples: &[TextSample]) -> Option<GuessedComment> {
    let mut best: Option<GuessedComment> = None;
    for marker in MARKERS {
        let mut num_comments = 0;
        let mut num_others = 0;
        let mut num_leading = 0;
        let mut are_spaced = true;
        for sample in samples {
            let mut is_leading = true;
            for line in lines(sample.text(), sample.is_whole)
                .into_iter()
                .filter(|line| !line.is_empty())
            {
                if line.starts_with(marker) && !line.starts_with("#N/A") {
                    num_comments += 1;
                    num_leading += usize::from(is_leading);
                    are_spaced &= line[marker.len()..].starts_with(' ') || line.len() == marker.len();
                } else {
                    num_others += 1;
                    is_leading = false;
                }
            }
        }
        let is_fewer = num_comments < num_others || (num_leading > 0 && num_comments == num_others);
        let are_marked_off = num_leading == num_comments || is_fewer || are_spaced;
        let is_likely = num_comments > 0 && num_others > 0 && are_marked_off;
        if is_likely && best.as_ref().is_none_or(|best| num_comments > best.num_lines) {
            best = Some(GuessedComment {
                marker,
                num_lines: num_comments,
            });
        }
    }
    best
}

/// Whether records that start with `marker` are rows after all: they have as many fields as the others, stand among them or are
/// several, and their first field fits the others' first fields. A blank after the marker is that of a comment.
pub(crate) fn are_rows(records: &[Record<'_>], text: &str, marker: &str, width: usize) -> bool {
    let is_marked = |record: &&Record<'_>| text[record.start..].starts_with(marker);
    let is_spaced = |record: &&Record<'_>| text[record.start + marker.len()..].starts_with(' ');
    let marked: Vec<&Record<'_>> = records.iter().filter(is_marked).collect();
    let is_header_only = marked.len() == 1 && records.first().is_some_and(|first| is_marked(&first));
    let are_as_wide = width > 1 && marked.iter().all(|record| record.width() == width);
    if marked.is_empty() || is_header_only || !are_as_wide || marked.iter().any(is_spaced) {
        return false;
    }
    let plain = records
        .iter()
        .filter(|record| !is_marked(record) && record.width() == width);
    plain
        .filter_map(|record| record.cells.first())
        .any(|cell| kind_of(&cell.text) == Kind::String && !cell.is_quoted)
}

/// The names that a comment line before the first record gives, and the name of that line: `date time x-edge-location` of
/// `#Fields: date time x-edge-location`, or the cells of a commented header.
pub(crate) fn names_in_comments(
    text: &str,
    marker: &str,
    delimiter: &str,
    num_columns: usize,
) -> Option<(Vec<String>, &'static str)> {
    let comments: Vec<&str> = lines(text, false)
        .into_iter()
        .take_while(|line| line.starts_with(marker) || line.is_empty())
        .collect();
    for line in comments.iter().rev() {
        let body = line.trim_start_matches(marker).trim();
        if let Some(fields) = strip_prefix_ignoring_case(body, "fields:") {
            let by_blanks: Vec<String> = fields.split_whitespace().map(str::to_owned).collect();
            if by_blanks.len() == num_columns {
                return Some((by_blanks, FIELDS_LINE));
            }
        }
    }
    // Only the line right above the rows can be a header.
    let body = comments.last()?.trim_start_matches(marker).trim_start_matches(' ');
    let cells: Vec<String> = body
        .split(delimiter)
        .map(|cell| cell.trim().trim_matches('"').to_owned())
        .collect();
    let are_names = num_columns > 1
        && cells
            .iter()
            .all(|cell| matches!(kind_of(cell), Kind::String | Kind::Boolean));
    (cells.len() == num_columns && are_names).then_some((cells, "the comment line above the rows"))
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text[prefix.len()..].trim())
}

#[cfg(test)]
mod tests {
    use super::super::split::{SplitOptions, split};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&'static str, usize)>) {
        let found = candidate(&[TextSample::new("k", text, true)]);
        assert_eq!(found.map(|found| (found.marker, found.num_lines)), expected, "{text:?}");
    }

    #[test]
    fn few_marked_lines_are_comments() {
        check("#a\n#b\n1,2\n", Some(("#", 2)));
        check("1,2\n// x\n3,4\n5,6\n", Some(("//", 1)));
        check("# x\n1,2\n# y\n3,4\n", Some(("#", 2)));
        check("1,2\n# x\n3,4\n# y\n", Some(("#", 2)));
        check("1,2\n#x\n3,4\n#y\n", None);
        check("#fff,1\n#000,2\n", None);
        check("#N/A,1\n2,3\n4,5\n", None);
        check("a,b\n", None);
    }

    #[test]
    fn marked_rows_are_told_from_comments() {
        #[track_caller]
        fn check(text: &str, expected: bool) {
            let options = SplitOptions {
                delimiter: ",",
                quote: Some('"'),
                escape: None,
                is_trimmed: false,
                are_stray_quotes_data: false,
                comment: None,
            };
            assert_eq!(
                are_rows(&split(text, true, &options), text, "#", 2),
                expected,
                "{text:?}"
            );
        }
        check("red,1\n#fff,2\nblue,3\n", true);
        check("1,1\n#2,2\n3,3\n", false);
        check("red,1\n# note\nblue,3\n", false);
        check("red,1\n# green,2\nblue,3\n", false);
        check("#fff,1\n#000,2\nred,3\n", true);
        check("#colour,number\nred,3\n", false);
    }

    #[test]
    fn names_come_from_the_fields_line() {
        let text = "#Version: 1.0\n#Fields: date time x-edge-location\n2015-01-01\t00:00:00\tNRT\n";
        let (names, origin) = names_in_comments(text, "#", "\t", 3).unwrap();
        assert_eq!(names, ["date", "time", "x-edge-location"]);
        assert_eq!(origin, "the `#Fields:` line");
        assert_eq!(names_in_comments(text, "#", "\t", 4), None);
    }

    #[test]
    fn names_come_from_a_commented_header() {
        let (names, _) = names_in_comments("# made by hand\n# id,name\n1,a\n", "#", ",", 2).unwrap();
        assert_eq!(names, ["id", "name"]);
        assert_eq!(names_in_comments("# 1,2\n1,a\n", "#", ",", 2), None);
        assert!(names_in_comments("# x y\n1 2\n", "#", " ", 2).is_some());
    }
}
