//! Invented persons, the same ones every time; each simulated provider shows them in its own format.

const GIVEN: [&str; 24] = [
    "Maria", "José", "Anna", "Liam", "Zoë", "Noah", "Chloë", "Oskar", "Ines", "Yusuf", "Freya", "Mateo", "Siân",
    "Ravi", "Elif", "Tomás", "Greta", "Kwame", "Aoife", "Björn", "Lucía", "Pavel", "Noor", "D'Arcy",
];
const FAMILY: &str = "Garcia,O'Neil,Müller,Van der Berg,Smith,Núñez,Kowalski,Jones,Okafor,Lindqvist,Silva,Dupont,Haddad,Novák,Brown-Hill,Rossi,Tanaka,McKay,Åkesson,Ferrari";
const DOMAINS: [&str; 4] = ["example.com", "example.org", "example.net", "news.example"];

/// One invented person, before a provider gives it a format.
#[derive(Debug)]
pub(crate) struct SamplePerson {
    /// A pseudo-random number, so that consecutive persons differ.
    pub(crate) draw: u64,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) domain: &'static str,
    /// The part of the address before the `@`, with capitals.
    pub(crate) local: String,
}

impl SamplePerson {
    /// The person with this number; always the same.
    pub(crate) fn from_number(number: usize) -> Self {
        let draw = scramble(number);
        let given = GIVEN[pick(draw, GIVEN.len())];
        let families: Vec<&str> = FAMILY.split(',').collect();
        let family = families[pick(draw >> 16, families.len())];
        let domain = DOMAINS[pick(draw >> 32, DOMAINS.len())];
        let local = format!("{}.{}{number}", plain(given), plain(family));
        Self {
            draw,
            given,
            family,
            domain,
            local,
        }
    }

    /// The address, with capitals or without.
    pub(crate) fn email(&self, with_capitals: bool) -> String {
        let email = format!("{}@{}", self.local, self.domain);
        if with_capitals { email } else { email.to_lowercase() }
    }
}

/// splitmix64: a fixed pseudo-random function of the number.
fn scramble(number: usize) -> u64 {
    let mut z = (number as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn pick(draw: u64, count: usize) -> usize {
    usize::try_from(draw & 0xFFFF).unwrap_or(0) % count
}

/// A name as part of an address: its letters without diacritics.
fn plain(name: &str) -> String {
    let bare = name.chars().map(|char| match char {
        'á' | 'â' => 'a',
        'é' | 'ë' => 'e',
        'í' => 'i',
        'ö' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        'Å' => 'A',
        other => other,
    });
    bare.filter(char::is_ascii_alphabetic).collect()
}
