//! What `guess` writes for a well-formed file loads every record of it, whatever the dialect, character set, line end and types.

use crate::in_process::{guess_files, load_files};
use bucketload_engine::guess::render_yaml;
use bucketload_tests::bucketload::Workplace;
use serde_json::json;

/// Files that are made up, each by its own number.
const NUM_FILES: u64 = 400;

/// A small generator of numbers (SplitMix64): the same files in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn is_one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn one_of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Numbers,
    Decimals,
    Words,
    Sentences,
    Dates,
    Times,
    ZonedTimes,
    Flags,
    PaddedNumbers,
    EightDigits,
    Json,
}

const CONTENTS: [Content; 11] = [
    Content::Numbers,
    Content::Decimals,
    Content::Words,
    Content::Sentences,
    Content::Dates,
    Content::Times,
    Content::ZonedTimes,
    Content::Flags,
    Content::PaddedNumbers,
    Content::EightDigits,
    Content::Json,
];

const LATIN_WORDS: [&str; 8] = ["alpha", "Größe", "café", "naïve", "delta", "señor", "Åse", "omega"];
const JAPANESE_WORDS: [&str; 8] = ["東京", "ソース", "能力", "表示", "データ", "すもも", "alpha", "大阪"];
const ASCII_WORDS: [&str; 8] = ["alpha", "beta", "gamma", "delta", "north", "south", "red", "blue"];

/// A well-formed file and what is in it.
#[derive(Debug)]
struct Made {
    bytes: Vec<u8>,
    dialect: String,
    names: Option<Vec<String>>,
    contents: Vec<Content>,
    rows: Vec<Vec<String>>,
}

fn made(number: u64) -> Made {
    let mut chance = Chance(number);
    let delimiter = chance.one_of(&[",", ",", ";", "\t", "|", "^", "~", " ", ":", "||", "::", "<|>", "\u{1}"]);
    let quote = if chance.is_one_in(5) { '\'' } else { '"' };
    let escape = if chance.is_one_in(4) { '\\' } else { quote };
    let is_all_quoted = chance.is_one_in(4);
    let line_end = chance.one_of(&["\n", "\n", "\r\n", "\r"]);
    let charset = chance.one_of(&[
        "utf-8",
        "utf-8",
        "mark",
        "utf-16le",
        "utf-16be",
        "utf-16le mark",
        "shift_jis",
        "euc-jp",
        "windows-1252",
    ]);
    let words = match charset {
        "shift_jis" | "euc-jp" => JAPANESE_WORDS,
        "windows-1252" => LATIN_WORDS,
        _ => [ASCII_WORDS, LATIN_WORDS, JAPANESE_WORDS][chance.below(3) as usize],
    };
    // Two fields with a colon or a blank between them may be one.
    let least_columns = if [":", " "].contains(&delimiter) { 3 } else { 2 };
    let num_columns = least_columns + chance.below(7) as usize;
    let mut contents: Vec<Content> = (0..num_columns)
        .map(|_| CONTENTS[chance.below(CONTENTS.len() as u64) as usize])
        .collect();
    // Of text alone nobody can say whether it has a header.
    contents[num_columns - 1] = [Content::Numbers, Content::Decimals, Content::Dates][chance.below(3) as usize];
    let has_gaps: Vec<bool> = contents.iter().map(|_| chance.is_one_in(4)).collect();
    let num_rows = if chance.is_one_in(10) {
        900
    } else {
        3 + chance.below(120)
    };
    let rows: Vec<Vec<String>> = (0..num_rows)
        .map(|row| {
            let mut cells: Vec<String> = contents
                .iter()
                .zip(&has_gaps)
                .map(
                    |(content, has_gaps)| match *has_gaps && row > 0 && chance.is_one_in(5) {
                        true => String::new(),
                        false => cell(*content, row, &words, &mut chance),
                    },
                )
                .collect();
            if cells.iter().all(String::is_empty) {
                cells[0] = cell(contents[0], row, &words, &mut chance);
            }
            cells
        })
        .collect();
    let has_header = !chance.is_one_in(4);
    let names = has_header.then(|| {
        (0..num_columns)
            .map(|at| format!("field_{}", char::from(b'a' + at as u8)))
            .collect::<Vec<_>>()
    });
    let field = |text: &String, is_name: bool| {
        let is_special = text.contains(delimiter) || text.contains([quote, '\r', '\n']);
        if !is_special && (!is_all_quoted || is_name) {
            return text.clone();
        }
        let text = match escape {
            '\\' => text.replace('\\', "\\\\").replace(quote, &format!("\\{quote}")),
            _ => text.replace(quote, &format!("{quote}{quote}")),
        };
        format!("{quote}{text}{quote}")
    };
    let mut lines: Vec<String> = Vec::new();
    if let Some(names) = &names {
        lines.push(
            names
                .iter()
                .map(|name| field(name, true))
                .collect::<Vec<_>>()
                .join(delimiter),
        );
    }
    for row in &rows {
        lines.push(
            row.iter()
                .map(|text| field(text, false))
                .collect::<Vec<_>>()
                .join(delimiter),
        );
    }
    let mut text = lines.join(line_end);
    if !chance.is_one_in(4) {
        text.push_str(line_end);
    }
    Made {
        bytes: encoded(&text, charset),
        dialect: format!(
            "delimiter {delimiter:?} quote {quote} escape {escape} all quoted {is_all_quoted} line end {line_end:?} charset {charset}"
        ),
        names,
        contents,
        rows,
    }
}

fn cell(content: Content, row: u64, words: &[&str], chance: &mut Chance) -> String {
    let (month, day) = (chance.below(12) + 1, chance.below(28) + 1);
    let (hour, minute) = (chance.below(24), chance.below(60));
    match content {
        Content::Numbers => (chance.below(2_000_000) as i64 - 1_000_000).to_string(),
        Content::Decimals => format!("{}.{:02}", chance.below(10_000), chance.below(100)),
        Content::Words => chance.one_of(words).to_owned(),
        Content::Sentences => match chance.below(8) {
            0 => format!("{}, {} \"{}\"", chance.one_of(words), chance.one_of(words), row),
            1 => format!("{} isn't {}", chance.one_of(words), chance.one_of(words)),
            2 => format!("{}\n{}", chance.one_of(words), chance.one_of(words)),
            3 => format!("{}; {} | {}", chance.one_of(words), chance.one_of(words), row),
            _ => format!("{} {} {row}", chance.one_of(words), chance.one_of(words)),
        },
        Content::Dates => format!("20{:02}-{month:02}-{day:02}", chance.below(30)),
        Content::Times => format!("2024-{month:02}-{day:02} {hour:02}:{minute:02}:07"),
        Content::ZonedTimes => format!(
            "2024-{month:02}-{day:02}T{hour:02}:{minute:02}:07.{:03}+09:00",
            chance.below(1000)
        ),
        Content::Flags => chance.one_of(&["true", "false"]).to_owned(),
        Content::PaddedNumbers => format!("{:06}", chance.below(100_000)),
        Content::EightDigits => (10_000_000 + chance.below(80_000_000)).to_string(),
        Content::Json => format!("{{\"n\": {row}, \"w\": [\"{}\"]}}", chance.one_of(words)),
    }
}

fn encoded(text: &str, charset: &str) -> Vec<u8> {
    let units = |mark: &str, is_big: bool| -> Vec<u8> {
        let units = mark.encode_utf16().chain(text.encode_utf16());
        units
            .flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    };
    match charset {
        "mark" => format!("\u{FEFF}{text}").into_bytes(),
        "utf-16le" => units("", false),
        "utf-16be" => units("", true),
        "utf-16le mark" => units("\u{FEFF}", false),
        label => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, has_unmappable) = encoding.encode(text);
            assert!(!has_unmappable);
            bytes.into_owned()
        }
    }
}

/// What is wrong with the way a file is loaded, if anything.
fn fault(made: &Made) -> Option<String> {
    let files = [("made.csv", made.bytes.as_slice())];
    let (guess, config) = match guess_files(&files, &[]) {
        Ok(guessed) => guessed,
        Err(error) => return Some(error),
    };
    let explained = |what: String| Some(format!("{what}\n{}", render_yaml(&json!({}), &guess)));
    let loaded = match load_files(&config, &files) {
        Ok(loaded) => loaded,
        Err(error) => return explained(error),
    };
    if let Some(reject) = loaded.rejects.first() {
        return explained(format!("{} rejects, the first {reject}", loaded.rejects.len()));
    }
    if loaded.rows.len() != made.rows.len() {
        return explained(format!("{} rows instead of {}", loaded.rows.len(), made.rows.len()));
    }
    let columns = guess.parser.columns.as_deref().unwrap_or_default();
    if columns.len() != made.contents.len() {
        return explained(format!("{} columns instead of {}", columns.len(), made.contents.len()));
    }
    if let Some(names) = &made.names
        && !columns.iter().map(|column| &column.name).eq(names)
    {
        return explained("other names".to_owned());
    }
    for (at, content) in made.contents.iter().enumerate() {
        let found = columns[at].column_type.name();
        let has_values = made.rows.iter().any(|row| !row[at].is_empty());
        let is_right = match content {
            Content::Numbers => found == "long",
            Content::Decimals => found == "double",
            Content::Dates | Content::Times | Content::ZonedTimes => found == "timestamp",
            Content::Flags => found == "boolean",
            Content::Json => found == "json",
            Content::PaddedNumbers | Content::Words | Content::Sentences => found == "string",
            Content::EightDigits => found == "long" || found == "timestamp",
        };
        if has_values && !is_right {
            return explained(format!("column {at} of {content:?} became {found}"));
        }
        let is_lost = |(row, loaded): (&Vec<String>, &Vec<Option<String>>)| {
            let text = loaded[at]
                .clone()
                .unwrap_or_default()
                .replace("\r\n", "\n")
                .replace('\r', "\n");
            found == "string" && text != row[at]
        };
        if let Some(row) = made.rows.iter().zip(&loaded.rows).position(is_lost) {
            return explained(format!("{:?} became {:?}", made.rows[row][at], loaded.rows[row][at]));
        }
    }
    None
}

#[test]
fn guess_of_a_well_formed_file_loads_all_of_it() {
    let mut faults = Vec::new();
    for number in 0..NUM_FILES {
        let made = made(number);
        if let Some(fault) = fault(&made) {
            let shown: String = String::from_utf8_lossy(&made.bytes).chars().take(300).collect();
            faults.push(format!("file {number}: {}\n{fault}\n{shown}", made.dialect));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {NUM_FILES} files\n{}",
        faults.len(),
        faults
            .iter()
            .take(8)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n\n")
    );
}

/// What is guessed of files with hardly anything in them: names of the columns, and the rows that are loaded by it.
#[track_caller]
fn check_little(files: &[&str], names: &[&str], num_rows: usize, doubt: &str) {
    let keys = ["a.csv", "b.csv", "c.csv"];
    let files: Vec<(&str, &[u8])> = keys.into_iter().zip(files.iter().map(|file| file.as_bytes())).collect();
    let (guess, config) = guess_files(&files, &[]).unwrap();
    let columns = config["in"]["parser"]["columns"].as_array().unwrap();
    let found: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(found, names, "{files:?}");
    let loaded = load_files(&config, &files).unwrap();
    assert_eq!((loaded.rows.len(), loaded.rejects.len()), (num_rows, 0), "{files:?}");
    assert!(
        guess.doubts.iter().any(|found| found.contains(doubt)) || doubt.is_empty(),
        "{files:?}: {:?}",
        guess.doubts
    );
}

#[test]
fn files_with_hardly_anything_in_them_are_guessed_from() {
    let taken =
        "the first record was taken for the header (nothing else is there, and it looks like names), it may be a row";
    check_little(&["id,name,created_at\n"], &["id", "name", "created_at"], 0, taken);
    check_little(&["id,name"], &["id", "name"], 0, taken);
    check_little(&["\u{FEFF}\"id\";\"user name\"\r\n"], &["id", "user name"], 0, taken);
    check_little(&["1,x,2024-01-01\n"], &["c0", "c1", "c2"], 1, "");
    check_little(&["foo,bar\n"], &["c0", "c1"], 1, "");
    check_little(&["id,name\n1,x\n"], &["id", "name"], 1, "");
    // Beside others an empty file tells nothing, and one of a header alone tells its names.
    check_little(&["", "id,name\n1,x\n2,y\n"], &["id", "name"], 2, "");
    check_little(
        &["first,last\n", "first,last\nada,lovelace\nalan,turing\n"],
        &["first", "last"],
        2,
        "",
    );
    check_little(&["id,name\n", "id,name\n"], &["id", "name"], 0, taken);
    check_little(&["foo,bar\n", "foo,bar\n", "foo,bar\n"], &["foo", "bar"], 0, "");
    for files in [&["", ""][..], &["\u{FEFF}"]] {
        let files: Vec<(&str, &[u8])> = files.iter().map(|file| ("a", file.as_bytes())).collect();
        assert_eq!(guess_files(&files, &[]).unwrap_err(), "All input files are empty");
    }
}

#[test]
fn files_without_a_byte_are_no_input_and_that_is_told() {
    let workplace = Workplace::new();
    let seed = |prefix: &str| {
        let text = format!(
            "in: {{type: file, path_prefix: {}}}\n",
            workplace.path(prefix).display()
        );
        workplace.write("seed.yml", text)
    };
    workplace.write("input/a.csv", "");
    let empty = seed("input/");
    workplace.bucketload(["guess", &empty]).run().exited_with(1).said(&[
        "error: No input files to read sample data",
        "1 listed, none selected",
        "files of 0 bytes are passed over",
    ]);
    let nowhere = seed("elsewhere/");
    workplace
        .bucketload(["guess", &nowhere])
        .run()
        .exited_with(1)
        .said(&["check `in.path_prefix`, no file has such a key"]);
}

/// An archive whose first entry, a long one, is no table; the seed says by the original's words which entries are.
#[test]
fn entries_that_the_seed_leaves_out_are_not_guessed_from() {
    let mut archive = Vec::new();
    for (name, bytes) in [
        ("notes.txt", "nothing to see here\n".repeat(4_000)),
        ("data/a.csv", "id,day\n1,2024-01-01\n2,2024-01-02\n".to_owned()),
    ] {
        archive.extend(tar_entry(name, bytes.as_bytes()));
    }
    archive.resize(archive.len() + 1024, 0);
    let workplace = Workplace::new();
    std::fs::create_dir(workplace.path("files")).unwrap();
    workplace.write("files/a.tar", archive);
    for decoder in [
        r"{type: commons-compress, format: tar, match_name: '.*\.csv'}",
        r"{type: tar, match_name: '\.csv$'}",
    ] {
        let seed = format!(
            "in: {{type: file, path_prefix: {}, decoders: [{decoder}]}}\nout: {{mode: append}}\n",
            workplace.path("files/").display()
        );
        let seed = workplace.write("seed.yml", seed);
        let guessed = workplace
            .bucketload(["guess", &seed, "--json"])
            .run()
            .succeeded()
            .json();
        let names: Vec<&str> = guessed["in"]["parser"]["columns"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|column| column["name"].as_str())
            .collect();
        assert_eq!(names, ["id", "day"], "{guessed:#}");
        assert_eq!(
            guessed["in"]["decoders"].as_array().map(Vec::len),
            Some(1),
            "the seed's stay: {guessed:#}"
        );
    }
}

fn tar_entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut entry = vec![0; 512];
    entry[..name.len()].copy_from_slice(name.as_bytes());
    entry[100..108].copy_from_slice(b"0000644\0");
    entry[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
    entry[148..156].fill(b' ');
    entry[156] = b'0';
    entry[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = entry.iter().map(|byte| u32::from(*byte)).sum();
    entry[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    entry.extend_from_slice(bytes);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}
