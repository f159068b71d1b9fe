//! The customers export of a federated tenant: merged records, unresolved users, and the priority of calls.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::{join_all, pending};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    providers::{
        client::by_id,
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        process,
        raw_http::{FOREVER, RawConnection},
        readers::{crid, email},
    },
};

/// A workspace as a marketing job uses it.
pub(crate) struct ExportJob<'a> {
    server: &'a ProviderTestServer,
    workspace: &'static str,
    key: String,
}

impl<'a> ExportJob<'a> {
    pub(crate) fn create(server: &'a ProviderTestServer, workspace: &'static str, paper: &str) -> Self {
        let settings = process::settings(&server.database.url().unwrap());
        let tenant = format!("north/daily/{paper}");
        let mut arguments = vec!["workspace", "add", workspace, "--tenant", &tenant];
        arguments.extend(["--identifiers-per-payload", "1000", "--users-per-minute", "100000"]);
        Self {
            server,
            workspace,
            key: process::run_ok(&settings, &arguments, ""),
        }
    }

    /// The status, `Retry-After`, and the body.
    pub(crate) async fn send(&self, identifiers: &[Value], strict: bool) -> (u16, Option<u64>, Value) {
        let body = json!({"identifiers": identifiers}).to_string();
        let credentials = BASE64_STANDARD.encode(format!("{}:{}", self.workspace, self.key));
        let workspace = self.workspace;
        let request = format!(
            "POST /v1/customers/export?app_id={workspace}&strict={strict} HTTP/1.1\r\nhost: test\r\n\
             authorization: Basic {credentials}\r\nx-requestid: export\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut wire = RawConnection::connect(self.server.client("").address).await.unwrap();
        wire.send(&request).await.unwrap();
        let answer = wire.read_response().await.unwrap();
        let wait = answer.header("retry-after").and_then(|text| text.parse().ok());
        (answer.status, wait, answer.json())
    }

    pub(crate) async fn data(&self, identifiers: &[Value]) -> Value {
        let (status, _, body) = self.send(identifiers, false).await;
        assert_eq!(status, 200, "{body}");
        body["data"].clone()
    }
}

pub(crate) fn id(name: &str) -> Value {
    json!({"identifier_type": "customer_id", "identifier": crid(name)})
}

pub(crate) fn address(name: &str) -> Value {
    json!({"identifier_type": "email", "identifier": email(name)})
}

/// The number of identifiers of each outcome: found, not found, unresolved.
pub(crate) fn counts(data: &Value) -> [usize; 3] {
    ["users", "users_not_found", "users_unresolved"].map(|outcome| data[outcome].as_array().map_or(0, Vec::len))
}

/// The id and first name of each user.
pub(crate) fn users(data: &Value) -> Vec<(String, &str)> {
    let users = data["users"].as_array().unwrap().iter();
    let attributes = users.map(|user| &user["user_attributes"]);
    let response = attributes.map(|user| {
        let id = user["customer_id"].as_str().unwrap().to_owned();
        (id, user["first_name"].as_str().unwrap())
    });
    response.collect()
}

#[test]
fn export_returns_merged_records() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("merged")], &[]);
    let job = ExportJob::create(&server, "merged", "merged");
    server.runtime.block_on(async {
        for named in [id, address] {
            let names = ["missing", "both-merged", "local-merged", "provider-merged"];
            let data = job.data(&names.map(named)).await;
            let expected = [
                (crid("both-merged"), "Liveside"),
                (crid("local-merged"), "Storeside"),
                (crid("provider-merged"), "Liveside"),
            ];
            assert_eq!(users(&data), expected);
            let both = &data["users"][0]["user_attributes"];
            assert_eq!(both["city"], "Nowhereville", "the store's");
            assert_eq!(both["timeZone"], "Europe/Oslo", "only the provider's");
            assert_eq!(data["users_not_found"], json!([named("missing")]));
            assert!(data.get("users_unresolved").is_none());
        }
    });
    let ended = server.stop();
    let events = ended.rows(
        "SELECT kind || ' ' || outcome || ' ' || users FROM events WHERE request_id = 'export' AND kind <> 4004 ORDER BY id",
    );
    assert_eq!(events[..2], ["4902 found 3", "4601 found 2"]);
}

#[test]
fn unavailable_provider_leaves_users_unresolved() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("down")], &[("PROVIDERS__FRESH", "0s")]);
    let job = ExportJob::create(&server, "down", "down");
    server.runtime.block_on(async {
        server.sandbox("down").off().await.unwrap();
        let requested = [
            id("provider-down"),
            id("both-down"),
            address("missing"),
            address("local-down"),
            id("missing"),
            json!({"identifier_type": "customer_id", "identifier": "guest"}),
        ];
        let data = job.data(&requested).await;
        let expected = [(crid("both-down"), "Storeside"), (crid("local-down"), "Storeside")];
        assert_eq!(users(&data), expected);
        assert_eq!(
            data["users_unresolved"],
            json!([requested[0], requested[2], requested[4]])
        );
        assert_eq!(data["users_not_found"], json!([requested[5]]), "no source has this id");

        let (status, wait, body) = job.send(&requested, true).await;
        assert_eq!((status, &body["error"]["type"]), (503, &json!("ServiceUnavailable")));
        assert!(wait >= Some(1), "{wait:?}");
        let (status, _, _) = job.send(&[requested[1].clone(), requested[5].clone()], true).await;
        assert_eq!(status, 200, "of these everything can be response");
    });
    server.stop();
}

#[test]
fn exports_do_not_starve_interactive_reads() {
    const EXPORTS: usize = 4;
    const READERS: usize = 16;
    let mut paper = FederatedTenant::new("starved");
    paper.settings = &[("Auth0.BudgetBurst", "4"), ("Auth0.BudgetPerSecond", "1")];
    let names: Vec<String> = (0..EXPORTS * READERS).map(|n| format!("reader-{n}")).collect();
    paper.shown.clone_from(&names);
    paper.shown.push("person".to_owned());
    let server = ProviderTestServer::start(&[paper], &[("HTTP__REQUEST_DEADLINE", "90s")]);
    let job = &ExportJob::create(&server, "starved", "starved");
    let sandbox = server.sandbox("starved");
    server.runtime.block_on(async {
        let exports = names.chunks(READERS).map(|names| {
            let requested: Vec<Value> = names.iter().map(|name| id(name)).collect();
            async move { job.data(&requested).await }
        });
        let person = async {
            let began = Instant::now();
            // More than a burst, so that all others are waiting.
            while sandbox.calls_to("/api/") < 4 {
                assert!(began.elapsed() < FOREVER, "the exports make no calls");
                sleep(Duration::from_millis(20)).await;
            }
            let before = sandbox.calls_to("/api/");
            let response = server.client("starved").get(&by_id("person"), "person").await;
            response.assert_status(200, true);
            sandbox.calls_to("/api/") - before
        };
        let exports = async {
            join_all(exports.map(Box::pin)).await;
            pending().await
        };
        let calls = tokio::select! {
            calls = person => calls,
            calls = exports => calls,
        };
        // Sixty calls were waiting; the interactive one is first, except for calls made while the machine was busy.
        assert!(calls < 40, "the person came after {calls} calls of exports");
    });
    server.stop();
}
