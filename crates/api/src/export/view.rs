//! Renders the answer of an export, its keys in the published order.

use masthead_orchestrator::ExportedUser;
use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::{
    attributes::{AttributeSelection, UserAttributes},
    body::Identifier,
};

/// The approximate size of a user in a response, in bytes.
pub(super) const USER_BYTES: usize = 512;

/// The body of an answer.
#[derive(Serialize)]
pub(crate) struct ExportView<'a> {
    status: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    data: ExportData<'a>,
}

#[derive(Serialize)]
struct ExportData<'a> {
    users_not_found: Vec<&'a Identifier>,
    users: ExportedUsersView<'a>,
    /// An extension: users whose existence is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users_unresolved: Vec<&'a Identifier>,
}

struct ExportedUsersView<'a> {
    outcomes: &'a [ExportedUser],
    selection: &'a AttributeSelection,
}

#[derive(Serialize)]
struct ExportedUserView<'a> {
    user_attributes: UserAttributes<'a>,
}

impl Serialize for ExportedUsersView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for outcome in self.outcomes {
            if let ExportedUser::User(account) = outcome {
                list.serialize_element(&ExportedUserView {
                    user_attributes: UserAttributes {
                        account,
                        selection: self.selection,
                    },
                })?;
            }
        }
        list.end()
    }
}

impl<'a> ExportView<'a> {
    /// The answer to these identifiers, one outcome each.
    pub(crate) fn new(
        identifiers: &'a [Identifier],
        outcomes: &'a [ExportedUser],
        selection: &'a AttributeSelection,
    ) -> Self {
        let with = |wanted: &ExportedUser| {
            let all = identifiers.iter().zip(outcomes);
            all.filter(|(_, outcome)| *outcome == wanted)
                .map(|(identifier, _)| identifier)
                .collect()
        };
        Self {
            status: "success",
            kind: "export_users",
            data: ExportData {
                users_not_found: with(&ExportedUser::Absent),
                users: ExportedUsersView { outcomes, selection },
                users_unresolved: with(&ExportedUser::Unresolved),
            },
        }
    }
}
