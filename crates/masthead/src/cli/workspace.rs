//! `masthead workspace …`, as `--help` explains it.

use clap::{Args, Subcommand};
use masthead_domain::{tenant::TenantId, workspace::WorkspaceId};

const KEYS_HELP: &str = "\
A key is printed once; only its hash is stored. To rotate keys without downtime: create a new one, give it to the caller, then
remove the old one with --remove (numbers are in `workspace list`). Running servers follow within seconds.";

/// The limits of a workspace; an omitted one is unchanged, or has its published default.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WorkspaceSettings {
    /// How many identifiers one payload may contain, 1 to 1000 (default: 20).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) identifiers_per_payload: Option<u32>,
    /// How many users may be requested in any minute (default: 1000).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) users_per_minute: Option<u32>,
    /// The largest body, in units of 1,024 bytes (default: 128).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) body_kilobytes: Option<u32>,
    /// Whether a response with unresolved users is refused as a whole.
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) strict: Option<bool>,
}

impl WorkspaceSettings {
    /// Whether none is given.
    pub(crate) const fn is_empty(&self) -> bool {
        self.identifiers_per_payload.is_none()
            && self.users_per_minute.is_none()
            && self.body_kilobytes.is_none()
            && self.strict.is_none()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// Creates a workspace and prints its first key.
    #[command(after_help = KEYS_HELP)]
    Add {
        /// Its name: the callers' `app_id` and user name.
        #[arg(value_name = "NAME", value_parser = WorkspaceId::parse)]
        workspace: WorkspaceId,
        /// The tenant whose users it exports.
        #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
        #[command(flatten)]
        settings: WorkspaceSettings,
    },
    /// Lists every workspace with its tenant, its limits, and its keys: number, date, and when each was last used.
    List {
        /// As one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Changes limits. Running servers follow within seconds.
    Set {
        /// The workspace.
        #[arg(value_name = "NAME", value_parser = WorkspaceId::parse)]
        workspace: WorkspaceId,
        #[command(flatten)]
        settings: WorkspaceSettings,
    },
    /// Creates one more key and prints it, or removes one.
    #[command(after_help = KEYS_HELP)]
    Key {
        /// The workspace.
        #[arg(value_name = "NAME", value_parser = WorkspaceId::parse)]
        workspace: WorkspaceId,
        /// Removes the key with this number instead.
        #[arg(long, value_name = "NUMBER")]
        remove: Option<i32>,
    },
    /// Refuses every call of a workspace until it is resumed.
    Suspend {
        /// The workspace.
        #[arg(value_name = "NAME", value_parser = WorkspaceId::parse)]
        workspace: WorkspaceId,
    },
    /// Ends a suspension.
    Resume {
        /// The workspace.
        #[arg(value_name = "NAME", value_parser = WorkspaceId::parse)]
        workspace: WorkspaceId,
    },
    /// Removes a workspace with its keys.
    Remove {
        /// The workspace.
        #[arg(value_name = "NAME", value_parser = WorkspaceId::parse)]
        workspace: WorkspaceId,
    },
}
