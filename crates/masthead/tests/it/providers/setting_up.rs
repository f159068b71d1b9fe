//! Setting a tenant up: what is warned of, and what is refused with every mistake named.

use masthead_dev_postgres::TestDatabase;

use crate::{
    providers::{
        client::by_id,
        server::{FederatedTenant, ProviderTestServer},
    },
    support::process,
};

#[test]
fn an_unknown_provider_is_a_warning_and_the_store_answers_alone() {
    let mut paper = FederatedTenant::new("unknown");
    paper.settings = &[("Flow.UserProvider", "Okta")];
    let mut federated = FederatedTenant::new("known");
    federated.shown.clear();
    let server = ProviderTestServer::start(&[paper, federated], &[]);
    server.runtime.block_on(async {
        let response = server.client("unknown").get(&by_id("both-unknown"), "alone").await;
        assert_eq!(response.status, 200);
        assert!(response.body["meta"].is_null(), "the published shape: {response:?}");
        response.assert_store_record("both-unknown");
        assert_eq!(
            server.client("unknown").get(&by_id("nobody"), "alone").await.status,
            404
        );
        // The other tenant is requested about, so that the metrics have something to tell.
        assert_eq!(server.client("known").get(&by_id("nobody"), "both").await.status, 404);
    });
    assert_eq!(server.sandbox("unknown").calls(), 0);

    let settings = process::settings(&server.database.url().unwrap());
    let messages = process::run(
        &settings,
        &["tenant", "set", "north/daily/unknown", "Flow.UserProvider=Ping"],
        "",
    );
    let warned = String::from_utf8(messages.stderr).unwrap();
    assert!(messages.status.success());
    assert!(
        warned.contains("warning: Flow.UserProvider") && !warned.contains("Ping"),
        "{warned}"
    );
    server.stop();
}

#[test]
fn wrong_settings_of_a_provider_are_refused_with_every_mistake_named_and_no_value_told() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    let tenant = "north/daily/herald";
    process::run_ok(&settings, &["migrate"], "");
    process::run_ok(&settings, &["tenant", "add", tenant], "");
    let before = process::run_ok(&settings, &["tenant", "list", "--json"], "");
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
    let messages = process::run(&settings, &all, "");
    let refused = String::from_utf8(messages.stderr).unwrap();
    assert_eq!(messages.status.code(), Some(1), "{refused}");
    let missing = ["Auth0.ClientId", "Auth0.ClientSecretFile"];
    let named = wrong[1..].iter().map(|pair| pair.split('=').next().unwrap());
    for name in named.chain(missing) {
        assert!(refused.contains(name), "{name} is not named: {refused}");
    }
    assert!(!refused.contains("zzz"), "a value is response: {refused}");
    assert!(messages.stdout.is_empty());
    assert_eq!(process::run_ok(&settings, &["tenant", "list", "--json"], ""), before);

    // Plain http and addresses that are not public are for whoever allows them.
    let right = [
        "Flow.UserProvider=Auth0",
        "Auth0.BaseUrl=http://127.0.0.1:1",
        "Auth0.ClientId=someone",
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET_X",
    ];
    let all: Vec<_> = ["tenant", "set", tenant].into_iter().chain(right).collect();
    assert!(!process::run(&settings, &all, "").status.success());
    let mut allowing = settings;
    allowing.push((
        "MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES".to_owned(),
        "true".to_owned(),
    ));
    process::run_ok(&allowing, &all, "");
}
