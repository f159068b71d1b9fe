//! The v4 operations, as far as their parameters and codes differ.

/// A v4 operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum V4Operation {
    /// `GET /v4/Users/{crid}`
    GetUser,
    /// `GET /v4/Users` and `POST /v4/Users/Search`
    ListUsers,
}
