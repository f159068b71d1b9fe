//! The v4 operations, as far as their parameters and codes differ.

use super::code::Code;

/// A v4 operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum V4Operation {
    /// `GET /v4/Users/{crid}`
    GetUser,
    /// `GET /v4/Users` and `POST /v4/Users/Search`
    ListUsers,
    /// `GET /v4/Users/Export`
    ExportUsers,
}

impl V4Operation {
    /// The code of a refused parameter.
    pub(crate) const fn parameter_code(self) -> Code {
        match self {
            Self::GetUser => Code::E400_00,
            Self::ListUsers | Self::ExportUsers => Code::E400_02,
        }
    }

    /// The code of inconsistent data of a source.
    pub(crate) const fn corrupt_code(self) -> Code {
        match self {
            Self::GetUser => Code::E500_01,
            Self::ListUsers | Self::ExportUsers => Code::E500_02,
        }
    }
}
