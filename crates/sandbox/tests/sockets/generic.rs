//! The stand-in directories over their sockets: SSOR, Firefly, and one that a test describes.

use std::collections::BTreeSet;
use std::time::Duration;

use masthead_sandbox::{
    Fault, FaultRule, GenericStubAuth, GenericStubConfig, GenericStubEnvelope, Quota, SESSION_GRADE, Sandbox,
    StubPaging, UserShape, sample_generic_user, sample_generic_users,
};
use serde_json::{Value, json};

use crate::plain::{FORM, Plain};
use crate::support::{Answer, encoded};

const SSOR: [(&str, &str); 1] = [("authorization", "Bearer sandbox-ssor-token")];
const FIREFLY: [(&str, &str); 1] = [("x-firefly-secret", "sandbox-firefly-secret")];

#[derive(Debug)]
struct Town {
    sandbox: Sandbox,
    plain: Plain,
    headers: Vec<(&'static str, &'static str)>,
}

impl Town {
    async fn with(mut config: GenericStubConfig, headers: &[(&'static str, &'static str)], users: usize) -> Self {
        config.users = sample_generic_users(config.settings.shape, users).collect();
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
            plain: Plain::new(),
            headers: headers.to_vec(),
        }
    }

    async fn ssor(users: usize) -> Self {
        Self::with(GenericStubConfig::ssor(), &SSOR, users).await
    }

    async fn firefly(users: usize) -> Self {
        Self::with(GenericStubConfig::firefly(), &FIREFLY, users).await
    }

    async fn get(&self, target: &str) -> Answer {
        let url = format!("{}{target}", self.sandbox.url());
        self.plain.send("GET", &url, &self.headers, "").await.unwrap()
    }

    async fn refused(&self, target: &str) -> (u16, Value) {
        let answer = self.get(target).await;
        (answer.status.as_u16(), answer.json())
    }
}

fn ids(list: &Value, id: &str) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|user| user[id].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn ssor_shows_a_user_in_a_list_of_one_with_session_grade_ids_about() {
    let town = Town::ssor(30).await;
    let answer = town.get("registration/users/70000003?product_code=sandbox").await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["users"][0], sample_generic_user(UserShape::Ssor, 3));
    for pointer in ["/loginToken", "/users/0/masterId", "/users/0/PUID"] {
        assert!(
            body.pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .starts_with(SESSION_GRADE),
            "{pointer}"
        );
    }
    let gone = town.refused("registration/users/1?product_code=sandbox").await;
    assert_eq!(gone, (404, json!({"errMsg": "no such user"})));
}

#[tokio::test]
async fn ssor_lists_by_offset_and_fails_inside_a_200() {
    let town = Town::ssor(120).await;
    let mut seen = BTreeSet::new();
    for offset in [0, 50, 100] {
        let page = town
            .get(&format!(
                "registration/users?product_code=sandbox&offset={offset}&limit=500"
            ))
            .await
            .json();
        assert_eq!(page["total"], 120);
        seen.extend(ids(&page["users"], "consumerId"));
    }
    assert_eq!(seen.len(), 120);
    for (target, text) in [
        ("registration/users?offset=0", "product_code is missing or wrong"),
        (
            "registration/users?product_code=other",
            "product_code is missing or wrong",
        ),
        ("registration/users?product_code=sandbox&limit=x", "limit is a number"),
        ("registration/users?product_code=sandbox&limit=0", "limit is 1 or more"),
        (
            "registration/users?product_code=sandbox&shoes=9",
            "shoes is no parameter of this list",
        ),
        (
            "registration/users?product_code=sandbox&email=a&email=b",
            "email is given twice",
        ),
    ] {
        assert_eq!(town.refused(target).await, (200, json!({"errMsg": text})), "{target}");
    }
}

#[tokio::test]
async fn filters_compare_as_the_settings_say_and_odd_values_are_only_data() {
    let town = Town::ssor(60).await;
    let odd = "o'neil+'<>()*!~&=%é@example.com";
    town.sandbox
        .generic()
        .seed([json!({"consumerId": "odd", "email": odd, "firstName": "Ørsted \"JJ\" \\"})]);
    let find = async |name: &str, value: &str| {
        let target = format!("registration/users?product_code=sandbox&{name}={}", encoded(value));
        ids(&town.get(&target).await.json()["users"], "consumerId")
    };
    assert_eq!(find("email", &odd.to_uppercase()).await, ["odd"]);
    assert!(find("email", "o'neil").await.is_empty());
    assert_eq!(find("firstName", "ørsted \"jj\" \\").await, ["odd"]);
    let linked = sample_generic_user(UserShape::Ssor, 11);
    assert!(linked.get("email").is_none());
    let address = linked["linkedIdentifiers"][0]["emailAddress"].as_str().unwrap();
    assert_eq!(find("email", address).await, ["70000011"]);
    let shared = sample_generic_user(UserShape::Ssor, 24);
    assert_eq!(
        find("email", shared["email"].as_str().unwrap()).await,
        ["70000023", "70000024"]
    );
}

#[tokio::test]
async fn firefly_marks_every_answer_and_says_absent_inside_a_200() {
    let town = Town::firefly(60).await;
    let user = sample_generic_user(UserShape::Firefly, 5);
    let id = user["userGUID"].as_str().unwrap();
    let body = town.get(&format!("v4/users/{id}?siteCode=SAND")).await.json();
    assert_eq!(
        (&body["meta"]["status"], &body["response"]["user"]),
        (&json!(200), &user)
    );
    assert!(
        body["response"]["user"]["atyponId"]
            .as_str()
            .unwrap()
            .starts_with(SESSION_GRADE)
    );
    let gone = town.refused("v4/users/nobody?siteCode=SAND").await;
    assert_eq!(gone, (200, json!({"meta": {"status": 404, "message": "no such user"}})));
    let page = town.get("v4/users?siteCode=SAND&page=2&pageSize=25").await.json();
    assert_eq!(
        (&page["meta"]["status"], &page["response"]["total"]),
        (&json!(200), &json!(60))
    );
    assert_eq!(page["response"]["users"].as_array().unwrap().len(), 10);
    let empty = town
        .get("v4/users?siteCode=SAND&email=nobody%40example.com")
        .await
        .json();
    assert_eq!(empty["response"], json!({"total": 0, "users": []}));
    town.sandbox.generic().change_settings(|all| {
        all.envelope = GenericStubEnvelope::Status {
            pointer: "/meta/status".into(),
            ok: 0,
        };
    });
    assert_eq!(town.get("v4/users?siteCode=SAND").await.json()["meta"]["status"], 0);
}

#[tokio::test]
async fn each_kind_of_proof_is_asked_for() {
    let basic = ("authorization", "Basic bWU6cDpxIQ==");
    for (auth, headers, target) in [
        (GenericStubAuth::None, vec![], ""),
        (
            GenericStubAuth::Bearer { token: "t".into() },
            vec![("authorization", "Bearer t")],
            "",
        ),
        (
            GenericStubAuth::Header {
                name: "X-Secret".into(),
                value: "s".into(),
            },
            vec![("x-secret", "s")],
            "",
        ),
        (
            GenericStubAuth::Basic {
                user: "me".into(),
                password: "p:q!".into(),
            },
            vec![basic],
            "",
        ),
        (
            GenericStubAuth::Field {
                name: "secret".into(),
                value: "s&t".into(),
            },
            vec![],
            "&secret=s%26t",
        ),
    ] {
        let mut config = GenericStubConfig::firefly();
        config.settings.auth = auth.clone();
        let mut town = Town::with(config, &headers, 3).await;
        assert_eq!(
            town.get(&format!("v4/users?siteCode=SAND{target}")).await.status,
            200,
            "{auth:?}"
        );
        if auth == GenericStubAuth::None {
            continue;
        }
        town.headers = vec![("authorization", "Bearer wrong"), ("x-secret", "wrong")];
        let (status, body) = town.refused("v4/users?siteCode=SAND&secret=wrong").await;
        assert_eq!((status, &body["meta"]["status"]), (401, &json!(401)), "{auth:?}");
        assert!(format!("{auth:?}").ends_with("(<hidden>)"));
    }
}

#[tokio::test]
async fn a_token_for_credentials_lives_as_long_as_it_says() {
    let mut config = GenericStubConfig::ssor();
    config.settings.auth = GenericStubAuth::ClientCredentials {
        path: "/token".into(),
        client_id: "me".into(),
        client_secret: "s3".into(),
        lifetime_s: 60,
    };
    let town = Town::with(config, &[], 2).await;
    town.sandbox.clock().freeze();
    let url = format!("{}token", town.sandbox.url());
    let ask = async |headers: &[(&str, &str)], body: &str| town.plain.send("POST", &url, headers, body).await.unwrap();
    let right = "grant_type=client_credentials&client_id=me&client_secret=s3";
    let wrong = "grant_type=client_credentials&client_id=me&client_secret=s4";
    assert_eq!(ask(&[FORM], wrong).await.status, 401);
    assert_eq!(ask(&[FORM], "grant_type=password").await.status, 400);
    let basic = [FORM, ("authorization", "Basic bWU6czM=")];
    assert_eq!(ask(&basic, "grant_type=client_credentials").await.status, 200);
    let token = ask(&[FORM], right).await.json();
    assert_eq!(token["expires_in"], 60);
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let list = format!("{}registration/users?product_code=sandbox", town.sandbox.url());
    let call = async || {
        let headers = [("authorization", bearer.as_str())];
        town.plain
            .send("GET", &list, &headers, "")
            .await
            .unwrap()
            .status
            .as_u16()
    };
    assert_eq!(call().await, 200);
    town.sandbox.clock().advance(Duration::from_mins(1));
    assert_eq!(call().await, 401);
}

#[tokio::test]
async fn a_directory_of_ones_own_can_be_described() {
    let mut config = GenericStubConfig::firefly();
    config.settings.auth = GenericStubAuth::Field {
        name: "secret".into(),
        value: "s".into(),
    };
    config.settings.required.clear();
    config.settings.list_method = "POST".into();
    config.settings.list_path = "/find".into();
    config.settings.envelope = GenericStubEnvelope::Plain;
    config.settings.list_pointer = String::new();
    config.settings.total_pointer = None;
    config.settings.paging = StubPaging::None;
    let town = Town::with(config, &[], 120).await;
    let url = format!("{}find", town.sandbox.url());
    let ask = async |kind: &str, body: &str| {
        town.plain
            .send("POST", &url, &[("content-type", kind)], body)
            .await
            .unwrap()
    };
    let all = ask("application/json", r#"{"secret":"s"}"#).await;
    assert_eq!((all.status.as_u16(), all.json().as_array().unwrap().len()), (200, 120));
    let wanted = sample_generic_user(UserShape::Firefly, 5);
    let body = json!({"secret": "s", "email": wanted["email"]}).to_string();
    assert_eq!(ask("application/json", &body).await.json(), json!([wanted]));
    assert_eq!(ask(FORM.1, "secret=s&firstName=zzz").await.json(), json!([]));
    let refused = ask("application/json", r#"{"secret":"x"}"#).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()),
        (401, json!({"error": "credentials are missing or wrong"}))
    );
    assert_eq!(ask("application/json", "[").await.status, 400);
}

#[tokio::test]
async fn a_cursor_leads_through_the_whole_list() {
    let mut config = GenericStubConfig::ssor();
    config.settings.paging = StubPaging::Cursor {
        cursor: "after".into(),
        limit: "limit".into(),
        next: "/next".into(),
    };
    let town = Town::with(config, &SSOR, 45).await;
    let (mut seen, mut target) = (
        Vec::new(),
        "registration/users?product_code=sandbox&limit=20".to_owned(),
    );
    loop {
        let page = town.get(&target).await.json();
        seen.extend(ids(&page["users"], "consumerId"));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("registration/users?product_code=sandbox&limit=20&after={next}");
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (45, 45));
    let refused = town
        .refused("registration/users?product_code=sandbox&after=rubbish")
        .await;
    assert_eq!(refused, (200, json!({"errMsg": "no such cursor"})));
}

#[tokio::test]
async fn a_quota_says_how_long_to_wait_and_a_change_reaches_lists_late() {
    let town = Town::ssor(2).await;
    town.sandbox.clock().freeze();
    town.sandbox.generic().change_settings(|all| all.search_lag_ms = 1_000);
    assert!(
        town.sandbox
            .generic()
            .change(json!({"consumerId": "new", "email": "new@example.com"}))
    );
    let count = async || town.get("registration/users?product_code=sandbox").await.json()["total"].clone();
    assert_eq!(
        town.get("registration/users/new?product_code=sandbox").await.status,
        200
    );
    assert_eq!(count().await, 2);
    town.sandbox.clock().advance(Duration::from_secs(1));
    assert_eq!(count().await, 3);
    town.sandbox.generic().remove("new");
    assert_eq!(
        town.get("registration/users/new?product_code=sandbox").await.status,
        404
    );
    town.sandbox.generic().change_settings(|all| {
        all.quota = Quota {
            burst: 1,
            per_second: 1,
        };
    });
    assert_eq!(count().await, 3);
    let limited = town.get("registration/users?product_code=sandbox").await;
    assert!(limited.status == 429 && (1..=2).contains(&limited.number("retry-after")));
}

#[tokio::test]
async fn faults_wear_the_clothes_of_the_contract() {
    let town = Town::firefly(10).await;
    let list = "v4/users?siteCode=SAND&pageSize=5";
    let right = town.get(list).await.json();
    let inject = |fault: Fault| town.sandbox.inject(FaultRule::from(fault).times(1));
    for (fault, left) in [
        (Fault::Shuffled, 5),
        (Fault::Missing, 4),
        (Fault::Duplicated, 6),
        (Fault::OtherUser, 5),
    ] {
        inject(fault);
        let spoilt = town.get(list).await.json();
        assert_ne!(spoilt, right);
        assert_eq!(spoilt["response"]["users"].as_array().unwrap().len(), left);
    }
    let user = sample_generic_user(UserShape::Firefly, 5);
    let id = user["userGUID"].as_str().unwrap();
    inject(Fault::OtherUser);
    let other = town.get(&format!("v4/users/{id}?siteCode=SAND")).await.json();
    assert!(other["response"]["user"]["userGUID"].is_string() && other["response"]["user"]["userGUID"] != id);
    inject(Fault::ErrorCode { code: 500 });
    assert_eq!(
        town.refused(list).await,
        (200, json!({"meta": {"status": 500, "message": "injected failure"}}))
    );
    inject(Fault::Status {
        status: 503,
        retry_after: Some(4),
        reset_in: None,
        body: None,
    });
    let answer = town.get(list).await;
    assert_eq!((answer.status.as_u16(), answer.number("retry-after")), (503, 4));
    let town = Town::ssor(10).await;
    town.sandbox.inject(FaultRule::from(Fault::OtherUser).times(1));
    let other = town
        .get("registration/users/70000003?product_code=sandbox")
        .await
        .json();
    assert_ne!(other["users"][0]["consumerId"], "70000003");
}

#[tokio::test]
async fn the_control_address_drives_a_directory_and_hides_its_secrets() {
    let town = Town::firefly(3).await;
    let control = async |method: &str, path: &str, body: &str| {
        let url = format!("{}{path}", town.sandbox.control_url());
        town.plain.send(method, &url, &[], body).await.unwrap()
    };
    let state = control("GET", "state", "").await.json();
    assert_eq!((&state["provider"], &state["users"]), (&json!("firefly"), &json!(3)));
    control("POST", "users", r#"{"sample": 9}"#).await;
    assert_eq!(town.sandbox.generic().user_count(), 9);
    control("PATCH", "settings", r#"{"longestPage": 2}"#).await;
    let page = town.get("v4/users?siteCode=SAND").await.json();
    assert_eq!(page["response"]["users"].as_array().unwrap().len(), 2);
    let log = String::from_utf8_lossy(&control("GET", "requests", "").await.body).into_owned();
    assert!(
        log.contains("x-firefly-secret") && !log.contains("sandbox-firefly-secret"),
        "{log}"
    );
    control("POST", "reset", "").await;
    assert_eq!(
        (
            town.sandbox.generic().user_count(),
            town.sandbox.generic().settings().longest_page
        ),
        (3, 50)
    );
}
