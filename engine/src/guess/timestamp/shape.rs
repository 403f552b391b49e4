//! What can be seen of a timestamp in its text, and the format that reads texts of that shape.

/// The order of the date parts, and what stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateForm {
    /// `2015-03-31`
    YearFirst(char),
    /// `03/31/2015`, `31.03.2015`: which of both the column decides.
    YearLast(char),
    /// `03/31/15`, `31.03.15`, `15-03-31`: the column decides.
    ShortYear(char),
    /// `20150331`
    Undelimited,
    /// `31/Mar/2015`
    MonthName(char),
    /// `31-MAR-15`
    MonthNameShortYear(char),
    /// `Mar 31, 2015`
    MonthNameFirst,
    /// `Tue, 31 Mar 2015`
    Rfc2822,
    /// `Tue Mar 31 06:12:37 2015`
    Asctime,
}

/// In which order the numbers of a date stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateOrder {
    /// Month, day, year.
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day.
    Ymd,
}

/// The likelier first.
pub(super) const ORDERS: [DateOrder; 3] = [DateOrder::Mdy, DateOrder::Dmy, DateOrder::Ymd];

/// Which parts of the time there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimeParts {
    Hour,
    Minute,
    Second,
}

/// The time of day in a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeForm {
    /// Between date and time.
    pub(super) joint: &'static str,
    pub(super) parts: TimeParts,
    /// `None`: `061237`.
    pub(super) separator: Option<char>,
    /// Separator and number of digits.
    pub(super) fraction: Option<(char, usize)>,
    /// Whether it ends with `AM` or `PM`, and whether a blank stands before it.
    pub(super) half: Option<bool>,
}

/// A zone at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ZoneForm {
    pub(super) is_spaced: bool,
    pub(super) has_colon: bool,
}

/// What one text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(super) date: DateForm,
    /// For the forms that leave the order open: whether it can be each of [`ORDERS`].
    pub(super) can_be: [bool; 3],
    pub(super) time: Option<TimeForm>,
    pub(super) zone: Option<ZoneForm>,
}

impl Shape {
    pub(super) fn can_be(&self, order: DateOrder) -> bool {
        self.can_be[order as usize]
    }

    pub(super) fn is_order_open(&self) -> bool {
        matches!(self.date, DateForm::YearLast(_) | DateForm::ShortYear(_))
    }

    /// The format in the dialect without a prefix.
    pub(super) fn format(&self, order: DateOrder, is_fraction_long: bool, has_plain_offset: bool) -> String {
        let time = self.time.map(|time| time.format(is_fraction_long)).unwrap_or_default();
        let zone = match self.zone {
            None => "",
            Some(zone) => match (zone.is_spaced, zone.has_colon && !has_plain_offset) {
                (false, false) => "%z",
                (false, true) => "%:z",
                (true, false) => " %z",
                (true, true) => " %:z",
            },
        };
        let date = match self.date {
            DateForm::YearFirst(separator) => format!("%Y{separator}%m{separator}%d"),
            DateForm::YearLast(separator) if order == DateOrder::Dmy => format!("%d{separator}%m{separator}%Y"),
            DateForm::YearLast(separator) => format!("%m{separator}%d{separator}%Y"),
            DateForm::ShortYear(separator) => match order {
                DateOrder::Mdy => format!("%m{separator}%d{separator}%y"),
                DateOrder::Dmy => format!("%d{separator}%m{separator}%y"),
                DateOrder::Ymd => format!("%y{separator}%m{separator}%d"),
            },
            DateForm::Undelimited => "%Y%m%d".to_owned(),
            DateForm::MonthName(separator) => format!("%d{separator}%b{separator}%Y"),
            DateForm::MonthNameShortYear(separator) => format!("%d{separator}%b{separator}%y"),
            DateForm::MonthNameFirst => "%b %d, %Y".to_owned(),
            DateForm::Rfc2822 => "%a, %d %b %Y".to_owned(),
            DateForm::Asctime => return format!("%a %b %e{time}{zone} %Y"),
        };
        format!("{date}{time}{zone}")
    }
}

impl TimeForm {
    fn format(&self, is_fraction_long: bool) -> String {
        let hour = if self.half.is_some() { "%I" } else { "%H" };
        let mut format = format!("{}{hour}", self.joint);
        for directive in [(TimeParts::Minute, "%M"), (TimeParts::Second, "%S")] {
            if self.parts >= directive.0 {
                format.extend(self.separator);
                format.push_str(directive.1);
            }
        }
        if let Some((separator, _)) = self.fraction {
            format.push(separator);
            format.push_str(if is_fraction_long { "%N" } else { "%L" });
        }
        match self.half {
            Some(true) => format.push_str(" %p"),
            Some(false) => format.push_str("%p"),
            None => {}
        }
        format
    }
}
