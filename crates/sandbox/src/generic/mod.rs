//! A simulated generic provider, described by settings, with presets for SSOR and Firefly.
//!
//! Neither vendor publishes a protocol for servers: the protocol is Masthead's own, configurable contract.

mod admission;
mod list;
mod response;
mod sample;
mod settings;
mod stub;
mod writes;

pub use sample::{SESSION_GRADE, sample_generic_user, sample_generic_users};
pub use settings::{
    FilterComparison, GenericStubAuth, GenericStubConfig, GenericStubEnvelope, GenericStubFilter, GenericStubSettings,
    GenericStubWrites, StubPaging, UserShape,
};
pub use stub::GenericStub;
