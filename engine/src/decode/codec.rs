//! Turns a codec that reads one compressed stream into a decoder of a file of such streams.
//!
//! A [`Codec`] stops exactly where its stream ends and does not look at what follows; that is what archives need, whose entries
//! are followed by other records. [`Streams`] adds what a file needs: any number of streams, and none cut short.

use super::{DecodeError, Decoder, Event, Progress};

/// Reads one stream of one format.
pub(super) trait Codec: Send {
    /// Name of the format in messages.
    const FORMAT: &'static str;
    /// Whether a file may hold several streams one after the other.
    const IS_CONCATENABLE: bool;

    /// Forgets what it keeps from one stream of a file to the next.
    fn begin_file(&mut self) {}

    /// Is ready for a new stream.
    fn begin(&mut self);

    /// Goes on until the input is used up, the output is full or the stream has ended.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError>;
}

/// How far a step came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The stream is complete and all its bytes are handed out.
    pub(super) has_ended: bool,
}

impl Step {
    /// The stream has ended here.
    pub(super) fn last(consumed: usize, produced: usize) -> Step {
        Step {
            consumed,
            produced,
            has_ended: true,
        }
    }

    /// The stream goes on. `None`: it had input and room and used neither, so it never will.
    pub(super) fn onwards(consumed: usize, produced: usize, input: &[u8], output: &[u8]) -> Option<Step> {
        let is_stuck = consumed == 0 && produced == 0 && !input.is_empty() && !output.is_empty();
        (!is_stuck).then_some(Step {
            consumed,
            produced,
            has_ended: false,
        })
    }
}

/// Why a step failed.
#[derive(Debug)]
pub(super) struct StepError {
    pub(super) fault: Fault,
    /// Bytes of this step's input before the place of the fault.
    pub(super) consumed: usize,
}

/// What is wrong, without its place.
#[derive(Debug)]
pub(super) enum Fault {
    Corrupt(String),
    Unsupported(String),
}

impl Fault {
    pub(super) fn at(self, format: &'static str, byte: u64) -> DecodeError {
        match self {
            Fault::Corrupt(reason) => DecodeError::Corrupt { format, reason, byte },
            Fault::Unsupported(reason) => DecodeError::Unsupported { format, reason, byte },
        }
    }
}

/// The input and output of one call, and how much of each is used.
pub(super) struct Io<'a> {
    input: &'a [u8],
    output: &'a mut [u8],
    pub(super) consumed: usize,
    pub(super) produced: usize,
}

impl<'a> Io<'a> {
    pub(super) fn new(input: &'a [u8], output: &'a mut [u8]) -> Self {
        Io {
            input,
            output,
            consumed: 0,
            produced: 0,
        }
    }

    /// Input not consumed yet.
    pub(super) fn input(&self) -> &'a [u8] {
        &self.input[self.consumed..]
    }

    /// Both rests at once.
    pub(super) fn split(&mut self) -> (&'a [u8], &mut [u8]) {
        (&self.input[self.consumed..], &mut self.output[self.produced..])
    }

    pub(super) fn is_output_full(&self) -> bool {
        self.produced == self.output.len()
    }

    /// Copies up to `limit` bytes and says which.
    pub(super) fn copy(&mut self, limit: u64) -> &'a [u8] {
        let (input, output) = self.split();
        let count = input
            .len()
            .min(output.len())
            .min(usize::try_from(limit).unwrap_or(usize::MAX));
        let copied = &input[..count];
        output[..count].copy_from_slice(copied);
        self.consumed += count;
        self.produced += count;
        copied
    }

    pub(super) fn progress(&self, event: Event) -> Progress {
        Progress {
            consumed: self.consumed,
            produced: self.produced,
            event,
        }
    }

    /// What the call gives; adds what it has consumed to the bytes that were seen `before`, which is where a fault stands.
    pub(super) fn outcome(
        &self,
        result: Result<Event, Fault>,
        format: &'static str,
        before: &mut u64,
    ) -> Result<Progress, DecodeError> {
        *before += self.consumed as u64;
        match result {
            Ok(event) => Ok(self.progress(event)),
            Err(fault) => Err(fault.at(format, *before)),
        }
    }
}

/// A file of one or more streams.
pub(super) struct Streams<C> {
    codec: C,
    /// A stream has begun and not ended.
    is_open: bool,
    num_ended: u64,
    /// Bytes of input seen by earlier calls.
    byte: u64,
}

impl<C: Codec> Streams<C> {
    pub(super) fn new(codec: C) -> Self {
        Streams {
            codec,
            is_open: false,
            num_ended: 0,
            byte: 0,
        }
    }

    fn run(&mut self, io: &mut Io<'_>) -> Result<Event, (Fault, usize)> {
        loop {
            if !self.is_open {
                if io.input().is_empty() {
                    return Ok(Event::NeedsInput);
                }
                if self.num_ended > 0 {
                    if !C::IS_CONCATENABLE {
                        let reason = "the stream is complete but more bytes follow".to_owned();
                        return Err((Fault::Corrupt(reason), io.consumed));
                    }
                    self.codec.begin();
                }
                self.is_open = true;
            }
            if io.is_output_full() {
                return Ok(Event::OutputFull);
            }
            let (input, output) = io.split();
            let step = self
                .codec
                .step(input, output)
                .map_err(|error| (error.fault, io.consumed + error.consumed))?;
            io.consumed += step.consumed;
            io.produced += step.produced;
            if step.has_ended {
                self.is_open = false;
                self.num_ended += 1;
            } else if io.is_output_full() {
                return Ok(Event::OutputFull);
            } else if io.input().is_empty() {
                return Ok(Event::NeedsInput);
            }
        }
    }
}

impl<C: Codec> Decoder for Streams<C> {
    fn begin(&mut self) {
        self.codec.begin_file();
        self.codec.begin();
        self.is_open = false;
        self.num_ended = 0;
        self.byte = 0;
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut io = Io::new(input, output);
        match self.run(&mut io) {
            Ok(event) => {
                self.byte += io.consumed as u64;
                Ok(io.progress(event))
            }
            Err((fault, consumed)) => {
                let fault = match fault {
                    Fault::Corrupt(reason) if self.num_ended > 0 && C::IS_CONCATENABLE => {
                        Fault::Corrupt(format!("{reason} (complete streams before it: `{}`)", self.num_ended))
                    }
                    fault => fault,
                };
                Err(fault.at(C::FORMAT, self.byte + consumed as u64))
            }
        }
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        if self.is_open || self.num_ended == 0 {
            return Err(DecodeError::Truncated {
                format: C::FORMAT,
                byte: self.byte,
            });
        }
        Ok(())
    }
}
