//! An answer on its way out, its keys in the published order.

use masthead_orchestrator::ExportedUser;
use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::{
    attributes::{Attributes, UserAttributes},
    body::Identifier,
};

/// Roughly what one user takes, in bytes.
pub(super) const USER_BYTES: usize = 512;

/// The whole body.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    status: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    users_not_found: Vec<&'a Identifier>,
    users: Users<'a>,
    /// Ours: those of whom nobody can tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users_unresolved: Vec<&'a Identifier>,
}

struct Users<'a> {
    outcomes: &'a [ExportedUser],
    attributes: &'a Attributes,
}

#[derive(Serialize)]
struct User<'a> {
    user_attributes: UserAttributes<'a>,
}

impl Serialize for Users<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for outcome in self.outcomes {
            if let ExportedUser::User(account) = outcome {
                list.serialize_element(&User {
                    user_attributes: UserAttributes {
                        account,
                        attributes: self.attributes,
                    },
                })?;
            }
        }
        list.end()
    }
}

impl<'a> Answer<'a> {
    /// The answer to these identifiers, of which each has its outcome.
    pub(super) fn new(identifiers: &'a [Identifier], outcomes: &'a [ExportedUser], attributes: &'a Attributes) -> Self {
        let with = |wanted: &ExportedUser| {
            let all = identifiers.iter().zip(outcomes);
            all.filter(|(_, outcome)| *outcome == wanted)
                .map(|(identifier, _)| identifier)
                .collect()
        };
        Self {
            status: "success",
            kind: "export_users",
            data: Data {
                users_not_found: with(&ExportedUser::Absent),
                users: Users { outcomes, attributes },
                users_unresolved: with(&ExportedUser::Unresolved),
            },
        }
    }
}
