//! Finds the line end a text uses.
//!
//! The setting does not split lines (each of CR, LF and CRLF does); it is what is put between the lines of a quoted field.

use crate::parse::csv::Newline;

/// Line ends counted in one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewlineCounts {
    /// `\r\n` pairs.
    pub(crate) crlf: usize,
    /// `\n`, those of pairs included.
    pub(crate) lf: usize,
    /// `\r`, those of pairs included.
    pub(crate) cr: usize,
}

impl NewlineCounts {
    /// Counts the line ends of `text`.
    pub(crate) fn of(text: &str) -> NewlineCounts {
        let bytes = text.as_bytes();
        let mut counts = NewlineCounts::default();
        for at in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            match bytes[at] {
                b'\n' => counts.lf += 1,
                _ => {
                    counts.cr += 1;
                    if bytes.get(at + 1) == Some(&b'\n') {
                        counts.crlf += 1;
                    }
                }
            }
        }
        counts
    }

    /// The counts of both.
    pub(crate) fn plus(self, other: NewlineCounts) -> NewlineCounts {
        NewlineCounts {
            crlf: self.crlf + other.crlf,
            lf: self.lf + other.lf,
            cr: self.cr + other.cr,
        }
    }

    /// The line end most lines have.
    ///
    /// **Source**: the reference's rule, its halves rounded down.
    pub(crate) fn newline(self) -> Newline {
        if self.crlf > self.cr / 2 && self.crlf > self.lf / 2 {
            Newline::Crlf
        } else if self.cr > self.lf / 2 {
            Newline::Cr
        } else {
            Newline::Lf
        }
    }

    /// What was counted, in words.
    pub(crate) fn note(self) -> String {
        let counted = [
            ("CRLF", self.crlf),
            ("LF", self.lf.saturating_sub(self.crlf)),
            ("CR", self.cr.saturating_sub(self.crlf)),
        ];
        let seen: Vec<String> = counted
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        if seen.is_empty() {
            "no line end seen".to_owned()
        } else {
            format!("{} seen", seen.join(", "))
        }
    }
}

/// The word of the configuration for `newline`.
pub(crate) fn name(newline: Newline) -> &'static str {
    match newline {
        Newline::Crlf => "CRLF",
        Newline::Lf => "LF",
        Newline::Cr => "CR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, note: &str) {
        let counts = NewlineCounts::of(text);
        assert_eq!(
            (name(counts.newline()), counts.note().as_str()),
            (expected, note),
            "{text:?}"
        );
    }

    #[test]
    fn most_frequent_line_end_wins() {
        check("a\nb\n", "LF", "2 LF seen");
        check("a\r\nb\r\n", "CRLF", "2 CRLF seen");
        check("a\rb\r", "CR", "2 CR seen");
        check("a\r\nb\r\nc\nd\r\n", "CRLF", "3 CRLF, 1 LF seen");
        check("a\nb\nc\nd\r\n", "LF", "1 CRLF, 3 LF seen");
    }

    #[test]
    fn text_without_a_line_end_is_lf() {
        check("a", "LF", "no line end seen");
        check("", "LF", "no line end seen");
    }
}
