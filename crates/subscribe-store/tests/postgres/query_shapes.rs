//! The filters of public searches, from those that match everyone to those that match no one.

use masthead_domain::query::UserFilter;

use crate::support::{and_first_name, and_metadata, containing, starting_with};

/// The filters that are also restricted to active users.
const ACTIVE: [&str; 6] = [
    "everyone",
    "contains a",
    "contains gmail",
    "first m",
    "starts maria",
    "country=no",
];

/// Filters with their names.
pub(crate) fn shapes() -> Vec<(String, UserFilter)> {
    let all = UserFilter::default;
    let mut shapes = vec![("everyone".to_owned(), all())];
    let needles = "a q % _ \\ qj %% gma gmail @ maria absentneedle absent@nowhere.example zarzar";
    for needle in needles.split(' ') {
        shapes.push((format!("contains {needle}"), containing(needle)));
    }
    for prefix in ["m", "maria", "q", "zzz"] {
        shapes.push((format!("first {prefix}"), and_first_name(all(), prefix)));
        let gmail = and_first_name(containing("gmail"), prefix);
        shapes.push((format!("gmail, first {prefix}"), gmail));
        shapes.push((format!("starts {prefix}"), starting_with(prefix)));
    }
    let contradiction = and_first_name(containing("maria"), "walt");
    shapes.push(("contradiction".to_owned(), contradiction));
    for (key, value) in [
        ("country", "no"),
        ("city", "nowhere"),
        ("phonenumber", "+47 10000042"),
        ("firstname", "maria"),
    ] {
        shapes.push((format!("{key}={value}"), and_metadata(all(), key, value)));
        let gmail = and_metadata(containing("gmail"), key, value);
        shapes.push((format!("gmail, {key}={value}"), gmail));
    }
    let active: Vec<_> = shapes
        .iter()
        .filter(|(name, _)| ACTIVE.contains(&name.as_str()))
        .map(|(name, filter)| {
            let filter = UserFilter {
                only_active: true,
                ..filter.clone()
            };
            (format!("{name}, active"), filter)
        })
        .collect();
    assert_eq!(active.len(), ACTIVE.len());
    shapes.extend(active);
    shapes
}
