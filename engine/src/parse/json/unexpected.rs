//! Tells the members of a record that no column takes.
//!
//! Only the members of the record itself are looked at: what stands deeper belongs to a member. A member is expected if a column
//! reads it or something inside it, or has its name. One that is null counts as little as one that is not there.

use super::fault::{Expected, Fault};
use super::walk::{Kind, Walker};
use super::{InvalidStringEscapes, JsonOptions, JsonOptionsError, extract, text};
use std::collections::HashSet;
use std::ops::Range;

/// The names of members that are expected.
#[derive(Debug)]
pub(super) struct ExpectedMembers {
    /// `None`: a column takes the whole record, so there is nothing that no column takes.
    names: Option<HashSet<String>>,
}

/// A member of a record.
pub(super) struct Member<T> {
    pub(super) name: String,
    pub(super) is_null: bool,
    pub(super) value: T,
}

impl ExpectedMembers {
    /// Of all columns, projected or not: what nobody asks for is expected all the same.
    ///
    /// **Errors**: an `element_at` is no pointer.
    pub(super) fn new(options: &JsonOptions) -> Result<ExpectedMembers, JsonOptionsError> {
        let mut names = HashSet::new();
        for column in &options.columns {
            let pointer = extract::field_pointer(column)?;
            match pointer.tokens.first() {
                Some(token) => names.insert(token.name.clone()),
                None => return Ok(ExpectedMembers { names: None }),
            };
            names.insert(column.name.clone());
        }
        Ok(ExpectedMembers {
            names: Some(names).filter(|_| !options.columns.is_empty()),
        })
    }

    /// Those of `members` that are not expected; of members that come twice the last, in the order of the text.
    pub(super) fn unexpected<T>(&self, members: Vec<Member<T>>) -> Vec<Member<T>> {
        let Some(names) = &self.names else {
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let mut is_last: Vec<bool> = members.iter().rev().map(|member| seen.insert(&member.name)).collect();
        is_last.reverse();
        drop(seen);
        members
            .into_iter()
            .zip(is_last)
            .filter(|(member, is_last)| *is_last && !member.is_null && !names.contains(&member.name))
            .map(|(member, _)| member)
            .collect()
    }
}

/// The members of the object that `record` is; it has passed a walk with the same `escapes`.
///
/// **Errors**: it has not.
pub(super) fn members(record: &[u8], escapes: InvalidStringEscapes) -> Result<Vec<Member<Range<usize>>>, Fault> {
    let mut members = Vec::new();
    let mut walker = Walker::new(record, escapes);
    let mut expected = Expected::NameOrClose;
    while walker.enter_member() {
        let name = walker.member_name(expected)?;
        let mut decoded = Vec::with_capacity(name.len());
        text::decode(&record[name], escapes, &mut decoded);
        walker.space();
        let start = walker.at();
        let kind = walker.any_value()?;
        members.push(Member {
            name: String::from_utf8_lossy(&decoded).into_owned(),
            is_null: kind == Kind::Null,
            value: start..walker.at(),
        });
        walker.space();
        expected = Expected::Name;
    }
    Ok(members)
}
