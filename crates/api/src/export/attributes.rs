//! The attributes of an exported user: a table of names, meanings and values, followed by the user's metadata.

use std::borrow::Cow;

use masthead_domain::account::Account;
use serde::{Serialize, Serializer, ser::SerializeMap};
use time::OffsetDateTime;

use crate::http::response::published_time;

/// A standard attribute: a row of the table.
#[derive(Debug)]
pub(crate) struct AttributeSpec {
    /// The name in responses without a selection.
    pub(crate) name: &'static str,
    /// Its short name in selections.
    pub(crate) short: Option<&'static str>,
    /// What it contains.
    pub(crate) meaning: &'static str,
    /// A value for examples.
    pub(crate) example: &'static str,
    /// The value of a user; `None` or empty when it is not set.
    value: fn(&Account) -> Option<Cow<'_, str>>,
}

/// The standard attributes in order; every value is a text.
#[rustfmt::skip]
pub(crate) static TABLE: [AttributeSpec; 11] = [
    AttributeSpec { name: "customer_id", short: Some("uid"), meaning: "the `customerRegistrationId`", example: "2937",
        value: |user| Some(Cow::Borrowed(user.crid.as_str())) },
    AttributeSpec { name: "id", short: None, meaning: "the number of the registration in the store, `null` where only the provider has the user", example: "41",
        value: |user| user.registration_id.map(|id| Cow::Owned(id.to_string())) },
    AttributeSpec { name: "name", short: Some("u_n"), meaning: "first and last name with a blank between", example: "Ann Lee",
        value: |user| Some(Cow::Owned(full_name(user))) },
    AttributeSpec { name: "first_name", short: Some("u_fn"), meaning: "the first name", example: "Ann",
        value: |user| Some(Cow::Borrowed(&*user.first_name)) },
    AttributeSpec { name: "last_name", short: Some("u_ln"), meaning: "the last name", example: "Lee",
        value: |user| Some(Cow::Borrowed(&*user.last_name)) },
    AttributeSpec { name: "email", short: Some("u_em"), meaning: "the address as typed", example: "ann@example.com",
        value: |user| user.email.as_ref().map(|email| Cow::Borrowed(email.as_str())) },
    AttributeSpec { name: "mobile", short: Some("u_mb"), meaning: "the metadata `cellPhone`", example: "555-0199",
        value: |user| metadata(user, "cellPhone") },
    AttributeSpec { name: "gender", short: Some("u_gd"), meaning: "the metadata `gender`", example: "F",
        value: |user| metadata(user, "gender") },
    AttributeSpec { name: "birthday", short: Some("u_bd"), meaning: "the metadata `dob`", example: "1980-02-29",
        value: |user| metadata(user, "dob") },
    AttributeSpec { name: "first_seen", short: Some("cr_t"), meaning: "when the user registered", example: "2020-01-02T03:04:05.000Z",
        value: |user| time(user.registered_at) },
    AttributeSpec { name: "last_seen", short: Some("u_l_a"), meaning: "when the user last logged out, the only recorded visit", example: "2021-02-03T04:05:06.000Z",
        value: |user| time(user.last_logout_at) },
];

fn full_name(user: &Account) -> String {
    let name = format!("{} {}", user.first_name, user.last_name);
    name.trim().to_owned()
}

fn metadata<'a>(user: &'a Account, key: &str) -> Option<Cow<'a, str>> {
    user.metadata.get(key).map(Cow::Borrowed)
}

fn time(at: Option<OffsetDateTime>) -> Option<Cow<'static, str>> {
    at.and_then(published_time).map(Cow::Owned)
}

/// Finds a standard attribute by its name or short name.
fn find(name: &str) -> Option<&'static AttributeSpec> {
    TABLE.iter().find(|spec| spec.name == name || spec.short == Some(name))
}

impl AttributeSpec {
    /// The value; `None` when it is not set.
    fn value<'a>(&self, user: &'a Account) -> Option<Cow<'a, str>> {
        (self.value)(user).filter(|value| !value.is_empty())
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
                        Some(spec) => spec.value(self.account),
                        None => metadata(self.account, name),
                    };
                    object.serialize_entry(name, &value)?;
                }
            }
            AttributeSelection::AllSet => {
                for spec in &TABLE {
                    if let Some(value) = spec.value(self.account) {
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
    use masthead_domain::{customer_registration_id::CustomerRegistrationId, metadata::Metadata};
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
            ..Account::new(CustomerRegistrationId::parse("7").unwrap())
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
