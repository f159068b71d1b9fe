//! Suggestions for names and words that do not exist.

use strsim::osa_distance;

/// The shortest text that is taken for the beginning of a word.
const SHORTEST_BEGINNING: usize = 3;

/// The candidate that a misspelt text most likely means; `None` where none is close.
#[must_use]
pub fn closest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = text.trim().to_lowercase();
    let most = (wanted.chars().count() / 3).clamp(1, 3);
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let is_beginning =
            |beginning: &str, whole: &str| beginning.len() >= SHORTEST_BEGINNING && whole.starts_with(beginning);
        if is_beginning(&wanted, &candidate) || is_beginning(&candidate, &wanted) {
            1
        } else {
            osa_distance(&wanted, &candidate)
        }
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?` with the closest candidate, for the end of an error; empty where none is close.
#[must_use]
pub fn did_you_mean<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(text, candidates).map_or_else(String::new, |candidate| format!("; did you mean {candidate}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_suggested() {
        let words = ["error", "warn", "info", "debug", "trace"];
        for (text, expected) in [
            ("inof", Some("info")),
            ("WARNING", Some("warn")),
            ("err", Some("error")),
            ("dbug", Some("debug")),
            ("verbose", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(closest(text, words), expected, "{text}");
        }
        assert_eq!(
            did_you_mean("Auth0.Domian", ["Auth0.Domain", "Auth0.ClientId"]),
            "; did you mean Auth0.Domain?"
        );
        assert_eq!(did_you_mean("Colour", ["Auth0.Domain"]), "");
    }
}
