//! Compressed bytes, taken by bits from the highest of each byte on.

/// Bits that one look shows at least.
pub(super) const LOOK_BITS: u32 = 25;

/// The input ends before what was asked for; nothing is taken then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeedsInput;

/// Reads bits of `bytes`.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits taken.
    pub(super) at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Bits<'a> {
        Bits { bytes, at }
    }

    /// Bits not taken yet.
    pub(super) fn num_left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    /// The next bits, the first of them the highest; zeros behind the last. The first [`LOOK_BITS`] can be relied upon.
    #[inline(always)]
    pub(super) fn look(&self) -> u32 {
        let byte = self.at / 8;
        let bits = match self.bytes.get(byte..byte + 4) {
            Some(bytes) => u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            None => {
                let mut last = [0; 4];
                let rest = &self.bytes[byte.min(self.bytes.len())..];
                last[..rest.len()].copy_from_slice(rest);
                u32::from_be_bytes(last)
            }
        };
        bits << (self.at % 8)
    }

    /// Takes bits that were looked at.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.at += count as usize;
    }

    /// The next `count` bits, of which there are 1 to [`LOOK_BITS`].
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<u32, NeedsInput> {
        if self.num_left() < count as usize {
            return Err(NeedsInput);
        }
        let bits = self.look() >> (32 - count);
        self.skip(count);
        Ok(bits)
    }

    /// The next 16, 32 or 48 bits.
    pub(super) fn take_words<const WORDS: usize>(&mut self) -> Result<u64, NeedsInput> {
        let mut taken = *self;
        let mut bits = 0;
        for _ in 0..WORDS {
            bits = bits << 16 | u64::from(taken.take(16)?);
        }
        *self = taken;
        Ok(bits)
    }
}
