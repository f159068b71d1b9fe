//! Which of a user's metadata at Auth0 are ours, and under which key.

use std::collections::BTreeMap;

use masthead_domain::metadata::{MAX_KEY_BYTES, STANDARD_KEYS};

/// Where a key of ours is kept at Auth0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In `user_metadata`, under this key.
    User(Box<str>),
    /// In `app_metadata`, under this key.
    App(Box<str>),
}

/// The map of keys. The standard keys (contract §2.4) are kept in `user_metadata` under their own names unless an entry
/// says otherwise; nothing of `app_metadata` is ours unless an entry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataMap {
    ours: BTreeMap<Place, Box<str>>,
    left_out: Vec<Place>,
    all_others: bool,
}

impl Default for MetadataMap {
    fn default() -> Self {
        let own_name = |key: &&str| (Place::User((*key).into()), (*key).into());
        Self {
            ours: STANDARD_KEYS.iter().map(own_name).collect(),
            left_out: Vec::new(),
            all_others: false,
        }
    }
}

impl MetadataMap {
    /// Reads `theirs=ours, theirs, theirs=, app_metadata.theirs=ours, *`; `None` when an entry is none of these, or two
    /// entries claim the same key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut map = Self::default();
        let mut claimed: Vec<String> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                map.all_others = true;
                continue;
            }
            let (theirs, ours) = match entry.split_once('=') {
                Some((theirs, ours)) => (theirs.trim(), ours.trim()),
                None => (entry, entry.strip_prefix("app_metadata.").unwrap_or(entry)),
            };
            let place = match theirs.strip_prefix("app_metadata.") {
                Some(key) => Place::App(key.into()),
                None => Place::User(theirs.into()),
            };
            let (Place::User(key) | Place::App(key)) = &place;
            if !is_key(key) || (!ours.is_empty() && !is_key(ours)) {
                return None;
            }
            map.ours.remove(&place);
            if ours.is_empty() {
                map.left_out.push(place);
                continue;
            }
            let lowered = ours.to_lowercase();
            if claimed.contains(&lowered) {
                return None;
            }
            claimed.push(lowered);
            // A key that is claimed is kept at one place only.
            map.ours.retain(|_, kept| !kept.eq_ignore_ascii_case(ours));
            map.ours.insert(place, ours.into());
        }
        Some(map)
    }

    /// The key under which a key at Auth0 is ours; `None` when it is not.
    pub(crate) fn ours<'a>(&'a self, place: &'a Place) -> Option<&'a str> {
        if let Some(ours) = self.ours.get(place) {
            return Some(ours);
        }
        match place {
            Place::User(key)
                if self.all_others
                    && is_key(key)
                    && !self.left_out.contains(place)
                    && !self.ours.values().any(|ours| ours.eq_ignore_ascii_case(key)) =>
            {
                Some(key)
            }
            _ => None,
        }
    }

    /// Where a key of ours is written; `None` when Auth0 does not keep it.
    pub(crate) fn place(&self, ours: &str) -> Option<Place> {
        let named = self.ours.iter().find(|(_, key)| &***key == ours);
        if let Some((place, _)) = named {
            return Some(place.clone());
        }
        let place = Place::User(ours.into());
        (self.ours(&place) == Some(ours)).then_some(place)
    }
}

fn is_key(text: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&text.len()) && !text.chars().any(|char| char.is_control() || char == '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(key: &str) -> Place {
        Place::User(key.into())
    }

    #[test]
    fn the_standard_keys_keep_their_names_and_nothing_else_is_ours() {
        let map = MetadataMap::default();
        assert_eq!(map.ours(&user("phoneNumber")), Some("phoneNumber"));
        assert_eq!(map.place("timeZone"), Some(user("timeZone")));
        assert_eq!(map.ours(&user("favourite_team")), None);
        assert_eq!(map.place("favouriteTeam"), None);
        assert_eq!(map.ours(&Place::App("plan".into())), None);
    }

    #[test]
    fn entries_rename_add_leave_out_and_open_app_metadata() {
        let map = MetadataMap::parse("phone=phoneNumber, team, gender=, app_metadata.plan=plan").unwrap();
        assert_eq!(map.ours(&user("phone")), Some("phoneNumber"));
        assert_eq!(map.ours(&user("phoneNumber")), None);
        assert_eq!(map.place("phoneNumber"), Some(user("phone")));
        assert_eq!(map.ours(&user("team")), Some("team"));
        assert_eq!((map.ours(&user("gender")), map.place("gender")), (None, None));
        assert_eq!(map.place("plan"), Some(Place::App("plan".into())));
    }

    #[test]
    fn a_star_takes_all_but_what_is_claimed_or_left_out() {
        let map = MetadataMap::parse("*, phone=phoneNumber, internal=").unwrap();
        assert_eq!(map.ours(&user("team")), Some("team"));
        assert_eq!(map.ours(&user("internal")), None);
        assert_eq!(map.ours(&user("PhoneNumber")), None);
        assert_eq!(map.place("team"), Some(user("team")));
        assert_eq!(map.ours(&Place::App("plan".into())), None);
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for bad in ["=x", "a=b=c", "a=x,b=X", "app_metadata.=x", "a\u{7f}=b"] {
            assert_eq!(MetadataMap::parse(bad), None, "{bad:?}");
        }
    }
}
