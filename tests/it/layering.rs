//! Who may know whom: reads the engine's sources and names every edge that the architecture does not have, and every file that
//! nobody compiles.
//!
//! Both `crate::` and `super::` paths count, wherever they stand in the code; comments, texts and tests of a file do not.

use bucketload_tests::folders;
use std::fs;
use std::path::Path;

/// What one module may know. The rule with the longest `module` that fits applies.
struct Kernel {
    module: &'static str,
    /// Modules of the engine besides itself.
    may_know: &'static [&'static str],
}

/// Leaves and kernels: synchronous, and apart from each other.
const KERNELS: &[Kernel] = &[
    Kernel {
        module: "error",
        may_know: &[],
    },
    Kernel {
        module: "position",
        may_know: &[],
    },
    Kernel {
        module: "append",
        may_know: &[],
    },
    Kernel {
        module: "pattern",
        may_know: &[],
    },
    Kernel {
        module: "decode",
        may_know: &["position", "pattern"],
    },
    Kernel {
        module: "parse",
        may_know: &["position", "append"],
    },
    Kernel {
        module: "pack",
        may_know: &["position", "source::file"],
    },
    Kernel {
        module: "source::file",
        may_know: &["position"],
    },
    Kernel {
        module: "source::cursor",
        may_know: &["position", "source::file", "source::select"],
    },
    Kernel {
        module: "source::select",
        may_know: &["position", "pattern", "source::file", "source::cursor"],
    },
    Kernel {
        module: "write::rows",
        may_know: &[],
    },
    Kernel {
        module: "write::partition",
        may_know: &["position", "parse::columns", "write::rows"],
    },
    Kernel {
        module: "write::column",
        may_know: &["append", "write::rows", "write::encoding", "write::scratch"],
    },
    Kernel {
        module: "write::encoding",
        may_know: &["position", "parse::columns"],
    },
];

/// What no kernel touches: the network, the disk, the clock, YAML, the engine below the plan.
const NOT_IN_KERNELS: &[&str] = &[
    "tokio",
    "object_store",
    "datafusion",
    "deltalake_core",
    "serde_saphyr",
    "std::fs",
    "std::net",
];

/// What is known in a few places only.
const ONLY_IN: &[(&str, &[&str])] = &[
    (
        "datafusion",
        &[
            "scan",
            "filter",
            "write::node",
            "write::exec",
            "cluster",
            "job",
            "table::delta",
            "table::query",
        ],
    ),
    ("deltalake_core", &["table", "job"]),
    ("serde_saphyr", &["config"]),
    ("tempfile", &["write::scratch"]),
    ("crate::config", &["", "config", "guess", "job", "schedule", "state"]),
];

/// One path that the code of a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    line: usize,
    /// `crate::parse::csv`, `std::fs::File`; `super` is resolved.
    path: String,
}

#[test]
fn modules_know_only_whom_they_may() {
    let root = folders::repository().join("engine/src");
    let mut broken = Vec::new();
    let mut num_files = 0;
    for file in source_files(&root) {
        num_files += 1;
        let module = module_of(file.strip_prefix(&root).unwrap());
        let text = fs::read_to_string(&file).unwrap();
        for named in paths_in(&text, &module) {
            if let Some(reason) = objection(&module, &named.path) {
                let shown = file.strip_prefix(folders::repository()).unwrap().display();
                broken.push(format!("{shown}:{}: `{}`: {reason}", named.line, named.path));
            }
        }
    }
    assert!(num_files > 20, "{} holds only {num_files} files", root.display());
    assert!(
        broken.is_empty(),
        "{} edges that must not be:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

/// The compiler says nothing of a file that no `mod` names, and its tests do not run.
#[test]
fn every_source_file_is_a_module() {
    for root in [
        "engine/src",
        "state/src",
        "serve/src",
        "cli/src",
        "tests/src",
        "tests/it",
    ] {
        let root = folders::repository().join(root);
        let files = rust_files(&root, |_| true);
        assert!(files.len() > 5, "{} holds only {} files", root.display(), files.len());
        let is_crate =
            |file: &Path| file.parent() == Some(&root) && (file.ends_with("lib.rs") || file.ends_with("main.rs"));
        for file in files.iter().filter(|file| !is_crate(file)) {
            let module = match file.ends_with("mod.rs") {
                true => file.parent().unwrap().to_owned(),
                false => file.with_extension(""),
            };
            let (folder, name) = (module.parent().unwrap(), module.file_name().unwrap());
            let declaration = format!("mod {};", name.to_string_lossy());
            let parents = [
                folder.join("mod.rs"),
                folder.with_extension("rs"),
                folder.join("lib.rs"),
                folder.join("main.rs"),
            ];
            let is_declared = parents
                .iter()
                .filter_map(|parent| fs::read_to_string(parent).ok())
                .any(|text| {
                    text.lines()
                        .any(|line| line.ends_with(&declaration) && !line.trim_start().starts_with("//"))
                });
            assert!(is_declared, "no file says `{declaration}` for {}", file.display());
        }
    }
}

/// Why a module may not name a path.
fn objection(module: &str, path: &str) -> Option<String> {
    let kernel = KERNELS
        .iter()
        .filter(|kernel| is_within(module, kernel.module))
        .max_by_key(|kernel| kernel.module.len());
    if let Some(kernel) = kernel {
        if NOT_IN_KERNELS.iter().any(|outside| is_within(path, outside)) {
            return Some(format!(
                "`{}` is a kernel, it gets bytes and gives values",
                kernel.module
            ));
        }
        if let Some(known) = path.strip_prefix("crate::") {
            let may =
                is_within(known, kernel.module) || kernel.may_know.iter().any(|allowed| is_within(known, allowed));
            if !may {
                return Some(format!("`{}` may know {:?} and itself", kernel.module, kernel.may_know));
            }
        }
    }
    for (subject, places) in ONLY_IN {
        let is_allowed = places.iter().any(|place| {
            if place.is_empty() {
                module.is_empty()
            } else {
                is_within(module, place)
            }
        });
        if is_within(path, subject) && !is_allowed {
            return Some(format!("`{subject}` is known to {places:?} only"));
        }
    }
    None
}

/// Whether a path is a module or lies below it.
fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Files of code that is not test code.
fn source_files(root: &Path) -> Vec<std::path::PathBuf> {
    rust_files(root, |name| name != "tests" && name != "tests.rs")
}

/// Files and folders are looked at if `is_wanted` says so of their names.
fn rust_files(root: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !is_wanted(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// `parse/csv/mod.rs` is `parse::csv`, `lib.rs` is the empty path.
fn module_of(file: &Path) -> String {
    let mut parts: Vec<_> = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let last = parts.pop().unwrap_or_default();
    match last.trim_end_matches(".rs") {
        "mod" | "lib" => {}
        name => parts.push(name.to_owned()),
    }
    parts.join("::")
}

/// Every path of two parts or more, with the groups of `use` spread out.
fn paths_in(text: &str, module: &str) -> Vec<Named> {
    let code = without_comments_and_texts(text);
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut rest: &str = &code;
    let mut line = 1;
    // Modules in a file would shift what `super` means; only tests have them, and those end what is looked at.
    while let Some(character) = rest.chars().next() {
        if rest.starts_with("#[cfg(test)]") {
            let after = rest.trim_start_matches("#[cfg(test)]").trim_start();
            if after.starts_with("mod ") && !after.lines().next().unwrap_or_default().ends_with(';') {
                break;
            }
        }
        // Who may see an item is not whom it knows.
        if let Some(after) = rest.strip_prefix("pub(in ") {
            rest = after.trim_start_matches(|other: char| other != ')');
            continue;
        }
        if character.is_alphabetic() || character == '_' {
            let length = rest
                .find(|other: char| !other.is_alphanumeric() && other != '_')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            if after.starts_with("::") {
                let (paths, consumed) = spread(rest);
                for path in paths {
                    found.extend(resolve(&path, module).map(|path| Named { line, path }));
                }
                line += rest[..consumed].matches('\n').count();
                rest = &rest[consumed..];
            } else {
                // `use datafusion;` names a crate alone.
                if depth == 0 && after.starts_with(';') {
                    found.push(Named {
                        line,
                        path: word.to_owned(),
                    });
                }
                rest = after;
            }
            continue;
        }
        depth = match character {
            '{' => depth + 1,
            '}' => depth.saturating_sub(1),
            _ => depth,
        };
        line += usize::from(character == '\n');
        rest = &rest[character.len_utf8()..];
    }
    found
}

/// Spreads `a::{b, c::{d, e}}` into `a::b`, `a::c::d`, `a::c::e`; also how many bytes it took.
fn spread(text: &str) -> (Vec<String>, usize) {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let mut path = String::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let length = rest.find(|character: char| !is_part(character)).unwrap_or(rest.len());
        path.push_str(&rest[..length]);
        at += length;
        if !text[at..].starts_with("::") {
            return (vec![path], at);
        }
        at += 2;
        match text[at..].chars().next() {
            Some('{') => {
                at += 1;
                let mut paths = Vec::new();
                while let Some(character) = text[at..].chars().next() {
                    if character == '}' {
                        return (paths, at + 1);
                    }
                    if is_part(character) {
                        let (inner, consumed) = spread(&text[at..]);
                        paths.extend(inner.into_iter().map(|inner| match inner.as_str() {
                            "self" => path.clone(),
                            _ => format!("{path}::{inner}"),
                        }));
                        at += consumed;
                    } else {
                        at += character.len_utf8();
                    }
                }
                return (paths, at);
            }
            Some(character) if is_part(character) => path.push_str("::"),
            // `Vec::<u8>` and `use super::*`
            _ => return (vec![path], at),
        }
    }
}

/// Makes a path begin with a crate; `None` for names in scope, such as `Path::new`.
fn resolve(path: &str, module: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").collect();
    match parts[0] {
        "crate" => Some(path.to_owned()),
        "self" => Some(
            ["crate", module]
                .iter()
                .copied()
                .chain(parts.drain(1..))
                .collect::<Vec<_>>()
                .join("::"),
        ),
        "super" => {
            let num_up = parts.iter().take_while(|part| **part == "super").count();
            let mut base: Vec<&str> = module.split("::").collect();
            base.truncate(base.len().saturating_sub(num_up));
            Some(
                ["crate"]
                    .into_iter()
                    .chain(base)
                    .chain(parts.drain(num_up..))
                    .collect::<Vec<_>>()
                    .join("::"),
            )
        }
        first if first.starts_with(|character: char| character.is_lowercase()) => Some(path.to_owned()),
        _ => None,
    }
}

/// The same text with comments and string literals blanked; lines stay where they are.
fn without_comments_and_texts(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if character == '"' {
            end_of_text(rest)
        } else if let Some(hashes) = raw_text_hashes(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = 2 + hashes;
            rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
        } else if let Some(length) = character_literal(rest) {
            length
        } else {
            result.push(character);
            rest = &rest[character.len_utf8()..];
            // `r` and `b` before a quote only count at the beginning of a word.
            if character.is_alphanumeric() || character == '_' {
                let length = rest
                    .find(|other: char| !other.is_alphanumeric() && other != '_')
                    .unwrap_or(rest.len());
                result.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            continue;
        };
        result.extend(
            rest[..length]
                .chars()
                .map(|blanked| if blanked == '\n' { '\n' } else { ' ' }),
        );
        rest = &rest[length..];
    }
    result
}

fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r#"` has one.
fn raw_text_hashes(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// `'a'` and `'\n'`, not the lifetime `'a`.
fn character_literal(text: &str) -> Option<usize> {
    let after = text.strip_prefix('\'')?;
    if after.starts_with('\\') {
        return after[2..].find('\'').map(|at| at + 4);
    }
    let character = after.chars().next()?;
    after[character.len_utf8()..]
        .starts_with('\'')
        .then(|| character.len_utf8() + 2)
}

#[track_caller]
fn check_paths(text: &str, expected: &[(usize, &str)]) {
    let found = paths_in(text, "parse::csv");
    let found: Vec<_> = found.iter().map(|named| (named.line, named.path.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn who_may_see_an_item_does_not_count() {
    check_paths(
        "pub(in crate::write) fn f(a: crate::pack::Task) {}",
        &[(1, "crate::pack::Task")],
    );
}

#[test]
fn groups_of_paths_are_spread_out() {
    let text = "use crate::{pack, parse::{self, json::Pointer}};\nuse std::fs;\n";
    check_paths(
        text,
        &[
            (1, "crate::pack"),
            (1, "crate::parse"),
            (1, "crate::parse::json::Pointer"),
            (2, "std::fs"),
        ],
    );
    check_paths("use super::super::source::*;", &[(1, "crate::source")]);
    check_paths(
        "use super::{columns, json::Text};",
        &[(1, "crate::parse::columns"), (1, "crate::parse::json::Text")],
    );
}

#[test]
fn paths_count_wherever_they_stand() {
    check_paths(
        "fn a() {\n    tokio::spawn(b);\n    String::new();\n}",
        &[(2, "tokio::spawn")],
    );
}

#[test]
fn comments_texts_and_tests_do_not_count() {
    let text = "//! crate::config\n/* tokio::spawn */ let a = \"crate::job \\\" tokio::x\";\nlet b = r#\"std::fs\"#; let c = '\"';\n\
                use std::io;\n#[cfg(test)]\nmod tests {\n    use crate::config::plan;\n}\n";
    check_paths(text, &[(4, "std::io")]);
}

#[test]
fn edges_that_must_not_be_are_named() {
    for (module, path) in [
        ("parse::csv", "crate::decode::Decoder"),
        ("parse::csv", "tokio::spawn"),
        ("position", "crate::error::Error"),
        ("pattern", "crate::config::plan::JobPlan"),
        ("decode::gzip", "std::fs::File"),
        ("source::list", "crate::config::plan::JobPlan"),
        ("source::list", "datafusion::prelude"),
        ("guess::render", "serde_saphyr::from_str"),
        ("write::file", "datafusion::error::Result"),
        ("pack", "crate::source::list::Listing"),
    ] {
        assert!(objection(module, path).is_some(), "{module} names {path}");
    }
}

#[test]
fn edges_of_the_architecture_are_allowed() {
    for (module, path) in [
        ("parse::csv", "crate::parse::columns::ColumnType"),
        ("parse::reject", "crate::position::Position"),
        ("decode::entry", "crate::pattern::Pattern"),
        ("config::plan", "crate::write::partition::PartitionBy"),
        ("config", "serde_saphyr::from_str"),
        ("source::store::s3", "object_store::path::Path"),
        ("pack", "crate::source::file::SourceFile"),
        ("job::run", "crate::config::plan::JobPlan"),
        ("write::exec", "datafusion::physical_plan::ExecutionPlan"),
        ("", "crate::config::plan::JobPlan"),
    ] {
        assert_eq!(objection(module, path), None, "{module} names {path}");
    }
}
