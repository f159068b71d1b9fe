//! The command line, as `--help` explains it.

mod audit;
mod caller;
mod check_config;
mod explain;
mod export;
mod health;
mod import;
mod migrate_from;
mod pairs;
mod person;
mod pool;
mod provider;
mod registrations;
mod sealing_key;
mod sync;
mod tenant;
mod token;
mod user;
mod workspace;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use audit::AuditArguments;
pub(crate) use caller::CallerCommand;
pub(crate) use check_config::{CheckConfigArguments, SettingsArguments};
pub(crate) use explain::ExplainArguments;
pub(crate) use export::ExportArguments;
pub(crate) use health::HealthArguments;
pub(crate) use import::{Blocked, ImportArguments, ReportForm};
pub(crate) use migrate_from::MigrateFromArguments;
pub(crate) use pairs::parse_pair;
pub(crate) use person::{PersonArguments, PersonCommand, PurgeArguments};
pub(crate) use pool::PoolCommand;
pub(crate) use provider::{ProviderCheckArguments, ProviderCommand};
pub(crate) use registrations::{RegistrationsCheckArguments, RegistrationsCommand, WithoutAccountArguments};
pub(crate) use sealing_key::SealingKeyCommand;
pub(crate) use sync::SyncArguments;
pub(crate) use tenant::TenantCommand;
pub(crate) use token::{MintArguments, TokenArguments, TokenCommand};
pub(crate) use user::{CreateArguments, NameArguments, ReconcileArguments, SetArguments, UserCommand};
pub(crate) use workspace::{WorkspaceCommand, WorkspaceSettings};

const EXAMPLES: &str = "\
Examples:
  masthead check-config                        validate the configuration and report all errors; start nothing
  masthead settings --effective                print the settings in force, and where each comes from
  masthead check-config --connect              also try database, key set, mail and providers
  masthead migrate                             bring the database to this program's schema
  masthead tenant add north/daily/herald       create a tenant with a pool of its own
  masthead provider check --tenant north/daily/herald
  masthead explain --tenant north/daily/herald --email ann@example.com
                                               why does this user not appear?
  masthead workspace add herald --tenant north/daily/herald
                                               let marketing jobs export its users; print their key
  masthead import --tenant north/daily/herald users.ndjson
  masthead person report --tenant north/daily/herald --email ann@example.com
                                               what is held about this person?
  masthead export --tenant north/daily/herald --with-hashes > users.ndjson
  masthead migrate-from --tenant north/daily/herald --state herald.json
  masthead sync --tenant north/daily/herald --dry-run
  masthead token --tenant 'north/*/*'          print a token for local use
  masthead token inspect < token.txt           explain why a token is refused or what it grants
  masthead caller add --issuer https://id.example/ --client-id crm --tenant north/daily/herald
  masthead serve                               answer requests until SIGTERM
  masthead health --ready                      is the server ready? for probes

Settings come from the built-in reference, then a file (--config or MASTHEAD_CONFIG), then the environment:
  MASTHEAD__DATABASE__URL, MASTHEAD__HTTP__LISTEN, … (MASTHEAD__SECTION__KEY).

Exit codes: 0 success · 1 failure, the reason is on standard error · 2 invalid command line · 3 an import that has rejected rows";

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
    /// Answers requests until SIGTERM or SIGINT, then drains open requests and exits; a second signal stops at once. SIGHUP
    /// reloads the settings that may change, and SIGUSR1 opens the log file again.
    Serve,
    /// Migrates the database to this program's schema, while older versions serve (docs/upgrading.md).
    Migrate(MigrateArguments),
    /// Creates, lists, changes and removes tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Checks outside providers.
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Creates, lists, changes and removes the workspaces of the customers export, and their keys.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Prints a token signed with tokens.hs256_secret, for local use, or explains a token.
    Token(TokenArguments),
    /// Grants callers what their issuer cannot state, and denies callers and tokens.
    #[command(subcommand)]
    Caller(CallerCommand),
    /// Reports whether a running server is ready, or alive.
    Health(HealthArguments),
    /// Prints the reference of the settings, or those in force.
    Settings(SettingsArguments),
    /// Validates the configuration and reports all errors; starts nothing. --connect also tries what it names.
    CheckConfig(CheckConfigArguments),
    /// Lists and removes the pools of registrations.
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Explains why a user does not appear for a tenant, or why a token is refused.
    Explain(ExplainArguments),
    /// Imports users from the file of any system (docs/imports.md).
    Import(ImportArguments),
    /// Exports the registrations of a tenant: lines of JSON, CSV, Auth0's import, SCIM or LDIF.
    Export(ExportArguments),
    /// Fills a tenant's registrations from a remote Users API; an interrupted run can be resumed.
    MigrateFrom(MigrateFromArguments),
    /// Updates a tenant's mirror of its provider's users; the server does the same on its schedule (sync.every).
    Sync(SyncArguments),
    /// Checks a tenant's registrations.
    #[command(subcommand)]
    Registrations(RegistrationsCommand),
    /// Lists and forgets the sealing keys that the database knows (docs/keys.md).
    #[command(subcommand)]
    SealingKey(SealingKeyCommand),
    /// Shows and writes single users.
    #[command(subcommand)]
    User(UserCommand),
    /// Reports and erases what is held about a person.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Deletes what has ended, as servers do every ten minutes; --dry-run counts it.
    Purge(PurgeArguments),
    /// Settles writes that were left open between a provider and our store, and lists those that stay open.
    Reconcile(ReconcileArguments),
    /// Reads the audit log: who read a user, what a caller or an operator did.
    Audit(AuditArguments),
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    /// Stops after this version of the schema, for servers that cannot go on beside a newer one.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to: Option<i64>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, error::ErrorKind};
    use masthead_domain::access::Scope;

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
            "masthead tenant remove a/b/c --orphan --yes",
            "masthead pool list --json",
            "masthead pool remove daily --registrations 3 --yes",
            "masthead settings",
            "masthead explain --tenant a/b/c --email ann@example.com",
            "masthead explain --tenant a/b/c --id 7 --show",
            "masthead explain --tenant a/b/c --token -",
            "masthead settings --effective",
            "masthead check-config --connect",
            "masthead workspace add herald --tenant a/b/c --identifiers-per-payload 1000 --strict",
            "masthead workspace list --json",
            "masthead workspace set herald --strict false --users-per-minute 5000 --body-kilobytes 256",
            "masthead workspace key herald",
            "masthead workspace key herald --remove 2",
            "masthead workspace suspend herald",
            "masthead workspace resume herald",
            "masthead workspace remove herald",
            "masthead token --tenant a/b/c d/*/* --expires-in 12h",
            "masthead token inspect",
            "masthead token inspect token.txt",
            "masthead caller add --issuer https://id.example/ --subject ann --tenant a/b/c d/*/*",
            "masthead caller add --issuer https://id.example/ --client-id crm --tenant a/b/c --scope users:read",
            "masthead caller list --json",
            "masthead caller remove --issuer https://id.example/ --client-id crm",
            "masthead caller deny --issuer https://id.example/ --token-id t1 --for 24h",
            "masthead caller deny --issuer https://id.example/ --subject ann",
            "masthead caller allow --issuer https://id.example/ --client-id crm",
            "masthead import --tenant a/b/c -",
            "masthead import users.ndjson",
            "masthead import --show-map auth0",
            "masthead import --tenant a/b/c --allow-tenants d/e/f,g/h/i --from auth0 --hashes h.ndjson --join user_id users.json",
            "masthead import --tenant a/b/c --from csv --map m.toml --encoding windows-1252 --blocked lite users.csv",
            "masthead import --tenant a/b/c --on-duplicate newest --rejects r.ndjson --max-rejects 100 --state s.json u.json",
            "masthead import --tenant a/b/c --dry-run --report --on-duplicate first u.json",
            "masthead import --tenant a/b/c --report=text u.json",
            "masthead export --tenant a/b/c",
            "masthead export --tenant a/b/c --format csv --with-hashes --filter lastName=le",
            "masthead migrate-from --tenant a/b/c --state x.json --set Subscribe.Api=legacy --page-size 100",
            "masthead migrate-from --tenant a/b/c --dry-run",
            "masthead sync --tenant a/b/c --dry-run",
            "masthead sync --tenant a/b/c --release-brake",
            "masthead registrations check --tenant a/b/c",
            "masthead registrations check --tenant a/b/c --repair",
            "masthead registrations without-account --tenant a/b/c",
            "masthead audit --user 7 --tenant a/b/c --since 2026-01-01T00:00:00Z --json",
            "masthead audit --caller job --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00+01:00",
            "masthead audit --refused --since 2026-01-01T00:00:00Z",
            "masthead person report --tenant a/b/c --id 7 --html ann.html",
            "masthead person erase --tenant a/b/c --email ann@example.com --dry-run",
            "masthead person erase --tenant a/b/c --id 7 --ignore-provider --yes",
            "masthead person receipt 12 --tenant a/b/c",
            "masthead sealing-key list --json",
            "masthead sealing-key forget k1 --yes",
            "masthead purge",
            "masthead purge --dry-run --tenant a/b/c",
            "masthead check-config --config x.toml",
            "masthead health",
            "masthead health --live",
            "masthead health --ready --url http://127.0.0.1:9090",
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
        assert_eq!(token.mint.scope.0, [Scope::UsersRead, Scope::UsersWrite]);
        assert_eq!(token.mint.expires_in, Duration::from_hours(12));
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
            "masthead audit --since 2026-01-01T00:00:00Z",
            "masthead audit --user 7 --refused --since 2026-01-01T00:00:00Z",
            "masthead audit --user 7 --since yesterday",
            "masthead token --tenant a/b/c --scope root",
            "masthead pool remove",
            "masthead person report --tenant a/b/c",
            "masthead person erase --tenant a/b/c --id 7 --email a@example.com",
            "masthead purge --tenant a/b/c",
            "masthead explain --tenant a/b/c",
            "masthead explain --tenant a/b/c --id 7 --email a@example.com",
            "masthead settings --efective",
            "masthead token --tenant a/b/c --expires-in 12",
            "masthead token",
            "masthead health --live --ready",
            "masthead health --url https://herald.example",
            "masthead token inspect --tenant a/b/c",
            "masthead caller add --issuer x --tenant a/b/c",
            "masthead caller add --issuer x --subject a --client-id b --tenant a/b/c",
            "masthead caller add --subject a --tenant a/b/c",
            "masthead caller add --issuer x --subject a",
            "masthead caller deny --issuer x",
            "masthead caller deny --issuer x --subject a --for 367d",
            "masthead import --on-duplicate last u.json",
            "masthead import --hashes h.ndjson u.json",
            "masthead import --join user_id u.json",
            "masthead import --dry-run --state s.json u.json",
            "masthead import --show-map auth0 --tenant a/b/c",
            "masthead import --blocked standard u.json",
            "masthead import --report=html u.json",
            "masthead export",
            "masthead export --tenant a/b/c --format xml",
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

    /// The commands in the documents, in blocks and in lines, are those of the program.
    #[test]
    fn documented_commands_are_known() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
        let (mut found, mut unknown) = (0, Vec::new());
        for entry in std::fs::read_dir(docs).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                let inline = line
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|code| code.starts_with("masthead "));
                let of_block = Some(line.trim_start()).filter(|line| line.starts_with("masthead "));
                for command in inline.chain(of_block) {
                    found += 1;
                    let parsed = Cli::try_parse_from(arguments(command));
                    let kind = parsed.err().map(|error| error.kind());
                    if matches!(kind, Some(ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand)) {
                        unknown.push(format!("{}: {command}", path.display()));
                    }
                }
            }
        }
        assert!(found > 100, "{found}");
        assert_eq!(unknown, [""; 0]);
    }

    /// The words of a command, up to what a shell reads itself, and up to alternatives or an ellipsis in place of a command.
    fn arguments(command: &str) -> Vec<&str> {
        let mut arguments: Vec<&str> = Vec::new();
        for word in command.split_whitespace() {
            let is_value = arguments.last().is_some_and(|before| before.starts_with("--"));
            let ends =
                word.starts_with(['#', '<', '>', '&', '\\', '(']) || word.starts_with("2>") || word.contains('|');
            if ends || !is_value && word.contains('…') {
                break;
            }
            arguments.push(word.trim_start_matches('[').trim_end_matches([']', ';', ',']));
        }
        arguments
    }
}
