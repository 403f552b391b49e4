//! Writes small numbers as runs and as packed bits, whichever is shorter.
//!
//! **Source**: `Encodings.md`, run length encoding / bit-packing hybrid.

use super::page::write_varint;

/// Equal neighbours that become a run; fewer are packed, since packed numbers come in eights.
const MIN_RUN: usize = 8;

/// Bits that the greatest of `num_values` codes, counted from 0, needs.
pub(super) fn code_width(num_values: usize) -> u32 {
    usize::BITS - num_values.saturating_sub(1).leading_zeros()
}

/// Appends `codes`, each of at most `width` bits.
pub(super) fn write_codes(codes: &[u32], width: u32, body: &mut Vec<u8>) {
    let mut packed_from = 0;
    let mut start = 0;
    while start < codes.len() {
        let code = codes[start];
        let mut end = start + 1;
        while end < codes.len() && codes[end] == code {
            end += 1;
        }
        // The first of the run fill up the eights that wait to be packed.
        let filling = (start - packed_from).next_multiple_of(8) - (start - packed_from);
        if end - start >= MIN_RUN + filling {
            write_packed(&codes[packed_from..start + filling], width, body);
            write_varint(((end - start - filling) as u64) << 1, body);
            body.extend_from_slice(&code.to_le_bytes()[..width.div_ceil(8) as usize]);
            packed_from = end;
        }
        start = end;
    }
    write_packed(&codes[packed_from..], width, body);
}

/// Appends codes as packed bits; the last eight are filled up with zeros.
fn write_packed(codes: &[u32], width: u32, body: &mut Vec<u8>) {
    if codes.is_empty() {
        return;
    }
    let num_groups = codes.len().div_ceil(8);
    write_varint((num_groups as u64) << 1 | 1, body);
    let end = body.len() + num_groups * width as usize;
    let mut bits = 0u64;
    let mut num_bits = 0;
    for code in codes {
        bits |= u64::from(*code) << num_bits;
        num_bits += width;
        if num_bits >= 32 {
            body.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            num_bits -= 32;
        }
    }
    body.extend_from_slice(&bits.to_le_bytes()[..num_bits.div_ceil(8) as usize]);
    body.resize(end, 0);
}
