//! A tenant of each source through the program: both sides merged, and the truth while the source is off.

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
fn readers_of_each_source_come_back_merged_and_are_not_denied_while_it_is_off() {
    let papers = EACH.map(|(code, source)| FederatedTenant {
        source,
        ..FederatedTenant::new(code)
    });
    let server = ProviderTestServer::start(&papers, &[]);
    for (code, source) in EACH {
        let (client, sandbox) = (server.client(code), server.sandbox(code));
        let check = ["provider", "check", "--tenant", &format!("north/daily/{code}")];
        let response = process::run_ok(&server.settings, &check, "");
        assert!(
            response.lines().count() >= 5 && !response.contains("differs"),
            "{response}"
        );
        let personal = PERSONAL.into_iter().chain([source.secret]);
        assert!(
            personal.into_iter().all(|word| !response.to_lowercase().contains(word)),
            "{response}"
        );
        let [both, local, provider_only] = ["both", "local", "provider"].map(|side| format!("{side}-{code}"));
        server.runtime.block_on(async {
            for path in [by_id(&both), by_email(&both)] {
                let response = client.get(&path, "live").await;
                assert_eq!(
                    (response.status, response.complete()),
                    (200, Some(true)),
                    "{response:?}"
                );
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

            sandbox.off().await.unwrap();
            let response = client.get(&by_id(&local), "off").await;
            assert_eq!(
                (response.status, response.complete()),
                (200, Some(false)),
                "{response:?}"
            );
            assert_eq!(response.source(source.name), ("unavailable", "unavailable"));
            assert_eq!(response.user()["firstName"], STORE_NAME);
            for path in [by_id("nobody"), by_id(&provider_only)] {
                client.get(&path, "off").await.assert_unconfirmed();
            }
            sandbox.on().await.unwrap();
            let response = client.get_until_complete("/v4/Users?lastName=quizz", "on").await;
            assert_eq!(response.users().len(), 3, "{response:?}");
        });
    }
    server.stop();
}
