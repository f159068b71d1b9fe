//! Reads what the store keeps sealed or hashed, as far as it concerns a person.

use std::sync::Arc;

use masthead_domain::{email::Email, tenant::TenantId};
use masthead_ports::{
    erasure::StoredTexts,
    mail::SealedMail,
    passwords::{PasswordHash, PasswordHasher},
    sealing::Sealing,
};

use super::intent_content::IntentContent;
use crate::mail_sealing::open_mail;

/// Opens mails and intents, and names the families of password hashes.
pub(crate) struct OpenedTexts {
    pub(crate) sealing: Arc<dyn Sealing>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
}

impl StoredTexts for OpenedTexts {
    fn address_of_mail(&self, tenant: &TenantId, sealed: &str) -> Option<Email> {
        let mail = open_mail(tenant, &SealedMail(sealed.into()), &*self.sealing);
        mail.ok().map(|mail| mail.to)
    }

    fn address_of_intent(&self, tenant: &TenantId, sealed: &str) -> Option<Email> {
        let opened = IntentContent::open(&*self.sealing, tenant, sealed).ok()?;
        opened.content.requested_account().map(|requested| requested.email)
    }

    fn hash_family(&self, hash: &PasswordHash) -> String {
        self.passwords.family(hash)
    }
}
