//! Which sources a request asks (contract §2.1).

/// The outside identity providers that `Flow.UserProvider` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserProvider {
    /// Auth0.
    Auth0,
    /// Gigya, now SAP Customer Data Cloud.
    Gigya,
    /// Tribune's single sign-on registration service.
    Ssor,
    /// Gannett's user platform.
    Firefly,
}

impl UserProvider {
    /// Every provider, with its valid name.
    pub const ALL: [Self; 4] = [Self::Auth0, Self::Gigya, Self::Ssor, Self::Firefly];

    /// The provider of this name, spelt exactly; `None` is what the contract calls "not a valid name".
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// The valid name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth0 => "Auth0",
            Self::Gigya => "Gigya",
            Self::Ssor => "SSOR",
            Self::Firefly => "Firefly",
        }
    }
}

/// The sources of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// The Subscribe registrations alone.
    Store,
    /// The provider and the Subscribe registrations, merged into one answer.
    ProviderAndStore(UserProvider),
}

impl Sources {
    /// The table of contract §2.1.
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
    fn the_provider_is_asked_when_it_is_valid_and_not_ignored() {
        for provider in UserProvider::ALL {
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
