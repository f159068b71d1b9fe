//! Invented people, the same ones every time, whom each stand-in shows in its own shape.

const GIVEN: [&str; 24] = [
    "Maria", "José", "Anna", "Liam", "Zoë", "Noah", "Chloë", "Oskar", "Ines", "Yusuf", "Freya", "Mateo", "Siân",
    "Ravi", "Elif", "Tomás", "Greta", "Kwame", "Aoife", "Björn", "Lucía", "Pavel", "Noor", "D'Arcy",
];
const FAMILY: [&str; 20] = [
    "Garcia",
    "O'Neil",
    "Müller",
    "Van der Berg",
    "Smith",
    "Núñez",
    "Kowalski",
    "Jones",
    "Okafor",
    "Lindqvist",
    "Silva",
    "Dupont",
    "Haddad",
    "Novák",
    "Brown-Hill",
    "Rossi",
    "Tanaka",
    "McKay",
    "Åkesson",
    "Ferrari",
];
const DOMAINS: [&str; 4] = ["example.com", "example.org", "example.net", "news.example"];

/// One invented person, before a provider gives it a shape.
#[derive(Debug)]
pub(crate) struct Person {
    /// A number drawn for it, so that neighbours do not look alike.
    pub(crate) draw: u64,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) domain: &'static str,
    /// What stands before the `@`, with its capitals.
    pub(crate) local: String,
}

impl Person {
    /// The same person for the same number.
    pub(crate) fn invented(number: usize) -> Self {
        let draw = scramble(number);
        let given = GIVEN[pick(draw, GIVEN.len())];
        let family = FAMILY[pick(draw >> 16, FAMILY.len())];
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

    /// The address, capitals included.
    pub(crate) fn email(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

/// A fixed scrambling of the number (splitmix64), so that neighbours do not look alike.
fn scramble(number: usize) -> u64 {
    let mut z = (number as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn pick(draw: u64, of: usize) -> usize {
    usize::try_from(draw & 0xFFFF).unwrap_or(0) % of
}

/// A name as it stands in an address: its letters, without marks.
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
