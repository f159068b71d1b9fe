//! A simulated Auth0: the token endpoint, and the users of the Management API v2.

mod errors;
mod list;
mod params;
mod payload;
mod query;
mod sample;
mod settings;
mod stub;
mod tenant;
mod token;
mod users;

pub use sample::{sample_user, sample_users};
pub use settings::{Auth0Client, Auth0Config, Auth0StubSettings};
pub use stub::Auth0Stub;
