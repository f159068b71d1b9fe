//! Cognito as a check of passwords: `InitiateAuth` with `USER_PASSWORD_AUTH`. The tokens that it issues are dropped.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};
use masthead_ports::{
    accounts::{SignIn, SignInAnswer, SignInAttempt},
    source::{CallContext, SourceError, SourceErrorKind},
};
use masthead_provider_kit::{ProviderCall, writes::not_answered};
use ring::hmac;
use serde::Serialize;

use crate::{
    adapter::{AppClient, CognitoAdapter},
    answer::{self, JSON, SIGN_IN},
};

const TARGET: &str = "AWSCognitoIdentityProviderService.InitiateAuth";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InitiateAuth<'a> {
    auth_flow: &'static str,
    client_id: &'a str,
    auth_parameters: AuthParameters<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct AuthParameters<'a> {
    username: &'a str,
    password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_hash: Option<String>,
}

#[async_trait]
impl SignIn for CognitoAdapter {
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError> {
        let client = self.client(&cx.tenant, SIGN_IN)?;
        let request = client.request(attempt).ok_or_else(|| {
            // Checked settings and texts can always be written.
            SourceError::new(SIGN_IN, SourceErrorKind::Misconfigured)
        })?;
        let call = ProviderCall::write(SIGN_IN, cx);
        let answered = client.upstream.call(call, &request, answer::read).await;
        answered.map_err(not_answered)
    }
}

impl AppClient {
    fn request(&self, attempt: &SignInAttempt<'_>) -> Option<Request<Bytes>> {
        let body = InitiateAuth {
            auth_flow: "USER_PASSWORD_AUTH",
            client_id: &self.settings.client_id,
            auth_parameters: AuthParameters {
                username: attempt.login,
                password: attempt.password.expose(),
                secret_hash: self.secret_hash(attempt.login),
            },
        };
        Request::post(format!("{}/", self.settings.origin))
            .header(header::CONTENT_TYPE, JSON)
            .header("x-amz-target", TARGET)
            .body(serde_json::to_vec(&body).ok()?.into())
            .ok()
    }

    /// Proves that the caller knows the app client's secret: its HMAC-SHA256 of user name and client.
    fn secret_hash(&self, username: &str) -> Option<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_ref()?.expose());
        let mut signed = hmac::Context::with_key(&key);
        signed.update(username.as_bytes());
        signed.update(self.settings.client_id.as_bytes());
        Some(STANDARD.encode(signed.sign()))
    }
}
