//! `cargo xtask postgres`: the server that development and tests share.

use clap::{Args, Subcommand};
use masthead_dev_postgres::PostgresServer;

use crate::dev::DATABASE;
use crate::shell::Outcome;

/// What to do with it.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Starts it unless it runs; it then stays until `stop`, or until the last `dev` or `test` ends.
    Start,
    /// Stops it unless a test or a `dev` uses it; data are kept.
    Stop,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let server = PostgresServer::obtain()?;
    match options.verb {
        Verb::Start => {
            let began = if server.started_here() {
                "started"
            } else {
                "running already"
            };
            println!("{began}: {}", server.describe());
            if server.has_database(DATABASE)? {
                println!("psql '{}'", server.url(DATABASE)?);
            }
        }
        Verb::Stop => {
            let done = if server.release()? {
                "stopped; its data are kept"
            } else {
                "left running: somebody uses it"
            };
            println!("{done}");
        }
    }
    Ok(())
}
