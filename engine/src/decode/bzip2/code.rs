//! A Huffman code of bzip2: symbols of up to 20 bits.

use super::bits::{Bits, LOOK_BITS};

/// Bits of a symbol.
pub(super) const MAX_BITS: u32 = 20;
const _: () = assert!(MAX_BITS <= LOOK_BITS);

/// Bits of symbols that are found by one look-up; longer ones are rare.
const FAST_BITS: u32 = 10;

/// Values of bytes, without the most frequent one, and with two symbols for its runs and one for the end.
pub(super) const MAX_SYMBOLS: usize = 258;

/// Symbols by their bits.
pub(super) struct Code {
    /// For each beginning of [`FAST_BITS`] a symbol and, in the lowest four bits, its length; 0: the symbol is longer.
    fast: [u16; 1 << FAST_BITS],
    /// For each length the first bits that are too large for it, at the top of a word.
    ends: [u64; MAX_BITS as usize + 1],
    /// For each length what leads from its bits to the place of the symbol.
    offsets: [i32; MAX_BITS as usize + 1],
    /// In the order of their bits.
    symbols: Vec<u16>,
}

impl Code {
    /// The code in which each symbol has the length that `lengths` says, from 1 to [`MAX_BITS`]. Where there is no room for so many
    /// symbols, the last ones never come.
    pub(super) fn new(lengths: &[u8]) -> Code {
        let mut code = Code {
            fast: [0; 1 << FAST_BITS],
            ends: [0; MAX_BITS as usize + 1],
            offsets: [0; MAX_BITS as usize + 1],
            symbols: Vec::with_capacity(lengths.len()),
        };
        let mut next: u32 = 0;
        for length in 1..=MAX_BITS {
            next <<= 1;
            code.offsets[length as usize] = code.symbols.len() as i32 - next as i32;
            for (symbol, _) in lengths
                .iter()
                .enumerate()
                .filter(|(_, other)| u32::from(**other) == length)
            {
                if length <= FAST_BITS && next < 1 << length {
                    let first = (next << (FAST_BITS - length)) as usize;
                    code.fast[first..first + (1 << (FAST_BITS - length))].fill((symbol as u16) << 4 | length as u16);
                }
                code.symbols.push(symbol as u16);
                next += 1;
            }
            code.ends[length as usize] = u64::from(next) << (32 - length);
        }
        code
    }

    /// The symbol at which `bits` stands and its length; `None` if no symbol begins like this.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &Bits<'_>) -> Option<(u16, u32)> {
        let look = bits.look();
        let fast = self.fast[(look >> (32 - FAST_BITS)) as usize];
        if fast != 0 {
            return Some((fast >> 4, u32::from(fast & 15)));
        }
        let length = (FAST_BITS + 1..=MAX_BITS).find(|length| u64::from(look) < self.ends[*length as usize])?;
        let place = (look >> (32 - length)) as i32 + self.offsets[length as usize];
        let symbol = self.symbols.get(usize::try_from(place).ok()?)?;
        Some((*symbol, length))
    }
}
