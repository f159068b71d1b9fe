//! Writes users as v4 JSON, straight from the domain's values.

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

use super::fields::{FieldSelection, UserField};
use crate::http::json::{WriteJson, write_inside_quotes, write_key, write_text};

/// The approximate size of a user in a response, in bytes.
pub(crate) const USER_BYTES: usize = 1536;

/// How users are rendered.
#[derive(Debug, Clone, Default)]
pub(crate) struct ViewOptions {
    pub(crate) fields: FieldSelection,
    /// Whether the source of each field is added.
    pub(crate) explain: bool,
}

/// What rendering the users of one tenant needs.
#[derive(Clone, Copy)]
pub(crate) struct V4ViewContext<'a> {
    pub(crate) sealing: &'a dyn Sealing,
    pub(crate) tenant: &'a TenantId,
    pub(crate) options: &'a ViewOptions,
}

/// One user.
pub(crate) struct UserView<'a> {
    pub(crate) context: V4ViewContext<'a>,
    pub(crate) user: &'a User,
}

/// Users, as an array.
pub(crate) struct UsersView<'a> {
    pub(crate) context: V4ViewContext<'a>,
    pub(crate) users: &'a [User],
}

impl WriteJson for UsersView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.push(b'[');
        for (n, user) in self.users.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let context = self.context;
            UserView { context, user }.write_json(out)?;
        }
        out.push(b']');
        Ok(())
    }
}

impl WriteJson for UserView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let ViewOptions { fields, explain } = self.context.options;
        out.push(b'{');
        for field in UserField::ALL {
            if fields.has(field) || (field == UserField::Metadata && fields.has_any_metadata()) {
                write_key(out, field.name());
                self.write_field(field, out)?;
                out.push(b',');
            }
        }
        if *explain {
            write_key(out, "provenance");
            serde_json::to_writer(&mut *out, &ProvenanceView(self))?;
            out.push(b',');
        }
        // Replaces the last comma; a selection of fields is never empty.
        out.pop();
        out.push(b'}');
        Ok(())
    }
}

/// The JSON of `metadata` when every standard key is unset.
struct UnsetMetadata {
    text: Vec<u8>,
    /// The position of each value, between its quotes.
    values: [usize; STANDARD_KEYS.len()],
}

static UNSET_METADATA: LazyLock<UnsetMetadata> = LazyLock::new(|| {
    let mut text = Vec::new();
    let values = STANDARD_KEYS.map(|key| {
        let comma = if text.is_empty() { "" } else { "," };
        text.extend_from_slice(format!("{comma}\"{key}\":\"").as_bytes());
        let at = text.len();
        text.push(b'"');
        at
    });
    UnsetMetadata { text, values }
});

/// The source of each selected field that has one.
struct ProvenanceView<'a>(&'a UserView<'a>);

impl Serialize for ProvenanceView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = &self.0.context.options.fields;
        let mut object = serializer.serialize_map(None)?;
        let provenance = &self.0.user.provenance;
        if provenance.is_empty() {
            // Only the store was queried.
            for name in self.0.filled_fields() {
                if fields.has_named(&name) {
                    object.serialize_entry(&*name, SUBSCRIBE)?;
                }
            }
        }
        for Provenance { field, source } in provenance {
            if fields.has_named(field) {
                object.serialize_entry(&**field, source)?;
            }
        }
        object.end()
    }
}

impl UserView<'_> {
    fn write_field(&self, field: UserField, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let V4ViewContext { sealing, tenant, .. } = self.context;
        let account = &self.user.account;
        match field {
            UserField::CustomerRegistrationId => write_text(out, account.crid.as_str()),
            UserField::EncryptedCustomerRegistrationId => {
                let purpose = Purpose::CustomerRegistrationId;
                write_text(out, &sealing.seal(tenant, purpose, account.crid.as_str()))
            }
            UserField::Email => match &account.email {
                Some(email) => write_text(out, email.as_str()),
                None => ().write_json(out),
            },
            UserField::FirstName => write_text(out, &account.first_name),
            UserField::LastName => write_text(out, &account.last_name),
            UserField::State => write_text(out, self.user.state.name()),
            UserField::Metadata => self.write_metadata(out),
            UserField::Verified => serde_json::to_writer(out, &account.verified),
        }
    }

    fn write_metadata(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let fields = &self.context.options.fields;
        let metadata = &self.user.account.metadata;
        if !fields.has(UserField::Metadata) {
            let selected = metadata.published().filter(|(key, _)| fields.has_metadata(key));
            return serde_json::Serializer::new(out).collect_map(selected);
        }
        out.push(b'{');
        let mut copied = 0;
        for (place, value) in metadata.standard() {
            let position = UNSET_METADATA.values[place];
            out.extend_from_slice(&UNSET_METADATA.text[copied..position]);
            write_inside_quotes(out, value)?;
            copied = position;
        }
        out.extend_from_slice(&UNSET_METADATA.text[copied..]);
        for (key, value) in metadata.custom() {
            out.push(b',');
            write_text(out, key)?;
            out.push(b':');
            write_text(out, value)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// The names of the fields with a value from a source, in published order.
    fn filled_fields(&self) -> Vec<Box<str>> {
        let account = &self.user.account;
        let mut names: Vec<Box<str>> = vec![UserField::CustomerRegistrationId.name().into()];
        let mut push = |is_filled: bool, name: &str| {
            if is_filled {
                names.push(name.into());
            }
        };
        push(account.email.is_some(), UserField::Email.name());
        push(!account.first_name.is_empty(), UserField::FirstName.name());
        push(!account.last_name.is_empty(), UserField::LastName.name());
        for (key, value) in account.metadata.iter() {
            push(!value.is_empty(), &format!("metadata.{key}"));
        }
        push(account.verified.is_some(), UserField::Verified.name());
        names
    }
}
