//! The arguments of `masthead pool …`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Lists every pool with its tenants and the number of its users.
    List {
        /// As one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Removes a pool without tenants, with its registrations and everything else in it. The audit log keeps its events.
    #[command(after_help = "\
There is no way back but a backup. The rows are deleted in small transactions; an interrupted removal is continued by removing the
pool that it has renamed, `removed pool NUMBER`.")]
    Remove {
        /// The pool.
        #[arg(value_name = "NAME")]
        pool: String,
        /// How many registrations go with it, as `pool list` shows; needed unless it has none.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        registrations: i64,
        /// Continues without a confirmation.
        #[arg(long)]
        yes: bool,
    },
}
