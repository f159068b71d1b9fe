//! A client of v4, and the response with its sources.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::time::sleep;

use crate::support::{
    http_client::percent_encoded,
    raw_http::{FOREVER, RawConnection},
    readers::{crid, email},
};

/// Sends requests for one tenant `north/daily/…`.
#[derive(Clone)]
pub(crate) struct UserApiClient {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) paper: &'static str,
}

/// A response.
pub(crate) struct UserResponse {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) took: Duration,
    pub(crate) retry_after: Option<u64>,
}

impl fmt::Debug for UserResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.users().into_iter().map(|user| &user["customerRegistrationId"]);
        let (ids, meta, message) = (
            ids.collect::<Vec<_>>(),
            &self.body["meta"],
            &self.body["message"]["code"],
        );
        write!(f, "{} {message} {ids:?} {meta} in {:?}", self.status, self.took)
    }
}

/// The path of a lookup by id.
pub(crate) fn by_id(name: &str) -> String {
    format!("/v4/Users/{}", percent_encoded(&crid(name)))
}

/// The path of a lookup by complete address.
pub(crate) fn by_email(name: &str) -> String {
    format!("/v4/Users?email={}", email(name))
}

impl UserApiClient {
    /// Gets this path with this request id.
    pub(crate) async fn get(&self, path: &str, request_id: &str) -> UserResponse {
        let began = Instant::now();
        let (token, paper) = (&self.token, self.paper);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: test\r\nAuthorization: Bearer {token}\r\nX-SourceSystem: CRM\r\n\
             X-ClientGroupCode: north\r\nX-ClientCode: daily\r\nX-PaperCode: {paper}\r\nX-RequestId: {request_id}\r\n\r\n"
        );
        let mut wire = RawConnection::connect(self.address).await.unwrap();
        wire.send(&request).await.unwrap();
        let answer = wire.read_response().await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {path}: {error}", self.paper));
        UserResponse {
            status: answer.status,
            body: answer.json(),
            took: began.elapsed(),
            retry_after: answer.header("retry-after").and_then(|text| text.parse().ok()),
        }
    }

    /// Repeats a read of the store until it answers.
    pub(crate) async fn wait_until_known(&self) {
        let began = Instant::now();
        while self
            .get("/v4/Users?pageSize=1&ignoreProvider=true", "warm")
            .await
            .status
            != 200
        {
            assert!(began.elapsed() < FOREVER, "{}: the store never answered", self.paper);
        }
    }

    /// Repeats the request until every source answers; `took` is the total time.
    pub(crate) async fn get_until_complete(&self, path: &str, request_id: &str) -> UserResponse {
        let began = Instant::now();
        loop {
            let response = self.get(path, request_id).await;
            if response.complete() == Some(true) {
                return UserResponse {
                    took: began.elapsed(),
                    ..response
                };
            }
            assert!(began.elapsed() < FOREVER, "{}: {path}: still {response:?}", self.paper);
            sleep(Duration::from_millis(200)).await;
        }
    }
}

impl UserResponse {
    pub(crate) fn complete(&self) -> Option<bool> {
        self.body["meta"]["complete"].as_bool()
    }

    /// Checks the status, and whether all sources answered.
    pub(crate) fn assert_status(&self, status: u16, complete: bool) {
        assert_eq!((self.status, self.complete()), (status, Some(complete)), "{self:?}");
    }

    /// The status of a source in `meta`, and its reason or "".
    pub(crate) fn source(&self, name: &str) -> (&str, &str) {
        let sources = self.body["meta"]["sources"].as_array();
        let source = sources.and_then(|sources| sources.iter().find(|source| source["name"] == name));
        let source = source.unwrap_or_else(|| panic!("{name} is not named: {self:?}"));
        (
            source["status"].as_str().unwrap(),
            source["reason"].as_str().unwrap_or_default(),
        )
    }

    /// The users of the response.
    pub(crate) fn users(&self) -> Vec<&Value> {
        match &self.body["data"] {
            Value::Array(users) => users.iter().collect(),
            Value::Null => Vec::new(),
            user => vec![user],
        }
    }

    /// The only user.
    pub(crate) fn user(&self) -> &Value {
        match self.users()[..] {
            [user] => user,
            _ => panic!("not one user: {self:?}"),
        }
    }

    /// Checks that both sources answered and the user is merged.
    pub(crate) fn assert_merged(&self, name: &str) {
        self.assert_status(200, true);
        assert_eq!((self.source("Auth0").0, self.source("Subscribe").0), ("ok", "ok"));
        let user = self.user();
        assert_eq!(user["customerRegistrationId"], crid(name));
        assert_eq!(user["firstName"], "Liveside", "the provider's");
        assert_eq!(user["metadata"]["city"], "Nowhereville", "the store's");
        assert_eq!(user["metadata"]["timeZone"], "Europe/Oslo", "only the provider's");
    }

    /// Checks that the user is the store's record.
    pub(crate) fn assert_store_record(&self, name: &str) {
        let user = self.user();
        assert_eq!(user["customerRegistrationId"], crid(name));
        assert_eq!(user["firstName"], "Storeside");
        assert_eq!(user["metadata"]["city"], "Nowhereville");
        assert_eq!(user["metadata"]["timeZone"], "");
    }

    /// Checks that absence is not confirmed: 503 with `Retry-After` and without a user.
    pub(crate) fn assert_unconfirmed(&self) {
        assert_eq!(self.status, 503, "{self:?}");
        assert_eq!(self.body["message"]["code"], "UsersOrchestrator_E503");
        assert!(self.body["data"].is_null() && self.retry_after >= Some(1), "{self:?}");
        assert_eq!(self.complete(), Some(false));
    }
}
