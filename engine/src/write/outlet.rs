//! Bytes of a file between the Parquet writer, which writes where it stands, and the upload, which must be waited for.

use super::WriteError;
use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a piece in which finished pages wait for their upload: large enough to be handed on as it is.
const PIECE_BYTES: usize = 1024 * 1024;

/// With so many bytes to come, a piece gets its room at once; what it does not fill is not touched.
const MANY_BYTES: usize = PIECE_BYTES / 4;

/// Large pieces begin in memory at multiples of this, and so do they in the file, so that a store may write them to a disk from where they
/// are. Disks and file systems want that of direct writes; none has a larger block.
pub(crate) const ALIGNMENT: usize = 4096;

/// Where a Parquet writer writes to. Clones are the same outlet.
#[derive(Clone, Default)]
pub(super) struct Outlet(Arc<Mutex<Waiting>>);

/// Pieces of [`PIECE_BYTES`], the last not full.
#[derive(Default)]
pub(super) struct Waiting {
    pieces: Vec<Piece>,
    /// Bytes of all pieces.
    pub(super) num_bytes: usize,
    /// Bytes that are known to come.
    num_expected_bytes: usize,
}

impl Outlet {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).num_bytes
    }

    /// Says that so many bytes will be written.
    pub(super) fn expect(&self, num_bytes: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).num_expected_bytes = num_bytes;
    }

    /// The full pieces of what was written since it was last asked for.
    pub(super) fn take_full(&self) -> Waiting {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces: Vec<Piece> = waiting.pieces.extract_if(.., |piece| piece.is_full()).collect();
        let num_bytes = pieces.len() * PIECE_BYTES;
        waiting.num_bytes -= num_bytes;
        Waiting {
            pieces,
            num_bytes,
            num_expected_bytes: 0,
        }
    }

    /// All that was written since it was last asked for.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Outlet {
    fn write(&mut self, mut bytes: &[u8]) -> std::io::Result<usize> {
        let num_bytes = bytes.len();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut num_expected_bytes = waiting.num_expected_bytes;
        waiting.num_bytes += num_bytes;
        waiting.num_expected_bytes = num_expected_bytes.saturating_sub(num_bytes);
        while !bytes.is_empty() {
            let piece = match waiting.pieces.last_mut() {
                Some(piece) if !piece.is_full() => piece,
                _ => waiting.pieces.push_mut(Piece::default()),
            };
            let rest = piece.append(bytes, num_expected_bytes);
            num_expected_bytes = num_expected_bytes.saturating_sub(bytes.len() - rest.len());
            bytes = rest;
        }
        Ok(num_bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Waiting {
    /// Sends the bytes on, to the file at `path`.
    pub(super) async fn send(self, upload: &mut BufWriter, path: &Path) -> Result<(), WriteError> {
        for piece in self.pieces {
            upload
                .put(piece.into_bytes())
                .await
                .map_err(|source| WriteError::Store {
                    path: path.to_string(),
                    source: Box::new(source),
                })?;
        }
        Ok(())
    }
}

/// Neighbouring bytes of the file.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    /// Where they begin in `bytes`.
    start: usize,
}

impl Piece {
    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn is_full(&self) -> bool {
        self.len() == PIECE_BYTES
    }

    /// Appends what there is room for, and gives the rest. `num_expected_bytes`: so many will come, these included.
    fn append<'b>(&mut self, bytes: &'b [u8], num_expected_bytes: usize) -> &'b [u8] {
        let room = PIECE_BYTES - self.len();
        let (now, later) = bytes.split_at(bytes.len().min(room));
        let num_expected_bytes = num_expected_bytes.clamp(now.len(), room);
        if self.bytes.is_empty() && num_expected_bytes >= MANY_BYTES {
            self.bytes.reserve_exact(PIECE_BYTES + ALIGNMENT);
            self.start = self.bytes.as_ptr().align_offset(ALIGNMENT);
            self.bytes.resize(self.start, 0);
        } else if now.len() > self.bytes.capacity() - self.bytes.len() {
            // Grown to its size at once, not a little at a time, which would copy it again and again.
            self.bytes.reserve(num_expected_bytes);
        }
        self.bytes.extend_from_slice(now);
        later
    }

    fn into_bytes(self) -> Bytes {
        Bytes::from(self.bytes).slice(self.start..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes so many bytes at a time, and gives what waits then: full pieces, and the rest.
    fn written(num_bytes: usize, at_a_time: usize, num_expected_bytes: usize) -> [Waiting; 2] {
        let mut outlet = Outlet::default();
        outlet.expect(num_expected_bytes);
        let content: Vec<u8> = (0..num_bytes).map(|at| ((at * 31) >> 3) as u8).collect();
        for bytes in content.chunks(at_a_time) {
            outlet.write_all(bytes).unwrap();
        }
        assert_eq!(outlet.len(), num_bytes);
        let waiting = [outlet.take_full(), outlet.take()];
        assert_eq!(outlet.len(), 0);
        let pieces = waiting.iter().flat_map(|waiting| &waiting.pieces);
        let bytes: Vec<u8> = pieces.flat_map(|piece| &piece.bytes[piece.start..]).copied().collect();
        assert!(bytes == content);
        waiting
    }

    #[test]
    fn bytes_wait_in_the_order_in_which_they_were_written() {
        for num_bytes in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7] {
            for at_a_time in [PIECE_BYTES / 3, 2 * PIECE_BYTES + 1] {
                for num_expected_bytes in [0, num_bytes, 2 * PIECE_BYTES] {
                    let [full, rest] = written(num_bytes, at_a_time, num_expected_bytes);
                    assert_eq!(full.num_bytes, num_bytes - num_bytes % PIECE_BYTES);
                    assert_eq!(rest.num_bytes, num_bytes % PIECE_BYTES);
                }
            }
        }
    }

    #[test]
    fn large_pieces_begin_where_a_disk_wants_them() {
        let num_bytes = 3 * PIECE_BYTES + MANY_BYTES;
        let waiting = written(num_bytes, 10_000, num_bytes);
        for piece in waiting.into_iter().flat_map(|waiting| waiting.pieces) {
            assert_eq!(piece.into_bytes().as_ptr().align_offset(ALIGNMENT), 0);
        }
    }

    #[test]
    fn no_more_memory_is_taken_than_is_expected() {
        let [_, rest] = written(10_000, 1_000, 10_000);
        assert_eq!(rest.pieces[0].bytes.capacity(), 10_000);
    }
}
