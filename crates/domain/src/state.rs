//! User states (contract §2.3).

/// What a user may do, as the answer says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserState {
    /// No password yet.
    Lite,
    /// A full user.
    Standard,
    /// The e-mail address still awaits verification.
    Unverified,
}

impl UserState {
    /// The state of a user: always `Standard` where an outside provider keeps the accounts; else by password, then
    /// by verification.
    #[must_use]
    pub const fn new(outside_provider: bool, has_password: bool, verified: bool) -> Self {
        match (outside_provider, has_password, verified) {
            (true, _, _) | (false, true, true) => Self::Standard,
            (false, false, _) => Self::Lite,
            (false, true, false) => Self::Unverified,
        }
    }

    /// The published name; states sort by its bytes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lite => "Lite",
            Self::Standard => "Standard",
            Self::Unverified => "Unverified",
        }
    }

    /// The place in the order by name: 0, 1 or 2.
    #[must_use]
    pub const fn rank(self) -> i16 {
        match self {
            Self::Lite => 0,
            Self::Standard => 1,
            Self::Unverified => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::UserState::{self, Lite, Standard, Unverified};

    #[test]
    fn a_blank_password_comes_before_a_missing_verification() {
        for (outside, password, verified, state) in [
            (true, false, false, Standard),
            (true, true, true, Standard),
            (false, false, false, Lite),
            (false, false, true, Lite),
            (false, true, false, Unverified),
            (false, true, true, Standard),
        ] {
            assert_eq!(UserState::new(outside, password, verified), state);
        }
    }

    #[test]
    fn the_rank_is_the_order_by_name() {
        let mut states = [Unverified, Standard, Lite];
        states.sort_by_key(|state| state.name());
        assert_eq!(states.map(UserState::rank), [0, 1, 2]);
    }
}
