//! The methods that are called, and their parameters; what npm gigya sends for the same calls (golden recordings).

use std::fmt;

use masthead_domain::email::EmailKey;
use serde_json::{Value, json};

/// What is shown of an account. Never `password`, which would come with hash and salt; once something is named, the
/// profile must be named too.
const INCLUDE: &str = "profile,data,emails,loginIDs";

pub(crate) const GET_ACCOUNT_INFO: &str = "accounts.getAccountInfo";
pub(crate) const SEARCH: &str = "accounts.search";
pub(crate) const SET_ACCOUNT_INFO: &str = "accounts.setAccountInfo";
pub(crate) const INIT_REGISTRATION: &str = "accounts.initRegistration";
pub(crate) const REGISTER: &str = "accounts.register";
pub(crate) const FINALIZE_REGISTRATION: &str = "accounts.finalizeRegistration";
pub(crate) const LOGIN: &str = "accounts.login";
pub(crate) const DELETE_ACCOUNT: &str = "accounts.deleteAccount";

/// The parameters of a call, without those that prove who calls. Nothing of them is shown.
#[derive(Clone, Default)]
pub(crate) struct GigyaParams(Vec<(&'static str, String)>);

impl GigyaParams {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With one more parameter; each name comes once.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// With an object, as its JSON text; an empty one is left out.
    pub(crate) fn with_object(self, name: &'static str, object: &Value) -> Self {
        if object.as_object().is_some_and(|members| !members.is_empty()) {
            self.with(name, object.to_string())
        } else {
            self
        }
    }

    /// Whether only the account's id is set.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.0.iter().all(|(name, _)| *name == "UID")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for GigyaParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params").finish_non_exhaustive()
    }
}

pub(crate) fn by_uid(uid: &str) -> GigyaParams {
    GigyaParams::new().with("UID", uid).with("include", INCLUDE)
}

/// The account that signs in with this address; needs no query text.
pub(crate) fn by_login_email(email: &EmailKey) -> GigyaParams {
    let by = json!({"_email": email.as_str()});
    GigyaParams::new()
        .with("findBy", by.to_string())
        .with("include", INCLUDE)
}

/// A search's first page.
pub(crate) fn search(query: &str, opens_cursor: bool, lite_accounts: bool) -> GigyaParams {
    let mut params = GigyaParams::new().with("query", query);
    if opens_cursor {
        params = params.with("openCursor", "true");
    }
    if lite_accounts {
        params = params.with("accountTypes", "full,lite");
    }
    params
}

/// A search's next page; a cursor goes with nothing else.
pub(crate) fn next_page(cursor: &str) -> GigyaParams {
    GigyaParams::new().with("cursorId", cursor)
}
