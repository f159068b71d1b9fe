//! The arguments of `masthead registrations …`.

use clap::{Args, Subcommand};
use masthead_domain::tenant::TenantId;

#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationsCommand {
    /// Lists the registrations that write-backs of earlier versions may have split or moved.
    Check(RegistrationsCheckArguments),
    /// Lists the registrations of which the tenant's provider has no account.
    WithoutAccount(WithoutAccountArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads the mirror; needs a finished `masthead sync`. Prints one JSON object for each registration, with its id, then a summary. An account
that was deleted at the provider's console leaves such a registration: its reader can neither sign in nor register again with the
address until the registration is deleted (masthead user delete, or DELETE /v4/Users/{id}). So does a user that was written with
ignoreProvider, which is as it should be. Changes nothing. See docs/operations.md.")]
pub(crate) struct WithoutAccountArguments {
    /// The tenant: client group, client and paper. Its whole pool is checked.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads the events and the mirror; needs a finished `masthead sync`. Prints one JSON object for each finding, then a summary:
  split  two registrations of one user: a write-back created the younger one beside the older one. With --repair the older one
         takes its id and the values that the older one lacks, and the younger one is deleted (its row stays). If both have a
         different value of one key, nothing is changed.
  moved  a registration that may have belonged to another user before a write-back changed it. The id that it had before is in
         no log, so it is never repaired: compare it with a backup from before writtenAt. Registrations that were correctly
         joined by their address are listed as well.
See docs/operations.md.")]
pub(crate) struct RegistrationsCheckArguments {
    /// The tenant: client group, client and paper. Its whole pool is checked.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// Merges split registrations; without it nothing is changed.
    #[arg(long)]
    pub(crate) repair: bool,
}
