//! A tenant whose Subscribe source is another tenant, asked through the API of the same server.

use serde_json::Value;

use super::binary::Masthead;
use super::sandboxes::port_of;
use super::tenants::{DevTenant, setting};
use crate::shell::Outcome;

/// Who asks; it has no registrations of its own.
pub(super) const NEAR: DevTenant = DevTenant {
    group: "coastal",
    client: "media",
    paper: "annex",
    registrations: 0,
    mixed: false,
    provider: None,
};

/// Who is asked.
pub(super) const FAR: &str = "coastal/media/times";

/// The variable of the server's environment that holds the token for it.
pub(super) const SECRET: &str = "MASTHEAD_SECRET_CHAIN";

/// The setting with the address.
const URL: &str = "Subscribe.Url";

/// A token for the far tenant that outlives any run.
pub(super) fn token(masthead: &Masthead) -> Outcome<String> {
    masthead.output(&[
        "token",
        "--tenant",
        FAR,
        "--scope",
        "users:read",
        "--expires-in",
        "365d",
    ])
}

/// Sets the tenant up for a server at this port. What the developer has set otherwise since stays, but for the port.
pub(super) fn set_up(masthead: &Masthead, known: &Value, port: u16) -> Outcome {
    let is_new = !known
        .as_array()
        .is_some_and(|all| all.iter().any(|tenant| tenant["tenant"] == NEAR.name().as_str()));
    let url = format!("http://127.0.0.1:{port}");
    let before = setting(known, &NEAR, URL);
    if !is_new
        && before
            .as_deref()
            .is_none_or(|before| before == url || port_of(before).is_none())
    {
        return Ok(());
    }
    let url = format!("{URL}={url}");
    let mut arguments = vec!["tenant", "set"];
    let name = NEAR.name();
    arguments.extend([&*name, &url]);
    let (tenant, token) = (
        format!("Subscribe.Tenant={FAR}"),
        format!("Subscribe.TokenEnv={SECRET}"),
    );
    if is_new {
        arguments.extend([&*tenant, &token]);
    }
    masthead.run(&arguments)
}

#[cfg(test)]
mod tests {
    use super::super::tenants::TENANTS;
    use super::*;

    #[test]
    fn the_chained_tenant_and_the_one_that_it_asks_are_among_the_tenants() {
        let far = TENANTS.iter().find(|tenant| tenant.name() == FAR).unwrap();
        assert!(far.registrations > 0 && far.provider.is_none());
        assert!(TENANTS.iter().any(|tenant| tenant.name() == NEAR.name()));
    }
}
