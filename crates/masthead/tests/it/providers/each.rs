//! A tenant of each provider: merged users while it is up, and incomplete answers while it is down.

use crate::{
    providers::{
        client::{by_email, by_id},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        process,
        readers::{PERSONAL, PROVIDER_NAME, STORE_NAME, crid},
        sources::{AUTH0, FIREFLY, GIGYA, SSOR, SourceUnderTest},
    },
};

const EACH: [(&str, &SourceUnderTest); 4] = [
    ("herald", &AUTH0),
    ("mirror", &GIGYA),
    ("courier", &SSOR),
    ("gazette", &FIREFLY),
];

#[test]
fn each_provider_merges_and_survives_outage() {
    let papers = EACH.map(|(code, source)| FederatedTenant {
        source,
        ..FederatedTenant::new(code)
    });
    let server = ProviderTestServer::start(&papers, &[("PROVIDERS__FRESH", "0s")]);
    for (code, source) in EACH {
        let (client, sandbox) = (server.client(code), server.sandbox(code));
        let check = ["provider", "check", "--tenant", &format!("north/daily/{code}")];
        let output = process::run_ok(&server.settings, &check, "");
        assert!(output.lines().count() >= 5 && !output.contains("differs"), "{output}");
        let mut personal = PERSONAL.into_iter().chain([source.secret]);
        assert!(personal.all(|word| !output.to_lowercase().contains(word)), "{output}");
        let [both, local, provider_only] = ["both", "local", "provider"].map(|side| format!("{side}-{code}"));
        server.runtime.block_on(async {
            for path in [by_id(&both), by_email(&both)] {
                let response = client.get(&path, "live").await;
                response.assert_status(200, true);
                assert_eq!(
                    (response.source(source.name).0, response.source("Subscribe").0),
                    ("ok", "ok")
                );
                let user = response.user();
                assert_eq!(user["customerRegistrationId"], crid(&both));
                assert_eq!(
                    (&user["firstName"], &user["state"]),
                    (&PROVIDER_NAME.into(), &"Standard".into())
                );
                assert_eq!(user["metadata"]["displayName"], PROVIDER_NAME, "only the provider's");
                assert_eq!(user["metadata"]["city"], "Nowhereville", "the store's");
            }

            let missing = client.get(&by_id("missing"), "live").await;
            missing.assert_status(404, true);

            sandbox.off().await.unwrap();
            let with = |parameter: &str| format!("{}?{parameter}", by_id(&both));
            let stale = client.get(&by_id(&both), "off").await;
            stale.assert_status(200, false);
            assert_eq!(stale.source(source.name), ("stale", "unavailable"));
            let ignored = client.get(&with("ignoreProvider=true"), "off").await;
            ignored.assert_status(200, true);
            assert_eq!(ignored.source(source.name).0, "skipped");
            let strict = client.get(&with("onProviderFailure=fail"), "off").await;
            strict.assert_unconfirmed();
            let response = client.get(&by_id(&local), "off").await;
            response.assert_status(200, false);
            assert_eq!(response.source(source.name), ("unavailable", "unavailable"));
            assert_eq!(response.user()["firstName"], STORE_NAME);
            // Confirmed absence is never cached.
            for path in [by_id("missing"), by_email("missing"), by_id(&provider_only)] {
                client.get(&path, "off").await.assert_unconfirmed();
            }
            sandbox.on().await.unwrap();
            let response = client.get_until_complete("/v4/Users?lastName=quizz", "on").await;
            assert_eq!(response.users().len(), 3, "{response:?}");
        });
    }
    server.stop();
}
