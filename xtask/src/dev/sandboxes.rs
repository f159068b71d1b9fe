//! The stand-ins for providers: child processes that end with the server.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::masthead::Programs;
use super::providers::DevProvider;
use super::registrations::registration;
use super::secrets::{DevSecrets, write_private};
use super::tenants::{DevTenant, TENANTS};
use crate::child::SandboxProcess;
use crate::shell::TaskResult;

/// The number of ports after the usual one that are tried.
const PORTS_TRIED: u16 = 100;

/// A running stand-in; ended when dropped.
pub(super) struct DevSandbox {
    process: SandboxProcess,
    /// The tenant of the provider.
    pub(super) tenant: &'static DevTenant,
}

/// Starts one for each tenant with a provider; at the address that `known` returns, if its port is free.
pub(super) fn start_all<'a>(
    programs: &Programs,
    folder: &Path,
    secrets: &DevSecrets,
    known: impl Fn(&DevTenant, &DevProvider) -> Option<&'a str>,
) -> TaskResult<Vec<DevSandbox>> {
    let secret = folder.join("sandbox-secret");
    write_private(&secret, &secrets.provider)?;
    let mut running = Vec::new();
    for tenant in TENANTS {
        let Some(provider) = tenant.provider else { continue };
        let last = known(tenant, provider).and_then(port_in);
        let port = find_free_pair(last.into_iter().chain(provider.port..provider.port + PORTS_TRIED))
            .ok_or_else(|| format!("no two free ports from {} on", provider.port))?;
        let users: Vec<Value> = tenant
            .known_to_provider()
            .map(|number| (provider.user)(&registration(tenant, number)))
            .collect();
        let seed = folder.join(format!("sandbox-{}.json", provider.stand_in));
        write_private(&seed, &Value::Array(users).to_string())?;
        let mut command = Command::new(&programs.sandbox);
        command
            .args(["--provider", provider.stand_in])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--control", &format!("127.0.0.1:{}", port + 1)])
            .arg("--seed")
            .arg(&seed)
            .arg("--client-secret-file")
            .arg(&secret)
            // As for the server: Ctrl-C in the terminal reaches this process alone.
            .process_group(0);
        let process = SandboxProcess::start(&mut command).map_err(|error| format!("{}: {error}", tenant.name()))?;
        println!("{} simulates the provider of {}", process.url, tenant.name());
        running.push(DevSandbox { process, tenant });
    }
    Ok(running)
}

impl DevSandbox {
    /// The provider's address, without a final slash.
    pub(super) fn url(&self) -> &str {
        &self.process.url
    }

    /// The address for faults, without a final slash.
    pub(super) fn control(&self) -> &str {
        &self.process.control
    }

    /// Fails when it has ended: the tenant's responses would show an outage.
    pub(super) fn check_running(&mut self) -> TaskResult {
        match self.process.child.try_wait()? {
            Some(status) => Err(format!("the sandbox of {} ended ({status})", self.tenant.name()).into()),
            None => Ok(()),
        }
    }

    /// Its entry in `dev.json`.
    pub(super) fn to_json(&self) -> Value {
        let switch = |to: &str| json!({"method": "POST", "url": format!("{}/{to}", self.control())});
        json!({
            "url": self.url(),
            "control": self.control(),
            "faults": {"off": switch("off"), "on": switch("on")},
        })
    }
}

/// The port of an address on loopback; `None` for any other address.
pub(super) fn port_in(url: &str) -> Option<u16> {
    url.strip_prefix("http://127.0.0.1:")?.parse().ok()
}

/// The first port that is free together with the next one.
pub(super) fn find_free_pair(mut ports: impl Iterator<Item = u16>) -> Option<u16> {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    ports.find(|port| port.checked_add(1).is_some_and(|next| is_free(*port) && is_free(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_have_a_port() {
        assert_eq!(port_in("http://127.0.0.1:8180"), Some(8180));
        assert_eq!(port_in("https://readers.example.com"), None);
        assert_eq!(port_in("http://127.0.0.1:"), None);
    }

    #[test]
    fn pair_with_a_taken_port_is_skipped() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(find_free_pair([port, port - 1, u16::MAX].into_iter()), None);
    }
}
