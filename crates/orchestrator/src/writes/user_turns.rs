//! One caller at a time for each user, within this server.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::PoolId};
use masthead_ports::source::CallContext;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::error::WriteUserError;

type UserOfPool = (PoolId, CustomerRegistrationId);

/// The turns that are taken or waited for. There are no more of them than running calls.
#[derive(Default)]
pub(crate) struct UserTurns(Mutex<HashMap<UserOfPool, Weak<AsyncMutex<()>>>>);

impl UserTurns {
    /// Waits for this user's turn, which ends when the result is dropped.
    ///
    /// # Errors
    /// The deadline has passed before.
    pub(crate) async fn wait_for(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
    ) -> Result<OwnedMutexGuard<()>, WriteUserError> {
        let turn = self.of_user((cx.tenant.pool, id.clone())).lock_owned();
        let in_time = tokio::time::timeout_at(cx.deadline.into(), turn).await;
        in_time.map_err(|_| WriteUserError::NOT_DONE)
    }

    fn of_user(&self, user: UserOfPool) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(&user).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(user, Arc::downgrade(&turn));
        turn
    }
}
