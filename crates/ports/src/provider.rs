//! An outside identity provider as the use cases see it: guarded, budgeted, and honest about what is only remembered.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
    tenant::Tenant,
};
use time::OffsetDateTime;

use crate::source::{AccountPage, CallContext, SourceErrorKind, SourceName};

/// What was heard of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<T> {
    /// Its own answer: live, or a live one of moments ago.
    Live {
        /// The answer; an absence in it is one that the provider confirmed by its own documented signal.
        value: T,
        /// When it was true.
        as_of: OffsetDateTime,
    },
    /// It could not be asked; this was its last positive answer.
    Remembered {
        /// The answer of then.
        value: T,
        /// When it was true.
        as_of: OffsetDateTime,
        /// Why it could not be asked.
        reason: SourceErrorKind,
    },
    /// No usable answer, and nothing remembered.
    Nothing {
        /// Why.
        reason: SourceErrorKind,
    },
}

/// What was heard, and whether a call of this very request left us to hear it (event 4601 tells of those).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<T> {
    /// What was heard.
    pub heard: Heard<T>,
    /// Whether this request made the call, and not a cache or another request that waited for the same.
    pub called: bool,
}

/// Which conditions of a search a provider can apply itself. What it cannot is checked on the merged record, or
/// declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent abilities")]
pub struct Searchable {
    /// It can list its users at all.
    pub list: bool,
    /// Beginnings of e-mail addresses.
    pub email_prefix: bool,
    /// Parts of e-mail addresses, from this many characters on; `None` when not at all.
    pub email_contains: Option<usize>,
    /// Beginnings of first and last names.
    pub name_prefix: bool,
    /// Exact metadata pairs.
    pub metadata: bool,
}

/// A provider of one tenant, with its budget, breaker, memory and deadlines around it.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The name by which answers and metrics call it.
    fn name(&self) -> SourceName;

    /// Which conditions it can apply itself.
    fn searchable(&self) -> Searchable;

    /// The account with this id.
    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Asked<Option<Account>>;

    /// Every account with exactly this address, in the order of their ids.
    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Asked<Vec<Account>>;

    /// The accounts that meet every condition of the filter that is [`Searchable`], in any order, from the first on, at
    /// most `query.size`; the order, position and count of the query are not for a provider.
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Asked<AccountPage>;
}

/// Gives each tenant its provider.
pub trait Providers: Send + Sync {
    /// The provider of this tenant; `None` when its flow names none.
    ///
    /// A provider whose settings cannot be used is given too: it answers [`Heard::Nothing`] with
    /// [`SourceErrorKind::Misconfigured`], so that the store is still heard and nobody is taken for absent.
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn Provider>>;
}
