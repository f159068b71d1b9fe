//! Which fields can be searched, and how their values compare.

use std::borrow::Cow;

use super::{Field, QueryError};

/// Root fields that the search documentation lists, with the children that may be asked for.
const SCALARS: [&str; 16] = [
    "blocked",
    "created_at",
    "email",
    "email_verified",
    "family_name",
    "given_name",
    "last_ip",
    "last_login",
    "logins_count",
    "name",
    "nickname",
    "phone_number",
    "phone_verified",
    "updated_at",
    "user_id",
    "username",
];
const TREES: [&str; 3] = ["app_metadata", "identities", "user_metadata"];
const DATES: [&str; 3] = ["created_at", "last_login", "updated_at"];
const INSENSITIVE: [&str; 5] = ["email", "name", "given_name", "family_name", "nickname"];

/// Whether values of this root field compare without regard to case.
pub(crate) fn is_insensitive(field: &str) -> bool {
    INSENSITIVE.contains(&field)
}

impl Field {
    /// Accepts a path that Auth0 indexes.
    pub(super) fn parse(path: &str) -> Result<Self, QueryError> {
        let names: Vec<String> = path.split('.').map(str::to_owned).collect();
        let nested = names.len() > 1 && names.iter().all(|name| !name.is_empty());
        let known = match names[0].as_str() {
            root if TREES.contains(&root) => nested,
            "email" => names.len() == 1 || (names.len() == 2 && names[1] == "domain"),
            root => names.len() == 1 && SCALARS.contains(&root),
        };
        if known {
            Ok(Self(names))
        } else {
            Err(QueryError(format!("the field '{path}' is not searchable")))
        }
    }

    pub(super) fn root(&self) -> &str {
        &self.0[0]
    }

    pub(super) fn names(&self) -> &[String] {
        &self.0
    }

    pub(super) fn is_domain(&self) -> bool {
        self.0.len() == 2 && self.0[0] == "email"
    }

    pub(super) fn is_date(&self) -> bool {
        DATES.contains(&self.root())
    }

    pub(super) fn is_number(&self) -> bool {
        self.root() == "logins_count"
    }

    pub(super) fn is_user_metadata(&self) -> bool {
        self.root() == "user_metadata"
    }

    /// The form in which this field's values are compared.
    pub(super) fn folded<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if is_insensitive(self.root()) {
            Cow::Owned(text.to_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    }

    /// Every field that a term without a field looks at, metadata apart.
    pub(super) fn scalars() -> impl Iterator<Item = Self> {
        SCALARS.iter().map(|name| Self(vec![(*name).to_owned()]))
    }
}
