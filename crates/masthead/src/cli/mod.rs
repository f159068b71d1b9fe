//! The command line, as `--help` explains it.

mod pairs;
mod user;
mod workspace;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{Scope, TenantGrant, TenantId},
};

pub(crate) use pairs::parse_pair;
pub(crate) use user::{CreateArguments, NameArguments, ReconcileArguments, SetArguments, UserCommand};
pub(crate) use workspace::{WorkspaceCommand, WorkspaceSettings};

use crate::settings::parse_duration;

const EXAMPLES: &str = "\
Examples:
  masthead check-config                        validate the configuration and report all errors; start nothing
  masthead migrate                             bring the database to this program's schema
  masthead tenant add north/daily/herald       create a tenant with a pool of its own
  masthead provider check --tenant north/daily/herald
  masthead workspace add herald --tenant north/daily/herald
                                               let marketing jobs export its users; print their key
  masthead import --tenant north/daily/herald users.ndjson
  masthead migrate-from --tenant north/daily/herald --state herald.json
  masthead sync --tenant north/daily/herald --dry-run
  masthead token --tenant 'north/*/*'          print a token for local use
  masthead serve                               answer requests until SIGTERM

Settings come from the built-in reference, then a file (--config or MASTHEAD_CONFIG), then the environment:
  MASTHEAD__DATABASE__URL, MASTHEAD__HTTP__LISTEN, … (MASTHEAD__SECTION__KEY).

Exit codes: 0 success · 1 failure, the reason is on standard error · 2 invalid command line";

/// A self-hosted Users Orchestrator for newspapers: one request, one merged, truthful answer.
#[derive(Debug, Parser)]
#[command(name = "masthead", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// A TOML file with settings; see the reference, default.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answers requests until SIGTERM or SIGINT, then drains open requests and exits; a second signal stops at once.
    Serve,
    /// Migrates the database to this program's schema. May run while an older version serves.
    Migrate,
    /// Creates, lists, changes and removes tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Checks outside providers.
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Creates, lists, changes and removes the workspaces of the customers export, and their keys.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Prints a token signed with tokens.hs256_secret, for local use.
    Token(TokenArguments),
    /// Validates the configuration and reports all errors; starts nothing.
    CheckConfig,
    /// Imports registrations from lines of JSON.
    Import(ImportArguments),
    /// Fills a tenant's registrations from a remote Users API; an interrupted run can be resumed.
    MigrateFrom(MigrateFromArguments),
    /// Updates a tenant's mirror of its provider's users; the server does the same on its schedule (sync.every).
    Sync(SyncArguments),
    /// Checks a tenant's registrations.
    #[command(subcommand)]
    Registrations(RegistrationsCommand),
    /// Shows and writes single users.
    #[command(subcommand)]
    User(UserCommand),
    /// Settles writes that were left open between a provider and our store, and lists those that stay open.
    Reconcile(ReconcileArguments),
}

const SETTINGS_HELP: &str = "\
Settings: Flow.UserProvider, Api.SourceSystems, Api.MessageTypeAsNumber, Api.DataAsArray, Api.MissAs400,
Api.IgnoreUnknownParameters, Api.EmailContains, the settings of the provider (Auth0.Domain, …), and those of a remote
Users API in place of the tenant's own registrations (Subscribe.Url, …; see docs/chaining.md).";

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
    /// Removes a tenant. Its registrations stay in their pool.
    Remove {
        /// The tenant: client group, client and paper.
        #[arg(value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// Remove it even if it is the last tenant of its pool, whose registrations are then unreachable.
        #[arg(long)]
        orphan: bool,
    },
}

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
    /// The tenant whose settings are tried.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// A file of settings to check instead of a tenant's, one KEY=VALUE a line (# starts a comment); `-` is standard
    /// input. Needs no database.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "tenant",
        required_unless_present = "tenant"
    )]
    pub(crate) settings: Option<PathBuf>,
    /// The id of a user that the provider has; default: one from its list.
    #[arg(long, value_name = "ID", value_parser = CustomerRegistrationId::parse)]
    pub(crate) id: Option<CustomerRegistrationId>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  curl -H \"Authorization: bearer $(masthead token --tenant north/daily/herald)\" …")]
pub(crate) struct TokenArguments {
    /// The tenants that the token grants; `*` matches any group, client or paper.
    #[arg(long = "tenant", value_name = "GROUP/CLIENT/PAPER", value_parser = TenantGrant::parse, required = true, num_args = 1..)]
    pub(crate) tenants: Vec<TenantGrant>,
    /// The scopes that it grants, separated by spaces: users:read users:write users:authenticate
    /// users:tickets users:erase users:export admin.
    #[arg(long, default_value = "users:read", value_parser = parse_scopes)]
    pub(crate) scope: Scopes,
    /// How long it is valid.
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = parse_lifetime)]
    pub(crate) expires_in: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Scopes(pub(crate) Vec<Scope>);

#[derive(Debug, Args)]
#[command(after_help = "\
Each line is one registration. Omitted fields are left unset; ids that exist already are skipped:
  {\"tenant\":\"north/daily/herald\",\"customerRegistrationId\":\"2937\",\"email\":\"ann@example.com\",
   \"firstName\":\"Ann\",\"lastName\":\"Lee\",\"verified\":true,\"passwordHash\":\"…\",
   \"dateRegistered\":\"2020-01-02T03:04:05Z\",\"changeDate\":\"2021-02-03T04:05:06Z\",\"metadata\":{\"city\":\"Oslo\"}}
(without the line breaks). An invalid line stops the import; the error contains the line number, and the field whose value
is invalid. Lines before it stay imported (a batch of up to 2,000 lines is stored completely or not at all). A
passwordHash that cannot be verified, or only at too high a cost, is left out; \"\" and null mean none. Prints
{\"imported\":n,\"skipped\":n,\"hashes\":{\"bcrypt-10\":n,…},\"unusableHashes\":{\"unknown hash family\":n,…}}.")]
pub(crate) struct ImportArguments {
    /// The tenant of every line that contains none.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// The file; `-` is standard input.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationsCommand {
    /// Lists the registrations that write-backs of earlier versions may have split or moved.
    Check(RegistrationsCheckArguments),
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

fn parse_scopes(text: &str) -> Result<Scopes, String> {
    let scopes: Result<Vec<_>, _> = text
        .split_whitespace()
        .map(|name| Scope::from_name(name).ok_or_else(|| format!("{name} is not a scope")))
        .collect();
    match scopes? {
        scopes if scopes.is_empty() => Err("at least one scope is required".to_owned()),
        scopes => Ok(Scopes(scopes)),
    }
}

fn parse_lifetime(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .filter(|lifetime| !lifetime.is_zero())
        .ok_or("must be a number and a unit, for example 30m, 12h or 7d")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn help_lists_every_command() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for word in [
            "serve",
            "migrate",
            "tenant",
            "token",
            "workspace",
            "check-config",
            "import",
            "sync",
            "Examples:",
            "Exit codes:",
        ] {
            assert!(help.contains(word), "{word}");
        }
    }

    #[test]
    fn documented_command_lines_parse() {
        for line in [
            "masthead tenant add a/b/c --pool shared --set Flow.UserProvider=Auth0 --set Api.MissAs400=true",
            "masthead tenant list --json",
            "masthead tenant set a/b/c Api.MissAs400=true Api.SourceSystems=",
            "masthead tenant remove a/b/c",
            "masthead workspace add herald --tenant a/b/c --identifiers-per-payload 1000 --strict",
            "masthead workspace list --json",
            "masthead workspace set herald --strict false --users-per-minute 5000 --body-kilobytes 256",
            "masthead workspace key herald",
            "masthead workspace key herald --remove 2",
            "masthead workspace suspend herald",
            "masthead workspace resume herald",
            "masthead workspace remove herald",
            "masthead token --tenant a/b/c d/*/* --expires-in 12h",
            "masthead import --tenant a/b/c -",
            "masthead import users.ndjson",
            "masthead migrate-from --tenant a/b/c --state x.json --set Subscribe.Api=legacy --page-size 100",
            "masthead migrate-from --tenant a/b/c --dry-run",
            "masthead sync --tenant a/b/c --dry-run",
            "masthead sync --tenant a/b/c --release-brake",
            "masthead registrations check --tenant a/b/c",
            "masthead registrations check --tenant a/b/c --repair",
            "masthead check-config --config x.toml",
            "masthead provider check --tenant a/b/c --id 7",
            "masthead provider check --settings people.settings",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        let parsed = Cli::try_parse_from([
            "masthead",
            "token",
            "--tenant",
            "a/b/c",
            "--scope",
            "users:read users:write",
        ]);
        let Ok(Cli {
            command: Command::Token(token),
            ..
        }) = parsed
        else {
            panic!("not a token")
        };
        assert_eq!(token.scope.0, [Scope::UsersRead, Scope::UsersWrite]);
        assert_eq!(token.expires_in, Duration::from_hours(12));
    }

    #[test]
    fn malformed_command_lines_are_usage_errors() {
        for line in [
            "masthead",
            "masthead tenant add a/b",
            "masthead tenant set a/b/c",
            "masthead tenant set a/b/c Novalue",
            "masthead workspace add a/b --tenant a/b/c",
            "masthead workspace add herald",
            "masthead token --tenant a/b/c --scope root",
            "masthead token --tenant a/b/c --expires-in 12",
            "masthead token",
            "masthead migrate-from --state x.json",
            "masthead migrate-from --tenant a/b/c --page-size 1001",
            "masthead migrate-from --tenant a/b/c --state x.json --dry-run",
        ] {
            assert_eq!(
                Cli::try_parse_from(line.split(' ')).unwrap_err().exit_code(),
                2,
                "{line}"
            );
        }
    }
}
