//! Remembers in which order the members of an object came, because they mostly come in the same order again.
//!
//! One comparison of `"name":` with the text then says what a member is called and where it belongs, instead of a search for the end of
//! the name and one for its place. What is remembered is a guess: whoever finds another member looks it up, and it is remembered too. Of
//! each turn a few are, since objects of a few kinds may stand at one place, such as the payloads of events.

use super::wanted::NodeIndex;
use std::ops::Range;

/// Turns of an object whose members are remembered; an object with more of them is hardly of one shape.
const MAX_TURNS: usize = 4096;

/// Members that are remembered of one turn.
const MAX_KINDS: usize = 4;

/// Bytes of the names that are remembered together.
const MAX_KEYS_BYTES: usize = 256 * 1024;

/// The members of the objects that stood at one place.
#[derive(Debug, Default)]
pub(super) struct Order {
    turns: Vec<Turn>,
    keys: Vec<u8>,
}

/// What came in one turn.
#[derive(Debug, Default)]
struct Turn {
    members: [Member; MAX_KINDS],
    /// The one that the next new member takes the place of.
    oldest: usize,
}

#[derive(Debug)]
struct Member {
    /// The first bytes of `"name":`, and which bits are theirs: most keys are no longer and need no call to be compared.
    head: u128,
    head_mask: u128,
    /// The whole of it in `keys`.
    key: Range<usize>,
    node: Option<NodeIndex>,
}

impl Default for Member {
    /// Nothing is remembered: what has no bits is never equal to one.
    fn default() -> Member {
        Member {
            head: 1,
            head_mask: 0,
            key: 0..0,
            node: None,
        }
    }
}

impl Member {
    #[inline]
    fn has_head_of(&self, head: u128) -> bool {
        head & self.head_mask == self.head
    }

    #[inline]
    fn known(&self, next: usize) -> Known {
        Known {
            key_bytes: self.key.len(),
            node: self.node,
            next,
        }
    }
}

/// Bytes of [`Member::head`].
const HEAD_BYTES: usize = 16;

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
        let head = head_of(text);
        let first = &self.turns.get(expected)?.members[0];
        if first.has_head_of(head) && first.key.len() <= HEAD_BYTES {
            return Some(first.known(expected + 1));
        }
        self.known_otherwise(expected, head, text)
    }

    /// The same for any but the first member of a turn, or one with a long name.
    fn known_otherwise(&self, expected: usize, head: u128, text: &[u8]) -> Option<Known> {
        for (skipped, turn) in self.turns[expected..].iter().take(2).enumerate() {
            for member in turn.members.iter().filter(|member| member.has_head_of(head)) {
                if member.key.len() <= HEAD_BYTES || text.starts_with(&self.keys[member.key.clone()]) {
                    return Some(member.known(expected + skipped + 1));
                }
            }
        }
        None
    }

    /// Remembers that number `expected` is the member that begins with `key`, which is `"name":` without escapes and white space.
    pub(super) fn remember(&mut self, expected: usize, key: &[u8], node: Option<NodeIndex>) {
        if expected >= MAX_TURNS {
            return;
        }
        if self.keys.len() + key.len() > MAX_KEYS_BYTES {
            // Keys that came and went have used the room up.
            self.turns.clear();
            self.keys.clear();
        }
        while self.turns.len() <= expected {
            self.turns.push(Turn::default());
        }
        let turn = &mut self.turns[expected];
        let member = &mut turn.members[turn.oldest];
        turn.oldest = (turn.oldest + 1) % MAX_KINDS;
        member.node = node;
        member.head = head_of(key);
        member.head_mask = u128::MAX >> (8 * HEAD_BYTES.saturating_sub(key.len()));
        if key.len() <= member.key.len() {
            member.key.end = member.key.start + key.len();
            self.keys[member.key.clone()].copy_from_slice(key);
        } else {
            member.key = self.keys.len()..self.keys.len() + key.len();
            self.keys.extend_from_slice(key);
        }
    }
}

/// The first bytes of `text`; what it lacks is zero.
#[inline]
fn head_of(text: &[u8]) -> u128 {
    match text.first_chunk() {
        Some(head) => u128::from_le_bytes(*head),
        None => short_head(text),
    }
}

#[cold]
fn short_head(text: &[u8]) -> u128 {
    let mut head = [0; HEAD_BYTES];
    head[..text.len()].copy_from_slice(text);
    u128::from_le_bytes(head)
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
    fn some_members_at_a_number_are_known_and_the_oldest_is_forgotten() {
        let mut order = Order::default();
        let key = |number: usize| format!("\"name{number}\":");
        for number in 0..MAX_KINDS {
            order.remember(0, key(number).as_bytes(), Some(number));
        }
        order.remember(1, b"\"next\":", None);
        for number in 0..MAX_KINDS {
            assert_eq!(known(&order, 0, &key(number)), Some((8, Some(number), 1)));
        }
        order.remember(0, b"\"new\":", None);
        assert_eq!(known(&order, 0, &key(0)), None);
        assert_eq!(known(&order, 0, &key(1)), Some((8, Some(1), 1)));
        assert_eq!(known(&order, 0, "\"new\":"), Some((6, None, 1)));
        assert_eq!(known(&order, 0, "\"next\":"), Some((7, None, 2)));
    }

    #[test]
    fn members_of_any_length_at_a_number_are_known() {
        let mut order = Order::default();
        for (key, node) in [
            ("\"long\":", Some(1)),
            ("\"b\":", None),
            ("\"longer\":", Some(2)),
            ("\"of sixteen __\":", Some(3)),
            ("\"of seventeen __\":", Some(4)),
        ] {
            order.remember(0, key.as_bytes(), node);
            assert_eq!(known(&order, 0, key), Some((key.len(), node, 1)));
        }
        for other in ["\"of seventeen _\":", "\"of seventeen __\"", ""] {
            assert_eq!(known(&order, 0, other), None, "{other}");
        }
    }

    #[test]
    fn memory_is_limited() {
        let mut order = Order::default();
        for number in 0..2 * MAX_TURNS {
            let key = format!("\"{}{number}\":", "x".repeat(number % 300));
            order.remember(number, key.as_bytes(), None);
        }
        assert!(order.turns.len() <= MAX_TURNS && order.keys.len() <= MAX_KEYS_BYTES);
    }
}
