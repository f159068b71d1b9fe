//! Links to set a new password.

use masthead_domain::{account::Account, tenant::PoolId};
use masthead_ports::{
    keyed_hash::KeyedHash,
    source::CallContext,
    users::{NewResetLink, ResetLink},
};
use time::OffsetDateTime;

use super::{
    InMemoryUsers,
    state::{LinkOwner, StoredLink, UsersState, find_number},
};

impl UsersState {
    pub(super) fn keep_link(&mut self, pool: PoolId, user: &Account, link: &NewResetLink) {
        let id = self.links.iter().map(|link| link.id).max().unwrap_or(0) + 1;
        self.links.push(StoredLink {
            pool,
            id,
            hash: link.hash,
            expires_at: link.expires_at,
            proves_address: link.proves_address,
            owner: LinkOwner::of(user),
        });
    }
}

impl InMemoryUsers {
    /// The link with one of these hashes that has not expired.
    pub(super) fn link(
        &self,
        state: &UsersState,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Option<ResetLink> {
        let pool = cx.tenant.pool;
        let mut of_pool = state.links.iter().filter(|link| link.pool == pool);
        let link = of_pool.find(|link| hashes.contains(&link.hash) && link.expires_at > at)?;
        Some(ResetLink {
            event_id: link.id,
            expires_at: link.expires_at,
            account: match &link.owner {
                LinkOwner::Stored(number) => find_number(&self.store, pool, *number)?,
                LinkOwner::Remote(id) => Account::new(id.clone()),
            },
        })
    }
}
