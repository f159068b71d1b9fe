//! Invented readers in any number, skewed as real ones are: 'Maria' 11 %, gmail 35 %, some without an address.

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata};
use masthead_subscribe_store::NewRegistration;
use time::{Duration, macros::datetime};

const FIRST: [&str; 32] = [
    "Maria", "Ana", "José", "Zoë", "Liam", "Noah", "Emma", "Olivia", "Åsa", "Søren", "Chloé", "Ivan", "Yuki", "Wen",
    "Fatima", "Omar", "Greta", "Hans", "Karl", "Lena", "Nina", "Otto", "Paul", "Rosa", "Tess", "Uma", "Vera", "Walt",
    "Xena", "Quinn", "Bo", "Di",
];
const SYLLABLES: [&str; 24] = [
    "an", "ber", "cor", "dal", "el", "fin", "gar", "hol", "is", "jen", "kov", "lund", "mor", "nel", "os", "pet", "ros",
    "sen", "tor", "ul", "ver", "wal", "yl", "zar",
];
const DOMAINS: [(&str, u64); 8] = [
    ("gmail.com", 35),
    ("yahoo.com", 55),
    ("outlook.com", 70),
    ("hotmail.com", 80),
    ("icloud.com", 88),
    ("aol.com", 92),
    ("web.de", 96),
    ("mail.example.org", 100),
];
const CITIES: [&str; 6] = ["Oslo", "Bergen", "Århus", "Lisboa", "Graz", "Zürich"];

/// A sequence that is the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX multiplier; the high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// The reader of this number.
pub(crate) fn reader(n: u64) -> NewRegistration {
    let mut dice = Dice(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
    let first = if dice.below(100) < 11 {
        "Maria"
    } else {
        dice.pick(&FIRST)
    };
    let last = format!(
        "{}{}{}",
        dice.pick(&SYLLABLES),
        dice.pick(&SYLLABLES),
        dice.pick(&SYLLABLES)
    );
    let plain = masthead_domain::name::fold_name(first);
    let roll = dice.below(100);
    let domain = DOMAINS.iter().find(|(_, up_to)| roll < *up_to).unwrap().0;
    let typed = match dice.below(5) {
        0 => format!("{plain}.{last}{n}@{domain}"),
        1 => format!("{last}{n}@{domain}"),
        2 => format!("{}{last}_{n}@{domain}", &plain[..1]),
        3 => format!("{last}.{plain}{n}@{domain}"),
        _ => format!("{plain}{n}@{domain}"),
    };
    let email = (dice.below(200) > 0).then(|| Email::parse(&typed).unwrap());
    let pairs = [
        ("city", dice.pick(&CITIES).to_owned()),
        ("country", if dice.below(2) == 0 { "NO" } else { "SE" }.to_owned()),
        ("phoneNumber", format!("+47 {}", 10_000_000 + n)),
        ("promo_flag", if dice.below(50) == 0 { "Y" } else { "N" }.to_owned()),
        (
            "favouriteSection",
            dice.pick(&["sport", "culture", "news", "puzzles"]).to_owned(),
        ),
    ];
    let registered =
        datetime!(2012-01-01 00:00 UTC) + Duration::seconds(i64::try_from(dice.below(300_000_000)).unwrap());
    NewRegistration {
        crid: CustomerRegistrationId::parse(&format!("{}", 1_000_000 + n)).unwrap(),
        email,
        first_name: if dice.below(100) == 0 { "" } else { first }.into(),
        last_name: format!("{}{}", last[..1].to_uppercase(), &last[1..]).into(),
        verified: dice.below(20) > 0,
        password_hash: (dice.below(10) > 0).then(|| "$argon2id$invented".into()),
        metadata: Metadata::new(pairs.map(|(key, value)| (key.to_owned(), value))).unwrap(),
        registered_at: Some(registered),
        changed_at: (dice.below(10) > 0).then(|| registered + Duration::days(30)),
        last_logout_at: None,
    }
}
