//! Searches that might be slow (short, common, absent, contradictory, with wildcard characters, in every order, deep), and
//! a naive model of what they match.

use super::http::percent_encode;
use super::users::{COMMON_DOMAIN, InventedUser, hash, users_of};

/// One search among the users of a tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct SearchCase {
    /// As in the query string, without percent-encoding.
    filters: String,
    /// The column's number, and whether it is descending.
    order: Option<(u8, bool)>,
    page_size: u32,
    pub(super) page: u32,
}

/// Needles in an address: of one and two characters; special in LIKE, in a regular expression or in a URL; longer ones that
/// all, half, a few or no addresses contain.
const EMAILS: &str = r"a e q z x 0 9 . @ - an ia qj zz zx .e @b e. 11 07
    % _ \ + * ' %% a% _a \% %maria% mar_a
    example .example bigmail bigmail.example maria maria. ria firm1 firm399 quist 123 99999 zelwyn maria.zimlow mariaz qjx zzz
    absent.at.all elpmaxe";
const FIRST_NAMES: &str = r"a m y z q maria mar zelwyn absent % _ \ mariaa";
const LAST_NAMES: &str = "a z w abara zimlow absent _";
const METADATA: [&str; 16] = [
    "metadata.even=yes",
    "metadata.even=yes&metadata.odd=yes",
    "metadata.city=ASHFORD",
    "metadata.city=Gullhaven",
    "metadata.city=%",
    "metadata.city=Gullhaven&metadata.loyaltyTier=gold&metadata.even=no",
    "metadata.loyaltyTier=gold",
    "metadata.eedition_flag=Y&metadata.acceptsEmailOffers=89",
    "metadata.phoneNumber=555-0107",
    "metadata.postalCode=00007",
    "metadata.postalCode=none",
    "metadata.noSuchKey=x",
    "metadata.even=yes&metadata.postalCode=99999",
    "metadata.firstName=Maria",
    "metadata.firstName=Maria&metadata.lastName=Zimlow",
    "metadata.firstName=Maria&metadata.firstName2=Zelwyn",
];
/// Each half matches many users, both together few or none.
const CONTRADICTIONS: [&str; 10] = [
    "email=maria&emailMatch=contains&firstName=z",
    "email=maria.&emailMatch=contains&firstName=a&lastName=a",
    "email=.zim&emailMatch=contains&lastName=a",
    "email=an&emailMatch=prefix&firstName=m",
    "email=a&emailMatch=contains&metadata.even=yes&metadata.odd=yes",
    "email=bigmail.example&emailMatch=contains&metadata.even=yes&metadata.odd=yes",
    "email=bigmail.example&emailMatch=contains&firstName=maria&metadata.even=yes&metadata.odd=yes",
    "firstName=maria&metadata.firstName=Anor",
    "firstName=maria&lastName=z&metadata.even=yes",
    "email=q&emailMatch=contains&firstName=a&lastName=w",
];
/// Filters that are tried in every order, beside the contradictions.
const HARD_EMAILS: [&str; 8] = ["a", "qj", "zx", "%", COMMON_DOMAIN, "99999", "firm399", "elpmaxe"];
const HARD_FILTERS: [&str; 6] = [
    "",
    "firstName=m",
    "firstName=maria",
    "lastName=w",
    METADATA[0],
    METADATA[6],
];
const DEEP_EMAILS: [&str; 6] = ["a", "e", "@b", COMMON_DOMAIN, ".example", "bigmail"];

/// How many filters are combined at random.
const MIXED: u32 = 160;

/// All searches, the same in every run. `deepest` is how many users page numbers may reach.
pub(super) fn all(deepest: u32) -> Vec<SearchCase> {
    let contains = |email: &str| format!("email={email}&emailMatch=contains");
    let orders: Vec<(u8, bool)> = (1..=8).flat_map(|column| [(column, false), (column, true)]).collect();

    // Each filter alone.
    let mut singles = vec![String::new()];
    for email in EMAILS.split_whitespace() {
        singles.extend([contains(email), format!("email={email}&emailMatch=prefix")]);
    }
    singles.extend(FIRST_NAMES.split_whitespace().map(|name| format!("firstName={name}")));
    singles.extend(LAST_NAMES.split_whitespace().map(|name| format!("lastName={name}")));
    singles.extend(
        METADATA
            .iter()
            .chain(&CONTRADICTIONS)
            .map(|filter| (*filter).to_owned()),
    );
    let mut cases: Vec<SearchCase> = singles.into_iter().map(SearchCase::first_page).collect();
    cases.push(SearchCase {
        page_size: 100,
        ..SearchCase::first_page(String::new())
    });

    // Each order.
    let hard = HARD_EMAILS.iter().map(|email| contains(email));
    let others = HARD_FILTERS
        .iter()
        .chain(&CONTRADICTIONS)
        .map(|filter| (*filter).to_owned());
    for filters in hard.chain(others) {
        cases.extend(orders.iter().map(|order| SearchCase {
            order: Some(*order),
            ..SearchCase::first_page(filters.clone())
        }));
    }

    // Deep pages.
    let page_sizes = [10, 100];
    for (order, filters) in orders.iter().flat_map(|order| [(order, ""), (order, METADATA[0])]) {
        cases.extend(page_sizes.map(|page_size| SearchCase {
            filters: filters.to_owned(),
            order: Some(*order),
            page_size,
            page: deepest / page_size,
        }));
    }
    cases.extend(DEEP_EMAILS.iter().map(|email| SearchCase {
        page: deepest / 20,
        ..SearchCase::first_page(contains(email))
    }));
    cases.extend((0..MIXED).map(SearchCase::random));
    cases
}

impl SearchCase {
    fn first_page(filters: String) -> Self {
        Self {
            filters,
            order: None,
            page_size: 10,
            page: 1,
        }
    }

    /// Up to three filters and an order.
    fn random(number: u32) -> Self {
        let draw = |slot: u64, below: usize| usize::try_from(hash(number, 100 + slot)).unwrap_or_default() % below;
        let word = |slot: u64, list: &'static str| {
            let words: Vec<&str> = list.split_whitespace().collect();
            words[draw(slot, words.len())]
        };
        let mut filters = [const { String::new() }; 4];
        for slot in 0..3 {
            let kind = draw(slot, 4);
            filters[kind] = match kind {
                0 => {
                    let how = if draw(20, 4) == 0 { "prefix" } else { "contains" };
                    format!("email={}&emailMatch={how}", word(10 + slot, EMAILS))
                }
                1 => format!("firstName={}", word(10 + slot, FIRST_NAMES)),
                2 => format!("lastName={}", word(10 + slot, LAST_NAMES)),
                _ => METADATA[draw(10 + slot, METADATA.len())].to_owned(),
            };
        }
        let used: Vec<String> = filters.into_iter().filter(|filter| !filter.is_empty()).collect();
        let column = u8::try_from(1 + draw(31, 8)).unwrap_or(1);
        Self {
            order: (draw(30, 3) > 0).then_some((column, draw(32, 2) == 1)),
            ..Self::first_page(used.join("&"))
        }
    }

    /// The filters as names and values.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.filters.split('&').filter_map(|filter| filter.split_once('='))
    }

    fn query(&self, encode: fn(&str) -> String) -> String {
        let pairs = self.pairs();
        let mut parts: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if let Some((column, descending)) = self.order {
            parts.push(format!("orderBy={column}&orderByType={}", u8::from(descending)));
        }
        parts.push(format!("pageSize={}", self.page_size));
        if self.page > 1 {
            parts.push(format!("pageNumber={}", self.page));
        }
        parts.join("&")
    }

    /// The target of the request, with a count of this kind.
    pub(super) fn target(&self, count: &str) -> String {
        format!("/v4/Users?{}&count={count}", self.query(percent_encode))
    }

    /// The query in readable form.
    pub(super) fn describe(&self) -> String {
        self.query(str::to_owned)
    }

    /// How many of a tenant's users match, according to the model.
    pub(super) fn count_matches(&self, tenant: u32, rows: u32) -> usize {
        users_of(tenant, rows).filter(|user| self.matches(*user)).count()
    }

    /// Names, addresses and values are ASCII: ignoring case is all the normalisation that they need.
    fn matches(&self, user: InventedUser) -> bool {
        let starts = |name: String, prefix: &str| name.to_ascii_lowercase().starts_with(&prefix.to_ascii_lowercase());
        self.pairs().all(|(name, value)| match name {
            "email" if self.filters.contains("emailMatch=prefix") => user.email().starts_with(value),
            "email" => user.email().contains(value),
            "emailMatch" => true,
            "firstName" => starts(user.first_name(), value),
            "lastName" => starts(user.last_name(), value),
            other => {
                let key = other.trim_start_matches("metadata.");
                let names = [("firstName", user.first_name()), ("lastName", user.last_name())];
                let mut known = user.metadata().into_iter().chain(names);
                known.any(|(known, has)| known.eq_ignore_ascii_case(key) && has.eq_ignore_ascii_case(value))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::users::LARGEST;
    use super::*;

    #[test]
    fn cases_are_many_and_within_page_depth() {
        let all = all(100_000);
        assert!(all.len() > 700, "{}", all.len());
        assert!(all.iter().all(|case| case.page * case.page_size <= 100_000));
        let percent = all
            .iter()
            .find(|case| case.filters == "email=%&emailMatch=contains")
            .unwrap();
        assert_eq!(
            percent.target("none"),
            "/v4/Users?email=%25&emailMatch=contains&pageSize=10&count=none"
        );
        assert_eq!(percent.describe(), "email=%&emailMatch=contains&pageSize=10");
    }

    #[test]
    fn contradictory_filters_match_no_users() {
        let count = |filters: &str| SearchCase::first_page(filters.to_owned()).count_matches(LARGEST, 4_000);
        assert_eq!(count(""), 2_000);
        assert!(count(METADATA[0]) > 800);
        assert_eq!(count(METADATA[1]), 0);
        assert!(count("email=maria&emailMatch=contains&firstName=MARIA&metadata.FIRSTNAME=maria") > 100);
    }
}
