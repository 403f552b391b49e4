//! Appends short pieces of bytes without a call for each.

/// Bytes copied at once, whatever the length of a piece: one or two instructions instead of a call. Most values are not longer.
pub(crate) const STEP_BYTES: usize = 32;

/// Appends the first `length` bytes of `source` to `out`. What lies behind them in `source` is read, but does not count.
///
/// **Cost**: some instructions for a short piece with enough behind it, a call for any other.
#[inline(always)]
pub(crate) fn append(out: &mut Vec<u8>, source: &[u8], length: usize) {
    match (
        source.first_chunk::<STEP_BYTES>(),
        out.spare_capacity_mut().first_chunk_mut::<STEP_BYTES>(),
    ) {
        (Some(step), Some(spare)) if length <= STEP_BYTES => {
            spare.write_copy_of_slice(step);
            // SAFETY: `length` is at most STEP_BYTES, and that many bytes of spare capacity were initialised just now.
            unsafe { out.set_len(out.len() + length) };
        }
        _ => append_beginning(out, source, length),
    }
}

/// Appends the first `length` bytes of `source`.
#[inline(never)]
fn append_beginning(out: &mut Vec<u8>, source: &[u8], length: usize) {
    append_whole(out, &source[..length]);
}

/// Appends `piece`, behind which there may be nothing to read.
#[inline]
pub(crate) fn append_whole(out: &mut Vec<u8>, piece: &[u8]) {
    out.reserve(piece.len());
    match piece.len() {
        33..=64 => append_overlapping::<32>(out, piece),
        16..=32 => append_overlapping::<16>(out, piece),
        8..=15 => append_overlapping::<8>(out, piece),
        4..=7 => append_overlapping::<4>(out, piece),
        _ => out.extend_from_slice(piece),
    }
}

/// Appends a piece as its first and its last `N` bytes, which leave nothing between them. There is room for it.
#[inline]
fn append_overlapping<const N: usize>(out: &mut Vec<u8>, piece: &[u8]) {
    let spare = &mut out.spare_capacity_mut()[..piece.len()];
    if let (Some(first), Some(last)) = (piece.first_chunk::<N>(), piece.last_chunk::<N>()) {
        spare[..N].write_copy_of_slice(first);
        spare[piece.len() - N..].write_copy_of_slice(last);
        // SAFETY: the piece has from N to 2 N bytes, all of which were written just now.
        unsafe { out.set_len(out.len() + piece.len()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length_are_appended_whole() {
        let source: Vec<u8> = (0..200).collect();
        let mut out = Vec::new();
        let mut expected = Vec::new();
        for length in 0..source.len() {
            append_whole(&mut out, &source[..length]);
            expected.extend_from_slice(&source[..length]);
            assert_eq!(out, expected, "{length}");
        }
    }

    #[test]
    fn what_is_appended_does_not_depend_on_the_way() {
        let source: Vec<u8> = (0..100).collect();
        for spare_bytes in [0, 1, 31, 32, 33, 200] {
            for source_bytes in [0, 1, 31, 32, 33, 100] {
                for length in (0..=source_bytes).filter(|length| [0, 1, 5, 31, 32, 33, 100].contains(length)) {
                    let mut out = Vec::with_capacity(3 + spare_bytes);
                    out.extend_from_slice(b"abc");
                    append(&mut out, &source[..source_bytes], length);
                    assert_eq!(
                        out,
                        [b"abc", &source[..length]].concat(),
                        "{spare_bytes} {source_bytes} {length}"
                    );
                }
            }
        }
    }
}
