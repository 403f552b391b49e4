//! The CRC of bzip2: CRC-32 with the highest bit first.

/// The polynomial, without its highest term.
const POLYNOMIAL: u32 = 0x04C1_1DB7;

/// Bytes that are added at a time.
const SLICE_BYTES: usize = 8;

/// For each distance from the end of a slice what a byte there adds.
static TABLES: [[u32; 256]; SLICE_BYTES] = tables();

const fn tables() -> [[u32; 256]; SLICE_BYTES] {
    let mut tables = [[0; 256]; SLICE_BYTES];
    let mut byte = 0;
    while byte < 256 {
        let mut value = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = value << 1 ^ if value >> 31 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut distance = 1;
    while distance < SLICE_BYTES {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[distance - 1][byte];
            tables[distance][byte] = before << 8 ^ tables[0][(before >> 24) as usize];
            byte += 1;
        }
        distance += 1;
    }
    tables
}

/// The checksum of bytes that come in pieces.
pub(super) struct Checksum(u32);

impl Default for Checksum {
    fn default() -> Checksum {
        Checksum(u32::MAX)
    }
}

impl Checksum {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let (slices, rest) = bytes.as_chunks::<SLICE_BYTES>();
        let mut value = self.0;
        for slice in slices {
            let first = value ^ u32::from_be_bytes([slice[0], slice[1], slice[2], slice[3]]);
            value = 0;
            for (index, byte) in first.to_be_bytes().iter().chain(&slice[4..]).enumerate() {
                value ^= TABLES[SLICE_BYTES - 1 - index][usize::from(*byte)];
            }
        }
        for byte in rest {
            value = value << 8 ^ TABLES[0][usize::from((value >> 24) as u8 ^ byte)];
        }
        self.0 = value;
    }

    pub(super) fn value(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_one_of_the_catalogue() {
        for cut in 0..9 {
            let mut checksum = Checksum::default();
            checksum.add(&b"123456789"[..cut]);
            checksum.add(&b"123456789"[cut..]);
            // The check value of CRC-32/BZIP2.
            assert_eq!(checksum.value(), 0xFC89_1918);
        }
    }
}
