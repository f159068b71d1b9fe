//! The attributes of an exported user: a table of names, meanings and values, followed by the user's metadata.

use std::borrow::Cow;

use masthead_domain::account::Account;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::http::response::published_time;

/// A standard attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    CustomerId,
    Id,
    Name,
    FirstName,
    LastName,
    Email,
    Mobile,
    Gender,
    Birthday,
    FirstSeen,
    LastSeen,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttributeSpec {
    attribute: Attribute,
    /// The name in responses without a selection.
    pub(crate) name: &'static str,
    /// Its short name in selections.
    pub(crate) short: Option<&'static str>,
    /// What it contains.
    pub(crate) meaning: &'static str,
    /// A value for examples.
    pub(crate) example: &'static str,
}

const fn row(
    attribute: Attribute,
    name: &'static str,
    short: Option<&'static str>,
    meaning: &'static str,
    example: &'static str,
) -> AttributeSpec {
    AttributeSpec {
        attribute,
        name,
        short,
        meaning,
        example,
    }
}

/// The standard attributes in order; every value is a text.
pub(crate) const TABLE: [AttributeSpec; 11] = [
    row(
        Attribute::CustomerId,
        "customer_id",
        Some("uid"),
        "the `customerRegistrationId`",
        "2937",
    ),
    row(
        Attribute::Id,
        "id",
        None,
        "the number of the registration in the store, `null` where only the provider has the user",
        "41",
    ),
    row(
        Attribute::Name,
        "name",
        Some("u_n"),
        "first and last name with a blank between",
        "Ann Lee",
    ),
    row(
        Attribute::FirstName,
        "first_name",
        Some("u_fn"),
        "the first name",
        "Ann",
    ),
    row(Attribute::LastName, "last_name", Some("u_ln"), "the last name", "Lee"),
    row(
        Attribute::Email,
        "email",
        Some("u_em"),
        "the address as typed",
        "ann@example.com",
    ),
    row(
        Attribute::Mobile,
        "mobile",
        Some("u_mb"),
        "the metadata `cellPhone`",
        "555-0199",
    ),
    row(Attribute::Gender, "gender", Some("u_gd"), "the metadata `gender`", "F"),
    row(
        Attribute::Birthday,
        "birthday",
        Some("u_bd"),
        "the metadata `dob`",
        "1980-02-29",
    ),
    row(
        Attribute::FirstSeen,
        "first_seen",
        Some("cr_t"),
        "when the user registered",
        "2020-01-02T03:04:05.000Z",
    ),
    row(
        Attribute::LastSeen,
        "last_seen",
        Some("u_l_a"),
        "when the user last logged out, the only recorded visit",
        "2021-02-03T04:05:06.000Z",
    ),
];

/// Finds a standard attribute by its name or short name.
fn find(name: &str) -> Option<Attribute> {
    let spec = TABLE.iter().find(|spec| spec.name == name || spec.short == Some(name));
    spec.map(|spec| spec.attribute)
}

impl Attribute {
    /// The value; `None` when it is not set.
    fn value(self, account: &Account) -> Option<Cow<'_, str>> {
        let metadata = |key| account.metadata.get(key).map(Cow::Borrowed);
        let moment = |at: Option<time::OffsetDateTime>| at.and_then(published_time).map(Cow::Owned);
        let value = match self {
            Self::CustomerId => Some(Cow::Borrowed(account.crid.as_str())),
            Self::Id => account.registration_id.map(|id| Cow::Owned(id.to_string())),
            Self::Name => Some(Cow::Owned(
                format!("{} {}", account.first_name, account.last_name)
                    .trim()
                    .to_owned(),
            )),
            Self::FirstName => Some(Cow::Borrowed(&*account.first_name)),
            Self::LastName => Some(Cow::Borrowed(&*account.last_name)),
            Self::Email => account.email.as_ref().map(|email| Cow::Borrowed(email.as_str())),
            Self::Mobile => metadata("cellPhone"),
            Self::Gender => metadata("gender"),
            Self::Birthday => metadata("dob"),
            Self::FirstSeen => moment(account.registered_at),
            Self::LastSeen => moment(account.last_logout_at),
        };
        value.filter(|value| !value.is_empty())
    }
}

/// The requested attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum AttributeSelection {
    /// Every attribute that is set.
    #[default]
    AllSet,
    /// These in this order, each once, then `id`; `null` where unset.
    Named(Vec<Box<str>>),
}

impl AttributeSelection {
    /// Selects these names; an empty list selects everything that is set.
    pub(crate) fn from_names(names: impl IntoIterator<Item = String>) -> Self {
        let mut once: Vec<Box<str>> = Vec::new();
        for name in names {
            if !once.iter().any(|other| **other == *name) {
                once.push(name.into());
            }
        }
        if once.is_empty() {
            return Self::AllSet;
        }
        if !once.iter().any(|name| &**name == "id") {
            once.push("id".into());
        }
        Self::Named(once)
    }
}

/// Renders the selected attributes of a user.
pub(super) struct UserAttributes<'a> {
    pub(super) account: &'a Account,
    pub(super) selection: &'a AttributeSelection,
}

impl Serialize for UserAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        match self.selection {
            AttributeSelection::Named(names) => {
                for name in names {
                    let value = match find(name) {
                        Some(attribute) => attribute.value(self.account),
                        None => self.account.metadata.get(name).map(Cow::Borrowed),
                    };
                    object.serialize_entry(name, &value)?;
                }
            }
            AttributeSelection::AllSet => {
                for spec in &TABLE {
                    if let Some(value) = spec.attribute.value(self.account) {
                        object.serialize_entry(spec.name, &value)?;
                    }
                }
                // Metadata never replaces a standard attribute.
                let metadata = self.account.metadata.iter();
                for (key, value) in metadata.filter(|(key, value)| !value.is_empty() && find(key).is_none()) {
                    object.serialize_entry(key, value)?;
                }
            }
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{crid::Crid, metadata::Metadata};
    use serde_json::{Value, json};

    use super::*;

    fn render(account: &Account, selection: &AttributeSelection) -> (Value, String) {
        let text = serde_json::to_string(&UserAttributes { account, selection }).unwrap();
        (serde_json::from_str(&text).unwrap(), text)
    }

    fn bo() -> Account {
        let pairs = [("cellPhone", "555-0100"), ("badge", ""), ("uid", "x"), ("city", "Oslo")];
        Account {
            last_name: "Ash".into(),
            metadata: Metadata::new(pairs.map(|(key, value)| (key.to_owned(), value.to_owned()))).unwrap(),
            ..Account::new(Crid::parse("7").unwrap())
        }
    }

    #[test]
    fn unset_attributes_are_omitted_without_a_selection() {
        let (_, text) = render(&bo(), &AttributeSelection::AllSet);
        assert_eq!(
            text,
            r#"{"customer_id":"7","name":"Ash","last_name":"Ash","mobile":"555-0100","city":"Oslo","cellPhone":"555-0100"}"#
        );
    }

    #[test]
    fn selected_attributes_keep_their_order_and_add_id() {
        let names = ["u_ln", "uid", "u_ln", "city", "nothing", "first_name"];
        let (_, text) = render(&bo(), &AttributeSelection::from_names(names.map(str::to_owned)));
        assert_eq!(
            text,
            r#"{"u_ln":"Ash","uid":"7","city":"Oslo","nothing":null,"first_name":null,"id":null}"#
        );
        let (value, _) = render(
            &bo(),
            &AttributeSelection::from_names(["id".to_owned(), "name".to_owned()]),
        );
        assert_eq!(value, json!({"id": null, "name": "Ash"}));
    }

    #[test]
    fn attribute_names_are_unique() {
        let names = TABLE.iter().flat_map(|spec| [Some(spec.name), spec.short]).flatten();
        let mut names: Vec<_> = names.collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
