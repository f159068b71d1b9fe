//! Searches that might be slow: short, common, absent, half-common, with wildcard characters, contradicting each other,
//! in every order, and deep.

use super::client::encoded;
use super::people::{COMMON_DOMAIN, lot};

/// One search of a paper's readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle {
    /// Text within the address, or at its beginning.
    pub(super) email: Option<(&'static str, EmailMatch)>,
    pub(super) first: Option<&'static str>,
    pub(super) last: Option<&'static str>,
    pub(super) metadata: &'static [(&'static str, &'static str)],
    /// The column's number, and whether it descends.
    pub(super) order: Option<(u8, bool)>,
    pub(super) page_size: u32,
    pub(super) page: u32,
}

/// How an address is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmailMatch {
    Contains,
    Prefix,
}

use EmailMatch::{Contains, Prefix};

const NOTHING: Needle = Needle {
    email: None,
    first: None,
    last: None,
    metadata: &[],
    order: None,
    page_size: 10,
    page: 1,
};

const EMAILS: &[&str] = &[
    // One and two characters: common, rare, digits, punctuation.
    "a",
    "e",
    "q",
    "z",
    "x",
    "0",
    "9",
    ".",
    "@",
    "-",
    "an",
    "ia",
    "qj",
    "zz",
    "zx",
    ".e",
    "@b",
    "e.",
    "11",
    "07",
    // Characters that LIKE, a regular expression or a URL would read otherwise.
    "%",
    "_",
    "\\",
    "+",
    "*",
    "'",
    "%%",
    "a%",
    "_a",
    "\\%",
    "%maria%",
    "mar_a",
    // Longer: in every address, in half, in a few, in none.
    "example",
    ".example",
    "bigmail",
    COMMON_DOMAIN,
    "maria",
    "maria.",
    "ria",
    "firm1",
    "firm399",
    "quist",
    "123",
    "99999",
    "zelwyn",
    "maria.zimlow",
    "mariaz",
    "qjx",
    "zzz",
    "nobody.at.all",
    "elpmaxe",
];
const FIRSTS: &[&str] = &[
    "a", "m", "y", "z", "q", "maria", "mar", "zelwyn", "nobody", "%", "_", "\\", "mariaa",
];
const LASTS: &[&str] = &["a", "z", "w", "abara", "zimlow", "nobody", "_"];
const METADATA: &[&[(&str, &str)]] = &[
    &[("even", "yes")],
    &[("even", "yes"), ("odd", "yes")],
    &[("city", "ASHFORD")],
    &[("city", "Gullhaven")],
    &[("city", "%")],
    &[("city", "Gullhaven"), ("loyaltyTier", "gold"), ("even", "no")],
    &[("loyaltyTier", "gold")],
    &[("eedition_flag", "Y"), ("acceptsEmailOffers", "89")],
    &[("phoneNumber", "555-0107")],
    &[("postalCode", "00007")],
    &[("postalCode", "none")],
    &[("noSuchKey", "x")],
    &[("even", "yes"), ("postalCode", "99999")],
    &[("firstName", "Maria")],
    &[("firstName", "Maria"), ("lastName", "Zimlow")],
    &[("firstName", "Maria"), ("firstName2", "Zelwyn")],
];

/// All of them, the same in every run. `half` is how many the paper has that match a half-common filter, at least: pages
/// go as deep as page numbers reach and half of them allow.
pub(super) fn all(deepest: u32) -> Vec<Needle> {
    let mut needles = singles();
    needles.extend(contradictions());
    let orders: Vec<(u8, bool)> = (1..=8).flat_map(|column| [(column, false), (column, true)]).collect();
    for hard in hard() {
        needles.extend(orders.iter().map(|order| Needle {
            order: Some(*order),
            ..hard.clone()
        }));
    }
    for order in &orders {
        for filter in [
            NOTHING,
            Needle {
                metadata: METADATA[0],
                ..NOTHING
            },
        ] {
            for page_size in [10, 100] {
                needles.push(Needle {
                    order: Some(*order),
                    page_size,
                    page: deepest / page_size,
                    ..filter.clone()
                });
            }
        }
    }
    for email in ["a", "e", "@b", COMMON_DOMAIN, ".example", "bigmail"] {
        needles.push(Needle {
            email: Some((email, Contains)),
            page: deepest / 20,
            ..NOTHING
        });
    }
    needles.extend((0..160).map(mixed));
    needles
}

/// Each filter alone.
fn singles() -> Vec<Needle> {
    let mut needles = vec![
        NOTHING,
        Needle {
            page_size: 100,
            ..NOTHING
        },
    ];
    for email in EMAILS {
        for how in [Contains, Prefix] {
            needles.push(Needle {
                email: Some((email, how)),
                ..NOTHING
            });
        }
    }
    needles.extend(FIRSTS.iter().map(|first| Needle {
        first: Some(first),
        ..NOTHING
    }));
    needles.extend(LASTS.iter().map(|last| Needle {
        last: Some(last),
        ..NOTHING
    }));
    needles.extend(METADATA.iter().map(|metadata| Needle { metadata, ..NOTHING }));
    needles
}

/// Each half matches many, both together nobody, or nearly so.
fn contradictions() -> Vec<Needle> {
    let never = METADATA[1];
    vec![
        Needle {
            email: Some(("maria", Contains)),
            first: Some("z"),
            ..NOTHING
        },
        Needle {
            email: Some(("maria.", Contains)),
            first: Some("a"),
            last: Some("a"),
            ..NOTHING
        },
        Needle {
            email: Some((".zim", Contains)),
            last: Some("a"),
            ..NOTHING
        },
        Needle {
            email: Some(("an", Prefix)),
            first: Some("m"),
            ..NOTHING
        },
        Needle {
            email: Some(("a", Contains)),
            metadata: never,
            ..NOTHING
        },
        Needle {
            email: Some((COMMON_DOMAIN, Contains)),
            metadata: never,
            ..NOTHING
        },
        Needle {
            email: Some((COMMON_DOMAIN, Contains)),
            first: Some("maria"),
            metadata: never,
            ..NOTHING
        },
        Needle {
            first: Some("maria"),
            metadata: &[("firstName", "Anor")],
            ..NOTHING
        },
        Needle {
            first: Some("maria"),
            last: Some("z"),
            metadata: METADATA[0],
            ..NOTHING
        },
        Needle {
            first: Some("a"),
            last: Some("w"),
            email: Some(("q", Contains)),
            ..NOTHING
        },
    ]
}

/// Filters that are tried in every order.
fn hard() -> Vec<Needle> {
    let email = |text| Needle {
        email: Some((text, Contains)),
        ..NOTHING
    };
    let mut hard = vec![
        NOTHING,
        email("a"),
        email("qj"),
        email("zx"),
        email("%"),
        email(COMMON_DOMAIN),
        email("99999"),
        email("firm399"),
        email("elpmaxe"),
        Needle {
            first: Some("m"),
            ..NOTHING
        },
        Needle {
            first: Some("maria"),
            ..NOTHING
        },
        Needle {
            last: Some("w"),
            ..NOTHING
        },
        Needle {
            metadata: METADATA[0],
            ..NOTHING
        },
        Needle {
            metadata: METADATA[6],
            ..NOTHING
        },
    ];
    hard.extend(contradictions());
    hard
}

/// Two or three filters drawn by lot, in an order drawn by lot.
fn mixed(number: u32) -> Needle {
    let draw = |slot: u64, from: usize| usize::try_from(lot(number, 100 + slot)).unwrap_or(0) % from;
    let mut needle = NOTHING;
    for slot in 0..3_u64 {
        match draw(slot, 4) {
            0 => {
                needle.email = Some((
                    EMAILS[draw(10 + slot, EMAILS.len())],
                    if draw(20, 4) == 0 { Prefix } else { Contains },
                ));
            }
            1 => needle.first = Some(FIRSTS[draw(10 + slot, FIRSTS.len())]),
            2 => needle.last = Some(LASTS[draw(10 + slot, LASTS.len())]),
            _ => needle.metadata = METADATA[draw(10 + slot, METADATA.len())],
        }
    }
    if draw(30, 3) > 0 {
        let column = u8::try_from(1 + draw(31, 8)).unwrap_or(1);
        needle.order = Some((column, draw(32, 2) == 1));
    }
    needle
}

impl Needle {
    /// What follows the `?`, with the count asked for, readable or as it is sent.
    fn query(&self, count: &str, text: impl Fn(&str) -> String) -> String {
        let mut parts = Vec::new();
        if let Some((email, how)) = self.email {
            parts.push(format!("email={}", text(email)));
            let how = match how {
                Contains => "contains",
                Prefix => "prefix",
            };
            parts.push(format!("emailMatch={how}"));
        }
        parts.extend(self.first.map(|first| format!("firstName={}", text(first))));
        parts.extend(self.last.map(|last| format!("lastName={}", text(last))));
        parts.extend(
            self.metadata
                .iter()
                .map(|(key, value)| format!("metadata.{key}={}", text(value))),
        );
        if let Some((column, descends)) = self.order {
            parts.push(format!("orderBy={column}&orderByType={}", u8::from(descends)));
        }
        parts.push(format!("pageSize={}", self.page_size));
        if self.page > 1 {
            parts.push(format!("pageNumber={}", self.page));
        }
        parts.push(format!("count={count}"));
        parts.join("&")
    }

    /// The target of the request.
    pub(super) fn target(&self, count: &str) -> String {
        format!("/v4/Users?{}", self.query(count, encoded))
    }

    /// For a person.
    pub(super) fn in_words(&self) -> String {
        let query = self.query("none", str::to_owned);
        query.trim_end_matches("&count=none").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_are_many_and_say_what_they_ask() {
        let all = all(50_000);
        assert!(all.len() > 500, "{}", all.len());
        let percent = all.iter().find(|needle| needle.email == Some(("%", Contains))).unwrap();
        assert_eq!(
            percent.target("none"),
            "/v4/Users?email=%25&emailMatch=contains&pageSize=10&count=none"
        );
        assert_eq!(percent.in_words(), "email=%&emailMatch=contains&pageSize=10");
    }

    #[test]
    fn no_page_is_deeper_than_page_numbers_reach() {
        assert!(
            all(100_000)
                .iter()
                .all(|needle| needle.page * needle.page_size <= 100_000)
        );
    }
}
