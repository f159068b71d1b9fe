//! Which scope a read needs: a look-up by key, a search, or a list.

use masthead_domain::{
    access::{Grant, Scope},
    query::{AccessPath, UserFilter},
    tenant::TenantId,
};

/// What a request reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadKind {
    /// The user of a key: an id, an address.
    LookUp,
    /// The users that meet conditions.
    Search,
    /// All users, page by page.
    List,
}

impl ReadKind {
    /// The kind of a list request with this filter.
    pub(crate) fn of_filter(filter: &UserFilter) -> Self {
        match filter.access_path() {
            AccessPath::Key(_) | AccessPath::Contradiction => Self::LookUp,
            AccessPath::List if filter.has_search_condition() => Self::Search,
            AccessPath::List => Self::List,
        }
    }

    const fn scope(self) -> Scope {
        match self {
            Self::LookUp => Scope::UsersRead,
            Self::Search => Scope::UsersSearch,
            Self::List => Scope::UsersList,
        }
    }
}

/// The scopes of which a caller needs one to read anything.
pub(crate) const READ_SCOPES: &[Scope] = &[Scope::UsersRead, Scope::UsersSearch, Scope::UsersList];

/// What `users:read` grants besides look-ups: tokens from before the scopes were divided have no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadScopeGrants {
    /// Searches, as `users:search` does.
    pub search: bool,
    /// Lists, as `users:list` does.
    pub list: bool,
}

impl Default for ReadScopeGrants {
    /// Everything.
    fn default() -> Self {
        Self {
            search: true,
            list: true,
        }
    }
}

impl ReadScopeGrants {
    /// Whether a grant allows a read of the tenant.
    pub(crate) fn allow(self, grant: &Grant, kind: ReadKind, tenant: &TenantId) -> bool {
        let by_reading = match kind {
            ReadKind::LookUp => false,
            ReadKind::Search => self.search,
            ReadKind::List => self.list,
        };
        grant.allows(kind.scope(), tenant) || (by_reading && grant.allows(Scope::UsersRead, tenant))
    }
}
