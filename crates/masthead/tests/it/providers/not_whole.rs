//! Directories that lack users of their provider, and know it (contract `answers.md`: such a directory is `stale` with the
//! reason, never `ok`; an empty answer is given only when every source requested confirmed it).

use serde_json::{Value, json};

use crate::{
    providers::{
        client::by_id,
        exporting::{ExportJob, id},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::sources::{AUTH0, GIGYA},
};

/// Every reader of the tests has this last name.
const EVERYBODY: &str = "/v4/Users?pageSize=10&lastName=quizzel";

/// What `masthead sync` says that it did.
fn run_sync(server: &ProviderTestServer, code: &str, settings: &[(&str, &str)]) -> Value {
    let tenant = format!("north/daily/{code}");
    let output = server.command(&["sync", "--tenant", &tenant], settings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `providers.md` §2.5: Gigya gives no guarantee against duplicates between pages.
#[test]
fn gigya_pages_that_repeat_users_do_not_make_a_whole_run() {
    let mut paper = FederatedTenant::new("overlap");
    paper.source = &GIGYA;
    paper.settings = &[("Gigya.PageSize", "100")];
    paper.stored.clear();
    paper.shown = (0..250).map(|number| format!("reader-{number}")).collect();
    let requested: Vec<Value> = paper.shown.iter().map(|name| id(name)).collect();
    let server = ProviderTestServer::start(&[paper], &[("PROVIDERS__FRESH", "0s")]);
    let job = ExportJob::create(&server, "overlap", "overlap");
    let gigya = server.sandbox("overlap").gigya();
    gigya.change_settings(|settings| settings.overlapping_batches = true);
    let did = run_sync(&server, "overlap", &[]);
    // Three passes of three pages, of which two repeat a user.
    assert_eq!((&did["whole"], &did["steps"]), (&json!(false), &json!(9)), "{did}");
    assert_eq!((&did["profiles"], &did["missing"]), (&json!(248), &json!(0)));

    server.runtime.block_on(async {
        let client = server.client("overlap");
        let response = client.get(EVERYBODY, "list").await;
        let meta = &response.body["meta"];
        assert_eq!(
            (response.status, response.complete()),
            (200, Some(false)),
            "{response:?}"
        );
        assert_eq!(response.source("Gigya"), ("stale", "sync_incomplete"));
        assert_eq!(
            (&meta["totalRecords"], &meta["totalIsEstimate"]),
            (&json!(248), &json!(true))
        );
        let unknown = client.get("/v4/Users?firstName=nobodyatall", "nobody").await;
        assert_eq!(unknown.status, 503, "{unknown:?}");

        server.sandbox("overlap").off().await.unwrap();
        let data = job.data(&requested).await;
        let counts = ["users", "users_unresolved", "users_not_found"]
            .map(|outcome| data[outcome].as_array().map_or(0, Vec::len));
        assert_eq!(counts, [248, 2, 0]);
        server.sandbox("overlap").on().await.unwrap();
    });

    gigya.change_settings(|settings| settings.overlapping_batches = false);
    let did = run_sync(&server, "overlap", &[("SYNC__FULL_EVERY", "0s")]);
    assert_eq!(
        (&did["whole"], &did["steps"], &did["profiles"]),
        (&json!(true), &json!(3), &json!(250)),
        "{did}"
    );
    server.runtime.block_on(async {
        let client = server.client("overlap");
        let response = client.get(EVERYBODY, "list").await;
        assert_eq!(
            (response.source("Gigya").0, response.complete()),
            ("ok", Some(true)),
            "{response:?}"
        );
        assert_eq!(response.body["meta"].get("totalIsEstimate"), None);
        let unknown = client.get("/v4/Users?firstName=nobodyatall", "nobody").await;
        assert_eq!(
            (unknown.status, unknown.users().len(), unknown.complete()),
            (200, 0, Some(true))
        );
    });
    drop(job);
    server.stop();
}

#[test]
fn a_user_who_cannot_be_kept_leaves_lists_stale() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("unkept")], &[("PROVIDERS__FRESH", "0s")]);
    let mut long = (AUTH0.user)("long-unkept");
    long["given_name"] = "x".repeat(300).into();
    long["family_name"] = "Longfellow".into();
    server.sandbox("unkept").auth0().seed([long]);
    let did = run_sync(&server, "unkept", &[]);
    assert_eq!((&did["whole"], &did["refused"]), (&json!(false), &json!(1)), "{did}");
    server.runtime.block_on(async {
        let client = server.client("unkept");
        let response = client.get(EVERYBODY, "list").await;
        assert_eq!((response.status, response.users().len()), (200, 3), "{response:?}");
        assert_eq!(response.source("Auth0"), ("stale", "sync_incomplete"));
        // The user is there, and unknown may be response otherwise.
        let response = client.get("/v4/Users?lastName=longfellow", "long").await;
        assert_eq!(response.status, 503, "{response:?}");
        let response = client.get("/v4/Users?lastName=longfellow&count=none", "long").await;
        assert_eq!(response.status, 503, "{response:?}");
        // By id and by address the provider is requested, whatever the directory lacks.
        let response = client.get(&by_id("both-unkept"), "live").await;
        assert_eq!(
            (response.status, response.complete()),
            (200, Some(true)),
            "{response:?}"
        );
    });
    server.stop();
}
