//! A simulated Auth0 with the latency and the users that a measurement needs.

use std::process::Command;

use serde_json::json;

use super::context::BenchContext;
use super::http::{BlockingClient, HeaderList};
use super::masthead::build_program;
use crate::child::SandboxProcess;
use crate::dev::providers::AUTH0;
use crate::shell::TaskResult;

/// The sandbox's own client, and the secret that it has unless another one is configured.
const CLIENT: &str = "sandbox-client";
pub(super) const SECRET: &str = "sandbox-client-secret";

/// A running `masthead-sandbox`.
pub(super) struct Auth0Sandbox(SandboxProcess);

impl Auth0Sandbox {
    /// Starts it with these arguments besides.
    pub(super) fn start(context: &BenchContext<'_>, arguments: &[&str]) -> TaskResult<Self> {
        let mut command = Command::new(build_program("masthead-sandbox", context.profile)?);
        command.args(["--provider", AUTH0.stand_in]).args(arguments);
        Ok(Self(SandboxProcess::start(&mut command)?))
    }

    pub(super) fn process(&self) -> u32 {
        self.0.child.id()
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        self.0.url.trim_start_matches("http://")
    }

    /// The settings of a tenant with this provider and this budget, whose secret is in this variable.
    pub(super) fn tenant_settings(&self, secret: &str, burst: u32, per_second: u32) -> Vec<String> {
        let fixed = AUTH0
            .settings
            .iter()
            .filter(|(name, value)| !name.starts_with("Auth0.Budget") && *value != AUTH0.secret);
        let mut settings: Vec<String> = fixed.map(|(name, value)| format!("{name}={value}")).collect();
        settings.extend([
            format!("Flow.UserProvider={}", AUTH0.name),
            format!("{}={}", AUTH0.address, self.0.url),
            format!("Auth0.ClientSecretEnv={secret}"),
            format!("Auth0.BudgetBurst={burst}"),
            format!("Auth0.BudgetPerSecond={per_second}"),
        ]);
        settings
    }

    /// The headers of a call to its management API.
    pub(super) fn headers(&self) -> TaskResult<HeaderList> {
        let grant = json!({
            "grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET,
            "audience": format!("{}/api/v2/", self.0.url),
        });
        let json = vec![("Content-Type", "application/json".to_owned())];
        let reply = BlockingClient::connect(self.address())?.send("POST", "/oauth/token", &json, grant.to_string())?;
        let reply = reply.json("the sandbox's token")?;
        let token = reply["access_token"]
            .as_str()
            .ok_or("no token in the sandbox's answer")?;
        Ok(vec![("Authorization", format!("Bearer {token}"))])
    }

    /// Calls its control API.
    pub(super) fn control(
        &self,
        method: &str,
        target: &str,
        body: &serde_json::Value,
    ) -> TaskResult<serde_json::Value> {
        let address = self.0.control.trim_start_matches("http://");
        let reply = BlockingClient::connect(address)?.send(method, target, &Vec::new(), body.to_string())?;
        reply.json(target)
    }
}
