//! The requests of the reads.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    query::{OnProviderFailure, UserQuery},
};

/// A request for one user.
#[derive(Debug, Clone)]
pub struct LookupRequest {
    /// The user's id.
    pub crid: CustomerRegistrationId,
    /// The sources to read.
    pub sources: Sources,
    /// How to answer when a source does not answer.
    pub on_provider_failure: OnProviderFailure,
}

/// A request for one page of users.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Filter, order, page and count.
    pub query: UserQuery,
    /// The sources to read.
    pub sources: Sources,
    /// How to answer when a source does not answer.
    pub on_provider_failure: OnProviderFailure,
}
