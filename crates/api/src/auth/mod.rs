//! Who calls, for which tenant, and with which rights (contract §1): for v4 and the legacy API.

pub(crate) mod error;
pub(crate) mod headers;
pub(crate) mod read_scope;
pub(crate) mod verify;
