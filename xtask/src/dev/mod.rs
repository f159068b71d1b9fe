//! `cargo xtask dev`: a seeded server with its Postgres and stand-ins for providers, until Ctrl-C.

mod http;
mod mailbox;
mod masthead;
pub(crate) mod providers;
mod registrations;
mod report;
mod sandboxes;
mod secrets;
mod seed;
mod serving;
mod tenant_setup;
mod tenants;
mod workspaces;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;

use clap::Args;
use masthead_dev_postgres::{PostgresServer, workspace};

use crate::child::stop_postgres_after_crash;
use crate::shell::TaskResult;
use mailbox::DevMailbox;
use masthead::{Masthead, Programs};
use secrets::DevSecrets;
pub(crate) use seed::DATABASE;
use serving::{DevServer, StopSignals};

/// The usual port of the server.
const PORT: u16 = 8080;

/// How to run it.
#[derive(Args)]
pub(crate) struct DevArguments {
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

pub(crate) fn run(arguments: &DevArguments) -> TaskResult {
    let folder = workspace().join("target").join("dev");
    fs::create_dir_all(&folder)?;
    // Two runs would write the same files and seed the same tables.
    let lock = File::create(folder.join("lock"))?;
    lock.try_lock()
        .map_err(|_| "another `cargo xtask dev` of this workspace is running")?;
    // From here on a signal leads to an orderly end.
    let signals = StopSignals::listen()?;
    report::remove(&folder)?;

    let server = PostgresServer::obtain()?;
    let after_crash = stop_postgres_after_crash()?;
    println!("Postgres: {}", server.describe());
    let result = serve(arguments, &server, &folder, signals);
    let removed = report::remove(&folder);
    if server.release()? {
        println!("Postgres is stopped; the data are kept for the next run");
    }
    after_crash.cancel();
    result.and(removed)
}

fn serve(arguments: &DevArguments, server: &PostgresServer, folder: &Path, signals: StopSignals) -> TaskResult {
    if arguments.fresh {
        server.drop_database(DATABASE)?;
    }
    if !server.has_database(DATABASE)? {
        server.create_database(DATABASE)?;
    }
    // A taken port fails before the build.
    free_port(arguments.port)?;
    let secrets = DevSecrets::load_or_create(folder)?;
    let programs = Programs::build(arguments.release)?;
    let mut mailbox = DevMailbox::start(&programs)?;
    let masthead = mailbox.configure(Masthead::new(&programs, &server.url(DATABASE)?, &secrets));

    masthead
        .run(&["migrate"])
        .map_err(|error| format!("{error}; if the data are of another branch, begin anew with --fresh"))?;
    let known = tenant_setup::KnownTenants::load(&masthead)?;
    let mut sandboxes = sandboxes::start_all(&programs, folder, &secrets, |tenant, provider| {
        known.setting(tenant, provider.address)
    })?;
    tenant_setup::set_up(&masthead, &known, &sandboxes)?;
    let workspaces = workspaces::set_up(&masthead)?;
    seed::fill(server, &masthead)?;

    let port = free_port(arguments.port)?;
    let masthead = tenant_setup::set_up_chain(masthead, &known, port)?;
    let mut serving = DevServer::start(&masthead, port, signals)?;
    let address = format!("127.0.0.1:{port}");
    if serving.wait_until_ready(&address)? {
        report::write(folder, &address, &masthead, &sandboxes, &mailbox, &workspaces)?;
    }
    serving.wait(|| {
        mailbox.check_running()?;
        sandboxes.iter_mut().try_for_each(sandboxes::DevSandbox::check_running)
    })
}

/// The requested port, or the first free one from 8080 on.
fn free_port(requested: Option<u16>) -> TaskResult<u16> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    match requested {
        Some(port) if is_free(&port) => Ok(port),
        Some(port) => Err(format!("port {port} is taken").into()),
        None => (PORT..PORT + 100)
            .find(is_free)
            .ok_or_else(|| "no free port from 8080 on".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_port_is_refused() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = taken.local_addr().unwrap().port();
        assert!(free_port(Some(number)).unwrap_err().to_string().contains("taken"));
        drop(taken);
        assert_eq!(free_port(Some(number)).unwrap(), number);
    }
}
