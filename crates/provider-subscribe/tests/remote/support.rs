//! A scripted remote API, and the adapter of one tenant that calls it.

use std::sync::{Arc, Mutex};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::source::UserSource;
pub(crate) use masthead_provider_kit::testing::RecordedRequest;
use masthead_provider_kit::{
    AdapterParts, Secret, SecretPlace, Secrets,
    testing::{ScriptedServer, adapter_options, client},
};
use masthead_provider_subscribe::RemoteSubscribe;
pub(crate) use masthead_testkit::source_client::{SourceClient, listing};
use masthead_testkit::{clock::StoppedClock, tenants::tenant};
use serde_json::{Value, json};

/// The adapter, its tenant, and the remote API.
pub(crate) struct RemoteFixture {
    pub(crate) remote: RemoteSubscribe,
    tenant: Arc<Tenant>,
    pub(crate) token: Arc<Mutex<Option<&'static str>>>,
    server: ScriptedServer,
}

struct SharedToken(Arc<Mutex<Option<&'static str>>>);

impl Secrets for SharedToken {
    fn secret(&self, _: &TenantId, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment("FAR".into()));
        self.0.lock().unwrap().map(|text| Secret::new(text.as_bytes()))
    }
}

impl RemoteFixture {
    /// A remote API with this script under `/base`, and a tenant with these additional settings.
    pub(crate) async fn start(
        settings: &[(&str, &str)],
        script: impl Fn(&RecordedRequest) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let server = ScriptedServer::start_closing(script).await;
        let token = Arc::new(Mutex::new(Some("first")));
        let url = server.uri("/base");
        let mut all = vec![("Subscribe.Url", &*url), ("Subscribe.TokenEnv", "FAR")];
        all.extend(settings);
        Self {
            remote: RemoteSubscribe::new(AdapterParts {
                options: adapter_options(1),
                client: client(),
                clock: Arc::new(StoppedClock::default()),
                secrets: Arc::new(SharedToken(Arc::clone(&token))),
            }),
            tenant: Arc::new(tenant("north/daily/herald", 1, &all)),
            token,
            server,
        }
    }

    pub(crate) fn seen(&self) -> Vec<RecordedRequest> {
        self.server.seen()
    }
}

impl SourceClient for RemoteFixture {
    fn source(&self) -> &dyn UserSource {
        &self.remote
    }

    fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

/// An answer with this status, media type and body, with its length.
pub(crate) fn labelled(status: u16, media: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

pub(crate) fn json_answer(status: u16, body: &Value) -> Vec<u8> {
    labelled(status, "application/json; charset=utf-8", &body.to_string())
}

/// A user as v4 shows it.
pub(crate) fn user(id: &str, email: &str) -> Value {
    json!({
        "customerRegistrationId": id, "encryptedCustomerRegistrationId": "c2VhbGVk", "email": email, "firstName": "Ann",
        "lastName": "Lee", "state": "Standard", "metadata": {"city": "Oslo", "title": ""}, "verified": true,
    })
}

/// A list of v4.
pub(crate) fn users(users: &[Value]) -> Value {
    json!({
        "message": {"code": "UsersOrchestrator_S200_02", "text": "Get completed.", "type": "Success"},
        "meta": {"totalRecords": users.len()}, "data": users,
    })
}

/// A user as a deployment of the legacy API shows it that has no `Metadata`.
pub(crate) fn legacy_user(id: &str, email: &str) -> Value {
    json!({
        "RegistrationId": 7, "LoginName": email, "CustomerRegistrationId": id, "Email": email, "FirstName": "Ann",
        "LastName": "Lee", "Verified": true, "Gender": null, "Phone": "555", "OptInSpecialOffers": true, "Survey": false,
        "IsOkToMail": 78, "IsOkToEmail": 1, "DateRegistered": "2020-01-02T03:04:05.006Z", "ChangeDate": "2021-01-02T03:04:05",
        "LastLogoutDate": null, "UserState": {"UserStateId": 3, "UserStateCode": "Standard"}, "Photos": [],
    })
}

/// A list of the legacy API.
pub(crate) fn legacy_users(users: &[Value]) -> Value {
    json!({
        "Code": 200, "Errors": [], "Result": {"Users": users, "TotalUsersFound": users.len()}, "SessionId": "s",
        "RequestId": "r",
    })
}
