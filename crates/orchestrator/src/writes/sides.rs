//! The sides of a write (contract `writes.md` §2).

use std::sync::Arc;

use masthead_domain::{flow::Sources, tenant::Tenant};
use masthead_ports::{
    accounts::{Ability, AccountWriter, MissingSetting},
    provider::AccountSide,
    users::UserWriter,
};

use super::{error::WriteUserError, remote_store::RemoteStore, services::Services};

/// The sides of a write.
pub(crate) enum Sides {
    /// Our store alone.
    Store,
    /// Another system first, then the registrations.
    Both(TwoSides),
}

/// The two sides of a write.
pub(crate) struct TwoSides {
    /// Written first: the provider, or the remote Users API where that is written alone.
    pub(crate) writer: Arc<dyn AccountWriter>,
    /// Follows.
    pub(crate) store: Arc<dyn UserWriter>,
    /// A remote Users API is written alone: our store keeps only what belongs to the write.
    pub(crate) is_remote_alone: bool,
}

impl Services {
    /// The sides of a write of this ability (contract `writes.md` §2).
    pub(crate) fn sides(
        &self,
        tenant: &Tenant,
        ignore_provider: bool,
        ability: Ability,
    ) -> Result<Sides, WriteUserError> {
        let is_remote = tenant.settings.has_remote_store();
        match Sources::for_request(tenant.settings.user_provider, ignore_provider) {
            Sources::Store if !is_remote => Ok(Sides::Store),
            Sources::Store => Ok(Sides::Both(self.two_sides(tenant, true, ability)?)),
            Sources::ProviderAndStore(_) => Ok(Sides::Both(self.two_sides(tenant, false, ability)?)),
        }
    }

    /// The two sides of a write that begins at the provider, or at a remote Users API that is written alone.
    ///
    /// # Errors
    /// The missing setting of a side that cannot be written.
    pub(crate) fn two_sides(
        &self,
        tenant: &Tenant,
        is_remote_alone: bool,
        ability: Ability,
    ) -> Result<TwoSides, MissingSetting> {
        let writer = |side| self.ports.writers.writer(tenant, side, ability);
        if is_remote_alone {
            return Ok(TwoSides {
                writer: writer(AccountSide::RemoteStore)?,
                store: Arc::new(self.remote_store(None)),
                is_remote_alone,
            });
        }
        let provider = writer(AccountSide::Provider)?;
        let store: Arc<dyn UserWriter> = if tenant.settings.has_remote_store() {
            let remote = writer(AccountSide::RemoteStore)?;
            Arc::new(self.remote_store(Some(remote)))
        } else {
            Arc::clone(&self.ports.users)
        };
        Ok(TwoSides {
            writer: provider,
            store,
            is_remote_alone,
        })
    }

    /// What our store keeps of a tenant's users beside their accounts: codes, links, pending registrations.
    pub(crate) fn users(&self, tenant: &Tenant) -> Arc<dyn UserWriter> {
        if tenant.settings.has_remote_store() {
            Arc::new(self.remote_store(None))
        } else {
            Arc::clone(&self.ports.users)
        }
    }

    fn remote_store(&self, writer: Option<Arc<dyn AccountWriter>>) -> RemoteStore {
        RemoteStore {
            writer,
            source: Arc::clone(&self.ports.store),
            local: Arc::clone(&self.ports.users),
            records: Arc::clone(&self.ports.remote_records),
            hasher: Arc::clone(&self.ports.hasher),
        }
    }
}
