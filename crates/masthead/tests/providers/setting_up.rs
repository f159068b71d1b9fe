//! Setting a tenant up: what is warned of, and what is refused with every mistake named.

use masthead_dev_postgres::TestDatabase;

use crate::{
    asking::by_id,
    support::served,
    world::{Paper, World},
};

#[test]
fn an_unknown_provider_is_a_warning_and_the_store_answers_alone() {
    let mut paper = Paper::of("unknown");
    paper.settings = &[("Flow.UserProvider", "Okta")];
    let mut federated = Paper::of("known");
    federated.shown.clear();
    let world = World::start(&[paper, federated], &[]);
    world.runtime.block_on(async {
        let told = world.client("unknown").ask(&by_id("both-unknown"), "alone").await;
        assert_eq!(told.status, 200);
        assert!(told.body["meta"].is_null(), "the published shape: {told:?}");
        told.is_the_stores("both-unknown");
        assert_eq!(world.client("unknown").ask(&by_id("nobody"), "alone").await.status, 404);
        // The other tenant is asked about, so that the metrics have something to tell.
        assert_eq!(world.client("known").ask(&by_id("nobody"), "both").await.status, 404);
    });
    assert_eq!(world.sandbox("unknown").calls(), 0);

    let settings = served::settings(&world.database.url().unwrap());
    let said = served::run(
        &settings,
        &["tenant", "set", "north/daily/unknown", "Flow.UserProvider=Ping"],
        "",
    );
    let warned = String::from_utf8(said.stderr).unwrap();
    assert!(said.status.success());
    assert!(
        warned.contains("warning: Flow.UserProvider") && !warned.contains("Ping"),
        "{warned}"
    );
    world.end();
}

#[test]
fn wrong_settings_of_a_provider_are_refused_with_every_mistake_named_and_no_value_told() {
    let database = TestDatabase::empty().unwrap();
    let settings = served::settings(&database.url().unwrap());
    let tenant = "north/daily/herald";
    served::done(&settings, &["migrate"], "");
    served::done(&settings, &["tenant", "add", tenant], "");
    let before = served::done(&settings, &["tenant", "list", "--json"], "");
    let wrong = [
        "Flow.UserProvider=Auth0",
        "Auth0.Domain=zzz not a host",
        "Auth0.ClientSecret=zzz-secret",
        "Auth0.BaseUrl=http://zzz.example",
        "Auth0.PageSize=zzz",
        "Auth0.BudgetPerSecond=0",
        "Auth0.Surprise=zzz",
    ];
    let all: Vec<_> = ["tenant", "set", tenant].into_iter().chain(wrong).collect();
    let said = served::run(&settings, &all, "");
    let refused = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{refused}");
    let missing = ["Auth0.ClientId", "Auth0.ClientSecretFile"];
    let named = wrong[1..].iter().map(|pair| pair.split('=').next().unwrap());
    for name in named.chain(missing) {
        assert!(refused.contains(name), "{name} is not named: {refused}");
    }
    assert!(!refused.contains("zzz"), "a value is told: {refused}");
    assert!(said.stdout.is_empty());
    assert_eq!(served::done(&settings, &["tenant", "list", "--json"], ""), before);

    // Plain http and addresses that are not public are for whoever allows them.
    let right = [
        "Flow.UserProvider=Auth0",
        "Auth0.BaseUrl=http://127.0.0.1:1",
        "Auth0.ClientId=someone",
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET_X",
    ];
    let all: Vec<_> = ["tenant", "set", tenant].into_iter().chain(right).collect();
    assert!(!served::run(&settings, &all, "").status.success());
    let mut allowing = settings;
    allowing.push((
        "MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES".to_owned(),
        "true".to_owned(),
    ));
    served::done(&allowing, &all, "");
}
