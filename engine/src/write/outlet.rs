//! Bytes of a file between the Parquet writer, which writes where it stands, and the upload, which must be waited for.

use super::WriteError;
use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a piece in which finished pages wait for their upload: large enough to be handed on as it is.
const PIECE_BYTES: usize = 1024 * 1024;

/// Where a Parquet writer writes to. Clones are the same outlet.
#[derive(Clone, Default)]
pub(super) struct Outlet(Arc<Mutex<Waiting>>);

/// Pieces of [`PIECE_BYTES`], the last not full.
#[derive(Default)]
pub(super) struct Waiting {
    pieces: Vec<Vec<u8>>,
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

    /// What was written since it was last asked for.
    pub(super) fn take(&self) -> Waiting {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let num_expected_bytes = waiting.num_expected_bytes;
        let taken = std::mem::take(&mut *waiting);
        waiting.num_expected_bytes = num_expected_bytes;
        taken
    }
}

impl Write for Outlet {
    fn write(&mut self, mut bytes: &[u8]) -> std::io::Result<usize> {
        let num_bytes = bytes.len();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.num_bytes += num_bytes;
        let num_expected_bytes = waiting.num_expected_bytes;
        waiting.num_expected_bytes = num_expected_bytes.saturating_sub(num_bytes);
        while !bytes.is_empty() {
            let piece = match waiting.pieces.last_mut() {
                Some(piece) if piece.len() < PIECE_BYTES => piece,
                _ => waiting.pieces.push_mut(Vec::new()),
            };
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - piece.len()));
            if now.len() > piece.capacity() - piece.len() {
                // Grown to its size at once, not a little at a time, which would copy it again and again.
                piece.reserve(now.len().max(num_expected_bytes.min(PIECE_BYTES - piece.len())));
            }
            piece.extend_from_slice(now);
            bytes = later;
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
                .put(Bytes::from(piece))
                .await
                .map_err(|source| WriteError::Store {
                    path: path.to_string(),
                    source: Box::new(source),
                })?;
        }
        Ok(())
    }
}
