//! The store as a whole: its connections, its parts, and its end.

use std::{sync::Arc, time::Duration};

use crate::{
    admin::Admin,
    import::Importer,
    lookup::{Limits, Lookups, PgLookups},
    options::{OpenError, StoreOptions, connect_options},
    read_events::PgReadEvents,
    readiness::PgReadiness,
    registrations::PgRegistrations,
    schema::{self, SchemaError},
    search::PgSearch,
    tenants::PgTenants,
};

/// How long waiting look-ups and events have at the end.
const LAST_WORK: Duration = Duration::from_secs(5);

/// Everything that Postgres keeps for us.
pub struct Store {
    service: sqlx::PgPool,
    search: sqlx::PgPool,
    migrations_url: String,
    lookups: Arc<Lookups>,
    registrations: Arc<PgRegistrations>,
    tenants: Arc<PgTenants>,
    read_events: Arc<PgReadEvents>,
    readiness: Arc<PgReadiness>,
}

impl Store {
    /// Makes a store that connects when it is first used, so that a service starts, and says that it is not ready, while
    /// its database is down. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The URL cannot be read, or a number that must not be is zero.
    pub fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        options.check()?;
        let plain = connect_options(&options.url)?;
        let direct = options.direct_url.as_deref().unwrap_or(&options.url);
        connect_options(direct)?;

        let service = options.pool(options.with_settings(plain.clone(), &[]), options.service_connections);
        let search = options.pool(options.with_settings(plain.clone(), &[]), options.search_connections);
        // One plan for good: the shape of a look-up does not depend on its keys.
        let look_up = options.with_settings(plain, &[("plan_cache_mode", "force_generic_plan")]);
        let backends = (0..options.lookup_connections).map(|_| {
            PgLookups::new(
                look_up.clone(),
                options.named_statements,
                options.acquire_timeout,
                options.statement_timeout,
            )
        });
        let limits = Limits {
            waiting: options.lookup_queue,
            batch: options.lookup_batch,
        };
        let lookups = Arc::new(Lookups::start(backends, limits));
        let searches = PgSearch::new(
            search.clone(),
            options.statement_timeout,
            options.acquire_timeout,
            options.named_statements,
            options.search_walk,
        );
        Ok(Self {
            registrations: Arc::new(PgRegistrations::new(Arc::clone(&lookups), searches, service.clone())),
            tenants: Arc::new(PgTenants::new(service.clone())),
            read_events: Arc::new(PgReadEvents::start(service.clone(), options.event_queue)),
            readiness: Arc::new(PgReadiness::new(service.clone())),
            migrations_url: direct.to_owned(),
            lookups,
            service,
            search,
        })
    }

    /// The registrations, as a source of accounts.
    #[must_use]
    pub fn registrations(&self) -> Arc<PgRegistrations> {
        Arc::clone(&self.registrations)
    }

    /// The tenants.
    #[must_use]
    pub fn tenants(&self) -> Arc<PgTenants> {
        Arc::clone(&self.tenants)
    }

    /// The writer of read events.
    #[must_use]
    pub fn read_events(&self) -> Arc<PgReadEvents> {
        Arc::clone(&self.read_events)
    }

    /// Whether the database can be used.
    #[must_use]
    pub fn readiness(&self) -> Arc<PgReadiness> {
        Arc::clone(&self.readiness)
    }

    /// The operator's chores.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin {
            pool: self.service.clone(),
        }
    }

    /// Bulk import.
    #[must_use]
    pub fn importer(&self) -> Importer {
        Importer {
            pool: self.service.clone(),
        }
    }

    /// Applies the migrations that are missing, over the direct URL.
    ///
    /// # Errors
    /// As [`schema::migrate`].
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        schema::migrate(&self.migrations_url).await
    }

    /// Checks that the database is at this program's version.
    ///
    /// # Errors
    /// It is not, or it gives no answer.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        schema::check(&self.service).await
    }

    /// Answers what waits, writes what is queued, and hangs up.
    pub async fn close(&self) {
        tokio::join!(self.lookups.close(LAST_WORK), self.read_events.close(LAST_WORK));
        tokio::join!(self.service.close(), self.search.close());
    }
}
