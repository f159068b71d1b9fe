//! A row to be stored, and the keys by which it may be another user's.

use std::{collections::HashSet, sync::Arc};

use masthead_domain::tenant::Tenant;

use crate::record::PreparedRegistration;

/// The pool, and an id or the key of an address.
pub(super) type PoolKey = (i64, Box<str>);

/// Which keys of a row earlier rows have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeenBefore {
    pub(super) id: bool,
    pub(super) email: bool,
}

/// A row to be stored.
#[derive(Debug)]
pub struct ImportRow {
    /// The tenant whose pool it goes to.
    pub tenant: Arc<Tenant>,
    /// The user.
    pub registration: PreparedRegistration,
}

impl ImportRow {
    /// Its id and, where addresses are unique, its address.
    pub(super) fn keys(&self, mastered: &HashSet<i64>) -> (PoolKey, Option<PoolKey>) {
        let pool = self.tenant.pool.0;
        let email = Some(self.registration.email_key()).filter(|key| !key.is_empty() && mastered.contains(&pool));
        let id = self.registration.new.crid.as_str();
        ((pool, id.into()), email.map(|key| (pool, key.into())))
    }
}
