//! The legacy User API of tenants whose provider answers: whom each type asks, and what their users are then.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_domain::tenant::TenantId;
use masthead_ports::sealing::{Purpose, Sealing as _};
use masthead_tokens::{Sealer, Secret};
use serde_json::{Value, json};

use crate::{
    asking::{Client, Told},
    people::{OUR_NAME, THEIR_NAME, crid, email},
    support::served::SEALING_KEY,
    under_test::{AUTH0, FIREFLY, GIGYA, SSOR},
    world::{Paper, World},
};

/// The users of an answer that must be good, in the order of their ids.
fn users(told: &Told) -> Vec<&Value> {
    let body = &told.body;
    assert_eq!((told.status, &body["Errors"]), (200, &json!([])), "{body}");
    let mut users: Vec<_> = body["Result"]["Users"].as_array().unwrap().iter().collect();
    assert_eq!(body["Result"]["TotalUsersFound"], users.len(), "{body}");
    users.sort_by_key(|user| user["CustomerRegistrationId"].to_string());
    users
}

/// That the answer to this path is these users by their ids and first names.
async fn finds(client: &Client, path: &str, expected: &[(String, &str)]) {
    let told = client.ask(path, "legacy").await;
    let got: Vec<_> = users(&told)
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

fn in_url(text: &str) -> String {
    text.replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace('|', "%7C")
}

/// A text as this house seals it.
fn sealed(paper: &str, purpose: Purpose, plain: &str) -> String {
    let key = Secret::new(BASE64_STANDARD.decode(SEALING_KEY).unwrap());
    let sealer = Sealer::new("k1", &BTreeMap::from([("k1".to_owned(), key)])).unwrap();
    let tenant = TenantId::parse(&format!("north/daily/{paper}")).unwrap();
    in_url(&sealer.seal(&tenant, purpose, plain))
}

#[test]
fn type_0_is_provider_and_store_1_the_provider_2_the_store() {
    let world = World::start(&[Paper::of("typed")], &[("PROVIDERS__FRESH", "0s")]);
    let (client, sandbox) = (world.client("typed"), world.sandbox("typed"));
    let both = |name| (crid("both-typed"), name);
    let ours = (crid("ours-typed"), OUR_NAME);
    let theirs = (crid("theirs-typed"), THEIR_NAME);
    world.runtime.block_on(async {
        // Both sides together last: what the provider says then goes into the store.
        for (kind, known) in [
            (2, vec![both(OUR_NAME), ours.clone()]),
            (1, vec![both(THEIR_NAME), theirs.clone()]),
            (0, vec![both(THEIR_NAME), ours.clone(), theirs.clone()]),
        ] {
            let before = sandbox.calls_to("/api/");
            for name in ["both-typed", "ours-typed", "theirs-typed", "nobody"] {
                let only: Vec<_> = known.iter().filter(|(id, _)| *id == crid(name)).cloned().collect();
                let (id, address) = (in_url(&crid(name)), email(name));
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
        // Where no type is named both are asked.
        let sealed = sealed("typed", Purpose::Email, &email("both-typed"));
        finds(
            &client,
            &format!("/User/Encrypted?encryptedEmail={sealed}"),
            &[both(THEIR_NAME)],
        )
        .await;
        finds(&client, "/User?email=typed@hidden", &[both(THEIR_NAME), ours, theirs]).await;
    });
    world.end();
}

#[test]
fn a_user_of_both_sides_is_the_merged_record_and_one_of_the_provider_alone_has_no_registration() {
    let world = World::start(&[Paper::of("merged")], &[]);
    let client = world.client("merged");
    world.runtime.block_on(async {
        for (kind, city, time_zone) in [
            (2, "Nowhereville", ""),
            (1, "", "Europe/Oslo"),
            (0, "Nowhereville", "Europe/Oslo"),
        ] {
            let path = format!("/User/{}/{kind}", in_url(&crid("both-merged")));
            let told = client.ask(&path, "legacy").await;
            let user = users(&told)[0];
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
            // Of a provider's tenant, whoever shows the user.
            assert_eq!(
                user["UserState"],
                json!({"UserStateId": 3, "UserStateCode": "Standard"})
            );
            assert_eq!(user["OptInEEdition"], json!(false), "nobody said so");
        }
    });
    world.end();
}

#[test]
fn lookup_in_user_provider_is_the_inverse_of_ignore_provider() {
    let world = World::start(&[Paper::of("inverse")], &[("PROVIDERS__FRESH", "0s")]);
    let (client, sandbox) = (world.client("inverse"), world.sandbox("inverse"));
    let both = |name| (crid("both-inverse"), name);
    let ours = (crid("ours-inverse"), OUR_NAME);
    let theirs = (crid("theirs-inverse"), THEIR_NAME);
    world.runtime.block_on(async {
        let asked = "/User?request.email=inverse@hidden&request.LookupInUserProvider=";
        let before = sandbox.calls_to("/api/");
        finds(&client, &format!("{asked}false"), &[both(OUR_NAME), ours.clone()]).await;
        assert_eq!(sandbox.calls_to("/api/"), before, "the provider was asked");
        let all = [both(THEIR_NAME), ours, theirs.clone()];
        finds(&client, &format!("{asked}true"), &all).await;
        assert!(sandbox.calls_to("/api/") > before, "the provider was not asked");
        finds(&client, &format!("{asked}true&Type=1"), &[both(THEIR_NAME), theirs]).await;
        for contradiction in ["true&Type=2", "false&Type=0", "false&Type=1"] {
            let told = client.ask(&format!("{asked}{contradiction}"), "legacy").await;
            let message = "Invalid InputModel - Type and LookupInUserProvider contradict each other";
            assert_eq!(told.body["Errors"][0]["Message"], message, "{contradiction}");
        }
    });
    world.end();
}

#[test]
fn lists_of_both_sides_are_sorted_and_paged_and_their_users_all_active() {
    let world = World::start(&[Paper::of("paged")], &[]);
    let client = world.client("paged");
    let [both, ours, theirs] = ["both-paged", "ours-paged", "theirs-paged"].map(crid);
    world.runtime.block_on(async {
        for (query, expected) in [
            ("OnlyActive=true", vec![&both, &ours, &theirs]),
            (
                "SortBy=CustomerRegistrationId&SortOrder=desc",
                vec![&theirs, &ours, &both],
            ),
            ("SortBy=Email&SortOrder=1&UsersPerPage=2", vec![&theirs, &ours]),
            ("SortBy=Email&SortOrder=1&UsersPerPage=2&PageNumber=2", vec![&both]),
            ("SortBy=FirstName&SortOrder=asc", vec![&both, &theirs, &ours]),
            ("PageNumber=2", vec![]),
        ] {
            let told = client.ask(&format!("/User?{query}"), "legacy").await;
            let result = &told.body["Result"];
            assert_eq!(
                (told.status, &result["TotalUsersFound"]),
                (200, &json!(3)),
                "{query}: {}",
                told.body
            );
            let users = result["Users"].as_array().unwrap().iter();
            let ids: Vec<_> = users
                .map(|user| user["CustomerRegistrationId"].as_str().unwrap())
                .collect();
            assert_eq!(ids, expected, "{query}");
        }
    });
    world.end();
}

#[test]
fn auth_system_is_that_of_the_tenants_provider_and_auth_system_id_only_its_users() {
    let papers = [
        ("auth0", &AUTH0, 3),
        ("gigya", &GIGYA, 4),
        ("ssor", &SSOR, 5),
        ("firefly", &FIREFLY, 2),
    ];
    let world = World::start(
        &papers.map(|(code, source, _)| Paper {
            source,
            ..Paper::of(code)
        }),
        &[],
    );
    for (code, source, number) in papers {
        let client = world.client(code);
        world.runtime.block_on(async {
            let address = email(&format!("both-{code}"));
            for kind in 0..=2 {
                let told = client.ask(&format!("/User/{kind}?email={address}"), "legacy").await;
                let system = &users(&told)[0]["AuthSystem"];
                let expected =
                    json!({"AuthSystemId": number, "AuthSystemCode": source.name, "AuthSystemName": source.name});
                assert_eq!(*system, expected, "{code}, type {kind}");
            }
            for other in 1..=5 {
                let told = client
                    .ask(&format!("/User?email={address}&AuthSystemId={other}"), "legacy")
                    .await;
                assert_eq!(users(&told).len(), usize::from(other == number), "{code}: {other}");
            }
        });
    }
    world.end();
}
