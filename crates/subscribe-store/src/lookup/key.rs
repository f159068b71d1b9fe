//! What a look-up of one key results in.

use std::sync::Arc;

use masthead_domain::account::Account;
use masthead_ports::source::SourceErrorKind;

/// The result of one key of a batch.
pub(crate) type KeyResult = Result<Vec<Account>, KeyError>;

/// Why one key has no result; the other keys of its batch are not affected.
#[derive(Debug)]
pub(crate) struct KeyError {
    pub(super) kind: SourceErrorKind,
    pub(super) cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}
