//! The different values of a column chunk, numbered in the order of their first appearance.

use super::bounds::Bounds;
use super::kinds::{Kind, ValueOf};
use std::marker::PhantomData;

/// Bytes of a dictionary at which no value is added any more. Readers hold it while they read the column.
const MAX_DICTIONARY_BYTES: usize = 512 * 1024;

/// The same for values that no compression makes smaller, so that a dictionary is all there is to save bytes.
pub(super) const MAX_DIGEST_DICTIONARY_BYTES: usize = 4 * 1024 * 1024;

/// Places of a table that is larger than the second cache, or will be soon: looking a value up is waiting for memory.
const MANY_PLACES: usize = 32 * 1024;

/// The same of a table that was not used for a while, as others took its place in the caches.
const MANY_COLD_PLACES: usize = 512;

/// Values that are looked up together there, so that they wait together.
pub(super) const VALUES_TOGETHER: usize = 16;

/// Places of a new table; a power of two.
const FIRST_PLACES: usize = 64;

/// Values and their codes.
pub(super) struct Dictionary<K> {
    /// Open addressing, at most half full.
    places: Vec<Place>,
    /// The values in plain encoding, in the order of their codes.
    entries: Vec<u8>,
    /// One for each of them.
    known: Vec<Known>,
    page: u32,
    max_bytes: usize,
    kind: PhantomData<K>,
}

#[derive(Clone, Copy)]
struct Place {
    hash: u32,
    /// [`NOBODY`]: the place is free.
    code: u32,
}

const NOBODY: u32 = u32::MAX;

/// What is known of a value.
#[derive(Clone, Copy)]
struct Known {
    /// Where it begins among the entries.
    start: u32,
    /// The page that it was last seen in.
    last_page: u32,
}

impl<K> Default for Dictionary<K> {
    fn default() -> Dictionary<K> {
        Dictionary {
            places: Vec::new(),
            entries: Vec::new(),
            known: Vec::new(),
            page: 0,
            max_bytes: MAX_DICTIONARY_BYTES,
            kind: PhantomData,
        }
    }
}

impl<K: Kind> Dictionary<K> {
    /// The code of a value, which is added if it is new. The first time in a page, the value widens `bounds`.
    #[inline]
    pub(super) fn code(&mut self, value: ValueOf<'_, K>, bounds: &mut K::Bounds) -> u32 {
        if self.known.len() * 2 >= self.places.len() {
            self.grow();
        }
        let hash = (K::hash(value) >> 32) as u32;
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let place = self.places[at];
            if place.code == NOBODY {
                bounds.add(value);
                return self.add(value, hash, at);
            }
            if place.hash == hash {
                let known = &mut self.known[place.code as usize];
                if K::is_same(K::plain(&self.entries, known.start as usize), value) {
                    if known.last_page != self.page {
                        known.last_page = self.page;
                        bounds.add(value);
                    }
                    return place.code;
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Whether values are better looked up by [`Dictionary::known_codes`] first. `is_cold`: it was not used for a while.
    #[inline]
    pub(super) fn is_slow(&self, is_cold: bool) -> bool {
        self.places.len() >= if is_cold { MANY_COLD_PLACES } else { MANY_PLACES }
    }

    /// The codes of values that were seen in this page and are found at once; `None` says nothing.
    pub(super) fn known_codes(
        &self,
        values: &[Option<ValueOf<'_, K>>; VALUES_TOGETHER],
    ) -> [Option<u32>; VALUES_TOGETHER] {
        // Each step asks for what all values need next, before any of it is looked at.
        let mask = self.places.len() - 1;
        let places = values.map(|value| {
            let hash = (K::hash(value?) >> 32) as u32;
            let place = self.places[hash as usize & mask];
            (place.hash == hash)
                .then_some(place.code)
                .filter(|code| *code != NOBODY)
        });
        let known = places.map(|code| code.map(|code| self.known[code as usize]));
        let mut codes = [None; VALUES_TOGETHER];
        for (index, code) in codes.iter_mut().enumerate() {
            let (Some(value), Some(known)) = (values[index], known[index]) else {
                continue;
            };
            if known.last_page == self.page && K::is_same(K::plain(&self.entries, known.start as usize), value) {
                *code = places[index];
            }
        }
        codes
    }

    /// The value of a code that this dictionary gave.
    #[inline]
    pub(super) fn value(&self, code: u32) -> ValueOf<'_, K> {
        K::plain(&self.entries, self.known[code as usize].start as usize)
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The values in plain encoding: the body of the dictionary page.
    pub(super) fn entries(&self) -> &[u8] {
        &self.entries
    }

    /// Whether it is too large for further values.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.max_bytes
    }

    /// Says that the values are digests.
    pub(super) fn expect_digests(&mut self) {
        self.max_bytes = MAX_DIGEST_DICTIONARY_BYTES;
    }

    /// Whether the values are digests.
    pub(super) fn expects_digests(&self) -> bool {
        self.max_bytes > MAX_DICTIONARY_BYTES
    }

    /// Says that another page begins.
    pub(super) fn begin_page(&mut self) {
        self.page += 1;
    }

    /// Bytes held in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
            + self.entries.capacity()
            + self.known.capacity() * size_of::<Known>()
    }

    #[cold]
    fn add(&mut self, value: ValueOf<'_, K>, hash: u32, at: usize) -> u32 {
        let code = self.known.len() as u32;
        self.places[at] = Place { hash, code };
        self.known.push(Known {
            start: self.entries.len() as u32,
            last_page: self.page,
        });
        K::put(value, &mut self.entries);
        code
    }

    #[cold]
    fn grow(&mut self) {
        let num_places = (self.places.len() * 2).max(FIRST_PLACES);
        let free = Place { hash: 0, code: NOBODY };
        let taken = std::mem::replace(&mut self.places, vec![free; num_places]);
        for place in taken.into_iter().filter(|place| place.code != NOBODY) {
            let mut at = place.hash as usize & (num_places - 1);
            while self.places[at].code != NOBODY {
                at = (at + 1) & (num_places - 1);
            }
            self.places[at] = place;
        }
    }
}
