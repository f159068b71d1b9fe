//! The ports of reads without their writes: for a command that must change nothing.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, event::Event, query::UserQuery,
    user_key::UserKey, write_back::WriteBack,
};
use masthead_ports::{
    events::{EventLostError, ReadEvents},
    mirror::{
        ChangeCounts, MirrorPage, MirrorStatus, Profile, ProfileChange, RemovalBrake, RunError, RunSummary,
        StartOutcome, StartRun, SyncRun, UserMirror,
    },
    registrations::{RegistrationWriter, WriteBackOutcome, WriteOrigin},
    scan::ScanPage,
    source::{CallContext, SourceError, SourceErrorKind},
};
use time::OffsetDateTime;

/// Writes back nothing, and records no event.
pub(crate) struct NoWrites;

/// Reads a mirror; answers of the provider are not recorded in it, and no run starts.
pub(crate) struct ReadOnlyMirror(pub(crate) Arc<dyn UserMirror>);

const OPERATION: &str = "read only";

const fn refused() -> SourceError {
    SourceError::new(OPERATION, SourceErrorKind::Refused)
}

impl ReadEvents for NoWrites {
    fn record(&self, _event: Event) -> Result<(), EventLostError> {
        Ok(())
    }
}

#[async_trait]
impl RegistrationWriter for NoWrites {
    async fn write_back(
        &self,
        _: &CallContext,
        _: &WriteBack,
        _: &WriteOrigin,
    ) -> Result<WriteBackOutcome, SourceError> {
        Ok(WriteBackOutcome::Unchanged)
    }
}

#[async_trait]
impl UserMirror for ReadOnlyMirror {
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<MirrorPage>, SourceError> {
        self.0.search(cx, query).await
    }

    async fn profiles(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Profile>, SourceError> {
        self.0.profiles(cx, key).await
    }

    async fn status(&self, cx: &CallContext) -> Result<Option<MirrorStatus>, SourceError> {
        self.0.status(cx).await
    }

    async fn record_accounts(
        &self,
        _: &CallContext,
        _: &[Account],
        _: OffsetDateTime,
    ) -> Result<ChangeCounts, SourceError> {
        Ok(ChangeCounts::default())
    }

    async fn record_absence(
        &self,
        _: &CallContext,
        _: &CustomerRegistrationId,
        _: OffsetDateTime,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    async fn start_run(&self, _: &CallContext, _: StartRun<'_>) -> Result<StartOutcome, SourceError> {
        Err(refused())
    }

    async fn record_page(
        &self,
        _: &CallContext,
        _: &SyncRun,
        _: &ScanPage,
        _: OffsetDateTime,
    ) -> Result<ChangeCounts, RunError> {
        Err(refused().into())
    }

    async fn renew_lease(&self, _: &CallContext, _: &SyncRun) -> Result<bool, RunError> {
        Err(refused().into())
    }

    async fn release_run(&self, _: &CallContext, _: &SyncRun) -> Result<(), RunError> {
        Err(refused().into())
    }

    async fn finish_run(
        &self,
        _: &CallContext,
        _: &SyncRun,
        _: OffsetDateTime,
        _: RemovalBrake,
    ) -> Result<RunSummary, RunError> {
        Err(refused().into())
    }

    async fn preview_changes(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<ProfileChange>, SourceError> {
        self.0.preview_changes(cx, accounts).await
    }
}
