//! Numbers and words.

use super::{Kind, Walker};
use crate::parse::json::fault::{Expected, Fault, Word};

impl Walker<'_> {
    /// Passes a number or a word.
    #[inline]
    pub(super) fn scalar(&mut self) -> Result<Kind, Fault> {
        match self.peek() {
            b'0'..=b'9' => self.number(),
            b'-' => {
                self.at += 1;
                if self.peek() == b'I' {
                    return self.word(Word::Infinity, Kind::NonFinite);
                }
                self.number()
            }
            b't' => self.word(Word::True, Kind::True),
            b'f' => self.word(Word::False, Kind::False),
            b'n' => self.word(Word::Null, Kind::Null),
            b'N' => self.word(Word::NaN, Kind::NonFinite),
            b'I' => self.word(Word::Infinity, Kind::NonFinite),
            _ => Err(self.fault(Expected::Value)),
        }
    }

    fn word(&mut self, word: Word, kind: Kind) -> Result<Kind, Fault> {
        if kind == Kind::NonFinite {
            self.past_loose = self.at + 1;
        }
        for byte in word.text().bytes() {
            if self.peek() != byte {
                return Err(self.fault(Expected::Word(word)));
            }
            self.at += 1;
        }
        Ok(kind)
    }

    /// Passes a number from its first digit on.
    #[inline]
    fn number(&mut self) -> Result<Kind, Fault> {
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut kind = Kind::Integer;
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
            kind = Kind::Float;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
            kind = Kind::Float;
        }
        Ok(kind)
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        if !self.peek().is_ascii_digit() {
            return Err(self.fault(Expected::Digit));
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }
}
