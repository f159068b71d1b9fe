//! The numbers of identity systems (`AuthSystem`) and user states (`UserState`) in the users of the legacy API.

use masthead_domain::{flow::UserProvider, settings::TenantSettings, state::UserState};

/// The identity system of a user's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuthSystem {
    pub(crate) id: u32,
    /// Its code, which is also its name.
    pub(crate) code: &'static str,
}

/// Every system: that of accounts without an external provider, and one for each provider. The published legacy API
/// documents only the first two numbers.
pub(crate) const SYSTEMS: [AuthSystem; 1 + UserProvider::ALL.len()] = {
    let mut systems = [AuthSystem::MASTHEAD; 1 + UserProvider::ALL.len()];
    let mut at = 0;
    while at < UserProvider::ALL.len() {
        systems[at + 1] = AuthSystem::for_provider(UserProvider::ALL[at]);
        at += 1;
    }
    systems
};

/// The largest number of a system.
pub(crate) const LAST_SYSTEM: u32 = SYSTEMS[SYSTEMS.len() - 1].id;

/// Replaces `{systems}` in a text by every system.
pub(crate) fn with_systems(text: &str) -> String {
    let systems = SYSTEMS.map(|system| format!("{} {}", system.id, system.code));
    text.replace("{systems}", &systems.join(", "))
}

impl AuthSystem {
    /// The system of accounts without an external provider.
    pub(crate) const MASTHEAD: Self = Self { id: 1, code: "MG2" };

    const fn for_provider(provider: UserProvider) -> Self {
        Self {
            id: provider.legacy_system(),
            code: provider.name(),
        }
    }
}

impl From<&TenantSettings> for AuthSystem {
    /// The system of a tenant's users: its provider, or [`AuthSystem::MASTHEAD`].
    fn from(settings: &TenantSettings) -> Self {
        match settings.user_provider {
            None => Self::MASTHEAD,
            Some(provider) => Self::for_provider(provider),
        }
    }
}

/// The number of a state. The published legacy API documents 2 and 3; 1 is inferred.
pub(crate) const fn state_number(state: UserState) -> u8 {
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
    fn provider_and_system_share_a_name() {
        for &provider in UserProvider::ALL {
            let settings = TenantSettings {
                user_provider: Some(provider),
                ..TenantSettings::default()
            };
            let system = AuthSystem::from(&settings);
            assert_eq!(system.code, provider.name());
        }
        assert_eq!(AuthSystem::from(&TenantSettings::default()), AuthSystem::MASTHEAD);
        assert!(SYSTEMS.iter().zip(1..).all(|(system, id)| system.id == id));
    }
}
