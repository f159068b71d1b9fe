//! Contract §3.1: addresses and the id in the path, by which lists are narrowed.

use super::{
    case::{ContractCase, Expectation},
    list::{ANA, ANN, BO, CY, JOANN, NAMELESS, SEARCH, refused, users},
};

/// Adds the lines of this file for `for_each_contract_line`.
#[macro_export]
macro_rules! key_lines {
    ($callback:ident $($before:ident)*) => {
        $crate::paging_lines! {
            $callback $($before)*
            complete_email_matches_exactly
            email_match_parameter_overrides_default
            plus_in_address_is_preserved
            path_id_restricts_list
        }
    };
}

/// "A complete address matches exactly …; anything else matches by *contains*", ignoring case.
pub fn complete_email_matches_exactly() -> Vec<ContractCase> {
    vec![
        users("email=ann@example.com", &[ANN]),
        users("EMAIL=ANN%40EXAMPLE.COM", &[ANN]),
        users("email=%20ann@example.com%20", &[ANN]),
        users("email=ann@example.", &[ANN, JOANN]),
        users("email=ANN", &[ANN, JOANN]),
        users("email=n@", &[ANN, JOANN]),
        // A domain of one label is a domain (RFC 5321 §4.1.2), and so is an address literal (§4.1.3).
        users("email=ann@example", &[]),
        users("email=n@e", &[]),
        users("email=n@[192.0.2.1]", &[]),
        users("email=n@e&emailMatch=contains", &[ANN, JOANN]),
        users("email=%25", &[NAMELESS]),
        users("email=_", &[ANA]),
        users("email=%5C", &[]),
        users("email='", &[]),
        users("email=@example.net", &[NAMELESS, ANA, CY, SEARCH]),
    ]
}

/// "`exact`, `prefix` or `contains` overrides the rule above".
pub fn email_match_parameter_overrides_default() -> Vec<ContractCase> {
    vec![
        users("email=ann@example.com&emailMatch=contains", &[ANN, JOANN]),
        users("email=an&emailMatch=prefix", &[ANA, ANN]),
        users("email=an&emailMatch=Exact", &[]),
        users("emailmatch=EXACT&email=ann@example.com", &[ANN]),
        refused(
            "email=an&emailMatch=fuzzy",
            "emailMatch must be exact, prefix or contains",
        ),
        refused("emailMatch=exact", "emailMatch is given without email"),
    ]
}

/// "A `+` in `email` that arrives as a blank is taken as `+`."
pub fn plus_in_address_is_preserved() -> Vec<ContractCase> {
    let mut cases: Vec<_> = [
        "bo+news@example.com",
        "bo%2Bnews@example.com",
        "bo%20news@example.com",
        "bo%2Bnews%40example.com%20",
    ]
    .map(|email| users(&format!("email={email}"), &[BO]))
    .into();
    cases.push(users("email=o+n", &[BO]));
    cases.push(ContractCase::search(
        r#"{"email":"bo+news@example.com"}"#,
        Expectation::Users(vec![BO], 1),
    ));
    cases
}

/// The page lists `customerRegistrationId` as a path parameter beside all query parameters; filters are ANDed.
pub fn path_id_restricts_list() -> Vec<ContractCase> {
    let at = |id: &str, query: &str, expect| ContractCase::get(&format!("/v4/Users/{id}?{query}"), expect);
    let some = |ids: &[&'static str]| Expectation::Users(ids.to_vec(), ids.len() as u64);
    let refused = |text: &str| Expectation::Error(400, "E400_02", format!("Invalid InputModel - {text}"));
    vec![
        at("2937", "PageSize=5", some(&[ANN])),
        at("2937/", "pageNumber=1", some(&[ANN])),
        at("2937", "pageNumber=2", Expectation::Users(vec![], 1)),
        at("2937", "Email=ann@example.com", some(&[ANN])),
        at("2937", "email=joann@example.com", some(&[])),
        at(
            "auth0%7C6470a",
            "metadata.city=oslo&ignoreProvider=true",
            some(&[JOANN]),
        ),
        at("auth0|6470a", "metadata.city=bergen", some(&[])),
        at("2937", "customerRegistrationId=2937", some(&[ANN])),
        at("2937", "customerRegistrationId=auth0|6470a", some(&[])),
        at("unknown", "orderBy=2", some(&[])),
        at("Search", "firstName=se", some(&["Search"])),
        at(
            "2937",
            "pageSize=0",
            refused("pageSize must be a whole number from 1 to 1000"),
        ),
        at(
            "2937",
            "pageSize=1&colour=x",
            refused("colour is not a parameter of this call"),
        ),
        at("2937", "email=", refused("email is given without a value")),
        at(
            "a%0Ab",
            "pageSize=1",
            refused(
                "customerRegistrationId in the path must be 1 to 255 percent-encoded bytes of UTF-8 without control \
                 characters",
            ),
        ),
    ]
}
