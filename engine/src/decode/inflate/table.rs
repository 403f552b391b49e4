//! Tables that turn the next bits of a stream into a symbol (RFC 1951, section 3.2.2).
//!
//! A table is indexed by the next bits as they come. Codes longer than the index lead to a second table behind the first. An
//! entry holds all that decoding needs, so that nothing else is looked up: the number of bits to take, how many of them are
//! the code, and the literal, or the base of the length or distance. Where the index has room for the codes of a literal and of the literal or
//! length behind it, one entry gives both.

/// Bits that index a table of literals and lengths.
pub(super) const LITERAL_BITS: u32 = 11;
/// Bits that index a table of distances.
pub(super) const DISTANCE_BITS: u32 = 8;
/// Bits that index a table of the code lengths' own code: all of its codes are at most as long.
pub(super) const LENGTH_CODE_BITS: u32 = 7;

/// Longest code.
const MAX_CODE_BITS: usize = 15;
/// Shortest match.
const MIN_LENGTH: usize = 3;

/// Symbols of the code of literals and lengths; the last two are in the fixed code only and mean nothing.
pub(super) const LITERAL_SYMBOLS: usize = 288;
/// Symbols of the code of distances; the last two are in the fixed code only and mean nothing.
pub(super) const DISTANCE_SYMBOLS: usize = 32;
/// Symbols of the code of the code lengths.
pub(super) const LENGTH_CODE_SYMBOLS: usize = 19;

/// Entries that these numbers of symbols and bits can need at most; zlib's `enough` computes them.
pub(super) const LITERAL_ENTRIES: usize = 2342;
pub(super) const DISTANCE_ENTRIES: usize = 402;
pub(super) const LENGTH_CODE_ENTRIES: usize = 1 << LENGTH_CODE_BITS;

/// What the next bits mean:
///
/// | bits  | literal   | length, distance   | end, invalid | leads to a second table |
/// |-------|-----------|--------------------|--------------|-------------------------|
/// | 31    | 1         | 0                  | 0            | 0                       |
/// | 24-30 | 0, or the byte behind it | of a distance: base; of a length: 0, or the literal before it | 0 | where it begins |
/// | 16-23 | the byte  | of a distance: base; of a length: base less the shortest length | 0 | where it begins |
/// | 15    | 0         | 0                  | 1            | 1                       |
/// | 14    | 0         | of a length: 1: a literal stands before it | 0 | 1               |
/// | 13    | 1: there are two | 0           | 1: the end   | 0                       |
/// | 8-12  | bits of the code, or codes | the same | the same | bits that index it     |
/// | 0-7   | bits to take | the same and the extra bits | the same | bits to take first |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(pub(super) u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    const EXCEPTION: u32 = 1 << 15;
    const SECOND: u32 = 1 << 14;
    const END: u32 = 1 << 13;
    const TWO_LITERALS: u32 = 1 << 13;
    const AFTER_LITERAL: u32 = 1 << 14;

    /// Bits that no code stands for.
    const INVALID: Entry = Entry(Entry::EXCEPTION);

    #[inline(always)]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Entry::LITERAL != 0
    }

    /// Neither a literal nor a base.
    #[inline(always)]
    pub(super) fn is_exception(self) -> bool {
        self.0 & Entry::EXCEPTION != 0
    }

    /// Whether an exception leads to a second table.
    #[inline(always)]
    pub(super) fn is_second(self) -> bool {
        self.0 & Entry::SECOND != 0
    }

    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.0 & Entry::END != 0
    }

    /// Bits to take from the stream, 0 to 28.
    #[inline(always)]
    pub(super) fn num_bits(self) -> u32 {
        self.0 & 0xff
    }

    /// The byte of a literal, the first if there are two.
    #[inline(always)]
    pub(super) fn literal(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// The byte of a literal and the one behind it, in their order; zero if there is none.
    #[inline(always)]
    pub(super) fn two_literals(self) -> [u8; 2] {
        ((self.0 >> 16) as u16 & 0x7fff).to_le_bytes()
    }

    /// How many literals an entry of literals gives: one or two.
    #[inline(always)]
    pub(super) fn num_literals(self) -> usize {
        1 + (self.0 & Entry::TWO_LITERALS != 0) as usize
    }

    /// The literal before a length, or anything.
    #[inline(always)]
    pub(super) fn literal_before(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// How many literals stand before a length: one or none.
    #[inline(always)]
    pub(super) fn num_literals_before(self) -> usize {
        (self.0 / Entry::AFTER_LITERAL) as usize & 1
    }

    /// The entry of the first symbol alone, if it is a literal; any other as it is. `bits` has the bits of each literal's code.
    pub(super) fn first_symbol(self, bits: &[u8; 256]) -> Entry {
        let literal = match self.is_exception() {
            false if self.is_literal() => self.literal(),
            false if self.num_literals_before() > 0 => self.literal_before(),
            _ => return self,
        };
        let code_bits = u32::from(bits[usize::from(literal)]);
        Entry(Entry::LITERAL | u32::from(literal) << 16 | code_bits << 8 | code_bits)
    }

    /// A length, given the bits that began with the entry's first code.
    #[inline(always)]
    pub(super) fn length(self, bits: u64) -> usize {
        (self.0 >> 16) as u8 as usize + MIN_LENGTH + self.extra(bits)
    }

    /// A distance, given the bits that began with its code.
    #[inline(always)]
    pub(super) fn distance(self, bits: u64) -> usize {
        (self.0 >> 16) as usize + self.extra(bits)
    }

    #[inline(always)]
    fn extra(self, bits: u64) -> usize {
        // One bit more than the field has, and always zero here: the shift then takes the six bits that the processor looks at.
        ((bits & ((1 << self.num_bits()) - 1)) >> (self.0 >> 8 & 0x3f)) as usize
    }

    /// Place in the second table, given the bits behind those that led here.
    #[inline(always)]
    pub(super) fn second(self, bits: u64) -> usize {
        let index = bits & ((1 << (self.0 >> 8 & 0x1f)) - 1);
        (self.0 >> 16 & 0x7fff) as usize + index as usize
    }

    /// The symbol of a table made by [`plain_symbol`].
    pub(super) fn symbol(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

/// What a symbol of literals and lengths becomes, without the bits of its code.
pub(super) fn literal_symbol(symbol: usize) -> u32 {
    const BASES: [u16; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ];
    const EXTRA_BITS: [u8; 29] = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ];
    match symbol {
        0..256 => Entry::LITERAL | (symbol as u32) << 16,
        256 => Entry::EXCEPTION | Entry::END,
        257..286 => (u32::from(BASES[symbol - 257]) - MIN_LENGTH as u32) << 16 | u32::from(EXTRA_BITS[symbol - 257]),
        _ => Entry::EXCEPTION,
    }
}

/// What a symbol of distances becomes, without the bits of its code.
pub(super) fn distance_symbol(symbol: usize) -> u32 {
    match symbol {
        0..4 => (symbol as u32 + 1) << 16,
        4..30 => {
            let extra_bits = (symbol as u32 - 2) / 2;
            let base = ((2 + (symbol as u32 & 1)) << extra_bits) + 1;
            base << 16 | extra_bits
        }
        _ => Entry::EXCEPTION,
    }
}

/// A symbol that stands for itself, without the bits of its code.
pub(super) fn plain_symbol(symbol: usize) -> u32 {
    (symbol as u32) << 16
}

/// Why code lengths are not those of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadCode {
    /// More codes than there is room for.
    Oversubscribed,
    /// Some bits stand for nothing, although there is more than one code.
    Incomplete,
}

/// A code, of which the lengths say everything.
pub(super) struct Code {
    /// How many symbols have codes of each length.
    num_codes: [u16; MAX_CODE_BITS + 1],
    /// The symbols in the order of their codes: by length, then by number.
    symbols: [u16; LITERAL_SYMBOLS],
    /// Whether all bits stand for a symbol.
    is_complete: bool,
}

impl Code {
    /// The code whose symbols have these lengths; a length of zero: not used.
    pub(super) fn new(lengths: &[u8]) -> Result<Code, BadCode> {
        let mut num_codes = [0_u16; MAX_CODE_BITS + 1];
        for &length in lengths {
            num_codes[usize::from(length)] += 1;
        }
        num_codes[0] = 0;
        let is_complete = is_complete(&num_codes)?;

        let mut nexts = [0_u16; MAX_CODE_BITS + 2];
        for length in 1..=MAX_CODE_BITS {
            nexts[length + 1] = nexts[length] + num_codes[length];
        }
        let mut symbols = [0_u16; LITERAL_SYMBOLS];
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let next = &mut nexts[usize::from(length)];
            symbols[usize::from(*next)] = symbol as u16;
            *next += 1;
        }
        Ok(Code {
            num_codes,
            symbols,
            is_complete,
        })
    }

    /// Fills `table`, which `index_bits` index, with what each symbol means.
    pub(super) fn fill(&self, table: &mut [Entry], index_bits: u32, meaning: fn(usize) -> u32) {
        if !self.is_complete {
            table.fill(Entry::INVALID);
        }
        // Codes are kept as they come in the stream, their first bit lowest. A code stands at all places that begin with it; the
        // table grows with the length of the codes, and what it holds is doubled then, which costs less than writing each place.
        let mut code = 0_usize;
        let mut symbols = self.symbols.iter();
        for length in 1..=index_bits {
            let num_places = 1_usize << length;
            table.copy_within(..num_places / 2, num_places / 2);
            for &symbol in symbols.by_ref().take(self.num_codes[length as usize].into()) {
                table[code] = Entry(meaning(usize::from(symbol)) + (length << 8) + length);
                code = next_code(code, length);
            }
        }

        let mut num_codes = self.num_codes;
        let mut second = Second::default();
        for length in index_bits + 1..=MAX_CODE_BITS as u32 {
            for &symbol in symbols.by_ref().take(self.num_codes[length as usize].into()) {
                let prefix = code & ((1 << index_bits) - 1);
                if second.bits == 0 || second.prefix != prefix {
                    second = Second {
                        prefix,
                        start: if second.bits == 0 {
                            1 << index_bits
                        } else {
                            second.start + (1 << second.bits)
                        },
                        bits: second_bits(&num_codes, length, index_bits),
                    };
                    let leading = (second.start as u32) << 16 | second.bits << 8 | index_bits;
                    table[prefix] = Entry(leading | Entry::EXCEPTION | Entry::SECOND);
                }
                let bits = length - index_bits;
                let entry = Entry(meaning(usize::from(symbol)) + (bits << 8) + bits);
                let places = &mut table[second.start..second.start + (1 << second.bits)];
                let places = places[code >> index_bits..].iter_mut();
                places.step_by(1 << bits).for_each(|place| *place = entry);
                num_codes[length as usize] -= 1;
                code = next_code(code, length);
            }
        }
    }

    /// Makes one entry of a literal and the literal or length behind it where the index holds both codes, in a table that was filled.
    ///
    /// Bits of a literal that comes often are few, so most literals that follow each other are decoded at one look, and many lengths with
    /// the literal before. There is room for one byte of all and one below 128.
    pub(super) fn pair_literals(&self, table: &mut [Entry], index_bits: u32) {
        let mut symbols_of_index = [(0_usize, 0_u32, Entry(0)); LITERAL_SYMBOLS];
        let mut num_symbols = 0;
        let mut code = 0_usize;
        let mut symbols = self.symbols.iter();
        for length in 1..index_bits {
            for &symbol in symbols.by_ref().take(self.num_codes[length as usize].into()) {
                let meaning = Entry(literal_symbol(usize::from(symbol)));
                if !meaning.is_exception() {
                    symbols_of_index[num_symbols] = (code, length, meaning);
                    num_symbols += 1;
                }
                code = next_code(code, length);
            }
        }
        let symbols = &symbols_of_index[..num_symbols];
        for (first_code, first_bits, first) in symbols.iter().filter(|(_, _, first)| first.is_literal()) {
            for (second_code, second_bits, second) in symbols {
                let num_code_bits = first_bits + second_bits;
                if num_code_bits > index_bits {
                    break;
                }
                let pair = match second.is_literal() {
                    true if second.literal() < 128 => first.0 | Entry::TWO_LITERALS | u32::from(second.literal()) << 24,
                    false if first.literal() < 128 => {
                        second.0 | Entry::AFTER_LITERAL | u32::from(first.literal()) << 24
                    }
                    _ => continue,
                };
                let entry = Entry(pair + (num_code_bits << 8) + num_code_bits);
                let places = table[first_code | second_code << first_bits..1 << index_bits].iter_mut();
                places.step_by(1 << num_code_bits).for_each(|place| *place = entry);
            }
        }
    }
}

/// The second table that is being filled.
#[derive(Default)]
struct Second {
    /// First bits of its codes.
    prefix: usize,
    start: usize,
    /// Bits that index it; zero: there is none yet.
    bits: u32,
}

/// Whether all bits stand for a code. No code at all, or a single one of one bit, is complete enough: it occurs for distances.
fn is_complete(num_codes: &[u16; MAX_CODE_BITS + 1]) -> Result<bool, BadCode> {
    let mut room = 1_i32;
    for &count in &num_codes[1..] {
        room = room * 2 - i32::from(count);
        if room < 0 {
            return Err(BadCode::Oversubscribed);
        }
    }
    let total: u16 = num_codes.iter().sum();
    match room {
        0 => Ok(true),
        _ if total == 0 || (total == 1 && num_codes[1] == 1) => Ok(false),
        _ => Err(BadCode::Incomplete),
    }
}

/// Bits that index a second table which begins with a code of `length` bits: enough for all codes that share its first bits.
fn second_bits(num_codes: &[u16; MAX_CODE_BITS + 1], length: u32, index_bits: u32) -> u32 {
    let mut bits = length - index_bits;
    let mut room = u32::from(num_codes[length as usize]);
    while room < 1 << bits && index_bits + bits < MAX_CODE_BITS as u32 {
        bits += 1;
        room = room * 2 + u32::from(num_codes[(index_bits + bits) as usize]);
    }
    bits
}

/// The code after `code`, both with their first bit lowest. After the last one, zero.
fn next_code(code: usize, length: u32) -> usize {
    let ones = (1 << length) - 1;
    let zeros = code ^ ones;
    if zeros == 0 {
        return 0;
    }
    let highest = 1 << zeros.ilog2();
    code & (highest - 1) | highest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes by comparing with every code, as section 3.2.2 of the RFC makes them.
    fn code_of(lengths: &[u8], wanted: usize) -> Option<u32> {
        let mut code = 0;
        for length in 1..=MAX_CODE_BITS as u8 {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, other)| **other == length) {
                if symbol == wanted {
                    return Some(code);
                }
                code += 1;
            }
            code <<= 1;
        }
        None
    }

    fn check(lengths: &[u8], index_bits: u32, num_entries: usize) {
        let mut table = vec![Entry(0); num_entries];
        Code::new(lengths).unwrap().fill(&mut table, index_bits, plain_symbol);
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let code = u64::from(code_of(lengths, symbol).unwrap().reverse_bits() >> (32 - u32::from(length)));
            for noise in [0, u64::MAX, 0x5a5a_5a5a_5a5a_5a5a] {
                let mut bits = code | noise << length;
                let mut entry = table[(bits & ((1 << index_bits) - 1)) as usize];
                let mut num_bits = entry.num_bits();
                if entry.is_second() {
                    bits >>= index_bits;
                    entry = table[entry.second(bits)];
                    num_bits += entry.num_bits();
                }
                assert_eq!((usize::from(entry.symbol()), num_bits), (symbol, u32::from(length)));
            }
        }
    }

    #[test]
    fn every_code_leads_to_its_symbol() {
        check(&[2, 1, 3, 3], 11, LITERAL_ENTRIES);
        check(&[8; 256], 11, LITERAL_ENTRIES);
        let steps: Vec<u8> = (1..=15).chain([15]).collect();
        check(&steps, 11, LITERAL_ENTRIES);
        check(&steps, 8, DISTANCE_ENTRIES);
        // A code with many second tables: 256 codes of fifteen bits, and shorter ones in the room that they leave.
        let mut many = vec![15; 256];
        many.extend([1, 2, 3, 4, 5, 6, 7]);
        check(&many, 11, LITERAL_ENTRIES);
    }

    /// Codes of `a` in one bit, `b` in two, and two symbols in three bits.
    fn four_codes(third: usize, fourth: usize) -> [u8; LITERAL_SYMBOLS] {
        let mut lengths = [0; LITERAL_SYMBOLS];
        for (symbol, bits) in [(b'a'.into(), 1), (b'b'.into(), 2), (third, 3), (fourth, 3)] {
            lengths[symbol] = bits;
        }
        lengths
    }

    /// A table as it is filled, and with its literals paired.
    fn single_and_paired(lengths: &[u8], index_bits: u32) -> [Vec<Entry>; 2] {
        let mut singles = vec![Entry(0); LITERAL_ENTRIES];
        let code = Code::new(lengths).unwrap();
        code.fill(&mut singles, index_bits, literal_symbol);
        let mut table = singles.clone();
        code.pair_literals(&mut table, index_bits);
        [singles, table]
    }

    #[test]
    fn literals_are_paired_where_the_index_holds_both_codes() {
        let lengths = four_codes(0xe9, 256);
        let [singles, table] = single_and_paired(&lengths, 4);
        let given = |bits: usize| {
            let entry = table[bits];
            assert_eq!(
                entry.first_symbol(lengths.first_chunk().unwrap()),
                singles[bits],
                "{bits:b}"
            );
            (entry.two_literals(), entry.num_literals(), entry.num_bits())
        };
        assert_eq!(given(0b0000), (*b"aa", 2, 2));
        assert_eq!(given(0b0010), (*b"ab", 2, 3));
        assert_eq!(given(0b0001), (*b"ba", 2, 3));
        assert_eq!(given(0b0101), (*b"bb", 2, 4));
        assert_eq!(given(0b0110), (*b"a\0", 1, 1), "0xe9 is no ASCII");
        assert_eq!(given(0b0011), ([0xe9, b'a'], 2, 4));
        assert_eq!(given(0b1011), ([0xe9, 0], 1, 3), "five bits are more than the index");
        assert!(table[0b0111].is_end() && table[0b0111] == singles[0b0111]);
    }

    #[test]
    fn literals_are_paired_with_the_length_behind_them() {
        // 265: eleven or twelve bytes, by one more bit.
        let lengths = four_codes(0xe9, 265);
        let [singles, table] = single_and_paired(&lengths, 6);
        let given = |bits: usize| {
            let entry = table[bits];
            assert_eq!(
                entry.first_symbol(lengths.first_chunk().unwrap()),
                singles[bits],
                "{bits:b}"
            );
            assert!(!entry.is_literal() && !entry.is_exception(), "{bits:b}");
            let literal = (entry.num_literals_before() > 0).then_some(entry.literal_before());
            (literal, entry.length(bits as u64), entry.num_bits())
        };
        assert_eq!(given(0b00_0111), (None, 11, 4));
        assert_eq!(given(0b00_1111), (None, 12, 4));
        assert_eq!(given(0b00_1110), (Some(b'a'), 11, 5));
        assert_eq!(given(0b01_1110), (Some(b'a'), 12, 5));
        assert_eq!(given(0b01_1101), (Some(b'b'), 11, 6));
        assert_eq!(given(0b11_1101), (Some(b'b'), 12, 6));
        assert_eq!(table[0b111_011], singles[0b111_011], "0xe9 has no room");
    }

    #[test]
    fn lengths_that_are_no_code_are_refused() {
        let mut table = vec![Entry(0); LITERAL_ENTRIES];
        assert_eq!(Code::new(&[1, 1, 1]).err(), Some(BadCode::Oversubscribed));
        assert_eq!(Code::new(&[1, 2]).err(), Some(BadCode::Incomplete));
        assert_eq!(Code::new(&[2]).err(), Some(BadCode::Incomplete));
        Code::new(&[0, 0]).unwrap().fill(&mut table, 11, plain_symbol);
        assert!(table.iter().all(|entry| entry.is_exception()));
        Code::new(&[0, 1]).unwrap().fill(&mut table, 11, plain_symbol);
        assert_eq!((table[0].symbol(), table[1]), (1, Entry::INVALID));
    }
}
