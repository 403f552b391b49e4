//! Turns a zip archive into the bytes of its entries, front to back.
//!
//! The directory at an archive's end is no help to a reader that sees every byte once, so the local headers before the entries
//! are what is read. An archive is complete only when its end record has come, and the directory must count as many entries as
//! were read: otherwise some were cut off, or deleted by leaving them out of the directory. Folders are passed over. Names have no
//! checksum, so the directory's must want as many entries as those before the data did.
//!
//! Not supported, by the nature of reading forwards: stored entries whose size comes after their data. Nor are encryption,
//! several volumes and rare compression methods; entries with those can be left out by `match_name` if their size comes first.
//!
//! Reading order: `record` (headers as they lie in the file), `name` (their character sets).

mod name;
mod record;

use crc32fast::Hasher;

use self::record::{
    CENTRAL_HEADER_BYTES, Entry, LOCAL_HEADER_BYTES, MAX_DESCRIPTOR_BYTES, Measured, Method, u16_at, u32_at, u64_at,
};
use super::bzip2::Bzip2Codec;
use super::codec::{Codec, Fault, Io, Step, StepError};
use super::inflate::Inflate;
use super::zstd::ZstdCodec;
use super::{DecodeError, Decoder, EntryOptions, Event, Progress};

const FORMAT: &str = "zip";

/// Output of entries that are decoded only to find their end.
const SCRATCH_BYTES: usize = 32 * 1024;

/// The decoder of zip; see the module.
pub(super) struct ZipDecoder {
    entries: EntryOptions,
    state: State,
    /// Bytes of a record that is not complete; at most one header with name and extra fields, so below 128 KiB plus 46 bytes.
    held: Vec<u8>,
    codecs: Codecs,
    scratch: Vec<u8>,
    num_entries: u64,
    num_listed: u64,
    /// Of them, those that are read: by the headers before the data, and by the directory.
    num_wanted: u64,
    num_wanted_listed: u64,
    /// What the zip64 end record says.
    zip64_num_listed: Option<u64>,
    /// Bytes of input seen by earlier calls.
    byte: u64,
}

enum State {
    /// Before a record.
    Record,
    Data(Box<Data>),
    Descriptor(Box<Data>),
    /// Bytes to be passed over, and whether the archive ends with them.
    Skip {
        left: u64,
        is_end: bool,
    },
    End,
}

/// An entry on its way.
struct Data {
    entry: Entry,
    method: Method,
    /// Decoded into the scratch.
    is_unwanted: bool,
    /// `None`: the data says itself where it ends.
    compressed_left: Option<u64>,
    crc: Hasher,
    compressed_bytes: u64,
    bytes: u64,
    /// The codec is between two streams (zstd may have several).
    is_stream_open: bool,
}

/// Made when first needed, then kept.
#[derive(Default)]
struct Codecs {
    inflate: Option<Inflate>,
    bzip2: Option<Bzip2Codec>,
    zstd: Option<ZstdCodec>,
}

impl Codecs {
    /// Stored data has none.
    fn begin(&mut self, method: Method) {
        match method {
            Method::Stored => {}
            Method::Deflate => self.inflate.get_or_insert_with(Inflate::new).begin(),
            Method::Bzip2 => self.bzip2.get_or_insert_with(Bzip2Codec::new).begin(),
            Method::Zstd => self.zstd.get_or_insert_with(ZstdCodec::new).begin(),
        }
    }

    /// Goes on with the stream; stored data is one that never ends.
    fn step(&mut self, method: Method, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        match method {
            Method::Stored => {
                let count = input.len().min(output.len());
                output[..count].copy_from_slice(&input[..count]);
                Ok(Step {
                    consumed: count,
                    produced: count,
                    has_ended: false,
                })
            }
            Method::Deflate => self.inflate.get_or_insert_with(Inflate::new).step(input, output),
            Method::Bzip2 => self.bzip2.get_or_insert_with(Bzip2Codec::new).step(input, output),
            Method::Zstd => self.zstd.get_or_insert_with(ZstdCodec::new).step(input, output),
        }
    }
}

/// How reading the data of an entry came out.
enum Flow {
    Stop(Event),
    /// The data is complete.
    Complete,
}

impl ZipDecoder {
    /// Makes one, ready for its first file.
    pub(super) fn new(options: &EntryOptions) -> Self {
        ZipDecoder {
            entries: options.clone(),
            state: State::Record,
            held: Vec::new(),
            codecs: Codecs::default(),
            scratch: Vec::new(),
            num_entries: 0,
            num_listed: 0,
            num_wanted: 0,
            num_wanted_listed: 0,
            zip64_num_listed: None,
            byte: 0,
        }
    }

    fn run(&mut self, io: &mut Io<'_>) -> Result<Event, Fault> {
        loop {
            match std::mem::replace(&mut self.state, State::Record) {
                State::Record => {
                    if let Some(event) = self.read_record(io)? {
                        return Ok(event);
                    }
                }
                State::Data(mut data) => match self.read_data(&mut data, io)? {
                    Flow::Stop(event) => {
                        self.state = State::Data(data);
                        return Ok(event);
                    }
                    Flow::Complete if data.entry.has_descriptor => self.state = State::Descriptor(data),
                    Flow::Complete => check_header(&data)?,
                },
                State::Descriptor(data) => {
                    if !self.hold(MAX_DESCRIPTOR_BYTES, io) {
                        self.state = State::Descriptor(data);
                        return Ok(Event::NeedsInput);
                    }
                    self.read_descriptor(&data)?;
                }
                State::Skip { left, is_end } => {
                    let left = self.skip(left, io);
                    if left > 0 {
                        self.state = State::Skip { left, is_end };
                        return Ok(Event::NeedsInput);
                    }
                    self.state = if is_end { State::End } else { State::Record };
                }
                State::End => {
                    self.state = State::End;
                    if !io.input().is_empty() || !self.held.is_empty() {
                        return Err(Fault::Corrupt("data after the end of the archive".to_owned()));
                    }
                    return Ok(Event::NeedsInput);
                }
            }
        }
    }

    /// Reads until `count` bytes are held; false: the input does not suffice.
    fn hold(&mut self, count: usize, io: &mut Io<'_>) -> bool {
        let input = io.input();
        let taken = count.saturating_sub(self.held.len()).min(input.len());
        self.held.extend_from_slice(&input[..taken]);
        io.consumed += taken;
        self.held.len() >= count
    }

    /// Drops bytes held, then input; says how many are left to drop.
    fn skip(&mut self, left: u64, io: &mut Io<'_>) -> u64 {
        let from_held = clamp(left, self.held.len());
        self.held.drain(..from_held);
        let left = left - from_held as u64;
        let from_input = clamp(left, io.input().len());
        io.consumed += from_input;
        left - from_input as u64
    }

    /// Reads the next record; gives an event if that is a reason to return.
    fn read_record(&mut self, io: &mut Io<'_>) -> Result<Option<Event>, Fault> {
        const NEEDS_INPUT: Result<Option<Event>, Fault> = Ok(Some(Event::NeedsInput));
        if !self.hold(4, io) {
            return NEEDS_INPUT;
        }
        match u32_at(&self.held, 0) {
            record::LOCAL_HEADER => {
                if !self.hold(LOCAL_HEADER_BYTES, io) {
                    return NEEDS_INPUT;
                }
                let variable_bytes = usize::from(u16_at(&self.held, 26)) + usize::from(u16_at(&self.held, 28));
                if !self.hold(LOCAL_HEADER_BYTES + variable_bytes, io) {
                    return NEEDS_INPUT;
                }
                self.begin_entry()
            }
            record::CENTRAL_HEADER => {
                if !self.hold(CENTRAL_HEADER_BYTES, io) {
                    return NEEDS_INPUT;
                }
                let named = [28, 30].map(|at| usize::from(u16_at(&self.held, at)));
                let length = CENTRAL_HEADER_BYTES + named[0] + named[1];
                if !self.hold(length, io) {
                    return NEEDS_INPUT;
                }
                self.num_listed += 1;
                if self.is_wanted(&record::listed_name(&self.held))? {
                    self.num_wanted_listed += 1;
                }
                let comment_bytes = u64::from(u16_at(&self.held, 32));
                self.pass_over(length, comment_bytes)
            }
            record::DIGITAL_SIGNATURE => {
                if !self.hold(6, io) {
                    return NEEDS_INPUT;
                }
                self.pass_over(6, u64::from(u16_at(&self.held, 4)))
            }
            record::ZIP64_END => {
                if !self.hold(56, io) {
                    return NEEDS_INPUT;
                }
                // The size counts from behind itself, 12 bytes into the record.
                let Some(rest) = u64_at(&self.held, 4).checked_sub(56 - 12) else {
                    return Err(Fault::Corrupt("the zip64 end record is too short".to_owned()));
                };
                self.zip64_num_listed = Some(u64_at(&self.held, 32));
                self.pass_over(56, rest)
            }
            record::ZIP64_LOCATOR => {
                if !self.hold(20, io) {
                    return NEEDS_INPUT;
                }
                self.pass_over(20, 0)
            }
            record::END => {
                if !self.hold(22, io) {
                    return NEEDS_INPUT;
                }
                self.check_end()?;
                let comment_bytes = u64::from(u16_at(&self.held, 20));
                self.held.drain(..22);
                self.state = State::Skip {
                    left: comment_bytes,
                    is_end: true,
                };
                Ok(None)
            }
            record::ARCHIVE_EXTRA_DATA => Err(Fault::Unsupported("encryption of the directory".to_owned())),
            other if self.num_entries == 0 && self.num_listed == 0 => Err(Fault::Corrupt(format!(
                "not the first bytes of a zip archive: `{other:08x}`"
            ))),
            other => Err(Fault::Corrupt(format!(
                "`{other:08x}` is not the signature of a zip record"
            ))),
        }
    }

    fn pass_over(&mut self, held: usize, rest: u64) -> Result<Option<Event>, Fault> {
        self.held.drain(..held);
        self.state = State::Skip {
            left: rest,
            is_end: false,
        };
        Ok(None)
    }

    fn is_wanted(&self, name: &str) -> Result<bool, Fault> {
        Ok(!record::is_directory(name) && self.entries.admit(name)?)
    }

    /// Acts on a complete local header.
    fn begin_entry(&mut self) -> Result<Option<Event>, Fault> {
        if self.num_listed > 0 {
            return Err(Fault::Corrupt("an entry after the directory".to_owned()));
        }
        let entry = Entry::parse(&self.held)?;
        // Nothing else is held: what a descriptor leaves is shorter than a local header.
        self.held.clear();
        self.num_entries += 1;
        let is_unwanted = !self.is_wanted(&entry.name)?;
        self.num_wanted += u64::from(!is_unwanted);
        if is_unwanted && !entry.has_descriptor {
            self.state = State::Skip {
                left: entry.compressed_size,
                is_end: false,
            };
            return Ok(None);
        }
        let method = match &entry.method {
            Ok(method) => *method,
            Err(feature) => return Err(Fault::Unsupported(format!("{feature} of entry `{}`", entry.name))),
        };
        // With a descriptor, sizes in the header should be 0 and are not trusted where the data has an end of its own.
        let is_size_known = !entry.has_descriptor || method == Method::Stored;
        let compressed_left = is_size_known.then_some(entry.compressed_size);
        let event = (!is_unwanted).then(|| Event::Entry(entry.name.clone()));
        self.state = State::Data(Box::new(Data {
            entry,
            method,
            is_unwanted,
            compressed_left,
            crc: Hasher::new(),
            compressed_bytes: 0,
            bytes: 0,
            is_stream_open: false,
        }));
        Ok(event)
    }

    fn read_data(&mut self, data: &mut Data, io: &mut Io<'_>) -> Result<Flow, Fault> {
        loop {
            if !data.is_stream_open {
                if data.compressed_left == Some(0) {
                    return Ok(Flow::Complete);
                }
                self.codecs.begin(data.method);
                data.is_stream_open = true;
            }
            if !data.is_unwanted && io.is_output_full() {
                return Ok(Flow::Stop(Event::OutputFull));
            }
            let (input, output) = io.split();
            let input = &input[..data
                .compressed_left
                .map_or(input.len(), |left| clamp(left, input.len()))];
            let output = if data.is_unwanted {
                self.scratch.resize(SCRATCH_BYTES, 0);
                &mut self.scratch[..]
            } else {
                output
            };
            let step = match self.codecs.step(data.method, input, output) {
                Ok(step) => step,
                Err(error) => {
                    io.consumed += error.consumed;
                    return Err(in_entry(error.fault, &data.entry));
                }
            };
            data.crc.update(&output[..step.produced]);
            data.bytes += step.produced as u64;
            data.compressed_bytes += step.consumed as u64;
            data.compressed_left = data.compressed_left.map(|left| left - step.consumed as u64);
            let is_scratch_full = data.is_unwanted && step.produced == output.len();
            io.consumed += step.consumed;
            if !data.is_unwanted {
                io.produced += step.produced;
            }
            if !data.entry.has_descriptor && data.bytes > data.entry.size {
                let reason = format!("more bytes than the `{}` declared", data.entry.size);
                return Err(in_entry(Fault::Corrupt(reason), &data.entry));
            }

            if step.has_ended || (data.method == Method::Stored && data.compressed_left == Some(0)) {
                data.is_stream_open = false;
                match data.compressed_left {
                    None => return Ok(Flow::Complete),
                    Some(0) => {}
                    Some(_) if data.method == Method::Zstd => {}
                    Some(left) => {
                        let reason = format!("compressed data ends `{left}` bytes before its declared size");
                        return Err(in_entry(Fault::Corrupt(reason), &data.entry));
                    }
                }
            } else if !data.is_unwanted && io.is_output_full() {
                return Ok(Flow::Stop(Event::OutputFull));
            } else if is_scratch_full {
                // The codec may hold more.
            } else if data.compressed_left == Some(0) {
                let reason = "compressed data does not end at its declared size".to_owned();
                return Err(in_entry(Fault::Corrupt(reason), &data.entry));
            } else if io.input().is_empty() {
                return Ok(Flow::Stop(Event::NeedsInput));
            }
        }
    }

    fn read_descriptor(&mut self, data: &Data) -> Result<(), Fault> {
        let bytes = self
            .held
            .first_chunk()
            .expect("the caller holds as many bytes as the longest descriptor");
        let measured = data.measured();
        let Some(length) = record::descriptor_bytes(bytes, measured) else {
            if data.method == Method::Stored && data.entry.compressed_size == 0 {
                let reason = "stored data whose size comes after it".to_owned();
                return Err(in_entry(Fault::Unsupported(reason), &data.entry));
            }
            let reason = format!(
                "data descriptor does not agree with the data, which has `{}` bytes and checksum `{:08x}`",
                measured.size, measured.crc
            );
            return Err(in_entry(Fault::Corrupt(reason), &data.entry));
        };
        self.held.drain(..length);
        Ok(())
    }

    /// Compares the numbers of entries.
    fn check_end(&self) -> Result<(), Fault> {
        let disk = u16_at(&self.held, 4);
        if disk != 0 && disk != u16::MAX {
            return Err(Fault::Unsupported("an archive of several volumes".to_owned()));
        }
        let declared = u16_at(&self.held, 10);
        // In zip64 the number here is 0xffff, and some writers let it wrap.
        let is_declared = match self.zip64_num_listed {
            Some(zip64) => zip64 == self.num_listed && (declared == u16::MAX || u64::from(declared) == zip64 & 0xffff),
            None => u64::from(declared) == self.num_listed & 0xffff,
        };
        if !is_declared || self.num_listed != self.num_entries {
            let reason = format!(
                "the archive has `{}` entries, its directory `{}` and its end record counts `{}`",
                self.num_entries,
                self.num_listed,
                self.zip64_num_listed.unwrap_or(u64::from(declared)),
            );
            return Err(Fault::Corrupt(reason));
        }
        // No checksum covers a name, and a damaged one could leave out its entry.
        if self.num_wanted != self.num_wanted_listed {
            let reason = format!(
                "`{}` entries are wanted by their own names, and `{}` by the names in the directory",
                self.num_wanted, self.num_wanted_listed
            );
            return Err(Fault::Corrupt(reason));
        }
        Ok(())
    }
}

impl Data {
    fn measured(&self) -> Measured {
        Measured {
            crc: self.crc.clone().finalize(),
            compressed_size: self.compressed_bytes,
            size: self.bytes,
        }
    }
}

impl Decoder for ZipDecoder {
    fn begin(&mut self) {
        self.state = State::Record;
        self.held.clear();
        self.num_entries = 0;
        self.num_listed = 0;
        self.num_wanted = 0;
        self.num_wanted_listed = 0;
        self.zip64_num_listed = None;
        self.byte = 0;
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut io = Io::new(input, output);
        let result = self.run(&mut io);
        io.outcome(result, FORMAT, &mut self.byte)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        match self.state {
            State::End => Ok(()),
            _ => Err(DecodeError::Truncated {
                format: FORMAT,
                byte: self.byte,
            }),
        }
    }
}

/// Compares what a local header declares with the data.
fn check_header(data: &Data) -> Result<(), Fault> {
    let (measured, entry) = (data.measured(), &data.entry);
    let reason = if measured.size != entry.size {
        format!("`{}` bytes instead of the `{}` declared", measured.size, entry.size)
    } else if measured.crc != entry.crc {
        format!(
            "checksum is `{:08x}` but the header says `{:08x}`",
            measured.crc, entry.crc
        )
    } else {
        return Ok(());
    };
    Err(in_entry(Fault::Corrupt(reason), entry))
}

fn in_entry(fault: Fault, entry: &Entry) -> Fault {
    match fault {
        Fault::Corrupt(reason) => Fault::Corrupt(format!("{reason}, in entry `{}`", entry.name)),
        Fault::Unsupported(reason) => Fault::Unsupported(format!("{reason}, in entry `{}`", entry.name)),
    }
}

fn clamp(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}
