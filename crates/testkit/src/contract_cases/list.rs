//! Contract §3.1: the filters of Get By Query String.

use serde_json::json;

use super::{
    case::{ContractCase, Expectation},
    fixture::BODY_BYTES,
};

/// Adds the lines of this file for `for_each_contract_line`.
#[macro_export]
macro_rules! list_lines {
    ($callback:ident $($before:ident)*) => {
        $crate::key_lines! {
            $callback $($before)*
            ignore_provider_is_a_bool
            customer_registration_id_matches_exactly
            names_match_by_folded_prefix
            metadata_pairs_match_without_case
            metadata_names_match_top_level_fields
            no_match_returns_empty_list
            missing_filter_lists_all_users
            empty_filter_value_is_rejected
            unknown_parameter_is_rejected
            deprecated_parameter_names_successor
            repeated_parameter_is_rejected
            badly_encoded_parameter_is_rejected
            search_body_accepts_same_parameters
            invalid_search_body_is_rejected
        }
    };
}

pub(super) const ANN: &str = "2937";
pub(super) const JOANN: &str = "auth0|6470a";
pub(super) const BO: &str = "a/b c";
pub(super) const CY: &str = "100%25";
pub(super) const SEARCH: &str = "Search";
pub(super) const ANA: &str = "ключ";
pub(super) const NAMELESS: &str = "0b6e4c1e-0000-4000-8000-0123456789ab";

pub(super) fn users(query: &str, ids: &[&'static str]) -> ContractCase {
    let total = u64::try_from(ids.len()).expect("a few");
    ContractCase::get(&format!("/v4/Users?{query}"), Expectation::Users(ids.to_vec(), total))
}

pub(super) fn refused(query: &str, what: &str) -> ContractCase {
    ContractCase::get(
        &format!("/v4/Users?{query}"),
        Expectation::Error(400, "E400_02", format!("Invalid InputModel - {what}")),
    )
}

/// "bool, default false; unparsable → E400_02".
pub fn ignore_provider_is_a_bool() -> Vec<ContractCase> {
    let mut cases = Vec::new();
    for good in ["true", "false", "True", "FALSE"] {
        cases.push(users(&format!("email=ann@example.com&ignoreProvider={good}"), &[ANN]));
    }
    for bad in ["1", "0", "yes", "tru", "true%20", "null"] {
        cases.push(refused(
            &format!("ignoreProvider={bad}"),
            "ignoreProvider must be true or false",
        ));
        cases.push(ContractCase::get(
            &format!("/v4/Users/2937?ignoreProvider={bad}"),
            Expectation::Error(
                400,
                "E400_00",
                "Invalid InputModel - ignoreProvider must be true or false".to_owned(),
            ),
        ));
    }
    cases
}

/// "customerRegistrationId: exact".
pub fn customer_registration_id_matches_exactly() -> Vec<ContractCase> {
    vec![
        users("customerRegistrationId=2937", &[ANN]),
        users("customerregistrationid=auth0%7C6470a", &[JOANN]),
        users("customerRegistrationId=auth0|6470a", &[JOANN]),
        users("customerRegistrationId=a/b+c", &[BO]),
        users("customerRegistrationId=100%2525", &[CY]),
        users("customerRegistrationId=293", &[]),
        users("customerRegistrationId=2937&lastName=Other", &[]),
        users("customerRegistrationId=2937&email=joann@example.com", &[]),
        refused(
            "customerRegistrationId=a%0Ab",
            "customerRegistrationId must be 1 to 255 bytes without control characters",
        ),
        refused(
            &format!("customerRegistrationId={}", "x".repeat(256)),
            "customerRegistrationId must be 1 to 255 bytes",
        ),
    ]
}

/// "case- and accent-insensitive *starts with*".
pub fn names_match_by_folded_prefix() -> Vec<ContractCase> {
    vec![
        users("firstName=an", &[ANA, ANN]),
        users("firstName=%C3%A1n", &[ANA, ANN]),
        users("firstName=BO", &[BO]),
        users("firstName=nn", &[]),
        users("lastName=lee", &[NAMELESS, ANN, JOANN]),
        users("lastName=d'", &[ANA]),
        users("firstName=Ann&lastName=Lee", &[ANN]),
        users("firstName=%25", &[]),
        users("lastName=_", &[]),
        refused("firstName=%20", "firstName is given without a value"),
        refused(
            &format!("lastName={}", "x".repeat(256)),
            "lastName must be 1 to 255 bytes",
        ),
    ]
}

/// "one parameter per pair, ANDed; key case-insensitive, value equal ignoring case".
pub fn metadata_pairs_match_without_case() -> Vec<ContractCase> {
    vec![
        users("metadata.city=Oslo", &[JOANN, SEARCH]),
        users("METADATA.CITY=oSLO", &[JOANN, SEARCH]),
        users("metadata.city=Oslo&metadata.title=dr", &[SEARCH]),
        users("metadata.city=%C3%A5RHUS", &[ANN]),
        users("metadata.city=Arhus", &[]),
        users("metadata.city=Osl", &[]),
        users("metadata.favouriteSection=sport+%22late%22", &[ANN]),
        users("metadata.nothing=1", &[]),
        refused(
            "metadata.city=Oslo&metadata.City=Oslo",
            "metadata.City is given more than once",
        ),
        refused("metadata.city=", "metadata.city is given without a value"),
        refused(
            "metadata.=x",
            "metadata. must be followed by a key of 1 to 128 bytes without control characters",
        ),
        refused(
            &format!("metadata.city={}", "x".repeat(4097)),
            "metadata.city must be 1 to 4096 bytes",
        ),
        refused(
            &(0..33)
                .map(|n| format!("metadata.k{n}=v"))
                .collect::<Vec<_>>()
                .join("&"),
            "metadata may have 32 keys",
        ),
    ]
}

/// "`metadata.firstName` / `metadata.lastName` also match the top-level fields", the published example among them.
pub fn metadata_names_match_top_level_fields() -> Vec<ContractCase> {
    vec![
        users("metadata.firstName=Ann&metadata.lastName=Lee", &[ANN]),
        users("metadata.firstname=ANN", &[ANN]),
        users("metadata.lastName=Lee", &[NAMELESS, ANN]),
        users("metadata.firstName=An", &[]),
        users("metadata.lastName=Lee&metadata.city=Oslo", &[]),
    ]
}

/// "No match → 200, `[]`, totalRecords 0."
pub fn no_match_returns_empty_list() -> Vec<ContractCase> {
    let body = r#"{"message":{"code":"UsersOrchestrator_S200_02","text":"Get completed.","type":"Success"},"meta":{"totalRecords":0},"data":[]}"#;
    ["email=unknown@example.com", "email=qqq", "firstName=Zz", "metadata.a=b"]
        .map(|query| {
            ContractCase::get(
                &format!("/v4/Users?{query}"),
                Expectation::Exactly(200, body.to_owned()),
            )
        })
        .into()
}

/// "No filter at all lists the tenant's users. Default order: e-mail, then CRID".
pub fn missing_filter_lists_all_users() -> Vec<ContractCase> {
    let all = [NAMELESS, ANA, ANN, BO, JOANN, CY, SEARCH];
    let mut cases = vec![users("", &all), users("&&", &all)];
    cases.push(ContractCase::get("/v4/Users", Expectation::Users(all.to_vec(), 7)));
    cases.push(ContractCase::search("{}", Expectation::Users(all.to_vec(), 7)));
    cases
}

/// "A filter that is given but empty is refused."
pub fn empty_filter_value_is_rejected() -> Vec<ContractCase> {
    let mut cases = Vec::new();
    for name in [
        "email",
        "encryptedEmail",
        "customerRegistrationId",
        "encryptedCustomerRegistrationId",
        "firstName",
        "lastName",
        "cursor",
        "fields",
        "pageSize",
    ] {
        for query in [format!("{name}="), name.to_owned()] {
            cases.push(refused(&query, &format!("{name} is given without a value")));
        }
        cases.push(ContractCase::search(
            &format!("{{\"{name}\":\"\"}}"),
            Expectation::Error(
                400,
                "E400_02",
                format!("Invalid InputModel - {name} is given without a value"),
            ),
        ));
    }
    cases.push(refused("email=%20", "email is given without a value"));
    cases.push(refused("email=%C2%A0", "email is given without a value"));
    cases
}

/// "An unknown parameter is refused (E400_02, naming it)".
pub fn unknown_parameter_is_rejected() -> Vec<ContractCase> {
    let long = "x".repeat(100);
    let mut cases: Vec<_> = ["colour", "emails", "metadata", "jwt", "request.email"]
        .into_iter()
        .map(|name| refused(&format!("{name}=x"), &format!("{name} is not a parameter of this call")))
        .collect();
    cases.push(refused(
        &long,
        &format!("{} is not a parameter of this call", &long[..64]),
    ));
    cases.push(refused("%3Cb%3E=1", "<b> is not a parameter of this call"));
    cases.push(refused("a%0Ab=1", "a\u{fffd}b is not a parameter of this call"));
    cases.push(ContractCase::get(
        "/v4/Users/2937?colour=x",
        Expectation::Error(
            400,
            "E400_00",
            "Invalid InputModel - colour is not a parameter of this call".to_owned(),
        ),
    ));
    cases
}

/// "the deprecated ones … with a text that names their successor".
pub fn deprecated_parameter_names_successor() -> Vec<ContractCase> {
    [
        ("Type", "use ignoreProvider"),
        ("OnlyActive", "read state and verified in the answer"),
        ("SortBy", "use orderBy"),
        ("SortOrder", "use orderByType"),
        ("UsersPerPage", "use pageSize"),
        ("LookupInUserProvider", "use ignoreProvider, its inverse"),
        (
            "AuthSystemId",
            "the tenant's headers choose the provider; use ignoreProvider",
        ),
    ]
    .into_iter()
    .flat_map(|(name, successor)| {
        let text = format!("{name} is no longer taken: {successor}");
        [
            refused(&format!("{name}=1"), &text),
            refused(&format!("{}=1", name.to_lowercase()), &text),
        ]
    })
    .collect()
}

/// "A repeated single-valued parameter is refused."
pub fn repeated_parameter_is_rejected() -> Vec<ContractCase> {
    vec![
        refused("email=a&email=a", "email is given more than once"),
        refused("email=a&Email=b", "email is given more than once"),
        refused("pageSize=1&PAGESIZE=1", "pageSize is given more than once"),
        ContractCase::get(
            "/v4/Users/2937?explain=true&Explain=true",
            Expectation::Error(
                400,
                "E400_00",
                "Invalid InputModel - explain is given more than once".to_owned(),
            ),
        ),
    ]
}

/// Bad input: percent-encoding that is none, bytes that are not UTF-8, a NUL.
pub fn badly_encoded_parameter_is_rejected() -> Vec<ContractCase> {
    vec![
        refused("email=%", "email is not percent-encoded UTF-8"),
        refused("email=a%4", "email is not percent-encoded UTF-8"),
        refused("email=%ff", "email is not percent-encoded UTF-8"),
        refused("firstName=%C3", "firstName is not percent-encoded UTF-8"),
        refused("metadata.city=%zz", "metadata.city is not percent-encoded UTF-8"),
        refused("%zz=1", "%zz is not percent-encoded UTF-8"),
        refused("email=a%00b", "email holds a NUL"),
        refused("metadata.city=%00", "metadata.city holds a NUL"),
    ]
}

/// "`POST /v4/Users/Search` takes the same as a JSON body".
pub fn search_body_accepts_same_parameters() -> Vec<ContractCase> {
    let search =
        |body: &str, ids: &[&'static str], total| ContractCase::search(body, Expectation::Users(ids.to_vec(), total));
    vec![
        search(r#"{"EMAIL":" ann@example.com "}"#, &[ANN], 1),
        search(r#"{"metadata":{"City":"oslo","title":"DR"}}"#, &[SEARCH], 1),
        search(r#"{"metadata.city":"Oslo","metadata":{"title":"Dr"}}"#, &[SEARCH], 1),
        search(r#"{"pageSize":2,"pageNumber":"2"}"#, &[ANN, BO], 7),
        search(r#"{"pageSize":"1","orderBy":1,"orderByType":1}"#, &[ANA], 7),
        search(r#"{"ignoreProvider":true,"email":"ann@example.com"}"#, &[ANN], 1),
        search(r#"{"ignoreProvider":"False","firstName":"an"}"#, &[ANA, ANN], 2),
        ContractCase::search(
            r#"{"email":"ann@example.com","fields":"lastName","count":"none","explain":false}"#,
            Expectation::Data(json!([{"lastName": "Lee"}])),
        ),
        search(r#"{"email":"ann@example.com"}"#, &[ANN], 1).with("Content-Type", "Application/JSON; charset=UTF-8"),
    ]
}

/// Bad input: bodies.
pub fn invalid_search_body_is_rejected() -> Vec<ContractCase> {
    let refused = |body: &str, what: &str| {
        ContractCase::search(
            body,
            Expectation::Error(400, "E400_02", format!("Invalid InputModel - {what}")),
        )
    };
    let not_json = |text: &str| {
        ContractCase::get(
            "/v4/Users/Search",
            Expectation::Error(
                415,
                "E415",
                "Unsupported Media Type - the Content-Type must be application/json".to_owned(),
            ),
        )
        .by(super::case::Method::Post)
        .with("Content-Type", text)
    };
    vec![
        refused("", "the body is not a JSON object (line 1, column 0)"),
        refused("[]", "the body is not a JSON object (line 1, column 0)"),
        refused("{\"email\":\n}", "the body is not a JSON object (line 2, column 1)"),
        refused(r#"{"colour":"red"}"#, "colour is not a parameter of this call"),
        refused(r#"{"UsersPerPage":5}"#, "UsersPerPage is no longer taken: use pageSize"),
        refused(r#"{"email":"a","Email":"b"}"#, "email is given more than once"),
        refused(r#"{"email":null}"#, "email must be a text"),
        refused(r#"{"email":"a\u0000b"}"#, "email holds a NUL"),
        refused(r#"{"pageSize":0}"#, "pageSize must be a whole number from 1 to 1000"),
        refused(r#"{"pageSize":1e-2}"#, "pageSize must be a whole number from 1 to 1000"),
        not_json("text/plain"),
        not_json("application/x-www-form-urlencoded"),
        not_json("application/jsonp"),
        ContractCase::search("{}", Expectation::Status(415)).without("Content-Type"),
        ContractCase::search(
            "{}",
            Expectation::Error(
                400,
                "E400_02",
                "Invalid InputModel - the parameters belong in the body, not in the URL".to_owned(),
            ),
        )
        .at("/v4/Users/Search?email=ann@example.com"),
        ContractCase::search(
            &format!("{{\"email\":\"{}\"}}", "x".repeat(BODY_BYTES)),
            Expectation::Error(
                413,
                "E413",
                format!("Content Too Large - the body may have {BODY_BYTES} bytes"),
            ),
        ),
    ]
}
