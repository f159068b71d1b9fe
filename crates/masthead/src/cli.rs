//! The command line, as `--help` explains it.

mod workspace;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{Scope, TenantGrant, TenantId},
};

pub(crate) use workspace::{Workspace, WorkspaceSettings};

use crate::settings::parse_duration;

const EXAMPLES: &str = "\
Examples:
  masthead check-config                        tell every mistake in the settings; start nothing
  masthead migrate                             bring the database to this program's schema
  masthead tenant add north/daily/herald       make a tenant with a pool of its own
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

Exit codes: 0 done · 1 failed, the reason is on standard error · 2 the command line is not understood";

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
    /// Answers requests until SIGTERM or SIGINT, then ends what is open and exits; a second signal ends at once.
    Serve,
    /// Brings the database to this program's schema. May run beside a serving older version.
    Migrate,
    /// Makes, lists, changes and removes tenants.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Tries outside providers.
    #[command(subcommand)]
    Provider(Provider),
    /// Makes, lists, changes and removes the workspaces of the customers export, and their keys.
    #[command(subcommand)]
    Workspace(Workspace),
    /// Prints a token signed with tokens.hs256_secret, for local use.
    Token(Token),
    /// Tells every mistake in the settings; starts and binds nothing.
    CheckConfig,
    /// Imports registrations from lines of JSON.
    Import(Import),
    /// Fills a tenant's registrations from a remote Users API; killed, it goes on where it was.
    MigrateFrom(MigrateFrom),
    /// Brings a tenant's directory of its provider's users up to date; the server does so by itself (sync.every).
    Sync(Sync),
    /// Checks a tenant's registrations.
    #[command(subcommand)]
    Registrations(Registrations),
}

const SETTINGS_HELP: &str = "\
Settings: Flow.UserProvider, Api.SourceSystems, Api.MessageTypeAsNumber, Api.DataAsArray, Api.MissAs400,
Api.IgnoreUnknownParameters, Api.EmailContains, the providers' own (Auth0.Domain, …), and those of a remote Users API
in place of the tenant's own registrations (Subscribe.Url, …; see docs/chaining.md).";

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Makes a tenant.
    #[command(after_help = SETTINGS_HELP)]
    Add {
        /// The tenant: client group, client and paper.
        #[arg(value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// The pool of registrations that it draws on, made when there is none of this name; its own without this.
        #[arg(long, value_name = "NAME")]
        pool: Option<String>,
        /// A setting; may be given several times.
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
        settings: Vec<(String, String)>,
    },
    /// Lists every tenant with its pool and settings.
    List {
        /// As one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Changes settings; an empty value takes one away. Running servers follow within seconds.
    #[command(after_help = SETTINGS_HELP)]
    Set {
        /// The tenant: client group, client and paper.
        #[arg(value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// The settings.
        #[arg(value_name = "KEY=VALUE", value_parser = pair, required = true)]
        settings: Vec<(String, String)>,
    },
    /// Removes a tenant. Its registrations stay in their pool.
    Remove {
        /// The tenant: client group, client and paper.
        #[arg(value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// Also when it is the last of its pool and nobody would see the pool's registrations any more.
        #[arg(long)]
        orphan: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// Tries a tenant's provider against its address and explains each mismatch with the settings.
    Check(ProviderCheck),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Asks for somebody unknown by id and by e-mail, for the beginning of the list, and for somebody from it; nothing is changed.
Prints one line a try: agrees, differs or untried, what was tried, and why. Names no person and no secret.
Exit code 1 when anything differs.")]
pub(crate) struct ProviderCheck {
    /// The tenant whose settings are tried.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// A file of settings, a line each (KEY=VALUE; # begins a remark), tried in place of a tenant's; `-` is standard
    /// input. Needs no database.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "tenant",
        required_unless_present = "tenant"
    )]
    pub(crate) settings: Option<PathBuf>,
    /// The id of a user whom the provider has, tried in place of one from its list.
    #[arg(long, value_name = "ID", value_parser = CustomerRegistrationId::parse)]
    pub(crate) id: Option<CustomerRegistrationId>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  curl -H \"Authorization: bearer $(masthead token --tenant north/daily/herald)\" …")]
pub(crate) struct Token {
    /// The tenants it is good for; `*` stands for any group, client or paper.
    #[arg(long = "tenant", value_name = "GROUP/CLIENT/PAPER", value_parser = TenantGrant::parse, required = true, num_args = 1..)]
    pub(crate) tenants: Vec<TenantGrant>,
    /// What it allows, blanks between: users:read users:write users:export admin.
    #[arg(long, default_value = "users:read", value_parser = scopes)]
    pub(crate) scope: Scopes,
    /// How long it is good for.
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = lifetime)]
    pub(crate) expires_in: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Scopes(pub(crate) Vec<Scope>);

#[derive(Debug, Args)]
#[command(after_help = "\
One line is one registration; what is not given is left unset, and ids that are there already are skipped:
  {\"tenant\":\"north/daily/herald\",\"customerRegistrationId\":\"2937\",\"email\":\"ann@example.com\",
   \"firstName\":\"Ann\",\"lastName\":\"Lee\",\"verified\":true,\"passwordHash\":\"…\",
   \"dateRegistered\":\"2020-01-02T03:04:05Z\",\"changeDate\":\"2021-02-03T04:05:06Z\",\"metadata\":{\"city\":\"Oslo\"}}
(without the line breaks). A line that cannot be taken stops the import and is named by its number, and by the field
where a value cannot be kept; what came before it stays (a batch of up to 2,000 lines is stored whole or not at all). Prints {\"imported\":n,\"skipped\":n}.")]
pub(crate) struct Import {
    /// The tenant of every line that names none.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// The file; `-` is standard input.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Walks everybody in the order of ids, a page at a time, and stores whom the pool has not yet: ids that are there already are
skipped, so that it can be run again at any time. A user who cannot be taken is named by number and reason on standard error,
and left out. Passwords are not in any answer of a Users API: who had one there has none here until they set it. v4 shows no
dates either; the legacy API does. Prints {\"imported\":n,\"skipped\":n,\"rejected\":n,\"withoutPassword\":n,\"reasons\":{…}}.
Example, for a tenant that is not set up with a remote Users API:
  masthead migrate-from --tenant north/daily/herald --state herald.json --set Subscribe.Url=https://users.example \\
    --set Subscribe.Api=legacy --set Subscribe.TokenFile=old-token")]
pub(crate) struct MigrateFrom {
    /// The tenant whose registrations are filled.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// A setting of the remote Users API (Subscribe.…), in place of the tenant's own or beside them.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) settings: Vec<(String, String)>,
    /// Where the place is kept after each page; a later run with the same file goes on there. Removed at the end.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) state: Option<PathBuf>,
    /// How many users are asked for at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) page_size: u16,
    /// Stores nothing, and tells what would be stored and what not.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Goes through all users of the tenant's provider, or those who changed since the last time, within the provider's budget
and behind whoever else calls it. It may be ended at any time: the next one goes on where it was, here or in a server.
Prints what was changed as one JSON object; on a terminal, how far it is. Its budget is its own, beside a server's.")]
pub(crate) struct Sync {
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// Goes through all users and prints what would change; writes nothing.
    #[arg(long, conflicts_with = "release_brake")]
    pub(crate) dry_run: bool,
    /// Takes users for gone also when more than 1 % are at once. Look at --dry-run first.
    #[arg(long)]
    pub(crate) release_brake: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Registrations {
    /// Lists the registrations that write-backs of earlier versions may have split or moved.
    Check(RegistrationsCheck),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads the events and the directory; needs a finished `masthead sync`. Prints one JSON object for each finding, then a summary:
  split  two registrations of one user: a write-back made the younger one beside the older one. With --repair the older one
         takes its id and the values that itself lacks, and the younger one is deleted (its row stays). Where both hold a
         different value of one key, nothing is changed.
  moved  a registration that may have been another user's before a write-back changed it. The id that it had before is in no
         log, so it is never repaired: compare it with a backup from before writtenAt. Registrations that were joined rightly
         by their address are listed as well.
See docs/operations.md.")]
pub(crate) struct RegistrationsCheck {
    /// The tenant: client group, client and paper. Its whole pool is checked.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// Merges what was split; without it nothing is changed.
    #[arg(long)]
    pub(crate) repair: bool,
}

pub(crate) fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be written KEY=VALUE"),
    }
}

fn scopes(text: &str) -> Result<Scopes, String> {
    let scopes: Result<Vec<_>, _> = text
        .split_whitespace()
        .map(|name| Scope::from_name(name).ok_or_else(|| format!("{name} is no scope")))
        .collect();
    match scopes? {
        scopes if scopes.is_empty() => Err("at least one scope must be named".to_owned()),
        scopes => Ok(Scopes(scopes)),
    }
}

fn lifetime(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .filter(|lifetime| !lifetime.is_zero())
        .ok_or("must be a number and a unit, such as 30m, 12h or 7d")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_explains_itself() {
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
    fn the_agreed_forms_parse() {
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
    fn what_is_malformed_is_a_usage_error() {
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
