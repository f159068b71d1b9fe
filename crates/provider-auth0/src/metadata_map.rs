//! Maps metadata keys between Auth0 and Masthead.

use masthead_provider_kit::settings::keys::{KeyMap, is_key};

/// Where Auth0 stores a metadata key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Auth0MetadataPlace {
    /// In `user_metadata`, under this key.
    User(Box<str>),
    /// In `app_metadata`, under this key.
    App(Box<str>),
}

/// The prefix of an entry about a key of `app_metadata`.
const APP: &str = "app_metadata.";

/// The map of keys. Standard keys are stored in `user_metadata` under their own names; a key of `app_metadata` is used
/// only if an entry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Auth0MetadataMap(KeyMap<Auth0MetadataPlace>);

impl Default for Auth0MetadataMap {
    fn default() -> Self {
        Self(KeyMap::standard(|key| Auth0MetadataPlace::User(key.into())))
    }
}

impl Auth0MetadataMap {
    /// Reads `name=key_for, name, name=, app_metadata.name=key_for, *`; `None` when an entry has another form, or two
    /// entries claim the same key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let place = |name: &str| match name.strip_prefix(APP) {
            Some(key) => is_key(key).then(|| Auth0MetadataPlace::App(key.into())),
            None => is_key(name).then(|| Auth0MetadataPlace::User(name.into())),
        };
        Self::default().0.with(text, APP, place).map(Self)
    }

    /// Masthead's key for a key at Auth0; `None` when it has none.
    pub(crate) fn key_for<'a>(&'a self, place: &'a Auth0MetadataPlace) -> Option<&'a str> {
        self.0.key(place).or_else(|| match place {
            Auth0MetadataPlace::User(key) => self.0.takes(place, key).then_some(&**key),
            Auth0MetadataPlace::App(_) => None,
        })
    }

    /// Where a Masthead key is written; `None` when Auth0 does not store it.
    pub(crate) fn place(&self, key_for: &str) -> Option<Auth0MetadataPlace> {
        let other = || Some(Auth0MetadataPlace::User(key_for.into())).filter(|place| self.0.takes(place, key_for));
        self.0.place(key_for).cloned().or_else(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(key: &str) -> Auth0MetadataPlace {
        Auth0MetadataPlace::User(key.into())
    }

    #[test]
    fn entries_reach_app_metadata() {
        let map = Auth0MetadataMap::parse("team, app_metadata.plan=plan").unwrap();
        assert_eq!(map.place("phoneNumber"), Some(user("phoneNumber")));
        assert_eq!(map.key_for(&user("team")), Some("team"));
        assert_eq!(map.place("plan"), Some(Auth0MetadataPlace::App("plan".into())));
        assert_eq!(Auth0MetadataMap::parse("app_metadata.=x"), None);
    }

    #[test]
    fn star_excludes_app_metadata() {
        let map = Auth0MetadataMap::parse("*, internal=").unwrap();
        assert_eq!(map.key_for(&user("team")), Some("team"));
        assert_eq!(map.place("team"), Some(user("team")));
        assert_eq!(map.key_for(&user("internal")), None);
        assert_eq!(map.key_for(&Auth0MetadataPlace::App("plan".into())), None);
    }
}
