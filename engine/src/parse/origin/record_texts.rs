//! The texts of records under construction, which become an array of views: parts of texts that are shared, or copies.

use crate::parse::condition::keep_values;
use arrow::array::{StringViewArray, make_view};
use arrow::buffer::{Buffer, ScalarBuffer};
use bytes::Bytes;
use std::sync::Arc;

/// Texts, one after the other.
#[derive(Debug, Default)]
pub(super) struct RecordTexts {
    views: Vec<u128>,
    /// The texts that are not part of a shared one.
    copied: Vec<u8>,
    shared: Vec<Arc<String>>,
    num_shared_bytes: usize,
}

/// A text whose parts can be pushed without a copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedText {
    block: u32,
}

/// The buffer of the array that holds the copies; those behind it are shared.
const COPIED_BLOCK: u32 = 0;

/// A shared text as the bytes of a buffer.
struct Shared(Arc<String>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl RecordTexts {
    /// Texts for which there is room for so many of them.
    pub(super) fn with_capacity(num_texts: usize) -> RecordTexts {
        RecordTexts {
            views: Vec::with_capacity(num_texts),
            ..RecordTexts::default()
        }
    }

    /// Holds `text`, of which parts will be pushed, until the array is gone.
    pub(super) fn share(&mut self, text: &Arc<String>) -> SharedText {
        if !self.shared.last().is_some_and(|last| Arc::ptr_eq(last, text)) {
            self.num_shared_bytes += text.len();
            self.shared.push(Arc::clone(text));
        }
        SharedText {
            block: COPIED_BLOCK + self.shared.len() as u32,
        }
    }

    /// Appends the `length` bytes from `start` on of a shared text.
    #[inline]
    pub(super) fn push_part(&mut self, shared: SharedText, start: usize, length: usize) {
        let text = &self.shared[(shared.block - COPIED_BLOCK) as usize - 1];
        // Taken as text, so that no character is cut.
        let part = &text[start..start + length];
        self.views.push(make_view(part.as_bytes(), shared.block, start as u32));
    }

    /// Appends a copy of `text`.
    pub(super) fn push(&mut self, text: &str) {
        let start = self.copied.len();
        self.copied.extend_from_slice(text.as_bytes());
        self.views.push(make_view(text.as_bytes(), COPIED_BLOCK, start as u32));
    }

    /// Bytes held.
    pub(super) fn num_bytes(&self) -> usize {
        self.copied.len() + self.num_shared_bytes
    }

    /// Of the texts from `first` on, leaves those whose indices, counted from there, `kept` lists, ascending.
    pub(super) fn keep_rows(&mut self, first: usize, kept: &[usize]) {
        keep_values(&mut self.views, first, kept);
    }

    /// The texts as an array.
    pub(super) fn finish(self) -> StringViewArray {
        let copied = std::iter::once(Buffer::from_vec(self.copied));
        let shared = self
            .shared
            .into_iter()
            .map(|text| Buffer::from(Bytes::from_owner(Shared(text))));
        let buffers: Vec<Buffer> = copied.chain(shared).collect();
        // SAFETY: each view was made of a `str` that stands where it says in the buffer that it names, which nobody can change.
        unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(self.views), buffers, None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_was_pushed() {
        let first = Arc::new("a record, of more than twelve bytes; another; übrig".to_owned());
        let second = Arc::new("of another file, with its own text".to_owned());
        let mut texts = RecordTexts::with_capacity(2);
        let shared = texts.share(&first);
        texts.push_part(shared, 0, 35);
        texts.push("a copy that is longer than a view");
        texts.push_part(shared, 37, 7);
        texts.push("");
        let again = texts.share(&first);
        texts.push_part(again, 46, first.len() - 46);
        let shared = texts.share(&second);
        texts.push_part(shared, 3, second.len() - 3);
        assert_eq!(texts.num_bytes(), 33 + first.len() + second.len());
        texts.keep_rows(1, &[0, 1, 3, 4]);
        let array = texts.finish();
        drop(first);
        let found: Vec<&str> = array.iter().flatten().collect();
        assert_eq!(
            found,
            [
                "a record, of more than twelve bytes",
                "a copy that is longer than a view",
                "another",
                "übrig",
                "another file, with its own text",
            ]
        );
        StringViewArray::try_new(array.views().clone(), array.data_buffers().to_vec(), None).expect("valid as a whole");
    }
}
