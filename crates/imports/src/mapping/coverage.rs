//! Which fields of a row the mapping reads, so that the rest becomes metadata or is reported.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::path::{Path, Step};
use crate::json::Json;

#[derive(Debug, Default)]
pub(super) struct Coverage {
    top: Node,
    any_case: bool,
    /// Elements of arrays that are read by the value of a member: the path of the array and the value.
    selected: BTreeSet<(String, Box<str>)>,
}

#[derive(Debug, Default)]
struct Node {
    /// It is read, or left out on purpose, with all below it.
    is_covered: bool,
    /// The number of the root that begins here.
    root: Option<usize>,
    members: BTreeMap<Box<str>, Node>,
}

/// A field that no source reads.
pub(super) struct Uncovered<'r, 'j> {
    /// The root that it is in.
    pub(super) root: Option<usize>,
    /// Its path in the row.
    pub(super) path: Cow<'r, str>,
    pub(super) value: &'r Json<'j>,
}

impl Coverage {
    pub(super) fn new(any_case: bool) -> Self {
        Self {
            any_case,
            ..Self::default()
        }
    }

    /// A source or condition reads this path.
    pub(super) fn add_read(&mut self, path: &Path) {
        let keys = path.steps().iter().map_while(|step| match step {
            Step::Key(key) => Some(&**key),
            _ => None,
        });
        let keys: Vec<&str> = keys.collect();
        if let Some(Step::Where(_, value)) = path.steps().get(keys.len()) {
            self.selected.insert((keys.join("."), value.to_lowercase().into()));
        }
        self.node(keys).is_covered = true;
    }

    /// This path is left out on purpose.
    pub(super) fn add_ignored(&mut self, path: &str) {
        self.node(path.split('.')).is_covered = true;
    }

    /// The root of this number begins at this path; the empty one is the row.
    pub(super) fn add_root(&mut self, path: &str, number: usize) {
        self.node(path.split('.').filter(|key| !key.is_empty())).root = Some(number);
    }

    /// Whether a source reads the element of this array whose member has this value.
    pub(super) fn is_selected(&self, array: &str, value: &str) -> bool {
        self.selected.contains(&(array.to_owned(), value.to_lowercase().into()))
    }

    fn node<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) -> &mut Node {
        let mut node = &mut self.top;
        for key in keys {
            let key = folded(key, self.any_case);
            node = node.members.entry(key.as_ref().into()).or_default();
        }
        node
    }

    /// Each field with a value that no source reads.
    pub(super) fn uncovered<'r, 'j>(&self, row: &'r Json<'j>, each: &mut dyn FnMut(Uncovered<'r, 'j>)) {
        self.visit(&self.top, self.top.root, "", row, each);
    }

    fn visit<'r, 'j>(
        &self,
        node: &Node,
        root: Option<usize>,
        place: &str,
        object: &'r Json<'j>,
        each: &mut dyn FnMut(Uncovered<'r, 'j>),
    ) {
        let Json::Object(members) = object else { return };
        for (key, value) in members {
            let (below, root) = match self.find(node, root, key) {
                Found::Covered => continue,
                Found::Below(below, root) => (below, root),
            };
            if value.is_unset() {
                continue;
            }
            let path = if place.is_empty() {
                Cow::Borrowed(&**key)
            } else {
                Cow::Owned(format!("{place}.{key}"))
            };
            match below {
                Some(below) if !below.members.is_empty() && matches!(value, Json::Object(_)) => {
                    self.visit(below, root, &path, value, each);
                }
                _ => each(Uncovered { root, path, value }),
            }
        }
    }

    /// Where a member is; the name of a CSV column may be a path.
    fn find<'n>(&self, node: &'n Node, root: Option<usize>, key: &str) -> Found<'n> {
        let (mut below, mut root) = (Some(node), root);
        let names = key.split(['.', '[']);
        // A JSON member may have a dot in its name too, and then is no path.
        let whole = node.members.contains_key(&*folded(key, self.any_case)).then_some(key);
        for name in whole.into_iter().chain(names.take_while(|_| whole.is_none())) {
            let next = below.and_then(|below| below.members.get(&*folded(name, self.any_case)));
            match next {
                Some(next) if next.is_covered => return Found::Covered,
                Some(next) => root = next.root.or(root),
                None => return Found::Below(None, root),
            }
            below = next;
        }
        Found::Below(below, root)
    }
}

enum Found<'n> {
    Covered,
    Below(Option<&'n Node>, Option<usize>),
}

fn folded(key: &str, any_case: bool) -> Cow<'_, str> {
    if any_case {
        key.to_ascii_lowercase().into()
    } else {
        key.into()
    }
}
