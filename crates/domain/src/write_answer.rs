//! What a write answers, by what the provider and our store said (contract `writes.md` §2).

/// What the provider said to a write, after an outcome without an answer was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderOutcome {
    /// The tenant has no provider, or the request ignores it: it is told nothing.
    NotAsked,
    /// It is done, or the look-up shows it as asked.
    Done,
    /// The provider refuses, for instance by its password rules.
    Refused,
    /// Another account has the address.
    AlreadyExists,
    /// The provider has no such user.
    NoSuchUser,
    /// Nothing was sent, or the look-up shows that nothing was done.
    NotDone,
    /// The call was sent, its answer is lost, and the look-up cannot tell what happened.
    Unknown,
}

/// What our store said to a write.
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

/// What the caller is told.
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
    /// The id is taken; nothing is written.
    IdTaken,
    /// There is no such user; nothing is written.
    NoSuchUser,
    /// The user has changed since it was read; nothing is written.
    Changed,
    /// Nothing is written; the call can be repeated.
    NotDone,
    /// It cannot be told whether the provider has written; the recorded intent settles it (`meta.pending`).
    Pending,
}

impl WriteAnswer {
    /// What is told when the provider ends the write before our store is asked; `None` when the store is next.
    #[must_use]
    pub const fn before_store(provider: ProviderOutcome) -> Option<Self> {
        match provider {
            ProviderOutcome::NotAsked | ProviderOutcome::Done => None,
            ProviderOutcome::Refused => Some(Self::Refused),
            ProviderOutcome::AlreadyExists => Some(Self::EmailTaken),
            ProviderOutcome::NoSuchUser => Some(Self::NoSuchUser),
            ProviderOutcome::NotDone => Some(Self::NotDone),
            ProviderOutcome::Unknown => Some(Self::Pending),
        }
    }

    /// What is told after our store has answered. Once the provider is done, a store that cannot follow is not a failed
    /// write: the intent stays open and says why.
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

    const PROVIDER: [ProviderOutcome; 7] = [
        ProviderOutcome::NotAsked,
        ProviderOutcome::Done,
        ProviderOutcome::Refused,
        ProviderOutcome::AlreadyExists,
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
        let told = PROVIDER.map(WriteAnswer::before_store);
        let expected = [
            None,
            None,
            Some(WriteAnswer::Refused),
            Some(WriteAnswer::EmailTaken),
            Some(WriteAnswer::NoSuchUser),
            Some(WriteAnswer::NotDone),
            Some(WriteAnswer::Pending),
        ];
        assert_eq!(told, expected);
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
        let told = STORE.map(|store| WriteAnswer::after_store(false, store));
        let expected = [
            WriteAnswer::Done,
            WriteAnswer::NoSuchUser,
            WriteAnswer::EmailTaken,
            WriteAnswer::IdTaken,
            WriteAnswer::Changed,
            WriteAnswer::NotDone,
        ];
        assert_eq!(told, expected);
    }
}
