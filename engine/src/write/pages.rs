//! Finished pages of the columns that the `parquet` crate encodes, kept until their row group is complete.
//!
//! The crate asks for a store of pages for each column; all columns of a file share this one, so that their pages can be set
//! aside on disk when memory is short, as those of our own columns are.

use super::scratch::{Scratch, ScratchStream};
use bytes::Bytes;
use parquet::arrow::arrow_writer::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::errors::{ParquetError, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The pages of a file's open row group.
#[derive(Clone, Debug, Default)]
pub(super) struct LibraryPages(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    /// By the number of their key.
    places: Vec<Place>,
    num_left: usize,
    memory_bytes: usize,
    scratch: Option<ScratchStream>,
}

/// Where a page is.
#[derive(Debug, Default)]
enum Place {
    Memory(Bytes),
    Disk {
        offset: u64,
        num_bytes: usize,
    },
    /// It was taken.
    #[default]
    Nowhere,
}

impl LibraryPages {
    /// Bytes held in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.pages().memory_bytes
    }

    /// Moves all pages to disk.
    ///
    /// **Errors**: no room there.
    pub(super) fn set_aside(&self, scratch: &Arc<Scratch>) -> std::io::Result<()> {
        let mut pages = self.pages();
        let Pages {
            places,
            memory_bytes,
            scratch: stream,
            ..
        } = &mut *pages;
        for place in places {
            if let Place::Memory(page) = place {
                let offset = stream.get_or_insert_with(|| scratch.stream()).append(page)?;
                let num_bytes = page.len();
                *memory_bytes -= num_bytes;
                *place = Place::Disk { offset, num_bytes };
            }
        }
        Ok(())
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PageStoreFactory for LibraryPages {
    fn create(&self, _: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        Ok(Box::new(self.clone()))
    }
}

/// The size in memory is left at zero: it is that of all columns together, and asked for by [`LibraryPages::held_bytes`].
impl PageStore for LibraryPages {
    fn put(&mut self, page: Bytes) -> Result<PageKey> {
        let mut pages = self.pages();
        let key = PageKey::new(pages.places.len() as u64);
        pages.num_left += 1;
        pages.memory_bytes += page.len();
        pages.places.push(Place::Memory(page));
        Ok(key)
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let mut pages = self.pages();
        let Pages {
            places,
            num_left,
            memory_bytes,
            scratch,
        } = &mut *pages;
        let place = usize::try_from(key.get()).ok().and_then(|index| places.get_mut(index));
        let page = match (place.map(std::mem::take), &scratch) {
            (Some(Place::Memory(page)), _) => {
                *memory_bytes -= page.len();
                page
            }
            (Some(Place::Disk { offset, num_bytes }), Some(stream)) => {
                let mut page = vec![0; num_bytes];
                stream.read(offset, &mut page)?;
                page.into()
            }
            _ => return Err(ParquetError::General(format!("there is no page {key:?}"))),
        };
        *num_left -= 1;
        if *num_left == 0 {
            // The row group is complete, and its room on disk is free again.
            places.clear();
            *scratch = None;
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_from_memory_and_from_disk() {
        let scratch = Arc::new(Scratch::new(None));
        let pages = LibraryPages::default();
        let (mut one, mut other) = (pages.clone(), pages.clone());
        let first = one.put(Bytes::from_static(b"first")).expect("a key");
        let second = other.put(Bytes::from_static(b"second")).expect("a key");
        pages.set_aside(&scratch).expect("room");
        let third = one.put(Bytes::from_static(b"third")).expect("a key");
        assert_eq!(pages.held_bytes(), 5);
        assert_eq!(one.take(third).expect("a page"), "third");
        assert_eq!(one.take(first).expect("a page"), "first");
        assert!(one.take(first).is_err());
        assert_eq!(other.take(second).expect("a page"), "second");
        assert_eq!(pages.held_bytes(), 0);
        assert!(pages.pages().scratch.is_none());
    }
}
