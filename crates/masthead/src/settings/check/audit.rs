//! Checks the raw settings of `[audit]`.

use masthead_domain::caller_address::AuditAddress;

use crate::settings::{checker::Checker, model::AuditSettings, raw::RawAudit};

pub(in crate::settings) fn audit(raw: &RawAudit, c: &mut Checker<'_>) -> Option<AuditSettings> {
    let address = match raw.address.as_str() {
        "network" => Some(AuditAddress::Network),
        "address" => Some(AuditAddress::Address),
        "none" => Some(AuditAddress::None),
        _ => {
            c.errors.add("audit.address", "must be network, address or none");
            None
        }
    };
    let required = c.switch("audit.required", &raw.required);
    Some(AuditSettings {
        address: address?,
        required: required?,
    })
}
