//! Pending registrations and the codes that verify addresses.

use masthead_domain::email::Email;
use masthead_ports::{
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
    users::{
        CODE_TRIES, CODES_PER_DAY, CodeCheck, CodeRefusal, NewCode, PendingRegistration, UserWriteError, WriteCommit,
    },
};
use time::{Duration, OffsetDateTime};

use super::{
    InMemoryUsers,
    state::{EmailOfPool, StoredCode, UsersState, email_of_pool, find, holders},
};

impl UsersState {
    pub(super) fn pending_at(&self, key: &EmailOfPool, at: OffsetDateTime) -> Option<&PendingRegistration> {
        self.pending.get(key).filter(|pending| pending.expires_at > at)
    }

    pub(super) fn keep_code(&mut self, key: EmailOfPool, code: &NewCode, at: OffsetDateTime) {
        let mut sent = self.codes.remove(&key).map(|stored| stored.sent).unwrap_or_default();
        sent.retain(|sent| *sent > at - Duration::DAY);
        sent.push(at);
        let stored = StoredCode {
            code: code.clone(),
            wrong_tries: 0,
            sent,
        };
        self.codes.insert(key, stored);
    }

    pub(super) fn has_sent_too_many(&self, key: &EmailOfPool, at: OffsetDateTime) -> bool {
        let Some(stored) = self.codes.get(key) else {
            return false;
        };
        let since = |age: Duration| stored.sent.iter().filter(|sent| **sent > at - age).count();
        since(Duration::MINUTE) > 0 || since(Duration::DAY) >= usize::from(CODES_PER_DAY.unsigned_abs())
    }

    /// Whether a code is right; a wrong one is counted.
    pub(super) fn count_try(&mut self, key: &EmailOfPool, hashes: &[KeyedHash], at: OffsetDateTime) -> bool {
        let Some(stored) = self.codes.get_mut(key) else {
            return false;
        };
        if stored.code.expires_at <= at || stored.wrong_tries >= u32::from(CODE_TRIES.unsigned_abs()) {
            return false;
        }
        let is_right = hashes.contains(&stored.code.hash);
        stored.wrong_tries += u32::from(!is_right);
        is_right
    }
}

impl InMemoryUsers {
    pub(super) fn create_pending_now(
        &self,
        state: &mut UsersState,
        cx: &CallContext,
        pending: &PendingRegistration,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        let key = email_of_pool(cx, &pending.email);
        if state.pending_at(&key, commit.origin.at).is_some() {
            return Err(UserWriteError::EmailTaken { state: None });
        }
        if let Some(holder) = holders(&self.store, cx, &pending.email).first() {
            let state = Some(holder.state(false));
            return Err(UserWriteError::EmailTaken { state });
        }
        let crid = pending.registration.crid.as_ref();
        if !pending.registration.of_provider && crid.is_some_and(|crid| find(&self.store, cx, crid).is_some()) {
            return Err(UserWriteError::IdTaken);
        }
        state.pending.insert(key.clone(), pending.clone());
        state.keep_code(key, code, commit.origin.at);
        state.commit("create_pending", &cx.tenant, None, commit)?;
        Ok(())
    }

    pub(super) fn replace_code_now(
        &self,
        state: &mut UsersState,
        cx: &CallContext,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError> {
        let (key, at) = (email_of_pool(cx, email), commit.origin.at);
        let users = holders(&self.store, cx, email);
        let unverified = users.iter().find(|user| user.verified != Some(true));
        let refusal = if state.pending_at(&key, at).is_none() && unverified.is_none() {
            Some(if users.is_empty() {
                CodeRefusal::Unknown
            } else {
                CodeRefusal::Verified
            })
        } else {
            state.has_sent_too_many(&key, at).then_some(CodeRefusal::TooMany)
        };
        if let Some(refusal) = refusal {
            state.mark_written("replace_code", None, commit)?;
            return Ok(Err(refusal));
        }
        state.keep_code(key, code, at);
        state.commit("replace_code", &cx.tenant, unverified, commit)?;
        Ok(Ok(()))
    }

    pub(super) fn check_code_now(
        &self,
        state: &mut UsersState,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> CodeCheck {
        let key = email_of_pool(cx, email);
        let pending = state.pending_at(&key, at).cloned();
        let right = if let Some(pending) = pending {
            CodeCheck::Pending(Box::new(pending))
        } else {
            let users = holders(&self.store, cx, email);
            let is_unknown = users.is_empty();
            match users.into_iter().find(|user| user.verified != Some(true)) {
                Some(user) => CodeCheck::Unverified(Box::new(user)),
                None if is_unknown => return CodeCheck::Unknown,
                None => return CodeCheck::Verified,
            }
        };
        if state.count_try(&key, hashes, at) {
            right
        } else {
            CodeCheck::Wrong
        }
    }
}
