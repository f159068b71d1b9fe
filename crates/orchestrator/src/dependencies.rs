//! Builds the use cases from the ports.

use std::sync::Arc;

use masthead_ports::{
    audit::{AuditLog, AuditPolicy},
    bulk::BulkLookups,
    clock::Clock,
    events::ReadEvents,
    exports::RegistrationExports,
    mirror::UserMirror,
    provider::Providers,
    registrations::RegistrationWriter,
    source::UserSource,
};

use crate::{
    export_registrations::{ExportLimits, ExportRegistrations, RunningExports},
    export_users::ExportUsers,
    list_users::ListUsers,
    live_union::LiveUnion,
    lookup_user::LookupUser,
    mirror_list::MirrorLists,
    mirror_writer::MirrorWriter,
    provider_reader::ProviderReader,
    read_audit::ReadAudit,
    read_log::ReadLog,
    refusal_log::RefusalLog,
    search_provider::SearchProvider,
    source_pair::SourcePair,
    store_only::StoreOnly,
    write_back::WriteBackQueue,
};

/// The ports that the use cases need.
#[derive(Clone)]
pub struct Dependencies {
    /// Our registrations.
    pub store: Arc<dyn UserSource>,
    /// The same registrations, for bulk lookups.
    pub bulk: Arc<dyn BulkLookups>,
    /// The same registrations, for exports of all of them.
    pub exports: Arc<dyn RegistrationExports>,
    /// The limits of these exports.
    pub export_limits: ExportLimits,
    /// The writer of the same registrations.
    pub registrations: Arc<dyn RegistrationWriter>,
    /// The identity providers.
    pub providers: Arc<dyn Providers>,
    /// The mirror of the providers' users.
    pub mirror: Arc<dyn UserMirror>,
    /// The audit log.
    pub events: Arc<dyn ReadEvents>,
    /// The same, to be read.
    pub audit_log: Arc<dyn AuditLog>,
    /// What the audit log keeps.
    pub audit: AuditPolicy,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// All use cases, over shared write queues. Cheap to clone.
#[derive(Clone)]
pub struct UseCases {
    /// One user by id.
    pub lookup_user: LookupUser,
    /// Pages of users.
    pub list_users: ListUsers,
    /// Users of the provider alone.
    pub search_provider: SearchProvider,
    /// Many users by key.
    pub export_users: ExportUsers,
    /// All registrations of a tenant.
    pub export_registrations: ExportRegistrations,
    /// Events of the audit log.
    pub read_audit: ReadAudit,
    /// The events of refused calls.
    pub refusals: RefusalLog,
    dependencies: Dependencies,
    max_depth: u64,
    write_back: WriteBackQueue,
    mirror_writer: MirrorWriter,
    running_exports: RunningExports,
}

impl UseCases {
    /// Builds the use cases; `max_depth` is the depth that page numbers reach, in rows.
    #[must_use]
    pub fn new(dependencies: Dependencies, max_depth: u64) -> Self {
        let write_back = WriteBackQueue::new(
            Arc::clone(&dependencies.registrations),
            Arc::clone(&dependencies.clock),
            dependencies.audit.address,
        );
        let mirror_writer = MirrorWriter::new(Arc::clone(&dependencies.mirror));
        let refusals = RefusalLog::new(
            Arc::clone(&dependencies.events),
            Arc::clone(&dependencies.clock),
            dependencies.audit.address,
        );
        let running = RunningExports::default();
        Self::assemble(dependencies, max_depth, write_back, mirror_writer, refusals, running)
    }

    /// The same use cases over another handle of the same store, such as one that runs lookups on the thread of the caller.
    #[must_use]
    pub fn with_store(&self, store: Arc<dyn UserSource>) -> Self {
        let dependencies = Dependencies {
            store,
            ..self.dependencies.clone()
        };
        Self::assemble(
            dependencies,
            self.max_depth,
            self.write_back.clone(),
            self.mirror_writer.clone(),
            self.refusals.clone(),
            self.running_exports.clone(),
        )
    }

    /// Waits until all queued writes are done; later writes are discarded.
    pub async fn close(&self) {
        tokio::join!(self.write_back.close(), self.mirror_writer.close());
    }

    fn assemble(
        dependencies: Dependencies,
        max_depth: u64,
        write_back: WriteBackQueue,
        mirror_writer: MirrorWriter,
        refusals: RefusalLog,
        running_exports: RunningExports,
    ) -> Self {
        let Dependencies {
            store,
            bulk,
            exports,
            export_limits,
            providers,
            mirror,
            events,
            audit_log,
            audit,
            clock,
            ..
        } = dependencies.clone();
        let log = ReadLog {
            events,
            clock: Arc::clone(&clock),
            policy: audit,
        };
        let reader = ProviderReader {
            mirror: Arc::clone(&mirror),
            writer: mirror_writer.clone(),
        };
        let sources = SourcePair::new(Arc::clone(&store), reader.clone(), Arc::clone(&clock));
        let store_only = StoreOnly {
            store,
            log: log.clone(),
            clock: Arc::clone(&clock),
        };
        let mirror = MirrorLists {
            mirror,
            log: log.clone(),
            clock: Arc::clone(&clock),
        };
        let union = LiveUnion {
            sources: sources.clone(),
            store_only: store_only.clone(),
            log: log.clone(),
            write_back: write_back.clone(),
        };
        Self {
            lookup_user: LookupUser {
                providers: Arc::clone(&providers),
                sources: sources.clone(),
                store_only: store_only.clone(),
                log: log.clone(),
                write_back: write_back.clone(),
            },
            search_provider: SearchProvider {
                providers: Arc::clone(&providers),
                reader,
                store_only: store_only.clone(),
                mirror: mirror.clone(),
                log: log.clone(),
                max_depth,
            },
            list_users: ListUsers {
                providers: Arc::clone(&providers),
                sources: sources.clone(),
                store_only,
                mirror,
                union,
                max_depth,
            },
            read_audit: ReadAudit {
                audit_log,
                log: log.clone(),
            },
            refusals,
            export_registrations: ExportRegistrations {
                exports,
                limits: export_limits,
                running: running_exports.clone(),
                log: log.clone(),
            },
            export_users: ExportUsers {
                providers,
                bulk,
                sources,
                log,
                write_back: write_back.clone(),
                clock,
            },
            dependencies,
            max_depth,
            write_back,
            mirror_writer,
            running_exports,
        }
    }
}
