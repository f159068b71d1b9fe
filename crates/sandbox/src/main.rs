//! The sandbox as a program: listens, prints its addresses as one line of JSON, and ends on SIGTERM.

use std::any::Any;
use std::io::{Error, Result, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use masthead_sandbox::{
    Auth0Config, CognitoConfig, GenericStubAuth, GenericStubConfig, GigyaConfig, Mailbox, MailboxConfig, Sandbox,
    SandboxConfig, UsersApiConfig, sample_accounts, sample_cognito_users, sample_generic_users, sample_registrations,
    sample_users,
};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// A simulated identity provider or remote Users API, with a control address beside it; or a mailbox.
#[derive(Debug, Parser)]
#[command(version)]
struct SandboxArguments {
    /// The provider to simulate.
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auth0)]
    provider: ProviderChoice,
    /// Receives mail over SMTP instead, and shows it on a page at the control address.
    #[arg(long, conflicts_with_all = ["provider", "users", "seed", "client_id", "client_secret_file"])]
    mailbox: bool,
    /// The address of the provider or of SMTP; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The control address; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// The number of invented users at the start.
    #[arg(long, default_value_t = 0)]
    users: usize,
    /// A JSON array of further users, in the format of the provider.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// The client id at Auth0 (`sandbox-client` by default) or Cognito, or the user key at Gigya (`sandbox-user-key`).
    #[arg(long)]
    client_id: Option<String>,
    /// A file with the client's secret, token or password instead of the library's default.
    #[arg(long)]
    client_secret_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProviderChoice {
    Auth0,
    Gigya,
    /// A user pool of Amazon Cognito, which signs in with a password.
    Cognito,
    Ssor,
    Firefly,
    /// A remote Users API, v4 and legacy.
    UsersApi,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = SandboxArguments::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    // Kept until the end: dropping it closes the sockets.
    let _running: Box<dyn Any> = if arguments.mailbox {
        let mailbox = Mailbox::start(MailboxConfig {
            smtp: arguments.listen,
            page: arguments.control,
            ..MailboxConfig::default()
        });
        let mailbox = mailbox.await?;
        let url = format!("smtp://{}", mailbox.smtp_address());
        print(&json!({"url": url, "control": mailbox.page_url(), "pid": std::process::id()}))?;
        Box::new(mailbox)
    } else {
        let sandbox = Sandbox::start(config(&arguments)?).await?;
        announce(&sandbox, arguments.provider)?;
        Box::new(sandbox)
    };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

fn config(arguments: &SandboxArguments) -> Result<SandboxConfig> {
    let seed: Vec<Value> = match &arguments.seed {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?).map_err(Error::other)?,
        None => Vec::new(),
    };
    let secret = arguments.client_secret_file.as_ref().map(std::fs::read_to_string);
    let secret = secret.transpose()?.map(|text| text.trim_end().to_owned());
    let (count, client_id) = (arguments.users, arguments.client_id.clone());
    let mut config: SandboxConfig = match arguments.provider {
        ProviderChoice::Auth0 => {
            let mut config = Auth0Config::default();
            set_if_given(&mut config.clients[0].client_id, client_id);
            set_if_given(&mut config.clients[0].client_secret, secret);
            config.users = sample_users(count).chain(seed).collect();
            config.into()
        }
        ProviderChoice::Gigya => {
            let mut config = GigyaConfig::default();
            set_if_given(&mut config.applications[0].user_key, client_id);
            set_if_given(&mut config.applications[0].secret, secret);
            config.accounts = sample_accounts(count).chain(seed).collect();
            config.into()
        }
        ProviderChoice::Cognito => {
            let mut config = CognitoConfig::default();
            set_if_given(&mut config.settings.client_id, client_id);
            if secret.is_some() {
                config.settings.client_secret = secret;
            }
            config.users = sample_cognito_users(count).chain(seed).collect();
            config.into()
        }
        ProviderChoice::Ssor | ProviderChoice::Firefly => {
            let mut config = match arguments.provider {
                ProviderChoice::Ssor => GenericStubConfig::ssor(),
                _ => GenericStubConfig::firefly(),
            };
            if let GenericStubAuth::Bearer { token: value } | GenericStubAuth::Header { value, .. } =
                &mut config.settings.auth
            {
                set_if_given(value, secret);
            }
            config.users = sample_generic_users(config.settings.shape, count).chain(seed).collect();
            config.into()
        }
        ProviderChoice::UsersApi => {
            let mut config = UsersApiConfig::default();
            set_if_given(&mut config.settings.token, secret);
            config.users = sample_registrations(count).chain(seed).collect();
            config.into()
        }
    };
    (config.listen, config.control) = (arguments.listen, arguments.control);
    Ok(config)
}

fn set_if_given(setting: &mut String, given: Option<String>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn announce(sandbox: &Sandbox, provider: ProviderChoice) -> Result<()> {
    let mut line = json!({
        "url": sandbox.url(), "control": sandbox.control_url(), "pid": std::process::id(),
    });
    match provider {
        ProviderChoice::Auth0 => {
            line["audience"] = sandbox.auth0().audience().into();
            line["clientId"] = sandbox.auth0().clients()[0].client_id.as_str().into();
            line["users"] = sandbox.auth0().user_count().into();
        }
        ProviderChoice::Gigya => {
            line["apiKey"] = sandbox.gigya().settings().api_key.into();
            line["userKey"] = sandbox.gigya().applications()[0].user_key.as_str().into();
            line["users"] = sandbox.gigya().user_count().into();
        }
        ProviderChoice::Cognito => {
            line["clientId"] = sandbox.cognito().settings().client_id.into();
            line["users"] = sandbox.cognito().user_count().into();
        }
        ProviderChoice::Ssor | ProviderChoice::Firefly => {
            line["required"] = json!(sandbox.generic().settings().required);
            line["users"] = sandbox.generic().user_count().into();
        }
        ProviderChoice::UsersApi => {
            line["tenant"] = sandbox.users_api().settings().tenant.into();
            line["users"] = sandbox.users_api().user_count().into();
        }
    }
    print(&line)
}

fn print(line: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
