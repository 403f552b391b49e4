//! Takes a file through all its decoders, and through those of every entry if it is an archive.
//!
//! The decoders of a file form a stack of layers, outermost first; each one but the first reads from a buffer that the layer
//! below it fills. Bytes are *pulled*: the innermost layer is asked for output and asks the one below it when its buffer is
//! empty. On top of the decoders lies a layer that is plain, and before that undecided while detection gathers its first bytes.
//!
//! An archive ends everything above it whenever an entry ends, so the layers above are finished (an entry that was cut short is
//! an error) and built anew for the next entry. An entry is announced when it is known to be a file for the parser: an archive
//! inside an archive is not announced itself, and its entries are called `outer.zip!inner.csv`.
//!
//! Decoders that are not in use are kept and used again, for the next entry as for the next file.

use super::bzip2::Bzip2Codec;
use super::codec::Streams;
use super::gzip::GzipDecoder;
use super::magic::{HEAD_BYTES, detect};
use super::tar::TarDecoder;
use super::xz::XzCodec;
use super::zip::ZipDecoder;
use super::zlib::ZlibCodec;
use super::zstd::ZstdCodec;
use super::{DecodeError, DecodeOptions, Decoder, DecoderOptions, Event, Progress};

/// Most layers that are detected in one file. Two are common (`.tar.gz`, gzip in zip); endless ones are an attack.
const MAX_DETECTED_LAYERS: usize = 4;

/// Bytes between two layers. Large enough to keep the cost of a call small, small enough for the second-level cache.
const LAYER_BYTES: usize = 64 * 1024;

/// Decodes files, one after the other, each through all its layers.
///
/// For every file: [`begin`](FileDecoder::begin), [`decode`](FileDecoder::decode) while there is input, and
/// [`finish`](FileDecoder::finish) until it says that nothing is left. Only then was the file complete.
///
/// **Errors** carry offsets in the file's own bytes. For a layer inside another one that is how far the file had been read (at
/// most some layers' buffers behind the place), and the reason adds the offset inside the layer.
pub struct FileDecoder {
    options: DecodeOptions,
    /// Outermost first; never empty. What is no decoder comes last.
    layers: Vec<Layer>,
    spares: Vec<(DecoderOptions, Box<dyn Decoder>)>,
    spare_buffers: Vec<Vec<u8>>,
    /// Bytes of the file taken so far, from earlier calls.
    file_byte: u64,
}

struct Layer {
    kind: Kind,
    /// What the layer below gave, or the head of the file; of it, `start..end` is not consumed.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// What comes after those bytes, once that is known.
    source_end: Option<SourceEnd>,
    /// The decoder may give more without further input.
    has_more: bool,
    /// Of an archive: the entry under way.
    entry: Option<String>,
}

enum Kind {
    /// Detection is gathering bytes.
    Undecided,
    Plain,
    Decoder(DecoderOptions, Box<dyn Decoder>),
}

/// Why a layer's input ends.
#[derive(Debug)]
enum SourceEnd {
    /// The archive of this level begins another entry.
    Entry { level: usize, name: String },
    /// The file ends.
    File,
}

/// Why a pull returned.
enum Pulled {
    NeedsInput,
    OutputFull,
    Ended(SourceEnd),
}

/// The caller's input.
struct Source<'a> {
    input: &'a [u8],
    consumed: usize,
    /// Nothing comes after it.
    has_ended: bool,
}

impl<'a> Source<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.input[self.consumed..]
    }
}

impl FileDecoder {
    /// Builds the decoders; it is ready for the first file.
    pub fn new(options: &DecodeOptions) -> FileDecoder {
        let spares = match options {
            DecodeOptions::Auto => Vec::new(),
            DecodeOptions::Listed(list) => list.iter().map(|layer| (layer.clone(), build(layer))).collect(),
        };
        let mut decoder = FileDecoder {
            options: options.clone(),
            layers: Vec::new(),
            spares,
            spare_buffers: Vec::new(),
            file_byte: 0,
        };
        decoder.begin();
        decoder
    }

    /// Forgets the current file and is ready for the next one; allocations are kept.
    pub fn begin(&mut self) {
        self.drop_layers(0);
        self.file_byte = 0;
        self.push_layers();
    }

    /// Decodes some of `input` into the front of `output`, with the contract of [`Decoder::decode`].
    ///
    /// While a format is being detected, up to 512 bytes are consumed and nothing is produced.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut source = Source {
            input,
            consumed: 0,
            has_ended: false,
        };
        self.advance(&mut source, output)
    }

    /// Says that no input is left, and hands out what is still inside: call it until it says [`Event::NeedsInput`], which here
    /// means that all bytes were given and every layer was complete. Other events mean what they mean for
    /// [`decode`](FileDecoder::decode); `consumed` is always 0.
    ///
    /// **Errors**: [`DecodeError::Truncated`] if a layer is not complete.
    pub fn finish(&mut self, output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut source = Source {
            input: &[],
            consumed: 0,
            has_ended: true,
        };
        self.advance(&mut source, output)
    }

    /// How many of the first bytes of `input` are plain as they are, which [`decode`](FileDecoder::decode) would only copy. The caller takes
    /// them itself; they count as consumed.
    pub fn pass(&mut self, input: &[u8]) -> usize {
        let [layer] = self.layers.as_slice() else {
            return 0;
        };
        if !matches!(layer.kind, Kind::Plain) || layer.start < layer.end {
            return 0;
        }
        self.file_byte += input.len() as u64;
        input.len()
    }

    fn advance(&mut self, source: &mut Source<'_>, output: &mut [u8]) -> Result<Progress, DecodeError> {
        let result = self.run(source, output);
        self.file_byte += source.consumed as u64;
        let (produced, event) = result?;
        Ok(Progress {
            consumed: source.consumed,
            produced,
            event,
        })
    }

    fn run(&mut self, source: &mut Source<'_>, output: &mut [u8]) -> Result<(usize, Event), DecodeError> {
        let mut produced = 0;
        loop {
            let top = self.layers.len() - 1;
            if matches!(self.layers[top].kind, Kind::Undecided) {
                if !self.gather_head(source)? {
                    return Ok((produced, Event::NeedsInput));
                }
                if let Some(name) = self.decide(source)? {
                    return Ok((produced, Event::Entry(name)));
                }
                continue;
            }
            let (count, pulled) = self.pull(top, source, &mut output[produced..])?;
            produced += count;
            match pulled {
                Pulled::NeedsInput => return Ok((produced, Event::NeedsInput)),
                Pulled::OutputFull => return Ok((produced, Event::OutputFull)),
                Pulled::Ended(SourceEnd::File) => {
                    // Says the same if it is asked again.
                    self.layers[top].source_end = Some(SourceEnd::File);
                    return Ok((produced, Event::NeedsInput));
                }
                Pulled::Ended(SourceEnd::Entry { level, name }) => {
                    self.drop_layers(level + 1);
                    self.layers[level].entry = Some(name);
                    self.push_layers();
                    if let Some(name) = self.announced() {
                        return Ok((produced, Event::Entry(name)));
                    }
                }
            }
        }
    }

    /// Gives bytes of a layer: how many, and why not more.
    fn pull(
        &mut self,
        level: usize,
        source: &mut Source<'_>,
        output: &mut [u8],
    ) -> Result<(usize, Pulled), DecodeError> {
        let mut produced = 0;
        loop {
            let layer = &mut self.layers[level];
            let has_input = layer.start < layer.end;
            if let Kind::Decoder(_, decoder) = &mut layer.kind {
                if has_input || layer.has_more || (level == 0 && !source.rest().is_empty()) {
                    let is_from_source = !has_input && level == 0;
                    let input = if is_from_source {
                        source.rest()
                    } else {
                        &layer.buffer[layer.start..layer.end]
                    };
                    let progress = match decoder.decode(input, &mut output[produced..]) {
                        Ok(progress) => progress,
                        Err(error) => return Err(self.place(level, error, source)),
                    };
                    if is_from_source {
                        source.consumed += progress.consumed;
                    } else {
                        layer.start += progress.consumed;
                    }
                    produced += progress.produced;
                    layer.has_more = progress.event != Event::NeedsInput;
                    match progress.event {
                        Event::NeedsInput => continue,
                        Event::OutputFull => return Ok((produced, Pulled::OutputFull)),
                        Event::Entry(name) => {
                            return Ok((produced, Pulled::Ended(SourceEnd::Entry { level, name })));
                        }
                    }
                }
            } else if has_input {
                let count = (layer.end - layer.start).min(output.len() - produced);
                output[produced..produced + count].copy_from_slice(&layer.buffer[layer.start..layer.start + count]);
                layer.start += count;
                produced += count;
                if layer.start < layer.end {
                    return Ok((produced, Pulled::OutputFull));
                }
                continue;
            }

            // The layer has used up what it was given.
            if let Some(source_end) = layer.source_end.take() {
                if let Kind::Decoder(_, decoder) = &mut layer.kind
                    && let Err(error) = decoder.finish()
                {
                    return Err(self.place(level, error, source));
                }
                return Ok((produced, Pulled::Ended(source_end)));
            }
            let is_plain = matches!(layer.kind, Kind::Plain);
            if level == 0 {
                if is_plain && !source.rest().is_empty() {
                    let rest = source.rest();
                    let count = rest.len().min(output.len() - produced);
                    output[produced..produced + count].copy_from_slice(&rest[..count]);
                    source.consumed += count;
                    produced += count;
                    if count < rest.len() {
                        return Ok((produced, Pulled::OutputFull));
                    }
                }
                if !source.has_ended {
                    return Ok((produced, Pulled::NeedsInput));
                }
                layer.source_end = Some(SourceEnd::File);
            } else if is_plain {
                let (count, pulled) = self.pull(level - 1, source, &mut output[produced..])?;
                return Ok((produced + count, pulled));
            } else if !self.refill(level, source, LAYER_BYTES)? {
                return Ok((produced, Pulled::NeedsInput));
            }
        }
    }

    /// Adds to a layer's buffer, up to `capacity` bytes, from the layer below or from the caller's input; false: neither bytes
    /// nor an end came.
    fn refill(&mut self, level: usize, source: &mut Source<'_>, capacity: usize) -> Result<bool, DecodeError> {
        let layer = &mut self.layers[level];
        if layer.start == layer.end {
            (layer.start, layer.end) = (0, 0);
        }
        if layer.buffer.len() < capacity {
            layer.buffer.resize(capacity, 0);
        }
        if level == 0 {
            let count = source.rest().len().min(capacity - layer.end);
            layer.buffer[layer.end..layer.end + count].copy_from_slice(&source.rest()[..count]);
            source.consumed += count;
            layer.end += count;
            if source.has_ended {
                layer.source_end = Some(SourceEnd::File);
            }
            return Ok(count > 0 || source.has_ended);
        }
        // Taken out, because the layers below are borrowed too.
        let mut buffer = std::mem::take(&mut layer.buffer);
        let end = layer.end;
        let result = self.pull(level - 1, source, &mut buffer[end..capacity]);
        let layer = &mut self.layers[level];
        layer.buffer = buffer;
        let (count, pulled) = result?;
        layer.end += count;
        match pulled {
            Pulled::NeedsInput | Pulled::OutputFull => Ok(count > 0),
            Pulled::Ended(source_end) => {
                layer.source_end = Some(source_end);
                Ok(true)
            }
        }
    }

    /// Fills the head of the undecided layer; false: more input is needed.
    fn gather_head(&mut self, source: &mut Source<'_>) -> Result<bool, DecodeError> {
        let top = self.layers.len() - 1;
        loop {
            let layer = &self.layers[top];
            if layer.end >= HEAD_BYTES || layer.source_end.is_some() {
                return Ok(true);
            }
            if !self.refill(top, source, HEAD_BYTES)? {
                return Ok(false);
            }
        }
    }

    /// Decides on the undecided layer by its head; gives the name of an entry that thereby is a file for the parser.
    fn decide(&mut self, source: &Source<'_>) -> Result<Option<String>, DecodeError> {
        let level = self.layers.len() - 1;
        let layer = &self.layers[level];
        let Some(options) = detect(&layer.buffer[..layer.end]) else {
            self.layers[level].kind = Kind::Plain;
            return Ok(self.announced());
        };
        if level >= MAX_DETECTED_LAYERS {
            let reason = format!("more than `{MAX_DETECTED_LAYERS}` layers of compression inside each other");
            return Err(DecodeError::Unsupported {
                format: options.name(),
                reason,
                byte: self.file_byte + source.consumed as u64,
            });
        }
        let is_archive = is_archive(&options);
        let decoder = self.take_decoder(&options);
        self.layers[level].kind = Kind::Decoder(options, decoder);
        if !is_archive {
            self.push_layer(Kind::Undecided);
        }
        Ok(None)
    }

    /// Adds the layers that are known at a file's or entry's begin. Above an archive there are none before its first entry.
    fn push_layers(&mut self) {
        let DecodeOptions::Listed(list) = &self.options else {
            return self.push_layer(Kind::Undecided);
        };
        let pending = list[self.layers.len()..].to_vec();
        for options in pending {
            let is_archive = is_archive(&options);
            let decoder = self.take_decoder(&options);
            self.push_layer(Kind::Decoder(options, decoder));
            if is_archive {
                return;
            }
        }
        self.push_layer(Kind::Plain);
    }

    fn push_layer(&mut self, kind: Kind) {
        let buffer = self.spare_buffers.pop().unwrap_or_default();
        self.layers.push(Layer {
            kind,
            buffer,
            start: 0,
            end: 0,
            source_end: None,
            has_more: false,
            entry: None,
        });
    }

    /// Removes the layers from this level on and keeps what they are made of.
    fn drop_layers(&mut self, level: usize) {
        for layer in self.layers.drain(level..) {
            self.spare_buffers.push(layer.buffer);
            if let Kind::Decoder(options, decoder) = layer.kind {
                self.spares.push((options, decoder));
            }
        }
    }

    fn take_decoder(&mut self, options: &DecoderOptions) -> Box<dyn Decoder> {
        let spare = self.spares.iter().position(|(candidate, _)| candidate == options);
        let mut decoder = match spare {
            Some(index) => self.spares.swap_remove(index).1,
            None => build(options),
        };
        decoder.begin();
        decoder
    }

    /// The name to announce, if an entry has just begun whose layers are all known.
    fn announced(&self) -> Option<String> {
        if !matches!(self.layers.last()?.kind, Kind::Plain) {
            return None;
        }
        self.entry_path()
    }

    fn entry_path(&self) -> Option<String> {
        let names: Vec<&str> = self.layers.iter().filter_map(|layer| layer.entry.as_deref()).collect();
        (!names.is_empty()).then(|| names.join("!"))
    }

    /// Turns the offset inside a layer into one in the file.
    fn place(&self, level: usize, error: DecodeError, source: &Source<'_>) -> DecodeError {
        if level == 0 {
            return error;
        }
        let file_byte = self.file_byte + source.consumed as u64;
        let explain = |reason: String, byte: u64| {
            let Kind::Decoder(outer, _) = &self.layers[level - 1].kind else {
                return reason;
            };
            match self.entry_path() {
                Some(entry) if is_archive(outer) => format!("{reason} (at byte {byte} of entry `{entry}`)"),
                Some(entry) => format!(
                    "{reason} (at byte {byte} of the {} data's content, in entry `{entry}`)",
                    outer.name()
                ),
                None => format!("{reason} (at byte {byte} of the {} data's content)", outer.name()),
            }
        };
        match error {
            DecodeError::Corrupt { format, reason, byte } => DecodeError::Corrupt {
                format,
                reason: explain(reason, byte),
                byte: file_byte,
            },
            DecodeError::Unsupported { format, reason, byte } => DecodeError::Unsupported {
                format,
                reason: explain(reason, byte),
                byte: file_byte,
            },
            DecodeError::Truncated { format, .. } => DecodeError::Truncated {
                format,
                byte: file_byte,
            },
        }
    }
}

fn build(options: &DecoderOptions) -> Box<dyn Decoder> {
    match options {
        DecoderOptions::Gzip => Box::new(GzipDecoder::new()),
        DecoderOptions::Bzip2 => Box::new(Streams::new(Bzip2Codec::new())),
        DecoderOptions::Zstd => Box::new(Streams::new(ZstdCodec::new())),
        DecoderOptions::Xz => Box::new(Streams::new(XzCodec::new())),
        DecoderOptions::Zlib => Box::new(Streams::new(ZlibCodec::new())),
        DecoderOptions::Zip(entries) => Box::new(ZipDecoder::new(entries)),
        DecoderOptions::Tar(entries) => Box::new(TarDecoder::new(entries)),
    }
}

fn is_archive(options: &DecoderOptions) -> bool {
    matches!(options, DecoderOptions::Zip(_) | DecoderOptions::Tar(_))
}
