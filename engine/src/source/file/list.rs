//! Many files in little room.
//!
//! A prefix may have millions of files, and a job holds them from its listing to its end. Neighbours in key order have most of their
//! keys in common, at the beginning and, with names such as `part-000017.csv.gz`, at the end; so each key is written as what
//! differs from the one before it. Numbers take as many bytes as they need, and an MD5 takes 16. That makes 25 to 40 bytes of a
//! file that takes 200 as a [`SourceFile`]. Every [`BLOCK_FILES`] files begin anew, so that one in the middle is found without
//! reading all before it. Any order of keys is possible, one without neighbours takes more room.
//!
//! Files are never changed or taken out here; whoever wants fewer makes a new list.

mod encoding;
#[cfg(test)]
mod tests;

use self::encoding::{Etag, Unread, in_common, unzigzag, write_etag, write_number, zigzag};
use super::SourceFile;
use std::fmt;
use std::ops::Deref;

/// Files written as differences from one another. The first of them takes the room of its whole key, and to find one, half of
/// them are read.
const BLOCK_FILES: usize = 64;

/// Files in the order they were added, which is key order for those of a listing.
#[derive(Clone, Default)]
pub struct FileList {
    /// Those that are complete.
    blocks: Vec<Block>,
    /// The last one. It grows in the same room each time, and only what is complete takes as much as it needs.
    open: Vec<u8>,
    /// Files in complete blocks.
    num_before_open: usize,
    len: usize,
    size_bytes: u64,
    largest_bytes: u64,
    last_key: String,
    last_modified_micros: i64,
}

impl FileList {
    /// Adds a file at the end.
    pub fn push(&mut self, file: &SourceFile) {
        if self.len - self.num_before_open == BLOCK_FILES {
            self.complete_block();
        }
        if self.open.is_empty() {
            self.last_key.clear();
            self.last_modified_micros = 0;
        }
        let block = &mut self.open;
        write_number(block, file.size_bytes);
        let passed_micros = file.modified_micros.wrapping_sub(self.last_modified_micros);
        write_number(block, zigzag(passed_micros));
        let (head, tail) = in_common(&self.last_key, &file.key);
        let middle = &file.key[head..file.key.len() - tail];
        for length in [head, tail, middle.len()] {
            write_number(block, length as u64);
        }
        block.extend_from_slice(middle.as_bytes());
        write_etag(block, file.etag.as_deref());

        self.last_key.replace_range(head..self.last_key.len() - tail, middle);
        self.last_modified_micros = file.modified_micros;
        self.len += 1;
        self.size_bytes = self.size_bytes.saturating_add(file.size_bytes);
        self.largest_bytes = self.largest_bytes.max(file.size_bytes);
    }

    /// Adds all files of another list. **Cost**: none of them is written anew.
    pub fn append(&mut self, other: FileList) {
        if other.is_empty() {
            return;
        }
        self.complete_block();
        self.blocks.extend(other.blocks.into_iter().map(|block| Block {
            num_before: self.len + block.num_before,
            ..block
        }));
        self.open = other.open;
        self.num_before_open = self.len + other.num_before_open;
        self.last_key = other.last_key;
        self.last_modified_micros = other.last_modified_micros;
        self.len += other.len;
        self.size_bytes = self.size_bytes.saturating_add(other.size_bytes);
        self.largest_bytes = self.largest_bytes.max(other.largest_bytes);
    }

    fn complete_block(&mut self) {
        if !self.open.is_empty() {
            self.blocks.push(Block {
                num_before: self.num_before_open,
                bytes: self.open.as_slice().into(),
            });
            self.open.clear();
            self.num_before_open = self.len;
        }
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all files, as stored.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Bytes of the largest file, as stored; 0 without any.
    pub fn largest_bytes(&self) -> u64 {
        self.largest_bytes
    }

    /// Key of the file that was added last.
    pub fn last_key(&self) -> Option<&str> {
        (!self.is_empty()).then_some(self.last_key.as_str())
    }

    /// One file. **Cost**: reads half a block.
    pub fn get(&self, index: usize) -> Option<SourceFile> {
        let mut files = Files::new(self);
        let mut num_before = self.num_before_open;
        files.block = self.blocks.len();
        if index < num_before {
            files.block = self.blocks.partition_point(|block| block.num_before <= index) - 1;
            num_before = self.blocks[files.block].num_before;
        }
        files.num_left = self.len - num_before;
        files.nth(index - num_before)
    }

    /// The place of a key in a list that is in key order. **Cost**: reads the first keys of some blocks, and half of one.
    pub fn place_of(&self, key: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.blocks.len() + usize::from(!self.open.is_empty()));
        while low < high {
            let middle = low.midpoint(high);
            match Unread(self.block(middle)).first_key() > key {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        let block = low.checked_sub(1)?;
        let num_before = self
            .blocks
            .get(block)
            .map_or(self.num_before_open, |block| block.num_before);
        let mut files = Files::new(self);
        files.block = block;
        files.num_left = self.len - num_before;
        let mut places = num_before..self.len.min(num_before + BLOCK_FILES);
        let place = places.find(|_| {
            files.read_next();
            files.key.as_str() >= key
        })?;
        (files.key == key).then_some(place)
    }

    /// The files from one place to another, as a list of its own.
    pub fn slice(&self, places: std::ops::Range<usize>) -> FileList {
        let mut files = self.iter();
        files.pass(places.start);
        files.take(places.len()).collect()
    }

    fn block(&self, index: usize) -> &[u8] {
        self.blocks.get(index).map_or(&self.open, |block| &block.bytes)
    }

    /// All files, in order.
    pub fn iter(&self) -> Files<&FileList> {
        Files::new(self)
    }
}

/// Files of which the first is written whole and each further one as what differs.
#[derive(Clone)]
struct Block {
    /// Files in the blocks before it.
    num_before: usize,
    bytes: Box<[u8]>,
}

/// The same files, however they are written.
impl PartialEq for FileList {
    fn eq(&self, other: &FileList) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for FileList {}

impl<'list> IntoIterator for &'list FileList {
    type Item = SourceFile;
    type IntoIter = Files<&'list FileList>;

    fn into_iter(self) -> Files<&'list FileList> {
        self.iter()
    }
}

impl FromIterator<SourceFile> for FileList {
    fn from_iter<I: IntoIterator<Item = SourceFile>>(files: I) -> FileList {
        let mut list = FileList::default();
        for file in files {
            list.push(&file);
        }
        list
    }
}

impl fmt::Debug for FileList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self).finish()
    }
}

/// The files of a list from some place on. `L` is a reference to the list or shares it; a clone goes on from the same place.
#[derive(Clone)]
pub struct Files<L> {
    list: L,
    block: usize,
    /// Where the next file begins in its block.
    offset: usize,
    num_left: usize,
    /// Of the file before, which the next one differs from.
    key: String,
    modified_micros: i64,
}

impl<L: Deref<Target = FileList>> Files<L> {
    /// All files of a list.
    pub fn new(list: L) -> Files<L> {
        Files {
            block: 0,
            offset: 0,
            num_left: list.len,
            key: String::new(),
            modified_micros: 0,
            list,
        }
    }

    /// Bytes of the next file, which stays the next one.
    pub fn next_size_bytes(&self) -> Option<u64> {
        (self.num_left > 0).then(|| self.unread().number())
    }

    /// Goes past so many files. **Cost**: no allocation.
    pub fn pass(&mut self, num_files: usize) {
        for _ in 0..num_files {
            self.read_next();
        }
    }

    /// Reads key and time into `self`; gives the size and the entity tag.
    fn read_next(&mut self) -> Option<(u64, Option<Etag<'_>>)> {
        if self.num_left == 0 {
            return None;
        }
        if self.offset == 0 {
            self.key.clear();
            self.modified_micros = 0;
        }
        let block = self.list.block(self.block);
        let mut unread = Unread(&block[self.offset..]);
        let size_bytes = unread.number();
        self.modified_micros = self.modified_micros.wrapping_add(unzigzag(unread.number()));
        let (head, tail) = (unread.length(), unread.length());
        let middle = unread.text();
        self.key.replace_range(head..self.key.len() - tail, middle);
        let etag = unread.etag();
        self.num_left -= 1;
        self.offset = block.len() - unread.0.len();
        if unread.0.is_empty() {
            self.block += 1;
            self.offset = 0;
        }
        Some((size_bytes, etag))
    }

    fn unread(&self) -> Unread<'_> {
        Unread(&self.list.block(self.block)[self.offset..])
    }
}

impl<L: Deref<Target = FileList>> Iterator for Files<L> {
    type Item = SourceFile;

    fn next(&mut self) -> Option<SourceFile> {
        let (size_bytes, etag) = self.read_next()?;
        let etag = etag.map(|etag| etag.to_string().into());
        Some(SourceFile {
            key: self.key.as_str().into(),
            size_bytes,
            modified_micros: self.modified_micros,
            etag,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.num_left, Some(self.num_left))
    }

    /// Makes no file of what is passed.
    fn nth(&mut self, num_passed: usize) -> Option<SourceFile> {
        self.pass(num_passed);
        self.next()
    }
}

impl<L: Deref<Target = FileList>> ExactSizeIterator for Files<L> {}

impl<L: Deref<Target = FileList>> fmt::Debug for Files<L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Files")
            .field("num_left", &self.num_left)
            .field("after", &self.key)
            .finish()
    }
}
