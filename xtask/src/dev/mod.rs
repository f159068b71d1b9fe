//! `cargo xtask dev`: a seeded server on a Postgres of its own, with stand-ins for outside providers, until Ctrl-C.

mod binary;
mod chain;
mod http;
mod people;
pub(crate) mod providers;
mod report;
mod sandboxes;
mod secrets;
mod seed;
mod serving;
mod tenants;
mod workspaces;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;

use clap::Args;
use masthead_dev_postgres::{PostgresServer, workspace};

use crate::shell::Outcome;
use binary::{Masthead, Programs};
use secrets::Secrets;
use serving::Serving;

/// The database of development; kept between runs.
pub(crate) const DATABASE: &str = "masthead_dev";

/// Where the server listens unless told otherwise.
const PORT: u16 = 8080;

/// How to run it.
#[derive(Args)]
pub(crate) struct Options {
    /// The port on 127.0.0.1; without it 8080, or the next one that is free.
    #[arg(long)]
    port: Option<u16>,
    /// Drops the data of earlier runs first.
    #[arg(long)]
    fresh: bool,
    /// Builds the server with optimisations.
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let folder = workspace().join("target").join("dev");
    fs::create_dir_all(&folder)?;
    let _alone = alone(&folder)?;
    // From here on a signal asks for an orderly end, whatever is being done.
    let signals = serving::Signals::listen()?;
    report::forget(&folder)?;

    let server = PostgresServer::obtain()?;
    println!("Postgres: {}", server.describe());
    let outcome = serve(options, &server, &folder, signals);
    let forgotten = report::forget(&folder);
    if server.release()? {
        println!("Postgres is stopped; the data are kept for the next run");
    }
    outcome.and(forgotten)
}

fn serve(options: &Options, server: &PostgresServer, folder: &Path, signals: serving::Signals) -> Outcome {
    if options.fresh {
        server.drop_database(DATABASE)?;
    }
    if !server.has_database(DATABASE)? {
        server.create_database(DATABASE)?;
    }
    // A wish that cannot be granted is better told before the build than after it.
    port(options.port)?;
    let secrets = Secrets::kept_in(folder)?;
    let programs = Programs::build(options.release)?;
    let masthead = Masthead::new(&programs, &server.url(DATABASE)?, &secrets);

    masthead
        .run(&["migrate"])
        .map_err(|error| format!("{error}; if the data are of another branch, begin anew with --fresh"))?;
    let known = tenants::known(&masthead)?;
    let mut sandboxes = sandboxes::start(&programs, folder, &secrets, |tenant, provider| {
        tenants::setting(&known, tenant, provider.address)
    })?;
    tenants::set_up(&masthead, &known, &sandboxes)?;
    let workspaces = workspaces::set_up(&masthead)?;
    seed::fill(server, &masthead)?;

    let port = port(options.port)?;
    let token = chain::token(&masthead)?;
    let masthead = masthead.with_secret(chain::SECRET, token);
    chain::set_up(&masthead, &known, port)?;
    let mut serving = Serving::start(&masthead, port, signals)?;
    let address = format!("127.0.0.1:{port}");
    if serving.wait_until_ready(&address)? {
        report::write(folder, &address, &masthead, &sandboxes, &workspaces)?;
    }
    serving.wait(|| sandboxes.iter_mut().try_for_each(sandboxes::Sandbox::still_runs))
}

/// Two of these would write the same files and seed the same tables.
fn alone(folder: &Path) -> Outcome<File> {
    let lock = File::create(folder.join("lock"))?;
    lock.try_lock()
        .map_err(|_| "another `cargo xtask dev` of this workspace is running")?;
    Ok(lock)
}

fn port(wished: Option<u16>) -> Outcome<u16> {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    match wished {
        Some(port) if free(&port) => Ok(port),
        Some(port) => Err(format!("port {port} is taken").into()),
        None => (PORT..PORT + 100)
            .find(free)
            .ok_or_else(|| "no free port from 8080 on".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wished_port_that_is_taken_is_refused_and_not_replaced() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = taken.local_addr().unwrap().port();
        assert!(port(Some(number)).unwrap_err().to_string().contains("taken"));
        drop(taken);
        assert_eq!(port(Some(number)).unwrap(), number);
    }
}
