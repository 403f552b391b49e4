use super::*;
use proptest::prelude::*;

const START: i64 = 10_000_000;

fn listed(key: &str, size_bytes: u64, modified_micros: i64) -> ListedFile {
    ListedFile {
        file: SourceFile {
            key: key.into(),
            size_bytes,
            modified_micros,
            etag: None,
        },
        archive: None,
        storage_class: None,
    }
}

fn archived(key: &str, class: ArchiveClass) -> ListedFile {
    ListedFile {
        archive: Some(class),
        storage_class: None,
        ..listed(key, 1, 0)
    }
}

fn select(options: &SelectOptions, files: &[ListedFile]) -> Result<Selection, SelectError> {
    let mut selector = Selector::new(options, START);
    let mut selected = FileList::default();
    for listed in files {
        if selector.admit(listed)? == Verdict::Selected {
            selected.push(&listed.file);
        }
    }
    Ok(selector.finish(selected))
}

#[track_caller]
fn check(options: &SelectOptions, files: &[ListedFile], expected: &[&str]) -> Selection {
    let selection = select(options, files).unwrap();
    let keys: Vec<String> = selection.files.iter().map(|file| file.key.to_string()).collect();
    assert_eq!(keys, expected);
    selection
}

fn sized(keys: &[&str]) -> Vec<ListedFile> {
    keys.iter().map(|key| listed(key, 1, 0)).collect()
}

fn time_mode(last_modified_micros: Option<i64>) -> SelectOptions {
    SelectOptions {
        use_modified_time: true,
        last_modified_micros,
        ..SelectOptions::default()
    }
}

#[test]
fn everything_with_bytes_is_selected() {
    let files = [listed("a/", 0, 0), listed("a/_SUCCESS", 0, 0), listed("a/b", 1, 0)];
    check(&SelectOptions::default(), &files, &["a/b"]);
}

#[test]
fn a_single_path_may_be_empty_and_archived() {
    let options = SelectOptions {
        path: Some("a".to_owned()),
        ..SelectOptions::default()
    };
    check(&options, &[listed("a", 0, 0)], &["a"]);
    check(&options, &[archived("a", ArchiveClass::Glacier)], &["a"]);
}

#[test]
fn a_single_path_must_match_and_counts() {
    let path = SelectOptions {
        path: Some("a".to_owned()),
        ..SelectOptions::default()
    };
    check(
        &SelectOptions {
            path_match_pattern: Some(Pattern::new("b").unwrap()),
            ..path.clone()
        },
        &sized(&["a"]),
        &[],
    );
    check(
        &SelectOptions {
            total_file_count_limit: Some(0),
            ..path.clone()
        },
        &sized(&["a"]),
        &[],
    );
    check(
        &SelectOptions {
            last_path: Some("z".to_owned()),
            ..path
        },
        &sized(&["a"]),
        &["a"],
    );
}

#[test]
fn the_pattern_is_found_in_the_whole_key() {
    let options = SelectOptions {
        path_match_pattern: Some(Pattern::new(r"x/.*\.csv$").unwrap()),
        ..SelectOptions::default()
    };
    check(&options, &sized(&["x/a.csv", "x/a.gz", "y/a.csv"]), &["x/a.csv"]);
}

#[test]
fn keys_up_to_the_last_path_are_passed() {
    let options = SelectOptions {
        last_path: Some("b".to_owned()),
        ..SelectOptions::default()
    };
    check(&options, &sized(&["a", "b", "b/", "c"]), &["b/", "c"]);
}

#[test]
fn the_last_path_means_nothing_in_time_mode() {
    let options = SelectOptions {
        last_path: Some("b".to_owned()),
        ..time_mode(None)
    };
    check(&options, &sized(&["a", "c"]), &["a", "c"]);
}

#[test]
fn the_time_window_is_closed_below_and_open_above() {
    let files = [
        listed("a", 1, 4_999_999),
        listed("b", 1, 5_000_000),
        listed("c", 1, START - 1),
        listed("d", 1, START),
        listed("e", 1, START + 1),
    ];
    check(&time_mode(Some(5_000_000)), &files, &["b", "c"]);
    check(&time_mode(None), &files, &["a", "b", "c"]);
}

#[test]
fn the_window_ends_at_a_whole_millisecond() {
    let selector = Selector::new(&time_mode(None), 1_999);
    assert_eq!(selector.window_end_micros, 1_000);
}

#[test]
fn a_wanted_archived_file_is_an_error() {
    for class in [ArchiveClass::Glacier, ArchiveClass::DeepArchive] {
        let error = select(&SelectOptions::default(), &[archived("a", class)]).unwrap_err();
        assert!(matches!(error, SelectError::Archived { .. }));
    }
}

#[test]
fn an_archived_file_that_does_not_match_is_passed() {
    let options = SelectOptions {
        path_match_pattern: Some(Pattern::new("b").unwrap()),
        ..SelectOptions::default()
    };
    check(
        &options,
        &[archived("a", ArchiveClass::Glacier), listed("b", 1, 0)],
        &["b"],
    );
}

#[test]
fn archived_files_are_skipped_on_request() {
    let options = SelectOptions {
        skip_glacier_objects: true,
        ..SelectOptions::default()
    };
    let mut selector = Selector::new(&options, START);
    let verdict = selector.admit(&archived("a", ArchiveClass::DeepArchive)).unwrap();
    assert_eq!(verdict, Verdict::SkippedArchived(ArchiveClass::DeepArchive));
}

#[test]
fn the_limit_counts_selected_files() {
    let options = SelectOptions {
        total_file_count_limit: Some(2),
        path_match_pattern: Some(Pattern::new("x").unwrap()),
        ..SelectOptions::default()
    };
    let selection = check(&options, &sized(&["a", "x1", "b", "x2", "x3"]), &["x1", "x2"]);
    assert!(selection.is_limit_reached);
    let selection = check(&options, &sized(&["x1", "x2"]), &["x1", "x2"]);
    assert!(selection.is_limit_reached);
    let selection = check(&options, &sized(&["x1"]), &["x1"]);
    assert!(!selection.is_limit_reached);
}

#[test]
fn a_limit_in_time_mode_takes_the_oldest_and_says_where_to_go_on() {
    let options = SelectOptions {
        total_file_count_limit: Some(2),
        incremental: true,
        ..time_mode(None)
    };
    let files = [
        listed("a", 1, 9_000_000),
        listed("b", 1, 1_000_000),
        listed("c", 1, 5_000_000),
    ];
    let selection = check(&options, &files, &["b", "c"]);
    assert_eq!(selection.left_over_from_micros, Some(9_000_000));
    assert!(selection.is_limit_reached);
}

#[test]
fn files_of_one_millisecond_stay_together() {
    let options = |limit| SelectOptions {
        total_file_count_limit: Some(limit),
        incremental: true,
        ..time_mode(None)
    };
    let files = [
        listed("a", 1, 1_000),
        listed("b", 1, 5_000),
        listed("c", 1, 5_999),
        listed("d", 1, 7_000),
    ];
    assert_eq!(check(&options(2), &files, &["a"]).left_over_from_micros, Some(5_000));
    assert_eq!(
        check(&options(1), &files[1..], &["b", "c"]).left_over_from_micros,
        Some(7_000)
    );
    assert_eq!(
        check(&options(1), &files[1..3], &["b", "c"]).left_over_from_micros,
        None
    );
    assert_eq!(check(&options(0), &files, &[]).left_over_from_micros, Some(1_000));
}

#[test]
fn a_limit_in_time_mode_without_a_cursor_takes_the_first() {
    let options = SelectOptions {
        total_file_count_limit: Some(1),
        ..time_mode(None)
    };
    check(
        &options,
        &[listed("a", 1, 9_000_000), listed("b", 1, 1_000_000)],
        &["a"],
    );
}

proptest! {
    #[test]
    fn a_backlog_is_drained_without_loss_or_repetition(
        times in proptest::collection::vec(0i64..60, 0..40),
        limit in 1u64..10,
    ) {
        let files: Vec<ListedFile> =
            times.iter().enumerate().map(|(index, time)| listed(&format!("{index:03}"), 1, time * 500)).collect();
        let mut options = SelectOptions { total_file_count_limit: Some(limit), incremental: true, ..time_mode(None) };
        let mut loaded = Vec::new();
        for _ in 0..=files.len() {
            let selection = select(&options, &files).unwrap();
            let cursor = super::super::cursor::Cursor::next(&options, &selection, START);
            loaded.extend(selection.files.iter());
            let super::super::cursor::Cursor::LastModified(next) = cursor else { panic!() };
            options.last_modified_micros = Some(next);
        }
        let mut expected: Vec<SourceFile> = files.into_iter().map(|listed| listed.file).collect();
        loaded.sort_by(|one, other| one.key.cmp(&other.key));
        expected.sort_by(|one, other| one.key.cmp(&other.key));
        prop_assert_eq!(loaded, expected);
    }

    #[test]
    fn a_backlog_by_name_is_drained_without_loss_or_repetition(num_files in 0usize..30, limit in 1u64..10) {
        let keys: Vec<String> = (0..num_files).map(|index| format!("{index:03}")).collect();
        let files: Vec<ListedFile> = keys.iter().map(|key| listed(key, 1, 0)).collect();
        let mut options = SelectOptions { total_file_count_limit: Some(limit), incremental: true, ..SelectOptions::default() };
        let mut loaded: Vec<String> = Vec::new();
        for _ in 0..=num_files {
            let selection = select(&options, &files).unwrap();
            let cursor = super::super::cursor::Cursor::next(&options, &selection, START);
            loaded.extend(selection.files.iter().map(|file| file.key.to_string()));
            let super::super::cursor::Cursor::LastPath(next) = cursor else { panic!() };
            options.last_path = next;
        }
        prop_assert_eq!(loaded, keys);
    }
}
