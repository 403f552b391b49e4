//! Tells the members of a record that no column takes.
//!
//! Only the members of the record itself are looked at: what stands deeper belongs to a member. A member is expected if a column
//! reads it or something inside it, or has its name. One that is null counts as little as one that is not there.

use super::fault::Expected;
use super::walk::{Kind, Walker};
use super::{InvalidStringEscapes, JsonOptions, JsonOptionsError, extract, text};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

/// Up to so many members are compared each with each to find those that come twice.
const FEW_MEMBERS: usize = 16;

/// The names of members that are expected.
#[derive(Debug)]
pub(super) struct ExpectedMembers {
    /// In the order of [`by_length`]. `None`: a column takes the whole record, so there is nothing that no column takes.
    names: Option<Vec<String>>,
}

/// A member of a record.
pub(super) struct Member<'t, T> {
    pub(super) name: Cow<'t, str>,
    pub(super) is_null: bool,
    pub(super) value: T,
}

impl ExpectedMembers {
    /// Of all columns, projected or not: what nobody asks for is expected all the same.
    ///
    /// **Errors**: an `element_at` is no pointer.
    pub(super) fn new(options: &JsonOptions) -> Result<ExpectedMembers, JsonOptionsError> {
        let mut names = Vec::new();
        for column in &options.columns {
            let pointer = extract::field_pointer(column)?;
            match pointer.tokens.first() {
                Some(token) => names.push(token.name.clone()),
                None => return Ok(ExpectedMembers { names: None }),
            };
            names.push(column.name.clone());
        }
        names.sort_unstable_by(|name, other| by_length(name, other));
        names.dedup();
        Ok(ExpectedMembers {
            names: Some(names).filter(|_| !options.columns.is_empty()),
        })
    }

    /// Those of `members` that are not expected; of members that come twice the last, in the order of the text.
    pub(super) fn unexpected<'t, T>(&self, members: impl Iterator<Item = Member<'t, T>>) -> Vec<Member<'t, T>> {
        let Some(names) = &self.names else {
            return Vec::new();
        };
        let is_expected = |name: &str| names.binary_search_by(|known| by_length(known, name)).is_ok();
        let mut unexpected: Vec<_> = members.filter(|member| !is_expected(&member.name)).collect();
        keep_last_of_each(&mut unexpected);
        unexpected.retain(|member| !member.is_null);
        unexpected
    }
}

/// Names differ in their length more often than in their first letters.
fn by_length(name: &str, other: &str) -> Ordering {
    (name.len(), name).cmp(&(other.len(), other))
}

fn keep_last_of_each<T>(members: &mut Vec<Member<'_, T>>) {
    let is_last: Vec<bool> = match members.len() {
        0 | 1 => return,
        ..=FEW_MEMBERS => (1..=members.len())
            .map(|after| {
                members[after..]
                    .iter()
                    .all(|later| later.name != members[after - 1].name)
            })
            .collect(),
        _ => {
            let mut seen = HashSet::new();
            let mut is_last: Vec<bool> = members.iter().rev().map(|member| seen.insert(&member.name)).collect();
            is_last.reverse();
            is_last
        }
    };
    let mut is_last = is_last.into_iter();
    members.retain(|_| is_last.next().unwrap_or(true));
}

/// The members of an object, in the order of its text.
pub(super) struct Members<'t> {
    record: &'t [u8],
    escapes: InvalidStringEscapes,
    walker: Walker<'t>,
    expected: Expected,
}

impl<'t> Members<'t> {
    /// Those of the object that `record` is; it has passed a walk with the same `escapes`.
    pub(super) fn new(record: &'t [u8], escapes: InvalidStringEscapes) -> Members<'t> {
        Members {
            record,
            escapes,
            walker: Walker::new(record, escapes),
            expected: Expected::NameOrClose,
        }
    }

    fn name(&self, raw: Range<usize>) -> Cow<'t, str> {
        let raw = &self.record[raw];
        if memchr::memchr(b'\\', raw).is_none() {
            return String::from_utf8_lossy(raw);
        }
        let mut decoded = Vec::with_capacity(raw.len());
        text::decode(raw, self.escapes, &mut decoded);
        Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
    }
}

impl<'t> Iterator for Members<'t> {
    type Item = Member<'t, Range<usize>>;

    fn next(&mut self) -> Option<Member<'t, Range<usize>>> {
        const WALKED: &str = "the record was walked over before";
        if !self.walker.enter_member() {
            return None;
        }
        let name = self.walker.member_name(self.expected).expect(WALKED);
        self.walker.space();
        let start = self.walker.at();
        let kind = self.walker.any_value().expect(WALKED);
        let member = Member {
            name: self.name(name),
            is_null: kind == Kind::Null,
            value: start..self.walker.at(),
        };
        self.walker.space();
        self.expected = Expected::Name;
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the members that are left.
    fn last_of_each(names: &[String]) -> Vec<usize> {
        let member = |(value, name): (usize, &String)| Member {
            name: Cow::Owned(name.clone()),
            is_null: false,
            value,
        };
        let mut members = names.iter().enumerate().map(member).collect();
        keep_last_of_each(&mut members);
        members.into_iter().map(|member| member.value).collect()
    }

    #[test]
    fn of_members_that_come_twice_the_last_is_kept() {
        let names = |names: &str| names.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(last_of_each(&names("")), [0; 0]);
        assert_eq!(last_of_each(&names("a")), [0]);
        assert_eq!(last_of_each(&names("abac")), [1, 2, 3]);
        // As many as are not compared each with each.
        assert_eq!(
            last_of_each(&names(&"ab".repeat(FEW_MEMBERS))),
            [2 * FEW_MEMBERS - 2, 2 * FEW_MEMBERS - 1]
        );
    }
}
