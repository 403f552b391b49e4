//! Writes whole numbers by how far each is from the one before: times in order and numbers that are counted up become a few bits each.
//!
//! **Source**: `Encodings.md`, delta encoding (`DELTA_BINARY_PACKED`). Readers know it in data pages of either version.

use super::page::write_varint;

/// Values that share a least distance.
const BLOCK_VALUES: usize = 128;

/// Values that are packed with one width.
const MINIBLOCK_VALUES: usize = 32;

const NUM_MINIBLOCKS: usize = BLOCK_VALUES / MINIBLOCK_VALUES;

/// Appends `values`.
pub(super) fn write_deltas(values: &[i64], body: &mut Vec<u8>) {
    write_varint(BLOCK_VALUES as u64, body);
    write_varint(NUM_MINIBLOCKS as u64, body);
    write_varint(values.len() as u64, body);
    write_varint(zigzag(values.first().copied().unwrap_or(0)), body);
    let mut deltas = [0; BLOCK_VALUES];
    for (index, block) in values.get(1..).unwrap_or(&[]).chunks(BLOCK_VALUES).enumerate() {
        let before = &values[index * BLOCK_VALUES..];
        for ((delta, value), before) in deltas.iter_mut().zip(block).zip(before) {
            *delta = value.wrapping_sub(*before);
        }
        write_block(&mut deltas[..block.len()], body);
    }
}

/// Appends the distances of a block, each of which is changed into how far it is from the least.
fn write_block(deltas: &mut [i64], body: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or(0);
    write_varint(zigzag(least), body);
    let mut widths = [0; NUM_MINIBLOCKS];
    for (width, miniblock) in widths.iter_mut().zip(deltas.chunks_mut(MINIBLOCK_VALUES)) {
        let mut all_bits = 0;
        for delta in miniblock {
            *delta = delta.wrapping_sub(least);
            all_bits |= *delta;
        }
        *width = (u64::BITS - all_bits.cast_unsigned().leading_zeros()) as u8;
    }
    body.extend_from_slice(&widths);
    for (width, miniblock) in widths.into_iter().zip(deltas.chunks(MINIBLOCK_VALUES)) {
        write_packed(miniblock, u32::from(width), body);
    }
}

/// Appends numbers of `width` bits; a miniblock that is not full is filled up with zeros.
fn write_packed(numbers: &[i64], width: u32, body: &mut Vec<u8>) {
    let end = body.len() + MINIBLOCK_VALUES * width as usize / 8;
    body.reserve(MINIBLOCK_VALUES * width as usize / 8);
    let mut bits = 0_u128;
    let mut num_bits = 0;
    for number in numbers {
        bits |= u128::from(number.cast_unsigned()) << num_bits;
        num_bits += width;
        if num_bits >= u64::BITS {
            body.extend_from_slice(&(bits as u64).to_le_bytes());
            bits >>= u64::BITS;
            num_bits -= u64::BITS;
        }
    }
    body.extend_from_slice(&(bits as u64).to_le_bytes()[..num_bits.div_ceil(8) as usize]);
    body.resize(end, 0);
}

/// A number whose bits are few if the number is near zero, on either side.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes a number in base 128 from the front of `bytes`.
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let (byte, rest) = bytes.split_first().expect("a number goes on");
            *bytes = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return number;
            }
            shift += 7;
        }
    }

    fn signed(number: u64) -> i64 {
        (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
    }

    /// Reads as the specification has it, bit by bit.
    fn read(mut bytes: &[u8]) -> Vec<i64> {
        assert_eq!(varint(&mut bytes), 128);
        assert_eq!(varint(&mut bytes), 4);
        let num_values = varint(&mut bytes) as usize;
        let mut value = signed(varint(&mut bytes));
        let mut values = vec![value];
        while values.len() < num_values {
            let least = signed(varint(&mut bytes));
            let (widths, rest) = bytes.split_at(4);
            bytes = rest;
            for width in widths {
                if values.len() >= num_values {
                    assert_eq!(*width, 0, "a miniblock without values");
                }
                let (packed, rest) = bytes.split_at(usize::from(*width) * 4);
                bytes = rest;
                for index in 0..32 {
                    let bits = (0..usize::from(*width)).map(|bit| {
                        let place = index * usize::from(*width) + bit;
                        u64::from(packed[place / 8] >> (place % 8) & 1) << bit
                    });
                    let delta = bits.sum::<u64>().cast_signed().wrapping_add(least);
                    value = value.wrapping_add(delta);
                    values.push(value);
                }
            }
        }
        assert!(bytes.is_empty(), "nothing follows the last miniblock");
        values.truncate(num_values);
        values
    }

    fn check(values: &[i64]) -> usize {
        let mut body = b"before".to_vec();
        write_deltas(values, &mut body);
        assert_eq!(read(&body[6..]), values);
        body.len() - 6
    }

    #[test]
    fn numbers_of_any_count_come_back() {
        for num_values in [0, 1, 2, 31, 32, 33, 34, 128, 129, 130, 257, 1000] {
            check(&vec![7; num_values]);
            check(
                &(0..num_values as i64)
                    .map(|index| index * index - 500)
                    .collect::<Vec<_>>(),
            );
        }
        check(&[i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN]);
    }

    #[test]
    fn what_is_counted_up_takes_next_to_nothing() {
        let counted: Vec<i64> = (0..10_000).map(|index| 20_000_000_000 + index).collect();
        assert!(check(&counted) < 10_000 / 10);
        let times: Vec<i64> = (0..10_000)
            .map(|index| index * 30_000 + index * 7_919 % 1_000)
            .collect();
        assert!(check(&times) < 10_000 * 2);
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(values in prop::collection::vec(any::<i64>(), 0..400), shift in 0_u32..64) {
            check(&values.iter().map(|value| value >> shift).collect::<Vec<_>>());
        }
    }
}
