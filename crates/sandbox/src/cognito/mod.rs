//! A simulated user pool of Amazon Cognito: `InitiateAuth` with a password.

mod sample;
mod settings;
mod sign_in;
mod stub;

pub use sample::{sample_cognito_user, sample_cognito_users};
pub use settings::{CognitoConfig, CognitoStubSettings};
pub use stub::CognitoStub;
