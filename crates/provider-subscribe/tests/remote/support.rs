//! A scripted remote API, and the adapter of one tenant that calls it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    crid::Crid,
    email::EmailKey,
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::source::{CallContext, Page, Priority, SourceError, UserSource};
use masthead_provider_kit::{AdapterOptions, AdapterParts, HttpClient, HttpOptions, Secret, SecretPlace, Secrets};
use masthead_provider_subscribe::RemoteSubscribe;
use masthead_testkit::{clock::StoppedClock, tenants::tenant};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A request as it came: its first line, its headers in lower case and sorted, its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenRequest {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

type Script = dyn Fn(&SeenRequest) -> Vec<u8> + Send + Sync;

/// The adapter, its tenant, and the remote API.
pub(crate) struct RemoteFixture {
    pub(crate) remote: RemoteSubscribe,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) token: Arc<Mutex<Option<&'static str>>>,
    seen: Arc<Mutex<Vec<SeenRequest>>>,
}

struct SharedToken(Arc<Mutex<Option<&'static str>>>);

impl Secrets for SharedToken {
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment("FAR".into()));
        self.0.lock().unwrap().map(|text| Secret::new(text.as_bytes()))
    }
}

impl RemoteFixture {
    /// A remote API with this script under `/base`, and a tenant with these settings more.
    pub(crate) async fn start(
        settings: &[(&str, &str)],
        script: impl Fn(&SeenRequest) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<SeenRequest>>> = Arc::default();
        let script: Arc<Script> = Arc::new(script);
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, Arc::clone(&script), Arc::clone(&kept)));
            }
        });
        let options = AdapterOptions {
            allow_private: true,
            attempts: 1,
            ..AdapterOptions::default()
        };
        let token = Arc::new(Mutex::new(Some("first")));
        let url = format!("http://{address}/base");
        let mut all = vec![("Subscribe.Url", &*url), ("Subscribe.TokenEnv", "FAR")];
        all.extend(settings);
        Self {
            remote: RemoteSubscribe::new(AdapterParts {
                options,
                client: client(),
                clock: Arc::new(StoppedClock::default()),
                secrets: Arc::new(SharedToken(Arc::clone(&token))),
            }),
            tenant: Arc::new(tenant("north/daily/herald", 1, &all)),
            token,
            seen,
        }
    }

    pub(crate) fn seen(&self) -> Vec<SeenRequest> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn cx(&self) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(&self.tenant), deadline, Priority::Interactive)
    }

    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Account>, SourceError> {
        self.remote.by_id(&self.cx(), &Crid::parse(id).unwrap()).await
    }

    pub(crate) async fn by_email(&self, email: &str) -> Result<Vec<Account>, SourceError> {
        self.remote.by_email(&self.cx(), &EmailKey::of(email)).await
    }

    pub(crate) async fn search(&self, query: &UserQuery) -> Result<Page, SourceError> {
        self.remote.search(&self.cx(), query).await
    }
}

/// One for all: it reads the platform's roots, and keeps no connection that is closed.
fn client() -> HttpClient {
    static CLIENT: OnceLock<HttpClient> = OnceLock::new();
    let patient = HttpOptions {
        connect_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(30),
        total_timeout: Duration::from_secs(30),
        max_body_bytes: 1024 * 1024,
        allow_private: true,
        ..HttpOptions::default()
    };
    CLIENT.get_or_init(|| HttpClient::new(patient).unwrap()).clone()
}

async fn answer(mut socket: TcpStream, script: Arc<Script>, seen: Arc<Mutex<Vec<SeenRequest>>>) {
    // One answer a connection, so that one which is cut short ends.
    if let Some(request) = read(&mut socket).await {
        seen.lock().unwrap().push(request.clone());
        let _ = socket.write_all(&script(&request)).await;
    }
}

async fn read(socket: &mut TcpStream) -> Option<SeenRequest> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
    let line = lines.next()?;
    let headers = lines.map(|line| {
        line.split_once(": ")
            .map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
    });
    let mut headers: Vec<String> = headers.collect::<Option<_>>()?;
    headers.retain(|header| !header.starts_with("host: "));
    headers.sort();
    let length = headers
        .iter()
        .find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    socket.read_exact(&mut body).await.ok()?;
    Some(SeenRequest {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// The first ten users of a filter.
pub(crate) fn list(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: 10,
        count: CountMode::Exact,
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
