//! Counts line ends, for the positions of records.

/// Bytes that are counted in a number of eight bits, so that many are counted at once.
const COUNTED_TOGETHER: usize = 128;

/// CR, LF and CRLF in `bytes`, in loops without branches: this is called for much text that nothing else is wrong with.
pub(super) fn count_line_ends(bytes: &[u8]) -> u64 {
    let Some((last, all_but_last)) = bytes.split_last() else {
        return 0;
    };
    let ends_line = |byte: u8, next: u8| u8::from(byte == b'\n') | (u8::from(byte == b'\r') & u8::from(next != b'\n'));
    let mut num_line_ends = u64::from(ends_line(*last, 0));
    let (groups, rest) = all_but_last.as_chunks::<COUNTED_TOGETHER>();
    let (next_groups, next_rest) = bytes[1..].as_chunks::<COUNTED_TOGETHER>();
    for (group, next_group) in groups.iter().zip(next_groups) {
        let mut num_in_group = 0;
        for index in 0..COUNTED_TOGETHER {
            num_in_group += ends_line(group[index], next_group[index]);
        }
        num_line_ends += u64::from(num_in_group);
    }
    for (byte, next) in rest.iter().zip(next_rest) {
        num_line_ends += u64::from(ends_line(*byte, *next));
    }
    num_line_ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn line_ends_are_counted_together_as_one_by_one(
            bytes in prop::collection::vec(prop::sample::select(vec![b'\n', b'\r', b'a', b',', 0xC3]), 0..600),
        ) {
            let is_end = |index: usize| match bytes[index] {
                b'\n' => true,
                b'\r' => bytes.get(index + 1) != Some(&b'\n'),
                _ => false,
            };
            let expected = (0..bytes.len()).filter(|index| is_end(*index)).count();
            prop_assert_eq!(count_line_ends(&bytes), expected as u64);
        }
    }
}
