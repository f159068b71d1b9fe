//! The customers export of a tenant with a provider: the merged record, what a silent provider leaves untold, and whose
//! calls go first.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::{join_all, pending};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    asking::by_id,
    people::{crid, email},
    support::{
        served,
        wire::{FOREVER, Wire},
    },
    world::{Paper, World},
};

/// A workspace of a paper, as a marketing job has it.
pub(crate) struct Job<'a> {
    world: &'a World,
    workspace: &'static str,
    key: String,
}

impl<'a> Job<'a> {
    pub(crate) fn of(world: &'a World, workspace: &'static str, paper: &str) -> Self {
        let settings = served::settings(&world.database.url().unwrap());
        let tenant = format!("north/daily/{paper}");
        let mut arguments = vec!["workspace", "add", workspace, "--tenant", &tenant];
        arguments.extend(["--identifiers-per-payload", "1000", "--users-per-minute", "100000"]);
        Self {
            world,
            workspace,
            key: served::done(&settings, &arguments, ""),
        }
    }

    /// The status, `Retry-After`, and the body.
    pub(crate) async fn ask(&self, identifiers: &[Value], strict: bool) -> (u16, Option<u64>, Value) {
        let body = json!({"identifiers": identifiers}).to_string();
        let credentials = BASE64_STANDARD.encode(format!("{}:{}", self.workspace, self.key));
        let workspace = self.workspace;
        let request = format!(
            "POST /v1/customers/export?app_id={workspace}&strict={strict} HTTP/1.1\r\nhost: test\r\n\
             authorization: Basic {credentials}\r\nx-requestid: export\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut wire = Wire::connect(self.world.client("").address).await.unwrap();
        wire.send(&request).await.unwrap();
        let answer = wire.answer().await.unwrap();
        let wait = answer.header("retry-after").and_then(|text| text.parse().ok());
        (answer.status, wait, answer.json())
    }

    pub(crate) async fn data(&self, identifiers: &[Value]) -> Value {
        let (status, _, body) = self.ask(identifiers, false).await;
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

/// Who each user is, and by whose first name they go.
pub(crate) fn users(data: &Value) -> Vec<(String, &str)> {
    let users = data["users"].as_array().unwrap().iter();
    let attributes = users.map(|user| &user["user_attributes"]);
    let told = attributes.map(|user| {
        let id = user["customer_id"].as_str().unwrap().to_owned();
        (id, user["first_name"].as_str().unwrap())
    });
    told.collect()
}

#[test]
fn an_export_answers_the_merged_record_and_what_both_sides_confirm() {
    let world = World::start(&[Paper::of("merged")], &[]);
    let job = Job::of(&world, "merged", "merged");
    world.runtime.block_on(async {
        for named in [id, address] {
            let names = ["nobody", "both-merged", "ours-merged", "theirs-merged"];
            let data = job.data(&names.map(named)).await;
            let expected = [
                (crid("both-merged"), "Liveside"),
                (crid("ours-merged"), "Storeside"),
                (crid("theirs-merged"), "Liveside"),
            ];
            assert_eq!(users(&data), expected);
            let both = &data["users"][0]["user_attributes"];
            assert_eq!(both["city"], "Nowhereville", "the store's");
            assert_eq!(both["timeZone"], "Europe/Oslo", "only the provider's");
            assert_eq!(data["users_not_found"], json!([named("nobody")]));
            assert!(data.get("users_unresolved").is_none());
        }
    });
    let ended = world.end();
    let events = ended.rows(
        "SELECT kind || ' ' || outcome || ' ' || users FROM events WHERE request_id = 'export' AND kind <> 4004 ORDER BY id",
    );
    assert_eq!(events[..2], ["4902 found 3", "4601 found 2"]);
}

#[test]
fn a_provider_that_is_down_leaves_users_unresolved_and_never_not_found() {
    let world = World::start(&[Paper::of("down")], &[("PROVIDERS__FRESH", "0s")]);
    let job = Job::of(&world, "down", "down");
    world.runtime.block_on(async {
        world.sandbox("down").off().await.unwrap();
        let asked = [
            id("theirs-down"),
            id("both-down"),
            address("nobody"),
            address("ours-down"),
            id("nobody"),
            json!({"identifier_type": "customer_id", "identifier": "guest"}),
        ];
        let data = job.data(&asked).await;
        let expected = [(crid("both-down"), "Storeside"), (crid("ours-down"), "Storeside")];
        assert_eq!(users(&data), expected);
        assert_eq!(data["users_unresolved"], json!([asked[0], asked[2], asked[4]]));
        assert_eq!(
            data["users_not_found"],
            json!([asked[5]]),
            "nobody has this id, whoever is silent"
        );

        let (status, wait, body) = job.ask(&asked, true).await;
        assert_eq!((status, &body["error"]["type"]), (503, &json!("ServiceUnavailable")));
        assert!(wait >= Some(1), "{wait:?}");
        let (status, _, _) = job.ask(&[asked[1].clone(), asked[5].clone()], true).await;
        assert_eq!(status, 200, "of these everything can be told");
    });
    world.end();
}

#[test]
fn a_repeated_export_makes_no_call_while_answers_are_fresh_and_one_reader_at_once_one_call() {
    let mut paper = Paper::of("fresh");
    let names: Vec<String> = (0..20).map(|n| format!("reader-{n}")).collect();
    paper.stored.clone_from(&names);
    paper.shown.clone_from(&names);
    let world = World::start(&[paper], &[("PROVIDERS__FRESH", "1h")]);
    let job = Job::of(&world, "fresh", "fresh");
    let asked: Vec<Value> = names.iter().map(|name| id(name)).collect();
    world.runtime.block_on(async {
        let sandbox = world.sandbox("fresh");
        let (one, other) = tokio::join!(job.data(&asked), job.data(&asked));
        assert_eq!((users(&one).len(), &one), (20, &other));
        assert_eq!(sandbox.calls_to("/api/"), 20, "once for each reader, whoever asks");
        assert_eq!(job.data(&asked).await, one);
        assert_eq!(sandbox.calls_to("/api/"), 20);
    });
    world.end();
}

#[test]
fn interactive_look_ups_are_not_starved_by_exports() {
    const EXPORTS: usize = 4;
    const READERS: usize = 16;
    let mut paper = Paper::of("starved");
    paper.settings = &[("Auth0.BudgetBurst", "4"), ("Auth0.BudgetPerSecond", "1")];
    let names: Vec<String> = (0..EXPORTS * READERS).map(|n| format!("reader-{n}")).collect();
    paper.shown.clone_from(&names);
    paper.shown.push("person".to_owned());
    let world = World::start(&[paper], &[("HTTP__REQUEST_DEADLINE", "90s")]);
    let job = &Job::of(&world, "starved", "starved");
    let sandbox = world.sandbox("starved");
    world.runtime.block_on(async {
        let exports = names.chunks(READERS).map(|names| {
            let asked: Vec<Value> = names.iter().map(|name| id(name)).collect();
            async move { job.data(&asked).await }
        });
        let person = async {
            let began = Instant::now();
            // More than a burst, so that whoever is to wait is waiting by now.
            while sandbox.calls_to("/api/") < 4 {
                assert!(began.elapsed() < FOREVER, "the exports make no calls");
                sleep(Duration::from_millis(20)).await;
            }
            let before = sandbox.calls_to("/api/");
            let told = world.client("starved").ask(&by_id("person"), "person").await;
            assert_eq!((told.status, told.complete()), (200, Some(true)), "{told:?}");
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
        // Sixty calls were waiting; the person's went first, but for those that were made while this machine dozed.
        assert!(calls < 40, "the person came after {calls} calls of exports");
    });
    world.end();
}
