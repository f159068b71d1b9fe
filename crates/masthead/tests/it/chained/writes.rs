//! Writes of tenants whose registrations are at another Masthead: two programs, each with its Postgres and its mail server.

use serde_json::{Value, json};

use crate::{
    support::{
        http_client::{header, percent_encoded},
        jwt::{self, hs256_token},
        process::SECRET,
        raw_http::FOREVER,
    },
    writes::{
        harness::{Answer, COURIER, HERALD, MIRROR, PASSWORD, RETURN_URL, TRIBUNE, WriteServer, email, new_user},
        journey::{look_ups, parameter},
    },
};

const NEW_PASSWORD: &str = "Quince-and-thunder-9";

/// A server in front of another one.
struct Chain {
    front: WriteServer,
    remote: WriteServer,
}

impl Chain {
    /// The registrations of the herald, which has no provider, are those of the herald there; those of the mirror, which has Auth0
    /// here, are those of the courier there.
    fn start() -> Self {
        let remote = WriteServer::start(&[]);
        let papers = [(HERALD, HERALD), (MIRROR, COURIER)];
        let remotes = papers.map(|(paper, there)| remote.as_remote(paper, there));
        let front = WriteServer::start_before(&remotes);
        Self { front, remote }
    }

    fn post(&self, paper: &str, path: &str, body: &Value) -> Answer {
        self.front.call(paper, &format!("POST /v4/Users{path}"), body)
    }

    fn finish(&self, paper: &str, link: &str, password: &str) -> Answer {
        let body = json!({"encryptedEventId": link, "password": password});
        self.post(paper, "/ForgotPassword/Finish", &body)
    }

    /// The value of a parameter of the link in the mail with this number.
    fn mailed(&self, to: &str, number: usize, name: &str) -> String {
        parameter(&self.front.mails(to, number)[number - 1].links[0], name)
    }

    /// Nothing is left of any write, and nothing personal in a log.
    fn end(mut self, private: &[&str]) {
        for server in [&self.front, &self.remote] {
            assert!(server.open_intents().is_empty(), "{:?}", server.open_intents());
        }
        // The remote side sends its own notices to former addresses, and no code or link.
        for mail in self.remote.mailbox.messages() {
            assert!(
                mail.text.contains("was changed") && mail.links.is_empty(),
                "{}",
                mail.text
            );
        }
        assert_eq!(self.front.rows("SELECT count(*) FROM registrations"), ["0"]);
        for server in [&mut self.front, &mut self.remote] {
            let log = server.stop();
            assert!(!log.contains("panicked"), "{log}");
            for text in private {
                assert!(!log.contains(text), "{text} is in a log");
            }
        }
    }
}

/// Contract `writes.md` §3, call by call.
#[test]
fn reader_lives_in_a_chain() {
    let chain = Chain::start();
    let (front, remote) = (&chain.front, &chain.remote);
    let (address, moved) = ("nell.j@readers.example", "nell.new@readers.example");
    let post = |path: &str, body: Value| chain.post(HERALD, path, &body);

    // Registers: nothing is created there before the address is verified.
    let registration = json!({
        "email": address, "password": PASSWORD, "firstName": "Nell", "lastName": "Journeywoman",
        "metadata": {"city": "Nowhereville"}, "verifyEmail": true, "returnUrl": RETURN_URL,
    });
    post("", registration.clone()).expect("S200_04");
    post("", registration).expect("E400_07");
    post("", json!({"email": address, "password": PASSWORD})).expect("E400_07");
    front.sign_in(HERALD, address, PASSWORD).expect("E401_01");
    assert!(remote.store_side(HERALD).is_empty());
    let code = chain.mailed(address, 1, "verificationCode");
    let verify = |code: &str| post("/Verification", json!({"email": address, "verificationCode": code}));
    let wrong = if code == "000000" { "000001" } else { "000000" };
    verify(wrong).expect("E400_15");
    let verified = verify(&code).expect("S200_07");
    let id = verified.id();
    let sealed = verified.body["data"]["encryptedCustomerRegistrationId"]
        .as_str()
        .unwrap();
    assert_eq!(remote.store_side(HERALD), [format!("{id} {address} Nell")]);
    verify(&code).expect("E400_16");

    // No API takes the hash of the typed password: the reader sets one by the link of a second mail.
    front.sign_in(HERALD, address, PASSWORD).expect("E403_02");
    let first = chain.mailed(address, 2, "encryptedEventId");
    chain.finish(HERALD, &first, PASSWORD).expect("S200_10");
    let signed_in = front.sign_in(HERALD, address, PASSWORD).expect("S200_06");
    assert_eq!(signed_in.body["data"]["user"]["customerRegistrationId"], json!(id));
    front.sign_in(HERALD, address, "Wrong-umbrella-8").expect("E401_01");

    // Forgets it.
    let forgot = post(
        "/ForgotPassword",
        json!({"loginName": address, "returnUrl": RETURN_URL}),
    )
    .expect("S200_08");
    let decoy = forgot.body["data"]["encryptedEventId"].as_str().unwrap().to_owned();
    let link = chain.mailed(address, 3, "encryptedEventId");
    let validate = |value: &str| post("/ForgotPassword/Validate", json!({"encryptedEventId": value}));
    validate(&decoy).expect("E400_17");
    validate(&link).expect("S200_09");
    chain.finish(HERALD, &link, NEW_PASSWORD).expect("S200_10");
    chain.finish(HERALD, &link, PASSWORD).expect("E400_17");
    front.sign_in(HERALD, address, PASSWORD).expect("E401_01");
    front.sign_in(HERALD, address, NEW_PASSWORD).expect("S200_06");

    // Changes the address, is found by every route, is deleted, and found by none.
    let path = format!("/v4/Users/{id}");
    let change = front.call(HERALD, &format!("PATCH {path}/Email"), &json!({"email": moved}));
    change.expect("S200_12");
    assert_eq!(front.mails(address, 4).len(), 4, "a notice to the old address");
    assert_eq!(remote.store_side(HERALD), [format!("{id} {moved} Nell")]);
    let found = |(call, body): &(String, Value)| {
        let answer = front.call(HERALD, call, body);
        (answer.body.to_string().contains(&format!("\"{id}\"")), answer.status)
    };
    for look_up in look_ups(&id, sealed, moved) {
        assert_eq!(found(&look_up), (true, 200), "{look_up:?}");
    }
    front
        .call(HERALD, &format!("DELETE {path}"), &Value::Null)
        .expect("S200_14");
    for look_up in look_ups(&id, sealed, moved) {
        assert!(!found(&look_up).0, "{look_up:?} finds a deleted user");
    }
    front
        .call(HERALD, &format!("DELETE {path}"), &Value::Null)
        .expect("E404");
    assert!(remote.store_side(HERALD).is_empty());
    assert_eq!(
        front.story(HERALD),
        [
            "4003", "4906", "4002", "4906", "4010", "4006", "4906", "4009", "4010", "4906", "4006", "4011", "4905"
        ],
        "the front's own events, none of a provider"
    );
    chain.end(&[address, moved, PASSWORD, NEW_PASSWORD, &link]);
}

#[test]
fn update_reaches_every_field_of_the_remote_store() {
    let chain = Chain::start();
    let (front, remote) = (&chain.front, &chain.remote);
    let id = front.create(HERALD, "uma").expect("S200_03").id();
    let path = format!("/v4/Users/{id}");
    let put = |body: Value| front.call(HERALD, &format!("PUT {path}"), &body);
    let change = json!({
        "firstName": "Una", "lastName": "", "metadata": {"city": "Oslo"}, "lastLogoutDate": "2026-03-01T12:00:00Z",
    });
    let updated = put(change).expect("S200_05");
    assert_eq!(
        (&updated.body["data"]["firstName"], &updated.body["data"]["lastName"]),
        (&json!("Una"), &json!(""))
    );
    let stored =
        |column: &str| remote.rows(&format!("SELECT {column} FROM registrations WHERE crid = '{id}'"))[0].clone();
    assert_eq!(stored("last_logout_at = '2026-03-01T12:00:00Z'"), "t");
    put(json!({"removeLastLogoutDate": true, "metadata": {"city": null}})).expect("S200_05");
    assert_eq!(stored("last_logout_at IS NULL"), "t");
    assert!(!stored("metadata").contains("Oslo"));

    // The block, the verification, and what each does to a sign-in.
    put(json!({"blocked": true})).expect("S200_05");
    front.sign_in(HERALD, &email("uma"), PASSWORD).expect("E403_04");
    put(json!({"blocked": false, "verified": false})).expect("S200_05");
    front.sign_in(HERALD, &email("uma"), PASSWORD).expect("E403_01");

    // A user there who is not verified is verified by a code of the front.
    let body = json!({"email": email("uma"), "returnUrl": RETURN_URL});
    chain.post(HERALD, "/VerificationCode", &body).expect("S200_13");
    let code = chain.mailed(&email("uma"), 1, "verificationCode");
    let verify = json!({"email": email("uma"), "verificationCode": code});
    assert_eq!(chain.post(HERALD, "/Verification", &verify).expect("S200_07").id(), id);
    front.sign_in(HERALD, &email("uma"), PASSWORD).expect("S200_06");
    chain.end(&[&email("uma"), PASSWORD]);
}

#[test]
fn errors_of_the_remote_store_keep_their_code() {
    let chain = Chain::start();
    let (front, remote) = (&chain.front, &chain.remote);
    let id = front.create(HERALD, "ann").expect("S200_03").id();
    front.create(HERALD, "ann").expect("E400_08");
    let ben = front.create(HERALD, "ben").expect("S200_03").id();
    let taken = json!({"email": email("new"), "password": PASSWORD, "customerRegistrationId": id});
    front.call(HERALD, "POST /v4/Users", &taken).expect("E409");
    let own = json!({"email": email("own"), "password": PASSWORD, "customerRegistrationId": "own-1"});
    assert_eq!(
        front.call(HERALD, "POST /v4/Users", &own).expect("S200_03").id(),
        "own-1"
    );
    let to = |id: &str, name: &str| {
        let body = json!({"email": email(name)});
        front.call(HERALD, &format!("PATCH /v4/Users/{id}/Email"), &body)
    };
    to(&ben, "ann").expect("E400_08");
    remote
        .call(HERALD, &format!("PUT /v4/Users/{id}"), &json!({"verified": false}))
        .expect("S200_05");
    to(&ben, "ann").expect("E400_07");
    front.create(HERALD, "ann").expect("E400_07");
    for (call, body) in [
        ("PUT /v4/Users/nobody", json!({"firstName": "X"})),
        ("PATCH /v4/Users/nobody/Password", json!({"password": PASSWORD})),
        ("PATCH /v4/Users/nobody/Email", json!({"email": email("x")})),
        ("DELETE /v4/Users/nobody", Value::Null),
    ] {
        front.call(HERALD, call, &body).expect("E404");
    }
    // What the API there has can only be purged there.
    let mut claims = jwt::claims(&["north/*/*"]);
    claims["scope"] = "users:write users:erase".into();
    let eraser = format!("Bearer {}", hs256_token(&claims, SECRET));
    let call = format!("DELETE /v4/Users/{ben}?purge=true");
    let purge = front.call_with(HERALD, &call, &Value::Null, &[("Authorization", &eraser)]);
    assert!(purge.expect("E400_00").body.to_string().contains("Subscribe.Url"));
    assert_eq!(remote.store_side(HERALD).len(), 3);
    chain.end(&[&email("ann"), PASSWORD]);
}

#[test]
fn changed_user_of_the_remote_store_is_refused_by_its_tag() {
    let chain = Chain::start();
    let (front, remote) = (&chain.front, &chain.remote);
    let id = front.create(HERALD, "tag").expect("S200_03").id();
    let path = format!("/v4/Users/{id}");
    let read = || {
        let answer = front.send(HERALD, &format!("GET {path}"), &Value::Null, &[]);
        header(&answer, "etag").unwrap().to_owned()
    };
    let put = |tag: &str, name: &str| {
        let body = json!({"firstName": name});
        front.call_with(HERALD, &format!("PUT {path}"), &body, &[("If-Match", tag)])
    };
    let first = read();
    put(&first, "Tea").expect("S200_05");
    put(&first, "Tom").expect("E412");
    let second = read();
    remote
        .call(HERALD, &format!("PUT {path}"), &json!({"metadata": {"city": "Bergen"}}))
        .expect("S200_05");
    put(&second, "Tom").expect("E412");
    put(&read(), "Tom").expect("S200_05");
    chain.end(&[]);
}

#[test]
fn repeated_call_is_one_write_there() {
    let chain = Chain::start();
    let (front, remote) = (&chain.front, &chain.remote);
    let key = [("Idempotency-Key", "k-remote-1")];
    let body = new_user("ida");
    let first = front.call_with(HERALD, "POST /v4/Users", &body, &key).expect("S200_03");
    let again = front.call_with(HERALD, "POST /v4/Users", &body, &key).expect("S200_03");
    assert_eq!(again.body, first.body);
    front
        .call_with(HERALD, "POST /v4/Users", &new_user("ivo"), &key)
        .expect("E422");
    // The front loses what it knew: the key that it passes on is the same, and the remote one still knows the answer.
    front
        .database
        .run("UPDATE idempotency_keys SET written = false, status = NULL, answer = NULL, crid = NULL, running_until = now()")
        .unwrap();
    let again = front.call_with(HERALD, "POST /v4/Users", &body, &key).expect("S200_03");
    assert_eq!(again.id(), first.id());
    let path = format!("PUT /v4/Users/{}", first.id());
    let key = [("Idempotency-Key", "k-remote-2")];
    let change = json!({"firstName": "Ida"});
    front.call_with(HERALD, &path, &change, &key).expect("S200_05");
    remote
        .call(HERALD, &path, &json!({"firstName": "Later"}))
        .expect("S200_05");
    front
        .database
        .run("UPDATE idempotency_keys SET written = false, status = NULL, answer = NULL, crid = NULL, running_until = now()")
        .unwrap();
    front.call_with(HERALD, &path, &change, &key).expect("S200_05");
    let names = remote.rows("SELECT first_name FROM registrations");
    assert_eq!(names, ["Later"], "the repetition writes nothing there");
    assert_eq!(remote.store_side(HERALD).len(), 1);
    chain.end(&[&email("ida"), PASSWORD]);
}

#[test]
fn provider_and_remote_store_agree_after_each_call() {
    let chain = Chain::start();
    let (front, remote) = (&chain.front, &chain.remote);
    let agreed = |expected: &[String]| {
        assert_eq!(front.provider_side(MIRROR), expected);
        assert_eq!(remote.store_side(COURIER), expected);
    };
    let (address, moved) = (email("ada"), email("ada.new"));
    let mut pending = new_user("ada");
    pending["verifyEmail"] = json!(true);
    pending["returnUrl"] = json!(RETURN_URL);
    chain.post(MIRROR, "", &pending).expect("S200_04");
    chain.post(MIRROR, "", &pending).expect("E400_07");
    agreed(&[]);
    let code = chain.mailed(&address, 1, "verificationCode");
    let verify = json!({"email": address, "verificationCode": code});
    let id = chain.post(MIRROR, "/Verification", &verify).expect("S200_07").id();
    agreed(&[format!("{id} {address} Nova")]);
    assert_eq!(
        remote.rows("SELECT count(*) FROM registrations WHERE password_hash IS NOT NULL"),
        ["0"]
    );

    let first = chain.mailed(&address, 2, "encryptedEventId");
    chain.finish(MIRROR, &first, PASSWORD).expect("S200_10");
    front.sign_in(MIRROR, &address, PASSWORD).expect("S200_06");
    let forgot = json!({"loginName": address, "returnUrl": RETURN_URL});
    chain.post(MIRROR, "/ForgotPassword", &forgot).expect("S200_08");
    let link = chain.mailed(&address, 3, "encryptedEventId");
    chain.finish(MIRROR, &link, NEW_PASSWORD).expect("S200_10");
    chain.finish(MIRROR, &link, PASSWORD).expect("E400_17");
    front.sign_in(MIRROR, &address, NEW_PASSWORD).expect("S200_06");
    front.sign_in(MIRROR, &address, PASSWORD).expect("E401_01");

    let path = format!("/v4/Users/{}", percent_encoded(&id));
    let change = json!({"firstName": "Ada", "metadata": {"city": "Oslo"}});
    front.call(MIRROR, &format!("PUT {path}"), &change).expect("S200_05");
    agreed(&[format!("{id} {address} Ada")]);
    assert!(remote.rows("SELECT metadata FROM registrations")[0].contains("Oslo"));
    front
        .call(MIRROR, &format!("PATCH {path}/Email"), &json!({"email": moved}))
        .expect("S200_12");
    agreed(&[format!("{id} {moved} Ada")]);

    // The remote store alone: the block that it keeps holds for the provider's password too.
    front
        .call(MIRROR, &format!("PUT {path}"), &json!({"blocked": true}))
        .expect("S200_05");
    front.sign_in(MIRROR, &moved, NEW_PASSWORD).expect("E403_04");
    front
        .call(MIRROR, &format!("PUT {path}"), &json!({"blocked": false}))
        .expect("S200_05");
    let alone = json!({"lastName": "Alone", "ignoreProvider": true});
    front.call(MIRROR, &format!("PUT {path}"), &alone).expect("S200_05");
    assert_eq!(remote.rows("SELECT last_name FROM registrations"), ["Alone"]);

    // An account that only the provider has gets its registration there with its first change.
    let only = json!({
        "user_id": "auth0|only", "email": email("only"), "email_verified": true, "given_name": "Only",
        "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
        "identities": [{"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": "only", "isSocial": false}],
    });
    front.sandbox(MIRROR).auth0().seed([only]);
    let only = format!("/v4/Users/{}", percent_encoded("auth0|only"));
    front
        .call(MIRROR, &format!("PUT {only}"), &json!({"firstName": "Onny"}))
        .expect("S200_05");
    assert!(
        remote
            .store_side(COURIER)
            .contains(&format!("auth0|only {} Onny", email("only")))
    );

    for path in [path, only] {
        front
            .call(MIRROR, &format!("DELETE {path}"), &Value::Null)
            .expect("S200_14");
        front.call(MIRROR, &format!("GET {path}"), &Value::Null).expect("E404");
    }
    agreed(&[]);
    let story = front.story(MIRROR);
    for pair in [
        ["4602", "4002"],
        ["4604", "4004"],
        ["4609", "4010"],
        ["4610", "4011"],
        ["4603", "4905"],
    ] {
        assert!(story.windows(2).any(|two| two == pair), "{pair:?} in {story:?}");
    }
    chain.end(&[&address, &moved, PASSWORD, NEW_PASSWORD, &link]);
}

#[test]
fn belongings_of_another_tenant_of_the_chain_are_worth_nothing() {
    let remote = WriteServer::start(&[]);
    let remotes = [(HERALD, HERALD), (COURIER, COURIER)].map(|(paper, there)| remote.as_remote(paper, there));
    let front = WriteServer::start_before(&remotes);
    let post = |paper: &str, path: &str, body: Value| front.call(paper, &format!("POST /v4/Users{path}"), &body);
    let id = front.create(HERALD, "owner").expect("S200_03").id();
    let forgot = json!({"loginName": email("owner"), "returnUrl": RETURN_URL});
    post(HERALD, "/ForgotPassword", forgot).expect("S200_08");
    let link = parameter(&front.mails(&email("owner"), 1)[0].links[0], "encryptedEventId");
    // A registration that our store had before is not seen.
    let replaced = format!(
        "INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name,
                                    last_name, metadata, search_terms)
         SELECT p.id, 1, true, p.masters_accounts, 'replaced', '{}', '', '', '', '', '{{}}', '{{}}'
           FROM pools AS p JOIN tenants AS t ON t.pool = p.id WHERE t.paper = 'herald'",
        email("waiting")
    );
    front.database.run(&replaced).unwrap();
    let mut pending = new_user("waiting");
    pending["verifyEmail"] = json!(true);
    pending["returnUrl"] = json!(RETURN_URL);
    post(HERALD, "", pending).expect("S200_04");
    let code = parameter(&front.mails(&email("waiting"), 1)[0].links[0], "verificationCode");
    let verify = json!({"email": email("waiting"), "verificationCode": code});

    let path = format!("/v4/Users/{id}");
    front
        .call(COURIER, &format!("PUT {path}"), &json!({"firstName": "Stolen"}))
        .expect("E404");
    let password = json!({"password": NEW_PASSWORD});
    front
        .call(COURIER, &format!("PATCH {path}/Password"), &password)
        .expect("E404");
    front
        .call(COURIER, &format!("DELETE {path}"), &Value::Null)
        .expect("E404");
    front.sign_in(COURIER, &email("owner"), PASSWORD).expect("E401_01");
    post(COURIER, "/ForgotPassword/Validate", json!({"encryptedEventId": link})).expect("E400_17");
    let finish = json!({"encryptedEventId": link, "password": NEW_PASSWORD});
    post(COURIER, "/ForgotPassword/Finish", finish.clone()).expect("E400_17");
    post(COURIER, "/Verification", verify.clone()).expect("E400_14");
    let key = [("Idempotency-Key", "k-1")];
    front
        .call_with(HERALD, "POST /v4/Users", &new_user("ann"), &key)
        .expect("S200_03");
    front
        .call_with(COURIER, "POST /v4/Users", &new_user("ben"), &key)
        .expect("S200_03");
    assert_eq!(remote.store_side(COURIER).len(), 1);

    // With their owner they are worth what they were.
    post(HERALD, "/ForgotPassword/Finish", finish).expect("S200_10");
    post(HERALD, "/Verification", verify).expect("S200_07");
    front.sign_in(HERALD, &email("owner"), NEW_PASSWORD).expect("S200_06");
}

#[test]
fn legacy_remote_api_is_not_written() {
    let remote = WriteServer::start(&[]);
    let front = WriteServer::start_before(&[remote.as_remote(HERALD, HERALD)]);
    let set = front.command(&["tenant", "set", "north/daily/herald", "Subscribe.Api=legacy"]);
    assert!(set.status.success(), "{set:?}");
    // Servers read the settings of tenants again after a while.
    let began = std::time::Instant::now();
    loop {
        let refused = front.create(HERALD, "lea");
        if refused.code() == "E400_00" {
            let text = refused.body["message"]["text"].as_str().unwrap().to_owned();
            assert!(text.contains("Subscribe.Api"), "{text}");
            break;
        }
        assert!(began.elapsed() < FOREVER, "{refused:?}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    for (call, body) in [
        ("PUT /v4/Users/1", json!({"firstName": "X"})),
        ("PATCH /v4/Users/1/Password", json!({"password": PASSWORD})),
        (
            "POST /v4/Users/Authentication",
            json!({"loginName": email("lea"), "password": PASSWORD}),
        ),
        (
            "POST /v4/Users/VerificationCode",
            json!({"email": email("lea"), "returnUrl": RETURN_URL}),
        ),
        (
            "POST /v4/Users/ForgotPassword",
            json!({"loginName": email("lea"), "returnUrl": RETURN_URL}),
        ),
        ("DELETE /v4/Users/1", Value::Null),
    ] {
        let refused = front.call(HERALD, call, &body).expect("E400_00");
        assert!(
            refused.body.to_string().contains("Subscribe.Api"),
            "{call}: {refused:?}"
        );
    }
    // Tenants beside it are written as ever.
    front.create(TRIBUNE, "lea").expect("S200_03");
}
