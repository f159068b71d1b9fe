//! Directories that lack users of their provider, and know it (contract `answers.md`: such a directory is `stale` with the
//! reason, never `ok`; an empty answer is given only when every source asked confirmed it).

use serde_json::{Value, json};

use crate::{
    asking::by_id,
    exporting::{Job, id},
    under_test::{AUTH0, GIGYA},
    world::{Paper, World},
};

/// Every reader of the tests has this last name.
const EVERYBODY: &str = "/v4/Users?pageSize=10&lastName=quizzel";

/// What `masthead sync` says that it did.
fn synchronise(world: &World, code: &str, settings: &[(&str, &str)]) -> Value {
    let tenant = format!("north/daily/{code}");
    let output = world.command(&["sync", "--tenant", &tenant], settings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `providers.md` §2.5: Gigya gives no guarantee against duplicates between pages.
#[test]
fn gigya_pages_that_repeat_users_do_not_make_a_whole_run() {
    let mut paper = Paper::of("overlap");
    paper.source = &GIGYA;
    paper.settings = &[("Gigya.PageSize", "100")];
    paper.stored.clear();
    paper.shown = (0..250).map(|number| format!("reader-{number}")).collect();
    let asked: Vec<Value> = paper.shown.iter().map(|name| id(name)).collect();
    let world = World::start(&[paper], &[("PROVIDERS__FRESH", "0s")]);
    let job = Job::of(&world, "overlap", "overlap");
    let gigya = world.sandbox("overlap").gigya();
    gigya.change_settings(|settings| settings.overlapping_batches = true);
    let did = synchronise(&world, "overlap", &[]);
    // Three passes of three pages, of which two repeat a user.
    assert_eq!((&did["whole"], &did["steps"]), (&json!(false), &json!(9)), "{did}");
    assert_eq!((&did["profiles"], &did["missing"]), (&json!(248), &json!(0)));

    world.runtime.block_on(async {
        let client = world.client("overlap");
        let told = client.ask(EVERYBODY, "list").await;
        let meta = &told.body["meta"];
        assert_eq!((told.status, told.complete()), (200, Some(false)), "{told:?}");
        assert_eq!(told.source("Gigya"), ("stale", "sync_incomplete"));
        assert_eq!(
            (&meta["totalRecords"], &meta["totalIsEstimate"]),
            (&json!(248), &json!(true))
        );
        let nobody = client.ask("/v4/Users?firstName=nobodyatall", "nobody").await;
        assert_eq!(nobody.status, 503, "{nobody:?}");

        world.sandbox("overlap").off().await.unwrap();
        let data = job.data(&asked).await;
        let counts = ["users", "users_unresolved", "users_not_found"]
            .map(|outcome| data[outcome].as_array().map_or(0, Vec::len));
        assert_eq!(counts, [248, 2, 0]);
        world.sandbox("overlap").on().await.unwrap();
    });

    gigya.change_settings(|settings| settings.overlapping_batches = false);
    let did = synchronise(&world, "overlap", &[("SYNC__FULL_EVERY", "0s")]);
    assert_eq!(
        (&did["whole"], &did["steps"], &did["profiles"]),
        (&json!(true), &json!(3), &json!(250)),
        "{did}"
    );
    world.runtime.block_on(async {
        let client = world.client("overlap");
        let told = client.ask(EVERYBODY, "list").await;
        assert_eq!(
            (told.source("Gigya").0, told.complete()),
            ("ok", Some(true)),
            "{told:?}"
        );
        assert_eq!(told.body["meta"].get("totalIsEstimate"), None);
        let nobody = client.ask("/v4/Users?firstName=nobodyatall", "nobody").await;
        assert_eq!(
            (nobody.status, nobody.users().len(), nobody.complete()),
            (200, 0, Some(true))
        );
    });
    drop(job);
    world.end();
}

#[test]
fn a_user_who_cannot_be_kept_leaves_lists_stale() {
    let world = World::start(&[Paper::of("unkept")], &[("PROVIDERS__FRESH", "0s")]);
    let mut long = (AUTH0.user)("long-unkept");
    long["given_name"] = "x".repeat(300).into();
    long["family_name"] = "Longfellow".into();
    world.sandbox("unkept").auth0().seed([long]);
    let did = synchronise(&world, "unkept", &[]);
    assert_eq!((&did["whole"], &did["refused"]), (&json!(false), &json!(1)), "{did}");
    world.runtime.block_on(async {
        let client = world.client("unkept");
        let told = client.ask(EVERYBODY, "list").await;
        assert_eq!((told.status, told.users().len()), (200, 3), "{told:?}");
        assert_eq!(told.source("Auth0"), ("stale", "sync_incomplete"));
        // The user is there, and nobody may be told otherwise.
        let told = client.ask("/v4/Users?lastName=longfellow", "long").await;
        assert_eq!(told.status, 503, "{told:?}");
        let told = client.ask("/v4/Users?lastName=longfellow&count=none", "long").await;
        assert_eq!(told.status, 503, "{told:?}");
        // By id and by address the provider is asked, whatever the directory lacks.
        let told = client.ask(&by_id("both-unkept"), "live").await;
        assert_eq!((told.status, told.complete()), (200, Some(true)), "{told:?}");
    });
    world.end();
}
