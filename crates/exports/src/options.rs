//! The formats, and how a file is written.

/// A format of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// The lines of JSON that `masthead import` reads: the only format that loses nothing.
    Masthead,
    /// A table with a fixed header, for spreadsheets.
    Csv,
    /// A list in Auth0's schema of bulk imports.
    Auth0,
    /// A SCIM 2.0 list response (RFC 7644 §3.4.2).
    Scim,
    /// LDIF (RFC 2849).
    Ldif,
}

impl ExportFormat {
    /// Every format with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("masthead", Self::Masthead),
        ("csv", Self::Csv),
        ("auth0", Self::Auth0),
        ("scim", Self::Scim),
        ("ldif", Self::Ldif),
    ];

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(known, format)| (known == name).then_some(format))
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Masthead => "masthead",
            Self::Csv => "csv",
            Self::Auth0 => "auth0",
            Self::Scim => "scim",
            Self::Ldif => "ldif",
        }
    }

    /// Whether the format has a place for password hashes.
    #[must_use]
    pub const fn has_hashes(self) -> bool {
        match self {
            Self::Masthead | Self::Csv | Self::Auth0 | Self::Ldif => true,
            // Its `password` is a password in clear text.
            Self::Scim => false,
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterOptions {
    /// The format.
    pub format: ExportFormat,
    /// Whether hashes are written, where the format has a place for them.
    pub with_hashes: bool,
    /// The distinguished name under which LDIF has its entries.
    pub base_dn: Box<str>,
}
