//! The arguments of `masthead migrate-from`.

use std::path::PathBuf;

use clap::Args;
use masthead_domain::tenant::TenantId;

use super::pairs::parse_pair;

#[derive(Debug, Args)]
#[command(after_help = "\
Reads all users in the order of ids, page by page, and stores those that the pool does not have: ids that exist already are
skipped, so it can be run again at any time. A user that cannot be stored is reported with number and reason on standard error
and left out. No Users API returns passwords: a user that had a password must set a new one here. v4 returns no dates either;
the legacy API does. Prints {\"imported\":n,\"skipped\":n,\"rejected\":n,\"withoutPassword\":n,\"reasons\":{…}}.
Example, for a tenant that is not set up with a remote Users API:
  masthead migrate-from --tenant north/daily/herald --state herald.json --set Subscribe.Url=https://users.example \\
    --set Subscribe.Api=legacy --set Subscribe.TokenFile=old-token")]
pub(crate) struct MigrateFromArguments {
    /// The tenant whose registrations are filled.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// A setting of the remote Users API (Subscribe.…); overrides the tenant's own.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub(crate) settings: Vec<(String, String)>,
    /// Where the position is saved after each page; a later run with the same file resumes there. Removed at the end.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) state: Option<PathBuf>,
    /// How many users are requested at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) page_size: u16,
    /// Stores nothing and reports what would be stored.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
