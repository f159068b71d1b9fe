//! Invented readers and papers: the same ones for the same numbers, skewed as real ones are.

use serde_json::{Value, json};

/// Changes when the invented people change: data of another edition are made anew.
pub(super) const EDITION: u32 = 1;

/// How many papers there are.
pub(super) const TENANTS: u32 = 1_000;

/// The paper that holds half of all registrations.
pub(super) const LARGEST: u32 = 0;

/// How many client groups the papers belong to; a caller's token is good for one group.
pub(super) const GROUPS: u32 = 100;

/// One name in nine: what a common prefix costs shows on it.
pub(super) const COMMON_FIRST: &str = "Maria";

/// The domain of 35 of 100 addresses.
pub(super) const COMMON_DOMAIN: &str = "bigmail.example";

const FIRST_HEADS: &[&str] = &[
    "An", "Bel", "Car", "Dar", "El", "Fen", "Gar", "Hel", "Is", "Jor", "Kal", "Lin", "Mar", "Nor", "Ol", "Per", "Quen",
    "Ros", "Sel", "Tam", "Ul", "Vic", "Wil", "Xan", "Yor", "Zel",
];
const FIRST_TAILS: &[&str] = &[
    "a", "ia", "en", "ius", "ette", "ina", "or", "is", "o", "elle", "wyn", "ard", "ita", "us", "ika", "ane",
];
const LAST_HEADS: &[&str] = &[
    "Ab", "Berg", "Cast", "Dal", "Erik", "Font", "Gran", "Hart", "Ib", "Jan", "Kel", "Lov", "Mor", "Nak", "Ok", "Pet",
    "Quist", "Ram", "Schrei", "Thorn", "Ur", "Vir", "Wint", "Yil", "Zim",
];
const LAST_TAILS: &[&str] = &[
    "ara", "strom", "illo", "berg", "sen", "aine", "dal", "mann", "ley", "ova", "sky", "ton", "er", "quist", "ani",
    "beck", "field", "ner", "os", "wood", "ski", "hagen", "ford", "low",
];
const CITIES: &[&str] = &[
    "Ashford",
    "Brinmoor",
    "Caldera Bay",
    "Dunmere",
    "Eastholm",
    "Fenwick",
    "Gullhaven",
];

/// A hash in the form in which passwords are kept; no password is known for it.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bWFzdGhlYWQtYmVuY2gtc2FsdA$4Zb0Wn6m2y0uY7jJ3m0pB0o8p7d3fZ1qk2vQx5s9TtA";

/// Everybody there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct People {
    /// How many.
    pub(super) rows: u32,
}

/// One reader, by number.
pub(super) struct Person {
    number: u32,
    first: [&'static str; 2],
    last: [&'static str; 2],
    domain: Domain,
}

enum Domain {
    Named(&'static str),
    Firm(u64),
}

impl People {
    /// The reader of this number.
    pub(super) fn person(number: u32) -> Person {
        let first = if lot(number, 0) % 100 < 11 {
            [COMMON_FIRST, ""]
        } else {
            [pick(number, 1, FIRST_HEADS), pick(number, 2, FIRST_TAILS)]
        };
        let domain = match lot(number, 5) % 100 {
            0..35 => Domain::Named(COMMON_DOMAIN),
            35..50 => Domain::Named("post.example"),
            50..60 => Domain::Named("inbox.example"),
            _ => Domain::Firm(lot(number, 6) % 400),
        };
        Person {
            number,
            first,
            last: [pick(number, 3, LAST_HEADS), pick(number, 4, LAST_TAILS)],
            domain,
        }
    }

    /// The numbers of a paper's readers.
    pub(super) fn of_tenant(self, tenant: u32) -> impl Iterator<Item = u32> {
        (0..self.rows).filter(move |number| tenant_of(*number) == tenant)
    }
}

/// The paper of a reader. Neighbours in number, and so in the order of import, belong to different papers.
pub(super) fn tenant_of(number: u32) -> u32 {
    match number % 20 {
        0..10 => LARGEST,
        10 => 1,
        // What is left goes round all other papers.
        rest => 2 + (number / 20 * 9 + rest - 11) % (TENANTS - 2),
    }
}

/// The three codes of a paper: group, client, paper.
pub(super) fn codes(tenant: u32) -> [String; 3] {
    [
        format!("group-{:02}", tenant % GROUPS),
        format!("client-{}", tenant / GROUPS % 3),
        format!("paper-{}", tenant / GROUPS),
    ]
}

/// The key of a reader's account: a decimal or a GUID, as both are seen in the field.
pub(super) fn write_crid(number: u32, to: &mut Vec<u8>) {
    if number.is_multiple_of(3) {
        return write_number(u64::from(100_000 + number), 10, 1, to);
    }
    let (one, other) = (lot(number, 20), lot(number, 21));
    write_number(one >> 32, 16, 8, to);
    to.push(b'-');
    write_number(one >> 16 & 0xffff, 16, 4, to);
    to.extend_from_slice(b"-4");
    write_number(one & 0xfff, 16, 3, to);
    to.extend_from_slice(b"-8");
    write_number(other >> 52, 16, 3, to);
    to.push(b'-');
    write_number(other & 0xffff_ffff_ffff, 16, 12, to);
}

/// With at least so many digits. Every request of the load is written with it, for which `core::fmt` takes too long.
fn write_number(mut number: u64, base: u64, digits: usize, to: &mut Vec<u8>) {
    let begun = to.len();
    while number > 0 || to.len() < begun + digits {
        to.push(b"0123456789abcdef"[index(number % base)]);
        number /= base;
    }
    to[begun..].reverse();
}

impl Person {
    pub(super) fn first(&self) -> String {
        self.first.concat()
    }

    pub(super) fn last(&self) -> String {
        self.last.concat()
    }

    /// The address; it differs from every other one and is its own normal form.
    pub(super) fn write_email(&self, to: &mut Vec<u8>) {
        let begun = to.len();
        let ([first, first_tail], [last, last_tail]) = (self.first, self.last);
        for part in [first, first_tail, ".", last, last_tail] {
            to.extend_from_slice(part.as_bytes());
        }
        write_number(self.number.into(), 10, 1, to);
        to.push(b'@');
        match self.domain {
            Domain::Named(name) => to.extend_from_slice(name.as_bytes()),
            Domain::Firm(firm) => {
                to.extend_from_slice(b"firm");
                write_number(firm, 10, 1, to);
                to.extend_from_slice(b".example");
            }
        }
        to[begun..].make_ascii_lowercase();
    }

    pub(super) fn email(&self) -> String {
        let mut bytes = Vec::new();
        self.write_email(&mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// What search by metadata may ask for. `even` and `odd` say the opposite of each other: both are true for half of
    /// all readers, never for the same one.
    pub(super) fn metadata(&self) -> Vec<(&'static str, String)> {
        let lot = |slot, below| lot(self.number, slot) % below;
        let even = lot(15, 2) == 0;
        vec![
            ("city", pick(self.number, 8, CITIES).to_owned()),
            ("phoneNumber", format!("555-01{:02}", lot(9, 100))),
            (
                "acceptsEmailOffers",
                if lot(10, 2) == 0 { "78" } else { "89" }.to_owned(),
            ),
            ("eedition_flag", if lot(11, 3) == 0 { "Y" } else { "N" }.to_owned()),
            (
                "loyaltyTier",
                ["bronze", "silver", "gold"][index(lot(12, 3))].to_owned(),
            ),
            ("postalCode", format!("{:05}", lot(13, 100_000))),
            ("even", if even { "yes" } else { "no" }.to_owned()),
            ("odd", if even { "no" } else { "yes" }.to_owned()),
        ]
    }

    /// As a line of `masthead import`.
    pub(super) fn line(&self) -> Value {
        let lot = |slot, below| lot(self.number, slot) % below;
        let mut crid = Vec::new();
        write_crid(self.number, &mut crid);
        let mut line = json!({
            "tenant": codes(tenant_of(self.number)).join("/"),
            "customerRegistrationId": String::from_utf8_lossy(&crid),
            "email": self.email(),
            "firstName": self.first(),
            "lastName": self.last(),
            "verified": lot(16, 10) != 0,
            "dateRegistered": format!(
                "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                15 + lot(30, 10), 1 + lot(31, 12), 1 + lot(32, 28), lot(33, 24), lot(34, 60), lot(35, 60),
            ),
            "metadata": self.metadata().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        });
        if lot(17, 20) != 0 {
            line["passwordHash"] = json!(PASSWORD_HASH);
        }
        line
    }
}

/// Some are far more frequent than others.
fn pick(number: u32, slot: u64, from: &[&'static str]) -> &'static str {
    let lot = lot(number, slot) % 1_000_000;
    from[index(lot * lot * from.len() as u64 / 1_000_000_000_000)]
}

fn index(small: u64) -> usize {
    usize::try_from(small).unwrap_or_default()
}

/// A number that looks drawn by lot, the same in every run (splitmix64).
pub(super) fn lot(number: u32, slot: u64) -> u64 {
    let mut z = (u64::from(number) << 8 | slot)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SOME: People = People { rows: 40_000 };

    fn share(of: impl Fn(u32) -> bool) -> f64 {
        let hits = u32::try_from((0..SOME.rows).filter(|number| of(*number)).count()).unwrap();
        f64::from(hits) / f64::from(SOME.rows)
    }

    #[test]
    fn one_paper_holds_half_and_one_a_twentieth_and_all_have_some() {
        assert!((share(|number| tenant_of(number) == LARGEST) - 0.5).abs() < 0.001);
        assert!((share(|number| tenant_of(number) == 1) - 0.05).abs() < 0.001);
        let all: HashSet<u32> = (0..SOME.rows).map(tenant_of).collect();
        assert_eq!(all.len(), TENANTS as usize);
        let names: HashSet<[String; 3]> = (0..TENANTS).map(codes).collect();
        assert_eq!(names.len(), TENANTS as usize);
    }

    #[test]
    fn names_and_domains_are_skewed() {
        assert!((share(|number| People::person(number).first() == COMMON_FIRST) - 0.11).abs() < 0.01);
        assert!((share(|number| People::person(number).email().ends_with(COMMON_DOMAIN)) - 0.35).abs() < 0.01);
    }

    #[test]
    fn keys_are_unique_and_stay_the_same() {
        let mut seen = HashSet::new();
        for number in 0..SOME.rows {
            let mut crid = Vec::new();
            write_crid(number, &mut crid);
            assert!(seen.insert(crid) && seen.insert(People::person(number).email().into_bytes()));
        }
        let keys = |number| {
            let mut crid = Vec::new();
            write_crid(number, &mut crid);
            (People::person(number).email(), String::from_utf8(crid).unwrap())
        };
        // Of edition 1: the data of an earlier run must be found again.
        assert_eq!(
            keys(3),
            ("tamwyn.ramner3@bigmail.example".to_owned(), "100003".to_owned())
        );
        assert_eq!(
            keys(7),
            (
                "wila.abova7@firm233.example".to_owned(),
                "06472b07-f1b9-48ea-8f47-f609cc28086c".to_owned()
            )
        );
    }

    #[test]
    fn numbers_are_written_as_they_are_formatted() {
        for number in [0, 9, 10, 255, 4_096, 1_000_000, u64::from(u32::MAX)] {
            let mut written = Vec::new();
            write_number(number, 10, 1, &mut written);
            write_number(number, 16, 6, &mut written);
            assert_eq!(String::from_utf8(written).unwrap(), format!("{number}{number:06x}"));
        }
    }
}
