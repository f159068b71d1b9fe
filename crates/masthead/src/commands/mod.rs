//! The commands of the program, one file each.

mod audit;
mod background;
mod caller;
mod check_config;
mod check_connections;
mod confirm;
mod drain;
mod environment;
mod explain;
mod export;
mod health;
mod import;
mod listeners;
mod migrate;
mod migrate_from;
mod operator_log;
mod person;
mod pool;
mod provider;
mod purge;
mod reconcile;
mod registrations;
mod sealing_key;
mod serve;
mod settings;
mod signals;
mod sync;
mod tenant;
mod token;
mod token_inspect;
mod user;
mod workers;
mod workspace;

use self::{
    environment::{with_checked_store, with_store},
    user::with_writes,
};
use crate::{
    cli::{Cli, Command, RegistrationsCommand},
    command_error::CommandError,
    settings::UncheckedSettings,
};

pub(crate) fn run(cli: &Cli) -> Result<(), CommandError> {
    let settings_source = UncheckedSettings::from_process(cli.config.as_deref());
    match &cli.command {
        Command::Serve => serve::run(&settings_source, cli.config.clone()),
        Command::Migrate(arguments) => migrate::run(&settings_source, arguments),
        Command::Tenant(arguments) => tenant::run(&settings_source, arguments),
        Command::Provider(arguments) => provider::run(&settings_source, arguments),
        Command::Workspace(arguments) => {
            with_store(&settings_source, async |store| workspace::run(store, arguments).await)
        }
        Command::Token(arguments) => token::run(&settings_source, arguments),
        Command::Caller(command) => with_store(&settings_source, async |store| caller::run(store, command).await),
        Command::Health(arguments) => health::run(&settings_source, arguments),
        Command::Settings(arguments) => settings::run(&settings_source, arguments),
        Command::CheckConfig(arguments) => check_config::run(&settings_source, arguments),
        Command::Pool(arguments) => with_store(&settings_source, async |store| pool::run(store, arguments).await),
        Command::Explain(arguments) => explain::run(&settings_source, arguments),
        Command::MigrateFrom(arguments) => migrate_from::run(&settings_source, arguments),
        Command::Import(arguments) => import::run(&settings_source, arguments),
        Command::Export(arguments) => {
            let sealing = settings_source.sealing()?;
            let export = async |store: &_| export::run(store, sealing.as_ref(), arguments).await;
            with_store(&settings_source, export)
        }
        Command::SealingKey(command) => {
            with_store(&settings_source, async |store| sealing_key::run(store, command).await)
        }
        Command::Registrations(command) => with_store(&settings_source, async |store| match command {
            RegistrationsCommand::Check(arguments) => registrations::check(store, arguments).await,
            RegistrationsCommand::WithoutAccount(arguments) => {
                registrations::list_without_account(store, arguments).await
            }
        }),
        Command::User(arguments) => with_writes(&settings_source, async |operations| match arguments.as_erasure() {
            Some(erasure) => person::run(operations, &erasure).await,
            None => operations.run(arguments).await,
        }),
        Command::Person(command) => with_writes(&settings_source, async |operations| {
            person::run(operations, command).await
        }),
        Command::Purge(arguments) if arguments.dry_run => {
            with_store(&settings_source, async |store| purge::preview(store, arguments).await)
        }
        Command::Purge(_) => with_writes(&settings_source, async |operations| purge::run(operations).await),
        Command::Reconcile(arguments) => with_writes(&settings_source, async |operations| {
            reconcile::run(operations, arguments).await
        }),
        Command::Audit(arguments) => with_store(&settings_source, async |store| audit::run(store, arguments).await),
        Command::Sync(arguments) => {
            let (providers, sync) = settings_source.sync()?;
            with_checked_store(&settings_source, async |store| {
                sync::run(store, &providers, &sync, arguments).await
            })
        }
    }
}
