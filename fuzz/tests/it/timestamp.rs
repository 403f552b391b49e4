//! Timestamp formats of all dialects, compiled and used.

use crate::inputs::kind_of;
use bucketload_engine::parse::columns::TimestampOptions;
use bucketload_engine::parse::timestamp::TimestampParser;
use bucketload_fuzz::driver::{KERNEL_MUTATIONS, Target, fuzz};

const TARGET: Target = Target {
    name: "timestamp",
    dictionary: &[
        b"%Y",
        b"%m",
        b"%d",
        b"%H",
        b"%M",
        b"%S",
        b"%N",
        b"%L",
        b"%3N",
        b"%z",
        b"%Z",
        b"%:z",
        b"%s",
        b"%Q",
        b"%j",
        b"%C",
        b"%y",
        b"%e",
        b"%I",
        b"%p",
        b"%a",
        b"%b",
        b"%B",
        b"%F",
        b"%T",
        b"%D",
        b"%c",
        b"%v",
        b"%+",
        b"%G",
        b"%V",
        b"%u",
        b"%U",
        b"%-m",
        b"%%",
        b"%n",
        b"ruby:",
        b"java:",
        b"yyyy-MM-dd",
        b"HH:mm:ss",
        b"SSS",
        b"XXX",
        b"'T'",
        b"uuuu",
        b"EEE",
        b"[",
        b"]",
        b"2018-02-30",
        b"23:59:60",
        b"24:00:00",
        b"+09:00",
        b"PDT",
        b"JST",
        b"UTC",
        b"Asia/Tokyo",
        b"America/New_York",
        b"-0000",
        b"1470148959542",
        b"99999999999999999999",
        b"292277026596",
        b"am",
        b"P.M.",
        b"Sept",
        b"\n",
        b"daylight time",
        b" DST",
    ],
    max_bytes: 400,
    max_memory_bytes: 8 * 1024 * 1024,
    num_mutations: KERNEL_MUTATIONS,
};

/// First line: formats, separated by `|`. Second: zone. Third: date. Every other one: a text.
#[test]
fn every_format_compiles_or_is_refused_and_reads_any_text() {
    let done = fuzz(&TARGET, Vec::new(), |input| {
        let text = String::from_utf8_lossy(input);
        let mut lines = text.split('\n');
        let mut next = || lines.next().unwrap_or_default().to_owned();
        let options = TimestampOptions {
            formats: next().split('|').map(str::to_owned).collect(),
            timezone: next(),
            date: next(),
        };
        let mut parser = match TimestampParser::new(&options) {
            Ok(parser) => parser,
            Err(error) => return kind_of(crate::inputs::skeleton(&error.to_string())),
        };
        let texts: Vec<&str> = lines.collect();
        let mut kinds = Vec::new();
        for text in &texts {
            // A parser remembers the last date and zone; what it remembers may not change what it says.
            let alone = TimestampParser::new(&options).unwrap().parse(text.as_bytes());
            assert_eq!(parser.parse(text.as_bytes()), alone, "`{text}` with {options:?}");
            kinds.push(alone.is_some());
        }
        // Bytes that are no text come from files too.
        parser.parse(input);
        kinds.truncate(6);
        let directives: String = options.formats[0]
            .chars()
            .filter(|c| "%:'[]".contains(*c))
            .take(8)
            .collect();
        kind_of((kinds, directives))
    });
    println!("{done}");
}
