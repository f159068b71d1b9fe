//! Which tenant a row goes to.

use std::{collections::HashMap, sync::Arc};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_imports::{RejectCode, RejectedRow};
use masthead_ports::tenants::Tenants;
use masthead_subscribe_store::Store;

use crate::{cli::ImportArguments, command_error::CommandError};

/// The most tenants that are remembered: a file may name any number of them that do not exist.
const MOST: usize = 10_000;

/// Why nothing is imported into a tenant: no read would show it.
const REMOTE_STORE: &str = "its registrations are at a remote Users API (Subscribe.Url)";

/// The tenants of an import.
pub(super) struct RowTenants<'a> {
    store: &'a Store,
    default: Option<TenantId>,
    allowed: &'a [TenantId],
    /// `None` for a tenant that does not exist.
    known: HashMap<TenantId, Option<Arc<Tenant>>>,
}

impl<'a> RowTenants<'a> {
    /// The tenants of these arguments, which must exist.
    pub(super) async fn find(store: &'a Store, arguments: &'a ImportArguments) -> Result<Self, CommandError> {
        let mut tenants = Self {
            store,
            default: arguments.tenant.clone(),
            allowed: &arguments.allow_tenants,
            known: HashMap::new(),
        };
        for id in arguments.tenant.iter().chain(&arguments.allow_tenants) {
            match tenants.look_up(id).await? {
                None => return Err(CommandError::new(format!("there is no tenant {id}"))),
                Some(tenant) if tenant.settings.has_remote_store() => {
                    return Err(CommandError::new(format!("{id}: {REMOTE_STORE}")));
                }
                Some(_) => {}
            }
        }
        Ok(tenants)
    }

    /// The tenant of a row that names this one; or why the row is rejected.
    pub(super) async fn resolve(
        &mut self,
        named: Option<&TenantId>,
    ) -> Result<Result<Arc<Tenant>, RejectedRow>, CommandError> {
        let is_allowed = |id: &TenantId| match &self.default {
            None => self.allowed.is_empty() || self.allowed.contains(id),
            Some(default) => id == default || self.allowed.contains(id),
        };
        let Some(id) = named.or(self.default.as_ref()).cloned() else {
            return Ok(Err(rejected(
                RejectCode::InvalidValue,
                "required, in the row or by --tenant",
            )));
        };
        if !is_allowed(&id) {
            return Ok(Err(rejected(
                RejectCode::OtherTenant,
                "another tenant than --tenant or --allow-tenants",
            )));
        }
        Ok(match self.look_up(&id).await? {
            None => Err(rejected(RejectCode::OtherTenant, "there is no such tenant")),
            Some(tenant) if tenant.settings.has_remote_store() => Err(rejected(RejectCode::OtherTenant, REMOTE_STORE)),
            Some(tenant) => Ok(tenant),
        })
    }

    async fn look_up(&mut self, id: &TenantId) -> Result<Option<Arc<Tenant>>, CommandError> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let found = self.store.tenants().by_id(id).await;
        let found = found.map_err(CommandError::context("the tenant cannot be looked up"))?;
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(id.clone(), found.clone());
        Ok(found)
    }
}

fn rejected(code: RejectCode, reason: &str) -> RejectedRow {
    RejectedRow {
        field: Some("tenant".into()),
        code,
        reason: reason.into(),
    }
}
