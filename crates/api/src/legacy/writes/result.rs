//! The published results of legacy writes.

use serde::Serialize;

/// `Result` of a call that writes.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum LegacyWriteResult {
    Created(CreatedResult),
    Updated(UpdatedResult),
    Authenticated(AuthenticatedResult),
    LinkSent(LinkSentResult),
    Verified(VerifiedResult),
    CodeSent(CodeSentResult),
}

/// A user that is created; every id is null while its address awaits verification.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreatedResult {
    pub(super) customer_registration_id: Option<String>,
    pub(super) encrypted_customer_registration_id: Option<String>,
    #[serde(rename = "Mg2RegistrationId")]
    pub(super) registration_id: Option<i64>,
    /// Always null: a code is looked up by its address.
    pub(super) registration_verification_id: (),
    /// Always null: there are no sessions.
    pub(super) tokens: (),
    /// Where the first password is set, for callers that may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url_password_change_ticket: Option<String>,
}

/// A user that is changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdatedResult {
    pub(super) customer_registration_id: String,
    pub(super) updated: bool,
}

/// A user that is signed in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AuthenticatedResult {
    pub(super) authenticated: bool,
    /// Always empty: there are no sessions.
    pub(super) cookie_content: [(); 0],
    pub(super) customer_registration_id: String,
    pub(super) encrypted_customer_registration_id: String,
}

/// A link that is mailed if a user has the address; the answer is the same if none has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LinkSentResult {
    pub(super) password_reset_link_sent: bool,
}

/// An address that is verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifiedResult {
    pub(super) customer_registration_id: String,
    pub(super) encrypted_customer_registration_id: String,
}

/// A code that is mailed if the address awaits verification; the answer is the same if it does not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CodeSentResult {
    pub(super) done: &'static str,
}
