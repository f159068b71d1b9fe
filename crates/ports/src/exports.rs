//! Exports of the registrations of a tenant, all or those of a filter, from one snapshot of the store.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{account::Account, query::UserFilter};

use crate::{
    passwords::PasswordHash,
    source::{CallContext, SourceError},
};

/// A registration as it is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedRegistration {
    /// The account.
    pub account: Account,
    /// The hash of its password; `None` where there is none, or where the export has no hashes.
    pub password_hash: Option<PasswordHash>,
}

/// What is exported.
#[derive(Debug, Clone)]
pub struct ExportSelection {
    /// The conditions that each registration meets.
    pub filter: UserFilter,
    /// Whether the hashes of passwords are read.
    pub with_hashes: bool,
    /// How long the reader may pause between two batches before the store ends the export by itself.
    pub idle_limit: Duration,
}

/// Opens exports.
#[async_trait]
pub trait RegistrationExports: Send + Sync {
    /// Begins an export of the registrations of the tenant's pool, by the deadline of the context. What is written from then on
    /// is not in it.
    async fn open(
        &self,
        cx: &CallContext,
        selection: &ExportSelection,
    ) -> Result<Box<dyn RegistrationExport>, SourceError>;
}

/// An export that has begun. Dropped before its end, it is given up at once, with what it holds in the store.
#[async_trait]
pub trait RegistrationExport: Send {
    /// The next registrations, in the order of the bytes of their ids. A batch may be empty; `None` is the end. After an error
    /// there is nothing more.
    async fn next(&mut self) -> Result<Option<Vec<ExportedRegistration>>, SourceError>;
}
