//! The stand-ins for outside providers: child processes that end with the server.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::binary::Programs;
use super::people::registration;
use super::providers::DevProvider;
use super::secrets::{Secrets, write_private};
use super::tenants::{DevTenant, TENANTS};
use crate::child::StandIn;
use crate::shell::Outcome;

/// How many pairs of ports are tried from the usual one on.
const PORTS_TRIED: u16 = 50;

/// A stand-in that runs; ended when this value is dropped.
pub(super) struct Sandbox {
    stand_in: StandIn,
    /// The tenant whose provider it is.
    pub(super) tenant: &'static DevTenant,
}

/// Starts one for each tenant with a provider. `known` is where the tenant's settings have it already: there again, if
/// that port is free.
pub(super) fn start(
    programs: &Programs,
    folder: &Path,
    secrets: &Secrets,
    known: impl Fn(&DevTenant, &DevProvider) -> Option<String>,
) -> Outcome<Vec<Sandbox>> {
    let secret = folder.join("sandbox-secret");
    write_private(&secret, &secrets.provider)?;
    let mut running = Vec::new();
    for tenant in TENANTS {
        let Some(provider) = tenant.provider else { continue };
        let usual = known(tenant, provider).as_deref().and_then(port_of);
        let port = free_pair(usual.into_iter().chain(provider.port..provider.port + PORTS_TRIED * 2))
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
            .arg(&secret);
        running.push(Sandbox::start(command, tenant)?);
    }
    Ok(running)
}

impl Sandbox {
    /// In a process group of its own, as the server: Ctrl-C in the terminal reaches us alone.
    fn start(mut command: Command, tenant: &'static DevTenant) -> Outcome<Self> {
        let stand_in =
            StandIn::start(command.process_group(0)).map_err(|error| format!("{}: {error}", tenant.name()))?;
        println!("{} stands in for {}'s provider", stand_in.url, tenant.name());
        Ok(Self { stand_in, tenant })
    }

    /// The provider's address, without a slash at its end.
    pub(super) fn url(&self) -> &str {
        &self.stand_in.url
    }

    /// The address that changes how it behaves, likewise.
    pub(super) fn control(&self) -> &str {
        &self.stand_in.control
    }

    /// An end of its own accord is an error: the tenant's answers would tell of an outage that nobody wanted.
    pub(super) fn still_runs(&mut self) -> Outcome {
        match self.stand_in.process.try_wait()? {
            Some(status) => Err(format!("the sandbox of {} ended by itself ({status})", self.tenant.name()).into()),
            None => Ok(()),
        }
    }

    /// How scripts find it, and switch it off and on.
    pub(super) fn for_scripts(&self) -> Value {
        let switch = |to: &str| json!({"method": "POST", "url": format!("{}/{to}", self.control())});
        json!({
            "url": self.url(),
            "control": self.control(),
            "faults": {"off": switch("off"), "on": switch("on")},
        })
    }
}

/// The port of an address on this machine; `None` for any other address.
pub(super) fn port_of(url: &str) -> Option<u16> {
    url.strip_prefix("http://127.0.0.1:")?.parse().ok()
}

/// The first of these ports that is free together with the one after it.
fn free_pair(mut ports: impl Iterator<Item = u16>) -> Option<u16> {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    ports.find(|port| port.checked_add(1).is_some_and(|next| free(*port) && free(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_known_of_an_address_on_this_machine_alone() {
        assert_eq!(port_of("http://127.0.0.1:8180"), Some(8180));
        assert_eq!(port_of("https://readers.example.com"), None);
        assert_eq!(port_of("http://127.0.0.1:"), None);
    }

    #[test]
    fn a_port_that_is_taken_and_the_one_before_it_are_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(free_pair([port, port - 1].into_iter()), None);
        drop(taken);
        assert_eq!(
            free_pair([u16::MAX].into_iter()),
            None,
            "nothing comes after the last port"
        );
    }
}
