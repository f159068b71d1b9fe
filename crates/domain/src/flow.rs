//! Which sources a request reads (contract §2.1).

/// An outside identity provider, by its published name: the values of `Flow.UserProvider`, and the legacy API's numbers.
///
/// The adapters are packages of their own; the server pairs them with these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserProvider {
    name: &'static str,
    legacy_system: u32,
}

impl UserProvider {
    /// Every published provider, by its number in the legacy API. Number 1 is Masthead's own.
    pub const ALL: &'static [Self] = &[
        Self::new("Firefly", 2),
        Self::new("Auth0", 3),
        Self::new("Gigya", 4),
        Self::new("SSOR", 5),
    ];

    const fn new(name: &'static str, legacy_system: u32) -> Self {
        Self { name, legacy_system }
    }

    /// The provider with exactly this name; `None` is what the contract calls "not a valid name".
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|provider| provider.name == name)
    }

    /// The valid name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The number of the provider's users in the legacy API (`AuthSystemId`).
    #[must_use]
    pub const fn legacy_system(self) -> u32 {
        self.legacy_system
    }
}

/// The sources of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// The Subscribe registrations only.
    Store,
    /// The provider and the Subscribe registrations, merged into one answer.
    ProviderAndStore(UserProvider),
}

impl Sources {
    /// Decides by the table of contract §2.1.
    #[must_use]
    pub const fn for_request(provider: Option<UserProvider>, ignore_provider: bool) -> Self {
        match (provider, ignore_provider) {
            (None, _) | (Some(_), true) => Self::Store,
            (Some(provider), false) => Self::ProviderAndStore(provider),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_provider_is_read_unless_ignored() {
        for &provider in UserProvider::ALL {
            assert_eq!(
                Sources::for_request(Some(provider), false),
                Sources::ProviderAndStore(provider)
            );
            assert_eq!(Sources::for_request(Some(provider), true), Sources::Store);
            assert_eq!(UserProvider::from_name(provider.name()), Some(provider));
        }
        for ignore in [false, true] {
            assert_eq!(Sources::for_request(None, ignore), Sources::Store);
        }
        assert_eq!(UserProvider::from_name("auth0"), None);
        assert_eq!(UserProvider::from_name(""), None);
    }
}
