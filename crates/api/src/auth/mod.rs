//! Who calls, for which tenant, and with which rights (contract §1): for v4 and the legacy API.

pub(crate) mod error;
pub(crate) mod headers;
pub(crate) mod refusal_log;
pub(crate) mod verify;
