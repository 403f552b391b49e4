//! The types of values that are written plain or through a dictionary.
//!
//! **Source**: `Encodings.md`, plain encoding.

use super::bounds::{Bounds, DoubleBounds, LongBounds, TextBounds};
use super::delta::write_deltas;
use crate::append::{STEP_BYTES, append, append_whole};
use arrow::array::{Array, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use parquet::basic::Encoding;
use std::ops::Range;

/// How the values of one type are read from a batch and written to a page.
pub(super) trait Kind: 'static {
    /// Where the values of a batch lie.
    type Values<'a>: Copy;
    /// Their least and greatest.
    type Bounds: Bounds;

    /// The values of an array of this type, nulls standing for anything.
    fn values(array: &dyn Array) -> Self::Values<'_>;

    /// The value at `row`.
    fn value<'a>(values: Self::Values<'a>, row: usize) -> ValueOf<'a, Self>;

    /// Appends a value in plain encoding.
    fn put(value: ValueOf<'_, Self>, page: &mut Vec<u8>);

    /// Appends the value at `row` in plain encoding, and gives it.
    #[inline]
    fn put_row<'a>(values: Self::Values<'a>, row: usize, page: &mut Vec<u8>) -> ValueOf<'a, Self> {
        let value = Self::value(values, row);
        Self::put(value, page);
        value
    }

    /// Appends neighbouring values in plain encoding, as many as fit below `limit_bytes` but one at least, and gives their number.
    fn put_run(
        values: Self::Values<'_>,
        rows: Range<usize>,
        limit_bytes: usize,
        page: &mut Vec<u8>,
        bounds: &mut Self::Bounds,
    ) -> usize;

    /// A number that differs for most different values.
    fn hash(value: ValueOf<'_, Self>) -> u64;

    /// The value whose plain encoding begins at `start`.
    fn plain(bytes: &[u8], start: usize) -> ValueOf<'_, Self>;

    /// Whether two values are written alike.
    fn is_same(value: ValueOf<'_, Self>, other: ValueOf<'_, Self>) -> bool;

    /// Appends the values of a page, which are in plain encoding, as they take least room, and says in which encoding.
    fn close_page(plain: &[u8], body: &mut Vec<u8>) -> Encoding {
        body.extend_from_slice(plain);
        Encoding::PLAIN
    }

    /// Values that tell whether a column holds digests.
    const DIGESTS_LOOKED_AT: usize = 0;

    /// Whether the first of these values, in plain encoding, are digests in hexadecimal digits.
    fn has_digests(_entries: &[u8]) -> bool {
        false
    }
}

/// A value of a kind.
pub(super) type ValueOf<'a, K> = <<K as Kind>::Bounds as Bounds>::Value<'a>;

/// Spreads the bits of a number over all of them: the multiplier is odd and has no pattern, and the upper half of the
/// product depends on every bit of the number.
fn mix(number: u64) -> u64 {
    fold(number ^ FIRST_MASK, 0xD6E8_FEB8_6659_FD93)
}

/// Keeps numbers that files are full of, such as zero, from becoming the factor zero.
const FIRST_MASK: u64 = 0x9E37_79B9_7F4A_7C15;

/// Both halves of a product in one.
fn fold(number: u64, other: u64) -> u64 {
    let product = u128::from(number) * u128::from(other);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The last bytes of a text as a number: `rest`, which is shorter than eight bytes, and what stands before it.
#[inline]
fn last_bytes(text: &[u8], rest: &[u8]) -> u64 {
    if let Some(eight) = text.last_chunk() {
        return u64::from_le_bytes(*eight);
    }
    match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
        _ => rest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

/// Eight bytes of a plain encoding.
fn eight(bytes: &[u8], start: usize) -> [u8; 8] {
    *bytes[start..]
        .first_chunk()
        .expect("an entry of fixed width has eight bytes")
}

/// Whole numbers, and instants in microseconds.
pub(super) struct Long;

/// Numbers are written by their distances if these take one in so many bytes at most: more than that, compression may do as well.
const MIN_SAVED_BY_DELTAS: usize = 2;

impl Kind for Long {
    type Values<'a> = &'a [i64];
    type Bounds = LongBounds;

    fn values(array: &dyn Array) -> &[i64] {
        match array.data_type() {
            DataType::Int64 => array.as_primitive::<Int64Type>().values(),
            _ => array.as_primitive::<TimestampMicrosecondType>().values(),
        }
    }

    #[inline]
    fn value<'a>(values: Self::Values<'a>, row: usize) -> ValueOf<'a, Self> {
        values[row]
    }

    #[inline]
    fn put(value: i64, page: &mut Vec<u8>) {
        page.extend_from_slice(&value.to_le_bytes());
    }

    fn put_run(
        values: &[i64],
        rows: Range<usize>,
        limit_bytes: usize,
        page: &mut Vec<u8>,
        bounds: &mut LongBounds,
    ) -> usize {
        let num_rows = rows.len().min((limit_bytes.saturating_sub(page.len()) / 8).max(1));
        for value in &values[rows.start..rows.start + num_rows] {
            Long::put(*value, page);
            bounds.add(*value);
        }
        num_rows
    }

    #[inline]
    fn hash(value: i64) -> u64 {
        mix(value as u64)
    }

    fn plain(bytes: &[u8], start: usize) -> i64 {
        i64::from_le_bytes(eight(bytes, start))
    }

    fn close_page(plain: &[u8], body: &mut Vec<u8>) -> Encoding {
        let (values, _) = plain.as_chunks::<8>();
        let values: Vec<i64> = values.iter().map(|value| i64::from_le_bytes(*value)).collect();
        let start = body.len();
        write_deltas(&values, body);
        if (body.len() - start) * MIN_SAVED_BY_DELTAS <= plain.len() {
            return Encoding::DELTA_BINARY_PACKED;
        }
        body.truncate(start);
        body.extend_from_slice(plain);
        Encoding::PLAIN
    }

    #[inline]
    fn is_same(value: i64, other: i64) -> bool {
        value == other
    }
}

/// Floating-point numbers.
pub(super) struct Double;

impl Kind for Double {
    type Values<'a> = &'a [f64];
    type Bounds = DoubleBounds;

    fn values(array: &dyn Array) -> &[f64] {
        let array: &PrimitiveArray<Float64Type> = array.as_primitive();
        array.values()
    }

    #[inline]
    fn value<'a>(values: Self::Values<'a>, row: usize) -> ValueOf<'a, Self> {
        values[row]
    }

    #[inline]
    fn put(value: f64, page: &mut Vec<u8>) {
        page.extend_from_slice(&value.to_le_bytes());
    }

    fn put_run(
        values: &[f64],
        rows: Range<usize>,
        limit_bytes: usize,
        page: &mut Vec<u8>,
        bounds: &mut DoubleBounds,
    ) -> usize {
        let num_rows = rows.len().min((limit_bytes.saturating_sub(page.len()) / 8).max(1));
        for value in &values[rows.start..rows.start + num_rows] {
            Double::put(*value, page);
            bounds.add(*value);
        }
        num_rows
    }

    #[inline]
    fn hash(value: f64) -> u64 {
        mix(value.to_bits())
    }

    fn plain(bytes: &[u8], start: usize) -> f64 {
        f64::from_le_bytes(eight(bytes, start))
    }

    #[inline]
    fn is_same(value: f64, other: f64) -> bool {
        value.to_bits() == other.to_bits()
    }
}

/// Text, and JSON as text.
pub(super) struct Text;

/// Digits of the shortest digest, MD5.
const MIN_DIGEST_DIGITS: usize = 32;

/// The text of an array and where each value of it ends and the next begins.
#[derive(Clone, Copy)]
pub(super) struct TextValues<'a> {
    bytes: &'a [u8],
    /// One more than there are values.
    offsets: &'a [i32],
}

impl Kind for Text {
    type Values<'a> = TextValues<'a>;
    type Bounds = TextBounds;

    fn values(array: &dyn Array) -> TextValues<'_> {
        let array: &StringArray = array.as_string();
        TextValues {
            bytes: array.value_data(),
            offsets: array.value_offsets(),
        }
    }

    #[inline]
    fn value<'a>(values: Self::Values<'a>, row: usize) -> ValueOf<'a, Self> {
        &values.bytes[values.offsets[row] as usize..values.offsets[row + 1] as usize]
    }

    #[inline]
    fn put(value: &[u8], page: &mut Vec<u8>) {
        page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        append_whole(page, value);
    }

    /// Takes what lies behind the value in the batch along, so that a value of any usual length is copied in one step.
    #[inline(always)]
    fn put_row<'a>(values: Self::Values<'a>, row: usize, page: &mut Vec<u8>) -> ValueOf<'a, Self> {
        let value = Text::value(values, row);
        page.reserve(size_of::<u32>() + STEP_BYTES.max(value.len()));
        page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        append(page, &values.bytes[values.offsets[row] as usize..], value.len());
        value
    }

    fn put_run(
        values: TextValues<'_>,
        rows: Range<usize>,
        limit_bytes: usize,
        page: &mut Vec<u8>,
        bounds: &mut TextBounds,
    ) -> usize {
        let first = rows.start;
        let num_rows = rows.len();
        for row in rows {
            bounds.add(Text::put_row(values, row, page));
            if page.len() >= limit_bytes {
                return row + 1 - first;
            }
        }
        num_rows
    }

    #[inline]
    fn hash(value: &[u8]) -> u64 {
        let mut hash = value.len() as u64;
        let mut rest = value;
        while let Some((sixteen, after)) = rest.split_first_chunk::<16>() {
            let number = u128::from_le_bytes(*sixteen);
            hash = fold(number as u64 ^ FIRST_MASK, (number >> 64) as u64 ^ hash);
            rest = after;
        }
        if let Some((eight, after)) = rest.split_first_chunk() {
            hash = mix(hash ^ u64::from_le_bytes(*eight));
            rest = after;
        }
        if rest.is_empty() {
            return hash;
        }
        mix(hash ^ last_bytes(value, rest))
    }

    fn plain(bytes: &[u8], start: usize) -> &[u8] {
        let length: [u8; 4] = *bytes[start..].first_chunk().expect("an entry begins with its length");
        &bytes[start + 4..start + 4 + u32::from_le_bytes(length) as usize]
    }

    const DIGESTS_LOOKED_AT: usize = 16;

    fn has_digests(entries: &[u8]) -> bool {
        let mut rest = entries;
        for _ in 0..Text::DIGESTS_LOOKED_AT {
            if rest.is_empty() {
                return false;
            }
            let value = Text::plain(rest, 0);
            if value.len() < MIN_DIGEST_DIGITS || !value.iter().all(u8::is_ascii_hexdigit) {
                return false;
            }
            rest = &rest[4 + value.len()..];
        }
        true
    }

    #[inline]
    fn is_same(value: &[u8], other: &[u8]) -> bool {
        // Most texts are short, and a call of the library for each would cost more than the comparison.
        if value.len() != other.len() || value.len() > 32 {
            return value == other;
        }
        let (mut rest, mut other_rest) = (value, other);
        while let (Some((eight, after)), Some((other_eight, other_after))) =
            (rest.split_first_chunk::<8>(), other_rest.split_first_chunk::<8>())
        {
            if eight != other_eight {
                return false;
            }
            (rest, other_rest) = (after, other_after);
        }
        last_bytes(value, rest) == last_bytes(other, other_rest)
    }
}
