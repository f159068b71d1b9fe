//! The description of one parameter: the part of a table's row that v4 and the legacy API share.

use super::kind::ParameterKind;

/// A parameter: its name and values, and what the documents need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParameterSpec {
    /// The name as it is printed; it is accepted in any case.
    pub(crate) name: &'static str,
    pub(crate) kind: ParameterKind,
    /// The value that applies when the parameter is absent.
    pub(crate) default: Option<&'static str>,
    pub(crate) meaning: &'static str,
    pub(crate) example: &'static str,
}
