//! `cargo xtask postgres`: the server that development and tests share.

use clap::{Args, Subcommand};
use masthead_dev_postgres::PostgresServer;

use crate::dev::DATABASE;
use crate::shell::TaskResult;

/// What to do with it.
#[derive(Args)]
pub(crate) struct PostgresArguments {
    #[command(subcommand)]
    verb: PostgresVerb,
}

#[derive(Subcommand)]
enum PostgresVerb {
    /// Starts it unless it runs; it then runs until `stop`, or until the last `dev` or `test` ends.
    Start,
    /// Stops it unless a test or a `dev` uses it; data are kept.
    Stop,
}

pub(crate) fn run(arguments: &PostgresArguments) -> TaskResult {
    let server = PostgresServer::obtain()?;
    match arguments.verb {
        PostgresVerb::Start => {
            println!("running: {}", server.describe());
            if server.has_database(DATABASE)? {
                println!("psql '{}'", server.url(DATABASE)?);
            }
        }
        PostgresVerb::Stop if server.release()? => println!("stopped; its data are kept"),
        PostgresVerb::Stop => println!("not stopped: it is in use"),
    }
    Ok(())
}
