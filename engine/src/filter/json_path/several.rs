//! Finds the values of several paths in one walk through a document.
//!
//! The members of an object lie one behind the other, so to look for each name by itself is to go through all of them for each name,
//! which costs more than parsing the document (measured with ten names of 21).

use super::{JsonPath, Segment};
use sonic_rs::{JsonContainerTrait, Value};

/// Several paths, as a tree of their steps.
#[derive(Debug, Default)]
pub(crate) struct SeveralPaths {
    /// Numbers of the paths that end here.
    ends: Vec<usize>,
    /// Sorted by the keys of their names.
    members: Vec<Wanted>,
    elements: Vec<(usize, SeveralPaths)>,
}

/// A member that a path goes through.
#[derive(Debug)]
struct Wanted {
    key: NameKey,
    name: String,
    below: SeveralPaths,
}

/// Length and first bytes of a name. Nearly all names differ in them, and to compare two numbers costs less than to compare texts.
type NameKey = (usize, u64);

#[inline]
fn key_of(name: &str) -> NameKey {
    let bytes = name.as_bytes();
    let first = match bytes.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    };
    (bytes.len(), first)
}

impl SeveralPaths {
    /// Adds a path under a number, which [`find`](Self::find) gives its value under.
    pub(crate) fn add(&mut self, number: usize, path: &JsonPath) {
        let end = path.segments.iter().fold(self, |place, segment| match segment {
            Segment::Name(name) => {
                let key = key_of(name);
                let at = place.position(key, name).unwrap_or_else(|| {
                    let at = place.members.partition_point(|wanted| wanted.key < key);
                    let (name, below) = (name.clone(), SeveralPaths::default());
                    place.members.insert(at, Wanted { key, name, below });
                    at
                });
                &mut place.members[at].below
            }
            Segment::Index(index) => {
                let at = place.elements.iter().position(|(known, _)| known == index);
                let at = at.unwrap_or_else(|| {
                    place.elements.push((*index, SeveralPaths::default()));
                    place.elements.len() - 1
                });
                &mut place.elements[at].1
            }
            // A path that names single values has none.
            Segment::Every => place,
        });
        end.ends.push(number);
    }

    /// Puts the value of each path into `found`, under its number. What has no value is left as it is.
    pub(crate) fn find<'a>(&self, value: &'a Value, found: &mut [Option<&'a Value>]) {
        for number in &self.ends {
            found[*number] = Some(value);
        }
        if !self.members.is_empty()
            && let Some(object) = value.as_object()
        {
            for (name, member) in object.iter() {
                if let Some(at) = self.position(key_of(name), name) {
                    let below = &self.members[at].below;
                    // Of members with the same name the last counts, with all that is in it and nothing else.
                    below.forget(found);
                    below.find(member, found);
                }
            }
        }
        if !self.elements.is_empty()
            && let Some(array) = value.as_array()
        {
            for (index, below) in &self.elements {
                if let Some(element) = array.get(*index) {
                    below.find(element, found);
                }
            }
        }
    }

    /// Which of the members is called `name`.
    #[inline]
    fn position(&self, key: NameKey, name: &str) -> Option<usize> {
        let first = self.members.partition_point(|wanted| wanted.key < key);
        let alike = self.members[first..].iter().take_while(|wanted| wanted.key == key);
        alike
            .zip(first..)
            .find(|(wanted, _)| wanted.name == name)
            .map(|(_, at)| at)
    }

    fn forget(&self, found: &mut [Option<&Value>]) {
        self.ends.iter().for_each(|number| found[*number] = None);
        self.members.iter().for_each(|wanted| wanted.below.forget(found));
        self.elements.iter().for_each(|(_, below)| below.forget(found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::json_path::{compact, parse_json};

    #[test]
    fn each_path_finds_what_it_finds_by_itself() {
        let paths = [
            "$.b",
            "$.a.c",
            "$.a",
            "$.a.d[1].e",
            "$.a.d[0]",
            "$.x.y",
            "$",
            "$.a.c",
            "$.long name 1",
            "$.long name 2",
            "$.long name",
        ];
        let paths: Vec<JsonPath> = paths.iter().map(|path| JsonPath::parse(path).unwrap()).collect();
        let mut several = SeveralPaths::default();
        for (number, path) in paths.iter().enumerate() {
            several.add(number, path);
        }
        for json in [
            r#"{"a":{"c":1,"d":[{"e":2},{"e":3}]},"b":null,"z":0}"#,
            r#"{"a":{"c":1,"d":[1,{"e":3}]},"b":1,"a":{"d":[7]}}"#,
            r#"{"a":[{"c":1}],"x":{"y":{"y":1}},"x":2}"#,
            r#"{"long name 2":2,"long name":0,"long name 1":1,"long name 3":3,"":4}"#,
            "[]",
            "5",
        ] {
            let root = parse_json(json).unwrap();
            let mut found = vec![None; paths.len()];
            several.find(&root, &mut found);
            for (path, found) in paths.iter().zip(found) {
                assert_eq!(found.map(compact), path.find(&root).map(compact), "{path:?} of {json}");
            }
        }
    }
}
