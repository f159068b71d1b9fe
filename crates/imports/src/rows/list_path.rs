//! Where a JSON document has a list of rows.

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of this name.
    Key(Box<str>),
    /// Every element.
    Each,
}

/// The path of a list: names of members with dots, `*` for each element of an array; `` is the document itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListPath(Box<[Step]>);

impl ListPath {
    pub(crate) fn parse(text: &str) -> Self {
        let steps = text.split('.').filter(|step| !step.is_empty());
        let step = |step: &str| match step {
            "*" => Step::Each,
            key => Step::Key(key.into()),
        };
        Self(steps.map(step).collect())
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether the document itself is the list.
    pub(crate) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the member of the document, or with `each` of its elements, through which the path leads.
    pub(crate) fn first_key(&self, each: bool) -> Option<&str> {
        match (&*self.0, each) {
            ([Step::Key(key), ..], false) | ([Step::Each, Step::Key(key), ..], true) => Some(key),
            _ => None,
        }
    }

    /// Whether the list is that member itself, and not below it.
    pub(crate) const fn is_direct(&self, each: bool) -> bool {
        self.0.len() == if each { 2 } else { 1 }
    }
}
