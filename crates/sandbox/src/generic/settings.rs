//! The contract of the simulated generic provider: authentication, paging, and the format of failures.
//!
//! The vendors' protocols for SSOR and Firefly are private. Everything here is Masthead's contract.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quota::Quota;
use crate::stub::StubSettings;

/// What a simulated generic provider starts with, and returns to when it is reset.
#[derive(Debug, Clone)]
pub struct GenericStubConfig {
    /// The contract.
    pub settings: GenericStubSettings,
    /// The users, stored unchanged, each with an id where the settings place it.
    pub users: Vec<Value>,
}

impl GenericStubConfig {
    /// SSOR without users.
    #[must_use]
    pub fn ssor() -> Self {
        Self::with(GenericStubSettings::ssor())
    }

    /// Firefly without users.
    #[must_use]
    pub fn firefly() -> Self {
        Self::with(GenericStubSettings::firefly())
    }

    /// A provider with this contract and without users.
    #[must_use]
    pub fn with(settings: GenericStubSettings) -> Self {
        let users = Vec::new();
        Self { settings, users }
    }
}

impl Default for GenericStubConfig {
    fn default() -> Self {
        Self::ssor()
    }
}

/// How a client authenticates. (Client certificates are left out: loopback has no TLS.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum GenericStubAuth {
    /// No authentication.
    None,
    /// A fixed bearer token.
    Bearer {
        /// The token.
        token: String,
    },
    /// A bearer token issued for client credentials, which are sent as a form or as HTTP Basic.
    ClientCredentials {
        /// The path of the token endpoint.
        path: String,
        /// The client id.
        client_id: String,
        /// The client secret.
        client_secret: String,
        /// How long a token lives, in seconds.
        lifetime_s: u64,
    },
    /// A dedicated header.
    Header {
        /// The header's name.
        name: String,
        /// The value.
        value: String,
    },
    /// A member of the query, the form or the JSON body.
    Field {
        /// The name.
        name: String,
        /// The value.
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

/// How a list is paged; the names are those of the parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "style",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum StubPaging {
    /// By page number.
    Page {
        /// The name of the page number.
        number: String,
        /// The name of the page size.
        size: String,
        /// The number of the first page.
        first: u64,
    },
    /// By offset.
    Offset {
        /// The name of the offset.
        offset: String,
        /// The name of the page size.
        limit: String,
    },
    /// By a cursor from the page before.
    Cursor {
        /// The name of the cursor.
        cursor: String,
        /// The name of the page size.
        limit: String,
        /// The JSON pointer to the next cursor; absent on the last page.
        next: String,
    },
    /// No paging: every match at once.
    None,
}

/// The format of success and failure.
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
    /// Every response carries a number: this one for success, else an HTTP status.
    Status {
        /// The JSON pointer to the number.
        pointer: String,
        /// The number of success.
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
    /// Paths into a user, as JSON pointers; `*` selects every entry of a list.
    pub fields: Vec<String>,
    /// The comparison.
    pub how: FilterComparison,
}

/// The comparison of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterComparison {
    /// Exactly.
    Exact,
    /// The whole value, ignoring case.
    IgnoringCase,
    /// A prefix, ignoring case.
    Prefix,
}

/// The format of the invented users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserShape {
    /// Tribune's, with `masterId` and `PUID`.
    Ssor,
    /// Gannett's, with `atyponId` and `sessionKey`.
    Firefly,
}

/// The settings of the simulated provider. In JSON every member is required; [`GenericStubSettings::ssor`] and
/// [`GenericStubSettings::firefly`] show how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenericStubSettings {
    /// The format of the invented users.
    pub shape: UserShape,
    /// How a client authenticates.
    pub auth: GenericStubAuth,
    /// Required parameters and their values.
    pub required: BTreeMap<String, String>,
    /// The path of one user, containing `{id}`.
    pub user_path: String,
    /// The path of the list.
    pub list_path: String,
    /// `GET`, or `POST` with a form or JSON body.
    pub list_method: String,
    /// The JSON pointer to a user's id.
    pub id: String,
    /// The supported filters by parameter; every other parameter is refused.
    pub filters: BTreeMap<String, GenericStubFilter>,
    /// Parameters that are accepted and ignored.
    pub ignored: Vec<String>,
    /// How lists are paged.
    pub paging: StubPaging,
    /// The longest page, which is also the default size.
    pub longest_page: u64,
    /// The format of success and failure.
    pub envelope: GenericStubEnvelope,
    /// Failures that are sent with their HTTP status; the others come inside a 200.
    pub statuses: Vec<u16>,
    /// The JSON pointer to the user in a response with one user.
    pub user_pointer: String,
    /// The JSON pointer to the list.
    pub list_pointer: String,
    /// The JSON pointer to the number of all matches, if there is one.
    pub total_pointer: Option<String>,
    /// The paths of writes that are not those of one user.
    pub writes: GenericStubWrites,
    /// The quota of calls.
    pub quota: Quota,
    /// How long a change stays hidden from the list, in milliseconds.
    pub search_lag_ms: u64,
}

/// The paths of writes. A user is changed by PATCH and removed by DELETE at its own path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenericStubWrites {
    /// POST of a new user, with a `password` beside its members.
    pub create_path: String,
    /// PUT of a `password`, containing `{id}`.
    pub password_path: String,
    /// POST of a `login` and a `password`.
    pub sign_in_path: String,
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
            writes: GenericStubWrites {
                create_path: "/registration/users".into(),
                password_path: "/registration/users/{id}/password".into(),
                sign_in_path: "/registration/sign-in".into(),
            },
            quota: Quota::unlimited(),
            search_lag_ms: 0,
        }
    }

    /// The preset for Firefly: a secret header, `siteCode`, numbered pages, `/meta/status` (200) in every response.
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
            writes: GenericStubWrites {
                create_path: "/v4/users".into(),
                password_path: "/v4/users/{id}/password".into(),
                sign_in_path: "/v4/users/sign-in".into(),
            },
            ..Self::ssor()
        }
    }
}

impl StubSettings for GenericStubSettings {
    fn quota(&self) -> Quota {
        self.quota
    }

    fn search_lag_ms(&self) -> u64 {
        self.search_lag_ms
    }
}
