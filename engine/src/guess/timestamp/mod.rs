//! Finds the format of timestamps by the shape of their text.
//!
//! A shape is what can be seen: order of the date parts, separators, which parts of the time there are, a fraction, a zone.
//! Texts of one column may differ in whether they have a fraction, a time or a zone - then there are several formats, longest
//! first, because left-over text after a format is ignored when reading. They may not differ in the order of the date parts.
//!
//! Reading order: `shape` (what there is to be seen, and its format), `text` (how it is seen), and here the formats of a column.

mod shape;
#[cfg(test)]
mod tests;
mod text;

use self::shape::{DateForm, DateOrder, ORDERS, Shape};
use crate::parse::columns::TimestampOptions;
use crate::parse::timestamp::TimestampParser;

pub(crate) use self::text::shape;

/// Formats one column may need; with more of them the column is text that happens to hold dates.
const MAX_FORMATS: usize = 3;

/// What reads every value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuessedFormats {
    /// In the order they must be tried.
    pub(crate) formats: Vec<String>,
    /// Whether month and day could be the other way round in every value.
    pub(crate) is_order_ambiguous: bool,
    /// Whether some value names no zone.
    pub(crate) lacks_zone: bool,
}

/// The formats that read all of `values`; `None` if there are none.
pub(crate) fn formats_of(values: &[&str]) -> Option<GuessedFormats> {
    formats_of_most(values, 0).map(|(formats, _)| formats)
}

/// The formats that read all of `values` but at most `max_misfits`, and those; `None` if there are none. No misfit is read in
/// part, each is refused.
pub(crate) fn formats_of_most<'v>(values: &[&'v str], max_misfits: usize) -> Option<(GuessedFormats, Vec<&'v str>)> {
    let shapes: Vec<Option<Shape>> = values.iter().map(|value| shape(value)).collect();
    let common = common_shape(&shapes)?;
    let mut fitting = Vec::new();
    let mut misfits = Vec::new();
    for (value, shape) in values.iter().zip(shapes) {
        match shape.filter(|shape| common.allows(shape)) {
            Some(shape) => fitting.push((*value, shape)),
            None => misfits.push(*value),
        }
    }
    if misfits.len() > max_misfits {
        return None;
    }
    let (fitting, shapes): (Vec<&str>, Vec<Shape>) = fitting.into_iter().unzip();
    let formats = formats_of_shapes(&fitting, &shapes)?;
    let mut parser = parser(&formats.formats)?;
    let are_refused = misfits.iter().all(|misfit| parser.parse(misfit.as_bytes()).is_none());
    are_refused.then_some((formats, misfits))
}

/// What most shapes of a column have in common.
struct CommonShape {
    date: DateForm,
    /// If values contradict each other: what most of them can be.
    order: Option<DateOrder>,
}

impl CommonShape {
    fn allows(&self, shape: &Shape) -> bool {
        shape.date == self.date && self.order.is_none_or(|order| shape.can_be(order))
    }
}

fn common_shape(shapes: &[Option<Shape>]) -> Option<CommonShape> {
    let num_of = |fits: &dyn Fn(&Shape) -> bool| shapes.iter().flatten().filter(|shape| fits(shape)).count();
    let mut forms: Vec<DateForm> = Vec::new();
    for shape in shapes.iter().flatten() {
        if !forms.contains(&shape.date) {
            forms.push(shape.date);
        }
    }
    let date = forms
        .into_iter()
        .max_by_key(|form| num_of(&|shape| shape.date == *form))?;
    let num_all = num_of(&|shape| shape.date == date);
    let num_in = |order: DateOrder| num_of(&|shape| shape.date == date && shape.can_be(order));
    let most = ORDERS
        .into_iter()
        .reduce(|most, other| if num_in(other) > num_in(most) { other } else { most })?;
    Some(CommonShape {
        date,
        order: (num_in(most) < num_all).then_some(most),
    })
}

/// The formats that read all of `values`, whose date parts are in one order.
fn formats_of_shapes(values: &[&str], shapes: &[Shape]) -> Option<GuessedFormats> {
    let first = shapes.first()?;
    let can_be = |order: &DateOrder| shapes.iter().all(|shape| shape.can_be(*order));
    let mut orders = ORDERS.into_iter().filter(can_be);
    let order = orders.next()?;
    let is_fraction_long = shapes.iter().any(|shape| {
        shape
            .time
            .and_then(|time| time.fraction)
            .is_some_and(|(_, digits)| digits > 3)
    });
    let has_plain_offset = shapes
        .iter()
        .any(|shape| shape.zone.is_some_and(|zone| !zone.has_colon));
    let mut formats: Vec<String> = Vec::new();
    for shape in shapes {
        let format = shape.format(order, is_fraction_long, has_plain_offset);
        if !formats.contains(&format) {
            formats.push(format);
            if formats.len() > MAX_FORMATS {
                return None;
            }
        }
    }
    formats.sort_by_key(|format| std::cmp::Reverse(format.len()));
    if !is_every_value_read(&formats, values) {
        return None;
    }
    Some(GuessedFormats {
        formats,
        is_order_ambiguous: first.is_order_open() && orders.next().is_some(),
        lacks_zone: shapes.iter().any(|shape| shape.zone.is_none()),
    })
}

fn is_every_value_read(formats: &[String], values: &[&str]) -> bool {
    parser(formats).is_some_and(|mut parser| values.iter().all(|value| parser.parse(value.as_bytes()).is_some()))
}

fn parser(formats: &[String]) -> Option<TimestampParser> {
    let options = TimestampOptions {
        formats: formats.to_vec(),
        ..TimestampOptions::default()
    };
    TimestampParser::new(&options).ok()
}

/// Whether `text`, all digits, is a date (8 digits) or a date and time (14 digits) of a year that tables speak about.
pub(crate) fn is_plausible_digits(text: &str) -> bool {
    let is_digits = matches!(text.len(), 8 | 14) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && ("1900"..="2100").contains(&&text[..4]) && shape(text).is_some()
}
