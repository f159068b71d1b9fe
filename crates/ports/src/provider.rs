//! An identity provider as the use cases see it: rate limited, cached, and explicit about answers that are not live.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{account::Account, query::UserQuery, tenant::Tenant, user_key::UserKey};
use time::OffsetDateTime;

use crate::{
    accounts::{Ability, AccountWriter, MissingSetting, SignIn},
    source::{CallContext, SourceErrorKind, SourceName},
};

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The source answered now, or moments ago.
    Live,
    /// The source could not be reached for this reason; the accounts are its last positive answer.
    Remembered(SourceErrorKind),
    /// The source gave no usable answer for this reason, and no earlier answer is known.
    Failed(SourceErrorKind),
}

/// The answer to one lookup or search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The accounts; an empty live answer is an absence that the source confirmed by its documented signal.
    pub accounts: Vec<Account>,
    /// When the answer was true; `None` for a failed lookup.
    pub as_of: Option<OffsetDateTime>,
    /// Where the answer comes from.
    pub freshness: Freshness,
    /// Whether this request called the source, rather than a cache or another request that waited for the same answer.
    pub called: bool,
    /// A search matched more accounts than it returned.
    pub truncated: bool,
    /// A search left out rows that cannot be read.
    pub unreadable: bool,
}

impl Lookup {
    /// A live answer to a call of this request.
    #[must_use]
    pub fn live(accounts: Vec<Account>, as_of: OffsetDateTime) -> Self {
        Self {
            accounts,
            as_of: Some(as_of),
            freshness: Freshness::Live,
            called: true,
            truncated: false,
            unreadable: false,
        }
    }

    /// The last positive answer of a source that cannot be reached.
    #[must_use]
    pub fn remembered(accounts: Vec<Account>, as_of: OffsetDateTime, reason: SourceErrorKind) -> Self {
        Self {
            freshness: Freshness::Remembered(reason),
            ..Self::live(accounts, as_of)
        }
    }

    /// No usable answer.
    #[must_use]
    pub fn failed(reason: SourceErrorKind) -> Self {
        Self {
            accounts: Vec::new(),
            as_of: None,
            freshness: Freshness::Failed(reason),
            called: true,
            truncated: false,
            unreadable: false,
        }
    }

    /// Whether the source itself answered.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.freshness == Freshness::Live
    }
}

/// The conditions of a search that a provider can apply. The others are checked on the merged users, or the answer is
/// marked as incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent abilities")]
pub struct Searchable {
    /// It can list its users at all.
    pub list: bool,
    /// Prefixes of e-mail addresses.
    pub email_prefix: bool,
    /// Parts of e-mail addresses of at least this many characters; `None` when it cannot.
    pub email_contains: Option<usize>,
    /// Prefixes of first and last names.
    pub name_prefix: bool,
    /// Exact metadata pairs.
    pub metadata: bool,
}

/// The provider of one tenant, with its rate limit, circuit breaker, cache and deadlines.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// The name in answers and metrics.
    fn name(&self) -> SourceName;

    /// The conditions that it can apply.
    fn searchable(&self) -> Searchable;

    /// Finds every account with this key, in the order of their ids.
    async fn find(&self, cx: &CallContext, key: &UserKey) -> Lookup;

    /// Finds every account with this key by a call that starts now: what was remembered of the key is forgotten first. For a
    /// caller that knows of a later write than [`Lookup::as_of`], such as one by another replica. The default is for a
    /// provider that remembers nothing.
    async fn find_live(&self, cx: &CallContext, key: &UserKey) -> Lookup {
        self.find(cx, key).await
    }

    /// Searches the accounts that meet every [`Searchable`] condition of the filter: the first `query.size` in any order.
    /// Order, position and count of the query are ignored.
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Lookup;
}

/// Creates the provider of each tenant.
pub trait Providers: Send + Sync {
    /// The provider of this tenant; `None` when its flow names none.
    ///
    /// A provider with unusable settings is returned too: it fails each lookup with [`SourceErrorKind::Misconfigured`], so
    /// that the store is still read and no user is taken for absent.
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn IdentityProvider>>;
}

/// Where accounts are written outside of our store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountSide {
    /// The tenant's identity provider.
    Provider,
    /// The remote Users API that has the tenant's registrations in place of our store.
    RemoteStore,
    /// The provider that the tenant's users were imported from; it only checks passwords.
    FormerProvider,
}

/// Creates what writes accounts, and checks passwords, outside of our store: with the rate limit, the circuit breaker and the
/// deadlines of reads. After a write of unknown outcome, too, reads of this process do not see what was remembered before.
pub trait ProviderWriters: Send + Sync {
    /// The writer of this tenant, if it has this ability.
    ///
    /// # Errors
    /// The tenant's setting that is missing for it: `Flow.UserProvider`, `Subscribe.Url` or `Import.FirstLogin` where the
    /// tenant has no such side.
    fn writer(
        &self,
        tenant: &Tenant,
        side: AccountSide,
        ability: Ability,
    ) -> Result<Arc<dyn AccountWriter>, MissingSetting>;

    /// What checks the passwords of this tenant's users.
    ///
    /// # Errors
    /// As [`Self::writer`].
    fn sign_in(&self, tenant: &Tenant, side: AccountSide) -> Result<Arc<dyn SignIn>, MissingSetting>;
}
