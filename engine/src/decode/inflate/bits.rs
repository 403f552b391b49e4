//! The input of one call, taken by bits.

/// Bits that were taken from the input and not used yet; the first one is the lowest, and above the last there are zeros.
#[derive(Clone, Copy, Default)]
pub(super) struct Bits {
    pub(super) buffer: u64,
    pub(super) count: u32,
}

/// Reads bits of `bytes`.
///
/// Between two calls only bits are kept that the next symbol needs. For one that was cut short, that is all of them, since with them
/// it was not complete. So what is left behind the last symbol of a stream is always in the bytes of this call.
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
    /// Bytes taken.
    pub(super) at: usize,
    pub(super) bits: Bits,
}

impl Input<'_> {
    /// Takes bytes until at least 56 bits are there or no byte is left.
    #[inline]
    pub(super) fn refill(&mut self) {
        while self.bits.count <= 56 {
            let Some(&byte) = self.bytes.get(self.at) else {
                return;
            };
            self.bits.buffer |= u64::from(byte) << self.bits.count;
            self.bits.count += 8;
            self.at += 1;
        }
    }

    /// The next bits, if they are there.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        self.refill();
        if self.bits.count < count {
            return None;
        }
        let bits = self.bits.buffer & ((1 << count) - 1);
        self.skip(count);
        Some(bits as u32)
    }

    /// Uses bits that are there; fewer than 64.
    pub(super) fn skip(&mut self, count: u32) {
        self.bits.buffer >>= count;
        self.bits.count -= count;
    }

    /// Drops the rest of a byte that is begun.
    pub(super) fn align(&mut self) {
        self.skip(self.bits.count % 8);
    }

    /// Puts whole bytes back. Only after a fault may some of them be of earlier calls, and then they are lost.
    pub(super) fn give_back(&mut self) {
        self.at = self.at.saturating_sub((self.bits.count / 8) as usize);
        self.bits.count %= 8;
        self.bits.buffer &= (1 << self.bits.count) - 1;
    }
}
