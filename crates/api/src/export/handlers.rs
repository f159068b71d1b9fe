//! The export as HTTP: credentials, limits, use case, answer.

use std::sync::Arc;

use http::{StatusCode, request::Parts};
use masthead_domain::{
    tenant::Tenant,
    workspace::{Credential, KeyHash, Workspace, WorkspaceId},
};
use masthead_orchestrator::{Caller, ExportRequest, ExportedUser};
use masthead_ports::source::SourceError;

use crate::{
    envelope::{json, written},
    handlers::{in_time, read_body},
    parameters::query::{Plus, decoded},
    request::{Asked, CallerAddress},
    routes::{self, RequestBody},
    state::ApiState,
};

use super::{
    BASES,
    body::{self, Wanted},
    credentials::Credentials,
    error::ExportError,
    view::{Answer, USER_BYTES},
};

/// `POST /v1/customers/export` and `POST /v1/users/export/{workspace}`
pub(crate) async fn export<B: RequestBody>(api: &ApiState, asked: Asked, parts: &Parts, body: B) -> routes::Answer {
    match answered(api, &asked, parts, body).await {
        Ok(answer) => json(StatusCode::OK, answer, asked.request_id),
        Err(refusal) => refusal.response(&asked.request_id, api.limits.retry_after),
    }
}

async fn answered<B: RequestBody>(
    api: &ApiState,
    asked: &Asked,
    parts: &Parts,
    body: B,
) -> Result<Vec<u8>, ExportError> {
    let named = Named::of(parts);
    let workspace = in_time(asked.deadline, async { Ok(opened(api, parts).await) }).await??;
    let strict = named?.check(&workspace)?;
    let limits = workspace.limits;
    let kilobytes = usize::try_from(limits.body_kilobytes).unwrap_or(usize::MAX);
    let whole = read_body(kilobytes.saturating_mul(1_024), asked.deadline, parts, body).await?;
    let wanted = body::read(&whole, limits.identifiers_per_payload)?;
    let users = u32::try_from(wanted.identifiers.len()).unwrap_or(u32::MAX);
    let rates = &api.exports.rates;
    let address = asked.from;
    let counted = address.map(CallerAddress::counted);
    rates
        .take(&workspace.id, counted, users, limits.users_per_minute)
        .map_err(ExportError::TooOften)?;
    let tenant = tenant(api, &workspace).await?;
    let caller = Caller {
        tenant,
        source_system: workspace.id.as_str().into(),
        request_id: asked.request_id.kept().into(),
        deadline: asked.deadline,
    };
    told(api, &caller, wanted, strict, address).await
}

async fn told(
    api: &ApiState,
    caller: &Caller,
    wanted: Wanted,
    strict: bool,
    address: Option<CallerAddress>,
) -> Result<Vec<u8>, ExportError> {
    let request = ExportRequest {
        keys: wanted.keys,
        network: address.map(|address| address.network().into()),
    };
    let export = async { Ok(api.exports.export.export(caller, &request).await) };
    let answer = in_time(caller.deadline, export).await?;
    if strict && answer.outcomes.contains(&ExportedUser::Unresolved) {
        return Err(ExportError::Unresolved(answer.retry_after));
    }
    let size_hint = 256 + answer.outcomes.len() * USER_BYTES;
    let body = Answer::new(&wanted.identifiers, &answer.outcomes, &wanted.attributes);
    written(&body, size_hint).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the answer cannot be written");
        ExportError::Internal
    })
}

/// The workspace that the credentials open. Whether there is no such workspace or no such key takes the same steps, and is
/// refused in the same words.
async fn opened(api: &ApiState, parts: &Parts) -> Result<Arc<Workspace>, ExportError> {
    let credentials = Credentials::of(&parts.headers).ok_or(ExportError::NoCredentials)?;
    let id = WorkspaceId::parse(&credentials.user).map_err(|_| ExportError::WrongKey)?;
    let credential = Credential::new(&id, &KeyHash::for_key(&credentials.password));
    let opened = api.exports.workspaces.authenticate(&credential).await;
    match opened.map_err(|error| silent(&error))? {
        Some(workspace) if workspace.suspended => Err(ExportError::Suspended),
        Some(workspace) => Ok(workspace),
        None => Err(ExportError::WrongKey),
    }
}

async fn tenant(api: &ApiState, workspace: &Workspace) -> Result<Arc<Tenant>, ExportError> {
    let found = api.tenants.by_id(&workspace.tenant).await;
    // A workspace goes with its tenant: what is remembered of either may be some seconds old.
    found.map_err(|error| silent(&error))?.ok_or(ExportError::WrongKey)
}

fn silent(error: &SourceError) -> ExportError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a workspace or its tenant cannot be looked up"
    );
    ExportError::Unavailable
}

/// What path and query say.
struct Named {
    /// Every naming of the workspace.
    app_ids: Vec<String>,
    strict: Option<bool>,
}

impl Named {
    fn of(parts: &Parts) -> Result<Self, ExportError> {
        let path = parts.uri.path();
        let mut named = Self {
            app_ids: Vec::new(),
            strict: None,
        };
        let in_path = BASES.iter().find_map(|base| path.strip_prefix(base));
        let in_path = in_path.map_or("", |rest| rest.trim_matches('/'));
        if !in_path.is_empty() {
            named.app_ids.push(text("app_id", in_path, Plus::Kept)?);
        }
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "app_id" if !value.is_empty() => named.app_ids.push(text("app_id", value, Plus::Blank)?),
                "strict" => {
                    named.strict = Some(match value {
                        "true" => true,
                        "false" => false,
                        _ => return Err(ExportError::Parameter("strict")),
                    });
                }
                // Jobs add parameters of their own, and nothing that is looked up depends on them.
                _ => {}
            }
        }
        Ok(named)
    }

    /// That it names the workspace that was opened, and no other; whether the answer is to be strict.
    fn check(self, workspace: &Workspace) -> Result<bool, ExportError> {
        if self.app_ids.is_empty() {
            return Err(ExportError::NoAppId);
        }
        if self.app_ids.iter().any(|id| id != workspace.id.as_str()) {
            return Err(ExportError::AppIdDiffers);
        }
        // A workspace that was set to be strict is not talked out of it.
        Ok(workspace.strict || self.strict == Some(true))
    }
}

fn text(name: &'static str, raw: &str, plus: Plus) -> Result<String, ExportError> {
    let text = decoded(raw, plus).ok_or(ExportError::Parameter(name))?;
    Ok(text.into_owned())
}
