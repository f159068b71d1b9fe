//! Checks the raw settings of `[providers]`.

use std::time::Duration;

use super::{GIGABYTE, HOUR, MILLISECOND};
use crate::settings::{
    checker::Checker,
    model::{PrivateAddresses, ProviderSettings},
    raw::RawProviders,
};

pub(in crate::settings) fn providers(raw: &RawProviders, c: &mut Checker<'_>) -> Option<ProviderSettings> {
    let allow_private_addresses = private_addresses(&raw.allow_private_addresses, c);
    let secrets_folder = c.required("providers.secrets_folder", &raw.secrets_folder);
    let shared_secrets = c.switch("providers.shared_secrets", &raw.shared_secrets);
    let connect_timeout = c.duration("providers.connect_timeout", &raw.connect_timeout, MILLISECOND..=HOUR);
    let call_timeout = c.duration("providers.call_timeout", &raw.call_timeout, MILLISECOND..=HOUR);
    let max_answer_bytes = c.size("providers.max_answer_bytes", &raw.max_answer_bytes, 1_024..=GIGABYTE);
    let fresh = c.duration("providers.fresh", &raw.fresh, Duration::ZERO..=HOUR);
    let stale = c.duration("providers.stale", &raw.stale, Duration::ZERO..=24 * 30 * HOUR);
    let stale_after = c.duration("providers.stale_after", &raw.stale_after, Duration::ZERO..=HOUR);
    Some(ProviderSettings {
        allow_private_addresses: allow_private_addresses?,
        secrets_folder: secrets_folder?.into(),
        shared_secrets: shared_secrets?,
        connect_timeout: connect_timeout?,
        call_timeout: call_timeout?,
        max_answer_bytes: max_answer_bytes?,
        fresh: fresh?,
        stale: stale?,
        stale_after: stale_after?,
    })
}

/// `true` and `false` are from before there were networks.
fn private_addresses(text: &str, c: &mut Checker<'_>) -> Option<PrivateAddresses> {
    match text.trim() {
        "true" => Some(PrivateAddresses::All),
        "false" => Some(PrivateAddresses::Networks(Vec::new())),
        networks => c
            .networks("providers.allow_private_addresses", networks)
            .map(PrivateAddresses::Networks),
    }
}
