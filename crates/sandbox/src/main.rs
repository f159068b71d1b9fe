//! The sandbox as a program: listens, prints its addresses as one line of JSON, and ends at SIGTERM.

use std::io::{Error, Result, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use masthead_sandbox::{
    Auth0Client, Auth0Config, GenericStubAuth, GenericStubConfig, GigyaApplication, GigyaConfig, Sandbox,
    SandboxConfig, UsersApiConfig, sample_accounts, sample_generic_users, sample_registrations, sample_users,
};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// A stand-in identity provider or remote Users API, with a control address beside it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Which provider to stand in for.
    #[arg(long, value_enum, default_value_t = Provider::Auth0)]
    provider: Provider,
    /// Where the stand-in listens; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the control address listens; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// How many invented users to begin with.
    #[arg(long, default_value_t = 0)]
    users: usize,
    /// A JSON array of further users, in the shape the provider shows them.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// Who may call: Auth0's client id (`sandbox-client` when not given) or Gigya's user key (`sandbox-user-key`).
    #[arg(long)]
    client_id: Option<String>,
    /// A file with the caller's secret, token or password, without which it is the library's default.
    #[arg(long)]
    client_secret_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Provider {
    Auth0,
    Gigya,
    Ssor,
    Firefly,
    /// A remote Users API, v4 and legacy.
    UsersApi,
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
    let mut seeds: Vec<Value> = Vec::new();
    if let Some(path) = &arguments.seed {
        seeds = serde_json::from_slice(&std::fs::read(path)?).map_err(Error::other)?;
    }
    let secret = match &arguments.client_secret_file {
        Some(path) => Some(std::fs::read_to_string(path)?.trim_end().to_owned()),
        None => None,
    };
    let mut config = match arguments.provider {
        Provider::Auth0 => auth0(arguments, seeds, secret).into(),
        Provider::Gigya => gigya(arguments, seeds, secret).into(),
        Provider::Ssor => directory(GenericStubConfig::ssor(), arguments, seeds, secret).into(),
        Provider::Firefly => directory(GenericStubConfig::firefly(), arguments, seeds, secret).into(),
        Provider::UsersApi => users_api(arguments, seeds, secret).into(),
    };
    let SandboxConfig { listen, control, .. } = &mut config;
    (*listen, *control) = (arguments.listen, arguments.control);
    Ok(config)
}

fn auth0(arguments: &Arguments, seeds: Vec<Value>, secret: Option<String>) -> Auth0Config {
    let mut client = Auth0Client::default();
    client.client_id = arguments.client_id.clone().unwrap_or(client.client_id);
    client.client_secret = secret.unwrap_or(client.client_secret);
    Auth0Config {
        users: sample_users(arguments.users).chain(seeds).collect(),
        clients: vec![client],
        ..Auth0Config::default()
    }
}

fn gigya(arguments: &Arguments, seeds: Vec<Value>, secret: Option<String>) -> GigyaConfig {
    let mut application = GigyaApplication::default();
    application.user_key = arguments.client_id.clone().unwrap_or(application.user_key);
    application.secret = secret.unwrap_or(application.secret);
    GigyaConfig {
        accounts: sample_accounts(arguments.users).chain(seeds).collect(),
        applications: vec![application],
        ..GigyaConfig::default()
    }
}

fn directory(
    preset: GenericStubConfig,
    arguments: &Arguments,
    seeds: Vec<Value>,
    secret: Option<String>,
) -> GenericStubConfig {
    let mut config = preset;
    if let Some(secret) = secret {
        match &mut config.settings.auth {
            GenericStubAuth::Bearer { token } => *token = secret,
            GenericStubAuth::Header { value, .. } | GenericStubAuth::Field { value, .. } => *value = secret,
            GenericStubAuth::ClientCredentials { client_secret, .. } => *client_secret = secret,
            GenericStubAuth::Basic { password, .. } => *password = secret,
            GenericStubAuth::None => {}
        }
    }
    config.users = sample_generic_users(config.settings.shape, arguments.users)
        .chain(seeds)
        .collect();
    config
}

fn users_api(arguments: &Arguments, seeds: Vec<Value>, secret: Option<String>) -> UsersApiConfig {
    let mut config = UsersApiConfig::default();
    config.settings.token = secret.unwrap_or(config.settings.token);
    config.users = sample_registrations(arguments.users).chain(seeds).collect();
    config
}

fn announce(sandbox: &Sandbox, arguments: &Arguments) -> Result<()> {
    let mut line = json!({
        "url": sandbox.url(), "control": sandbox.control_url(), "pid": std::process::id(),
    });
    match arguments.provider {
        Provider::Auth0 => {
            line["audience"] = sandbox.auth0().audience().into();
            line["clientId"] = sandbox.auth0().clients()[0].client_id.as_str().into();
            line["users"] = sandbox.auth0().user_count().into();
        }
        Provider::Gigya => {
            line["apiKey"] = sandbox.gigya().settings().api_key.into();
            line["userKey"] = sandbox.gigya().applications()[0].user_key.as_str().into();
            line["users"] = sandbox.gigya().user_count().into();
        }
        Provider::Ssor | Provider::Firefly => {
            line["required"] = json!(sandbox.generic().settings().required);
            line["users"] = sandbox.generic().user_count().into();
        }
        Provider::UsersApi => {
            line["tenant"] = sandbox.users_api().settings().tenant.into();
            line["users"] = sandbox.users_api().user_count().into();
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
