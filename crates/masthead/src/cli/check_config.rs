//! The arguments of `masthead check-config` and `masthead settings`.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Without --connect nothing is opened but the files that the settings name. With it, each line begins with ok, warning or failed:
the database (server, version, TLS, role), its schema, each replica, the key set, the SMTP server, and for every tenant its
secrets and its provider, each with a few requests. Prints no user data and no secret. Exit code 1 if anything failed.")]
pub(crate) struct CheckConfigArguments {
    /// Connects to everything that the settings name.
    #[arg(long)]
    pub(crate) connect: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  masthead settings > masthead.toml            the reference, to change what differs
  masthead settings --effective                what is in force, and where it comes from")]
pub(crate) struct SettingsArguments {
    /// Prints the settings in force instead, each with the file or the variable that it comes from. Secrets are not printed.
    #[arg(long)]
    pub(crate) effective: bool,
}
