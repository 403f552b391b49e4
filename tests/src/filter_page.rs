//! The page `docs/filters.md`, made of the cases that show filters: what goes in, the filters, what comes out.

use crate::folders;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A chapter: heading, what the filters do, and the cases that show it.
struct Chapter {
    heading: &'static str,
    text: &'static str,
    cases: &'static [&'static str],
}

const CHAPTERS: [Chapter; 10] = [
    Chapter {
        heading: "`retain_columns`, `add_columns`, `drop_columns`, `column`",
        text: "Choose and make columns. `column` takes `columns` or `drop_columns`, and `add_columns`; the other three are shorthands \
               for one of them. A name that begins with `$.` or `$[` is a path into a json column, of names, indices and `[*]`.",
        cases: &[
            "retain_columns",
            "drop_and_add_columns",
            "column_json_chosen_members",
            "column_json_added_members",
            "column_json_dropped_members",
        ],
    },
    Chapter {
        heading: "`remove_columns`",
        text: "Removes columns, or keeps some, in the order of the input.",
        cases: &["remove_columns"],
    },
    Chapter {
        heading: "`expand_json`",
        text: "Makes columns of the members of a json or string column. A value that does not fit its type rejects the record. A name is a \
               JSONPath, behind `root`: members, indices (`[-1]` is the last), lists (`['a','b']`, `[0,2]`), slices (`[1:3]`), `*`, `..`, \
               conditions (`[?(@.price < 10 && @.author =~ /.*rees/i)]`, with `== != < <= > >= =~ in nin contains size empty subsetof anyof \
               noneof`, `&&`, `||` and `!`), and at the end `length() keys() min() max() sum() avg() first() last()`. What may name several \
               values gives an array of them.",
        cases: &["expand_json", "expand_json_keeps_the_column", "expand_json_queries"],
    },
    Chapter {
        heading: "`hash`, `digest`",
        text: "Replaces values by a digest in hexadecimal digits, of their text: an instant is `2026-11-28 07:05:00 UTC`, with three or six digits \
               of a fraction. Keys of the Hmac algorithms come from `${secret:NAME}` or from a \
               `key_file`, and are shown nowhere.",
        cases: &["digest"],
    },
    Chapter {
        heading: "`add_time`",
        text: "Appends a time column.",
        cases: &["add_time", "add_fixed_time", "add_time_from_text"],
    },
    Chapter {
        heading: "`rename`",
        text: "Renames columns one by one, and then all of them by rules.",
        cases: &["rename", "rename_by_pattern"],
    },
    Chapter {
        heading: "`cast`",
        text: "Changes the types of columns. A value that does not fit rejects the record.",
        cases: &["cast"],
    },
    Chapter {
        heading: "`row`",
        text: "Keeps the rows for which a SQL condition is true. A list of `conditions` on columns, as the original's filter of this name \
               has them, works too. The parser looks at the columns of a condition first, and leaves out the texts of rows that are not \
               kept; `where=` of `ScanExec` in `explain` shows it. What is rejected does not depend on that.",
        cases: &["row", "row_conditions", "row_of_bad_records"],
    },
    Chapter {
        heading: "`dedup`",
        text: "Keeps one row of all that have the same key. Rows that memory has no room for wait on local disk.",
        cases: &["dedup_keeps_the_last", "dedup_of_whole_rows"],
    },
    Chapter {
        heading: "`sql`",
        text: "Takes `where` and `select`, or a whole `query` over the table `input`: all that DataFusion can run, joined with files \
               (`tables`) and with tables of the warehouse (`DATABASE.TABLE`). Files may be on the local disk or in a bucket \
               (`s3://BUCKET/KEY`), compressed, and several for a table (a folder, `*`, `**`, `?`). Names are taken as they are written. Metadata columns such as \
               `_file_name` are there for those that name them. [functions.md](functions.md) has the functions that logs need. A value that \
               `CAST` cannot convert fails the job; `TRY_CAST` makes it null.",
        cases: &[
            "sql",
            "sql_query",
            "sql_joins_with_a_file",
            "sql_top_n_of_each_hour",
            "sql_explodes_json",
            "sql_sees_metadata_columns",
            "sql_reads_urls_and_addresses",
        ],
    },
];

/// Makes the page.
pub fn filter_page() -> String {
    let mut page = String::from(
        "# Filters\n\n\
         Filters are applied in list order; each sees the columns of the one before. What does not fit the columns is an error before any \
         file is read. [config.md](config.md) has every key.\n\n\
         `bucketload preview LOAD.yml --after N` shows the rows after the first N filters, `bucketload explain LOAD.yml` the columns after \
         each.\n\n\
         A record that a filter rejects becomes a row of `TABLE__rejects` with its place and its text, as those of the parser do; behind a \
         `dedup` too, which for that takes the text of each record along. Rows that a query made (`query`, `DISTINCT`, an aggregation) are \
         no records of a file: if a later filter rejects one, its place is null and the value takes the place of the text.\n\n\
         Which files are read is a matter of `in`: besides prefix and pattern, `in.where` takes a SQL condition on what the listing says of \
         a file.\n\n\
         The page is made of cases that run as tests (`tests/cases/filters`): `BLESS=1 cargo test -p bucketload-tests --test it -- \
         documentation`.\n",
    );
    for Chapter { heading, text, cases } in CHAPTERS {
        write!(page, "\n## {heading}\n\n{text}\n").expect("a String takes all text");
        for case in cases {
            page.push_str(&example(&folders::repository().join("tests/cases/filters").join(case)));
        }
    }
    page
}

fn example(case: &Path) -> String {
    let job = read(&case.join("job.yml"));
    let (comment, job) = job.split_once('\n').unwrap_or((&job, ""));
    let from = job.find("filters:").unwrap_or(0);
    let to = job[from..].find("\nout:").map_or(job.len(), |at| from + at);
    let mut text = format!(
        "\n{}\n\n```yaml\n{}\n```\n",
        comment.trim_start_matches('#').trim(),
        job[from..to].trim_end()
    );
    let before = format!("before: {}", columns(&job[..from]).join(", "));
    for (what, name) in [
        (before.as_str(), "input"),
        ("a file", "table_"),
        ("after", "expected.txt"),
        ("rejected", "rejects.txt"),
    ] {
        for file in files(case, name) {
            let rows = read(&file);
            if !rows.is_empty() {
                write!(text, "\n{what}\n\n```text\n{}\n```\n", rows.trim_end_matches('\n'))
                    .expect("a String takes all text");
            }
        }
    }
    text
}

/// The columns of a parser, each by name and type: `- {name: a, type: long, ...}`.
fn columns(parser: &str) -> Vec<String> {
    let entries = parser.lines().filter_map(|line| line.trim().strip_prefix("- {name: "));
    entries
        .map(|entry| {
            let mut parts = entry.trim_end_matches('}').split(", ");
            let name = parts.next().unwrap_or_default();
            match parts.find_map(|part| part.strip_prefix("type: ")) {
                Some(column_type) => format!("`{name}` {column_type}"),
                None => format!("`{name}`"),
            }
        })
        .collect()
}

/// The files of a case whose names, or whose folders' names, begin like that.
fn files(case: &Path, begin: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(case).unwrap_or_else(|error| panic!("{}: {error}", case.display())) {
        let path = entry
            .unwrap_or_else(|error| panic!("{}: {error}", case.display()))
            .path();
        let begins = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(begin));
        match (begins, path.is_dir()) {
            (true, true) => found.extend(files(&path, "")),
            (true, false) => found.push(path),
            (false, _) => {}
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
