//! The attributes of an exported user: one table for names, meanings and values, then whatever metadata a user has.

use std::borrow::Cow;

use masthead_domain::account::Account;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::envelope::published_time;

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
    /// The name by which it is answered where none is asked for.
    pub(crate) name: &'static str,
    /// Its short name, which may be asked for as well.
    pub(crate) short: Option<&'static str>,
    /// What it holds.
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

/// The standard attributes in their order; every value is a text.
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
        "when the user last logged out, the only visit that is kept",
        "2021-02-03T04:05:06.000Z",
    ),
];

/// The standard attribute that a name, long or short, stands for.
fn named(name: &str) -> Option<Attribute> {
    let spec = TABLE.iter().find(|spec| spec.name == name || spec.short == Some(name));
    spec.map(|spec| spec.attribute)
}

impl Attribute {
    /// The value; `None` when it is not set.
    fn of(self, account: &Account) -> Option<Cow<'_, str>> {
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

/// Which attributes are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Attributes {
    /// Every one that is set.
    #[default]
    Set,
    /// These, in this order, each once, `null` where it is not set; then `id`.
    Named(Vec<Box<str>>),
}

impl Attributes {
    /// Those of these names; all that are set, where no name is given.
    pub(crate) fn named(names: impl IntoIterator<Item = String>) -> Self {
        let mut once: Vec<Box<str>> = Vec::new();
        for name in names {
            if !once.iter().any(|other| **other == *name) {
                once.push(name.into());
            }
        }
        if once.is_empty() {
            return Self::Set;
        }
        if !once.iter().any(|name| &**name == "id") {
            once.push("id".into());
        }
        Self::Named(once)
    }
}

/// The attributes of a user, on their way out.
pub(super) struct UserAttributes<'a> {
    pub(super) account: &'a Account,
    pub(super) attributes: &'a Attributes,
}

impl Serialize for UserAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        match self.attributes {
            Attributes::Named(names) => {
                for name in names {
                    let value = match named(name) {
                        Some(attribute) => attribute.of(self.account),
                        None => self.account.metadata.get(name).map(Cow::Borrowed),
                    };
                    object.serialize_entry(name, &value)?;
                }
            }
            Attributes::Set => {
                for spec in &TABLE {
                    if let Some(value) = spec.attribute.of(self.account) {
                        object.serialize_entry(spec.name, &value)?;
                    }
                }
                // A standard name is the standard attribute's alone.
                let own = self.account.metadata.iter();
                for (key, value) in own.filter(|(key, value)| !value.is_empty() && named(key).is_none()) {
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

    fn shown(account: &Account, attributes: &Attributes) -> (Value, String) {
        let text = serde_json::to_string(&UserAttributes { account, attributes }).unwrap();
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
    fn what_is_not_set_is_left_out_where_no_field_is_named() {
        let (_, text) = shown(&bo(), &Attributes::Set);
        assert_eq!(
            text,
            r#"{"customer_id":"7","name":"Ash","last_name":"Ash","mobile":"555-0100","city":"Oslo","cellPhone":"555-0100"}"#
        );
    }

    #[test]
    fn named_fields_come_in_their_order_and_id_with_them() {
        let names = ["u_ln", "uid", "u_ln", "city", "nothing", "first_name"];
        let (_, text) = shown(&bo(), &Attributes::named(names.map(str::to_owned)));
        assert_eq!(
            text,
            r#"{"u_ln":"Ash","uid":"7","city":"Oslo","nothing":null,"first_name":null,"id":null}"#
        );
        let (value, _) = shown(&bo(), &Attributes::named(["id".to_owned(), "name".to_owned()]));
        assert_eq!(value, json!({"id": null, "name": "Ash"}));
    }

    #[test]
    fn no_two_attributes_share_a_name() {
        let names = TABLE.iter().flat_map(|spec| [Some(spec.name), spec.short]).flatten();
        let mut names: Vec<_> = names.collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
