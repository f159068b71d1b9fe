//! The customers export of tenants with a fresh mirror: no calls to the provider, and the same answers while it is off.

use serde_json::{Value, json};

use crate::{
    providers::{
        exporting::{ExportJob, address, counts, id, users},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::sources::{AUTH0, FIREFLY, GIGYA, SSOR, SourceUnderTest},
};

const KINDS: [(&str, &SourceUnderTest); 4] = [
    ("auth0", &AUTH0),
    ("gigya", &GIGYA),
    ("ssor", &SSOR),
    ("firefly", &FIREFLY),
];

/// A tenant of this source: of 900 users, the provider has the first 600 and the store those from 300 on.
fn paper(code: &'static str, source: &'static SourceUnderTest) -> FederatedTenant {
    let readers = |range: std::ops::Range<u32>| range.map(|number| format!("reader-{number}")).collect();
    FederatedTenant {
        source,
        stored: readers(300..900),
        shown: readers(0..600),
        ..FederatedTenant::new(code)
    }
}

/// Every `step`-th of a thousand identifiers, of which the last hundred are unknown, by id and by address in turn.
fn every(step: usize) -> Vec<Value> {
    let readers = (0..1_000).step_by(step).enumerate().map(|(at, number)| {
        let named = if at % 2 == 0 { id } else { address };
        named(&format!("reader-{number}"))
    });
    readers.collect()
}

/// The response without number and date of registrations: a live answer creates some.
fn without_registrations(mut data: Value) -> Value {
    for user in data["users"].as_array_mut().unwrap() {
        let attributes = user["user_attributes"].as_object_mut().unwrap();
        attributes.retain(|name, _| name != "id" && name != "first_seen");
    }
    data
}

#[test]
fn export_from_mirror_makes_no_calls() {
    let papers = KINDS.map(|(code, source)| paper(code, source));
    let server = ProviderTestServer::start(&papers, &[("PROVIDERS__FRESH", "0s")]);
    // Workspaces are cached together: all exist before the first call.
    let jobs = KINDS.map(|(code, _)| (code, ExportJob::create(&server, code, code)));
    for (code, job) in &jobs {
        let sandbox = server.sandbox(code);
        let (twenty, thousand) = (every(50), every(1));
        assert_eq!((twenty.len(), thousand.len()), (20, 1_000));
        let requested = server.runtime.block_on(job.data(&twenty));
        assert!(sandbox.calls() >= 20, "{code}: each was requested of the provider");
        server.sync(code, &[]);
        server.runtime.block_on(async {
            let before = sandbox.calls();
            let known = job.data(&twenty).await;
            assert!(
                without_registrations(known) == without_registrations(requested),
                "{code}"
            );
            assert_eq!(sandbox.calls() - before, 0, "{code}");
            let all = job.data(&thousand).await;
            assert_eq!(counts(&all), [900, 100, 0], "{code}");
            assert_eq!(sandbox.calls() - before, 0, "{code}");
            let first_names: Vec<&str> = users(&all).iter().map(|(_, name)| *name).collect();
            assert!(
                first_names[..600].iter().all(|name| *name == "Liveside"),
                "{code}: the provider wins"
            );
            assert!(first_names[600..].iter().all(|name| *name == "Storeside"), "{code}");
        });
    }
    drop(jobs);
    let ended = server.stop();
    let events = ended.rows("SELECT kind || ' ' || users FROM events WHERE kind IN (4902, 4601) ORDER BY id");
    let calling = events.iter().filter(|event| event.starts_with("4601")).count();
    assert_eq!(
        (events.len(), calling),
        (16, 4),
        "the event of the provider counts calls only: {events:?}"
    );
}

#[test]
fn export_survives_outage_with_fresh_mirror() {
    let server = ProviderTestServer::start(&[paper("off", &AUTH0)], &[("PROVIDERS__FRESH", "0s")]);
    let job = ExportJob::create(&server, "off", "off");
    server.sync("off", &[]);
    let some = every(50);
    server.runtime.block_on(async {
        let (status, _, young) = job.send(&every(1), true).await;
        assert_eq!((status, counts(&young["data"])), (200, [900, 100, 0]));
        server.sandbox("off").off().await.unwrap();
        let (status, _, off) = job.send(&every(1), true).await;
        assert_eq!((status, off), (200, young), "strict, and everything is resolved");
    });

    server
        .database
        .run("UPDATE mirrors SET as_of = as_of - interval '2 hours'")
        .unwrap();
    server.runtime.block_on(async {
        let data = job.data(&some).await;
        assert_eq!(counts(&data), [18, 0, 2], "unknown has confirmed that there is none");
        assert_eq!(data["users_unresolved"], json!(some[18..]));
        let (status, ..) = job.send(&some, true).await;
        assert_eq!(status, 503);
        let (status, ..) = job.send(&some[..18], true).await;
        assert_eq!(status, 200, "of these everything can be response");
    });
    server.stop();
}
