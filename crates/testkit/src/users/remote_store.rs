//! What is kept of users of a remote Users API.

use async_trait::async_trait;
use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::Email};
use masthead_ports::{
    keyed_hash::KeyedHash,
    remote_store::{EndedByWrite, RemoteStoreRecords},
    source::{CallContext, SourceError},
    users::{CodeRefusal, NewCode, ResetLink, UserWriteError, WriteCommit},
};
use time::OffsetDateTime;

use super::{
    InMemoryUsers,
    state::{LinkOwner, email_of_pool},
};

#[async_trait]
impl RemoteStoreRecords for InMemoryUsers {
    async fn has_pending(&self, cx: &CallContext, email: &Email, at: OffsetDateTime) -> Result<bool, SourceError> {
        self.run("has_pending", |state| {
            Ok(state.pending_at(&email_of_pool(cx, email), at).is_some())
        })
    }

    async fn record_write(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        ended: EndedByWrite<'_>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        self.run("record_write", |state| {
            if let Some(email) = ended.pending {
                let key = email_of_pool(cx, email);
                if state.pending.remove(&key).is_some() {
                    state.codes.remove(&key);
                }
            }
            if ended.links {
                state.end_links(cx.tenant.pool, &LinkOwner::Remote(id.clone()));
            }
            state.commit("record_write", &cx.tenant, Some(&Account::new(id.clone())), commit)
        })
    }

    async fn replace_code_of(
        &self,
        cx: &CallContext,
        user: &Account,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError> {
        self.run("replace_code_of", |state| {
            let (key, at) = (email_of_pool(cx, email), commit.origin.at);
            if state.has_sent_too_many(&key, at) {
                state.mark_written("replace_code_of", None, commit)?;
                return Ok(Err(CodeRefusal::TooMany));
            }
            state.keep_code(key, code, at);
            let user = Account::new(user.crid.clone());
            state.commit("replace_code_of", &cx.tenant, Some(&user), commit)?;
            Ok(Ok(()))
        })
    }

    async fn is_right_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<bool, SourceError> {
        self.run("is_right_code", |state| {
            Ok(state.count_try(&email_of_pool(cx, email), hashes, at))
        })
    }

    async fn find_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError> {
        self.run("find_link", |state| Ok(self.link(state, cx, hashes, at)))
    }

    async fn use_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        commit: &WriteCommit,
    ) -> Result<CustomerRegistrationId, UserWriteError> {
        self.run("use_link", |state| {
            let link = self.link(state, cx, hashes, commit.origin.at);
            let id = link.ok_or(UserWriteError::NoSuchUser)?.account.crid;
            state.end_links(cx.tenant.pool, &LinkOwner::Remote(id.clone()));
            state.commit("use_link", &cx.tenant, Some(&Account::new(id.clone())), commit)?;
            Ok(id)
        })
    }
}
