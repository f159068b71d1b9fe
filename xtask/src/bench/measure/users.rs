//! Invented users and tenants: the same for the same numbers, with names and sizes as skewed as real ones.

use serde_json::{Value, json};

/// Incremented when the invented users change: data of another edition are created again.
pub(super) const EDITION: u32 = 1;

/// How many tenants there are.
pub(super) const TENANTS: u32 = 1_000;

/// The tenant that holds half of all registrations.
pub(super) const LARGEST: u32 = 0;

/// How many client groups the tenants belong to; a token is valid for one group.
pub(super) const GROUPS: u32 = 100;

/// One first name in nine: shows what a common prefix costs.
const COMMON_FIRST: &str = "Maria";

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

/// The user of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct InventedUser(pub(super) u32);

/// The users of a tenant among the first `rows` ones.
pub(super) fn users_of(tenant: u32, rows: u32) -> impl Iterator<Item = InventedUser> {
    (0..rows).map(InventedUser).filter(move |user| user.tenant() == tenant)
}

/// The three codes of a tenant: group, client, paper.
pub(super) fn tenant_codes(tenant: u32) -> [String; 3] {
    [
        format!("group-{:02}", tenant % GROUPS),
        format!("client-{}", tenant / GROUPS % 3),
        format!("paper-{}", tenant / GROUPS),
    ]
}

impl InventedUser {
    /// Neighbours in number, and so in the order of import, belong to different tenants.
    pub(super) const fn tenant(self) -> u32 {
        match self.0 % 20 {
            0..10 => LARGEST,
            10 => 1,
            // The rest is spread over all other tenants.
            rest => 2 + (self.0 / 20 * 9 + rest - 11) % (TENANTS - 2),
        }
    }

    /// The customer registration id: a decimal number or a GUID, as both occur.
    pub(super) fn id(self) -> String {
        if self.0.is_multiple_of(3) {
            return (100_000 + self.0).to_string();
        }
        let (one, other) = (hash(self.0, 20), hash(self.0, 21));
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            one >> 32,
            one >> 16 & 0xffff,
            one & 0xfff,
            other >> 52,
            other & 0xffff_ffff_ffff
        )
    }

    pub(super) fn first_name(self) -> String {
        if hash(self.0, 0) % 100 < 11 {
            COMMON_FIRST.to_owned()
        } else {
            [pick(self.0, 1, FIRST_HEADS), pick(self.0, 2, FIRST_TAILS)].concat()
        }
    }

    pub(super) fn last_name(self) -> String {
        [pick(self.0, 3, LAST_HEADS), pick(self.0, 4, LAST_TAILS)].concat()
    }

    /// A unique address that is its own normal form.
    pub(super) fn email(self) -> String {
        let domain = match hash(self.0, 5) % 100 {
            0..35 => COMMON_DOMAIN.to_owned(),
            35..50 => "post.example".to_owned(),
            50..60 => "inbox.example".to_owned(),
            _ => format!("firm{}.example", hash(self.0, 6) % 400),
        };
        format!("{}.{}{}@{domain}", self.first_name(), self.last_name(), self.0).to_ascii_lowercase()
    }

    /// Values for searches by metadata. `even` and `odd` are always opposite: each is true for half of all users, both
    /// together for none.
    pub(super) fn metadata(self) -> [(&'static str, String); 8] {
        let drawn = |slot, below| hash(self.0, slot) % below;
        let choose = |condition, one: &str, other: &str| if condition { one } else { other }.to_owned();
        let even = drawn(15, 2) == 0;
        [
            ("city", pick(self.0, 8, CITIES).to_owned()),
            ("phoneNumber", format!("555-01{:02}", drawn(9, 100))),
            ("acceptsEmailOffers", choose(drawn(10, 2) == 0, "78", "89")),
            ("eedition_flag", choose(drawn(11, 3) == 0, "Y", "N")),
            (
                "loyaltyTier",
                ["bronze", "silver", "gold"][index(drawn(12, 3))].to_owned(),
            ),
            ("postalCode", format!("{:05}", drawn(13, 100_000))),
            ("even", choose(even, "yes", "no")),
            ("odd", choose(even, "no", "yes")),
        ]
    }

    /// The user as a line of `masthead import` for the tenant of these codes.
    pub(super) fn import_line(self, tenant: &str) -> Value {
        let drawn = |slot, below| hash(self.0, slot) % below;
        let mut line = json!({
            "tenant": tenant,
            "customerRegistrationId": self.id(),
            "email": self.email(),
            "firstName": self.first_name(),
            "lastName": self.last_name(),
            "verified": drawn(16, 10) != 0,
            "dateRegistered": format!(
                "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                15 + drawn(30, 10), 1 + drawn(31, 12), 1 + drawn(32, 28), drawn(33, 24), drawn(34, 60), drawn(35, 60),
            ),
            "metadata": self.metadata().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        });
        if drawn(17, 20) != 0 {
            line["passwordHash"] = json!(PASSWORD_HASH);
        }
        line
    }
}

/// An entry of the list; the first ones are far more frequent than the last ones.
fn pick(number: u32, slot: u64, list: &[&'static str]) -> &'static str {
    let drawn = hash(number, slot) % 1_000_000;
    list[index(drawn * drawn * list.len() as u64 / 1_000_000_000_000)]
}

fn index(small: u64) -> usize {
    usize::try_from(small).unwrap_or_default()
}

/// A pseudo-random number, the same in every run (splitmix64).
pub(super) const fn hash(number: u32, slot: u64) -> u64 {
    let mut z = ((number as u64) << 8 | slot)
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

    const ROWS: u32 = 40_000;

    fn assert_share(expected: f64, condition: impl Fn(InventedUser) -> bool) {
        let hits = (0..ROWS).map(InventedUser).filter(|user| condition(*user)).count();
        let share = f64::from(u32::try_from(hits).unwrap()) / f64::from(ROWS);
        assert!((share - expected).abs() < 0.01, "{share} instead of {expected}");
    }

    #[test]
    fn tenants_and_names_are_skewed() {
        assert_share(0.5, |user| user.tenant() == LARGEST);
        assert_share(0.05, |user| user.tenant() == 1);
        assert_share(0.11, |user| user.first_name() == COMMON_FIRST);
        assert_share(0.35, |user| user.email().ends_with(COMMON_DOMAIN));
        let tenants: HashSet<u32> = (0..ROWS).map(|number| InventedUser(number).tenant()).collect();
        let names: HashSet<[String; 3]> = (0..TENANTS).map(tenant_codes).collect();
        assert_eq!([tenants.len(), names.len()], [TENANTS as usize; 2]);
    }

    #[test]
    fn keys_are_unique_and_stable() {
        let mut seen = HashSet::new();
        for user in (0..ROWS).map(InventedUser) {
            assert!(seen.insert(user.id()) && seen.insert(user.email()));
        }
        // Of edition 1: data of an earlier run must be found again.
        for (number, email, id) in [
            (3, "tamwyn.ramner3@bigmail.example", "100003"),
            (7, "wila.abova7@firm233.example", "06472b07-f1b9-48ea-8f47-f609cc28086c"),
        ] {
            let user = InventedUser(number);
            assert_eq!((user.email().as_str(), user.id().as_str()), (email, id));
        }
    }
}
