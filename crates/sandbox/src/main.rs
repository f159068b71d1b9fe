//! The sandbox as a program: listens, prints its addresses as one line of JSON, and ends at SIGTERM.

use std::io::{Error, Result, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use masthead_sandbox::{Client, Sandbox, SandboxConfig, sample_users};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// A stand-in Auth0, with a control address beside it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where the stand-in listens; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the control address listens; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// How many invented users to begin with.
    #[arg(long, default_value_t = 0)]
    users: usize,
    /// A JSON array of further users, in the shape Auth0 shows them.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// The id of the application that may ask for tokens.
    #[arg(long, default_value = "sandbox-client")]
    client_id: String,
    /// A file with that application's secret, without which it is `sandbox-client-secret`.
    #[arg(long)]
    client_secret_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut ended = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let sandbox = Sandbox::start(config(&arguments)?).await?;
    announce(&sandbox, &arguments)?;
    tokio::select! {
        _ = ended.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

fn config(arguments: &Arguments) -> Result<SandboxConfig> {
    let mut config = SandboxConfig {
        listen: arguments.listen,
        control: arguments.control,
        ..SandboxConfig::default()
    };
    config.auth0.users = sample_users(arguments.users).collect();
    if let Some(path) = &arguments.seed {
        let seeds: Vec<Value> = serde_json::from_slice(&std::fs::read(path)?).map_err(Error::other)?;
        config.auth0.users.extend(seeds);
    }
    let mut client = Client {
        client_id: arguments.client_id.clone(),
        ..Client::default()
    };
    if let Some(path) = &arguments.client_secret_file {
        std::fs::read_to_string(path)?
            .trim_end()
            .clone_into(&mut client.client_secret);
    }
    config.auth0.clients = vec![client];
    Ok(config)
}

fn announce(sandbox: &Sandbox, arguments: &Arguments) -> Result<()> {
    let line = json!({
        "url": sandbox.url(), "control": sandbox.control_url(), "audience": sandbox.auth0().audience(),
        "clientId": arguments.client_id, "users": sandbox.auth0().user_count(), "pid": std::process::id(),
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
