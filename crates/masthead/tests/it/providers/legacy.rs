//! The legacy API of federated tenants: the sources of each type, and the records.

use masthead_domain::tenant::TenantId;
use masthead_ports::sealing::{Purpose, Sealing as _};
use serde_json::{Value, json};

use crate::{
    providers::{
        client::{UserApiClient, UserResponse},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        http_client::percent_encoded,
        process,
        readers::{PROVIDER_NAME, STORE_NAME, crid, email},
        sources::{AUTH0, FIREFLY, GIGYA, SSOR},
    },
};

/// The users of a successful response, by id.
fn users(response: &UserResponse) -> Vec<&Value> {
    let body = &response.body;
    assert_eq!((response.status, &body["Errors"]), (200, &json!([])), "{body}");
    let mut users: Vec<_> = body["Result"]["Users"].as_array().unwrap().iter().collect();
    assert_eq!(body["Result"]["TotalUsersFound"], users.len(), "{body}");
    users.sort_by_key(|user| user["CustomerRegistrationId"].to_string());
    users
}

/// Checks that the response to this path has these ids and first names.
async fn finds(client: &UserApiClient, path: &str, expected: &[(String, &str)]) {
    let response = client.get(path, "legacy").await;
    let got: Vec<_> = users(&response)
        .into_iter()
        .map(|user| {
            (
                user["CustomerRegistrationId"].as_str().unwrap(),
                user["FirstName"].as_str().unwrap(),
            )
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(id, name)| (&**id, *name)).collect();
    assert_eq!(got, expected, "{path}");
}

/// A value sealed by the server's key.
fn sealed(paper: &str, purpose: Purpose, plain: &str) -> String {
    let tenant = TenantId::parse(&format!("north/daily/{paper}")).unwrap();
    percent_encoded(&process::sealer().seal(&tenant, purpose, plain))
}

#[test]
fn type_selects_the_sources() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("typed")], &[("PROVIDERS__FRESH", "0s")]);
    let (client, sandbox) = (server.client("typed"), server.sandbox("typed"));
    let both = |name| (crid("both-typed"), name);
    let local = (crid("local-typed"), STORE_NAME);
    let provider_only = (crid("provider-typed"), PROVIDER_NAME);
    server.runtime.block_on(async {
        // Both sources last: the provider's values are then written back.
        for (kind, known) in [
            (2, vec![both(STORE_NAME), local.clone()]),
            (1, vec![both(PROVIDER_NAME), provider_only.clone()]),
            (0, vec![both(PROVIDER_NAME), local.clone(), provider_only.clone()]),
        ] {
            let before = sandbox.calls_to("/api/");
            for name in ["both-typed", "local-typed", "provider-typed", "missing"] {
                let only: Vec<_> = known.iter().filter(|(id, _)| *id == crid(name)).cloned().collect();
                let (id, address) = (percent_encoded(&crid(name)), email(name));
                let sealed = sealed("typed", Purpose::CustomerRegistrationId, &crid(name));
                for path in [
                    format!("/User/{id}/{kind}"),
                    format!("/User/{kind}?email={address}"),
                    format!("/User?request.email={address}&request.type={kind}"),
                    format!("/User/Encrypted/{kind}?encryptedCustomerRegistrationId={sealed}"),
                ] {
                    finds(&client, &path, &only).await;
                }
            }
            finds(&client, &format!("/User?Type={kind}&email=typed@hidden"), &known).await;
            finds(&client, &format!("/User?Type={kind}"), &known).await;
            let calls = sandbox.calls_to("/api/") - before;
            assert_eq!(calls == 0, kind == 2, "type {kind}: {calls} calls");
        }
        // Without a type both sources are read.
        let sealed = sealed("typed", Purpose::Email, &email("both-typed"));
        finds(
            &client,
            &format!("/User/Encrypted?encryptedEmail={sealed}"),
            &[both(PROVIDER_NAME)],
        )
        .await;
        finds(
            &client,
            "/User?email=typed@hidden",
            &[both(PROVIDER_NAME), local, provider_only],
        )
        .await;
    });
    server.stop();
}

#[test]
fn record_depends_on_the_type() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("merged")], &[]);
    let client = server.client("merged");
    server.runtime.block_on(async {
        for (kind, city, time_zone) in [
            (2, "Nowhereville", ""),
            (1, "", "Europe/Oslo"),
            (0, "Nowhereville", "Europe/Oslo"),
        ] {
            let path = format!("/User/{}/{kind}", percent_encoded(&crid("both-merged")));
            let response = client.get(&path, "legacy").await;
            let user = users(&response)[0];
            assert_eq!(
                (&user["Metadata"]["city"], &user["Metadata"]["timeZone"]),
                (&json!(city), &json!(time_zone))
            );
            assert_eq!(
                user["RegistrationId"].is_u64(),
                kind != 1,
                "type {kind}: {}",
                user["RegistrationId"]
            );
            // The state of a federated tenant's user, from any source.
            assert_eq!(
                user["UserState"],
                json!({"UserStateId": 3, "UserStateCode": "Standard"})
            );
            assert_eq!(user["OptInEEdition"], json!(false), "unknown messages so");
        }
    });
    server.stop();
}

#[test]
fn lookup_in_user_provider_selects_sources() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("inverse")], &[("PROVIDERS__FRESH", "0s")]);
    let (client, sandbox) = (server.client("inverse"), server.sandbox("inverse"));
    let both = |name| (crid("both-inverse"), name);
    let local = (crid("local-inverse"), STORE_NAME);
    let provider_only = (crid("provider-inverse"), PROVIDER_NAME);
    server.runtime.block_on(async {
        let requested = "/User?request.email=inverse@hidden&request.LookupInUserProvider=";
        let before = sandbox.calls_to("/api/");
        finds(
            &client,
            &format!("{requested}false"),
            &[both(STORE_NAME), local.clone()],
        )
        .await;
        assert_eq!(sandbox.calls_to("/api/"), before, "the provider was requested");
        let all = [both(PROVIDER_NAME), local, provider_only.clone()];
        finds(&client, &format!("{requested}true"), &all).await;
        assert!(sandbox.calls_to("/api/") > before, "the provider was not requested");
        finds(
            &client,
            &format!("{requested}true&Type=1"),
            &[both(PROVIDER_NAME), provider_only],
        )
        .await;
        for contradiction in ["true&Type=2", "false&Type=0", "false&Type=1"] {
            let response = client.get(&format!("{requested}{contradiction}"), "legacy").await;
            let message = "Invalid InputModel - Type and LookupInUserProvider contradict each other";
            assert_eq!(response.body["Errors"][0]["Message"], message, "{contradiction}");
        }
    });
    server.stop();
}

#[test]
fn auth_system_is_the_tenants_provider() {
    let papers = [
        ("auth0", &AUTH0, 3),
        ("gigya", &GIGYA, 4),
        ("ssor", &SSOR, 5),
        ("firefly", &FIREFLY, 2),
    ];
    let server = ProviderTestServer::start(
        &papers.map(|(code, source, _)| FederatedTenant {
            source,
            ..FederatedTenant::new(code)
        }),
        &[],
    );
    for (code, source, number) in papers {
        let client = server.client(code);
        server.runtime.block_on(async {
            let address = email(&format!("both-{code}"));
            for kind in 0..=2 {
                let response = client.get(&format!("/User/{kind}?email={address}"), "legacy").await;
                let system = &users(&response)[0]["AuthSystem"];
                let expected =
                    json!({"AuthSystemId": number, "AuthSystemCode": source.name, "AuthSystemName": source.name});
                assert_eq!(*system, expected, "{code}, type {kind}");
            }
            for other in 1..=5 {
                let response = client
                    .get(&format!("/User?email={address}&AuthSystemId={other}"), "legacy")
                    .await;
                assert_eq!(users(&response).len(), usize::from(other == number), "{code}: {other}");
            }
        });
    }
    server.stop();
}
