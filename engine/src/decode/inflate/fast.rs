//! Symbols decoded without looking for the ends of input and output, as long as both are far enough away.
//!
//! The order of the steps is libdeflate's: bits are taken before it is known what they are, up to three entries of literals follow each
//! other without new bits, and the entry of the next symbol is loaded before a match is copied. Two things are ours and make it a
//! quarter faster than that: an entry gives up to two literals, or a literal and the length behind it, and a match is copied in steps of 32
//! bytes, which nine in ten do not exceed.

use super::Fault;
use super::bits::Input;
use super::table::{DISTANCE_BITS, Entry, LITERAL_BITS};
use super::window::{Output, STEP_BYTES};
use super::{Tables, too_far, unused_code};

/// One round takes at most four times eight bytes.
const MIN_INPUT_BYTES: usize = 32;

/// One round gives two entries of two literals, one more before the longest match, and that, whose last step may go beyond it.
const MIN_OUTPUT_BYTES: usize = 2 * 2 + 1 + 258 + STEP_BYTES;

/// With so many bits, a distance whose code needs no second table is complete, and the entry behind it can be loaded.
const MIN_DISTANCE_BITS: u32 = DISTANCE_BITS + 13 + LITERAL_BITS;

/// Decodes symbols; true: the last one ended the block.
pub(super) fn run(tables: &Tables, input: &mut Input<'_>, output: &mut Output<'_>) -> Result<bool, Fault> {
    if input.bytes.len() - input.at < MIN_INPUT_BYTES || output.bytes.len() - output.at < MIN_OUTPUT_BYTES {
        return Ok(false);
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has all three.
        return unsafe { run_avx2(tables, input, output) };
    }
    run_with(tables, input, output)
}

/// Shifts by a variable cost one instruction instead of three, a step of a copy two instead of four.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn run_avx2(tables: &Tables, input: &mut Input<'_>, output: &mut Output<'_>) -> Result<bool, Fault> {
    run_with(tables, input, output)
}

#[inline(always)]
fn run_with(tables: &Tables, input: &mut Input<'_>, output: &mut Output<'_>) -> Result<bool, Fault> {
    let (literals, distances) = (&tables.literals, &tables.distances);
    let input_end = input.bytes.len() - MIN_INPUT_BYTES;
    let output_end = output.bytes.len() - MIN_OUTPUT_BYTES;
    let source = input.bytes.as_ptr();
    let target = output.bytes.as_mut_ptr();

    let mut next = input.at;
    let mut at = output.at;
    let mut buffer = input.bits.buffer;
    // Only its lowest byte counts: whole entries are subtracted, and nothing is borrowed from that byte.
    let mut count = u64::from(input.bits.count);

    macro_rules! refill {
        () => {
            // SAFETY: a round begins at `input_end` at the latest, and takes at most `MIN_INPUT_BYTES`.
            let word = unsafe { source.add(next).cast::<[u8; 8]>().read() };
            buffer |= u64::from_le_bytes(word) << (count & 63);
            next += 7 - (count as usize >> 3 & 7);
            count |= 56;
        };
    }
    macro_rules! take {
        ($entry:expr) => {
            buffer >>= $entry.0 & 63;
            count = count.wrapping_sub(u64::from($entry.0));
        };
    }
    macro_rules! literal_entry {
        () => {
            literals[(buffer & ((1 << LITERAL_BITS) - 1)) as usize]
        };
    }

    refill!();
    let mut entry = literal_entry!();
    macro_rules! put_literal {
        () => {
            // SAFETY: a round begins at `output_end` at the latest, and gives at most `MIN_OUTPUT_BYTES`.
            unsafe { target.add(at).cast::<[u8; 2]>().write(entry.two_literals()) };
            at += entry.num_literals();
            entry = literal_entry!();
        };
    }
    macro_rules! end_round {
        () => {
            refill!();
            if next > input_end || at > output_end {
                break Ok(false);
            }
            continue;
        };
    }
    let result = loop {
        let mut bits = buffer;
        take!(entry);
        if entry.is_literal() {
            put_literal!();
            bits = buffer;
            take!(entry);
            if entry.is_literal() {
                put_literal!();
                bits = buffer;
                take!(entry);
                if entry.is_literal() {
                    put_literal!();
                    end_round!();
                }
            }
        }
        if entry.is_exception() {
            if entry.is_second() {
                entry = literals[entry.second(buffer)];
                bits = buffer;
                take!(entry);
            }
            if entry.is_literal() {
                put_literal!();
                end_round!();
            }
            if entry.is_end() {
                break Ok(true);
            }
            if entry.is_exception() {
                break Err(unused_code());
            }
        }
        // Without one, the match is written over it.
        // SAFETY: as for `put_literal`.
        unsafe { target.add(at).write(entry.literal_before()) };
        at += entry.num_literals_before();
        let length = entry.length(bits);

        let mut entry_of_distance = distances[(buffer & ((1 << DISTANCE_BITS) - 1)) as usize];
        if (count as u8) < MIN_DISTANCE_BITS as u8 {
            refill!();
        }
        if entry_of_distance.is_exception() {
            if !entry_of_distance.is_second() {
                break Err(unused_code());
            }
            take!(Entry(DISTANCE_BITS));
            refill!();
            entry_of_distance = distances[entry_of_distance.second(buffer)];
            if entry_of_distance.is_exception() {
                break Err(unused_code());
            }
        }
        let distance = entry_of_distance.distance(buffer);
        take!(entry_of_distance);
        entry = literal_entry!();
        refill!();

        if distance > at {
            let before = distance - at;
            if length <= before.min(STEP_BYTES)
                && let Some(step) = output.window.step(before)
            {
                // SAFETY: behind `at` there is room for the match and for one step more.
                unsafe { target.add(at).cast::<[u8; STEP_BYTES]>().write(*step) };
                at += length;
            } else {
                output.at = at;
                if output.copy(distance, length).is_err() {
                    break Err(too_far());
                }
                at = output.at;
            }
        } else {
            // SAFETY: the match lies in what was given, and behind `at` there is room for it and for one step more.
            unsafe { copy(target.add(at), distance, length) };
            at += length;
        }
        if next > input_end || at > output_end {
            break Ok(false);
        }
    };

    output.at = at;
    input.at = next;
    input.bits.count = (count & 63) as u32;
    input.bits.buffer = buffer & ((1 << input.bits.count) - 1);
    input.give_back();
    result
}

/// Copies a match in steps, the last of which may go up to `STEP_BYTES - 1` bytes beyond its end.
///
/// # Safety
///
/// `target` has `distance` readable bytes before it and `length + STEP_BYTES - 1` writable ones behind it.
#[inline(always)]
unsafe fn copy(target: *mut u8, distance: usize, length: usize) {
    // SAFETY: each step reads bytes before the place that it writes, and none begins behind the end.
    unsafe {
        let source = target.cast_const().sub(distance);
        if distance >= STEP_BYTES {
            steps::<STEP_BYTES>(source, target, STEP_BYTES, length);
        } else if distance == 1 {
            target.write_bytes(*source, length);
        } else if distance >= 8 {
            steps::<8>(source, target, 8, length);
        } else {
            // A step of eight bytes gives `distance` right ones, which the next step begins with.
            steps::<8>(source, target, distance, length);
        }
    }
}

/// Copies `BYTES` bytes at a time, and goes on by `stride` until `length` are done.
///
/// # Safety
///
/// What each step reads and writes must be there.
#[inline(always)]
unsafe fn steps<const BYTES: usize>(mut source: *const u8, mut target: *mut u8, stride: usize, length: usize) {
    // SAFETY: as the caller says.
    unsafe {
        let end = target.add(length);
        loop {
            target.cast::<[u8; BYTES]>().write(source.cast::<[u8; BYTES]>().read());
            target = target.add(stride);
            source = source.add(stride);
            if target >= end {
                return;
            }
        }
    }
}
