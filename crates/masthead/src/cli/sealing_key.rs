//! `masthead sealing-key …`, as `--help` explains it.

use clap::Subcommand;

const FORGET_HELP: &str = "\
The database recognises each key of [sealing.keys] by a check value, which reveals nothing about the key: servers and commands with
another key under a known id do not start. Forget a key when it is gone for good, or was never the right one. Then the next process
that has a key under this id makes its own known. Users that were deleted under a forgotten key are not recognised any more: a sync or
an import may bring them back. docs/keys.md, Another key under a known id, has the steps.";

#[derive(Debug, Subcommand)]
pub(crate) enum SealingKeyCommand {
    /// Lists the keys with which the database was used: ids and dates, no keys.
    List {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Forgets a key of which no process is left, so that its id is free again.
    #[command(after_help = FORGET_HELP)]
    Forget {
        /// The id of the key in [sealing.keys], such as k1.
        id: String,
        /// Forgets it without a question.
        #[arg(long)]
        yes: bool,
    },
}
