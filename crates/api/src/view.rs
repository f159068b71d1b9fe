//! A user as it is answered: written straight from the domain's values, without a copy.

use masthead_domain::{
    answer::{Provenance, User},
    email::Email,
    tenant::TenantId,
};
use masthead_ports::{
    sealing::{Purpose, Sealing},
    source::SUBSCRIBE,
};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use crate::fields::{Field, Fields};

/// About as many bytes as a user takes in an answer, for reserving room.
pub(crate) const USER_BYTES: usize = 1536;

/// How users are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct ViewOptions {
    /// Which fields.
    pub(crate) fields: Fields,
    /// With the source of each.
    pub(crate) explain: bool,
}

/// Shows users of one tenant.
#[derive(Clone, Copy)]
pub(crate) struct Viewer<'a> {
    pub(crate) sealing: &'a dyn Sealing,
    pub(crate) tenant: &'a TenantId,
    pub(crate) options: &'a ViewOptions,
}

/// One user.
pub(crate) struct UserView<'a> {
    pub(crate) viewer: Viewer<'a>,
    pub(crate) user: &'a User,
}

/// Users, as an array.
pub(crate) struct UsersView<'a> {
    pub(crate) viewer: Viewer<'a>,
    pub(crate) users: &'a [User],
}

impl Serialize for UsersView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.users.len()))?;
        for user in self.users {
            array.serialize_element(&UserView {
                viewer: self.viewer,
                user,
            })?;
        }
        array.end()
    }
}

impl Serialize for UserView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Viewer {
            sealing,
            tenant,
            options: ViewOptions { fields, explain },
        } = self.viewer;
        let account = &self.user.account;
        let mut object = serializer.serialize_map(None)?;
        for field in Field::ALL {
            if field == Field::Metadata {
                if fields.has_any_metadata() {
                    object.serialize_entry(field.name(), &MetadataView(self))?;
                }
                continue;
            }
            if !fields.has(field) {
                continue;
            }
            object.serialize_key(field.name())?;
            match field {
                Field::CustomerRegistrationId => object.serialize_value(account.crid.as_str())?,
                Field::EncryptedCustomerRegistrationId => object.serialize_value(&sealing.seal(
                    tenant,
                    Purpose::CustomerRegistrationId,
                    account.crid.as_str(),
                ))?,
                Field::Email => object.serialize_value(&account.email.as_ref().map(Email::as_str))?,
                Field::FirstName => object.serialize_value(&account.first_name)?,
                Field::LastName => object.serialize_value(&account.last_name)?,
                Field::State => object.serialize_value(self.user.state.name())?,
                Field::Metadata => object.serialize_value(&MetadataView(self))?,
                Field::Verified => object.serialize_value(&account.verified)?,
            }
        }
        if *explain {
            object.serialize_entry("provenance", &ProvenanceView(self))?;
        }
        object.end()
    }
}

struct MetadataView<'a>(&'a UserView<'a>);

impl Serialize for MetadataView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = &self.0.viewer.options.fields;
        let mut object = serializer.serialize_map(None)?;
        for (key, value) in self.0.user.account.metadata.published() {
            if fields.has_metadata(key) {
                object.serialize_entry(key, value)?;
            }
        }
        object.end()
    }
}

/// The source of each field that has one, among those that are answered.
struct ProvenanceView<'a>(&'a UserView<'a>);

impl Serialize for ProvenanceView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = &self.0.viewer.options.fields;
        let mut object = serializer.serialize_map(None)?;
        let told = &self.0.user.provenance;
        if told.is_empty() {
            // The store alone was asked.
            for name in self.0.given() {
                if fields.has_named(&name) {
                    object.serialize_entry(&*name, SUBSCRIBE)?;
                }
            }
        }
        for Provenance { field, source } in told {
            if fields.has_named(field) {
                object.serialize_entry(&**field, source)?;
            }
        }
        object.end()
    }
}

impl UserView<'_> {
    /// The names of the fields that have a value of a source's, in published order.
    fn given(&self) -> Vec<Box<str>> {
        let account = &self.user.account;
        let mut names: Vec<Box<str>> = vec![Field::CustomerRegistrationId.name().into()];
        let mut put = |given: bool, name: &str| {
            if given {
                names.push(name.into());
            }
        };
        put(account.email.is_some(), Field::Email.name());
        put(!account.first_name.is_empty(), Field::FirstName.name());
        put(!account.last_name.is_empty(), Field::LastName.name());
        for (key, value) in account.metadata.iter() {
            put(!value.is_empty(), &format!("metadata.{key}"));
        }
        put(account.verified.is_some(), Field::Verified.name());
        names
    }
}
