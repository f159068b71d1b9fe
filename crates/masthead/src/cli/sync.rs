//! The arguments of `masthead sync`.

use clap::Args;
use masthead_domain::tenant::TenantId;

#[derive(Debug, Args)]
#[command(after_help = "\
Reads all users of the tenant's provider, or those that changed since the last run, within the provider's rate limit and with
the lowest priority. It may be stopped at any time: the next run resumes, here or in a server.
Prints the changes as one JSON object and, on a terminal, the progress. Its rate limit is separate from a server's.")]
pub(crate) struct SyncArguments {
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// Reads all users and prints what would change; writes nothing.
    #[arg(long, conflicts_with = "release_brake")]
    pub(crate) dry_run: bool,
    /// Removes users even if more than 1 % are missing at once. Check with --dry-run first.
    #[arg(long)]
    pub(crate) release_brake: bool,
}
