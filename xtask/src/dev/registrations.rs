//! Invented registrations: the same in every run, of no real person, with addresses that cannot receive mail.

use serde_json::{Value, json};

use super::tenants::DevTenant;

const FIRST_NAMES: &str = "\
    Ada Agnès Alma Amara Anselm Åsa Beatriz Bjørn Bruno Camille Chidi Clara Dalia Dmitri Edda Elif Emil Esra Farid \
    Fiona Gareth Giulia Hanna Hugo Ines Ivo Jana João José Kaito Karin Lena Leïla Liam Lucía Maja Marek Maria Milo \
    Mirela Nadia Nils Noor Olga Omar Paula Petra Quentin Rahel Renée Rosa Samir Selma Søren Tariq Tove Ulla Viktor \
    Wanda Yara Zoë Žofia";

const LAST_NAMES: &str = "\
    Abara Alvarez Andersson Arden Barlow Bergström Bianchi Brandt Castillo Chevalier Dahl Delacroix Demir Dubois \
    Eriksen Falk Ferrari Fontaine García Grünwald Haddad Hale Hartmann Ibsen Ivanova Jansen Kaminski Keller Kovács \
    Lindqvist Lovell Marchetti Mbeki Moreau Müller Nakamura Novák O'Hara Okafor Øverland Pereira Petrov Quist Ramos \
    Reyes Rossi Sato Schreiber Silva Şahin Tamm Thornton Urban Vance Virtanen Weiss Winter Yilmaz Zeman Ziegler";

const CITIES: &[&str] = &[
    "Ashford",
    "Brinmoor",
    "Caldera Bay",
    "Dunmere",
    "Eastholm",
    "Fenwick",
    "Gullhaven",
];

/// Domains reserved for examples (RFC 2606).
const DOMAINS: &[&str] = &[
    "example.com",
    "example.org",
    "example.net",
    "mail.example",
    "post.example",
];

/// A password hash as the store keeps it; its password is unknown.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bWFzdGhlYWQtZGV2LXNhbHQ$4Zb0Wn6m2y0uY7jJ3m0pB0o8p7d3fZ1qk2vQx5s9TtA";

/// The user of the README's example: the first one of the first tenant.
const README_USER: (&str, &str) = ("Ada", "Birch");

/// Registration `number` of a tenant, as a line of `masthead import`.
pub(super) fn registration(tenant: &DevTenant, number: usize) -> Value {
    let chance = Chance::new(tenant, number);
    let (first, last, address) = if tenant.mixed && number == 0 {
        let (first, last) = README_USER;
        (first, last, "ada.birch@example.org".to_owned())
    } else {
        let (first, last) = (chance.word(0, FIRST_NAMES), chance.word(1, LAST_NAMES));
        (
            first,
            last,
            format!("{}.{}{number}@{}", ascii(first), ascii(last), chance.pick(2, DOMAINS)),
        )
    };
    let (password, verified) = match number % 10 {
        // Users of a provider have their password there.
        _ if tenant.provider.is_some() => (false, true),
        3 | 7 if tenant.mixed => (false, number % 20 == 7),
        5 if tenant.mixed => (true, false),
        _ => (true, true),
    };
    let mut line = json!({
        "customerRegistrationId": registration_id(tenant, number),
        "email": address,
        "firstName": first,
        "lastName": last,
        "verified": verified,
        "dateRegistered": format!(
            "20{:02}-{:02}-{:02}T{:02}:{:02}:00Z",
            15 + chance.below(3, 10), 1 + chance.below(4, 12), 1 + chance.below(5, 28), chance.below(6, 24),
            chance.below(7, 60),
        ),
        "metadata": {
            "city": chance.pick(8, CITIES),
            "phoneNumber": format!("555-01{:02}", chance.below(9, 100)),
            "acceptsEmailOffers": if chance.below(10, 2) == 0 { "78" } else { "89" },
            "eedition_flag": if chance.below(11, 3) == 0 { "Y" } else { "N" },
            "loyaltyTier": chance.pick(12, &["bronze", "silver", "gold"]),
        },
    });
    if password {
        line["passwordHash"] = json!(PASSWORD_HASH);
    }
    line
}

/// Ids as publishers have them: numbers, GUIDs, and Auth0 subjects.
fn registration_id(tenant: &DevTenant, number: usize) -> String {
    let chance = Chance::new(tenant, number);
    if let Some(provider) = tenant.provider {
        return (provider.id)(chance.draw(20));
    }
    match (tenant.mixed, number % 5) {
        (true, _) => (2_937 + number).to_string(),
        (false, 4) => format!("auth0|{:024x}", chance.draw(20)),
        (false, _) => {
            let (high, low) = (chance.draw(21), chance.draw(22));
            format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                high >> 32,
                high >> 16 & 0xffff,
                high & 0xfff,
                low >> 52,
                low & 0xffff_ffff_ffff
            )
        }
    }
}

/// The name in lower-case ASCII letters, for an address.
fn ascii(name: &str) -> String {
    let plain = name.chars().filter_map(|letter| match letter {
        'a'..='z' => Some(letter),
        'A'..='Z' => Some(letter.to_ascii_lowercase()),
        'è' | 'é' | 'ë' => Some('e'),
        'í' | 'ï' => Some('i'),
        'ã' | 'á' | 'å' | 'Å' => Some('a'),
        'ö' | 'ø' | 'Ø' => Some('o'),
        'ü' => Some('u'),
        'Ž' => Some('z'),
        'Ş' => Some('s'),
        _ => None,
    });
    plain.collect()
}

/// Pseudo-random numbers, the same in every run.
#[derive(Clone, Copy)]
struct Chance(u64);

impl Chance {
    fn new(tenant: &DevTenant, number: usize) -> Self {
        let seed = tenant.name().bytes().fold(number as u64, |seed, byte| {
            seed.wrapping_mul(131).wrapping_add(u64::from(byte))
        });
        Self(seed)
    }

    /// The draw called `which`, by SplitMix64.
    fn draw(self, which: u64) -> u64 {
        let mut mixed = self
            .0
            .wrapping_add(which.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(self, which: u64, limit: usize) -> usize {
        usize::try_from(self.draw(which) % limit as u64).unwrap_or_default()
    }

    fn word(self, which: u64, words: &str) -> &str {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.pick(which, &words)
    }

    fn pick<'a>(self, which: u64, list: &[&'a str]) -> &'a str {
        list[self.below(which, list.len())]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tenants::TENANTS;
    use super::*;

    #[test]
    fn ids_and_addresses_are_unique_per_tenant() {
        for tenant in TENANTS {
            let last = tenant.known_to_provider().last().unwrap();
            let lines: Vec<Value> = (0..=last).map(|number| registration(tenant, number)).collect();
            for key in ["customerRegistrationId", "email"] {
                let different: HashSet<&str> = lines.iter().filter_map(|line| line[key].as_str()).collect();
                assert_eq!(different.len(), lines.len(), "{key} of {}", tenant.name());
            }
        }
    }

    #[test]
    fn registrations_are_the_same_in_every_run() {
        assert_eq!(registration(&TENANTS[1], 7), registration(&TENANTS[1], 7));
        assert_ne!(registration(&TENANTS[1], 7), registration(&TENANTS[2], 7));
    }

    #[test]
    fn readme_example_exists() {
        let line = registration(&TENANTS[0], 0);
        assert_eq!(TENANTS[0].name(), "northwind/daily/herald");
        for (key, value) in [
            ("customerRegistrationId", "2937"),
            ("firstName", "Ada"),
            ("lastName", "Birch"),
            ("email", "ada.birch@example.org"),
        ] {
            assert_eq!(line[key], value);
        }
    }

    #[test]
    fn addresses_are_plain_and_undeliverable() {
        for number in 0..2_000 {
            let line = registration(&TENANTS[1], number);
            let (local, domain) = line["email"].as_str().unwrap().split_once('@').unwrap();
            assert!(domain.contains("example"));
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
            assert!(local.bytes().all(is_plain));
        }
    }

    #[test]
    fn mixed_tenant_has_every_user_state() {
        let states: HashSet<(bool, bool)> = (0..50)
            .map(|number| registration(&TENANTS[0], number))
            .map(|line| (line.get("passwordHash").is_some(), line["verified"] == true))
            .collect();
        assert_eq!(states.len(), 4, "with and without password, verified and not");
    }
}
