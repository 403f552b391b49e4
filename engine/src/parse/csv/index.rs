//! Finds the delimiters, quotes and line ends of a block of text, 64 bytes at a time.
//!
//! For each byte of interest a 64-bit mask says where it stands. The prefix sum modulo two of the quotes' mask (each bit the
//! exclusive or of all bits up to it) says what is inside quotes; delimiters and line ends outside are where fields end. This
//! is right as long as quotes stand only where section 3.2 gives them a meaning: at the start of a field, doubled or escaped
//! inside quotes, at the end. A quote in the middle of a field without quotes is data and is taken out of the mask. After a closing
//! quote that does not end its field the index stops, everything before that place being right, and the caller reads the record in
//! question in the plain way.
//!
//! What breaks when touched: the carries between words (`is_inside`, `before`, `escaped`), which are what chunked input tests.

/// Bytes looked at in one step, as many as a mask has bits.
const WORD_BYTES: usize = 64;

/// Cuts written at once, whether there are so many or not.
const CUTS_AT_ONCE: usize = 8;

/// The bytes that cut text. Line ends are CR, LF and CRLF.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    /// Differs from the quote.
    pub(super) escape: Option<u8>,
    /// A quote after spaces at the start of a field opens it. The index does not look back over spaces: it stops at each quote that
    /// is not the first byte of its field.
    pub(super) has_trim: bool,
}

/// Where the fields of a block begin and end. Reused from block to block.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// 0, then the offset after each delimiter or line end outside quotes: where the fields begin. Field `k` is
    /// `cuts[k]..cuts[k + 1] - 1`. Only the first `num_cuts` count.
    cuts: Vec<u32>,
    num_cuts: usize,
    /// For each line end outside quotes the index of its cut.
    line_ends: Vec<u32>,
    /// One bit for each byte: quotes, and inside quotes line ends and escapes. A quoted field without one between its own
    /// quotes is what it looks like.
    special: Vec<u64>,
    /// There is a line end inside quotes.
    has_quoted_line_end: bool,
    /// A quote was out of place before the end of the block.
    has_stopped: bool,
}

/// The masks of one word.
#[derive(Clone, Copy)]
struct Masks {
    delimiter: u64,
    quote: u64,
    escape: u64,
    carriage_return: u64,
    line_feed: u64,
}

impl Index {
    /// Indexes `block`, which begins at the start of a record, up to its end or the first quote that is out of place.
    ///
    /// **Cost**: blocks are at most 4 GiB.
    pub(super) fn fill(&mut self, block: &[u8], structure: Structure) {
        // Every byte may be a cut; the zeros are written once and stay.
        let max_cuts = block.len() + 1 + CUTS_AT_ONCE;
        if self.cuts.len() < max_cuts {
            self.cuts.resize(max_cuts, 0);
        }
        self.cuts[0] = 0;
        self.num_cuts = 1;
        self.line_ends.clear();
        self.special.clear();
        self.has_quoted_line_end = false;
        self.has_stopped = false;

        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("popcnt")
            {
                // SAFETY: the features were found just now.
                unsafe { self.fill_avx2(block, structure) };
            } else {
                self.fill_with(block, structure, x86::masks_sse2);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.fill_with(block, structure, masks_portable);
    }

    /// See [`Index`].
    pub(super) fn cuts(&self) -> &[u32] {
        &self.cuts[..self.num_cuts]
    }

    /// See [`Index`].
    pub(super) fn line_ends(&self) -> &[u32] {
        &self.line_ends
    }

    /// See [`Index`].
    pub(super) fn has_quoted_line_end(&self) -> bool {
        self.has_quoted_line_end
    }

    /// See [`Index`].
    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped
    }

    /// Whether a byte of `start..end` is special; see [`Index`].
    #[inline]
    pub(super) fn has_special(&self, start: usize, end: usize) -> bool {
        if start >= end {
            return false;
        }
        let (first_word, last_word) = (start / WORD_BYTES, (end - 1) / WORD_BYTES);
        let first_mask = u64::MAX << (start % WORD_BYTES);
        let last_mask = u64::MAX >> (WORD_BYTES - 1 - (end - 1) % WORD_BYTES);
        if first_word == last_word {
            return self.special[first_word] & first_mask & last_mask != 0;
        }
        self.special[first_word] & first_mask != 0
            || self.special[last_word] & last_mask != 0
            || self.special[first_word + 1..last_word].iter().any(|word| *word != 0)
    }

    /// The first special byte of `start..end`; see [`Index`].
    pub(super) fn next_special(&self, start: usize, end: usize) -> Option<usize> {
        let mut first_mask = u64::MAX << (start % WORD_BYTES);
        for word in start / WORD_BYTES..end.div_ceil(WORD_BYTES) {
            let bits = self.special[word] & first_mask;
            if bits != 0 {
                return Some(word * WORD_BYTES + bits.trailing_zeros() as usize).filter(|position| *position < end);
            }
            first_mask = u64::MAX;
        }
        None
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn fill_avx2(&mut self, block: &[u8], structure: Structure) {
        // SAFETY: this function has the features that the other one needs.
        self.fill_with(block, structure, |word, structure| unsafe {
            x86::masks_avx2(word, structure)
        });
    }

    #[inline(always)]
    fn fill_with(&mut self, block: &[u8], structure: Structure, masks: impl Fn(&[u8; WORD_BYTES], Structure) -> Masks) {
        // All ones while the last byte of the word before was inside quotes.
        let mut is_inside: u64 = 0;
        // Whether the byte before the word may stand before an opening quote, and whether it closed quotes.
        let mut before: u64 = 1;
        let mut closed_before: u64 = 0;
        // The first byte of the word is escaped.
        let mut escaped_before: u64 = 0;

        let (words, rest) = block.as_chunks::<WORD_BYTES>();
        let mut padded = [0; WORD_BYTES];
        padded[..rest.len()].copy_from_slice(rest);
        let words = words.iter().chain((!rest.is_empty()).then_some(&padded));
        let mut offset = 0;
        for word in words {
            let mut found = masks(word, structure);
            let num_bytes = (block.len() - offset).min(WORD_BYTES);
            if num_bytes < WORD_BYTES {
                let valid = (1 << num_bytes) - 1;
                found.delimiter &= valid;
                found.quote &= valid;
                found.escape &= valid;
            }
            if found.escape | escaped_before != 0 {
                found.quote &= !escaped_bytes(found.escape, &mut escaped_before);
            }
            let line_ends = found.carriage_return | found.line_feed;
            let (inside, mut cuts, misplaced) = loop {
                let inside = prefix_xor(found.quote) ^ is_inside;
                let cuts = (found.delimiter | line_ends) & !inside;
                // Opening quotes belong at the start of a field or after a quote, which closed; after a closing one the field ends.
                let edges = cuts | found.quote;
                let closing = found.quote & !inside;
                let stray = found.quote & inside & !(edges << 1 | before);
                let unended = (closing << 1 | closed_before) & !edges;
                let first_stray = stray & stray.wrapping_neg();
                if first_stray == 0 || structure.has_trim || unended & first_stray.wrapping_sub(1) != 0 {
                    before = edges >> 63;
                    closed_before = closing >> 63;
                    break (inside, cuts, stray | unended);
                }
                // Data, so what follows is as far inside of quotes as if it were not there.
                found.quote ^= first_stray;
            };
            is_inside = ((inside as i64) >> 63) as u64;

            let quoted_line_ends = line_ends & inside;
            self.has_quoted_line_end |= quoted_line_ends != 0;
            self.special
                .push(found.quote | quoted_line_ends | found.escape & inside);
            // A byte beyond the block follows a closing quote without harm.
            let valid = if num_bytes < WORD_BYTES {
                (1 << num_bytes) - 1
            } else {
                u64::MAX
            };
            let misplaced = misplaced & valid;
            if misplaced != 0 {
                cuts &= (misplaced & misplaced.wrapping_neg()) - 1;
            }

            let mut ends = line_ends & cuts;
            while ends != 0 {
                let before_end = (ends & ends.wrapping_neg()) - 1;
                let rank = (cuts & before_end).count_ones();
                self.line_ends.push(self.num_cuts as u32 + rank);
                ends &= ends - 1;
            }
            self.push_cuts(offset as u32, cuts);
            if misplaced != 0 {
                self.has_stopped = true;
                return;
            }
            offset += WORD_BYTES;
        }
    }

    #[inline(always)]
    fn push_cuts(&mut self, offset: u32, mut bits: u64) {
        let num_bits = bits.count_ones() as usize;
        let mut written = 0;
        while written < num_bits {
            let from = self.num_cuts + written;
            for slot in &mut self.cuts[from..from + CUTS_AT_ONCE] {
                // Beyond the last bit this writes what the next word overwrites.
                *slot = offset.wrapping_add(bits.trailing_zeros() + 1);
                bits &= bits.wrapping_sub(1);
            }
            written += CUTS_AT_ONCE;
        }
        self.num_cuts += num_bits;
    }
}

/// Each bit the exclusive or of all bits up to it.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The bytes after an odd run of escapes. `before`: the first byte of this word, and then of the next, is one of them.
#[inline(always)]
fn escaped_bytes(escape: u64, before: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let escape = escape & !*before;
    let follows = escape << 1 | *before;
    // Adding the starts of the runs to the runs carries to the byte after each; whether it is even tells the length.
    let odd_starts = escape & !EVEN & !follows;
    let (runs_from_even, has_overflowed) = odd_starts.overflowing_add(escape);
    *before = u64::from(has_overflowed);
    (EVEN ^ runs_from_even << 1) & follows
}

/// One bit for each byte of `word` that equals `byte`.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_bytes(word: &[u8; WORD_BYTES], byte: u8) -> u64 {
    let mut bits = 0;
    for (index, other) in word.iter().enumerate() {
        bits |= u64::from(*other == byte) << index;
    }
    bits
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn masks_portable(word: &[u8; WORD_BYTES], structure: Structure) -> Masks {
    Masks {
        delimiter: equal_bytes(word, structure.delimiter),
        quote: structure.quote.map_or(0, |quote| equal_bytes(word, quote)),
        escape: structure.escape.map_or(0, |escape| equal_bytes(word, escape)),
        carriage_return: equal_bytes(word, b'\r'),
        line_feed: equal_bytes(word, b'\n'),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Masks, Structure, WORD_BYTES};
    use std::arch::x86_64::*;

    /// SSE2 belongs to every x86-64.
    #[inline(always)]
    pub(super) fn masks_sse2(word: &[u8; WORD_BYTES], structure: Structure) -> Masks {
        // SAFETY: the four loads of 16 bytes stay inside the 64 bytes of `word`, and need no alignment.
        unsafe {
            let part = |index: usize| _mm_loadu_si128(word.as_ptr().add(16 * index).cast());
            let parts = [part(0), part(1), part(2), part(3)];
            let equal = |byte: u8| {
                let wanted = _mm_set1_epi8(byte as i8);
                let bits = |index: usize| _mm_movemask_epi8(_mm_cmpeq_epi8(parts[index], wanted)) as u32 as u64;
                bits(0) | bits(1) << 16 | bits(2) << 32 | bits(3) << 48
            };
            Masks {
                delimiter: equal(structure.delimiter),
                quote: structure.quote.map_or(0, equal),
                escape: structure.escape.map_or(0, equal),
                carriage_return: equal(b'\r'),
                line_feed: equal(b'\n'),
            }
        }
    }

    /// # Safety
    ///
    /// The machine must have AVX2.
    #[inline(always)]
    pub(super) unsafe fn masks_avx2(word: &[u8; WORD_BYTES], structure: Structure) -> Masks {
        // SAFETY: the two loads of 32 bytes stay inside the 64 bytes of `word`, and need no alignment.
        unsafe {
            let low = _mm256_loadu_si256(word.as_ptr().cast());
            let high = _mm256_loadu_si256(word.as_ptr().add(32).cast());
            let equal = |byte: u8| {
                let wanted = _mm256_set1_epi8(byte as i8);
                let bits = |part| _mm256_movemask_epi8(_mm256_cmpeq_epi8(part, wanted)) as u32 as u64;
                bits(low) | bits(high) << 32
            };
            Masks {
                delimiter: equal(structure.delimiter),
                quote: structure.quote.map_or(0, equal),
                escape: structure.escape.map_or(0, equal),
                carriage_return: equal(b'\r'),
                line_feed: equal(b'\n'),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STRUCTURE: Structure = Structure {
        delimiter: b',',
        quote: Some(b'"'),
        escape: Some(b'\\'),
        has_trim: false,
    };

    /// Compares the cuts with the places of `^` in the second line, which stand under the bytes before them.
    #[track_caller]
    fn check(text: &str, marks: &str) {
        check_with(STRUCTURE, text, marks);
    }

    #[track_caller]
    fn check_with(structure: Structure, text: &str, marks: &str) {
        let expected: Vec<u32> = marks
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'^')
            .map(|(index, _)| index as u32 + 1)
            .collect();
        // Moved along, so that every carry between words is met.
        for shift in 0..130 {
            let block = "x".repeat(shift) + "\n" + text;
            let mut index = Index::default();
            index.fill(block.as_bytes(), structure);
            let actual: Vec<u32> = index.cuts()[2..].iter().map(|cut| cut - shift as u32 - 1).collect();
            assert_eq!(actual, expected, "after {shift} bytes");
        }
    }

    #[test]
    fn cuts_are_outside_quotes() {
        check("a,\"b,\n\",c\n", " ^     ^ ^");
        check("\"a\"\"b\",\"\",\r\n", "      ^  ^^^");
    }

    #[test]
    fn escaped_quotes_do_not_close() {
        check(r#""a\",b",c,"#, "       ^ ^");
        check(r#""a\\","b\\\",",c,"#, "     ^        ^ ^");
    }

    #[test]
    fn quotes_inside_unquoted_fields_are_data() {
        check("a,b\"c,d\n", " ^   ^ ^");
        check("a,b \"c,d\" e,\"f,g\"\n", " ^    ^    ^     ^");
        check("a\"\",\"b\"\"\",c\"\n", "   ^     ^  ^");
    }

    #[test]
    fn the_index_stops_where_a_closing_quote_does_not_end_its_field() {
        check("a,\"b\"c,d\n", " ^");
        check("a,\"b\" ,d\n", " ^");
        check("a,\"b\" \"c\",d\n", " ^");
        check("a\"b,\"b\"c,d\n", "   ^");
    }

    #[test]
    fn the_index_stops_at_a_quote_that_may_come_after_spaces() {
        let structure = Structure {
            has_trim: true,
            ..STRUCTURE
        };
        check_with(structure, "a, \"b,c\"\n", " ^");
        check_with(structure, "a,\"b,c\",\"\"\n", " ^     ^  ^");
    }

    #[test]
    fn special_bytes_are_found_in_any_range() {
        let text = "\"".to_owned() + &"x".repeat(200) + "\"\"" + &"x".repeat(100) + "\",";
        let mut index = Index::default();
        index.fill(text.as_bytes(), STRUCTURE);
        for start in 1..text.len() - 2 {
            for end in start..text.len() - 2 {
                assert_eq!(
                    index.has_special(start, end),
                    text[start..end].contains('"'),
                    "{start}..{end}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_finds_the_same(word in prop::collection::vec(prop::sample::select(b"a,\"\\\r\n".to_vec()), 64)) {
            let word: [u8; WORD_BYTES] = word.try_into().unwrap();
            let portable = masks_portable(&word, STRUCTURE);
            let flat = |masks: Masks| [masks.delimiter, masks.quote, masks.escape, masks.carriage_return, masks.line_feed];
            #[cfg(target_arch = "x86_64")]
            {
                prop_assert_eq!(flat(portable), flat(x86::masks_sse2(&word, STRUCTURE)));
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the feature was found just now.
                    prop_assert_eq!(flat(portable), flat(unsafe { x86::masks_avx2(&word, STRUCTURE) }));
                }
            }
            prop_assert!(flat(portable).iter().all(|mask| mask.count_ones() <= 64));
        }

        #[test]
        fn escapes_are_paired_from_the_left(escapes in prop::collection::vec(any::<bool>(), 256)) {
            let mut expected = Vec::new();
            let mut is_escaped = false;
            for is_escape in &escapes {
                expected.push(is_escaped);
                is_escaped = *is_escape && !is_escaped;
            }
            let mut before = 0;
            let mut actual = Vec::new();
            for word in escapes.chunks(64) {
                let bits = word.iter().enumerate().fold(0, |bits, (index, bit)| bits | u64::from(*bit) << index);
                let escaped = escaped_bytes(bits, &mut before);
                actual.extend((0..64).map(|index| escaped >> index & 1 == 1));
            }
            prop_assert_eq!(actual, expected);
        }
    }
}
