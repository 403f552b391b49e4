//! The inputs that are kept: every one is run first, each time.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in a folder of the repository")
}

/// The folder of a target's inputs.
pub fn folder(target: &str) -> PathBuf {
    repository().join("fuzz/corpus").join(target)
}

/// The kept inputs of a target with their file names, in the order of those.
///
/// **Panics** if there are none: a target without a corpus finds nothing.
pub fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder(target);
    let inputs = files_below(&folder);
    assert!(!inputs.is_empty(), "{} holds no inputs", folder.display());
    inputs
}

/// The files of a folder and of those in it, with their paths below it.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display()));
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            files.push((name, bytes));
        }
    }
    files.sort();
    files
}

/// Keeps an input that failed, outside the repository; where it is now.
pub fn store_find(target: &str, input: &[u8]) -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let folder = program
        .parent()
        .expect("a program lies in a folder")
        .join("fuzz-finds")
        .join(target);
    let path = folder.join(format!("{:016x}", fingerprint(input)));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    fs::write(&path, input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// A number that stands for some bytes (FNV-1a), the same on every machine.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
