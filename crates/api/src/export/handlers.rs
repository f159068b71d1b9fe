//! The export operation: credentials, limits, use case, response.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, request::Parts};
use masthead_domain::{
    caller_address::CallerAddress,
    tenant::Tenant,
    workspace::{Credential, KeyHash, Workspace, WorkspaceId},
};
use masthead_orchestrator::{Caller, ExportRequest, ExportedUser, RefusalLog, RefusedCall};
use masthead_ports::{
    rate_limit::{Admission, CallerName, LimitedCaller, RateLimits},
    source::SourceError,
    tenants::Tenants,
};

use super::{
    body::{self, ExportBody},
    credentials::BasicCredentials,
    error::ExportError,
    state::ExportState,
    view::{ExportView, USER_BYTES},
};
use crate::http::{
    body::{RequestBody, read_json_body},
    deadline::by_deadline,
    error::RequestError,
    percent::{Plus, decode, query_pairs},
    request::{RequestContext, redacted},
    response::{ApiResponse, json_response, log_unwritable, to_json},
};

/// What the export operation needs.
pub(crate) struct ExportApi {
    pub(crate) state: Arc<ExportState>,
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) rate_limits: Arc<dyn RateLimits>,
    /// The events of refused calls.
    pub(crate) refusals: RefusalLog,
    pub(crate) retry_after: Duration,
}

/// `POST /v1/customers/export` and `POST /v1/users/export/{workspace}`
pub(crate) async fn export_users<B: RequestBody>(
    api: &ExportApi,
    context: RequestContext,
    parts: &Parts,
    path_workspace: Option<&str>,
    body: B,
) -> ApiResponse {
    match answer(api, &context, parts, path_workspace, body).await {
        Ok(answer) => json_response(StatusCode::OK, answer, context.request_id),
        Err(error) => {
            record_refusal(&api.refusals, &context, parts, &error);
            error.response(&context.request_id, api.retry_after)
        }
    }
}

/// Records a call without a right to it. The named workspace need not exist.
fn record_refusal(refusals: &RefusalLog, context: &RequestContext, parts: &Parts, error: &ExportError) {
    let status = error.status();
    if matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) {
        let credentials = BasicCredentials::from_headers(&parts.headers);
        let workspace = credentials.and_then(|credentials| WorkspaceId::parse(&credentials.user).ok());
        refusals.record(&RefusedCall {
            status: status.as_u16(),
            reason: error.kind().unwrap_or_default().into(),
            tenant: None,
            caller: Arc::default(),
            address: context.caller,
            request_id: context.request_id.redacted(),
            source_system: workspace.as_ref().map_or("", |id| redacted(id.as_str())),
        });
    }
}

async fn answer<B: RequestBody>(
    api: &ExportApi,
    context: &RequestContext,
    parts: &Parts,
    path_workspace: Option<&str>,
    body: B,
) -> Result<Vec<u8>, ExportError> {
    let parameters = ExportParameters::parse(path_workspace, parts.uri.query().unwrap_or_default());
    let workspace = by_deadline(context.deadline, authenticate(&api.state, parts)).await?;
    let strict = parameters?.check(&workspace)?;
    let limits = workspace.limits;
    let kilobytes = usize::try_from(limits.body_kilobytes).unwrap_or(usize::MAX);
    let body_bytes = kilobytes.saturating_mul(1_024);
    let body = read_json_body(body_bytes, context.deadline, &parts.headers, body).await?;
    let body = body::parse(&body, limits.identifiers_per_payload)?;
    let tenant = find_tenant(&*api.tenants, &workspace).await?;
    let limited = LimitedCaller {
        name: CallerName::Workspace(&workspace.id),
        tenant: &tenant,
        address: context.caller,
    };
    let admission = api.rate_limits.admit(&limited).map_err(ExportError::RateLimited)?;
    let users = u32::try_from(body.identifiers.len()).unwrap_or(u32::MAX);
    let key = context.caller.map(CallerAddress::rate_limit_key);
    let rates = &api.state.rates;
    rates
        .take(&workspace.id, key, users, limits.users_per_minute)
        .map_err(ExportError::TooOften)?;
    let caller = Caller {
        tenant,
        identity: Arc::default(),
        address: context.caller,
        source_system: workspace.id.as_str().into(),
        request_id: context.request_id.redacted().into(),
        deadline: context.deadline,
    };
    read_users(&api.state, &caller, &admission, body, strict).await
}

async fn read_users(
    state: &ExportState,
    caller: &Caller,
    admission: &Admission,
    body: ExportBody,
    strict: bool,
) -> Result<Vec<u8>, ExportError> {
    let request = ExportRequest { keys: body.keys };
    let export = async {
        let exported = state.export.export(caller, &request).await;
        // It fails where it cannot be recorded.
        exported.map_err(|_| ExportError::from(RequestError::Unavailable))
    };
    let answer = by_deadline(caller.deadline, export).await?;
    admission.charge_rows(answer.outcomes.len());
    if strict && answer.outcomes.contains(&ExportedUser::Unresolved) {
        return Err(ExportError::Unresolved(answer.retry_after));
    }
    let size_hint = 256 + answer.outcomes.len() * USER_BYTES;
    let view = ExportView::new(&body.identifiers, &answer.outcomes, &body.attributes);
    to_json(&view, size_hint).map_err(|error| {
        log_unwritable(&error);
        RequestError::Internal.into()
    })
}

/// Finds the workspace of the credentials. An unknown workspace and a wrong key take the same steps and get the same refusal.
async fn authenticate(state: &ExportState, parts: &Parts) -> Result<Arc<Workspace>, ExportError> {
    let credentials = BasicCredentials::from_headers(&parts.headers).ok_or(ExportError::NoCredentials)?;
    let id = WorkspaceId::parse(&credentials.user).map_err(|_| ExportError::WrongKey)?;
    let credential = Credential::new(&id, &KeyHash::for_key(&credentials.password));
    let workspace = state.workspaces.authenticate(&credential).await;
    match workspace.map_err(|error| unavailable(&error))? {
        Some(workspace) if workspace.suspended => Err(ExportError::Suspended),
        Some(workspace) => Ok(workspace),
        None => Err(ExportError::WrongKey),
    }
}

async fn find_tenant(tenants: &dyn Tenants, workspace: &Workspace) -> Result<Arc<Tenant>, ExportError> {
    let tenant = tenants.by_id(&workspace.tenant).await;
    // A workspace is deleted with its tenant; the cached copy of either may be some seconds old.
    tenant
        .map_err(|error| unavailable(&error))?
        .ok_or(ExportError::WrongKey)
}

fn unavailable(error: &SourceError) -> ExportError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a workspace or its tenant cannot be looked up"
    );
    RequestError::Unavailable.into()
}

/// The parameters in path and query.
struct ExportParameters {
    /// Each mention of the workspace.
    app_ids: Vec<String>,
    strict: Option<bool>,
}

impl ExportParameters {
    fn parse(path_workspace: Option<&str>, query: &str) -> Result<Self, ExportError> {
        let mut parameters = Self {
            app_ids: Vec::new(),
            strict: None,
        };
        if let Some(workspace) = path_workspace {
            parameters
                .app_ids
                .push(decode_text("app_id", workspace, Plus::Literal)?);
        }
        for (name, value) in query_pairs(query) {
            match name {
                "app_id" if !value.is_empty() => {
                    parameters.app_ids.push(decode_text("app_id", value, Plus::Blank)?);
                }
                "strict" => {
                    parameters.strict = Some(match value {
                        "true" => true,
                        "false" => false,
                        _ => return Err(ExportError::Parameter("strict")),
                    });
                }
                // Jobs send parameters of their own; none changes the answer.
                _ => {}
            }
        }
        Ok(parameters)
    }

    /// Checks that every mention is the authenticated workspace. Returns whether the answer is strict.
    fn check(self, workspace: &Workspace) -> Result<bool, ExportError> {
        if self.app_ids.is_empty() {
            return Err(ExportError::NoAppId);
        }
        if self.app_ids.iter().any(|id| id != workspace.id.as_str()) {
            return Err(ExportError::AppIdDiffers);
        }
        // `strict=false` does not override a strict workspace.
        Ok(workspace.strict || self.strict == Some(true))
    }
}

fn decode_text(name: &'static str, raw: &str, plus: Plus) -> Result<String, ExportError> {
    let text = decode(raw, plus).ok_or(ExportError::Parameter(name))?;
    Ok(text.into_owned())
}
