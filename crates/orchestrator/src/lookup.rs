//! Get By Id: one user, or the truth about why there is none.

use masthead_domain::{
    account::Account,
    answer::{User, UserAnswer},
    crid::Crid,
    event::{EventKind, EventOutcome},
    query::OnProviderFailure,
};
use masthead_ports::source::Priority;

use crate::{Caller, ReadError, Users, users::Read};

/// Whom to look up, and how.
#[derive(Debug, Clone)]
pub struct LookupRequest {
    /// The user's id.
    pub crid: Crid,
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
    /// [`ReadError::CannotTell`].
    pub async fn by_id(&self, caller: &Caller, request: &LookupRequest) -> Result<UserAnswer, ReadError> {
        let cx = caller.context(Priority::Interactive);
        match self.store.by_id(&cx, &request.crid).await {
            Ok(Some(account)) => {
                let read = Read {
                    registration_id: account.registration_id,
                    users: 1,
                };
                self.record(caller, EventKind::SubscribeUserGetById, EventOutcome::Found, read);
                Ok(UserAnswer {
                    user: stored(account, caller),
                    completeness: None,
                })
            }
            Ok(None) => {
                self.record(
                    caller,
                    EventKind::SubscribeUserGetById,
                    EventOutcome::Absent,
                    Read::default(),
                );
                Err(ReadError::NoSuchUser { completeness: None })
            }
            Err(error) => {
                self.record(
                    caller,
                    EventKind::SubscribeUserGetById,
                    EventOutcome::Unknown,
                    Read::default(),
                );
                Err(ReadError::of_silence(&error, None))
            }
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
