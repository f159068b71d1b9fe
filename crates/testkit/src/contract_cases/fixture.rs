//! The tenants and accounts that the table of the contract speaks of.

use masthead_domain::account::Account;
use time::{Duration, macros::datetime};

use crate::accounts::{account, with_metadata};

/// A tenant without provider and with every switch as published; seven users.
pub const HERALD: &str = "north/daily/herald";
/// A tenant with every switch turned, which knows the applications `CRM` and `APP`; two users.
pub const TIMES: &str = "north/daily/times";
/// A tenant without provider, of twenty-five users for paging.
pub const GAZETTE: &str = "north/daily/gazette";
/// A tenant whose accounts an outside provider keeps; two users in the store.
pub const COURIER: &str = "south/post/courier";
/// Nobody's.
pub const NOWHERE: &str = "north/daily/nowhere";

/// How deep page numbers have to reach where the table is run, in rows.
pub const MAX_DEPTH: u64 = 100_000;

/// The largest body where the table is run, in bytes. The longest URL in the table has 5,100; a server's own limit on URLs
/// must lie above that.
pub const BODY_BYTES: usize = 65_536;

/// Every tenant with its settings; each has a pool of its own.
#[must_use]
pub fn tenants() -> [(&'static str, &'static [(&'static str, &'static str)]); 4] {
    [
        (HERALD, &[]),
        (
            TIMES,
            &[
                ("Api.SourceSystems", "CRM,APP"),
                ("Api.MessageTypeAsNumber", "true"),
                ("Api.DataAsArray", "true"),
                ("Api.MissAs400", "true"),
                ("Api.IgnoreUnknownParameters", "true"),
                ("Api.EmailContains", "true"),
            ],
        ),
        (GAZETTE, &[]),
        (COURIER, &[("Flow.UserProvider", "Auth0")]),
    ]
}

/// The accounts of a tenant, with all that lists sort by: the dates are theirs, not those of loading. Registration numbers
/// are left to the store; a password, where there is one, may be any.
#[must_use]
pub fn accounts(tenant: &str) -> Vec<Account> {
    match tenant {
        HERALD => herald(),
        TIMES => vec![
            account("2937", "ann@example.com", "Anna", "Times"),
            account("3001", "joann@example.com", "Joanna", "Times"),
        ],
        GAZETTE => gazette(),
        COURIER => vec![
            Account {
                has_password: false,
                verified: Some(false),
                ..account("auth0|1", "una@example.com", "Una", "Vale")
            },
            account("auth0|2", "wim@example.com", "Wim", "Vale"),
        ],
        _ => Vec::new(),
    }
}

fn herald() -> Vec<Account> {
    let ann = account("2937", "Ann@Example.com", "Ann", "Lee");
    vec![
        with_metadata(
            ann,
            &[
                ("title", "Dr"),
                ("city", "Århus"),
                ("favouriteSection", "sport \"late\""),
                ("badge", "Gold"),
            ],
        ),
        with_metadata(
            Account {
                verified: Some(false),
                ..account("auth0|6470a", "joann@example.com", "Joann", "Leeds")
            },
            &[("city", "Oslo")],
        ),
        Account {
            has_password: false,
            ..account("a/b c", "bo+news@example.com", "Bó", "Ash")
        },
        Account {
            has_password: false,
            verified: Some(false),
            ..account("100%25", "percent@example.net", "Cy", "")
        },
        with_metadata(
            account("Search", "search@example.net", "Search", "Er"),
            &[("city", "Oslo"), ("title", "Dr")],
        ),
        account("ключ", "ana_lee@example.net", "ÁNA", "D'Arc"),
        account("0b6e4c1e-0000-4000-8000-0123456789ab", "100%@example.net", "", "Lee"),
    ]
}

/// Ids `g-01` to `g-25`; addresses against the order of the ids; every fifth without last name.
fn gazette() -> Vec<Account> {
    (1..=25_i64)
        .map(|n| {
            let last_name = if n % 5 == 0 { "" } else { "Moor" };
            let email = format!("reader{:02}@example.org", 26 - n);
            Account {
                registered_at: Some(datetime!(2020-01-01 00:00 UTC) + Duration::days(n % 7)),
                changed_at: (n % 4 != 0).then(|| datetime!(2021-01-01 00:00 UTC) + Duration::days(n)),
                verified: Some(n % 3 == 0),
                has_password: n % 2 == 0,
                ..account(&format!("g-{n:02}"), &email, &format!("R{}", n % 3), last_name)
            }
        })
        .collect()
}
