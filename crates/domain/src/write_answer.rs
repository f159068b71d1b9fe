//! What a write answers, by the outcomes of the provider and of our store (contract `writes.md` §2).

/// The outcome at the provider, after an outcome without an answer was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderOutcome {
    /// The tenant has no provider, or the request ignores it.
    NotCalled,
    /// It is done, or the look-up shows it as requested.
    Done,
    /// The provider refuses, for instance by its password rules.
    Refused,
    /// Another account has the address.
    AlreadyExists,
    /// Another account has the address, which awaits its verification.
    AwaitsVerification,
    /// Another account has the id.
    IdTaken,
    /// The account has changed since it was read.
    Changed,
    /// The provider has no such user.
    NoSuchUser,
    /// Nothing was sent, or the look-up shows that nothing was done.
    NotDone,
    /// The call was sent, its answer is lost, and the look-up does not show what happened.
    Unknown,
}

/// The outcome in our store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It is committed.
    Done,
    /// The store has no such user.
    NoSuchUser,
    /// Another user has the address.
    EmailTaken,
    /// Another user has the id.
    IdTaken,
    /// The user has changed since it was read.
    Changed,
    /// The store did not answer, or cannot commit.
    Unavailable,
}

/// The answer to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteAnswer {
    /// Both sides are done.
    Done,
    /// The provider is done; our store follows from the recorded intent (`meta.pending`).
    DonePending,
    /// The provider refused; nothing is written.
    Refused,
    /// The address is taken; nothing is written.
    EmailTaken,
    /// The address awaits its verification; nothing is written.
    AwaitsVerification,
    /// The id is taken; nothing is written.
    IdTaken,
    /// There is no such user; nothing is written.
    NoSuchUser,
    /// The user has changed since it was read; nothing is written.
    Changed,
    /// Nothing is written; the call can be repeated.
    NotDone,
    /// It is unknown whether the provider has written; the recorded intent settles it (`meta.pending`).
    Pending,
}

impl WriteAnswer {
    /// The answer when the provider ends the write before our store is called; `None` when the store is next.
    #[must_use]
    pub const fn before_store(provider: ProviderOutcome) -> Option<Self> {
        match provider {
            ProviderOutcome::NotCalled | ProviderOutcome::Done => None,
            ProviderOutcome::Refused => Some(Self::Refused),
            ProviderOutcome::AlreadyExists => Some(Self::EmailTaken),
            ProviderOutcome::AwaitsVerification => Some(Self::AwaitsVerification),
            ProviderOutcome::IdTaken => Some(Self::IdTaken),
            ProviderOutcome::Changed => Some(Self::Changed),
            ProviderOutcome::NoSuchUser => Some(Self::NoSuchUser),
            ProviderOutcome::NotDone => Some(Self::NotDone),
            ProviderOutcome::Unknown => Some(Self::Pending),
        }
    }

    /// The answer after our store has answered. Once the provider is done, a store that cannot follow is not a failed
    /// write: the intent stays open, with the reason.
    #[must_use]
    pub const fn after_store(provider_is_done: bool, store: StoreOutcome) -> Self {
        match (provider_is_done, store) {
            (_, StoreOutcome::Done) => Self::Done,
            (true, _) => Self::DonePending,
            (false, StoreOutcome::NoSuchUser) => Self::NoSuchUser,
            (false, StoreOutcome::EmailTaken) => Self::EmailTaken,
            (false, StoreOutcome::IdTaken) => Self::IdTaken,
            (false, StoreOutcome::Changed) => Self::Changed,
            (false, StoreOutcome::Unavailable) => Self::NotDone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: [ProviderOutcome; 10] = [
        ProviderOutcome::NotCalled,
        ProviderOutcome::Done,
        ProviderOutcome::Refused,
        ProviderOutcome::AlreadyExists,
        ProviderOutcome::AwaitsVerification,
        ProviderOutcome::IdTaken,
        ProviderOutcome::Changed,
        ProviderOutcome::NoSuchUser,
        ProviderOutcome::NotDone,
        ProviderOutcome::Unknown,
    ];
    const STORE: [StoreOutcome; 6] = [
        StoreOutcome::Done,
        StoreOutcome::NoSuchUser,
        StoreOutcome::EmailTaken,
        StoreOutcome::IdTaken,
        StoreOutcome::Changed,
        StoreOutcome::Unavailable,
    ];

    #[test]
    fn provider_alone_decides_before_store() {
        let answers = PROVIDER.map(WriteAnswer::before_store);
        let expected = [
            None,
            None,
            Some(WriteAnswer::Refused),
            Some(WriteAnswer::EmailTaken),
            Some(WriteAnswer::AwaitsVerification),
            Some(WriteAnswer::IdTaken),
            Some(WriteAnswer::Changed),
            Some(WriteAnswer::NoSuchUser),
            Some(WriteAnswer::NotDone),
            Some(WriteAnswer::Pending),
        ];
        assert_eq!(answers, expected);
    }

    #[test]
    fn done_provider_is_never_a_failed_write() {
        for store in STORE {
            let answer = WriteAnswer::after_store(true, store);
            let expected = if store == StoreOutcome::Done {
                WriteAnswer::Done
            } else {
                WriteAnswer::DonePending
            };
            assert_eq!(answer, expected, "{store:?}");
        }
    }

    #[test]
    fn store_alone_decides_without_provider() {
        let answers = STORE.map(|store| WriteAnswer::after_store(false, store));
        let expected = [
            WriteAnswer::Done,
            WriteAnswer::NoSuchUser,
            WriteAnswer::EmailTaken,
            WriteAnswer::IdTaken,
            WriteAnswer::Changed,
            WriteAnswer::NotDone,
        ];
        assert_eq!(answers, expected);
    }
}
