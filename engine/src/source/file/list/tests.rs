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
