//! One tenant's remote API: credentials and single requests.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use masthead_domain::tenant::TenantId;
use masthead_ports::source::{CallContext, CallCount, SUBSCRIBE, SourceError, SourceErrorKind};
use masthead_provider_kit::{HttpReply, ProviderCall, Secrets, Upstream};
use zeroize::Zeroizing;

use crate::{
    error::RemoteAnswerError,
    legacy,
    page::RemotePage,
    query::RemoteQuery,
    settings::{RemoteApiKind, SubscribeSettings},
    v4,
};

/// The remote API as one tenant calls it.
pub(crate) struct RemoteApi {
    pub(crate) settings: SubscribeSettings,
    pub(crate) upstream: Upstream,
    /// The tenant and user name there, without the token.
    headers: HeaderMap,
    /// Whose secrets are read.
    owner: TenantId,
    secrets: Arc<dyn Secrets>,
    /// `Authorization` as it is sent; renewed from its place when the remote API refuses it.
    bearer: RwLock<HeaderValue>,
}

impl AsRef<Upstream> for RemoteApi {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

impl RemoteApi {
    /// `None` when there is no token at its place, or none that a header can hold.
    pub(crate) fn new(
        settings: SubscribeSettings,
        tenant: &TenantId,
        secrets: Arc<dyn Secrets>,
        upstream: Upstream,
    ) -> Option<Self> {
        let owner = tenant.clone();
        let bearer = RwLock::new(bearer(&settings, &owner, &*secrets)?);
        let tenant = settings.tenant.as_ref().unwrap_or(tenant);
        let mut headers = HeaderMap::new();
        for (name, code) in [
            ("x-clientgroupcode", tenant.group()),
            ("x-clientcode", tenant.client()),
            ("x-papercode", tenant.paper()),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(code).ok()?);
        }
        headers.insert(
            HeaderName::from_static("x-sourcesystem"),
            settings.source_system.clone(),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Some(Self {
            settings,
            upstream,
            headers,
            owner,
            secrets,
            bearer,
        })
    }

    /// Makes a request; `read` parses the answer.
    pub(crate) async fn call<T>(
        &self,
        cx: &CallContext,
        operation: &'static str,
        question: &RemoteQuery,
        read: impl Fn(RemotePage) -> Result<T, RemoteAnswerError> + Send + Sync,
    ) -> Result<T, SourceError> {
        let request = |headers: &HeaderMap| question.request(&self.settings.url, headers);
        let read = |reply: &HttpReply| self.read(reply).and_then(&read);
        self.send(ProviderCall::read(operation, cx), request, read).await
    }

    /// Sends a request with the tenant's headers and the current token; `read` parses the answer.
    pub(crate) async fn send<T>(
        &self,
        call: ProviderCall,
        request: impl Fn(&HeaderMap) -> Option<Request<Bytes>> + Send + Sync,
        read: impl Fn(&HttpReply) -> Result<T, RemoteAnswerError> + Send + Sync,
    ) -> Result<T, SourceError> {
        // The calls that are counted for a request are those to its provider.
        let call = ProviderCall {
            calls: CallCount::default(),
            ..call
        };
        let (operation, effect) = (call.operation, call.effect);
        let sent = Mutex::new(None);
        let last = Mutex::new(None);
        let write = || {
            let bearer = self.bearer.read().unwrap_or_else(PoisonError::into_inner).clone();
            let mut headers = self.headers.clone();
            headers.insert(header::AUTHORIZATION, bearer.clone());
            *sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(bearer);
            request(&headers).ok_or_else(|| SourceError::new(operation, SourceErrorKind::Refused))
        };
        let judge = |reply: &HttpReply| {
            let answer = if reply.status == StatusCode::UNAUTHORIZED
                && self.has_newer_token(sent.lock().unwrap_or_else(PoisonError::into_inner).as_ref())
            {
                Err(RemoteAnswerError::OldToken)
            } else {
                read(reply)
            };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = answer.as_ref().err().copied();
            answer.map_err(|flaw| flaw.refusal(effect))
        };
        let answer = self.upstream.call_signed(call, write, judge).await;
        let flaw = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        answer.map_err(|error| match flaw {
            Some(flaw) if error.source.is_none() => {
                if error.kind == SourceErrorKind::Corrupt {
                    tracing::error!(source.name = SUBSCRIBE, operation, %flaw, "the provider's answer is refused");
                }
                SourceError::with_cause(operation, error.kind, flaw)
            }
            _ => error,
        })
    }

    fn read(&self, reply: &HttpReply) -> Result<RemotePage, RemoteAnswerError> {
        match self.settings.api {
            RemoteApiKind::V4Body | RemoteApiKind::V4Query => v4::read(reply),
            RemoteApiKind::Legacy => legacy::read(reply),
        }
    }

    /// Whether another token than the one that was refused is to be had; it is sent from now on.
    fn has_newer_token(&self, refused: Option<&HeaderValue>) -> bool {
        let Some(newest) = bearer(&self.settings, &self.owner, &*self.secrets) else {
            return false;
        };
        let is_newer = refused.is_some_and(|refused| *refused != newest);
        if is_newer {
            *self.bearer.write().unwrap_or_else(PoisonError::into_inner) = newest;
        }
        is_newer
    }
}

fn bearer(settings: &SubscribeSettings, owner: &TenantId, secrets: &dyn Secrets) -> Option<HeaderValue> {
    let token = secrets.secret(owner, &settings.token)?;
    let text = Zeroizing::new(format!("Bearer {}", token.expose_text()?.trim()));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
