//! The calls that write for tenants with a provider: after each one both sides have the same.

use serde_json::{Value, json};

use super::harness::{DESCRIBED, FEDERATED, PASSWORD, RETURN_URL, WriteServer, email, new_user};
use crate::support::http_client::percent_encoded;

const OTHER_PASSWORD: &str = "Closing-password-2";

#[test]
fn both_sides_agree_after_each_call() {
    let mut server = WriteServer::start(&[]);
    for paper in FEDERATED.into_iter().chain(DESCRIBED) {
        // Each tenant has its own readers, as all share the mailbox.
        let name = format!("ann-{paper}");
        let address = email(&name);
        let created = server.create(paper, &name).expect("S200_03");
        assert_eq!(created.pending(), &Value::Null, "{created:?}");
        let id = created.id();
        let path = format!("/v4/Users/{}", percent_encoded(&id));
        assert_eq!(server.agreed(paper), [format!("{id} {address} Nova")]);
        server.create(paper, &name).expect("E400_08");

        let signed_in = server.sign_in(paper, &address, PASSWORD).expect("S200_06");
        assert_eq!(signed_in.body["data"]["user"]["customerRegistrationId"], json!(id));
        server.sign_in(paper, &address, "Wrong-password-3").expect("E401_01");

        let change = json!({"firstName": "Anna", "metadata": {"city": "Oslo"}});
        let updated = server.call(paper, &format!("PUT {path}"), &change).expect("S200_05");
        assert_eq!(updated.body["data"]["firstName"], "Anna");
        assert_eq!(updated.body["data"]["metadata"]["city"], "Oslo");
        assert_eq!(server.agreed(paper), [format!("{id} {address} Anna")]);

        let password = json!({"password": OTHER_PASSWORD});
        server
            .call(paper, &format!("PATCH {path}/Password"), &password)
            .expect("S200_11");
        server.sign_in(paper, &address, PASSWORD).expect("E401_01");
        server.sign_in(paper, &address, OTHER_PASSWORD).expect("S200_06");

        let moved = email(&format!("anna-{paper}"));
        server
            .call(paper, &format!("PATCH {path}/Email"), &json!({"email": moved}))
            .expect("S200_12");
        assert_eq!(server.agreed(paper), [format!("{id} {moved} Anna")]);
        assert_eq!(server.mails(&address, 1).len(), 1, "a notice to the old address");
        server.sign_in(paper, &moved, OTHER_PASSWORD).expect("S200_06");
        server.sign_in(paper, &address, OTHER_PASSWORD).expect("E401_01");

        // A second user of the first address, and back to it: taken.
        let second = server.create(paper, &name).expect("S200_03").id();
        let back = server.call(paper, &format!("PATCH {path}/Email"), &json!({"email": address}));
        back.expect("E400_08");
        assert_eq!(server.agreed(paper).len(), 2);

        for id in [&id, &second] {
            let path = format!("/v4/Users/{}", percent_encoded(id));
            server
                .call(paper, &format!("DELETE {path}"), &Value::Null)
                .expect("S200_14");
            server.call(paper, &format!("GET {path}"), &Value::Null).expect("E404");
        }
        assert!(server.agreed(paper).is_empty());
        server.sign_in(paper, &moved, OTHER_PASSWORD).expect("E401_01");
        assert!(server.open_intents().is_empty());
    }
    server.stop();
    for paper in FEDERATED.into_iter().chain(DESCRIBED) {
        let story = server.story(paper);
        let both = [
            ["4602", "4002"],
            ["4604", "4004"],
            ["4609", "4010"],
            ["4610", "4011"],
            ["4603", "4905"],
            ["4605", "4006"],
            ["4605", "4906"],
        ];
        for pair in both {
            assert!(
                story.windows(2).any(|two| two == pair),
                "{paper}: {pair:?} in {story:?}"
            );
        }
    }
}

#[test]
fn federated_reader_verifies_and_resets() {
    let server = WriteServer::start(&[]);
    for paper in FEDERATED {
        let name = format!("uma-{paper}");
        let address = email(&name);
        let mut pending = new_user(&name);
        pending["verifyEmail"] = json!(true);
        pending["returnUrl"] = json!(RETURN_URL);
        server.call(paper, "POST /v4/Users", &pending).expect("S200_04");
        server.call(paper, "POST /v4/Users", &pending).expect("E400_07");
        assert!(server.agreed(paper).is_empty(), "{paper}");
        let value_of = |link: &str| link.rsplit('=').next().unwrap().to_owned();
        let code = value_of(&server.mails(&address, 1)[0].links[0]);
        let post = |path: &str, body: Value| server.call(paper, &format!("POST /v4/Users{path}"), &body);
        let verify = json!({"email": address, "verificationCode": code});
        let id = post("/Verification", verify).expect("S200_07").id();
        assert_eq!(server.agreed(paper), [format!("{id} {address} Nova")]);

        // No provider takes the password that was typed: the reader sets one by the link of a second mail.
        server.sign_in(paper, &address, PASSWORD).expect("E401_01");
        let first = value_of(&server.mails(&address, 2)[1].links[0]);
        let finish = |link: &str, password: &str| {
            let body = json!({"encryptedEventId": link, "password": password});
            post("/ForgotPassword/Finish", body)
        };
        finish(&first, PASSWORD).expect("S200_10");
        server.sign_in(paper, &address, PASSWORD).expect("S200_06");

        let forgot = json!({"loginName": address, "returnUrl": RETURN_URL});
        post("/ForgotPassword", forgot).expect("S200_08");
        let link = value_of(&server.mails(&address, 3)[2].links[0]);
        finish(&link, OTHER_PASSWORD).expect("S200_10");
        finish(&link, PASSWORD).expect("E400_17");
        server.sign_in(paper, &address, OTHER_PASSWORD).expect("S200_06");
        server.sign_in(paper, &address, PASSWORD).expect("E401_01");

        // Blocked in our store: the right password opens nothing.
        let path = format!("PUT /v4/Users/{}", percent_encoded(&id));
        server.call(paper, &path, &json!({"blocked": true})).expect("S200_05");
        server.sign_in(paper, &address, OTHER_PASSWORD).expect("E403_04");
    }
}

/// Contract `writes.md` §3: "Deleted users are absent from every read … at once", also where the provider is not called.
#[test]
fn user_deleted_from_our_store_alone_is_absent() {
    let server = WriteServer::start(&[]);
    for paper in FEDERATED {
        let name = format!("ida-{paper}");
        let address = email(&name);
        let id = server.create(paper, &name).expect("S200_03").id();
        let path = format!("/v4/Users/{}", percent_encoded(&id));
        let delete = format!("DELETE {path}?ignoreProvider=true");
        server.call(paper, &delete, &Value::Null).expect("S200_14");
        assert_eq!(server.provider_side(paper).len(), 1, "{paper}");
        server.call(paper, &format!("GET {path}"), &Value::Null).expect("E404");
        for query in [format!("email={}", percent_encoded(&address)), "email=ida-".to_owned()] {
            let list = server.call(paper, &format!("GET /v4/Users?{query}"), &Value::Null);
            let list = list.expect("S200_02");
            assert_eq!(list.body["data"], json!([]), "{paper} {query}");
            assert_eq!(list.body["meta"]["totalRecords"], 0, "{paper} {query}");
        }
        server.sign_in(paper, &address, PASSWORD).expect("E401_01");
    }
}

/// A user that the provider alone has: the sync has put it into the mirror, and no registration was made yet.
#[test]
fn deleted_user_of_the_provider_alone_stays_deleted() {
    let server = WriteServer::start(&[]);
    for paper in FEDERATED {
        let name = format!("uma-{paper}");
        let address = email(&name);
        let id = server.create(paper, &name).expect("S200_03").id();
        let forget = |table| {
            format!("DELETE FROM {table} AS d USING tenants AS t WHERE t.pool = d.pool AND t.paper = '{paper}';")
        };
        server
            .database
            .run(&(forget("registrations") + &forget("mirror_entries")))
            .unwrap();
        let synced = server.command(&["sync", "--tenant", &format!("north/daily/{paper}")]);
        assert!(synced.status.success(), "{synced:?}");
        assert!(server.store_side(paper).is_empty(), "{paper}");
        let listed = || {
            let list = server.call(paper, "GET /v4/Users?pageSize=100", &Value::Null);
            assert_eq!(list.status, 200, "{paper}");
            list.body.to_string().contains(&address)
        };
        assert!(listed(), "{paper}: the mirror has it");
        let delete = format!("DELETE /v4/Users/{}", percent_encoded(&id));
        server.call(paper, &delete, &Value::Null).expect("S200_14");
        assert!(!listed(), "{paper}: the list follows at once");

        let row = json!({"customerRegistrationId": id, "email": address}).to_string();
        let tenant = format!("north/daily/{paper}");
        let imported = server.command_with(&["import", "--tenant", &tenant], &row);
        let report: Value = serde_json::from_slice(&imported.stdout).unwrap();
        assert_eq!(
            (&report["imported"], &report["skipped"]),
            (&json!(0), &json!(1)),
            "{paper}: {report}"
        );
    }
}

#[test]
fn sync_does_not_bring_a_deleted_user_back() {
    let server = WriteServer::start(&[]);
    for paper in FEDERATED {
        let name = format!("eva-{paper}");
        let address = email(&name);
        let id = server.create(paper, &name).expect("S200_03").id();
        let delete = format!("DELETE /v4/Users/{}?ignoreProvider=true", percent_encoded(&id));
        server.call(paper, &delete, &Value::Null).expect("S200_14");
        assert_eq!(server.provider_side(paper).len(), 1, "{paper}: it was not called");
        for _ in 0..2 {
            let synced = server.command(&["sync", "--tenant", &format!("north/daily/{paper}")]);
            assert!(synced.status.success(), "{synced:?}");
        }
        assert!(server.store_side(paper).is_empty(), "{paper}");
        for list in ["", "?email=eva&emailMatch=prefix", "?firstName=Nova"] {
            let listed = server.call(paper, &format!("GET /v4/Users{list}"), &Value::Null);
            let text = listed.body.to_string();
            assert!(
                listed.status == 200 && !text.contains(&address),
                "{paper} {list}: {text}"
            );
        }
    }
}
