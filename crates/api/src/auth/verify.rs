//! Verifies a caller: headers, token, grant, tenant, source system, in this order.

use std::sync::Arc;

use http::HeaderMap;
use masthead_domain::{
    access::{Grant, Scope},
    tenant::TenantId,
};
use masthead_orchestrator::Caller;
use masthead_ports::{
    source::SourceError,
    tenants::Tenants,
    tokens::{TokenVerifier, VerifiedToken},
};

use super::{
    error::{AuthError, HeaderError},
    headers::{CallerHeaders, GroupHeader},
    refusal_log::REFUSALS,
};
use crate::http::request::{RequestContext, redacted};

/// Verifies callers by their token and their tenant.
pub(crate) struct Authenticator {
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) tokens: Arc<dyn TokenVerifier>,
}

impl Authenticator {
    /// Verifies a caller that reads users.
    pub(crate) async fn verify_reader(
        &self,
        headers: &HeaderMap,
        group: GroupHeader,
        context: &RequestContext,
    ) -> Result<Caller, AuthError> {
        let (caller, _) = self.verify(headers, group, context, &[Scope::UsersRead]).await?;
        Ok(caller)
    }

    /// Verifies a caller whose token has one of these scopes for the tenant; with its token. A refusal is logged.
    pub(crate) async fn verify(
        &self,
        headers: &HeaderMap,
        group: GroupHeader,
        context: &RequestContext,
        scopes: &[Scope],
    ) -> Result<(Caller, Arc<VerifiedToken>), AuthError> {
        let verified = self.verify_unlogged(headers, group, context, scopes).await;
        if let Err(error) = &verified {
            REFUSALS.record_caller(error, headers, context);
        }
        verified
    }

    async fn verify_unlogged(
        &self,
        headers: &HeaderMap,
        group: GroupHeader,
        context: &RequestContext,
        scopes: &[Scope],
    ) -> Result<(Caller, Arc<VerifiedToken>), AuthError> {
        let headers = CallerHeaders::parse(headers, group)?;
        let verified = self.tokens.verify(headers.token()?).await.map_err(AuthError::Token)?;
        let grant = &verified.grant;
        let id = if headers.has_group {
            headers.tenant
        } else {
            Box::pin(self.find_granted_tenant(grant, scopes, &headers.tenant)).await?
        };
        // A tenant that is not granted and one that does not exist look the same to the client.
        if !allows_any(grant, scopes, &id) {
            return Err(not_granted(grant, scopes));
        }
        let tenant = self.tenants.by_id(&id).await.map_err(|error| unavailable(&error))?;
        let tenant = tenant.ok_or(AuthError::UnknownTenant)?;
        if !tenant.settings.allows_source_system(&headers.source_system) {
            return Err(AuthError::UnknownSourceSystem);
        }
        let caller = Caller {
            tenant,
            identity: Arc::clone(&verified.identity),
            address: context.caller,
            // The audit log stores source system and request id.
            source_system: redacted(&headers.source_system).into(),
            request_id: context.request_id.redacted().into(),
            deadline: context.deadline,
        };
        Ok((caller, verified))
    }

    /// The only tenant with this client and paper, of any client group, that the token grants.
    async fn find_granted_tenant(
        &self,
        grant: &Grant,
        scopes: &[Scope],
        wanted: &TenantId,
    ) -> Result<TenantId, AuthError> {
        let known = self.tenants.find_in_any_group(wanted.client(), wanted.paper()).await;
        let known = known.map_err(|error| unavailable(&error))?;
        let mut granted = known.into_iter().filter(|tenant| allows_any(grant, scopes, tenant));
        match (granted.next(), granted.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(HeaderError::SeveralGroups.into()),
            (None, _) => Err(not_granted(grant, scopes)),
        }
    }
}

fn allows_any(grant: &Grant, scopes: &[Scope], tenant: &TenantId) -> bool {
    scopes.iter().any(|scope| grant.allows(*scope, tenant))
}

/// What is missing: the scopes depend on the token alone, so that naming them discloses nothing about tenants.
fn not_granted(grant: &Grant, scopes: &[Scope]) -> AuthError {
    if scopes.iter().any(|scope| grant.scopes.contains(scope)) {
        AuthError::NotGranted
    } else {
        AuthError::missing_scope(scopes)
    }
}

fn unavailable(error: &SourceError) -> AuthError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the tenant cannot be looked up"
    );
    AuthError::TenantsUnavailable
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use masthead_testkit::{
        tenants::{FakeTenants, tenant},
        tokens::{FakeTokens, grant},
    };

    use super::*;
    use crate::http::limits::ApiLimits;

    #[tokio::test]
    async fn absent_group_is_the_only_granted_one() {
        let read = |tenants: &[&str]| grant(&[Scope::UsersRead], tenants);
        let callers = Authenticator {
            tenants: Arc::new(FakeTenants::new([
                tenant("north/daily/herald", 1, &[]),
                tenant("south/daily/herald", 2, &[]),
            ])),
            tokens: Arc::new(
                FakeTokens::new()
                    .granting("north", read(&["north/*/*"]))
                    .granting("south", read(&["*/daily/gone", "south/daily/herald"]))
                    .granting("both", read(&["*/daily/*"]))
                    .granting("neither", read(&["east/*/*"]))
                    .granting("writer", grant(&[Scope::UsersWrite], &["north/*/*"])),
            ),
        };
        for (token, group, expected) in [
            ("north", None, Ok("north/daily/herald")),
            ("south", None, Ok("south/daily/herald")),
            ("both", Some("south"), Ok("south/daily/herald")),
            ("both", None, Err("Header(SeveralGroups)")),
            ("neither", None, Err("NotGranted")),
            ("writer", None, Err("MissingScope(\"users:read\")")),
        ] {
            let mut headers = HeaderMap::new();
            let bearer = format!("bearer {token}");
            for (name, value) in [
                ("authorization", Some(&*bearer)),
                ("x-sourcesystem", Some("CRM")),
                ("x-clientcode", Some("daily")),
                ("x-papercode", Some("herald")),
                ("x-clientgroupcode", group),
            ] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_str(value).unwrap());
                }
            }
            let context = RequestContext::from_headers(&headers, &ApiLimits::default());
            let caller = callers.verify_reader(&headers, GroupHeader::Optional, &context).await;
            let id = caller.map(|caller| caller.tenant.id.to_string());
            let outcome = id.as_deref().map_err(|error| format!("{error:?}"));
            assert_eq!(outcome, expected.map_err(str::to_owned), "{token} {group:?}");
        }
    }
}
