//! Explains a token of a caller.

use std::{io, sync::Arc};

use masthead_domain::{
    access::{Scope, TenantGrant},
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    clock::Clock,
    tokens::{TokenError, TokenVerifier as _, VerifiedToken},
};

use masthead_subscribe_store::Store;

use super::lines::{print_part, print_tenant};
use crate::{command_error::CommandError, settings::ServerSettings, wiring};

pub(super) async fn explain(
    (settings, store): (&ServerSettings, &Store),
    clock: Arc<dyn Clock>,
    (id, tenant): (&TenantId, Option<&Tenant>),
    token: &str,
    show: bool,
) -> Result<(), CommandError> {
    match tenant {
        Some(tenant) => print_tenant(tenant)?,
        None => print_part(
            "tenant",
            format_args!("there is no tenant {id}: every token is refused with 403"),
        )?,
    }
    let read = match token {
        "-" => io::read_to_string(io::stdin()).map_err(CommandError::context("the token cannot be read"))?,
        given => given.to_owned(),
    };
    let rules = store.caller_rules();
    let refreshed = rules.refresh().await;
    refreshed.map_err(CommandError::context(
        "the grants and denials of callers cannot be read",
    ))?;
    let verifier = wiring::verifier(&settings.tokens, clock)?.with_rules(rules);
    match verifier.verify(read.trim()).await {
        Ok(valid) => print_grant(id, tenant.is_some(), &valid, show),
        Err(error) => print_part("token", format_args!("is refused with {}", reason(error))),
    }
}

/// The status and the reason; `masthead token inspect` has the details.
fn reason(error: TokenError) -> String {
    let status = match error {
        TokenError::KeysUnavailable | TokenError::RulesUnavailable => 503,
        _ => 401,
    };
    format!("{status}: {error}; `masthead token inspect` explains what to do")
}

fn print_grant(id: &TenantId, exists: bool, verified: &VerifiedToken, show: bool) -> Result<(), CommandError> {
    let VerifiedToken { identity, grant } = verified;
    print_part("token", "is valid now")?;
    if show {
        let or_none = |claim: &Option<Arc<str>>| claim.as_deref().unwrap_or("-").to_owned();
        let (subject, client) = (or_none(&identity.subject), or_none(&identity.client_id));
        print_part(
            "token",
            format_args!("of {}, subject {subject}, client {client}", identity.issuer),
        )?;
    }
    if let Some(systems) = &identity.source_systems {
        print_part(
            "token",
            format_args!("may be sent by the calling applications {}", systems.join(", ")),
        )?;
    }
    let scopes: Vec<&str> = Scope::ALL
        .into_iter()
        .filter(|(scope, _)| grant.allows(*scope, id))
        .map(|(_, name)| name)
        .collect();
    if scopes.is_empty() {
        let tenants: Vec<_> = grant.tenants.iter().map(TenantGrant::to_string).collect();
        let names: Vec<_> = grant.scopes.iter().map(|scope| scope.name()).collect();
        return print_part(
            "answer",
            format_args!(
                "403: it grants nothing for {id}; its scopes are [{}], its tenants [{}]",
                names.join(" "),
                tenants.join(" ")
            ),
        );
    }
    if !exists {
        return print_part(
            "answer",
            format_args!("403: there is no tenant {id}, though the token grants it"),
        );
    }
    print_part(
        "answer",
        format_args!(
            "it grants {} for {id}; other calls are refused with 403",
            scopes.join(" ")
        ),
    )
}
