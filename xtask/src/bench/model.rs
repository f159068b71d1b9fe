//! What a search ought to find, worked out the naive way over the invented people.

use super::needles::{EmailMatch, Needle};
use super::people::{People, Person};

/// How many readers of a paper a needle matches. Names, addresses and values here are ASCII, so that ignoring case is
/// all the normalising there is.
pub(super) fn total(people: People, tenant: u32, needle: &Needle) -> u64 {
    let mut total = 0;
    for number in people.of_tenant(tenant) {
        total += u64::from(matches(&People::person(number), needle));
    }
    total
}

fn matches(person: &Person, needle: &Needle) -> bool {
    let begins = |name: &str, prefix: Option<&str>| {
        prefix.is_none_or(|prefix| name.to_ascii_lowercase().starts_with(&prefix.to_ascii_lowercase()))
    };
    begins(&person.first(), needle.first)
        && begins(&person.last(), needle.last)
        && needle.email.is_none_or(|(text, how)| match how {
            EmailMatch::Contains => person.email().contains(text),
            EmailMatch::Prefix => person.email().starts_with(text),
        })
        && has_all(person, needle.metadata)
}

fn has_all(person: &Person, wanted: &[(&str, &str)]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let mut known = person.metadata();
    known.push(("firstName", person.first()));
    known.push(("lastName", person.last()));
    wanted.iter().all(|(key, value)| {
        known
            .iter()
            .any(|(known, has)| known.eq_ignore_ascii_case(key) && has.eq_ignore_ascii_case(value))
    })
}

#[cfg(test)]
mod tests {
    use super::super::needles;
    use super::super::people::LARGEST;
    use super::*;

    #[test]
    fn contradicting_halves_match_many_and_together_nobody() {
        let people = People { rows: 4_000 };
        let all = needles::all(100);
        let of = |metadata: &[(&str, &str)]| {
            let needle = all
                .iter()
                .find(|needle| needle.metadata == metadata && needle.email.is_none())
                .unwrap();
            total(people, LARGEST, needle)
        };
        assert!(of(&[("even", "yes")]) > 800);
        assert_eq!(of(&[("even", "yes"), ("odd", "yes")]), 0);
        assert_eq!(total(people, LARGEST, &all[0]), 2_000);
    }
}
