//! Keeps, drops and adds members inside the values of a json column.
//!
//! What is asked for is a tree of the places that it concerns, as they are called in the edited value. A value is walked along this
//! tree: in each object and array on it, members are dropped, or else chosen in the order in which they are listed, and then new ones
//! are added behind. Everything beside the tree passes as it is.
//!
//! **Source**: the filter `column` of the original, whose README and tests say what becomes of what.

use crate::filter::json_path::{Segment, compact, find, parse_json};
use crate::parse::columns::ColumnType;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use sonic_rs::{JsonContainerTrait, Value};
use std::sync::Arc;

/// What is done to the values of one json column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct JsonEdits {
    /// Paths from the column's value. If there are any, `kept` is empty.
    pub(super) dropped: Vec<Vec<Segment>>,
    /// Nothing else stays in the objects and arrays that they stand in, unless this is empty.
    pub(super) kept: Vec<Member>,
    pub(super) added: Vec<Member>,
}

/// One member of the edited value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    /// Where it stands.
    pub(super) path: Vec<Segment>,
    /// Where it is taken from; `None`: from `path`.
    pub(super) source: Option<Vec<Segment>>,
    /// JSON text that stands in for what is not there.
    pub(super) default: Option<String>,
}

impl JsonEdits {
    /// The edited values of `json_column`.
    pub(super) fn of(self, json_column: Expr) -> Expr {
        let function = ScalarUDF::new_from_impl(JsonEditFunction {
            places: Place::of(&self),
            edits: self,
            signature: Signature::any(1, Volatility::Immutable),
        });
        function.call(vec![json_column])
    }
}

/// An object or array on the way to what is edited.
#[derive(Debug, Default)]
struct Place {
    below: Vec<(Segment, Place)>,
    dropped: Vec<Segment>,
    kept: Vec<Taken>,
    added: Vec<Taken>,
}

/// A member of an edited object or array.
#[derive(Debug)]
struct Taken {
    name: Segment,
    from: Origin,
    default: Option<Value>,
}

/// Where a member is taken from.
#[derive(Debug)]
enum Origin {
    /// From the object or array that it stands in.
    Beside(Segment),
    /// From anywhere in the column's value.
    Root(Vec<Segment>),
}

impl Place {
    fn of(edits: &JsonEdits) -> Place {
        let mut root = Place::default();
        for path in &edits.dropped {
            if let Some((last, parents)) = path.split_last() {
                root.at(parents).dropped.push(last.clone());
            }
        }
        for member in &edits.kept {
            root.list(member, |place| &mut place.kept);
        }
        for member in &edits.added {
            root.list(member, |place| &mut place.added);
        }
        root
    }

    /// The place that `path` leads to, made where it is not there.
    fn at(&mut self, path: &[Segment]) -> &mut Place {
        path.iter().fold(self, |place, segment| {
            let index = place.below.iter().position(|(name, _)| name == segment);
            let index = index.unwrap_or_else(|| {
                place.below.push((segment.clone(), Place::default()));
                place.below.len() - 1
            });
            &mut place.below[index].1
        })
    }

    /// Lists a member where it stands, and the objects and arrays on the way to it, empty if they are not there.
    fn list(&mut self, member: &Member, list: fn(&mut Place) -> &mut Vec<Taken>) {
        for depth in 1..member.path.len() {
            let (last, parents) = (&member.path[depth - 1], &member.path[..depth - 1]);
            let taken = list(self.at(parents));
            if !taken.iter().any(|taken| taken.name == *last) {
                let empty = match &member.path[depth] {
                    Segment::Name(_) => "{}",
                    Segment::Index(_) | Segment::Every => "[]",
                };
                taken.push(Taken {
                    name: last.clone(),
                    from: Origin::Beside(last.clone()),
                    default: parse_json(empty),
                });
            }
        }
        let Some((last, parents)) = member.path.split_last() else {
            return;
        };
        let from = match member.source.as_deref().and_then(<[Segment]>::split_last) {
            None => Origin::Beside(last.clone()),
            Some((source, source_parents)) if source_parents == parents => Origin::Beside(source.clone()),
            Some(_) => Origin::Root(member.source.clone().unwrap_or_default()),
        };
        let new = Taken {
            name: last.clone(),
            from,
            default: member.default.as_deref().and_then(parse_json),
        };
        let taken = list(self.at(parents));
        match taken.iter_mut().find(|taken| taken.name == *last) {
            Some(known) => *known = new,
            None => taken.push(new),
        }
    }

    fn below(&self, name: &str) -> Option<&Place> {
        let found = self
            .below
            .iter()
            .find(|(segment, _)| matches!(segment, Segment::Name(known) if known == name));
        found.map(|(_, place)| place)
    }

    /// The place of an element: that of its index goes before that of all elements.
    fn below_index(&self, index: usize) -> (Segment, Option<&Place>) {
        let exact = Segment::Index(index);
        let listed = |wanted: &Segment| {
            let is_dropped = self.dropped.contains(wanted);
            let place = self
                .below
                .iter()
                .find(|(segment, _)| segment == wanted)
                .map(|(_, place)| place);
            (is_dropped || place.is_some()).then_some(place)
        };
        match listed(&exact) {
            Some(place) => (exact, place),
            None => (Segment::Every, listed(&Segment::Every).flatten()),
        }
    }

    /// Writes the edited value of `value`, a part of `root`.
    fn edit(&self, value: &Value, root: &Value, out: &mut String) {
        if let Some(object) = value.as_object() {
            let mut members = List::begin(out, '{', '}');
            if !self.kept.is_empty() {
                for taken in &self.kept {
                    self.object_member(taken, value, root, &mut members);
                }
            } else {
                for (name, member) in object.iter() {
                    if !self
                        .dropped
                        .iter()
                        .any(|dropped| matches!(dropped, Segment::Name(dropped) if dropped == name))
                    {
                        members.name(name);
                        passed(self.below(name), member, root, members.out);
                    }
                }
            }
            for taken in &self.added {
                // What is there already is not replaced.
                if find(std::slice::from_ref(&taken.name), value).is_none() {
                    self.object_member(taken, value, root, &mut members);
                }
            }
            members.end();
        } else if let Some(array) = value.as_array() {
            let mut elements = List::begin(out, '[', ']');
            if !self.kept.is_empty() {
                for taken in &self.kept {
                    match taken.name {
                        Segment::Index(_) => self.array_element(taken, value, root, &mut elements),
                        Segment::Every => {
                            for element in array.iter() {
                                elements.next();
                                passed(self.place_of(taken), element, root, elements.out);
                            }
                        }
                        Segment::Name(_) => {}
                    }
                }
            } else {
                for (index, element) in array.iter().enumerate() {
                    let (segment, place) = self.below_index(index);
                    if !self.dropped.contains(&segment) {
                        elements.next();
                        passed(place, element, root, elements.out);
                    }
                }
            }
            for taken in &self.added {
                // An index behind the end appends; elements that are there are not replaced.
                if matches!(taken.name, Segment::Index(index) if index >= array.len()) {
                    self.array_element(taken, value, root, &mut elements);
                }
            }
            elements.end();
        } else {
            out.push_str(&compact(value));
        }
    }

    fn object_member(&self, taken: &Taken, value: &Value, root: &Value, members: &mut List<'_>) {
        if let Segment::Name(name) = &taken.name {
            members.name(name);
            self.taken(taken, value, root, members.out);
        }
    }

    fn array_element(&self, taken: &Taken, value: &Value, root: &Value, elements: &mut List<'_>) {
        elements.next();
        self.taken(taken, value, root, elements.out);
    }

    fn taken(&self, taken: &Taken, value: &Value, root: &Value, out: &mut String) {
        let found = match &taken.from {
            Origin::Beside(segment) => find(std::slice::from_ref(segment), value),
            Origin::Root(path) => find(path, root),
        };
        match found.or(taken.default.as_ref()) {
            Some(value) => passed(self.place_of(taken), value, root, out),
            None => out.push_str("null"),
        }
    }

    fn place_of(&self, taken: &Taken) -> Option<&Place> {
        self.below
            .iter()
            .find(|(segment, _)| *segment == taken.name)
            .map(|(_, place)| place)
    }
}

/// Writes a value, edited if it has a place in the tree.
fn passed(place: Option<&Place>, value: &Value, root: &Value, out: &mut String) {
    match place {
        Some(place) => place.edit(value, root, out),
        None => out.push_str(&compact(value)),
    }
}

/// The members or elements that are being written.
struct List<'o> {
    out: &'o mut String,
    end: char,
    is_empty: bool,
}

impl<'o> List<'o> {
    fn begin(out: &'o mut String, begin: char, end: char) -> List<'o> {
        out.push(begin);
        List {
            out,
            end,
            is_empty: true,
        }
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(',');
        }
    }

    fn name(&mut self, name: &str) {
        self.next();
        self.out.push_str(&json_string(name));
        self.out.push(':');
    }

    fn end(self) {
        self.out.push(self.end);
    }
}

pub(super) fn json_string(text: &str) -> String {
    sonic_rs::to_string(text).expect("text can be written as JSON")
}

/// JSON text to edited JSON text; null stays null, and so does text that is not JSON.
#[derive(Debug)]
struct JsonEditFunction {
    edits: JsonEdits,
    /// Follows from the edits.
    places: Place,
    signature: Signature,
}

impl PartialEq for JsonEditFunction {
    fn eq(&self, other: &JsonEditFunction) -> bool {
        self.edits == other.edits
    }
}

impl Eq for JsonEditFunction {}

impl std::hash::Hash for JsonEditFunction {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.edits.hash(state);
    }
}

impl ScalarUDFImpl for JsonEditFunction {
    fn name(&self) -> &str {
        "json_edit"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Err(DataFusionError::Internal(
            "return_field_from_args is used instead".to_owned(),
        ))
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> PlanResult<FieldRef> {
        Ok(Arc::new(ColumnType::Json.field(self.name())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let Some(argument) = args.args.first() else {
            return Err(DataFusionError::Internal("json_edit has one argument".to_owned()));
        };
        let array = argument.to_array(args.number_rows)?;
        let array = arrow::compute::cast(&array, &DataType::Utf8)?;
        let texts = array.as_string::<i32>();
        let mut builder = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
        for text in texts {
            builder.append_option(text.map(|text| match parse_json(text) {
                Some(root) => {
                    let mut edited = String::with_capacity(text.len());
                    self.places.edit(&root, &root, &mut edited);
                    edited
                }
                None => text.to_owned(),
            }));
        }
        let edited: ArrayRef = Arc::new(builder.finish());
        Ok(ColumnarValue::Array(edited))
    }
}
