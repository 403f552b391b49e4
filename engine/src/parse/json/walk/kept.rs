//! Of an object or array, the text that has some members only.

use super::{KEY_MARKS, Kind, Walker};
use crate::append::append;
use crate::parse::json::fault::{Expected, Fault};
use crate::parse::json::wanted::{KeptText, NodeIndex, Slots, Wanted};
use crate::parse::json::{MAX_DEPTH, text};
use std::ops::Range;

impl Walker<'_> {
    /// Passes an object or array of which some members are kept in texts.
    pub(super) fn kept(
        &mut self,
        wanted: &Wanted,
        node: NodeIndex,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<Kind, Fault> {
        let before = *self;
        let kind = match self.peek() {
            b'{' => Kind::Object,
            _ => Kind::Array,
        };
        if !wanted.is_leaf(node) {
            match kind {
                Kind::Object => self.wanted_object(wanted, node, slots, depth)?,
                _ => self.wanted_array(wanted, node, slots, depth)?,
            };
        }
        for index in wanted.kept(node) {
            *self = before;
            let out = slots.kept_mut(*index);
            out.text.clear();
            self.keep(wanted.kept_names(*index), out, depth)?;
        }
        Ok(kind)
    }

    /// Passes a value, and appends to `out` what `names` leave of it as compact JSON: of an object these members, of an array what
    /// they leave of each element, of anything else the whole.
    fn keep(&mut self, names: &[String], out: &mut KeptText, depth: usize) -> Result<(), Fault> {
        match self.next() {
            b'{' => self.keep_members(names, out, depth),
            b'[' => self.keep_elements(names, out, depth),
            _ => self.copy(&mut out.text, depth),
        }
    }

    fn keep_elements(&mut self, names: &[String], out: &mut KeptText, depth: usize) -> Result<(), Fault> {
        if depth >= MAX_DEPTH {
            return Err(self.fault(Expected::LessNesting));
        }
        self.at += 1;
        out.text.push(b'[');
        if self.next() != b']' {
            loop {
                self.keep(names, out, depth + 1)?;
                match self.next() {
                    b',' => {
                        self.at += 1;
                        out.text.push(b',');
                    }
                    b']' => break,
                    _ => return Err(self.fault(Expected::CommaOrBracket)),
                }
            }
        }
        self.at += 1;
        out.text.push(b']');
        Ok(())
    }

    fn keep_members(&mut self, names: &[String], out: &mut KeptText, depth: usize) -> Result<(), Fault> {
        if depth >= MAX_DEPTH {
            return Err(self.fault(Expected::LessNesting));
        }
        self.at += 1;
        out.text.push(b'{');
        if self.next() == b'}' {
            self.at += 1;
            out.text.push(b'}');
            return Ok(());
        }
        let mut separator = None;
        let mut expected = Expected::NameOrClose;
        let mut turn = 0;
        loop {
            let is_kept;
            if let Some(known) = out.order.known(turn, &self.text[self.at..]) {
                turn = known.next;
                is_kept = known.node.is_some();
                if is_kept {
                    out.text.extend(separator);
                    append(&mut out.text, &self.text[self.at..], known.key_bytes);
                }
                self.at += known.key_bytes;
            } else {
                let start = self.at;
                let name = self.member_name(expected)?;
                is_kept = self.is_among(names, name.clone());
                if is_kept {
                    out.text.extend(separator);
                    text::compact(&self.text[name.start - 1..=name.end], self.escapes, &mut out.text);
                    out.text.push(b':');
                }
                let key = &self.text[start..self.at];
                if key.len() == name.len() + KEY_MARKS && !key.contains(&b'\\') && !text::has_control(key) {
                    out.order.remember(turn, key, is_kept.then_some(0));
                }
                turn += 1;
            }
            if is_kept {
                self.copy(&mut out.text, depth + 1)?;
                separator = Some(b',');
            } else {
                self.skip(depth + 1)?;
            }
            match self.next() {
                b',' => {
                    self.at += 1;
                    self.space();
                }
                b'}' => {
                    self.at += 1;
                    out.text.push(b'}');
                    return Ok(());
                }
                _ => return Err(self.fault(Expected::CommaOrBrace)),
            }
            expected = Expected::Name;
        }
    }

    /// True if the member name between its quotes at `place` is one of `names`.
    #[inline]
    fn is_among(&self, names: &[String], place: Range<usize>) -> bool {
        let raw = &self.text[place];
        if memchr::memchr(b'\\', raw).is_none() {
            return names.iter().any(|name| name.as_bytes() == raw);
        }
        let mut decoded = Vec::with_capacity(raw.len());
        text::decode(raw, self.escapes, &mut decoded);
        names.iter().any(|name| name.as_bytes() == decoded)
    }

    /// Passes a value, and appends it to `out` as compact JSON.
    fn copy(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        self.space();
        let start = self.at;
        self.skip(depth)?;
        let raw = &self.text[start..self.at];
        if self.past_loose <= start && !text::has_control(raw) {
            append(out, &self.text[start..], raw.len());
        } else {
            text::compact(raw, self.escapes, out);
        }
        Ok(())
    }
}
