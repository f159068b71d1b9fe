//! `masthead user …`: shows and writes single users, for operators.

use std::{
    io::{self, BufRead as _},
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, flow::Sources, metadata::Metadata, query::OnProviderFailure,
    tenant::TenantId, user_change::UserChange,
};
use masthead_orchestrator::{
    Caller, LookupRequest, PersonReports, ReadError, UseCases,
    writes::{CreateRequest, Created, DeleteRequest, UpdateRequest, UserWrites, WriteCall, WriteUserError, Written},
};
use masthead_ports::{clock::Clock, passwords::PlainPassword, tenants::Tenants};
use masthead_subscribe_store::{Admin, EventPartitions};
use serde_json::{Map, Value, json};

use super::{
    environment::{NO_CLIENT, NO_LOG, check_connection, check_keys, print_line, print_warning, small_runtime},
    serve::dependencies,
};
use crate::{
    cli::{CreateArguments, NameArguments, SetArguments, UserCommand},
    clock::SystemClock,
    command_error::CommandError,
    identifiers::process_name,
    logs,
    providers::Adapters,
    purge::Purger,
    sealing_keys::SealingKeys,
    settings::{UncheckedSettings, operator},
    wiring,
    writes::{person_reports, user_writes},
};

/// How long a command waits for the sides.
const DEADLINE: Duration = Duration::from_secs(30);

/// The source system in the events of an operator's change.
const SOURCE_SYSTEM: &str = "masthead-cli";

/// Runs an action on the users, with the settings of a server.
pub(super) fn with_writes(
    settings_source: &UncheckedSettings,
    action: impl AsyncFnOnce(&UserOperations) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let settings = settings_source.settings()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let log = logs::start(&settings.log, io::stderr(), Arc::clone(&clock));
    let _log = log.map_err(CommandError::context(NO_LOG))?;
    small_runtime()?.block_on(async {
        let keys = SealingKeys::new(&settings.sealing)?;
        let store = wiring::store(&settings.database, Some(Arc::clone(&keys) as _))?;
        check_connection(&store).await?;
        check_keys(&keys, &store).await?;
        let adapters = Adapters::new(&settings.providers, &clock).map_err(CommandError::context(NO_CLIENT))?;
        let writes = user_writes(&settings, &store, &adapters, &keys, Arc::clone(&clock))?;
        let operations = UserOperations {
            use_cases: UseCases::new(
                dependencies(&settings, &store, &adapters, keys, &clock),
                settings.search.max_depth,
            ),
            reports: person_reports(&settings, &store, &adapters, &writes),
            purger: Purger {
                users: store.users(),
                erase: writes.erase.clone(),
                tenants: store.tenants(),
                clock: Arc::clone(&clock),
            },
            writes,
            partitions: store.event_partitions(),
            tenants: store.tenants(),
            admin: store.admin(),
        };
        let done = action(&operations).await;
        operations.writes.close().await;
        operations.use_cases.close().await;
        store.close().await;
        done
    })
}

/// What the commands need.
pub(super) struct UserOperations {
    pub(super) use_cases: UseCases,
    pub(super) writes: UserWrites,
    pub(super) reports: PersonReports,
    pub(super) purger: Purger,
    pub(super) partitions: EventPartitions,
    pub(super) tenants: Arc<dyn Tenants>,
    pub(super) admin: Admin,
}

impl UserOperations {
    pub(super) async fn run(&self, command: &UserCommand) -> Result<(), CommandError> {
        match command {
            UserCommand::Show(user) => {
                let call = self.call(&user.tenant).await?;
                self.show(&call.caller, &user.id).await
            }
            UserCommand::Create(arguments) => self.create(arguments).await,
            UserCommand::Set(arguments) => self.set(arguments).await,
            UserCommand::Password(user) => {
                let password = read_password()?;
                let call = self.call(&user.tenant).await?;
                finish(self.writes.password.set(call, user.id.clone(), password).await)
            }
            UserCommand::Delete {
                user, ignore_provider, ..
            } => {
                let call = self.call(&user.tenant).await?;
                let request = DeleteRequest {
                    crid: user.id.clone(),
                    ignore_provider: *ignore_provider,
                };
                finish(self.writes.delete.delete(call, request).await)
            }
        }
    }

    pub(super) async fn call(&self, tenant: &TenantId) -> Result<WriteCall, CommandError> {
        let found = self.tenants.by_id(tenant).await;
        let tenant = found
            .map_err(CommandError::context("the tenant cannot be looked up"))?
            .ok_or_else(|| CommandError::new(format!("there is no tenant {tenant}")))?;
        Ok(WriteCall {
            caller: Caller {
                tenant,
                identity: operator(),
                address: None,
                source_system: SOURCE_SYSTEM.into(),
                request_id: process_name().into(),
                deadline: Instant::now() + DEADLINE,
            },
            idempotency: None,
        })
    }

    async fn show(&self, caller: &Caller, id: &CustomerRegistrationId) -> Result<(), CommandError> {
        let request = LookupRequest {
            crid: id.clone(),
            sources: Sources::for_request(caller.tenant.settings.user_provider, false),
            on_provider_failure: OnProviderFailure::Degrade,
        };
        let answer = match self.use_cases.lookup_user.find(caller, &request).await {
            Ok(answer) => answer,
            Err(ReadError::NoSuchUser { .. }) => return Err(CommandError::new("there is no such user")),
            Err(error) => return Err(CommandError::context("the user cannot be read")(error)),
        };
        if answer.completeness.is_some_and(|completeness| !completeness.complete) {
            print_warning("a source did not answer: the user may be incomplete");
        }
        let account = &answer.user.account;
        let metadata: Map<String, Value> = account
            .metadata
            .iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        print_line(json!({
            "customerRegistrationId": account.crid.as_str(),
            "email": account.email.as_ref().map(masthead_domain::email::Email::as_str),
            "firstName": account.first_name,
            "lastName": account.last_name,
            "state": answer.user.state.name(),
            "verified": account.verified,
            "metadata": metadata,
        }))
    }

    async fn create(&self, arguments: &CreateArguments) -> Result<(), CommandError> {
        let NameArguments { first_name, last_name } = &arguments.names;
        let metadata = metadata(&arguments.metadata)?;
        let request = CreateRequest {
            email: arguments.email.clone(),
            password: if arguments.password {
                Some(read_password()?)
            } else {
                None
            },
            first_name: first_name.as_deref().unwrap_or_default().into(),
            last_name: last_name.as_deref().unwrap_or_default().into(),
            metadata,
            crid: None,
            ignore_provider: arguments.ignore_provider,
            return_url: None,
            verify_email: false,
        };
        let call = self.call(&arguments.tenant).await?;
        let created = self.writes.create.create(call, request).await.map_err(not_written)?;
        if let Created::User { crid, .. } = &created.value {
            print_line(json!({"customerRegistrationId": crid.as_str(), "pending": created.pending}))?;
        }
        Ok(())
    }

    async fn set(&self, arguments: &SetArguments) -> Result<(), CommandError> {
        let SetArguments { user, names, email, .. } = arguments;
        let pair = |(key, value): &(String, String)| {
            let value = (!value.is_empty()).then(|| Box::from(value.as_str()));
            (Box::from(key.as_str()), value)
        };
        metadata(&arguments.metadata)?;
        let change = UserChange {
            first_name: names.first_name.as_deref().map(Into::into),
            last_name: names.last_name.as_deref().map(Into::into),
            metadata: arguments.metadata.iter().map(pair).collect(),
            verified: arguments.verified,
            last_logout_at: None,
            blocked: arguments.blocked,
        };
        if change.is_empty() && email.is_none() {
            return Err(CommandError::new("nothing to change was given"));
        }
        if let Some(email) = email {
            let call = self.call(&user.tenant).await?;
            let changed = self.writes.email.change(call, user.id.clone(), email.clone()).await;
            finish(changed)?;
        }
        if change.is_empty() {
            return Ok(());
        }
        let request = UpdateRequest {
            crid: user.id.clone(),
            change,
            ignore_provider: arguments.ignore_provider,
            read: None,
        };
        let call = self.call(&user.tenant).await?;
        let updated = finish(self.writes.update.update(call, request).await);
        match email {
            Some(_) => updated.inspect_err(|_| print_warning("the address was changed before this error")),
            None => updated,
        }
    }
}

/// The pairs of all arguments, each of which is valid.
fn metadata(pairs: &[(String, String)]) -> Result<Metadata, CommandError> {
    Metadata::new(pairs.iter().cloned()).map_err(CommandError::context("the metadata is refused"))
}

fn finish(written: Result<Written<()>, WriteUserError>) -> Result<(), CommandError> {
    let written = written.map_err(not_written)?;
    if let Some(side) = written.pending {
        print_warning(format_args!("{side} follows later: see masthead reconcile --list"));
    }
    Ok(())
}

pub(super) fn not_written(error: WriteUserError) -> CommandError {
    match error {
        WriteUserError::Refused(Some(message)) => {
            CommandError::new(format!("the provider refuses: {}", message.as_str()))
        }
        WriteUserError::Unavailable {
            pending: Some(side), ..
        } => CommandError::new(format!(
            "{side} may have written, and did not answer: see masthead reconcile --list"
        )),
        error => CommandError::context("nothing was written")(error),
    }
}

/// The first line of standard input, without its end.
fn read_password() -> Result<PlainPassword, CommandError> {
    let mut line = zeroize::Zeroizing::new(String::new());
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(CommandError::context("the password cannot be read"))?;
    let text = line.trim_end_matches(['\r', '\n']);
    PlainPassword::parse(text).map_err(CommandError::context("the password is refused"))
}
