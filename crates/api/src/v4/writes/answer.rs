//! The data of the answers of writes, written straight from the domain's values.

use masthead_domain::{
    answer::{User, UserAnswer},
    customer_registration_id::CustomerRegistrationId,
    tenant::TenantId,
};
use masthead_orchestrator::writes::ValidLink;
use masthead_ports::{
    erasure::Receipt,
    sealing::{Purpose, Sealing},
    source::SourceName,
};

use crate::{
    http::{
        json::{WriteJson, write_key, write_text},
        response::published_time,
    },
    v4::{
        code::Code,
        view::{UserView, V4ViewContext},
    },
};

/// What a write has done.
pub(crate) struct WrittenAnswer {
    pub(crate) result: WriteResult,
    /// The side that follows later.
    pub(crate) pending: Option<SourceName>,
}

/// The result of a write.
pub(crate) enum WriteResult {
    /// A user exists; with the address at which its password can be set, for callers that may see it.
    Created(CustomerRegistrationId, Option<String>),
    /// An address is verified.
    Verified(CustomerRegistrationId),
    /// A user is changed; `None`: it cannot be read.
    Updated(Option<Box<UserAnswer>>),
    /// A user is signed in.
    SignedIn(Box<UserAnswer>),
    /// A link is mailed, or none.
    ResetStarted(String),
    /// A link can be used.
    LinkValid(ValidLink),
    /// A person is erased.
    Erased(Box<Receipt>),
    /// It is done, and there is nothing to show.
    Done(Code),
}

impl From<WriteResult> for WrittenAnswer {
    /// The answer of a write of which every side is done.
    fn from(result: WriteResult) -> Self {
        Self { result, pending: None }
    }
}

/// Both ids of a user.
pub(crate) struct IdsView<'a> {
    pub(crate) sealing: &'a dyn Sealing,
    pub(crate) tenant: &'a TenantId,
    pub(crate) crid: &'a CustomerRegistrationId,
    /// The address at which the password can be set.
    pub(crate) ticket: Option<&'a str>,
}

impl WriteJson for IdsView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let id = self.crid.as_str();
        out.push(b'{');
        write_key(out, "customerRegistrationId");
        write_text(out, id)?;
        out.push(b',');
        write_key(out, "encryptedCustomerRegistrationId");
        let sealed = self.sealing.seal(self.tenant, Purpose::CustomerRegistrationId, id);
        write_text(out, &sealed)?;
        if let Some(ticket) = self.ticket {
            out.push(b',');
            write_key(out, "urlPasswordChangeTicket");
            write_text(out, ticket)?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// A user that is signed in: as reads show it, and what the published answer has besides.
pub(crate) struct SignedInView<'a> {
    pub(crate) context: V4ViewContext<'a>,
    pub(crate) user: &'a User,
}

impl WriteJson for SignedInView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.push(b'{');
        write_key(out, "user");
        let (context, user) = (self.context, self.user);
        UserView { context, user }.write_json(out)?;
        // Within the object of the user.
        out.pop();
        out.push(b',');
        write_key(out, "loginPassword");
        ().write_json(out)?;
        out.push(b',');
        write_key(out, "lastLogoutDate");
        match self.user.account.last_logout_at.and_then(published_time) {
            Some(at) => write_text(out, &at)?,
            None => ().write_json(out)?,
        }
        out.extend_from_slice(b"}}");
        Ok(())
    }
}

/// The value that answers a request for a link.
pub(crate) struct ResetView<'a>(pub(crate) &'a str);

impl WriteJson for ResetView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.push(b'{');
        write_key(out, "encryptedEventId");
        write_text(out, self.0)?;
        out.push(b'}');
        Ok(())
    }
}

/// A link that can be used.
pub(crate) struct LinkView<'a>(pub(crate) &'a ValidLink);

impl WriteJson for LinkView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.push(b'{');
        write_key(out, "eventId");
        serde_json::to_writer(&mut *out, &self.0.event_id)?;
        out.push(b',');
        write_key(out, "expiresAt");
        serde_json::to_writer(&mut *out, &published_time(self.0.expires_at))?;
        out.push(b'}');
        Ok(())
    }
}
