//! Says which parts of a value are wanted, as a tree of names, and where they were found.

use super::order::{Known, Order};
use super::pointer::{Pointer, Token};
use super::walk::Kind;
use std::ops::Range;

/// Where a value stands in the text, quotes and brackets included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// It has no escape: the content of a string is its text.
    pub(super) is_plain: bool,
    /// It has no white space outside strings, no `NaN`, no needless escape: it is compact JSON, unless a string has a raw control
    /// character, which the walk does not look for.
    pub(super) is_compact: bool,
}

/// The parts that are wanted of every value, as a tree of names.
#[derive(Debug)]
pub(super) struct Wanted {
    nodes: Vec<Node>,
    /// The names of each text that keeps some members only.
    kept: Vec<Vec<String>>,
}

/// A text of [`Slots`] that keeps some members only.
pub(super) type KeptIndex = usize;

/// A place in the wanted parts; 0 is the whole value.
pub(super) type NodeIndex = usize;

#[derive(Debug, Default)]
struct Node {
    /// Sorted by the length of the name, then by the name.
    children: Vec<Child>,
    /// `children[starts[n]..starts[n + 1]]` have names of n bytes. Most members of a record are refused by their length alone.
    starts: Vec<usize>,
    /// The texts that are made of an object or array here.
    kept: Vec<KeptIndex>,
}

/// Names of one length that are compared one by one; more are searched by halves.
const MAX_COMPARED: usize = 8;

#[derive(Debug)]
struct Child {
    token: Token,
    node: NodeIndex,
}

impl Child {
    fn name(&self) -> &[u8] {
        self.token.name.as_bytes()
    }
}

impl Wanted {
    /// Wants nothing but to know what the value is.
    pub(super) fn new() -> Wanted {
        Wanted {
            nodes: vec![Node::default()],
            kept: Vec::new(),
        }
    }

    /// Adds the part that `pointer` leads to from `node`, and gives its place.
    pub(super) fn add(&mut self, node: NodeIndex, pointer: &Pointer) -> NodeIndex {
        let mut node = node;
        for token in &pointer.tokens {
            let known = self.nodes[node].children.iter().find(|child| child.token == *token);
            node = match known {
                Some(child) => child.node,
                None => self.add_child(node, token),
            };
        }
        node
    }

    fn add_child(&mut self, parent: NodeIndex, token: &Token) -> NodeIndex {
        let node = self.nodes.len();
        self.nodes.push(Node::default());
        let parent = &mut self.nodes[parent];
        parent.children.push(Child {
            token: token.clone(),
            node,
        });
        parent
            .children
            .sort_by(|left, right| (left.token.name.len(), left.name()).cmp(&(right.token.name.len(), right.name())));
        let longest = parent.children.last().map_or(0, |child| child.token.name.len());
        parent.starts = (0..=longest + 1)
            .map(|length| parent.children.partition_point(|child| child.token.name.len() < length))
            .collect();
        node
    }

    /// Wants a text of the object or array at `node` that has no other members than `names`, and gives its place.
    pub(super) fn keep(&mut self, node: NodeIndex, names: &[String]) -> KeptIndex {
        let index = self.kept.len();
        self.kept.push(names.to_vec());
        self.nodes[node].kept.push(index);
        index
    }

    /// The texts that are wanted of an object or array at `node`.
    #[inline]
    pub(super) fn kept(&self, node: NodeIndex) -> &[KeptIndex] {
        &self.nodes[node].kept
    }

    /// The members that a text has.
    pub(super) fn kept_names(&self, index: KeptIndex) -> &[String] {
        &self.kept[index]
    }

    /// True if nothing is wanted inside the value at `node`.
    #[inline]
    pub(super) fn is_leaf(&self, node: NodeIndex) -> bool {
        self.nodes[node].children.is_empty()
    }

    /// Number of places, which is the number of slots a walk needs.
    pub(super) fn num_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The children of `node` for a member called `name`. Two if the name is also an index and both spellings are wanted.
    #[inline]
    pub(super) fn members<'w>(&'w self, node: NodeIndex, name: &'w [u8]) -> impl Iterator<Item = NodeIndex> {
        let node = &self.nodes[node];
        let same_length = match node.starts.get(name.len()..name.len() + 2) {
            Some(starts) => &node.children[starts[0]..starts[1]],
            None => &[],
        };
        let candidates = match same_length.len() {
            0..=MAX_COMPARED => same_length,
            _ => {
                let from_name = &same_length[same_length.partition_point(|child| child.name() < name)..];
                &from_name[..from_name.partition_point(|child| child.name() == name)]
            }
        };
        candidates
            .iter()
            .filter(move |child| child.name() == name)
            .map(|child| child.node)
    }

    /// The children of `node` for the element at `index`.
    pub(super) fn elements(&self, node: NodeIndex, index: usize) -> impl Iterator<Item = NodeIndex> {
        self.nodes[node]
            .children
            .iter()
            .filter(move |child| child.token.index == Some(index))
            .map(|child| child.node)
    }
}

/// Where the wanted parts of the last value stood.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Option<Slot>>,
    /// Of the objects at each node.
    orders: Vec<Order>,
    /// Each is of its node's slot, if there is one and it is an object or array.
    kept: Vec<KeptText>,
}

/// The text of a value that keeps some members only.
#[derive(Debug, Default)]
pub(super) struct KeptText {
    pub(super) text: Vec<u8>,
    /// Of the objects in it; those that are kept have a place, whichever it is.
    pub(super) order: Order,
}

impl Slots {
    /// Room for the parts of `wanted`.
    pub(super) fn new(wanted: &Wanted) -> Slots {
        Slots {
            slots: vec![None; wanted.num_nodes()],
            orders: wanted.nodes.iter().map(|_| Order::default()).collect(),
            kept: wanted.kept.iter().map(|_| KeptText::default()).collect(),
        }
    }

    /// The part at `node`; `None` if the value lacks it.
    #[inline]
    pub(super) fn get(&self, node: NodeIndex) -> Option<&Slot> {
        self.slots[node].as_ref()
    }

    /// Notes where the part at `node` stands.
    #[inline]
    pub(super) fn set(&mut self, node: NodeIndex, slot: Slot) {
        self.slots[node] = Some(slot);
    }

    /// The member at the beginning of `text`, if it comes in the object at `node` in its turn.
    #[inline]
    pub(super) fn known_member(&self, node: NodeIndex, expected: usize, text: &[u8]) -> Option<Known> {
        self.orders[node].known(expected, text)
    }

    /// Remembers that a member with `key` came at its turn in the object at `node`.
    pub(super) fn remember_member(&mut self, node: NodeIndex, expected: usize, key: &[u8], child: Option<NodeIndex>) {
        self.orders[node].remember(expected, key, child);
    }

    /// The text that keeps some members only.
    #[inline]
    pub(super) fn kept(&self, index: KeptIndex) -> &[u8] {
        &self.kept[index].text
    }

    /// The place for that text.
    pub(super) fn kept_mut(&mut self, index: KeptIndex) -> &mut KeptText {
        &mut self.kept[index]
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.fill(None);
    }

    /// Forgets `node` and what stands below it: a member that comes twice counts as it came last.
    pub(super) fn forget(&mut self, wanted: &Wanted, node: NodeIndex) {
        self.slots[node] = None;
        for child in &wanted.nodes[node].children {
            self.forget(wanted, child.node);
        }
    }
}
