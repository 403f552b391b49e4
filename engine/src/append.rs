//! Appends short pieces of bytes without a call for each.

/// Bytes copied at once, whatever the length of a piece: one or two instructions instead of a call. Most values are not longer.
pub(crate) const STEP_BYTES: usize = 32;

/// Appends the first `length` bytes of `source` to `out`. What lies behind them in `source` is read, but does not count.
#[inline]
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
        _ => out.extend_from_slice(&source[..length]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
