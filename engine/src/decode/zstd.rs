//! Turns a zstd file (RFC 8878, any number of frames, skippable ones included) into bytes.

use ::zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_error_name};

use super::codec::{Codec, Fault, Step, StepError};

/// Largest window accepted, as a power of two: 128 MiB, what `zstd -d` accepts without `--long` and `zstd --ultra -22` writes.
/// The window is the only memory that a file can ask for here.
const MAX_WINDOW_LOG: u32 = 27;

/// One zstd frame.
pub(super) struct ZstdCodec {
    context: DCtx<'static>,
    /// The last step stopped for want of output space, so it may go on without input.
    has_more: bool,
}

impl ZstdCodec {
    pub(super) fn new() -> Self {
        let mut context = DCtx::create();
        context
            .set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))
            .expect("a window of 2^27 is within the bounds of the library");
        ZstdCodec {
            context,
            has_more: false,
        }
    }
}

impl Codec for ZstdCodec {
    const FORMAT: &'static str = "zstd";
    const IS_CONCATENABLE: bool = true;

    fn begin(&mut self) {
        self.context
            .reset(ResetDirective::SessionOnly)
            .expect("resetting a session has no condition that can fail");
        self.has_more = false;
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        // The library takes repeated calls without input or space for a broken stream.
        if (input.is_empty() && !self.has_more) || output.is_empty() {
            return Ok(Step {
                consumed: 0,
                produced: 0,
                has_ended: false,
            });
        }
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        loop {
            let before = (source.pos(), target.pos());
            match self.context.decompress_stream(&mut target, &mut source) {
                Ok(hint) => {
                    let (consumed, produced) = (source.pos(), target.pos());
                    let has_ended = hint == 0;
                    let is_full = produced == target.capacity();
                    self.has_more = is_full && !has_ended;
                    if has_ended || is_full || consumed == input.len() {
                        return Ok(Step {
                            consumed,
                            produced,
                            has_ended,
                        });
                    }
                    if (consumed, produced) == before {
                        let fault = Fault::Corrupt("the frame does not go on".to_owned());
                        return Err(StepError { fault, consumed });
                    }
                }
                Err(code) => {
                    return Err(StepError {
                        fault: fault(get_error_name(code)),
                        consumed: source.pos(),
                    });
                }
            }
        }
    }
}

/// The library tells causes apart by these names only.
fn fault(name: &str) -> Fault {
    if name.contains("too much memory") {
        return Fault::Unsupported(format!("a window of more than `{}` MiB", 1 << (MAX_WINDOW_LOG - 20)));
    }
    if name.contains("Dictionary") {
        return Fault::Unsupported("a dictionary".to_owned());
    }
    if name.contains("Unknown frame descriptor") {
        return Fault::Corrupt("not the first bytes of a zstd frame".to_owned());
    }
    Fault::Corrupt(name.to_lowercase())
}
