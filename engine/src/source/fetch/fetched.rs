//! The consumer's end of a fetch: files and their bytes as they arrive.

use super::traffic::{Delivery, Piece, Ticket, Traffic};
use crate::source::budget::FetchedChunk;
use crate::source::error::SourceError;
use crate::source::file::SourceFile;
use futures::Stream;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Files as they arrive, in the order they were asked for. They are to be consumed in that order: a file put aside unread
/// may hold the bytes that the next one waits for.
#[derive(Debug)]
pub struct FetchedFiles(pub(super) Arc<Arriving>);

/// The files of one consumer, for others that have none left. While it lives, the fetch goes on.
#[derive(Clone, Debug)]
pub struct SpareFiles(Arc<Arriving>);

/// Files that were asked for and not taken.
#[derive(Debug)]
pub(super) struct Arriving {
    inlet: Mutex<Inlet>,
    traffic: Arc<Traffic>,
    driver: AbortOnDrop,
}

#[derive(Debug)]
struct Inlet {
    /// Unbounded as a channel; bounded by the pieces that may lie ready, of which every file has at least one.
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    is_complete: bool,
}

impl FetchedFiles {
    /// What `driver` delivers.
    pub(super) fn new(
        deliveries: mpsc::UnboundedReceiver<Delivery>,
        traffic: Arc<Traffic>,
        driver: JoinHandle<()>,
    ) -> FetchedFiles {
        FetchedFiles(Arc::new(Arriving {
            inlet: Mutex::new(Inlet {
                deliveries,
                is_complete: false,
            }),
            traffic,
            driver: AbortOnDrop(driver),
        }))
    }

    /// The next file, as soon as it has been asked for; its bytes come through [`FetchedFile::chunks`].
    ///
    /// **Errors**: fetching was stopped from outside, by the end of its runtime for instance.
    /// **Cancel**: safe.
    pub async fn next(&mut self) -> Option<Result<FetchedFile, SourceError>> {
        let next = std::future::poll_fn(|context| self.0.poll_next(context)).await?;
        Some(next.map(|file| self.0.hand_over(file)))
    }

    /// The same files for other consumers.
    pub fn spare(&self) -> SpareFiles {
        SpareFiles(Arc::clone(&self.0))
    }
}

impl SpareFiles {
    /// The next file, if one has been asked for and its consumer has not come to it. It is to be consumed at once, like any other.
    pub fn take(&self) -> Option<FetchedFile> {
        let mut inlet = self.0.inlet();
        if inlet.is_complete {
            return None;
        }
        match inlet.deliveries.try_recv().ok()? {
            Delivery::File(file) => Some(self.0.hand_over(file)),
            Delivery::End => {
                // The consumer wakes as the channel closes, which the driver has no more use for.
                inlet.is_complete = true;
                None
            }
        }
    }
}

impl Arriving {
    fn inlet(&self) -> MutexGuard<'_, Inlet> {
        self.inlet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file for whoever reads it, whether or not the rest of the files is wanted any more.
    fn hand_over(self: &Arc<Self>, mut file: FetchedFile) -> FetchedFile {
        file.chunks.fetch = Some(Arc::clone(self));
        file
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<FetchedFile, SourceError>>> {
        let mut inlet = self.inlet();
        if inlet.is_complete {
            return Poll::Ready(None);
        }
        match inlet.deliveries.poll_recv(context) {
            Poll::Ready(Some(Delivery::File(file))) => Poll::Ready(Some(Ok(file))),
            Poll::Ready(Some(Delivery::End)) => {
                inlet.is_complete = true;
                Poll::Ready(None)
            }
            // The driver says when it is done; if it did not, files are missing.
            Poll::Ready(None) => {
                inlet.is_complete = true;
                self.driver.0.abort();
                Poll::Ready(Some(Err(SourceError::Stopped)))
            }
            Poll::Pending => {
                self.traffic.num_waits.fetch_add(1, Ordering::Relaxed);
                Poll::Pending
            }
        }
    }
}

/// One file and its bytes.
#[derive(Debug)]
pub struct FetchedFile {
    /// Which file.
    pub file: SourceFile,
    /// Its bytes.
    pub chunks: FetchedChunks,
}

/// The bytes of one file, in order, as they arrive. Ends after the first error.
#[derive(Debug)]
pub struct FetchedChunks {
    pub(super) pieces: mpsc::UnboundedReceiver<Piece>,
    pub(super) current: Option<Piece>,
    pub(super) num_left_bytes: u64,
    pub(super) traffic: Arc<Traffic>,
    /// Goes on until the bytes are dropped; `None` while the file waits to be taken.
    pub(super) fetch: Option<Arc<Arriving>>,
    /// An empty file counts as a piece until it is dropped.
    pub(super) _ticket: Option<Ticket>,
}

impl FetchedChunks {
    /// The next bytes. **Cancel**: safe.
    pub async fn next(&mut self) -> Option<Result<FetchedChunk, SourceError>> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<FetchedChunk, SourceError>>> {
        loop {
            if self.num_left_bytes == 0 {
                return Poll::Ready(None);
            }
            let Some(piece) = &mut self.current else {
                match self.pieces.poll_recv(context) {
                    Poll::Ready(Some(piece)) => self.current = Some(piece),
                    Poll::Ready(None) => return Poll::Ready(self.stopped()),
                    Poll::Pending => return self.waiting(),
                }
                continue;
            };
            match piece.chunks.poll_recv(context) {
                Poll::Ready(chunk) => {
                    if let Some(received) = self.received(chunk) {
                        return Poll::Ready(Some(received));
                    }
                }
                Poll::Pending => return self.waiting(),
            }
        }
    }

    fn waiting(&self) -> Poll<Option<Result<FetchedChunk, SourceError>>> {
        self.traffic.num_waits.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }

    /// `None`: go on with the next piece.
    fn received(
        &mut self,
        chunk: Option<Result<FetchedChunk, SourceError>>,
    ) -> Option<Result<FetchedChunk, SourceError>> {
        let piece = self.current.as_mut().expect("a chunk comes out of a piece");
        match chunk {
            Some(Ok(chunk)) => {
                piece.num_left_bytes = piece.num_left_bytes.saturating_sub(chunk.len() as u64);
                self.num_left_bytes = self.num_left_bytes.saturating_sub(chunk.len() as u64);
                if piece.num_left_bytes == 0 {
                    self.current = None;
                }
                Some(Ok(chunk))
            }
            Some(Err(error)) => {
                self.num_left_bytes = 0;
                self.current = None;
                Some(Err(error))
            }
            None if piece.num_left_bytes == 0 => {
                self.current = None;
                None
            }
            None => self.stopped(),
        }
    }

    fn stopped(&mut self) -> Option<Result<FetchedChunk, SourceError>> {
        self.num_left_bytes = 0;
        self.current = None;
        Some(Err(SourceError::Stopped))
    }
}

impl Stream for FetchedChunks {
    type Item = Result<FetchedChunk, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(context)
    }
}

/// Ends a task with its consumer.
#[derive(Debug)]
pub(super) struct AbortOnDrop(pub(super) JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
