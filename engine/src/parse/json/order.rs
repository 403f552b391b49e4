//! Remembers in which order the members of an object came, because they mostly come in the same order again.
//!
//! One comparison of `"name":` with the text then says what a member is called and where it belongs, instead of a search for the end of
//! the name and one for its place. What is remembered is a guess: whoever finds another member looks it up, and it is remembered instead.

use super::wanted::NodeIndex;
use std::ops::Range;

/// Members of an object that are remembered; an object with more of them is hardly of one shape.
const MAX_MEMBERS: usize = 4096;

/// Bytes of the names that are remembered together.
const MAX_KEYS_BYTES: usize = 256 * 1024;

/// The members of the objects that stood at one place.
#[derive(Debug, Default)]
pub(super) struct Order {
    members: Vec<Member>,
    keys: Vec<u8>,
}

#[derive(Debug)]
struct Member {
    /// `"name":` in `keys`; empty: nothing is remembered.
    key: Range<usize>,
    node: Option<NodeIndex>,
}

/// A member that stands in the text as it was remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Bytes of `"name":`.
    pub(super) key_bytes: usize,
    /// Where the value is wanted, if it is.
    pub(super) node: Option<NodeIndex>,
    /// The number of the member that is expected next.
    pub(super) next: usize,
}

impl Order {
    /// The member at the beginning of `text`, if it is the one that comes as number `expected`, or the one behind that.
    #[inline]
    pub(super) fn known(&self, expected: usize, text: &[u8]) -> Option<Known> {
        let members = self.members.get(expected..)?;
        for (skipped, member) in members.iter().take(2).enumerate() {
            let key = &self.keys[member.key.clone()];
            if !key.is_empty() && text.starts_with(key) {
                return Some(Known {
                    key_bytes: key.len(),
                    node: member.node,
                    next: expected + skipped + 1,
                });
            }
        }
        None
    }

    /// Remembers that number `expected` is the member that begins with `key`, which is `"name":` without escapes and white space.
    pub(super) fn remember(&mut self, expected: usize, key: &[u8], node: Option<NodeIndex>) {
        if expected >= MAX_MEMBERS {
            return;
        }
        if self.keys.len() + key.len() > MAX_KEYS_BYTES {
            // Keys that came and went have used the room up.
            self.members.clear();
            self.keys.clear();
        }
        while self.members.len() <= expected {
            self.members.push(Member { key: 0..0, node: None });
        }
        let member = &mut self.members[expected];
        member.node = node;
        if key.len() <= member.key.len() {
            member.key.end = member.key.start + key.len();
            self.keys[member.key.clone()].copy_from_slice(key);
        } else {
            member.key = self.keys.len()..self.keys.len() + key.len();
            self.keys.extend_from_slice(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(order: &Order, expected: usize, text: &str) -> Option<(usize, Option<NodeIndex>, usize)> {
        let known = order.known(expected, text.as_bytes())?;
        Some((known.key_bytes, known.node, known.next))
    }

    #[test]
    fn members_are_known_again_at_their_number_and_one_before_it() {
        let mut order = Order::default();
        order.remember(0, b"\"a\":", Some(3));
        order.remember(2, b"\"bc\":", None);
        assert_eq!(known(&order, 0, "\"a\":1"), Some((4, Some(3), 1)));
        assert_eq!(known(&order, 0, "\"a\" :1"), None);
        assert_eq!(known(&order, 1, "\"bc\":1"), Some((5, None, 3)));
        assert_eq!(known(&order, 2, "\"bc\":"), Some((5, None, 3)));
        assert_eq!(known(&order, 2, "\"bc\""), None);
        assert_eq!(known(&order, 0, "\"bc\":1"), None);
        assert_eq!(known(&order, 9, "\"bc\":1"), None);
    }

    #[test]
    fn the_last_member_at_a_number_counts() {
        let mut order = Order::default();
        for (key, node) in [("\"long\":", Some(1)), ("\"b\":", None), ("\"longer\":", Some(2))] {
            order.remember(0, key.as_bytes(), node);
            assert_eq!(known(&order, 0, key), Some((key.len(), node, 1)));
        }
        assert_eq!(known(&order, 0, "\"b\":"), None);
    }

    #[test]
    fn memory_is_limited() {
        let mut order = Order::default();
        for number in 0..2 * MAX_MEMBERS {
            let key = format!("\"{}{number}\":", "x".repeat(number % 300));
            order.remember(number, key.as_bytes(), None);
        }
        assert!(order.members.len() <= MAX_MEMBERS && order.keys.len() <= MAX_KEYS_BYTES);
    }
}
