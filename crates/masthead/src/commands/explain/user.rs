//! Explains why a user appears or not.

use std::{sync::Arc, time::Instant};

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceStatus},
    flow::Sources,
    order::Order,
    query::{CountMode, EmailFilter, OnProviderFailure, Position, UserFilter, UserQuery},
    state::UserState,
    tenant::Tenant,
    user_key::UserKey,
};
use masthead_orchestrator::{Caller, Dependencies, LookupRequest, ReadError, SearchRequest, UseCases};
use masthead_ports::{
    clock::Clock,
    mirror::UserMirror as _,
    provider::{Freshness, Providers},
    source::{CallContext, Priority},
};
use masthead_subscribe_store::{Store, StoredRegistration};

use super::lines::{accounts, date, in_words, print_accounts, print_part, tombstone};
use crate::{
    command_error::{CommandError, ErrorChain},
    commands::{environment::NO_CLIENT, serve::dependencies},
    identifiers::process_name,
    providers::{Adapters, first_login_provider},
    read_only::{NoWrites, ReadOnlyMirror},
    sealing_keys::SealingKeys,
    settings::ServerSettings,
};

/// The most users with one address that are looked at.
const MOST: u16 = 20;

/// Explains the users of one tenant.
pub(super) struct UserExplanation<'a> {
    store: &'a Store,
    adapters: Adapters,
    /// With ports that write nothing.
    use_cases: UseCases,
    clock: Arc<dyn Clock>,
    tenant: Arc<Tenant>,
    deadline: Instant,
}

impl<'a> UserExplanation<'a> {
    pub(super) fn new(
        settings: &ServerSettings,
        store: &'a Store,
        clock: Arc<dyn Clock>,
        tenant: Arc<Tenant>,
        deadline: Instant,
    ) -> Result<Self, CommandError> {
        let adapters = Adapters::new(&settings.providers, &clock).map_err(CommandError::context(NO_CLIENT))?;
        let reads = Dependencies {
            registrations: Arc::new(NoWrites),
            events: Arc::new(NoWrites),
            mirror: Arc::new(ReadOnlyMirror(store.mirror())),
            ..dependencies(settings, store, &adapters, SealingKeys::new(&settings.sealing)?, &clock)
        };
        Ok(Self {
            use_cases: UseCases::new(reads, settings.search.max_depth),
            store,
            adapters,
            clock,
            tenant,
            deadline,
        })
    }

    pub(super) async fn print(self, key: &UserKey, show: bool) -> Result<(), CommandError> {
        self.print_provider(key, show).await?;
        if self.tenant.settings.has_remote_store() {
            self.print_remote_store(key, show).await?;
        } else {
            self.print_store(key, show).await?;
        }
        if self.tenant.settings.is_federated() {
            self.print_mirror(key).await?;
        }
        self.print_answer(key).await?;
        self.use_cases.close().await;
        Ok(())
    }

    fn context(&self) -> CallContext {
        CallContext::new(Arc::clone(&self.tenant), self.deadline, Priority::Interactive)
    }

    async fn print_provider(&self, key: &UserKey, show: bool) -> Result<(), CommandError> {
        let Some(provider) = Providers::for_tenant(&self.adapters, &self.tenant) else {
            return Ok(());
        };
        let lookup = provider.find(&self.context(), key).await;
        let name = provider.name();
        match (lookup.freshness, lookup.accounts.len()) {
            (Freshness::Live, 0) => print_part(
                "provider",
                format_args!("absent: {name} confirms that it has no such user"),
            )?,
            (Freshness::Live, found) => print_part("provider", format_args!("found: {name} has {}", accounts(found)))?,
            (Freshness::Remembered(kind) | Freshness::Failed(kind), _) => {
                print_part(
                    "provider",
                    format_args!("unknown: {name} gives no answer: {}", in_words(kind)),
                )?;
            }
        }
        print_accounts("provider", &lookup.accounts, show)
    }

    async fn print_remote_store(&self, key: &UserKey, show: bool) -> Result<(), CommandError> {
        let remote = self.adapters.subscribe(self.store.registrations());
        match remote.find(&self.context(), key).await {
            Ok(found) if found.is_empty() => print_part(
                "store",
                "absent: the remote Users API confirms that it has no such user",
            ),
            Ok(found) => {
                print_part(
                    "store",
                    format_args!("found: the remote Users API has {}", accounts(found.len())),
                )?;
                print_accounts("store", &found, show)
            }
            Err(error) => print_part(
                "store",
                format_args!(
                    "unknown: the remote Users API gives no answer: {}",
                    in_words(error.kind)
                ),
            ),
        }
    }

    async fn print_store(&self, key: &UserKey, show: bool) -> Result<(), CommandError> {
        let stored = self
            .store
            .stored_users()
            .find(&self.tenant, key, self.clock.now())
            .await;
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => return print_part("store", format_args!("unknown: {}", ErrorChain(&error))),
        };
        if stored.registrations.is_empty() {
            print_part("store", "absent: the pool has no such registration")?;
        }
        for registration in &stored.registrations {
            print_part("store", self.registration(registration))?;
            if show {
                print_part("store", format_args!("its id is {}", registration.crid.as_str()))?;
            }
        }
        if let Some(until) = stored.pending_until {
            let text = "a registration waits for the verification of this address";
            print_part(
                "pending",
                format_args!(
                    "{text} until {}: it is no user before, and absent from every read",
                    date(until)
                ),
            )?;
        }
        match &stored.tombstones {
            None => print_part(
                "tombstone",
                "unknown: the pool has some, and there are no sealing keys to recognise them with",
            )?,
            Some(stones) => {
                for stone in stones {
                    print_part("tombstone", tombstone(stone))?;
                }
            }
        }
        if stored.open_writes > 0 {
            let open = stored.open_writes;
            print_part(
                "writes",
                format_args!("{open} are open between the provider and the store: see masthead reconcile --list"),
            )?;
        }
        Ok(())
    }

    fn registration(&self, registration: &StoredRegistration) -> String {
        let StoredRegistration {
            number,
            crid,
            verified,
            has_password,
            registered_at,
            deleted_at,
        } = registration;
        if let Some(at) = deleted_at {
            let days = self.tenant.settings.users.purge_after.as_secs() / (24 * 60 * 60);
            return format!(
                "deleted: registration {number} was deleted on {}: it is absent from every read, and purged after {days} days \
                 (Retention.DeletedDays)",
                date(*at)
            );
        }
        let state = UserState::new(self.tenant.settings.is_federated(), *has_password, *verified);
        let since = registered_at.map_or_else(String::new, |at| format!(", registered on {}", date(at)));
        let no = |has: bool| if has { "" } else { "no " };
        let user = Account {
            has_password: *has_password,
            registered_at: *registered_at,
            ..Account::new(crid.clone())
        };
        let settings = &self.tenant.settings;
        let former = first_login_provider(settings).and(settings.first_login.provider_of(&user));
        let first = former.map_or_else(String::new, |former| {
            format!("; its first password is checked at {}", former.name())
        });
        format!(
            "found: registration {number} is {}: {}password, {}verified address{since}{first}",
            state.name(),
            no(*has_password),
            no(*verified)
        )
    }

    async fn print_mirror(&self, key: &UserKey) -> Result<(), CommandError> {
        let (cx, mirror) = (self.context(), self.store.mirror());
        let status = match mirror.status(&cx).await {
            Ok(status) => status,
            Err(error) => return print_part("mirror", format_args!("unknown: {}", in_words(error.kind))),
        };
        let Some((status, as_of)) = status.and_then(|status| Some((status, status.as_of?))) else {
            return print_part(
                "mirror",
                "none yet for this tenant: lists are live unions until a sync has finished",
            );
        };
        let age = self.clock.now() - as_of;
        let minutes = age.whole_minutes();
        let most = self.tenant.settings.mirror.max_age;
        let is_current = age <= time::Duration::try_from(most).unwrap_or(time::Duration::MAX);
        let state = if is_current {
            "it is current".to_owned()
        } else {
            format!(
                "it is older than {} min (Mirror.MaxAgeMinutes), so that lists are stale",
                most.as_secs() / 60
            )
        };
        print_part(
            "mirror",
            format_args!("as of {}, {minutes} min ago: {state}", date(as_of)),
        )?;
        if !status.whole {
            print_part(
                "mirror",
                "it is not whole: the last sync could not show or keep every user; see masthead sync",
            )?;
        }
        if status.braked_at.is_some() {
            print_part(
                "mirror",
                "the brake is on: many users were missing at once; see masthead sync --dry-run",
            )?;
        }
        match mirror.profiles(&cx, key).await {
            Ok(found) if found.is_empty() => print_part(
                "mirror",
                "it has no account of the provider with this key: lists show one that exists there after the next sync",
            ),
            Ok(found) => print_part(
                "mirror",
                format_args!("it has {} of the provider with this key", accounts(found.len())),
            ),
            Err(error) => print_part("mirror", format_args!("unknown: {}", in_words(error.kind))),
        }
    }

    async fn print_answer(&self, key: &UserKey) -> Result<(), CommandError> {
        let caller = Caller {
            tenant: Arc::clone(&self.tenant),
            identity: Arc::default(),
            address: None,
            source_system: "masthead-cli".into(),
            request_id: process_name().into(),
            deadline: self.deadline,
        };
        let sources = Sources::for_request(self.tenant.settings.user_provider, false);
        let on_provider_failure = OnProviderFailure::Degrade;
        let answer = match key {
            UserKey::Id(crid) => {
                let request = LookupRequest {
                    crid: crid.clone(),
                    sources,
                    on_provider_failure,
                };
                let found = self.use_cases.lookup_user.find(&caller, &request).await;
                found.map(|answer| (1, answer.user.state.name(), answer.completeness))
            }
            UserKey::Email(email) => {
                let filter = UserFilter {
                    emails: vec![EmailFilter::Exact(email.clone())],
                    ..UserFilter::default()
                };
                let query = UserQuery {
                    filter,
                    order: Order::default(),
                    position: Position::Offset(0),
                    size: MOST,
                    count: CountMode::None,
                };
                let request = SearchRequest {
                    query,
                    sources,
                    on_provider_failure,
                };
                let found = self.use_cases.list_users.search(&caller, &request).await;
                found.map(|answer| {
                    let state = answer.users.first().map_or("", |user| user.state.name());
                    (answer.users.len(), state, answer.completeness)
                })
            }
        };
        let text = match answer {
            Ok((0, _, _)) => "200 with an empty list: every source confirms that it has no such user".to_owned(),
            Ok((1, state, completeness)) => {
                format!("200 with the user, state {state}{}", incomplete(completeness.as_ref()))
            }
            Ok((users, _, completeness)) => format!("200 with {users} users{}", incomplete(completeness.as_ref())),
            Err(ReadError::NoSuchUser { .. }) if self.tenant.settings.miss_as_400 => {
                "400 (Api.MissAs400): every source confirms that it has no such user".to_owned()
            }
            Err(ReadError::NoSuchUser { .. }) => "404: every source confirms that it has no such user".to_owned(),
            Err(ReadError::Unavailable { completeness, .. }) => {
                format!(
                    "503: a source that may have the user did not answer{}",
                    incomplete(completeness.as_ref())
                )
            }
            Err(error) => format!("an error: {error}"),
        };
        print_part("answer", text)
    }
}

/// Which sources did not answer now, and why.
fn incomplete(completeness: Option<&Completeness>) -> String {
    let Some(completeness) = completeness.filter(|completeness| !completeness.complete) else {
        return String::new();
    };
    let sources = completeness
        .sources
        .iter()
        .filter(|source| source.status != SourceStatus::Ok || source.reason.is_some());
    let sources: Vec<_> = sources
        .map(|source| {
            format!(
                "{} {} ({})",
                source.name,
                source.status.name(),
                source.reason.unwrap_or("-")
            )
        })
        .collect();
    format!("; incomplete: {}", sources.join(", "))
}
