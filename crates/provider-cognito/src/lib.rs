//! A user pool of Amazon Cognito, which checks the passwords of users who were imported from it (ADR 0140).
//!
//! One call of the Cognito API is made: `InitiateAuth` with the flow `USER_PASSWORD_AUTH`. It is public, so that it needs no
//! credentials of AWS.

mod adapter;
mod answer;
mod settings;
mod sign_in;

pub use adapter::CognitoAdapter;
pub use settings::{CognitoSettings, SETTINGS};
