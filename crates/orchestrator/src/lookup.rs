//! Get By Id: one user, or the truth about why there is none.

use masthead_domain::{
    account::Account,
    answer::{User, UserAnswer},
    customer_registration_id::CustomerRegistrationId,
    event::EventKind,
    flow::Sources,
    query::{OnProviderFailure, UserFilter},
    state::UserState,
};
use masthead_ports::{provider::Provider, source::Priority};

use crate::{Caller, ReadError, Users, both::Both, settle::settle, users::store_alone};

/// Whom to look up, and how.
#[derive(Debug, Clone)]
pub struct LookupRequest {
    /// The user's id.
    pub crid: CustomerRegistrationId,
    /// Ask the store alone.
    pub ignore_provider: bool,
    /// What a silent source does to the answer.
    pub on_provider_failure: OnProviderFailure,
}

impl Users {
    /// Finds one user by id.
    ///
    /// # Errors
    /// [`ReadError::NoSuchUser`] only when every source asked confirmed it; a silent source is
    /// [`ReadError::Unavailable`].
    pub async fn by_id(&self, caller: &Caller, request: &LookupRequest) -> Result<UserAnswer, ReadError> {
        match self.sources(caller, request.ignore_provider) {
            Some(provider) => Box::pin(self.merged_by_id(caller, &*provider, request)).await,
            None => self.stored_by_id(caller, &request.crid).await,
        }
    }

    /// The provider to ask beside the store, if the tenant's flow and the request want one.
    pub(crate) fn sources(&self, caller: &Caller, ignore_provider: bool) -> Option<std::sync::Arc<dyn Provider>> {
        match Sources::for_request(caller.tenant.settings.user_provider, ignore_provider) {
            Sources::Store => None,
            Sources::ProviderAndStore(_) => self.providers.for_tenant(&caller.tenant),
        }
    }

    pub(crate) async fn stored_by_id(
        &self,
        caller: &Caller,
        crid: &CustomerRegistrationId,
    ) -> Result<UserAnswer, ReadError> {
        let cx = caller.context(Priority::Interactive);
        let answer = self.store.by_id(&cx, crid).await;
        self.record_read(
            caller,
            EventKind::SubscribeUserGetById,
            answer.as_ref().map(Option::as_slice),
        );
        match answer {
            Ok(Some(account)) => Ok(UserAnswer {
                user: stored(account, caller),
                completeness: store_alone(caller, &*self.clock),
            }),
            Ok(None) => Err(ReadError::NoSuchUser {
                completeness: store_alone(caller, &*self.clock),
            }),
            Err(error) => Err(self.silence(caller, &error)),
        }
    }

    async fn merged_by_id(
        &self,
        caller: &Caller,
        provider: &dyn Provider,
        request: &LookupRequest,
    ) -> Result<UserAnswer, ReadError> {
        let cx = caller.read_context(request.on_provider_failure);
        let both = self.both_by_id(&cx, provider, &request.crid).await;
        self.answer_one(caller, provider, &request.crid, request.on_provider_failure, both)
    }

    /// The user of this id, of what both sides told.
    pub(crate) fn answer_one(
        &self,
        caller: &Caller,
        provider: &dyn Provider,
        crid: &CustomerRegistrationId,
        on_failure: OnProviderFailure,
        both: Both,
    ) -> Result<UserAnswer, ReadError> {
        self.record_both(caller, EventKind::SubscribeUserGetById, &both);
        self.settle_one(caller, provider, crid, on_failure, both)
    }

    /// As [`Users::answer_one`], where the events are somebody else's to write.
    pub(crate) fn settle_one(
        &self,
        caller: &Caller,
        provider: &dyn Provider,
        crid: &CustomerRegistrationId,
        on_failure: OnProviderFailure,
        both: Both,
    ) -> Result<UserAnswer, ReadError> {
        let filter = UserFilter {
            crids: vec![crid.clone()],
            ..UserFilter::default()
        };
        let settled = settle(both, &filter, &caller.tenant, provider.name(), on_failure)?;
        // An id is one account's of each side, and joins them: so it is one user's.
        match settled.users.into_iter().next() {
            Some((account, provenance)) => {
                self.synchronise_later(caller, settled.writes);
                let user = User {
                    account,
                    state: UserState::Standard,
                    provenance,
                };
                Ok(UserAnswer {
                    user,
                    completeness: Some(settled.completeness),
                })
            }
            None => Err(ReadError::NoSuchUser {
                completeness: Some(settled.completeness),
            }),
        }
    }
}

/// A registration as it is answered where the store alone was asked.
pub(crate) fn stored(account: Account, caller: &Caller) -> User {
    User {
        state: account.state(caller.tenant.settings.is_federated()),
        account,
        provenance: Vec::new(),
    }
}
