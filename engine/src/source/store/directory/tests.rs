use super::*;
use futures::TryStreamExt;
use std::fs;
use tempfile::TempDir;

fn tree(files: &[&str]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for file in files {
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    directory
}

async fn keys(files: &DirectoryStore, prefix: &str, start_after: Option<&str>) -> Result<Vec<String>, SourceError> {
    let request = ListRequest {
        prefix: prefix.to_owned(),
        start_after: start_after.map(str::to_owned),
        page: None,
    };
    let page = files.list_page(&request).await?;
    assert_eq!(page.next_page, None);
    Ok(page.files.iter().map(|listed| listed.file.key.to_string()).collect())
}

#[track_caller]
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn prefixes_are_literal_and_spelled_as_written() {
    let directory = tree(&[
        "data/access.csv",
        "data/acc/x",
        "data/acc/y/z",
        "data/b",
        "data/.hidden",
        "other",
    ]);
    let files = DirectoryStore::new(directory.path().to_owned());
    let absolute = directory.path().to_str().unwrap();
    for (prefix, expected) in [
        ("data/acc", vec!["data/acc/x", "data/acc/y/z", "data/access.csv"]),
        (
            "data/",
            vec![
                "data/.hidden",
                "data/acc/x",
                "data/acc/y/z",
                "data/access.csv",
                "data/b",
            ],
        ),
        ("data/acc/y/z", vec!["data/acc/y/z"]),
        ("./data/../data/b", vec!["./data/../data/b"]),
        (
            "da",
            vec![
                "data/.hidden",
                "data/acc/x",
                "data/acc/y/z",
                "data/access.csv",
                "data/b",
            ],
        ),
        ("o", vec!["other"]),
        ("data/zzz", vec![]),
    ] {
        assert_eq!(block_on(keys(&files, prefix, None)).unwrap(), expected, "{prefix}");
        let spelled = format!("{absolute}/{prefix}");
        let expected: Vec<String> = expected.iter().map(|key| format!("{absolute}/{key}")).collect();
        assert_eq!(block_on(keys(&files, &spelled, None)).unwrap(), expected, "{spelled}");
    }
    assert_eq!(block_on(keys(&files, "", None)).unwrap().len(), 6);
}

#[test]
fn keys_come_after_the_last_path_in_byte_order() {
    let directory = tree(&["d/a", "d/a-b", "d/a/b", "d/é"].map(|key| if key == "d/a" { "d/A" } else { key }));
    let files = DirectoryStore::new(directory.path().to_owned());
    assert_eq!(
        block_on(keys(&files, "d/", None)).unwrap(),
        ["d/A", "d/a-b", "d/a/b", "d/é"]
    );
    assert_eq!(block_on(keys(&files, "d/", Some("d/a-b"))).unwrap(), ["d/a/b", "d/é"]);
}

#[test]
fn odd_names_are_found_and_read() {
    let names = [
        "d/a b+c&d=1.gz",
        "d/%41",
        "d/q?x",
        "d/日本",
        "d/[x]{y}",
        "d/a\"'",
        "d/x#1",
        "d/t\tt",
        "d/n\nn",
        "d/b\\c",
    ];
    let directory = tree(&names);
    let files = DirectoryStore::new(directory.path().to_owned());
    let mut expected = names;
    expected.sort_unstable();
    assert_eq!(block_on(keys(&files, "d/", None)).unwrap(), expected);
    for name in names {
        let file = block_on(files.head(name)).unwrap();
        assert_eq!(
            block_on(read(&files, &file, 0..file.size_bytes)).unwrap(),
            name.as_bytes()
        );
    }
}

#[test]
fn a_missing_directory_holds_nothing_as_an_empty_one_does() {
    let directory = tree(&["d/x"]);
    fs::create_dir(directory.path().join("empty")).unwrap();
    let files = DirectoryStore::new(directory.path().to_owned());
    for prefix in ["empty/", "none/", "none/x"] {
        assert_eq!(block_on(keys(&files, prefix, None)).unwrap(), Vec::<String>::new());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_no_text_is_an_error_if_it_is_asked_for() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tree(&["d/x"]);
    let name = std::ffi::OsStr::from_bytes(b"d/\xff.csv");
    fs::write(directory.path().join(name), "1").unwrap();
    let files = DirectoryStore::new(directory.path().to_owned());
    let error = block_on(keys(&files, "d/", None)).unwrap_err();
    let SourceError::File { path, source } = error else {
        panic!("{error}");
    };
    assert!(path.ends_with("d/\u{fffd}.csv"), "{path}");
    assert_eq!(source.to_string(), "its name is not UTF-8; rename it");
    assert_eq!(block_on(keys(&files, "d/x", None)).unwrap(), ["d/x"]);
}

#[test]
fn symbolic_links_are_followed() {
    let directory = tree(&["real/x"]);
    std::os::unix::fs::symlink(directory.path().join("real"), directory.path().join("link")).unwrap();
    std::os::unix::fs::symlink(directory.path().join("real/x"), directory.path().join("real/y")).unwrap();
    let files = DirectoryStore::new(directory.path().to_owned());
    std::os::unix::fs::symlink("nowhere", directory.path().join("real/z")).unwrap();
    assert_eq!(block_on(keys(&files, "link/", None)).unwrap(), ["link/x", "link/y"]);
    assert_eq!(
        block_on(keys(&files, "", None)).unwrap(),
        ["link/x", "link/y", "real/x", "real/y"]
    );
}

async fn read(files: &DirectoryStore, file: &SourceFile, range: Range<u64>) -> Result<Vec<u8>, SourceError> {
    let chunks: Vec<bytes::Bytes> = files.get(file, range).await?.try_collect().await?;
    Ok(chunks.concat())
}

#[test]
fn ranges_are_read() {
    let directory = tree(&["d/0123456789"]);
    let files = DirectoryStore::new(directory.path().to_owned());
    let file = block_on(files.head("d/0123456789")).unwrap();
    assert_eq!(block_on(read(&files, &file, 3..6)).unwrap(), b"123");
    assert_eq!(block_on(read(&files, &file, 0..12)).unwrap(), b"d/0123456789");
    assert_eq!(block_on(read(&files, &file, 4..4)).unwrap(), b"");
}

#[test]
fn a_replaced_file_is_noticed() {
    let directory = tree(&["a"]);
    let files = DirectoryStore::new(directory.path().to_owned());
    let file = block_on(files.head("a")).unwrap();
    fs::write(directory.path().join("a"), "other").unwrap();
    assert!(matches!(
        block_on(read(&files, &file, 0..1)),
        Err(SourceError::Changed { .. })
    ));
    fs::remove_file(directory.path().join("a")).unwrap();
    assert!(matches!(
        block_on(read(&files, &file, 0..1)),
        Err(SourceError::NotFound { .. })
    ));
    assert!(matches!(block_on(files.head("a")), Err(SourceError::NotFound { .. })));
}
