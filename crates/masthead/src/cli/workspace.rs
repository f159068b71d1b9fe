//! `masthead workspace …`, as `--help` explains it.

use clap::{Args, Subcommand};
use masthead_domain::{tenant::TenantId, workspace::WorkspaceId};

const KEYS_HELP: &str = "\
A key is shown once; only its hash is kept. To change keys without a pause: make a new one, give it to the caller, then
take the old one back with --remove (numbers are in `workspace list`). Running servers follow within seconds.";

/// The limits of a workspace; what is not given stays, or is as published.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WorkspaceSettings {
    /// How many identifiers one payload may hold, 1 to 1000 (as published: 20).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) identifiers_per_payload: Option<u32>,
    /// How many users may be asked for in any minute (as published: 1000).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) users_per_minute: Option<u32>,
    /// The largest body, in units of 1,024 bytes (as published: 128).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) body_kilobytes: Option<u32>,
    /// Whether an answer that cannot tell of everybody is refused as a whole.
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) strict: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Workspace {
    /// Makes a workspace and prints its first key.
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
    /// Lists every workspace with its tenant, its limits and the numbers of its keys.
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
    /// Makes one more key and prints it, or takes one back.
    #[command(after_help = KEYS_HELP)]
    Key {
        /// The workspace.
        #[arg(value_name = "NAME", value_parser = WorkspaceId::parse)]
        workspace: WorkspaceId,
        /// Takes the key of this number back instead.
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
