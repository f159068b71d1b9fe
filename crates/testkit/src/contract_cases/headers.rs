//! Contract §1: tenancy, headers, tokens, paths.

use super::{
    case::{CaseToken, ContractCase, Expectation, Method},
    fixture::{GAZETTE, HERALD, NOWHERE, TIMES},
};

/// Calls a macro with the name of every line of the contract, for making a test of each: those of this file, and of each file
/// after it.
#[macro_export]
macro_rules! for_each_contract_line {
    ($callback:ident $($before:ident)*) => {
        $crate::shape_lines! {
            $callback $($before)*
            first_missing_header_is_named
            malformed_header_is_named
            bearer_scheme_ignores_case
            x_media_group_code_is_an_alias
            invalid_token_is_401
            missing_grant_is_403_for_any_tenant
            unknown_source_system_is_401
            request_id_is_echoed_or_generated
            path_aliases_are_accepted
            unknown_paths_and_methods_are_rejected
            path_id_is_decoded_once
            tenant_without_provider_reads_registrations
        }
    };
}

const REQUIRED: [&str; 5] = [
    "Authorization",
    "X-SourceSystem",
    "X-ClientCode",
    "X-PaperCode",
    "X-ClientGroupCode",
];

fn ann() -> Expectation {
    Expectation::Users(vec!["2937"], 1)
}

fn by_address() -> ContractCase {
    ContractCase::get("/v4/Users?email=ann@example.com", ann())
}

fn refused(status: u16, code: &'static str, text: &str) -> ContractCase {
    ContractCase::get(
        "/v4/Users?email=ann@example.com",
        Expectation::Error(status, code, text.to_owned()),
    )
}

/// "A missing header is 400 E400_00 naming the header", the first in the contract's order.
pub fn first_missing_header_is_named() -> Vec<ContractCase> {
    let mut cases = Vec::new();
    for (at, name) in REQUIRED.into_iter().enumerate() {
        let missing = || refused(400, "E400_00", &format!("Invalid InputModel - {name} is missing."));
        cases.push(missing().without(name));
        cases.push(missing().with(name, ""));
        cases.push(missing().with(name, "  "));
        let later = REQUIRED[at..].iter().fold(missing(), |case, later| case.without(later));
        cases.push(later);
    }
    // Presence comes before everything else: a bad token does not hide it.
    cases.push(
        refused(400, "E400_00", "Invalid InputModel - X-PaperCode is missing.")
            .bearing(CaseToken::Forged)
            .without("X-PaperCode"),
    );
    cases
}

/// A malformed header is named, and its value is not repeated.
pub fn malformed_header_is_named() -> Vec<ContractCase> {
    let mut cases = Vec::new();
    let long = "x".repeat(65);
    for name in &REQUIRED[2..] {
        let text = format!("Invalid InputModel - {name} must be 1 to 64 letters, digits, '-', '_' or '.'.");
        for bad in ["a/b", "a b", "*", "{}", &long] {
            cases.push(refused(400, "E400_00", &text).with(name, bad));
        }
        let text = format!("Invalid InputModel - {name} is given more than once.");
        cases.push(refused(400, "E400_00", &text).with(name, "one").with(name, "two"));
    }
    let text = "Invalid InputModel - X-SourceSystem must be 1 to 64 printable ASCII characters.";
    cases.push(refused(400, "E400_00", text).with("X-SourceSystem", &long));
    cases
}

/// "`bearer <jwt>`, scheme in any case".
pub fn bearer_scheme_ignores_case() -> Vec<ContractCase> {
    let text = "Unauthorized - the Authorization header is not `bearer` and a token";
    let mut cases: Vec<_> = ["bearer", "Bearer", "BEARER", "bEaReR"]
        .map(|scheme| by_address().scheme(scheme))
        .into();
    cases.push(refused(401, "E401", text).scheme("Basic"));
    for bad in ["bearer", "token", "bearer\tx", "bearerx y"] {
        cases.push(refused(401, "E401", text).with("Authorization", bad));
    }
    cases
}

/// "`X-MediaGroupCode` accepted as its alias".
pub fn x_media_group_code_is_an_alias() -> Vec<ContractCase> {
    let text = "Invalid InputModel - X-MediaGroupCode differs from X-ClientGroupCode.";
    vec![
        by_address()
            .without("X-ClientGroupCode")
            .with("X-MediaGroupCode", "north"),
        by_address().with("X-MediaGroupCode", "north"),
        refused(400, "E400_00", text).with("X-MediaGroupCode", "south"),
    ]
}

/// "A bad token is 401".
pub fn invalid_token_is_401() -> Vec<ContractCase> {
    let challenge = |case: ContractCase| case.answering("www-authenticate", "Bearer error=\"invalid_token\"");
    vec![
        challenge(refused(401, "E401", "Unauthorized - the token is expired").bearing(CaseToken::Expired)),
        challenge(
            refused(401, "E401", "Unauthorized - the token is not signed by a known key").bearing(CaseToken::Forged),
        ),
    ]
}

/// E403: "tenant or scope not granted".
pub fn missing_grant_is_403_for_any_tenant() -> Vec<ContractCase> {
    let forbidden = || {
        refused(
            403,
            "E403",
            "Forbidden - the token does not grant this call for this tenant",
        )
    };
    let no_scope = refused(
        403,
        "E403",
        "Forbidden - the token does not grant this call for this tenant: it has no scope users:read or users:search or users:list",
    );
    vec![
        no_scope.bearing(CaseToken::WriterOnly),
        forbidden().bearing(CaseToken::OtherTenant),
        forbidden().bearing(CaseToken::OtherTenant).for_tenant(TIMES),
        forbidden().for_tenant(NOWHERE),
        forbidden().for_tenant(NOWHERE).bearing(CaseToken::OtherTenant),
    ]
}

/// "The source system must be one the tenant knows, when it lists any."
pub fn unknown_source_system_is_401() -> Vec<ContractCase> {
    let times = |system| {
        ContractCase::get("/v4/Users?email=joann", Expectation::Status(200))
            .for_tenant(TIMES)
            .from(system)
    };
    vec![
        times("CRM"),
        times("APP"),
        by_address().from("Anything at all"),
        ContractCase::get("/v4/Users", Expectation::Status(401))
            .for_tenant(TIMES)
            .from("app"),
        ContractCase::get("/v4/Users/2937", Expectation::Status(401))
            .for_tenant(TIMES)
            .from("WEB"),
    ]
}

/// "`X-RequestId`: optional, echoed; made up when absent".
pub fn request_id_is_echoed_or_generated() -> Vec<ContractCase> {
    let echoed = |case: ContractCase| {
        case.with("X-RequestId", "b1946ac9-7")
            .answering("x-requestid", "b1946ac9-7")
    };
    vec![
        echoed(by_address()),
        echoed(ContractCase::get("/v4/Users/unknown", Expectation::Status(404))),
        echoed(ContractCase::get("/elsewhere", Expectation::Status(404))),
        echoed(refused(401, "E401", "Unauthorized - the token is expired").bearing(CaseToken::Expired)),
    ]
}

/// "Accept `/v4/Users`, `/Users`, a `/UsersOrchestrator` prefix, and a trailing slash".
pub fn path_aliases_are_accepted() -> Vec<ContractCase> {
    let mut cases = Vec::new();
    for base in [
        "/v4/Users",
        "/Users",
        "/UsersOrchestrator/v4/Users",
        "/UsersOrchestrator/Users",
    ] {
        for slash in ["", "/"] {
            cases.push(ContractCase::get(
                &format!("{base}{slash}?email=ann@example.com"),
                ann(),
            ));
            cases.push(ContractCase::get(
                &format!("{base}/2937{slash}?fields=customerRegistrationId"),
                Expectation::Data(serde_json::json!({"customerRegistrationId": "2937"})),
            ));
            let mut search = ContractCase::search(r#"{"email":"ann@example.com"}"#, ann());
            search = search.at(&format!("{base}/Search{slash}"));
            cases.push(search);
        }
    }
    cases
}

/// E404 and E405 of the code table, for addresses and methods.
pub fn unknown_paths_and_methods_are_rejected() -> Vec<ContractCase> {
    let no_address = |target| {
        ContractCase::get(
            target,
            Expectation::Error(404, "E404", "Not Found - there is no such address".to_owned()),
        )
    };
    let no_method = |target, method| {
        ContractCase::get(target, Expectation::Error(405, "E405", "Method Not Allowed".to_owned())).by(method)
    };
    vec![
        no_address("/"),
        no_address("/v4"),
        no_address("/v4/users"),
        no_address("/v5/Users"),
        no_address("/v4/Users/a/b"),
        no_address("/UsersOrchestrator"),
        no_address("/elsewhere").without("Authorization"),
        no_method("/v4/Users", Method::Put).answering("allow", "GET,HEAD,POST"),
        no_method("/v4/Users/2937", Method::Post).answering("allow", "GET,HEAD,PUT,DELETE"),
        no_method("/v4/Users/Search/", Method::Patch).answering("allow", "POST,GET,HEAD,PUT,DELETE"),
    ]
}

/// "Path segments arrive percent-encoded or raw: decode fully, once."
pub fn path_id_is_decoded_once() -> Vec<ContractCase> {
    let mut cases = Vec::new();
    for (segment, id) in [
        ("2937", "2937"),
        ("auth0%7C6470a", "auth0|6470a"),
        ("auth0%7c6470a", "auth0|6470a"),
        ("auth0|6470a", "auth0|6470a"),
        ("a%2Fb%20c", "a/b c"),
        ("100%2525", "100%25"),
        ("%D0%BA%D0%BB%D1%8E%D1%87", "ключ"),
        ("Search", "Search"),
        (
            "0b6e4c1e-0000-4000-8000-0123456789ab",
            "0b6e4c1e-0000-4000-8000-0123456789ab",
        ),
    ] {
        cases.push(ContractCase::get(
            &format!("/v4/Users/{segment}?fields=customerRegistrationId"),
            Expectation::Data(serde_json::json!({"customerRegistrationId": id})),
        ));
    }
    for missing in ["100%25", "a%2Fb+c", "AUTH0%7C6470a", "2937%20", "search"] {
        cases.push(ContractCase::get(
            &format!("/v4/Users/{missing}"),
            Expectation::Status(404),
        ));
    }
    let bad = "Invalid InputModel - customerRegistrationId in the path must be 1 to 255 percent-encoded bytes of UTF-8 \
               without control characters";
    let long = "x".repeat(256);
    for segment in ["%", "%zz", "%ff", "%00", "a%0Ab", "/", &long] {
        cases.push(ContractCase::get(
            &format!("/v4/Users/{segment}"),
            Expectation::Error(400, "E400_00", bad.to_owned()),
        ));
    }
    cases
}

/// §2.1, first row: without a valid provider only the Subscribe registrations are read, for any `ignoreProvider`.
pub fn tenant_without_provider_reads_registrations() -> Vec<ContractCase> {
    let mut cases = Vec::new();
    for tenant in [HERALD, GAZETTE] {
        for ignore in ["", "&ignoreProvider=false", "&ignoreProvider=true"] {
            let target = format!("/v4/Users?pageSize=1&email=unknown@example.org{ignore}");
            let expect = Expectation::Meta(serde_json::json!({"totalRecords": 0}));
            cases.push(ContractCase::get(&target, expect).for_tenant(tenant));
        }
    }
    cases
}
