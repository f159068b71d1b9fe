//! The arguments of `masthead tenant …`.

use clap::Subcommand;
use masthead_domain::tenant::TenantId;

use super::pairs::parse_pair;

const SETTINGS_HELP: &str = "\
Settings: Flow.UserProvider, Api.SourceSystems, Api.MessageTypeAsNumber, Api.DataAsArray, Api.MissAs400,
Api.IgnoreUnknownParameters, Api.EmailContains, those of users, mails, limits, retention, merging and tokens (Users.…, Mail.…,
Limits.…, Retention.…, Merge.…, Mirror.…, Token.…, Hashes.…; see docs/operations.md), the settings of the provider (Auth0.Domain, …), those of a remote Users
API in place of the tenant's own registrations (Subscribe.Url, …; see docs/chaining.md), and Import.FirstLogin, the
provider that checks the first passwords of imported users (see docs/first-login.md).";

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Creates a tenant.
    #[command(after_help = SETTINGS_HELP)]
    Add {
        /// The tenant: client group, client and paper.
        #[arg(value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// The pool of registrations that the tenant uses; created if it does not exist. Default: a pool of its own.
        #[arg(long, value_name = "NAME")]
        pool: Option<String>,
        /// A setting; may be given several times.
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_pair)]
        settings: Vec<(String, String)>,
    },
    /// Lists every tenant with its pool and settings.
    List {
        /// As one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Changes settings; an empty value removes one. Running servers follow within seconds.
    #[command(after_help = SETTINGS_HELP)]
    Set {
        /// The tenant: client group, client and paper.
        #[arg(value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// The settings.
        #[arg(value_name = "KEY=VALUE", value_parser = parse_pair, required = true)]
        settings: Vec<(String, String)>,
    },
    /// Removes a tenant with its workspaces, after showing what it has. Its registrations stay in their pool.
    Remove {
        /// The tenant: client group, client and paper.
        #[arg(value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// Remove it even if it is the last tenant of its pool, whose registrations are then unreachable.
        #[arg(long)]
        orphan: bool,
        /// Continues without a confirmation; needed where standard input is no terminal.
        #[arg(long)]
        yes: bool,
    },
}
