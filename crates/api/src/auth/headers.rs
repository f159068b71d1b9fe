//! The headers that name a caller: their table for the documents, and their parser.

use std::borrow::Cow;

use http::HeaderMap;
use masthead_domain::tenant::{TenantId, TenantIdError};

use super::error::{AuthError, HeaderError};

/// One header, for the checks and the documents.
#[derive(Debug)]
pub(crate) struct HeaderSpec {
    /// The name as it is printed.
    pub(crate) name: &'static str,
    /// What it contains.
    pub(crate) meaning: &'static str,
    /// A value for examples.
    pub(crate) example: &'static str,
}

const fn header(name: &'static str, meaning: &'static str, example: &'static str) -> HeaderSpec {
    HeaderSpec { name, meaning, example }
}

static AUTHORIZATION: HeaderSpec = header(
    "Authorization",
    "`bearer` and a JWT; the scheme in any case",
    "bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
);
static SOURCE_SYSTEM: HeaderSpec = header("X-SourceSystem", "code of the calling application", "CRM");
static CLIENT: HeaderSpec = header("X-ClientCode", "client of the tenant", "daily");
static PAPER: HeaderSpec = header("X-PaperCode", "newspaper of the tenant", "herald");
static GROUP: HeaderSpec = header(
    "X-ClientGroupCode",
    "client group of the tenant; `X-MediaGroupCode` is an alias",
    "north",
);
/// Another name of [`GROUP`].
const GROUP_ALIAS: &str = "X-MediaGroupCode";

/// The required headers, in the contract's order, which is also the order of the checks.
pub(crate) static REQUIRED: [&HeaderSpec; 5] = [&AUTHORIZATION, &SOURCE_SYSTEM, &CLIENT, &PAPER, &GROUP];

/// The longest code of a calling application, in bytes.
const MAX_SOURCE_SYSTEM_BYTES: usize = 64;

/// Whether the caller must send its client group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupHeader {
    /// v4.
    Required,
    /// The legacy API, which has no such header: the token decides where it grants one group only.
    Optional,
}

/// The headers of a caller, parsed but not verified.
pub(super) struct CallerHeaders<'a> {
    authorization: &'a [u8],
    pub(super) source_system: Cow<'a, str>,
    /// With a placeholder for the group where [`CallerHeaders::has_group`] is false.
    pub(super) tenant: TenantId,
    pub(super) has_group: bool,
}

/// The placeholder for an absent client group; client and paper are checked all the same.
const NO_GROUP: &[u8] = b"-";

impl<'a> CallerHeaders<'a> {
    pub(super) fn parse(headers: &'a HeaderMap, rule: GroupHeader) -> Result<Self, HeaderError> {
        let raw = RawHeaders::find(headers);
        let authorization = raw.authorization.required(AUTHORIZATION.name)?;
        let source_system = raw.source_system.required(SOURCE_SYSTEM.name)?;
        let client = raw.client.required(CLIENT.name)?;
        let paper = raw.paper.required(PAPER.name)?;
        let group = match (raw.group.optional(GROUP.name)?, raw.group_alias.optional(GROUP_ALIAS)?) {
            (Some(group), Some(alias)) if group != alias => return Err(HeaderError::AliasDiffers),
            (Some(group), _) | (None, Some(group)) => Some(group),
            (None, None) if rule == GroupHeader::Optional => None,
            (None, None) => return Err(HeaderError::Missing(GROUP.name)),
        };
        let printable = source_system.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if !printable || source_system.len() > MAX_SOURCE_SYSTEM_BYTES {
            return Err(HeaderError::NotPrintable(SOURCE_SYSTEM.name));
        }
        // A byte that is not UTF-8 becomes a character that no code may contain.
        let text = String::from_utf8_lossy;
        let tenant =
            TenantId::new(&text(group.unwrap_or(NO_GROUP)), &text(client), &text(paper)).map_err(|invalid| {
                HeaderError::NotACode(match invalid {
                    TenantIdError::BadCode { part: "client" } => CLIENT.name,
                    TenantIdError::BadCode { part: "paper" } => PAPER.name,
                    TenantIdError::BadCode { .. } | TenantIdError::NotThreeParts => GROUP.name,
                })
            })?;
        Ok(Self {
            authorization,
            source_system: text(source_system),
            tenant,
            has_group: group.is_some(),
        })
    }

    /// The tenant and the source system that the headers name, where they can be read; for logs.
    pub(super) fn named(headers: &'a HeaderMap) -> Option<(TenantId, Cow<'a, str>)> {
        let parsed = Self::parse(headers, GroupHeader::Optional).ok()?;
        Some((parsed.tenant, parsed.source_system))
    }

    /// The text after the scheme.
    pub(super) fn token(&self) -> Result<&'a str, AuthError> {
        const SCHEME: &[u8] = b"bearer ";
        let text = self.authorization;
        match text.split_at_checked(SCHEME.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => std::str::from_utf8(token)
                .map(str::trim)
                .ok()
                .filter(|token| !token.is_empty())
                .ok_or(AuthError::NotBearer),
            _ => Err(AuthError::NotBearer),
        }
    }
}

/// The headers of a caller, found in one pass: each lookup in the map would hash a name.
#[derive(Default)]
struct RawHeaders<'h> {
    authorization: RawHeader<'h>,
    source_system: RawHeader<'h>,
    client: RawHeader<'h>,
    paper: RawHeader<'h>,
    group: RawHeader<'h>,
    group_alias: RawHeader<'h>,
}

/// One header before it is checked.
#[derive(Default)]
enum RawHeader<'h> {
    #[default]
    Missing,
    Once(&'h [u8]),
    Repeated,
}

impl<'h> RawHeaders<'h> {
    fn find(headers: &'h HeaderMap) -> Self {
        let mut raw = Self::default();
        for (name, value) in headers {
            let slot = match name.as_str() {
                "authorization" => &mut raw.authorization,
                "x-sourcesystem" => &mut raw.source_system,
                "x-clientcode" => &mut raw.client,
                "x-papercode" => &mut raw.paper,
                "x-clientgroupcode" => &mut raw.group,
                "x-mediagroupcode" => &mut raw.group_alias,
                _ => continue,
            };
            *slot = match slot {
                RawHeader::Missing => RawHeader::Once(value.as_bytes()),
                RawHeader::Once(_) | RawHeader::Repeated => RawHeader::Repeated,
            };
        }
        raw
    }
}

impl<'h> RawHeader<'h> {
    /// The value without surrounding blanks; `None` when it is absent or blank.
    fn optional(self, name: &'static str) -> Result<Option<&'h [u8]>, HeaderError> {
        match self {
            Self::Missing => Ok(None),
            Self::Once(value) => Ok(Some(value.trim_ascii()).filter(|text| !text.is_empty())),
            Self::Repeated => Err(HeaderError::Repeated(name)),
        }
    }

    fn required(self, name: &'static str) -> Result<&'h [u8], HeaderError> {
        self.optional(name)?.ok_or(HeaderError::Missing(name))
    }
}
