//! Many files in little room.
//!
//! A prefix may have millions of files, and a job holds them from its listing to its end. Neighbours in key order have most of their
//! keys in common, at the beginning and, with names such as `part-000017.csv.gz`, at the end; so each key is written as what
//! differs from the one before it. Numbers take as many bytes as they need, and an MD5 takes 16. That makes 25 to 40 bytes of a
//! file that takes 200 as a [`SourceFile`]. Every [`BLOCK_FILES`] files begin anew, so that one in the middle is found without
//! reading all before it. Any order of keys is possible, one without neighbours takes more room.
//!
//! Files are never changed or taken out here; whoever wants fewer makes a new list.

use super::SourceFile;
use std::fmt;
use std::ops::Deref;

/// Files written as differences from one another. The first of them takes the room of its whole key, and to find one, half of
/// them are read.
const BLOCK_FILES: usize = 64;

/// An MD5 in hexadecimal, which is what most entity tags begin with.
const MD5_DIGITS: usize = 32;

/// Own lengths and numbers are read back as they were written.
const WRITTEN_HERE: &str = "a list of files reads only what it has written";

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

/// An entity tag as it is written: perhaps an MD5, and text.
struct Etag<'block> {
    md5: &'block [u8],
    text: &'block str,
}

impl fmt::Display for Etag<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.md5 {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str(self.text)
    }
}

fn write_etag(block: &mut Vec<u8>, etag: Option<&str>) {
    let Some(etag) = etag else {
        return write_number(block, 0);
    };
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let md5 = etag.as_bytes().get(..MD5_DIGITS);
    let md5 = md5.filter(|digits| digits.iter().all(is_digit)).unwrap_or_default();
    let text = &etag[md5.len()..];
    write_number(block, 1 + 2 * text.len() as u64 + u64::from(!md5.is_empty()));
    let value = |digit: u8| if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 };
    block.extend(md5.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])));
    block.extend_from_slice(text.as_bytes());
}

/// What of a block is still to be read.
struct Unread<'block>(&'block [u8]);

impl<'block> Unread<'block> {
    fn bytes(&mut self, length: usize) -> &'block [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.bytes(1)[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    /// The key of the first file of a block, which is written whole.
    fn first_key(mut self) -> &'block str {
        for _ in 0..4 {
            self.number();
        }
        self.text()
    }

    fn length(&mut self) -> usize {
        usize::try_from(self.number()).expect(WRITTEN_HERE)
    }

    fn text(&mut self) -> &'block str {
        let length = self.length();
        self.text_of(length)
    }

    fn text_of(&mut self, length: usize) -> &'block str {
        std::str::from_utf8(self.bytes(length)).expect(WRITTEN_HERE)
    }

    fn etag(&mut self) -> Option<Etag<'block>> {
        let coded = self.length().checked_sub(1)?;
        let md5 = self.bytes(if coded % 2 == 1 { MD5_DIGITS / 2 } else { 0 });
        let text = self.text_of(coded / 2);
        Some(Etag { md5, text })
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn write_number(block: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        block.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    block.push(number.to_le_bytes()[0]);
}

/// Makes small numbers of those near zero.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// How many bytes two keys have in common at their beginning and, of the rest, at their end; whole characters.
fn in_common(one: &str, other: &str) -> (usize, usize) {
    let is_same = |(one, other): &(&u8, &u8)| one == other;
    let mut head = one
        .bytes()
        .zip(other.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    while !other.is_char_boundary(head) {
        head -= 1;
    }
    let (one, other) = (&one.as_bytes()[head..], &other[head..]);
    let mut tail = one
        .iter()
        .rev()
        .zip(other.as_bytes().iter().rev())
        .take_while(is_same)
        .count();
    while !other.is_char_boundary(other.len() - tail) {
        tail -= 1;
    }
    (head, tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn file(key: &str, size_bytes: u64, modified_micros: i64, etag: Option<&str>) -> SourceFile {
        SourceFile {
            key: key.into(),
            size_bytes,
            modified_micros,
            etag: etag.map(Into::into),
        }
    }

    #[track_caller]
    fn check(files: &[SourceFile]) -> FileList {
        let list: FileList = files.iter().cloned().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), files);
        assert_eq!(list.iter().len(), files.len());
        for (index, file) in files.iter().enumerate() {
            assert_eq!(list.get(index).as_ref(), Some(file), "{index}");
        }
        assert_eq!(list.get(files.len()), None);
        assert_eq!(list.last_key(), files.last().map(|file| &*file.key));
        list
    }

    fn numbered(num_files: usize) -> Vec<SourceFile> {
        let numbered = |index: usize| {
            file(
                &format!("logs/2026/03/part-{index:06}-c000.csv.gz"),
                index as u64,
                1_767_225_600_000_000 + 1_000_000 * i64::try_from(index).unwrap(),
                Some(&format!("{:032x}", u128::MAX / (index as u128 + 1))),
            )
        };
        (0..num_files).map(numbered).collect()
    }

    #[test]
    fn an_empty_list_has_nothing() {
        let list = check(&[]);
        assert!(list.is_empty());
        assert_eq!((list.size_bytes(), list.largest_bytes()), (0, 0));
        assert_eq!(list.iter().next_size_bytes(), None);
    }

    #[test]
    fn files_come_back_as_they_were() {
        check(&[
            file("", 0, 0, None),
            file("a", u64::MAX, i64::MIN, Some("")),
            file("a", 1, i64::MAX, Some("0123456789abcdef0123456789abcdef")),
            file("aa", 1, -1, Some("0123456789abcdef0123456789abcdef-12")),
            file("aba", 1, 0, Some("0123456789ABCDEF0123456789ABCDEF")),
            file("ab", 1, 0, Some("0123456789abcdef0123456789abcde\u{e9}")),
            // Characters that have some of their bytes in common, at the end and at the beginning.
            file("日é本", 1, 0, Some("\u{1f600}")),
            file("旦è本", 1, 0, None),
            file("旦\u{a9}本", 1, 0, None),
        ]);
    }

    #[test]
    fn sums_and_maxima_are_kept() {
        let list = check(&[file("a", 3, 0, None), file("b", 5, 0, None), file("c", 1, 0, None)]);
        assert_eq!((list.len(), list.size_bytes(), list.largest_bytes()), (3, 9, 5));
    }

    #[test]
    fn blocks_have_no_seams() {
        for num_files in [BLOCK_FILES - 1, BLOCK_FILES, BLOCK_FILES + 1, 3 * BLOCK_FILES] {
            check(&numbered(num_files));
        }
    }

    #[test]
    fn lists_are_joined_wherever_they_end() {
        let files = numbered(3 * BLOCK_FILES);
        for num_first in [0, 1, BLOCK_FILES - 1, BLOCK_FILES, BLOCK_FILES + 1, files.len()] {
            let (first, second) = files.split_at(num_first);
            let mut joined = check(first);
            joined.append(check(second));
            joined.append(FileList::default());
            assert_eq!(joined, check(&files));
            for (index, file) in files.iter().enumerate() {
                assert_eq!(joined.get(index).as_ref(), Some(file), "{index}");
            }
            assert_eq!(joined.get(files.len()), None);
            assert_eq!(
                (joined.len(), joined.size_bytes()),
                (files.len(), check(&files).size_bytes())
            );
            joined.push(&files[0]);
            assert_eq!(joined.get(files.len()).as_ref(), Some(&files[0]));
        }
    }

    #[test]
    fn the_next_size_is_told_before_and_a_clone_goes_on_by_itself() {
        let list = Arc::new(check(&numbered(2 * BLOCK_FILES)));
        let mut files = Files::new(Arc::clone(&list));
        for index in 0..list.len() {
            assert_eq!(files.next_size_bytes(), Some(index as u64));
            assert_eq!(files.clone().next(), list.get(index));
            assert_eq!(files.clone().nth(1), list.get(index + 1));
            files.next();
        }
        assert_eq!((files.next_size_bytes(), files.next()), (None, None));
    }

    #[test]
    fn a_key_is_found_at_its_place() {
        for num_files in [0, 1, BLOCK_FILES, BLOCK_FILES + 1, 3 * BLOCK_FILES] {
            let files = numbered(num_files);
            let list = check(&files);
            for (index, file) in files.iter().enumerate() {
                assert_eq!(list.place_of(&file.key), Some(index));
                assert_eq!(list.place_of(&format!("{}0", file.key)), None);
            }
            assert_eq!(list.place_of(""), None);
            assert_eq!(list.place_of("zzz"), None);
            let half = num_files / 2;
            assert_eq!(list.slice(half..num_files), check(&files[half..]));
        }
    }

    #[test]
    fn neighbours_take_little_room() {
        let list = check(&numbered(1_000));
        let room: usize = list.blocks.iter().map(|block| block.bytes.len()).sum();
        assert!(room / 1_000 < 30, "{} bytes a file", room / 1_000);
    }

    proptest! {
        #[test]
        fn any_files_come_back(
            files in proptest::collection::vec(("[a-bé日/]{0,6}", any::<u64>(), any::<i64>(), proptest::option::of("([0-9a-f]{32})?[-a1é]{0,3}")), 0..200)
        ) {
            let files: Vec<SourceFile> = files
                .iter()
                .map(|(key, size_bytes, modified_micros, etag)| file(key, *size_bytes, *modified_micros, etag.as_deref()))
                .collect();
            check(&files);
        }
    }
}
