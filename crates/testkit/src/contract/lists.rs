//! Who is on a list.

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    metadata::MetadataPair,
    query::{EmailFilter, NamePrefix, Total, UserFilter},
};

use super::{SourceFactory, ids, list, local};
use crate::accounts::{account, readers, with_metadata};

/// Adds the cases of this file for `for_each_source_case`.
#[macro_export]
macro_rules! list_cases {
    ($callback:ident $($before:ident)*) => {
        $crate::page_cases! {
            $callback $($before)*
            empty_filter_lists_all_users
            address_part_matches_by_contains
            part_with_letters_beyond_ascii_finds_domains
            wildcards_are_literal
            accents_count_in_addresses_only
            names_match_by_prefix
            metadata_pairs_are_all_required
            names_are_searchable_as_metadata
            only_active_excludes_unverified_users
            every_condition_counts
            exact_conditions_apply_in_lists
            hostile_search_texts_match_no_user
        }
    };
}

fn with_email(condition: EmailFilter) -> UserFilter {
    UserFilter {
        emails: vec![condition],
        ..UserFilter::default()
    }
}

fn contains(needle: &str) -> UserFilter {
    with_email(EmailFilter::Contains(EmailFragment::from_text(needle)))
}

fn starting(needle: &str) -> UserFilter {
    with_email(EmailFilter::Prefix(EmailFragment::from_text(needle)))
}

fn first(prefix: &str) -> UserFilter {
    UserFilter {
        first_name: Some(NamePrefix::from_text(prefix)),
        ..UserFilter::default()
    }
}

fn metadata(pairs: &[(&str, &str)]) -> UserFilter {
    UserFilter {
        metadata: pairs.iter().map(|(key, value)| MetadataPair::new(key, value)).collect(),
        ..UserFilter::default()
    }
}

/// Runs each filter and compares ids, in the order of addresses, and the total.
async fn expect(factory: &dyn SourceFactory, accounts: Vec<Account>, cases: &[(UserFilter, &[&str])]) {
    let subject = factory.source(vec![local(accounts)]).await;
    for (n, (filter, wanted)) in cases.iter().enumerate() {
        let page = subject.source.search(&subject.context(0), &list(filter.clone())).await;
        let page = page.expect("a page");
        assert_eq!(ids(&page.accounts), *wanted, "case {n}");
        assert_eq!(page.total, Some(Total::Exact(wanted.len() as u64)), "case {n}");
    }
}

/// No filter at all.
pub async fn empty_filter_lists_all_users(factory: &dyn SourceFactory) {
    let all = ["r-00000", "r-00001", "r-00002"];
    expect(
        factory,
        readers(3),
        &[
            (UserFilter::default(), &all),
            (contains(""), &all),
            (contains("  "), &all),
            (first(""), &all),
        ],
    )
    .await;
}

/// Short and long, at the beginning, in the middle and at the end.
pub async fn address_part_matches_by_contains(factory: &dyn SourceFactory) {
    let people = vec![
        account("1", "ann@example.com", "", ""),
        account("2", "joann@example.com", "", ""),
        account("3", "bob@sub.example.net", "", ""),
        Account {
            email: None,
            ..account("4", "x@y.z", "", "")
        },
    ];
    expect(
        factory,
        people,
        &[
            (contains("ANN"), &["1", "2"]),
            (contains("n@e"), &["1", "2"]),
            (contains("j"), &["2"]),
            (contains("ob"), &["3"]),
            (contains("bob@sub.example.net"), &["3"]),
            (contains("example.com"), &["1", "2"]),
            (contains("exampel"), &[]),
            // Every gram is somewhere in the address, but not in a row.
            (contains("annexa"), &[]),
            (contains("q"), &[]),
        ],
    )
    .await;
}

/// `%`, `_`, `\` and quotes mean themselves.
pub async fn wildcards_are_literal(factory: &dyn SourceFactory) {
    let people = vec![
        account("1", "a%b@example.com", "", ""),
        account("2", "a_b@example.com", "", ""),
        account("3", "axb@example.com", "", ""),
        account("4", "a'b\\c@example.com", "", ""),
        account("5", "\"a b\"+c@example.com", "", ""),
    ];
    expect(
        factory,
        people,
        &[
            (contains("%"), &["1"]),
            (contains("_"), &["2"]),
            (contains("a_b"), &["2"]),
            (contains("a%b@"), &["1"]),
            (contains("\\"), &["4"]),
            (contains("'b\\"), &["4"]),
            (contains("\""), &["5"]),
            (contains("+c"), &["5"]),
            (contains("%%"), &[]),
            (contains("' OR '1'='1"), &[]),
        ],
    )
    .await;
}

/// josé@ and jose@ are two users; José and Jose are one name.
pub async fn accents_count_in_addresses_only(factory: &dyn SourceFactory) {
    let people = vec![
        account("1", "jose@example.com", "Jos\u{e9}", ""),
        account("2", "jos\u{e9}@example.com", "JOSE\u{301}", ""),
    ];
    expect(
        factory,
        people,
        &[
            (contains("jose\u{301}"), &["2"]),
            (contains("JOS\u{c9}"), &["2"]),
            (contains("\u{e9}"), &["2"]),
            (contains("jose"), &["1"]),
            (first("jose"), &["1", "2"]),
            (first("Jos\u{c9}"), &["1", "2"]),
            (first("jos\u{e9}s"), &[]),
        ],
    )
    .await;
}

/// From the first letter to the whole name and beyond.
pub async fn names_match_by_prefix(factory: &dyn SourceFactory) {
    let people = vec![
        account("1", "a@example.com", "Marianne", "Lee"),
        account("2", "b@example.com", "Maria", "Leeds"),
        account("3", "c@example.com", "", "O'Lee"),
        account("4", "d@example.com", "Al%", "_x"),
    ];
    let last = |prefix: &str| UserFilter {
        last_name: Some(NamePrefix::from_text(prefix)),
        ..UserFilter::default()
    };
    expect(
        factory,
        people,
        &[
            (first("m"), &["1", "2"]),
            (first("MARI"), &["1", "2"]),
            (first("marian"), &["1"]),
            (first("mariannes"), &[]),
            (first("ari"), &[]),
            (first("al%"), &["4"]),
            (first("%"), &[]),
            (last("lee"), &["1", "2"]),
            (last("o'"), &["3"]),
            (last("_"), &["4"]),
        ],
    )
    .await;
}

/// Key and value without case, values whole.
pub async fn metadata_pairs_are_all_required(factory: &dyn SourceFactory) {
    let people = vec![
        with_metadata(
            account("1", "a@example.com", "", ""),
            &[("City", "Oslo"), ("promo_flag", "Y")],
        ),
        with_metadata(
            account("2", "b@example.com", "", ""),
            &[("city", "OSLO"), ("empty", "")],
        ),
        with_metadata(
            account("3", "c@example.com", "", ""),
            &[("city", "\u{c5}rhus"), ("a=b", "c")],
        ),
    ];
    expect(
        factory,
        people,
        &[
            (metadata(&[("CITY", "oslo")]), &["1", "2"]),
            (metadata(&[("city", "oslo"), ("Promo_Flag", "y")]), &["1"]),
            (metadata(&[("city", "osl")]), &[]),
            (metadata(&[("city", "A\u{30a}RHUS")]), &["3"]),
            (metadata(&[("city", "arhus")]), &[]),
            (metadata(&[("a=b", "c")]), &["3"]),
            (metadata(&[("a", "b=c")]), &[]),
            (metadata(&[("empty", "")]), &[]),
            (metadata(&[("nowhere", "oslo")]), &[]),
        ],
    )
    .await;
}

/// `metadata.firstName` also matches the top-level field.
pub async fn names_are_searchable_as_metadata(factory: &dyn SourceFactory) {
    let people = vec![
        account("1", "a@example.com", "Ann", "Lee"),
        with_metadata(account("2", "b@example.com", "Bob", "Lee"), &[("firstName", "Ann")]),
    ];
    expect(
        factory,
        people,
        &[
            (metadata(&[("firstName", "ann")]), &["1", "2"]),
            (metadata(&[("FIRSTNAME", "ANN"), ("lastName", "lee")]), &["1", "2"]),
            (metadata(&[("firstName", "an")]), &[]),
        ],
    )
    .await;
}

/// A part of an address may be of its domain, which keys hold in ASCII.
pub async fn part_with_letters_beyond_ascii_finds_domains(factory: &dyn SourceFactory) {
    let people = vec![
        account("1", "ann@m\u{fc}nchen.example", "Ann", "Lee"),
        account("2", "m\u{fc}nchen@example.com", "Ann", "Lee"),
        account("3", "ann@mnchen.example", "Ann", "Lee"),
    ];
    expect(
        factory,
        people,
        &[
            (contains("m\u{fc}nchen"), &["1", "2"]),
            (contains("M\u{fc}nchen.example"), &["1"]),
            (contains("@m\u{fc}nchen"), &["1"]),
            (contains("m\u{fc}nchen@"), &["2"]),
        ],
    )
    .await;
}

/// Alone, beside needles, names and pairs, and where one index entry leads to the match; the totals count as well.
pub async fn only_active_excludes_unverified_users(factory: &dyn SourceFactory) {
    let person = |id: &str, email: &str, has_password: bool, verified: bool| Account {
        has_password,
        verified: Some(verified),
        ..with_metadata(account(id, email, "Ann", "Lee"), &[("city", "Oslo")])
    };
    let people = vec![
        person("1", "a1@example.com", true, true),
        person("2", "a2@example.com", true, false),
        person("3", "a3@example.com", false, false),
        person("4", "a4@example.com", false, true),
        person("5", "b5@example.com", true, false),
    ];
    let active = |filter: UserFilter| UserFilter {
        only_active: true,
        ..filter
    };
    let exact = |text: &str| with_email(EmailFilter::Exact(EmailKey::from_text(text)));
    let all = ["1", "3", "4"];
    expect(
        factory,
        people,
        &[
            (active(UserFilter::default()), &all),
            (active(starting("a")), &all),
            (active(starting("b")), &[]),
            (active(contains("example")), &all),
            (active(contains("xa")), &all),
            (active(first("a")), &all),
            (active(metadata(&[("city", "oslo")])), &all),
            (active(exact("a1@example.com")), &["1"]),
            (active(exact("a2@example.com")), &[]),
        ],
    )
    .await;
}

/// All of them together.
pub async fn every_condition_counts(factory: &dyn SourceFactory) {
    let person = |id: &str, email: &str, city: &str| with_metadata(account(id, email, "Ann", "Lee"), &[("city", city)]);
    let people = vec![
        person("1", "ann@example.com", "Oslo"),
        person("2", "ann@example.net", "Oslo"),
        person("3", "ann2@example.com", "Bergen"),
    ];
    let all = |needle: &str, name: &str, city: &str| UserFilter {
        emails: contains(needle).emails,
        ..UserFilter {
            metadata: metadata(&[("city", city)]).metadata,
            ..first(name)
        }
    };
    let twice = UserFilter {
        emails: vec![
            EmailFilter::Prefix(EmailFragment::from_text("ann")),
            EmailFilter::Prefix(EmailFragment::from_text("ann2")),
            EmailFilter::Contains(EmailFragment::from_text(".com")),
        ],
        ..UserFilter::default()
    };
    expect(
        factory,
        people,
        &[
            (all(".com", "a", "oslo"), &["1"]),
            (all("ann", "ann", "oslo"), &["1", "2"]),
            (all(".com", "b", "oslo"), &[]),
            (all(".org", "a", "oslo"), &[]),
            (twice, &["3"]),
        ],
    )
    .await;
}

/// Exact conditions beside others, and contradicting ones.
pub async fn exact_conditions_apply_in_lists(factory: &dyn SourceFactory) {
    let exact = |text: &str| EmailFilter::Exact(EmailKey::from_text(text));
    let crid = |text: &str| CustomerRegistrationId::parse(text).expect("an id");
    let filter = |emails: Vec<EmailFilter>, crids: &[&str]| UserFilter {
        emails,
        crids: crids.iter().map(|id| crid(id)).collect(),
        ..UserFilter::default()
    };
    expect(
        factory,
        readers(5),
        &[
            (filter(vec![exact("READER3@example.org")], &[]), &["r-00003"]),
            (filter(vec![exact("reader3@example.org")], &["r-00003"]), &["r-00003"]),
            (filter(vec![exact("reader3@example.org")], &["r-00002"]), &[]),
            (filter(vec![], &["r-00002"]), &["r-00002"]),
            (filter(vec![], &["r-00002", "r-00003"]), &[]),
            (filter(vec![exact("")], &[]), &[]),
            (
                UserFilter {
                    crids: vec![crid("r-00001")],
                    ..metadata(&[("city", "oslo")])
                },
                &[],
            ),
        ],
    )
    .await;
}

/// No needle makes an error.
pub async fn hostile_search_texts_match_no_user(factory: &dyn SourceFactory) {
    let long = "a".repeat(65_536);
    let wide = "\u{1F600}".repeat(20_000);
    let mut cases: Vec<(UserFilter, &[&str])> = Vec::new();
    for needle in ["\0", "a\0", "\u{301}", "\u{10ffff}", "\u{d7ff}", &long, &wide] {
        cases.push((contains(needle), &[]));
        cases.push((starting(needle), &[]));
        cases.push((metadata(&[("city", needle)]), &[]));
        cases.push((metadata(&[(needle, "x")]), &[]));
        if NamePrefix::from_text(needle).as_str().is_empty() {
            continue;
        }
        cases.push((first(needle), &[]));
    }
    expect(factory, readers(3), &cases).await;
}
