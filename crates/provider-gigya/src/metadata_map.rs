//! Where a Gigya account stores Masthead's metadata: in the site's `data`, or in the profile.

use masthead_provider_kit::settings::keys::{KeyMap, is_key};

/// Where Gigya stores a metadata key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GigyaMetadataPlace {
    /// In `data`, at this path: dots lead into objects.
    Data(Box<str>),
    Profile(&'static str),
    /// The number of this kind among the profile's phones.
    Phone(PhoneKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PhoneKind {
    /// The first that is neither of the others.
    Home,
    Mobile,
    Work,
}

/// The fields of the profile that hold a text or a number, as the schema names them. The address and the names are not
/// metadata.
const PROFILE: [&str; 24] = [
    "address",
    "age",
    "bio",
    "birthDay",
    "birthMonth",
    "birthYear",
    "city",
    "country",
    "gender",
    "hometown",
    "honors",
    "industry",
    "languages",
    "locale",
    "nickname",
    "photoURL",
    "politicalView",
    "professionalHeadline",
    "profileURL",
    "relationshipStatus",
    "religion",
    "state",
    "thumbnailURL",
    "timezone",
];
const ZIP: &str = "zip";

/// The standard keys that the profile has a field of its own for.
const OWN_FIELDS: [(&str, GigyaMetadataPlace); 11] = [
    ("phoneNumber", GigyaMetadataPlace::Phone(PhoneKind::Home)),
    ("cellPhone", GigyaMetadataPlace::Phone(PhoneKind::Mobile)),
    ("workPhone", GigyaMetadataPlace::Phone(PhoneKind::Work)),
    ("gender", GigyaMetadataPlace::Profile("gender")),
    ("age", GigyaMetadataPlace::Profile("age")),
    ("dobYYYY", GigyaMetadataPlace::Profile("birthYear")),
    ("address", GigyaMetadataPlace::Profile("address")),
    ("city", GigyaMetadataPlace::Profile("city")),
    ("country", GigyaMetadataPlace::Profile("country")),
    ("postalCode", GigyaMetadataPlace::Profile(ZIP)),
    ("displayName", GigyaMetadataPlace::Profile("nickname")),
];

/// Read as `photo`; if missing, the smaller one is used.
pub(crate) const PHOTO: &str = "photoURL";
pub(crate) const THUMBNAIL: &str = "thumbnailURL";

/// The prefix of an entry about a field of the profile.
const IN_PROFILE: &str = "profile.";

/// The map of keys. The standard ones are stored where the profile has a field for them, and in `data` under their own names
/// otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GigyaMetadataMap(KeyMap<GigyaMetadataPlace>);

impl Default for GigyaMetadataMap {
    fn default() -> Self {
        Self(KeyMap::standard(|key| {
            if key == "photo" {
                return GigyaMetadataPlace::Profile(PHOTO);
            }
            let own = OWN_FIELDS.iter().find(|(name, _)| *name == key);
            own.map_or_else(|| GigyaMetadataPlace::Data(key.into()), |(_, place)| place.clone())
        }))
    }
}

impl GigyaMetadataMap {
    /// Reads `remote=local, remote, remote=, profile.remote=local, profile.remote=, *`; `None` when an entry has
    /// another form, or two entries claim the same key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let place = |remote: &str| match remote.strip_prefix(IN_PROFILE) {
            Some(ZIP) => Some(GigyaMetadataPlace::Profile(ZIP)),
            Some(field) => PROFILE
                .iter()
                .find(|known| **known == field)
                .map(|known| GigyaMetadataPlace::Profile(known)),
            None => path(remote).map(GigyaMetadataPlace::Data),
        };
        Self::default().0.with(text, IN_PROFILE, place).map(Self)
    }

    /// Every place that is read, with its Masthead key.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&GigyaMetadataPlace, &str)> {
        self.0.places()
    }

    /// Whether a member of `data` without an entry is read under its own name.
    pub(crate) fn takes(&self, member: &str) -> bool {
        !member.contains('.') && self.0.takes(&GigyaMetadataPlace::Data(member.into()), member)
    }

    /// Where a Masthead key is written; `None` when Gigya does not store it.
    pub(crate) fn place(&self, local: &str) -> Option<GigyaMetadataPlace> {
        let other = || self.takes(local).then(|| GigyaMetadataPlace::Data(local.into()));
        self.0.place(local).cloned().or_else(other)
    }
}

/// A path into `data`; members have no dots and no blanks in their names.
fn path(text: &str) -> Option<Box<str>> {
    let good = |part: &str| !part.is_empty() && !part.chars().any(char::is_whitespace);
    (is_key(text) && text.split('.').count() <= 8 && text.split('.').all(good)).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use masthead_domain::metadata::STANDARD_KEYS;

    use super::*;

    fn data(key: &str) -> GigyaMetadataPlace {
        GigyaMetadataPlace::Data(key.into())
    }

    #[test]
    fn standard_keys_use_profile_fields() {
        let map = GigyaMetadataMap::default();
        for (key, place) in [
            ("displayName", GigyaMetadataPlace::Profile("nickname")),
            ("cellPhone", GigyaMetadataPlace::Phone(PhoneKind::Mobile)),
            ("photo", GigyaMetadataPlace::Profile("photoURL")),
            ("timeZone", data("timeZone")),
        ] {
            assert_eq!(map.place(key), Some(place), "{key}");
        }
        assert_eq!(map.places().count(), STANDARD_KEYS.len());
    }

    #[test]
    fn entries_reach_the_profile() {
        let map =
            GigyaMetadataMap::parse("team, news.daily=promo_flag, profile.gender=, profile.bio=about, profile.zip");
        let map = map.unwrap();
        assert_eq!(map.place("team"), Some(data("team")));
        assert_eq!(map.place("promo_flag"), Some(data("news.daily")));
        assert_eq!(map.place("gender"), None);
        assert_eq!(map.place("about"), Some(GigyaMetadataPlace::Profile("bio")));
        assert_eq!(map.place("zip"), Some(GigyaMetadataPlace::Profile("zip")));
        let star = GigyaMetadataMap::parse("*").unwrap();
        assert!(star.takes("team") && !star.takes("a.b"));
    }

    #[test]
    fn invalid_entry_is_rejected() {
        for bad in ["profile.=x", "profile.email=x", "profile.phones=x", "a..b", "a b=c"] {
            assert_eq!(GigyaMetadataMap::parse(bad), None, "{bad:?}");
        }
    }
}
