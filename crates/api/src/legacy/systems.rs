//! The numbers by which the legacy API calls identity systems and states.

use masthead_domain::{flow::UserProvider, settings::TenantSettings, state::UserState};

/// Who keeps a user's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AuthSystem {
    pub(super) id: u32,
    /// Code and name alike.
    pub(super) code: &'static str,
}

/// Every system: our own, and the providers. The first two numbers were seen in published answers, the others are ours.
pub(super) const SYSTEMS: [AuthSystem; 1 + UserProvider::ALL.len()] = {
    let mut systems = [AuthSystem::MASTHEAD; 1 + UserProvider::ALL.len()];
    let mut at = 0;
    while at < UserProvider::ALL.len() {
        systems[at + 1] = AuthSystem::of_provider(UserProvider::ALL[at]);
        at += 1;
    }
    systems
};

/// The largest number of a system.
pub(super) const LAST_SYSTEM: u32 = SYSTEMS[SYSTEMS.len() - 1].id;

impl AuthSystem {
    /// Our own: the accounts that our store masters.
    pub(super) const MASTHEAD: Self = Self { id: 1, code: "MG2" };

    const fn of_provider(provider: UserProvider) -> Self {
        Self {
            id: provider.legacy_system(),
            code: provider.name(),
        }
    }

    /// The system of a tenant's users: its provider, or our own.
    pub(super) const fn of(settings: &TenantSettings) -> Self {
        match settings.user_provider {
            None => Self::MASTHEAD,
            Some(provider) => Self::of_provider(provider),
        }
    }
}

/// The number of a state: 2 and 3 were seen, 1 is inferred.
pub(super) const fn state_number(state: UserState) -> u8 {
    match state {
        UserState::Lite => 1,
        UserState::Unverified => 2,
        UserState::Standard => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_the_system_of_its_name() {
        for provider in UserProvider::ALL {
            let settings = TenantSettings {
                user_provider: Some(provider),
                ..TenantSettings::default()
            };
            let system = AuthSystem::of(&settings);
            assert_eq!(system.code, provider.name());
        }
        assert_eq!(AuthSystem::of(&TenantSettings::default()), AuthSystem::MASTHEAD);
        assert!(SYSTEMS.iter().zip(1..).all(|(system, id)| system.id == id));
    }
}
