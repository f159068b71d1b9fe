//! Incomplete mirrors (contract `answers.md`: such a mirror is `stale` with the reason, never `ok`; an empty answer requires that
//! every source confirmed it).

use serde_json::{Value, json};

use crate::{
    providers::{
        client::by_id,
        exporting::{ExportJob, counts, id},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::sources::{AUTH0, GIGYA},
};

/// The last name of all test users.
const ALL_USERS: &str = "/v4/Users?pageSize=10&lastName=quizzel";

/// `providers.md` §2.5: Gigya does not guarantee that pages do not overlap.
#[test]
fn overlapping_pages_leave_the_mirror_incomplete() {
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
    let report = server.sync("overlap", &[]);
    // Three passes of three pages, of which two repeat a user.
    assert_eq!(
        (&report["whole"], &report["steps"]),
        (&json!(false), &json!(9)),
        "{report}"
    );
    assert_eq!((&report["profiles"], &report["missing"]), (&json!(248), &json!(0)));

    server.runtime.block_on(async {
        let client = server.client("overlap");
        let response = client.get(ALL_USERS, "list").await;
        let meta = &response.body["meta"];
        response.assert_status(200, false);
        assert_eq!(response.source("Gigya"), ("stale", "sync_incomplete"));
        assert_eq!(
            (&meta["totalRecords"], &meta["totalIsEstimate"]),
            (&json!(248), &json!(true))
        );
        let unknown = client.get("/v4/Users?firstName=unknownname", "missing").await;
        assert_eq!(unknown.status, 503, "{unknown:?}");

        server.sandbox("overlap").off().await.unwrap();
        let data = job.data(&requested).await;
        assert_eq!(counts(&data), [248, 0, 2]);
        server.sandbox("overlap").on().await.unwrap();
    });

    gigya.change_settings(|settings| settings.overlapping_batches = false);
    let report = server.sync("overlap", &[("SYNC__FULL_EVERY", "0s")]);
    assert_eq!(
        (&report["whole"], &report["steps"], &report["profiles"]),
        (&json!(true), &json!(3), &json!(250)),
        "{report}"
    );
    server.runtime.block_on(async {
        let client = server.client("overlap");
        let response = client.get(ALL_USERS, "list").await;
        assert_eq!(
            (response.source("Gigya").0, response.complete()),
            ("ok", Some(true)),
            "{response:?}"
        );
        assert_eq!(response.body["meta"].get("totalIsEstimate"), None);
        let unknown = client.get("/v4/Users?firstName=unknownname", "missing").await;
        assert_eq!(
            (unknown.status, unknown.users().len(), unknown.complete()),
            (200, 0, Some(true))
        );
    });
    drop(job);
    server.stop();
}

#[test]
fn unstorable_user_leaves_lists_stale() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("unkept")], &[("PROVIDERS__FRESH", "0s")]);
    let mut long = (AUTH0.user)("long-unkept");
    long["given_name"] = "x".repeat(300).into();
    long["family_name"] = "Longfellow".into();
    server.sandbox("unkept").auth0().seed([long]);
    let report = server.sync("unkept", &[]);
    assert_eq!(
        (&report["whole"], &report["refused"]),
        (&json!(false), &json!(1)),
        "{report}"
    );
    server.runtime.block_on(async {
        let client = server.client("unkept");
        let response = client.get(ALL_USERS, "list").await;
        assert_eq!((response.status, response.users().len()), (200, 3), "{response:?}");
        assert_eq!(response.source("Auth0"), ("stale", "sync_incomplete"));
        // The user exists, so absence must not be reported.
        let response = client.get("/v4/Users?lastName=longfellow", "long").await;
        assert_eq!(response.status, 503, "{response:?}");
        let response = client.get("/v4/Users?lastName=longfellow&count=none", "long").await;
        assert_eq!(response.status, 503, "{response:?}");
        // Lookups by id and address call the provider, even with an incomplete mirror.
        let response = client.get(&by_id("both-unkept"), "live").await;
        response.assert_status(200, true);
    });
    server.stop();
}
