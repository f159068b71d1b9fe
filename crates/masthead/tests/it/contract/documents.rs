//! The examples of the OpenAPI document, checked against the program that serves it.

use masthead_domain::account::Account;
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{
        CaseAnswer, CaseToken, ContractCase, Expectation, Method,
        fixture::{COURIER, GAZETTE, HERALD},
    },
};
use serde_json::{Map, Value, json};

use crate::{
    contract::{
        export::{ExportServer, basic, each, identifiers, one},
        legacy::{once_known, warm},
        server::{ContractServer, TenantFixture, contract_tenants},
    },
    support::{
        http_client::{self, percent_encoded},
        process::setting,
    },
};

/// The request id of the examples.
const ID: &str = "b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55";

/// The document that the program serves.
struct OpenApiDocument(Value);

impl OpenApiDocument {
    fn fetch(server: &ContractServer) -> Self {
        let answer = http_client::get(server.address, "/openapi.json");
        assert_eq!(answer.status, 200);
        Self(serde_json::from_str(&answer.body).unwrap())
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        &self.0["paths"][path][method]
    }

    /// The paths with this prefix, with their operation of this method.
    fn operations<'a>(&'a self, method: &'a str, beginning: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let paths = paths.filter(move |(path, _)| path.starts_with(beginning));
        paths.filter_map(move |(path, methods)| Some((&**path, methods.get(method)?)))
    }
}

fn example(operation: &Value, status: &str, name: &str) -> Value {
    let value = &operation["responses"][status]["content"]["application/json"]["examples"][name]["value"];
    assert!(value.is_object(), "there is no example {name} of {status}");
    value.clone()
}

/// Every example of an error, by its status.
fn errors(operation: &Value) -> Vec<(u16, Value)> {
    let responses = operation["responses"].as_object().unwrap().iter();
    let responses = responses.filter(|(status, _)| !matches!(&***status, "200" | "304"));
    let errors = responses.flat_map(|(status, response)| {
        let examples = response["content"]["application/json"]["examples"].as_object();
        let examples: Vec<_> = examples.into_iter().flat_map(Map::values).collect();
        // Errors of the server itself belong to no operation: another test checks them.
        let is_own = !["405", "408", "414", "431", "501"].contains(&&**status);
        assert!(!examples.is_empty() || !is_own, "{status} has no example");
        let status = status.parse().unwrap();
        examples
            .into_iter()
            .map(move |example| (status, example["value"].clone()))
    });
    errors.collect()
}

fn json_of(answer: &CaseAnswer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body))
}

fn get(target: &str) -> ContractCase {
    ContractCase::get(target, Expectation::Status(200)).with("X-RequestId", ID)
}

/// The example value of a parameter, encoded for a URL. Sealed values are sealed by this server.
fn example_of(parameter: &Value) -> String {
    match parameter["name"].as_str().unwrap() {
        "encryptedEmail" => "{{sealed-email:ann@example.com}}".to_owned(),
        "encryptedCustomerRegistrationId" => "{{sealed-id:2937}}".to_owned(),
        _ => {
            let example = &parameter["example"];
            percent_encoded(&example.as_str().map_or_else(|| example.to_string(), str::to_owned))
        }
    }
}

fn name(parameter: &Value) -> &str {
    parameter["name"].as_str().unwrap_or_default()
}

#[test]
fn v4_example_requests_are_accepted() {
    let server = warm(ContractServer::start(&contract_tenants()));
    let document = OpenApiDocument::fetch(&server);
    let list = document.operation("get", "/v4/Users")["parameters"].as_array().unwrap();
    let taken = |target: &str| {
        let answer = server.send(&get(target));
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        json_of(&answer)
    };
    let mut count = 0;
    for parameter in list.iter().filter(|parameter| parameter["in"] == "query") {
        let value = example_of(parameter);
        match name(parameter) {
            // A cursor comes from the page before.
            "cursor" => {
                let page = taken("/v4/Users?pageSize=1");
                let cursor = page["meta"]["nextCursor"].as_str().unwrap();
                taken(&format!("/v4/Users?pageSize=1&cursor={}", percent_encoded(cursor)))
            }
            // The subject of a real token is a user: the fakes of the API's own tests know one.
            "token" => continue,
            "emailMatch" => taken(&format!("/v4/Users?email=ann&emailMatch={value}")),
            "metadata" => taken("/v4/Users?metadata.city=Oslo"),
            name => taken(&format!("/v4/Users?{name}={value}")),
        };
        count += 1;
    }
    assert!(count > 15, "{count} parameters");
    let search = document.operation("post", "/v4/Users/Search");
    let bodies = search["requestBody"]["content"]["application/json"]["examples"].as_object();
    for (name, body) in bodies.unwrap() {
        let case = ContractCase::search(&body["value"].to_string(), Expectation::Status(200));
        let answer = server.send(&case);
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
    let one = document.operation("get", "/v4/Users/{customerRegistrationId}");
    let mut parameters = one["parameters"].as_array().unwrap().iter();
    let id = parameters.find(|parameter| parameter["in"] == "path").unwrap();
    taken(&format!("/v4/Users/{}", example_of(id)));
}

#[test]
fn legacy_example_requests_are_accepted() {
    let server = warm(ContractServer::start(&contract_tenants()));
    let document = OpenApiDocument::fetch(&server);
    let taken = |target: &str| {
        let answer = json_of(&server.send(&get(target)));
        assert_eq!(answer["Errors"], json!([]), "{target}: {answer}");
    };
    let mut paths = 0;
    for (path, operation) in document.operations("get", "/User") {
        let parameters = operation["parameters"].as_array().unwrap();
        let mut target = path.to_owned();
        for parameter in parameters.iter().filter(|parameter| parameter["in"] == "path") {
            target = target.replace(&format!("{{{}}}", name(parameter)), &example_of(parameter));
        }
        let query = || parameters.iter().filter(|parameter| parameter["in"] == "query");
        let pair = |parameter: &Value| format!("{}={}", name(parameter), example_of(parameter));
        let required: Vec<_> = query()
            .filter(|parameter| parameter["required"] == true)
            .map(pair)
            .collect();
        let required = required.join("&");
        for optional in query().filter(|parameter| parameter["required"] != true) {
            taken(&format!("{target}?{required}&{}", pair(optional)));
        }
        if path == "/User" {
            taken("/User?request.email=ann&request.onlyActive=true");
        } else {
            taken(&format!("{target}?{required}"));
        }
        paths += 1;
    }
    assert_eq!(paths, 5);
}

#[test]
fn export_example_requests_are_accepted() {
    let exports = ExportServer::start();
    let document = OpenApiDocument::fetch(&exports.server);
    for (path, operation) in document.operations("post", "/v1/") {
        let examples = operation["requestBody"]["content"]["application/json"]["examples"].as_object();
        for (name, body) in examples.unwrap() {
            let target = format!("{}?app_id=herald", path.replace("{workspace}", "herald"));
            let data = exports.data(&exports.call("herald", &body["value"]).at(&target));
            let shown = &example(operation, "200", "named")["data"];
            // The server knows two of the three requested users; in the example, one of the three is unresolved.
            assert_eq!(each(&data, "customer_id"), ["2937", "auth0|6470a"], "{name}");
            assert_eq!(data["users_not_found"], shown["users_not_found"], "{name}");
            let keys = |data: &Value| {
                let attributes = data["users"][0]["user_attributes"].as_object().unwrap();
                attributes.keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(keys(&data), keys(shown), "{name}");
        }
    }
}

/// The account of a user in a v4 example.
fn reader_of(shown: &Value) -> Account {
    let text = |key: &str| shown[key].as_str().unwrap();
    let metadata = shown["metadata"].as_object().unwrap().iter();
    let metadata = metadata.map(|(key, value)| (&**key, value.as_str().unwrap()));
    let metadata: Vec<_> = metadata.filter(|(_, value)| !value.is_empty()).collect();
    let account = account(
        text("customerRegistrationId"),
        text("email"),
        text("firstName"),
        text("lastName"),
    );
    with_metadata(account, &metadata)
}

/// The user without keys whose values differ between servers.
fn without(user: &Value, own: &[&str]) -> Map<String, Value> {
    let mut user = user.as_object().unwrap().clone();
    for key in own {
        assert!(user.remove(*key).is_some(), "{key} is missing");
    }
    user
}

#[test]
fn user_examples_match_responses() {
    let document = OpenApiDocument::fetch(&ContractServer::start(&[]));
    let by_id = document.operation("get", "/v4/Users/{customerRegistrationId}");
    let list = document.operation("get", "/v4/Users");
    let server = warm(ContractServer::start(&[TenantFixture::new(
        HERALD,
        vec![reader_of(&example(by_id, "200", "whole")["data"])],
    )]));
    let send = |target: &str| json_of(&server.send(&get(target)));
    let sealed = ["encryptedCustomerRegistrationId"];
    for (fields, name, own) in [
        ("", "whole", &sealed[..]),
        (
            "fields=customerRegistrationId,email,state,metadata.city",
            "fewFields",
            &[],
        ),
    ] {
        let (one, shown) = (send(&format!("/v4/Users/2937?{fields}")), example(by_id, "200", name));
        assert_eq!((&one["message"], &one["meta"]), (&shown["message"], &shown["meta"]));
        assert_eq!(without(&one["data"], own), without(&shown["data"], own), "{name}");
        let (all, shown) = (send(&format!("/v4/Users?{fields}")), example(list, "200", name));
        assert_eq!(all["message"], shown["message"]);
        assert_eq!(without(&all["data"][0], own), without(&shown["data"][0], own), "{name}");
    }
    for (path, operation) in document.operations("get", "/User") {
        let (found, shown) = (send("/User/2937/0"), example(operation, "200", "found"));
        let own = [
            "EncryptedCustomerRegistrationId",
            "RegistrationId",
            "ChangeDate",
            "DateRegistered",
            "AddDate",
        ];
        let user = |answer: &Value| without(&answer["Result"]["Users"][0], &own);
        assert_eq!(user(&found), user(&shown), "{path}");
        assert_eq!(
            send("/User?AuthSystemId=2"),
            example(operation, "200", "none"),
            "{path}"
        );
        let refused = example(operation, "200", "refused");
        let response = [
            send("/User?UsersPerPage=x"),
            send("/User/2937/9"),
            send("/User/x?email=ann"),
        ];
        assert!(response.contains(&refused), "{path}: {refused}");
    }
}

#[test]
fn export_examples_match_responses() {
    let document = OpenApiDocument::fetch(&ContractServer::start(&[]));
    let by_id = document.operation("get", "/v4/Users/{customerRegistrationId}");
    let mut loaded = contract_tenants();
    loaded.retain(|loaded| [HERALD, COURIER].contains(&loaded.tenant));
    loaded[0].accounts = vec![reader_of(&example(by_id, "200", "whole")["data"])];
    let exports = ExportServer::with(&loaded, |_| {});
    for (path, operation) in document.operations("post", "/v1/") {
        for (name, fields) in [
            ("named", json!(["last_name", "customer_id", "name", "city"])),
            ("every", json!([])),
        ] {
            let shown = &example(operation, "200", name)["data"];
            let send = |workspace: &str, identifiers: Value| {
                let body = json!({"identifiers": identifiers, "user_fields_to_export": fields});
                exports.data(&exports.call(workspace, &body))
            };
            let known = send(
                "herald",
                json!([one("customer_id", "2937"), one("customer_id", "nobody")]),
            );
            assert_eq!(known["users_not_found"], shown["users_not_found"], "{path} {name}");
            let mut user = known["users"][0]["user_attributes"].clone();
            // The registration date differs between servers, and the user of the example has none.
            user.as_object_mut().unwrap().remove("first_seen");
            let attributes = &shown["users"][0]["user_attributes"];
            assert_eq!(without(&user, &["id"]), without(attributes, &["id"]), "{path} {name}");
            // The provider of this tenant is unavailable.
            let unknown = send("courier", json!([one("email", "joann@example.com")]));
            assert_eq!(unknown["users_unresolved"], shown["users_unresolved"], "{path} {name}");
        }
    }
}

/// The answer to a request that is one too many in a minute.
fn above_the_limit(tenants: &[TenantFixture], case: &ContractCase) -> CaseAnswer {
    let one_a_minute = |settings: &mut Vec<_>| settings.push(setting("LIMITS__SUBJECT_REQUESTS_PER_MINUTE", "1"));
    let server = ContractServer::start_with(tenants, one_a_minute);
    let mut answers = (0..10).map(|_| server.send(case));
    answers.find(|answer| answer.status == 429).expect("429")
}

/// Checks that each example is a response of the program.
fn are_answers(path: &str, examples: &[(u16, Value)], answers: &[CaseAnswer]) {
    let answers: Vec<_> = answers.iter().map(|answer| (answer.status, json_of(answer))).collect();
    for example in examples {
        assert!(answers.contains(example), "{path}: no response is {example:?}");
    }
}

#[test]
fn v4_error_examples_match_responses() {
    let server = warm(ContractServer::start(&contract_tenants()));
    let document = OpenApiDocument::fetch(&server);
    let cases = |good: ContractCase| {
        [
            good.clone().without("X-ClientCode"),
            good.clone().bearing(CaseToken::Expired),
            good.bearing(CaseToken::OtherTenant),
        ]
    };
    let large = format!(r#"{{"email":"{}"}}"#, "x".repeat(65_536));
    let search = |body: &str| ContractCase::search(body, Expectation::Status(400));
    for (method, path, own) in [
        (
            "get",
            "/v4/Users",
            vec![
                get("/v4/Users?pageSize=0"),
                get("/v4/Users?pageSize=1000&pageNumber=102"),
            ],
        ),
        (
            "get",
            "/v4/Users/{customerRegistrationId}",
            vec![
                get("/v4/Users/nobody"),
                get("/v4/Users/2937?pageSize=0"),
                get("/v4/Users/2937?pageSize=1000&pageNumber=102"),
            ],
        ),
        (
            "post",
            "/v4/Users/Search",
            vec![
                search(r#"{"pageSize":0}"#),
                search(r#"{"pageSize":1000,"pageNumber":102}"#),
                search(&large),
                search("{}").without("Content-Type"),
            ],
        ),
    ] {
        let usual = if method == "post" {
            search("{}")
        } else {
            get("/v4/Users/2937")
        };
        let limited = above_the_limit(&contract_tenants(), &usual);
        let answers = cases(usual).into_iter().chain(own).map(|case| server.send(&case));
        let answers: Vec<_> = answers.chain([limited]).collect();
        let mut examples = errors(document.operation(method, path));
        // Errors of the store are checked by another test.
        examples.retain(|(status, _)| *status < 500);
        assert!(examples.len() >= 4, "{path}");
        are_answers(path, &examples, &answers);
    }
}

/// RFC 9110 §15.5.6 and §15.5.15, RFC 6585 §5: 405, 414 and 431 have the documented error shape of their API.
#[test]
fn server_errors_have_the_documented_schema() {
    let server = warm(ContractServer::start(&contract_tenants()));
    let document = OpenApiDocument::fetch(&server);
    let long = "x".repeat(40_000);
    for (method, path) in [("get", "/v4/Users"), ("get", "/User"), ("post", "/v1/customers/export")] {
        let operation = document.operation(method, path);
        let request = |target: &str| ContractCase::get(target, Expectation::Status(200));
        for (status, case) in [
            (405, request(path).by(Method::Delete)),
            (414, request(&format!("{path}?email={long}"))),
            (431, request(path).with("X-Long", &long)),
        ] {
            let answer = server.send(&case);
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
            let response = &operation["responses"][status.to_string()];
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            let schema = document.0.pointer(schema.as_str().unwrap().trim_start_matches('#'));
            let body = json_of(&answer);
            for key in schema.unwrap()["required"].as_array().unwrap() {
                assert!(body.get(key.as_str().unwrap()).is_some(), "{path} {status}: {body}");
            }
            if status == 405 {
                assert!(http_client::header(&answer, "allow").is_some(), "{path}");
            }
        }
    }
}

#[test]
fn legacy_error_examples_match_responses() {
    let mut loaded = contract_tenants();
    loaded.push(TenantFixture::new("south/daily/herald", Vec::new()));
    let server = warm(ContractServer::start(&loaded));
    let document = OpenApiDocument::fetch(&server);
    let ann = || get("/User/2937/0");
    let answers = [
        ann().without("Authorization"),
        ann().without("X-SourceSystem"),
        ann().without("X-ClientGroupCode"),
        get("/User"),
        ann().bearing(CaseToken::Expired),
        ann().with("X-SourceSystem", &"x".repeat(65)),
        get("/User/nobody/0").for_tenant(COURIER),
    ];
    // Without a group, two tenants match.
    once_known(&server, &answers[2]);
    let mut answers = answers.map(|case| server.send(&case)).to_vec();
    answers.push(above_the_limit(&loaded, &ann()));
    for (path, operation) in document.operations("get", "/User") {
        let examples = errors(operation);
        assert_eq!(examples.len(), 8, "{path}");
        are_answers(path, &examples, &answers);
    }
}

#[test]
fn export_error_examples_match_responses() {
    let mut exports = ExportServer::start();
    exports.add("slow", GAZETTE, &["--users-per-minute", "20"]);
    exports.add("late", GAZETTE, &[]);
    exports.command(&["workspace", "suspend", "late"]);
    let document = OpenApiDocument::fetch(&exports.server);
    let one = json!({"identifier_type": "id", "identifier": "7"});
    let good = || exports.call("herald", &json!({"identifiers": [one]}));
    let here = "/v1/customers/export";
    let at = |target: &str| good().at(target);
    let with_body = |body: &str| good().with_body(body);
    let empty = json!({"identifiers": [one, one, {"identifier_type": "id", "identifier": ""}]});
    let calls = [
        with_body(r#"{"identifiers":[]}"#),
        with_body("{}"),
        with_body("{"),
        with_body(&empty.to_string()),
        with_body(&json!({"identifiers": vec![&one; 21]}).to_string()),
        at(here),
        at(&format!("{here}?app_id=herald&strict=x")),
        good().without("Authorization"),
        good().with("Authorization", &basic("herald", "wrong")),
        exports.call("late", &identifiers("id", &["7"])),
        at(&format!("{here}/a/b")),
        at(&format!("{here}?app_id=gazette")),
        with_body(&" ".repeat(128 * 1_024 + 1)),
        at(&format!("{here}?app_id=herald&x={}", "x".repeat(17_000))),
        good().with("Content-Type", "text/plain"),
        exports
            .call("courier", &identifiers("customer_id", &["nobody"]))
            .at(&format!("{here}?app_id=courier&strict=true")),
    ];
    let send = |call: crate::contract::export::ExportCall| exports.send(&call.with("X-RequestId", ID));
    let mut answers: Vec<_> = calls.into_iter().map(send).collect();
    let other_method = ContractCase::get(here, Expectation::Status(405)).with("X-RequestId", ID);
    answers.push(exports.server.send(&other_method));
    let twenty: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let twenty: Vec<_> = twenty.iter().map(String::as_str).collect();
    // Two of these calls are within one minute on any machine.
    let slow = (0..15).map(|_| send(exports.call("slow", &identifiers("id", &twenty))));
    answers.extend(slow.filter(|answer| answer.status == 429).take(1));
    for (path, operation) in document.operations("post", "/v1/") {
        let mut examples = errors(operation);
        // Internal errors are checked by another test.
        examples.retain(|(status, _)| *status != 500);
        assert_eq!(examples.len(), 18, "{path}");
        are_answers(path, &examples, &answers);
    }
}
