//! Conditions on a row.

use super::{document::ConditionToml, path::Path};
use crate::json::Json;

/// A condition on one value, or that several are unset.
#[derive(Debug)]
pub(super) struct Condition {
    paths: Vec<Path>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    /// The value is set.
    IsSet,
    /// No value is set.
    AllUnset,
    /// The value, or an element of it, is one of these, in any case of letters.
    Is(Vec<String>),
    /// No element of the value is one of these, while it has elements.
    Lacks(Vec<String>),
    Starts(String),
    Contains(String),
}

impl Condition {
    pub(super) fn compile(toml: ConditionToml, any_case: bool) -> Result<Self, String> {
        let mut tests = Vec::new();
        if !toml.is.is_empty() {
            tests.push(Test::Is(toml.is));
        }
        if !toml.lacks.is_empty() {
            tests.push(Test::Lacks(toml.lacks));
        }
        tests.extend(toml.starts.map(Test::Starts));
        tests.extend(toml.contains.map(Test::Contains));
        let paths = match (toml.path, toml.absent.is_empty(), tests.len()) {
            (Some(path), true, 0 | 1) => vec![path],
            (None, false, 0) => {
                tests.push(Test::AllUnset);
                toml.absent
            }
            _ => {
                return Err(
                    "a condition has a path and at most one of is, lacks, starts, contains; or absent".to_owned(),
                );
            }
        };
        let paths = paths.iter().map(|path| Path::parse(path, any_case));
        Ok(Self {
            paths: paths.collect::<Result<_, _>>()?,
            test: tests.pop().unwrap_or(Test::IsSet),
        })
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter()
    }

    /// Whether the row fulfils it.
    pub(super) fn is_met(&self, row: &Json<'_>) -> bool {
        let value = self.paths.first().and_then(|path| path.find(row));
        let any = |is_wanted: &dyn Fn(&str) -> bool| value.is_some_and(|value| value.texts().any(is_wanted));
        let is_one_of = |texts: &[String], text: &str| texts.iter().any(|wanted| wanted.eq_ignore_ascii_case(text));
        match &self.test {
            Test::IsSet => value.is_some_and(|value| !value.is_unset()),
            Test::AllUnset => {
                let is_unset = |path: &Path| path.find(row).is_none_or(Json::is_unset);
                self.paths.iter().all(is_unset)
            }
            Test::Is(wanted) => any(&|text| is_one_of(wanted, text)),
            Test::Lacks(unwanted) => any(&|_| true) && !any(&|text| is_one_of(unwanted, text)),
            Test::Starts(start) => any(&|text| text.starts_with(start)),
            Test::Contains(part) => any(&|text| text.contains(part)),
        }
    }
}
