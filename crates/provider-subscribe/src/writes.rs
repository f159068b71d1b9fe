//! A remote v4 API as a writer of its own store (`ignoreProvider=true`), and the read-back after each write.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_key::UserKey,
};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, WriteError},
    passwords::PlainPassword,
    source::{CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource as _},
};
use masthead_provider_kit::{
    ProviderCall,
    path::is_segment,
    wire,
    writes::{found_after_write, not_written, outcome_unknown},
};
use serde_json::{Map, Value, json};

use crate::{
    adapter::RemoteSubscribe, error::RemoteAnswerError, page_start::escaped, remote_api::RemoteApi,
    settings::RemoteApiKind, written,
};

const CREATE: &str = "create";
const UPDATE: &str = "update";
const SET_PASSWORD: &str = "set_password";
const SET_EMAIL: &str = "set_email";
const DELETE: &str = "delete";

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
        let pairs = new.metadata.iter().filter(|(_, value)| !value.is_empty());
        let metadata: Map<String, Value> = pairs.map(|(key, value)| (key.to_owned(), value.into())).collect();
        if !metadata.is_empty() {
            body["metadata"] = Value::Object(metadata);
        }
        let data = api.write(cx, CREATE, Method::POST, "", Some(&body)).await?;
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
        let mut body = json!({"ignoreProvider": true});
        for (name, text) in [("firstName", &change.first_name), ("lastName", &change.last_name)] {
            if let Some(text) = text {
                body[name] = (&**text).into();
            }
        }
        if let Some(verified) = change.verified {
            body["verified"] = verified.into();
        }
        for (key, value) in &change.metadata {
            body["metadata"][&**key] = value.as_deref().map_or(Value::Null, Value::from);
        }
        if body.as_object().is_some_and(|members| members.len() > 1) {
            api.write_about(cx, UPDATE, Method::PUT, (id, ""), Some(&body)).await?;
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
        let body = json!({"password": password.expose(), "ignoreProvider": true});
        let path = (id, "/Password");
        api.write_about(cx, SET_PASSWORD, Method::PATCH, path, Some(&body))
            .await
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError> {
        let api = self.written_api(cx, SET_EMAIL)?;
        let body = json!({"email": email.as_str(), "ignoreProvider": true});
        let path = (id, "/Email");
        api.write_about(cx, SET_EMAIL, Method::PATCH, path, Some(&body)).await?;
        let changed = api.read_back(cx, SET_EMAIL, id).await?;
        api.with_verified(cx, SET_EMAIL, changed, verified).await
    }

    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        let api = self.written_api(cx, DELETE)?;
        let path = (id, "?ignoreProvider=true");
        match api.write_about(cx, DELETE, Method::DELETE, path, None).await {
            Ok(()) | Err(WriteError::NoSuchUser) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl RemoteSubscribe {
    /// The remote API, where it can be written.
    fn written_api(&self, cx: &CallContext, name: &'static str) -> Result<std::sync::Arc<RemoteApi>, SourceError> {
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
        method: Method,
        (id, rest): (&CustomerRegistrationId, &str),
        body: Option<&Value>,
    ) -> Result<(), WriteError> {
        if !is_segment(id.as_str()) {
            return Err(WriteError::Refused { message: None });
        }
        let path = format!("/{}{rest}", escaped(id.as_str()));
        match self.write(cx, name, method, &path, body).await {
            Ok(_) => Ok(()),
            Err(WriteError::NoSuchUser) if self.account(cx, id).await?.is_some() => {
                Err(SourceError::new(name, SourceErrorKind::Misconfigured).into())
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a write and returns its data.
    async fn write(
        &self,
        cx: &CallContext,
        name: &'static str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, WriteError> {
        let read = |reply: &_| match written::read(reply)? {
            Ok(data) => Ok(Ok(data)),
            Err(refusal) => refusal.write_error().map(Err),
        };
        let request = |headers: &HeaderMap| self.v4_request(&method, path, body, headers);
        match self.send(ProviderCall::write(name, cx), request, read).await {
            Ok(written) => written,
            Err(error) => Err(not_written(error)),
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
        let path = (&account.crid, "");
        let written = self.write_about(cx, name, Method::PUT, path, Some(&body)).await;
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
