//! A remote v4 API as a writer of its own store (`ignoreProvider=true`), and the read-back after each write.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_change::is_blocked_key,
    user_key::UserKey,
};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, WriteError},
    passwords::PlainPassword,
    source::{CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource as _},
};
use masthead_provider_kit::{
    HttpReply, ProviderCall,
    path::is_segment,
    wire,
    writes::{found_after_write, not_written, outcome_unknown},
};
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;

use crate::{
    adapter::RemoteSubscribe, error::RemoteAnswerError, page::FieldReader, page_start::escaped, remote_api::RemoteApi,
    settings::RemoteApiKind, v4, written,
};

const CREATE: &str = "create";
const UPDATE: &str = "update";
const SET_PASSWORD: &str = "set_password";
const SET_EMAIL: &str = "set_email";
const DELETE: &str = "delete";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[async_trait]
impl AccountWriter for RemoteSubscribe {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        self.find(cx, key).await
    }

    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        let api = self.written_api(cx, CREATE)?;
        let mut body = json!({"email": new.email.as_str(), "ignoreProvider": true});
        for (name, text) in [
            (
                "customerRegistrationId",
                new.id.as_ref().map_or("", CustomerRegistrationId::as_str),
            ),
            ("password", new.password.as_ref().map_or("", PlainPassword::expose)),
            ("firstName", &new.first_name),
            ("lastName", &new.last_name),
        ] {
            if !text.is_empty() {
                body[name] = text.into();
            }
        }
        let pairs = new
            .metadata
            .iter()
            .filter(|(key, value)| !value.is_empty() && !is_blocked_key(key));
        let metadata: Map<String, Value> = pairs.map(|(key, value)| (key.to_owned(), value.into())).collect();
        if !metadata.is_empty() {
            body["metadata"] = Value::Object(metadata);
        }
        let data = api
            .write(cx, CREATE, V4Write::new(Method::POST, "", Some(&body)))
            .await?;
        let id = data["customerRegistrationId"].as_str().and_then(wire::id);
        let id = id.ok_or_else(|| outcome_unknown(CREATE, RemoteAnswerError::Shape))?;
        let made = api.read_back(cx, CREATE, &id).await?;
        if made.email.as_ref().map(Email::key) != Some(new.email.key()) {
            return Err(outcome_unknown(CREATE, RemoteAnswerError::OtherUser));
        }
        api.with_verified(cx, CREATE, made, new.verified).await
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &AccountChange,
    ) -> Result<Account, WriteError> {
        let api = self.written_api(cx, UPDATE)?;
        let body = body_of(change);
        if body.as_object().is_some_and(|members| members.len() > 1) {
            let if_match = match &change.read {
                Some(read) => api.tag_of(cx, id, read).await?,
                None => None,
            };
            let write = V4Write {
                if_match,
                ..V4Write::new(Method::PUT, "", Some(&body))
            };
            api.write_about(cx, UPDATE, id, write).await?;
        }
        api.read_back(cx, UPDATE, id).await
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<(), WriteError> {
        let api = self.written_api(cx, SET_PASSWORD)?;
        let body = json!({"password": password.expose()});
        let write = V4Write::new(Method::PATCH, "/Password", Some(&body));
        api.write_about(cx, SET_PASSWORD, id, write).await
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError> {
        let api = self.written_api(cx, SET_EMAIL)?;
        let body = json!({"email": email.as_str()});
        let write = V4Write::new(Method::PATCH, "/Email", Some(&body));
        api.write_about(cx, SET_EMAIL, id, write).await?;
        let changed = api.read_back(cx, SET_EMAIL, id).await?;
        api.with_verified(cx, SET_EMAIL, changed, verified).await
    }

    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        let api = self.written_api(cx, DELETE)?;
        let write = V4Write::new(Method::DELETE, "?ignoreProvider=true", None);
        match api.write_about(cx, DELETE, id, write).await {
            Ok(()) | Err(WriteError::NoSuchUser) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A write: its method, what follows the user in its path, its body, and its condition.
struct V4Write<'a> {
    method: Method,
    rest: &'a str,
    body: Option<&'a Value>,
    /// The tag that the user must still have.
    if_match: Option<HeaderValue>,
}

impl<'a> V4Write<'a> {
    const fn new(method: Method, rest: &'a str, body: Option<&'a Value>) -> Self {
        Self {
            method,
            rest,
            body,
            if_match: None,
        }
    }
}

/// The body of an update; `ignoreProvider` alone where nothing changes.
fn body_of(change: &AccountChange) -> Value {
    let mut body = json!({"ignoreProvider": true});
    for (name, text) in [("firstName", &change.first_name), ("lastName", &change.last_name)] {
        if let Some(text) = text {
            body[name] = (&**text).into();
        }
    }
    for (name, flag) in [("verified", change.verified), ("blocked", change.blocked)] {
        if let Some(flag) = flag {
            body[name] = flag.into();
        }
    }
    match change.last_logout_at {
        None => {}
        Some(None) => body["removeLastLogoutDate"] = true.into(),
        // Every time of a request is one that RFC 3339 can express.
        Some(Some(at)) => body["lastLogoutDate"] = at.format(&Rfc3339).unwrap_or_default().into(),
    }
    // v4 sets the block by a field of its own.
    for (key, value) in change.metadata.iter().filter(|(key, _)| !is_blocked_key(key)) {
        body["metadata"][&**key] = value.as_deref().map_or(Value::Null, Value::from);
    }
    body
}

impl RemoteSubscribe {
    /// The remote API, where it can be written.
    fn written_api(&self, cx: &CallContext, name: &'static str) -> Result<Arc<RemoteApi>, SourceError> {
        let api = self.remote_api(&cx.tenant, name)?;
        match api.settings.api {
            RemoteApiKind::V4Body | RemoteApiKind::V4Query => Ok(api),
            RemoteApiKind::Legacy => Err(SourceError::new(name, SourceErrorKind::Misconfigured)),
        }
    }
}

impl RemoteApi {
    /// A write about one user. An unknown user and an unknown path are answered alike, so the user is looked up.
    async fn write_about(
        &self,
        cx: &CallContext,
        name: &'static str,
        id: &CustomerRegistrationId,
        write: V4Write<'_>,
    ) -> Result<(), WriteError> {
        if !is_segment(id.as_str()) {
            return Err(WriteError::Refused { message: None });
        }
        let rest = format!("/{}{}", escaped(id.as_str()), write.rest);
        match self.write(cx, name, V4Write { rest: &rest, ..write }).await {
            Ok(_) => Ok(()),
            Err(WriteError::NoSuchUser) if self.account(cx, id).await?.is_some() => {
                Err(SourceError::new(name, SourceErrorKind::Misconfigured).into())
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a write and returns its data.
    async fn write(&self, cx: &CallContext, name: &'static str, write: V4Write<'_>) -> Result<Value, WriteError> {
        let read = |reply: &HttpReply| match written::read(reply)? {
            Ok(data) => Ok(Ok(data)),
            Err(refusal) => refusal.write_error().map(Err),
        };
        // One request here may be several there.
        let keyed = |key: &Arc<str>| HeaderValue::try_from(format!("{key}-{name}-{}", write.method)).ok();
        let key = cx.write_key.as_ref().filter(|_| write.method != Method::DELETE);
        let key = key.and_then(keyed).map(|key| (IDEMPOTENCY_KEY, key));
        let condition = write.if_match.map(|tag| (header::IF_MATCH, tag));
        let request = |headers: &HeaderMap| {
            let mut headers = headers.clone();
            headers.extend(key.iter().chain(&condition).cloned());
            self.v4_request(&write.method, write.rest, write.body, &headers)
        };
        match self.send(ProviderCall::write(name, cx), request, read).await {
            Ok(written) => written,
            Err(error) => Err(not_written(error)),
        }
    }

    /// The tag of a user who must be as it was read; `None` from an API that has no tags.
    async fn tag_of(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        expected: &Account,
    ) -> Result<Option<HeaderValue>, WriteError> {
        if !is_segment(id.as_str()) {
            return Err(WriteError::Refused { message: None });
        }
        let path = format!("/{}?ignoreProvider=true", escaped(id.as_str()));
        let request = |headers: &HeaderMap| self.v4_request(&Method::GET, &path, None, headers);
        let read = |reply: &HttpReply| match written::read(reply)? {
            Ok(data) => {
                // The tenant there may be shown lists of one.
                let user = data.get(0).unwrap_or(&data).to_string();
                let account = v4::account(user.as_bytes(), &mut FieldReader::default())?;
                Ok(Ok((account, reply.headers.get(header::ETAG).cloned())))
            }
            Err(refusal) => refusal.write_error().map(Err),
        };
        let (account, tag) = self.send(ProviderCall::read(UPDATE, cx), request, read).await??;
        if account == *expected {
            Ok(tag)
        } else {
            Err(WriteError::Changed)
        }
    }

    /// A request under `/v4/Users`.
    pub(crate) fn v4_request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        headers: &HeaderMap,
    ) -> Option<Request<Bytes>> {
        let address = format!("{}/v4/Users{path}", self.settings.url);
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::builder().method(method).uri(address).body(bytes).ok()?;
        request.headers_mut().clone_from(headers);
        if body.is_some() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        Some(request)
    }

    /// The account with this flag; v4 sets it by an update only.
    async fn with_verified(
        &self,
        cx: &CallContext,
        name: &'static str,
        account: Account,
        verified: bool,
    ) -> Result<Account, WriteError> {
        if account.verified == Some(verified) {
            return Ok(account);
        }
        let body = json!({"verified": verified, "ignoreProvider": true});
        let write = V4Write::new(Method::PUT, "", Some(&body));
        let written = self.write_about(cx, name, &account.crid, write).await;
        // What went before is done.
        written.map_err(|error| outcome_unknown(name, error))?;
        self.read_back(cx, name, &account.crid).await
    }

    /// The account after a successful write.
    async fn read_back(
        &self,
        cx: &CallContext,
        name: &'static str,
        id: &CustomerRegistrationId,
    ) -> Result<Account, WriteError> {
        found_after_write(name, self.account(cx, id).await)
    }
}
