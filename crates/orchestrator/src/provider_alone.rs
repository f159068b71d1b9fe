//! The provider's word alone: the store is left out, so nothing is concluded of it and nothing is written to it.
//!
//! The answer table's column of an absent store decides: with the store left out, the provider's finding is the answer.
//! Lists are answered from the directory's profiles where they are current and few enough, as those of both sides are.
//! A tenant without a provider masters its accounts itself, so there the store is who is asked (contract §2.1).

use masthead_domain::{
    account::Account,
    answer::{ListAnswer, UserAnswer},
    customer_registration_id::CustomerRegistrationId,
    event::EventKind,
    merge::SourceKind,
    query::{AccessPath, OnProviderFailure, UserQuery},
};
use masthead_ports::{
    provider::{Asked, Heard, Provider},
    source::{AccountPage, CallContext, SUBSCRIBE},
};

use crate::{
    Caller, ReadError, Users,
    both::Both,
    directory::current_since,
    search::{effective, nobody},
    told::Told,
    union::{first_of, pushed_down, shortfall},
};

impl Users {
    /// Finds one user by id at the tenant's provider alone.
    ///
    /// # Errors
    /// [`ReadError::NoSuchUser`] only when the provider confirmed it; its silence is [`ReadError::Unavailable`].
    pub async fn by_id_at_provider(
        &self,
        caller: &Caller,
        crid: &CustomerRegistrationId,
        on_failure: OnProviderFailure,
    ) -> Result<UserAnswer, ReadError> {
        let Some(provider) = self.sources(caller, false) else {
            return self.stored_by_id(caller, crid).await;
        };
        let cx = caller.read_context(on_failure);
        let mut theirs = Told::nothing_yet(provider.name());
        theirs.hear(self.ask_by_id(&cx, &*provider, crid).await, None, Vec::from_iter);
        self.answer_one(caller, &*provider, crid, on_failure, alone(theirs))
    }

    /// Answers one page of the users of the tenant's provider that meet the filter.
    ///
    /// # Errors
    /// As [`Users::search`].
    pub async fn search_at_provider(
        &self,
        caller: &Caller,
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        self.reaches(query)?;
        let query = &*effective(query, caller);
        let Some(provider) = self.sources(caller, false) else {
            return self.stored_list(caller, query).await;
        };
        let cx = caller.read_context(on_failure);
        let mut theirs = Told::nothing_yet(provider.name());
        match query.filter.access_path() {
            AccessPath::Contradiction => return Ok(nobody(caller, query)),
            AccessPath::ById(crid) => theirs.hear(self.ask_by_id(&cx, &*provider, crid).await, None, Vec::from_iter),
            AccessPath::ByEmail(key) => {
                theirs.hear(self.ask_by_email(&cx, &*provider, key).await, None, |accounts| accounts);
            }
            AccessPath::List => match self.profiles(caller, &cx, query).await {
                Some(known) => theirs.hear(known, None, |accounts| accounts),
                None => list(&cx, &*provider, query, &mut theirs).await,
            },
        }
        self.answer_both(caller, &*provider, query, on_failure, alone(theirs))
    }

    /// The provider's users among those whom the directory has for this filter, where that is whole and current and shows all
    /// of them; they are filtered by their own accounts afterwards, and nobody is missing.
    async fn profiles(&self, caller: &Caller, cx: &CallContext, query: &UserQuery) -> Option<Asked<Vec<Account>>> {
        let filter = &query.filter;
        // The directory looks at merged users: only where the provider wins does each of its own show there.
        let wins = |field| caller.tenant.settings.precedence.winner(field) == SourceKind::Provider;
        let shows_all = (filter.emails.is_empty() || wins("email"))
            && (filter.first_name.is_none() || wins("firstName"))
            && (filter.last_name.is_none() || wins("lastName"))
            && filter.metadata.is_empty();
        if !shows_all {
            return None;
        }
        let page = match self.directory.search(cx, &first_of(filter.clone())).await {
            Ok(page) => page?,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no answer of the directory");
                return None;
            }
        };
        if page.more || !page.whole || page.as_of <= current_since(caller, self.clock.now()) {
            return None;
        }
        let profiles = page.entries.into_iter().filter_map(|entry| entry.profile);
        let accounts: Vec<Account> = profiles.map(|profile| profile.account).collect();
        self.record_read(caller, EventKind::SubscribeUserGet, Ok(&accounts));
        Some(Asked {
            heard: Heard::Live {
                value: accounts,
                as_of: page.as_of,
            },
            called: false,
        })
    }
}

/// The first users that the provider shows; what it cannot filter is filtered afterwards.
async fn list(cx: &CallContext, provider: &dyn Provider, query: &UserQuery, theirs: &mut Told) {
    let asked = provider
        .search(cx, &first_of(pushed_down(&query.filter, provider.searchable())))
        .await;
    let mut partial = None;
    theirs.hear(asked, None, |page: AccountPage| {
        partial = shortfall(&page);
        page.accounts
    });
    theirs.partial = partial;
}

fn alone(theirs: Told) -> Both {
    let mut both = Both {
        theirs,
        ours: Told::skipped(SUBSCRIBE),
        by_key: false,
    };
    both.mark_subjects(|_| true);
    both
}
