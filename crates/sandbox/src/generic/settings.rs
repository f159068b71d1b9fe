//! The contract that a stand-in directory keeps: how callers prove themselves, how lists are paged, how failure looks.
//!
//! The vendors' own protocols for SSOR and Firefly are private. Everything here is Masthead's contract, not theirs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::quota::Quota;

/// How a caller proves itself. (Client certificates are left out: loopback has no TLS.)
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum GenericStubAuth {
    /// Not at all.
    None,
    /// A fixed bearer token.
    Bearer {
        /// The token.
        token: String,
    },
    /// A bearer token that the caller gets for its credentials, which it sends as a form or as HTTP Basic.
    ClientCredentials {
        /// Where it asks.
        path: String,
        /// Its id.
        client_id: String,
        /// Its secret.
        client_secret: String,
        /// How long a token lives, in seconds.
        lifetime_s: u64,
    },
    /// A header of its own.
    Header {
        /// The header's name.
        name: String,
        /// What it holds.
        value: String,
    },
    /// A member of the query, the form or the JSON body.
    Field {
        /// Its name.
        name: String,
        /// What it holds.
        value: String,
    },
    /// HTTP Basic.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
}

impl std::fmt::Debug for GenericStubAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bearer { .. } => "Bearer(<hidden>)",
            Self::ClientCredentials { .. } => "ClientCredentials(<hidden>)",
            Self::Header { .. } => "Header(<hidden>)",
            Self::Field { .. } => "Field(<hidden>)",
            Self::Basic { .. } => "Basic(<hidden>)",
        })
    }
}

/// How a list is cut into pages; the names are those of the parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "style",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum StubPaging {
    /// By the page's number.
    Page {
        /// Names the number.
        number: String,
        /// Names the size.
        size: String,
        /// The first page's number.
        first: u64,
    },
    /// By how many users to skip.
    Offset {
        /// Names how many to skip.
        offset: String,
        /// Names the size.
        limit: String,
    },
    /// By what the page before said.
    Cursor {
        /// Names the cursor.
        cursor: String,
        /// Names the size.
        limit: String,
        /// Where a page tells the next one's cursor, as a JSON pointer; absent on the last.
        next: String,
    },
    /// Not at all: every match at once.
    None,
}

/// How success and failure look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum GenericStubEnvelope {
    /// Failure is an HTTP status.
    Plain,
    /// Every answer carries a number: this one when all is well, else what an HTTP status would say.
    Status {
        /// Where it is, as a JSON pointer.
        pointer: String,
        /// What success says.
        ok: i64,
    },
    /// A failure has a member of this name, e.g. `err`, `errMsg`, `errorMessage` or `errorThrown`.
    Member {
        /// The name.
        name: String,
    },
}

/// What one filter compares, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenericStubFilter {
    /// Paths into a user, as JSON pointers; `*` stands for every entry of a list.
    pub fields: Vec<String>,
    /// How the value is compared.
    pub how: FilterComparison,
}

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterComparison {
    /// To the letter.
    Exact,
    /// Whole, whatever its case.
    IgnoringCase,
    /// By its beginning, whatever its case.
    Prefix,
}

/// Whose invented users the directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserShape {
    /// Tribune's, with `masterId` and `PUID`.
    Ssor,
    /// Gannett's, with `atyponId` and `sessionKey`.
    Firefly,
}

/// How the directory is set up. In JSON every part must be given; [`GenericStubSettings::ssor`] and
/// [`GenericStubSettings::firefly`] show how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenericStubSettings {
    /// What its users look like.
    pub shape: UserShape,
    /// How a caller proves itself.
    pub auth: GenericStubAuth,
    /// Parameters that every call must carry, with these values.
    pub required: BTreeMap<String, String>,
    /// The path of one user, with `{id}` in it.
    pub user_path: String,
    /// The path of the list.
    pub list_path: String,
    /// `GET`, or `POST` with a form or JSON body.
    pub list_method: String,
    /// The path to a user's id, as a JSON pointer.
    pub id: String,
    /// The filters that the list knows, by parameter. Every other parameter is refused.
    pub filters: BTreeMap<String, GenericStubFilter>,
    /// Parameters that are taken and make no difference.
    pub ignored: Vec<String>,
    /// How lists are cut.
    pub paging: StubPaging,
    /// What a page is cut to, silently; also its size when none is asked.
    pub longest_page: u64,
    /// How success and failure look.
    pub envelope: GenericStubEnvelope,
    /// Failures whose HTTP status says so; the others come inside a 200.
    pub statuses: Vec<u16>,
    /// Where one user is in an answer, as a JSON pointer.
    pub user_pointer: String,
    /// Where the list is.
    pub list_pointer: String,
    /// Where the number of all matches is, if anywhere.
    pub total_pointer: Option<String>,
    /// What may be called.
    pub quota: Quota,
    /// How long a change stays hidden from the list, in milliseconds.
    pub search_lag_ms: u64,
    /// Whether long answers are packed for callers that take gzip.
    pub compress: bool,
}

fn filters(given: &[(&str, &[&str], FilterComparison)]) -> BTreeMap<String, GenericStubFilter> {
    given
        .iter()
        .map(|(name, fields, how)| {
            let fields = fields.iter().map(|&field| field.to_owned()).collect();
            ((*name).to_owned(), GenericStubFilter { fields, how: *how })
        })
        .collect()
}

impl GenericStubSettings {
    /// The preset for SSOR: bearer token, `product_code`, offsets, one of four error members inside a 200.
    #[must_use]
    pub fn ssor() -> Self {
        Self {
            shape: UserShape::Ssor,
            auth: GenericStubAuth::Bearer {
                token: "sandbox-ssor-token".into(),
            },
            required: BTreeMap::from([("product_code".into(), "sandbox".into())]),
            user_path: "/registration/users/{id}".into(),
            list_path: "/registration/users".into(),
            list_method: "GET".into(),
            id: "/consumerId".into(),
            filters: filters(&[
                (
                    "email",
                    &["/email", "/linkedIdentifiers/*/emailAddress"],
                    FilterComparison::IgnoringCase,
                ),
                ("firstName", &["/firstName"], FilterComparison::Prefix),
                ("lastName", &["/lastName"], FilterComparison::Prefix),
            ]),
            ignored: Vec::new(),
            paging: StubPaging::Offset {
                offset: "offset".into(),
                limit: "limit".into(),
            },
            longest_page: 50,
            envelope: GenericStubEnvelope::Member { name: "errMsg".into() },
            statuses: vec![401, 404, 429, 503],
            user_pointer: "/users/0".into(),
            list_pointer: "/users".into(),
            total_pointer: Some("/total".into()),
            quota: Quota::unlimited(),
            search_lag_ms: 0,
            compress: true,
        }
    }

    /// The preset for Firefly: a secret header, `siteCode`, numbered pages, `/meta/status` (200) in every answer.
    #[must_use]
    pub fn firefly() -> Self {
        Self {
            shape: UserShape::Firefly,
            auth: GenericStubAuth::Header {
                name: "x-firefly-secret".into(),
                value: "sandbox-firefly-secret".into(),
            },
            required: BTreeMap::from([("siteCode".into(), "SAND".into())]),
            user_path: "/v4/users/{id}".into(),
            list_path: "/v4/users".into(),
            id: "/userGUID".into(),
            filters: filters(&[
                ("email", &["/email"], FilterComparison::IgnoringCase),
                ("firstName", &["/firstName"], FilterComparison::Prefix),
                ("lastName", &["/lastName"], FilterComparison::Prefix),
            ]),
            paging: StubPaging::Page {
                number: "page".into(),
                size: "pageSize".into(),
                first: 0,
            },
            envelope: GenericStubEnvelope::Status {
                pointer: "/meta/status".into(),
                ok: 200,
            },
            statuses: vec![401, 429, 503],
            user_pointer: "/response/user".into(),
            list_pointer: "/response/users".into(),
            total_pointer: Some("/response/total".into()),
            ..Self::ssor()
        }
    }
}
