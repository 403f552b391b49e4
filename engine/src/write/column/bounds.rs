//! Least and greatest value of a page or of a column chunk, as readers use them to leave out what cannot match.
//!
//! **Source**: `parquet.thrift`, `Statistics` and `ColumnOrder`; `PageIndex.md`.

use parquet::basic::BoundaryOrder;
use std::cmp::Ordering;

/// Bytes of a text bound at most; a longer one is cut, and then only is a bound and no longer a value.
const MAX_TEXT_BYTES: usize = 64;

/// The least and greatest of some values.
pub(super) trait Bounds: Default + Clone + Send + 'static {
    /// A value, as it lies in a batch.
    type Value<'a>: Copy;

    /// Takes a value in.
    fn add(&mut self, value: Self::Value<'_>);

    /// Takes the values in that `other` has taken in.
    fn merge(&mut self, other: &Self);

    /// Both bounds as a column index and statistics hold them; `None`: no value with an order was added.
    fn to_bytes(&self) -> Option<BoundBytes>;

    /// How the bounds of a page stand to those of the page before it: `Less` if neither is greater and one is less.
    /// `None`: neither.
    fn order(&self, next: &Self) -> Option<Ordering>;
}

/// Bounds in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BoundBytes {
    pub(super) minimum: Vec<u8>,
    pub(super) maximum: Vec<u8>,
    /// Whether a row has the value; a cut text is less or greater than all of them.
    pub(super) is_minimum_exact: bool,
    pub(super) is_maximum_exact: bool,
}

impl BoundBytes {
    fn exact(minimum: Vec<u8>, maximum: Vec<u8>) -> BoundBytes {
        BoundBytes {
            minimum,
            maximum,
            is_minimum_exact: true,
            is_maximum_exact: true,
        }
    }
}

/// The order of two pairs of bounds, both ends together.
fn order_of_both(minimums: Ordering, maximums: Ordering) -> Option<Ordering> {
    match (minimums, maximums) {
        (Ordering::Equal, other) | (other, Ordering::Equal) => Some(other),
        (one, other) if one == other => Some(one),
        _ => None,
    }
}

/// The bounds of the pages of a column chunk, one after the other.
#[derive(Default)]
pub(super) struct PageBounds<B> {
    /// Of the open page.
    page: B,
    /// Of the pages before it.
    chunk: B,
    /// Of the last page that had a value.
    previous: Option<B>,
    has_fallen: bool,
    has_risen: bool,
}

impl<B: Bounds> PageBounds<B> {
    /// The bounds of the open page.
    #[inline]
    pub(super) fn page(&mut self) -> &mut B {
        &mut self.page
    }

    /// Ends the open page and gives its bounds.
    pub(super) fn close_page(&mut self) -> Option<BoundBytes> {
        let page = std::mem::take(&mut self.page);
        let bytes = page.to_bytes()?;
        match self.previous.as_ref().map(|previous| previous.order(&page)) {
            None | Some(Some(Ordering::Equal)) => {}
            Some(Some(Ordering::Less)) => self.has_risen = true,
            Some(Some(Ordering::Greater)) => self.has_fallen = true,
            Some(None) => (self.has_risen, self.has_fallen) = (true, true),
        }
        self.chunk.merge(&page);
        self.previous = Some(page);
        Some(bytes)
    }

    /// The bounds of all pages.
    pub(super) fn chunk(&self) -> Option<BoundBytes> {
        self.chunk.to_bytes()
    }

    /// How the bounds of the pages follow each other.
    pub(super) fn order(&self) -> BoundaryOrder {
        match (self.has_risen, self.has_fallen) {
            (_, false) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (true, true) => BoundaryOrder::UNORDERED,
        }
    }
}

/// Bounds of whole numbers and instants.
#[derive(Clone, Debug)]
pub(super) struct LongBounds {
    minimum: i64,
    maximum: i64,
}

impl Default for LongBounds {
    fn default() -> LongBounds {
        LongBounds {
            minimum: i64::MAX,
            maximum: i64::MIN,
        }
    }
}

impl Bounds for LongBounds {
    type Value<'a> = i64;

    #[inline]
    fn add(&mut self, value: i64) {
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
    }

    fn merge(&mut self, other: &LongBounds) {
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }

    fn to_bytes(&self) -> Option<BoundBytes> {
        (self.minimum <= self.maximum)
            .then(|| BoundBytes::exact(self.minimum.to_le_bytes().to_vec(), self.maximum.to_le_bytes().to_vec()))
    }

    fn order(&self, next: &LongBounds) -> Option<Ordering> {
        order_of_both(self.minimum.cmp(&next.minimum), self.maximum.cmp(&next.maximum))
    }
}

/// Bounds of floating-point numbers. NaN has no place in the order and is left out, as the format wants it.
#[derive(Clone, Debug)]
pub(super) struct DoubleBounds {
    minimum: f64,
    maximum: f64,
}

impl Default for DoubleBounds {
    fn default() -> DoubleBounds {
        DoubleBounds {
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
        }
    }
}

impl Bounds for DoubleBounds {
    type Value<'a> = f64;

    #[inline]
    fn add(&mut self, value: f64) {
        // Comparisons with NaN are false, so it changes nothing. Infinities come out right, since each is where a bound begins.
        if value < self.minimum {
            self.minimum = value;
        }
        if value > self.maximum {
            self.maximum = value;
        }
    }

    fn merge(&mut self, other: &DoubleBounds) {
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }

    fn to_bytes(&self) -> Option<BoundBytes> {
        // Zero has two signs and readers differ in how they order them, so the bounds hold both.
        let minimum = if self.minimum == 0.0 { -0.0 } else { self.minimum };
        let maximum = if self.maximum == 0.0 { 0.0 } else { self.maximum };
        (minimum <= maximum).then(|| BoundBytes::exact(minimum.to_le_bytes().to_vec(), maximum.to_le_bytes().to_vec()))
    }

    fn order(&self, next: &DoubleBounds) -> Option<Ordering> {
        order_of_both(
            self.minimum.partial_cmp(&next.minimum)?,
            self.maximum.partial_cmp(&next.maximum)?,
        )
    }
}

/// Bounds of text, in the order of its bytes.
///
/// Most values are told apart by their first eight bytes, which are kept as numbers for a first comparison.
#[derive(Clone, Debug, Default)]
pub(super) struct TextBounds {
    minimum: Vec<u8>,
    maximum: Vec<u8>,
    minimum_head: u64,
    maximum_head: u64,
    has_value: bool,
}

/// The first eight bytes as a number that orders like them; a shorter text is filled up with zeros.
#[inline]
fn head(text: &[u8]) -> u64 {
    match text.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(bytes)
        }
    }
}

impl TextBounds {
    #[cold]
    fn lower(&mut self, text: &[u8], head: u64) {
        self.minimum.clear();
        self.minimum.extend_from_slice(text);
        self.minimum_head = head;
    }

    #[cold]
    fn raise(&mut self, text: &[u8], head: u64) {
        self.maximum.clear();
        self.maximum.extend_from_slice(text);
        self.maximum_head = head;
    }
}

impl Bounds for TextBounds {
    type Value<'a> = &'a [u8];

    #[inline]
    fn add(&mut self, text: &[u8]) {
        let head = head(text);
        if !self.has_value {
            self.has_value = true;
            self.lower(text, head);
            self.raise(text, head);
            return;
        }
        if head <= self.minimum_head && (head < self.minimum_head || text < self.minimum.as_slice()) {
            self.lower(text, head);
        }
        if head >= self.maximum_head && (head > self.maximum_head || text > self.maximum.as_slice()) {
            self.raise(text, head);
        }
    }

    fn merge(&mut self, other: &TextBounds) {
        if other.has_value {
            self.add(&other.minimum);
            self.add(&other.maximum);
        }
    }

    fn to_bytes(&self) -> Option<BoundBytes> {
        if !self.has_value {
            return None;
        }
        let minimum = cut(&self.minimum);
        let (maximum, is_maximum_exact) = match cut(&self.maximum) {
            cut if cut.len() == self.maximum.len() => (cut.to_vec(), true),
            cut => match next_after(cut) {
                Some(above) => (above, false),
                None => (self.maximum.clone(), true),
            },
        };
        Some(BoundBytes {
            is_minimum_exact: minimum.len() == self.minimum.len(),
            minimum: minimum.to_vec(),
            maximum,
            is_maximum_exact,
        })
    }

    fn order(&self, next: &TextBounds) -> Option<Ordering> {
        order_of_both(self.minimum.cmp(&next.minimum), self.maximum.cmp(&next.maximum))
    }
}

/// The beginning of a text, whole characters.
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let mut length = MAX_TEXT_BYTES;
    while length > 0 && text[length] & 0xC0 == 0x80 {
        length -= 1;
    }
    &text[..length]
}

/// A text that is greater than every text that begins with `text`; `None` if there is none.
fn next_after(text: &[u8]) -> Option<Vec<u8>> {
    let mut characters: Vec<char> = std::str::from_utf8(text).ok()?.chars().collect();
    while let Some(last) = characters.pop() {
        // The surrogates are no characters; what follows them is the next one up.
        let next = match u32::from(last) + 1 {
            0xD800 => 0xE000,
            next => next,
        };
        if let Some(next) = char::from_u32(next) {
            characters.push(next);
            return Some(characters.into_iter().collect::<String>().into_bytes());
        }
    }
    None
}

/// Bounds of truth values.
#[derive(Clone, Debug, Default)]
pub(super) struct BooleanBounds {
    has_false: bool,
    has_true: bool,
}

impl Bounds for BooleanBounds {
    type Value<'a> = bool;

    #[inline]
    fn add(&mut self, value: bool) {
        self.has_true |= value;
        self.has_false |= !value;
    }

    fn merge(&mut self, other: &BooleanBounds) {
        self.has_true |= other.has_true;
        self.has_false |= other.has_false;
    }

    fn to_bytes(&self) -> Option<BoundBytes> {
        (self.has_false || self.has_true)
            .then(|| BoundBytes::exact(vec![u8::from(!self.has_false)], vec![u8::from(self.has_true)]))
    }

    fn order(&self, next: &BooleanBounds) -> Option<Ordering> {
        order_of_both(next.has_false.cmp(&self.has_false), self.has_true.cmp(&next.has_true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(values: &[&str], minimum: &str, maximum: &str) {
        let mut bounds = TextBounds::default();
        for value in values {
            bounds.add(value.as_bytes());
        }
        let bytes = bounds.to_bytes().expect("there are values");
        assert_eq!(
            (
                String::from_utf8_lossy(&bytes.minimum),
                String::from_utf8_lossy(&bytes.maximum)
            ),
            (minimum.into(), maximum.into())
        );
        for value in values {
            assert!(bytes.minimum.as_slice() <= value.as_bytes() && value.as_bytes() <= bytes.maximum.as_slice());
        }
    }

    #[test]
    fn text_is_ordered_by_its_bytes() {
        check_text(&["b", "a", "", "ab"], "", "b");
        check_text(&["a", "a\0", "a\0\0"], "a", "a\0\0");
        check_text(&["12345678b", "12345678a", "12345678"], "12345678", "12345678b");
        check_text(&["é", "z"], "z", "é");
    }

    #[test]
    fn a_long_maximum_is_cut_and_raised() {
        let long = "a".repeat(100);
        check_text(&[&long], &"a".repeat(64), &format!("{}b", "a".repeat(63)));
        let accents = "é".repeat(100);
        check_text(&[&accents], &"é".repeat(32), &format!("{}ê", "é".repeat(31)));
        let last = char::MAX.to_string().repeat(100);
        check_text(&[&last], &char::MAX.to_string().repeat(16), &last);
        check_text(
            &["\u{D7FF}".repeat(30).as_str()],
            &"\u{D7FF}".repeat(21),
            &format!("{}\u{E000}", "\u{D7FF}".repeat(20)),
        );
    }

    #[test]
    fn nan_is_no_bound_and_zero_has_both_signs() {
        let bounds_of = |values: &[f64]| {
            let mut bounds = DoubleBounds::default();
            for value in values {
                bounds.add(*value);
            }
            bounds.to_bytes().map(|bytes| (bytes.minimum, bytes.maximum))
        };
        let bytes = |minimum: f64, maximum: f64| Some((minimum.to_le_bytes().to_vec(), maximum.to_le_bytes().to_vec()));
        assert_eq!(bounds_of(&[f64::NAN]), None);
        assert_eq!(bounds_of(&[1.0, f64::NAN, -2.0]), bytes(-2.0, 1.0));
        assert_eq!(bounds_of(&[0.0]), bytes(-0.0, 0.0));
        assert_eq!(bounds_of(&[f64::INFINITY]), bytes(f64::INFINITY, f64::INFINITY));
        assert_eq!(
            bounds_of(&[f64::NEG_INFINITY]),
            bytes(f64::NEG_INFINITY, f64::NEG_INFINITY)
        );
    }

    #[test]
    fn pages_are_in_order_only_if_both_bounds_are() {
        let of = |minimum, maximum| LongBounds { minimum, maximum };
        assert_eq!(of(1, 5).order(&of(1, 7)), Some(Ordering::Less));
        assert_eq!(of(1, 5).order(&of(0, 7)), None);
        assert_eq!(of(1, 5).order(&of(1, 5)), Some(Ordering::Equal));
        assert_eq!(of(3, 5).order(&of(1, 5)), Some(Ordering::Greater));
    }
}
