//! Lists the delimiters that are worth trying on a text, and how likely each is beside a comma.
//!
//! Those that are in use are a list. Others the text itself shows: a few signs together, one sign twice or more, or a single rare
//! sign, in nearly every line. Whether one of them makes a table is for `dialect` to measure.

use super::split::lines;
use std::collections::HashMap;

/// Lines of each sample that are searched, the longest delimiter that is found, and how many are tried.
const SEARCHED_LINES: usize = 50;
const MAX_DELIMITER_CHARS: usize = 5;
const MAX_FOUND_DELIMITERS: usize = 4;

/// Signs in a row that are searched; a line of a thousand dashes holds no delimiter.
const MAX_RUN_CHARS: usize = 16;

/// Delimiters tried, the likelier first: colons and blanks stand inside values too.
pub(super) const DELIMITERS: [(&str, f64); 21] = [
    (",", 1.0),
    ("\t", 1.0),
    ("|", 1.0),
    (";", 1.0),
    ("\u{1}", 1.0),
    ("\u{1f}", 1.0),
    ("||", 1.0),
    ("::", 1.0),
    ("\t|", 1.0),
    ("|\t", 1.0),
    ("|~|", 1.0),
    ("~|~", 1.0),
    ("^|^", 1.0),
    ("^^", 1.0),
    ("~~", 1.0),
    (";;", 1.0),
    ("@@", 1.0),
    ("^", 0.95),
    ("~", 0.95),
    (" ", 0.8),
    (":", 0.75),
];

/// Signs that delimit now and then, though most often they are text. Those that web addresses, paths and numbers are full of are
/// not among them.
const RARE_DELIMITERS: &str = "+?*!#¦¬§¶÷";

/// How likely one of them is: a table of two columns is then less likely than text of one. Control characters are no text.
const RARE_WEIGHT: f64 = 0.8;

/// All delimiters worth trying on `texts`.
pub(super) fn candidates<'a>(texts: &[(&'a str, bool)]) -> Vec<(&'a str, f64)> {
    let lines: Vec<&str> = texts
        .iter()
        .flat_map(|(text, _)| {
            let filled = lines(text, true).into_iter().filter(|line| !line.is_empty());
            filled.take(SEARCHED_LINES)
        })
        .collect();
    let mut candidates = DELIMITERS.to_vec();
    candidates.extend(several_signs(&lines).into_iter().map(|delimiter| (delimiter, 1.0)));
    candidates.extend(repeated_signs(&lines).into_iter().map(|delimiter| (delimiter, 1.0)));
    candidates.extend(rare_signs(&lines).into_iter().map(|delimiter| {
        let is_control = delimiter.chars().all(|sign| sign.is_ascii_control());
        (delimiter, if is_control { 1.0 } else { RARE_WEIGHT })
    }));
    candidates
}

/// Whether what `num_lines_with` lines have is in nearly all of them.
fn is_in_nearly_all(num_lines_with: usize, num_lines: usize) -> bool {
    num_lines_with > 1 && num_lines_with * 10 >= num_lines * 8
}

fn is_listed(text: &str) -> bool {
    DELIMITERS.iter().any(|(delimiter, _)| *delimiter == text)
}

/// The same few signs in nearly every line.
fn several_signs<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut found: HashMap<&str, usize> = HashMap::new();
    for line in lines {
        let mut parts: Vec<&str> = line
            .split(|character: char| !is_sign(character))
            .flat_map(delimiters_of_run)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        for part in parts {
            *found.entry(part).or_default() += 1;
        }
    }
    let mut often: Vec<(&str, usize)> = found
        .into_iter()
        .filter(|(_, count)| is_in_nearly_all(*count, lines.len()))
        .collect();
    // The longest first, so that no part of a delimiter comes before it.
    often.sort_by_key(|(part, count)| (std::cmp::Reverse((*count, part.len())), *part));
    let mut chosen: Vec<(&str, usize)> = Vec::new();
    for (part, count) in often {
        let is_part = chosen
            .iter()
            .any(|(other, others)| *others == count && other.contains(part));
        if !is_listed(part) && !is_part && !is_usual_beside(part, lines) && chosen.len() < MAX_FOUND_DELIMITERS {
            chosen.push((part, count));
        }
    }
    chosen.into_iter().map(|(part, _)| part).collect()
}

/// Whether `part` is a usual delimiter beside a sign of the values: of `;` and `;$`, `;` stands without `$` as well.
fn is_usual_beside(part: &str, lines: &[&str]) -> bool {
    let num_of = |text: &str| lines.iter().map(|line| line.matches(text).count()).sum::<usize>();
    let usual = DELIMITERS.iter().map(|(delimiter, _)| *delimiter);
    usual
        .filter(|usual| usual.len() == 1 && part.contains(usual))
        .any(|usual| {
            let num_inside = num_of(part) * part.matches(usual).count();
            num_inside * 10 < num_of(usual) * 8
        })
}

/// What can be a delimiter of several characters in a run of signs: it may stand beside other signs, and beside itself.
fn delimiters_of_run(run: &str) -> impl Iterator<Item = &str> {
    let places: Vec<(usize, usize)> = run
        .char_indices()
        .map(|(at, character)| (at, at + character.len_utf8()))
        .take(MAX_RUN_CHARS)
        .collect();
    let num_places = places.len();
    let of_start = move |first: usize| {
        let places = places.clone();
        (first + 1..(first + MAX_DELIMITER_CHARS).min(num_places))
            .map(move |last| &run[places[first].0..places[last].1])
    };
    // A delimiter beside itself is one delimiter.
    (0..num_places).flat_map(of_start).filter(|part| !is_repeated(part))
}

/// Whether `part` is something shorter, more than once.
fn is_repeated(part: &str) -> bool {
    (1..part.len())
        .filter(|length| part.is_char_boundary(*length) && part.len().is_multiple_of(*length))
        .any(|length| part[..length].repeat(part.len() / length) == part)
}

/// Whether a delimiter of several characters may hold it: no letter, digit, blank or quote, and nothing that
/// numbers, dates, paths and web addresses are written with.
fn is_sign(character: char) -> bool {
    !character.is_alphanumeric() && !character.is_whitespace() && !"\"'.-+_/\\".contains(character)
}

/// One sign that never stands alone: `!!!`. Of a sign that delimits by itself, two in a row are an empty field.
fn repeated_signs<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut shortest: HashMap<char, (&str, usize)> = HashMap::new();
    for line in lines {
        let mut seen: Vec<char> = Vec::new();
        let mut rest = *line;
        while let Some(start) = rest.find(is_sign) {
            rest = &rest[start..];
            let Some(sign) = rest.chars().next() else { break };
            let run = &rest[..rest.len() - rest.trim_start_matches(sign).len()];
            rest = &rest[run.len()..];
            let (least, num_lines_with) = shortest.entry(sign).or_insert((run, 0));
            if run.len() < least.len() {
                *least = run;
            }
            if !seen.contains(&sign) {
                seen.push(sign);
                *num_lines_with += 1;
            }
        }
    }
    let mut repeated: Vec<&str> = shortest
        .into_iter()
        .filter(|(sign, (run, num_lines_with))| {
            let num_signs = run.chars().count();
            let is_usual = is_listed(&run[..sign.len_utf8()]);
            (2..=MAX_DELIMITER_CHARS).contains(&num_signs)
                && !is_usual
                && !is_listed(run)
                && is_in_nearly_all(*num_lines_with, lines.len())
        })
        .map(|(_, (run, _))| run)
        .collect();
    repeated.sort_unstable();
    repeated.truncate(MAX_FOUND_DELIMITERS);
    repeated
}

/// Single rare signs, and control characters that no text has.
fn rare_signs<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let is_rare = |character: char| {
        let is_control = character.is_ascii_control() && !matches!(character, '\t' | '\u{1b}' | '\0');
        RARE_DELIMITERS.contains(character) || is_control
    };
    let mut found: HashMap<&str, usize> = HashMap::new();
    for line in lines {
        let mut signs: Vec<&str> = line.matches(is_rare).collect();
        signs.sort_unstable();
        signs.dedup();
        for sign in signs {
            *found.entry(sign).or_default() += 1;
        }
    }
    let mut rare: Vec<(&str, usize)> = found
        .into_iter()
        .filter(|(sign, count)| !is_listed(sign) && is_in_nearly_all(*count, lines.len()))
        .collect();
    rare.sort_by_key(|(sign, count)| (std::cmp::Reverse(*count), *sign));
    rare.truncate(MAX_FOUND_DELIMITERS);
    rare.into_iter().map(|(sign, _)| sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = candidates(&[(text, true)])
            .into_iter()
            .skip(DELIMITERS.len())
            .map(|(delimiter, _)| delimiter)
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn signs_together_in_nearly_every_line_are_tried() {
        check("a<|>b\nc<|>d\n", &["<|>"]);
        check("a<|>b\nc\nd\n", &[]);
        check("f(x),1\nf(y),2\n", &["),"]);
        check("a;b\n$1;$2;$3\n$1;$2;$3\n$1;$2;$3\n", &[]);
    }

    #[test]
    fn sign_that_never_stands_alone_is_tried_with_its_like() {
        check("a!!!b!!!c\nd!!!!!!f\n", &["!!!", "!"]);
        check("a,,b\nc,,d\n", &[]);
        check("a%%b\nc%d\n", &[]);
    }

    #[test]
    fn rare_signs_are_tried() {
        check("a+b\nc+d\n", &["+"]);
        check("a\u{8}b\nc\u{8}d\n", &["\u{8}"]);
        check("a=b\nc=d\n", &[]);
    }
}
