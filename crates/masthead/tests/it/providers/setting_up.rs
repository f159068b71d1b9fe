//! Settings of a tenant's provider: warnings and errors.

use masthead_dev_postgres::TestDatabase;

use crate::{
    providers::{
        client::by_id,
        server::{FederatedTenant, ProviderTestServer},
    },
    support::process,
};

#[test]
fn unknown_provider_leaves_the_store_alone() {
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
            server.client("unknown").get(&by_id("missing"), "alone").await.status,
            404
        );
        // A call of the other tenant's provider, so that there are metrics.
        assert_eq!(server.client("known").get(&by_id("missing"), "both").await.status, 404);
    });
    assert_eq!(server.sandbox("unknown").calls(), 0);

    server.stop();
}

#[test]
fn invalid_provider_settings_are_all_reported() {
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
    let error = process::run_err(&settings, &all, "");
    let missing = ["Auth0.ClientId", "Auth0.ClientSecretFile"];
    let named = wrong[1..].iter().map(|pair| pair.split('=').next().unwrap());
    for name in named.chain(missing) {
        assert!(error.contains(name), "{name} is not named: {error}");
    }
    assert!(!error.contains("zzz"), "a value is printed: {error}");
    assert_eq!(process::run_ok(&settings, &["tenant", "list", "--json"], ""), before);

    // Plain HTTP and private addresses must be allowed in the settings.
    let right = [
        "Flow.UserProvider=Auth0",
        "Auth0.BaseUrl=http://127.0.0.1:1",
        "Auth0.ClientId=someone",
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET__NORTH__DAILY__HERALD__X",
    ];
    let all: Vec<_> = ["tenant", "set", tenant].into_iter().chain(right).collect();
    process::run_err(&settings, &all, "");
    let mut allowing = settings;
    allowing.push(process::setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
    process::run_ok(&allowing, &all, "");
}
