//! A user as it is answered: written straight from the domain's values, without a copy.

use std::sync::LazyLock;

use masthead_domain::{
    answer::{Provenance, User},
    metadata::STANDARD_KEYS,
    tenant::TenantId,
};
use masthead_ports::{
    sealing::{Purpose, Sealing},
    source::SUBSCRIBE,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    fields::{Field, Fields},
    json::{WriteJson, inside, key, text},
};

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

impl WriteJson for UsersView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.push(b'[');
        for (n, user) in self.users.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let viewer = self.viewer;
            UserView { viewer, user }.write_json(out)?;
        }
        out.push(b']');
        Ok(())
    }
}

impl WriteJson for UserView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let ViewOptions { fields, explain } = self.viewer.options;
        out.push(b'{');
        for field in Field::ALL {
            if fields.has(field) || (field == Field::Metadata && fields.has_any_metadata()) {
                key(out, field.name());
                self.write_field(field, out)?;
                out.push(b',');
            }
        }
        if *explain {
            key(out, "provenance");
            serde_json::to_writer(&mut *out, &ProvenanceView(self))?;
            out.push(b',');
        }
        // What follows the last field is the end; a choice of fields is never empty.
        out.pop();
        out.push(b'}');
        Ok(())
    }
}

/// The standard keys of `metadata`, each with an empty value.
struct Unset {
    text: Vec<u8>,
    /// Where the value of each key belongs, between its quotes.
    values: [usize; STANDARD_KEYS.len()],
}

static UNSET: LazyLock<Unset> = LazyLock::new(|| {
    let mut text = Vec::new();
    let values = STANDARD_KEYS.map(|key| {
        let comma = if text.is_empty() { "" } else { "," };
        text.extend_from_slice(format!("{comma}\"{key}\":\"").as_bytes());
        let at = text.len();
        text.push(b'"');
        at
    });
    Unset { text, values }
});

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
    fn write_field(&self, field: Field, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let Viewer { sealing, tenant, .. } = self.viewer;
        let account = &self.user.account;
        match field {
            Field::CustomerRegistrationId => text(out, account.crid.as_str()),
            Field::EncryptedCustomerRegistrationId => {
                let purpose = Purpose::CustomerRegistrationId;
                text(out, &sealing.seal(tenant, purpose, account.crid.as_str()))
            }
            Field::Email => match &account.email {
                Some(email) => text(out, email.as_str()),
                None => ().write_json(out),
            },
            Field::FirstName => text(out, &account.first_name),
            Field::LastName => text(out, &account.last_name),
            Field::State => text(out, self.user.state.name()),
            Field::Metadata => self.write_metadata(out),
            Field::Verified => serde_json::to_writer(out, &account.verified),
        }
    }

    fn write_metadata(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let fields = &self.viewer.options.fields;
        let metadata = &self.user.account.metadata;
        if !fields.has(Field::Metadata) {
            let chosen = metadata.published().filter(|(key, _)| fields.has_metadata(key));
            return serde_json::Serializer::new(out).collect_map(chosen);
        }
        out.push(b'{');
        let mut copied = 0;
        for (place, value) in metadata.standard() {
            let here = UNSET.values[place];
            out.extend_from_slice(&UNSET.text[copied..here]);
            inside(out, value)?;
            copied = here;
        }
        out.extend_from_slice(&UNSET.text[copied..]);
        for (key, value) in metadata.custom() {
            out.push(b',');
            text(out, key)?;
            out.push(b':');
            text(out, value)?;
        }
        out.push(b'}');
        Ok(())
    }

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
