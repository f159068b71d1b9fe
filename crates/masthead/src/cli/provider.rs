//! The arguments of `masthead provider …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::TenantId};

#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// Sends test requests to a tenant's provider and explains each mismatch with the settings.
    Check(ProviderCheckArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Requests an unknown user by id and by e-mail, the first page of the list, and one user of that page; changes nothing.
Prints one line for each request: agrees, differs or untried, the request, and the reason. Prints no user data and no secret.
Exit code 1 if any request differs.")]
pub(crate) struct ProviderCheckArguments {
    /// The tenant whose settings are tried; with --settings, whose secrets are read.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// A file of settings to check instead of a tenant's, one KEY=VALUE a line (# starts a comment); `-` is standard
    /// input. Needs no database.
    #[arg(long, value_name = "FILE", required_unless_present = "tenant")]
    pub(crate) settings: Option<PathBuf>,
    /// The id of a user that the provider has; default: one from its list.
    #[arg(long, value_name = "ID", value_parser = CustomerRegistrationId::parse)]
    pub(crate) id: Option<CustomerRegistrationId>,
}
