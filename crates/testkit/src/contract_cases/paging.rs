//! Contract §3.1: pages, order, count, cursors.

use serde_json::json;

use super::{
    case::{ContractCase, Expectation},
    fixture::{GAZETTE, MAX_DEPTH},
    list::refused,
};

/// Adds the lines of this file for `for_each_contract_line`.
#[macro_export]
macro_rules! paging_lines {
    ($callback:ident $($before:ident)*) => {
        $callback! {
            $($before,)*
            page_size_is_bounded,
            page_number_is_one_based,
            too_deep_page_suggests_cursor,
            order_by_selects_column,
            empty_values_are_last,
            count_can_be_estimated_or_omitted,
            foreign_cursor_is_rejected,
        }
    };
}

fn gazette(query: &str, ids: &[&'static str]) -> ContractCase {
    ContractCase::get(&format!("/v4/Users?{query}"), Expectation::Users(ids.to_vec(), 25)).for_tenant(GAZETTE)
}

/// "1…1000, default 10; outside → E400_02".
pub fn page_size_is_bounded() -> Vec<ContractCase> {
    let mut cases = vec![
        gazette(
            "",
            &[
                "g-25", "g-24", "g-23", "g-22", "g-21", "g-20", "g-19", "g-18", "g-17", "g-16",
            ],
        ),
        gazette("pageSize=2", &["g-25", "g-24"]),
        gazette("pageSize=0002", &["g-25", "g-24"]),
        ContractCase::get("/v4/Users?pageSize=1000&fields=state", Expectation::Status(200)).for_tenant(GAZETTE),
    ];
    for bad in [
        "0",
        "1001",
        "-1",
        "+5",
        "1.0",
        "1e2",
        "0x10",
        "ten",
        "5%20",
        "%20",
        "99999999999999999999",
        "٣",
    ] {
        cases.push(refused(
            &format!("pageSize={bad}"),
            "pageSize must be a whole number from 1 to 1000",
        ));
    }
    cases
}

/// "1-based; past the end → 200, `[]`, true total".
pub fn page_number_is_one_based() -> Vec<ContractCase> {
    let mut cases = vec![
        gazette("pageSize=2&pageNumber=1", &["g-25", "g-24"]),
        gazette("pageSize=2&pageNumber=13", &["g-01"]),
        gazette("pageSize=2&pageNumber=14", &[]),
        gazette("pageSize=1&pageNumber=99999", &[]),
    ];
    for bad in ["0", "-1", "2147483648", "one"] {
        cases.push(refused(
            &format!("pageNumber={bad}"),
            "pageNumber must be a whole number from 1 to 2147483647",
        ));
    }
    cases
}

/// "deeper than 100,000 rows (setting) → E400_90 naming `cursor`".
pub fn too_deep_page_suggests_cursor() -> Vec<ContractCase> {
    let text = format!("The search cannot be answered - pageNumber reaches {MAX_DEPTH} rows deep; use cursor to go on");
    let too_deep = |query: &str| {
        ContractCase::get(
            &format!("/v4/Users?{query}"),
            Expectation::Error(400, "E400_90", text.clone()),
        )
    };
    vec![
        gazette("pageNumber=10001", &[]),
        too_deep("pageNumber=10002"),
        too_deep("pageSize=1000&pageNumber=2147483647"),
    ]
}

/// "column number: 1 customerRegistrationId, 2 email, … 8 changeDate"; "CRID always the tie-break in the same direction".
pub fn order_by_selects_column() -> Vec<ContractCase> {
    let first_three = |query: &str, ids: &[&'static str]| gazette(&format!("pageSize=3&{query}"), ids);
    let mut cases = vec![
        first_three("orderBy=1", &["g-01", "g-02", "g-03"]),
        first_three("orderBy=1&orderByType=1", &["g-25", "g-24", "g-23"]),
        first_three("orderBy=2", &["g-25", "g-24", "g-23"]),
        first_three("orderByType=1", &["g-01", "g-02", "g-03"]),
        first_three("orderBy=3", &["g-03", "g-06", "g-09"]),
        first_three("orderBy=3&orderByType=1", &["g-23", "g-20", "g-17"]),
        first_three("orderBy=4", &["g-01", "g-02", "g-03"]),
        // Lite before Standard before Unverified.
        first_three("orderBy=5", &["g-01", "g-03", "g-05"]),
        first_three("orderBy=5&orderByType=1", &["g-22", "g-20", "g-16"]),
        first_three("orderBy=6", &["g-01", "g-02", "g-04"]),
        first_three("orderBy=6&orderByType=1", &["g-24", "g-21", "g-18"]),
        first_three("orderBy=7", &["g-07", "g-14", "g-21"]),
        first_three("orderBy=8", &["g-01", "g-02", "g-03"]),
        first_three("orderBy=8&orderByType=1", &["g-25", "g-23", "g-22"]),
    ];
    for bad in ["0", "9", "email", "-1"] {
        cases.push(refused(
            &format!("orderBy={bad}"),
            "orderBy must be a whole number from 1 to 8",
        ));
    }
    for bad in ["2", "asc", "true"] {
        cases.push(refused(
            &format!("orderByType={bad}"),
            "orderByType must be a whole number from 0 to 1",
        ));
    }
    cases
}

/// "empty values last in both directions".
pub fn empty_values_are_last() -> Vec<ContractCase> {
    vec![
        gazette(
            "pageSize=5&pageNumber=5&orderBy=4",
            &["g-05", "g-10", "g-15", "g-20", "g-25"],
        ),
        gazette(
            "pageSize=5&pageNumber=5&orderBy=4&orderByType=1",
            &["g-25", "g-20", "g-15", "g-10", "g-05"],
        ),
        gazette(
            "pageSize=6&pageNumber=4&orderBy=8",
            &["g-25", "g-04", "g-08", "g-12", "g-16", "g-20"],
        ),
        gazette(
            "pageSize=6&pageNumber=4&orderBy=8&orderByType=1",
            &["g-01", "g-24", "g-20", "g-16", "g-12", "g-08"],
        ),
    ]
}

/// "`count=estimate` marks it with `totalIsEstimate`, `count=none` leaves it out".
pub fn count_can_be_estimated_or_omitted() -> Vec<ContractCase> {
    let meta = |query: &str, meta| {
        ContractCase::get(
            &format!("/v4/Users?email=ann@example.com{query}"),
            Expectation::Meta(meta),
        )
    };
    vec![
        meta("", json!({"totalRecords": 1})),
        meta("&count=exact", json!({"totalRecords": 1})),
        meta("&count=None", json!({})),
        refused("count=all", "count must be exact, estimate or none"),
        ContractCase::get(
            "/v4/Users?count=estimate&onProviderFailure=fail",
            Expectation::Status(200),
        ),
        refused("onProviderFailure=ignore", "onProviderFailure must be degrade or fail"),
    ]
}

/// "A cursor is bound to tenant, filter, order and source, and refused elsewhere"; "refused together with `pageNumber`".
pub fn foreign_cursor_is_rejected() -> Vec<ContractCase> {
    let mut cases: Vec<_> = ["x", "AAAA", "{{sealed-id:2937}}", "{{sealed-email:ann@example.com}}"]
        .map(|bad| {
            refused(
                &format!("cursor={bad}"),
                "cursor is not one of this list; start again without it",
            )
        })
        .into();
    cases.push(refused(
        "cursor=x&pageNumber=2",
        "cursor goes on after the page before: pageNumber must not be given with it, or be 1",
    ));
    cases
}
