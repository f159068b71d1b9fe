//! Reads the JSON object of a write into typed fields. Every mistake is collected, so that one answer reports them all.

use serde_json::value::RawValue;

use super::{json_object::Entries, kind::FieldSpec, problem::Problems, value::FieldValue};

/// The largest body of a write, in bytes (contract §1).
pub(crate) const MAX_BODY_BYTES: usize = 128 * 1024;

/// A field of a body: what it takes, and where its value is put. `F` are the fields of one API.
pub(crate) struct FieldRow<F: 'static, C: 'static> {
    pub(crate) spec: FieldSpec,
    /// The calls that take it.
    pub(crate) calls: &'static [C],
    /// The calls that require it.
    pub(crate) required: &'static [C],
    /// Parses a value into its field, or reports its mistakes.
    pub(crate) set: fn(&mut F, FieldValue<'_>, &mut Problems),
}

/// Reads the fields that a call takes. Names are compared without case; `null` counts as not given.
pub(crate) fn read_fields<F: Default, C: PartialEq>(
    body: &[u8],
    table: &'static [FieldRow<F, C>],
    call: &C,
    ignore_unknown: bool,
    problems: &mut Problems,
) -> F {
    let mut fields = F::default();
    let Some(entries) = entries(body, problems) else {
        return fields;
    };
    let mut given = Vec::new();
    let mut present = Vec::new();
    for (name, value) in entries {
        let named = |row: &&FieldRow<F, C>| row.spec.is_named(&name) && row.calls.contains(call);
        let Some(row) = table.iter().find(named) else {
            if !ignore_unknown {
                problems.field(&*name, "is not a field of this call");
            }
            continue;
        };
        if given.contains(&row.spec.name) {
            problems.field(row.spec.name, "is given more than once");
            continue;
        }
        given.push(row.spec.name);
        if value.get() != "null" {
            present.push(row.spec.name);
            (row.set)(
                &mut fields,
                FieldValue {
                    spec: &row.spec,
                    json: value,
                },
                problems,
            );
        }
    }
    for row in table {
        if row.required.contains(call) && !present.contains(&row.spec.name) {
            problems.field(row.spec.name, "is missing");
        }
    }
    fields
}

fn entries<'a>(body: &'a [u8], problems: &mut Problems) -> Option<Vec<(String, &'a RawValue)>> {
    let Ok(text) = std::str::from_utf8(body) else {
        problems.body("the body is not UTF-8");
        return None;
    };
    match serde_json::from_str::<Entries<'_>>(text) {
        Ok(Entries(entries)) => Some(entries),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            problems.body(format!("the body is not a JSON object (line {line}, column {column})"));
            None
        }
    }
}
