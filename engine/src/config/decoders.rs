//! Reads `in.decoders`; section 2 of the configuration reference.

use super::document::{Node, Value};
use super::reader::{Reader, nearest};
use crate::decode::{DecodeOptions, DecoderOptions, EntryOptions};

const TYPES: [&str; 9] = [
    "gzip",
    "bzip2",
    "zstd",
    "xz",
    "zlib",
    "zip",
    "tar",
    "commons-compress",
    "auto",
];

/// What one entry of the list means.
enum Step {
    /// These decoders, outermost first.
    Listed(Vec<DecoderOptions>),
    /// By magic bytes.
    Auto,
}

/// Reads the decoders of a job.
pub(crate) fn read_decoders(input: &Reader<'_>) -> DecodeOptions {
    let Some(node) = input.value("decoders") else {
        return DecodeOptions::Auto;
    };
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ if node.text() == Some("auto") => return DecodeOptions::Auto,
        _ if node.text() == Some("none") => &[],
        _ => std::slice::from_ref(node),
    };
    let mut decoders = Vec::new();
    let mut is_auto = false;
    for (index, item) in items.iter().enumerate() {
        match read_step(input, index, item) {
            Some(Step::Listed(steps)) => decoders.extend(steps),
            Some(Step::Auto) => is_auto = true,
            None => {}
        }
    }
    match is_auto {
        true => DecodeOptions::Auto,
        false => DecodeOptions::Listed(decoders),
    }
}

fn read_step(input: &Reader<'_>, index: usize, item: &Node) -> Option<Step> {
    let entry = input.element("decoders", index, item);
    let name = match &item.value {
        Value::Map(_) => entry.required_name("type")?,
        _ => match item.text() {
            Some(text) => text,
            None => {
                entry.error_here(format!("{} cannot be read as a decoder", item.kind()));
                return None;
            }
        },
    };
    let Some(kind) = TYPES.into_iter().find(|kind| kind.eq_ignore_ascii_case(name)) else {
        let message = format!(
            "unknown decoder type '{name}'. Supported types are [{}]",
            TYPES.join(", ")
        );
        let reported = entry.error("type", message);
        if let Some(nearest) = nearest(name, TYPES.into_iter()) {
            reported.hint(format!("did you mean `{nearest}`?"));
        }
        return None;
    };
    let mut entry = entry;
    entry.set_kind(kind);
    let step = match kind {
        "gzip" => Step::Listed(vec![DecoderOptions::Gzip]),
        "bzip2" => Step::Listed(vec![DecoderOptions::Bzip2]),
        "zstd" => Step::Listed(vec![DecoderOptions::Zstd]),
        "xz" => Step::Listed(vec![DecoderOptions::Xz]),
        "zlib" => Step::Listed(vec![DecoderOptions::Zlib]),
        "zip" => Step::Listed(vec![DecoderOptions::Zip(read_entries(&entry))]),
        "tar" => Step::Listed(vec![DecoderOptions::Tar(read_entries(&entry))]),
        "auto" => Step::Auto,
        _ => read_commons_compress(&entry)?,
    };
    entry.finish();
    Some(step)
}

fn read_entries(entry: &Reader<'_>) -> EntryOptions {
    EntryOptions {
        match_name: entry.pattern("match_name"),
    }
}

/// Formats in the words of the original's plugin, solid archives included.
fn read_commons_compress(entry: &Reader<'_>) -> Option<Step> {
    // The original's plugin wants the whole name to match, and files written for it may count on that.
    let match_name = entry
        .pattern("match_name")
        .and_then(|pattern| entry.compiled("match_name", &pattern.as_whole()));
    let entries = EntryOptions { match_name };
    if entry.bool("decompress_concatenated") == Some(false) {
        entry.warn(
            "decompress_concatenated",
            "concatenated streams are always read to their end",
        );
    }
    let format = entry.text("format").unwrap_or_default();
    let decoders = match format.to_ascii_lowercase().as_str() {
        "" | "auto" if entries.match_name.is_some() => {
            entry
                .error("format", "`match_name` needs a `format`")
                .hint("set `format: zip`, `format: tar` or `format: tgz`");
            return None;
        }
        "" | "auto" => return Some(Step::Auto),
        "zip" | "jar" => vec![DecoderOptions::Zip(entries)],
        "tar" => vec![DecoderOptions::Tar(entries)],
        "gzip" | "gz" => vec![DecoderOptions::Gzip],
        "bzip2" | "bz2" => vec![DecoderOptions::Bzip2],
        "zstd" => vec![DecoderOptions::Zstd],
        "xz" => vec![DecoderOptions::Xz],
        "deflate" | "zlib" => vec![DecoderOptions::Zlib],
        "tgz" | "tar.gz" => vec![DecoderOptions::Gzip, DecoderOptions::Tar(entries)],
        "tbz" | "tbz2" | "tb2" | "tar.bz2" => vec![DecoderOptions::Bzip2, DecoderOptions::Tar(entries)],
        "txz" | "tar.xz" => vec![DecoderOptions::Xz, DecoderOptions::Tar(entries)],
        _ => {
            let supported =
                "zip, jar, tar, gzip, bzip2, zstd, xz, deflate, tgz, tar.gz, tbz, tbz2, tb2, tar.bz2, txz, tar.xz";
            entry.error(
                "format",
                format!("unsupported format '{format}'. Supported formats are [{supported}]"),
            );
            return None;
        }
    };
    Some(Step::Listed(decoders))
}
