//! From the five headers to the caller: who asks, for which tenant, and by what right (contract §1).

use std::{borrow::Cow, time::Instant};

use http::HeaderMap;
use masthead_domain::tenant::{Grant, Scope, TenantId, TenantIdError};
use masthead_orchestrator::Caller;
use masthead_ports::source::SourceError;

use crate::{
    error::{ApiError, HeaderFault},
    request::{RequestId, kept},
    state::ApiState,
};

/// One required header, for the checks and the docs.
#[derive(Debug)]
pub(crate) struct HeaderSpec {
    /// The name as it is printed.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) meaning: &'static str,
    /// A value for examples.
    pub(crate) example: &'static str,
}

static AUTHORIZATION: HeaderSpec = HeaderSpec {
    name: "Authorization",
    meaning: "`bearer` and a JWT; the scheme in any case",
    example: "bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
};
pub(crate) static SOURCE_SYSTEM: HeaderSpec = HeaderSpec {
    name: "X-SourceSystem",
    meaning: "code of the calling application",
    example: "CRM",
};
static CLIENT: HeaderSpec = HeaderSpec {
    name: "X-ClientCode",
    meaning: "client of the tenant",
    example: "daily",
};
static PAPER: HeaderSpec = HeaderSpec {
    name: "X-PaperCode",
    meaning: "newspaper of the tenant",
    example: "herald",
};
static GROUP: HeaderSpec = HeaderSpec {
    name: "X-ClientGroupCode",
    meaning: "client group of the tenant; `X-MediaGroupCode` is taken as another name of it",
    example: "north",
};
static GROUP_ALIAS: HeaderSpec = HeaderSpec {
    name: "X-MediaGroupCode",
    meaning: "another name of X-ClientGroupCode",
    example: "north",
};

/// The required headers, in the contract's order, which is also the order in which they are checked.
pub(crate) static REQUIRED: [&HeaderSpec; 5] = [&AUTHORIZATION, &SOURCE_SYSTEM, &CLIENT, &PAPER, &GROUP];

/// The longest code of a calling application, in bytes.
const MAX_SOURCE_SYSTEM_BYTES: usize = 64;

/// Whether the caller has to say its client group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupHeader {
    /// v4: it has to.
    Required,
    /// The legacy API, which has no such header: what the token grants decides, where that is one group only.
    Optional,
}

/// Verifies the caller: presence of each header, then their form, then the token, then what it grants, then whether the
/// tenant knows the application.
pub(crate) async fn verified(
    api: &ApiState,
    headers: &HeaderMap,
    group: GroupHeader,
    scope: Scope,
    request_id: &RequestId,
    deadline: Instant,
) -> Result<Caller, ApiError> {
    let told = Told::of(headers, group)?;
    let grant = api.tokens.verify(told.token()?).await.map_err(ApiError::Token)?;
    let id = if told.has_group {
        told.tenant
    } else {
        Box::pin(only_granted(api, &grant, scope, &told.tenant)).await?
    };
    // The same refusal for a tenant that is not granted and for one that does not exist.
    if !grant.allows(scope, &id) {
        return Err(ApiError::NotGranted);
    }
    let tenant = match api.tenants.by_id(&id).await {
        Ok(Some(tenant)) => tenant,
        Ok(None) => return Err(ApiError::NotGranted),
        Err(error) => return Err(not_looked_up(&error)),
    };
    if !tenant.settings.allows_source_system(&told.source_system) {
        return Err(ApiError::SourceSystem);
    }
    Ok(Caller {
        tenant,
        // Both go into the audit log.
        source_system: kept(&told.source_system).into(),
        request_id: request_id.kept().into(),
        deadline,
    })
}

/// The one tenant with this client and paper that the token grants; its client group is not looked at.
async fn only_granted(api: &ApiState, grant: &Grant, scope: Scope, wanted: &TenantId) -> Result<TenantId, ApiError> {
    let known = api.tenants.find_in_any_group(wanted.client(), wanted.paper()).await;
    let known = known.map_err(|error| not_looked_up(&error))?;
    let mut granted = known.into_iter().filter(|tenant| grant.allows(scope, tenant));
    match (granted.next(), granted.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(ApiError::Header(HeaderFault::SeveralGroups)),
        (None, _) => Err(ApiError::NotGranted),
    }
}

fn not_looked_up(error: &SourceError) -> ApiError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the tenant cannot be looked up"
    );
    ApiError::Unavailable
}

/// What the headers say, before anything of it is believed.
struct Told<'a> {
    authorization: &'a [u8],
    source_system: Cow<'a, str>,
    /// With a group that stands in for none where [`Told::has_group`] is false.
    tenant: TenantId,
    has_group: bool,
}

/// What stands in for a client group that is not told, so that client and paper are checked all the same.
const NO_GROUP: &[u8] = b"-";

impl<'a> Told<'a> {
    fn of(headers: &'a HeaderMap, rule: GroupHeader) -> Result<Self, ApiError> {
        let given = Given::of(headers);
        let authorization = given.authorization.required(&AUTHORIZATION)?;
        let source_system = given.source_system.required(&SOURCE_SYSTEM)?;
        let client = given.client.required(&CLIENT)?;
        let paper = given.paper.required(&PAPER)?;
        let group = match (given.group.optional(&GROUP)?, given.group_alias.optional(&GROUP_ALIAS)?) {
            (Some(group), Some(alias)) if group != alias => return Err(ApiError::Header(HeaderFault::AliasDiffers)),
            (Some(group), _) | (None, Some(group)) => Some(group),
            (None, None) if rule == GroupHeader::Optional => None,
            (None, None) => return Err(ApiError::Header(HeaderFault::Missing(GROUP.name))),
        };
        let printable = source_system.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if !printable || source_system.len() > MAX_SOURCE_SYSTEM_BYTES {
            return Err(ApiError::Header(HeaderFault::NoName(SOURCE_SYSTEM.name)));
        }
        // A byte that is not UTF-8 becomes a character that no code may have.
        let text = String::from_utf8_lossy;
        let tenant =
            TenantId::new(&text(group.unwrap_or(NO_GROUP)), &text(client), &text(paper)).map_err(|invalid| {
                ApiError::Header(HeaderFault::NoCode(match invalid {
                    TenantIdError::BadCode { part: "client" } => CLIENT.name,
                    TenantIdError::BadCode { part: "paper" } => PAPER.name,
                    TenantIdError::BadCode { .. } | TenantIdError::NotThreeParts => GROUP.name,
                }))
            })?;
        Ok(Self {
            authorization,
            source_system: text(source_system),
            tenant,
            has_group: group.is_some(),
        })
    }

    /// The text after the scheme.
    fn token(&self) -> Result<&'a str, ApiError> {
        const SCHEME: &[u8] = b"bearer ";
        let text = self.authorization;
        match text.split_at_checked(SCHEME.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => std::str::from_utf8(token)
                .map(str::trim)
                .ok()
                .filter(|token| !token.is_empty())
                .ok_or(ApiError::NotBearer),
            _ => Err(ApiError::NotBearer),
        }
    }
}

/// The headers that name a caller, found in one pass: every look into the map would hash a name anew.
#[derive(Default)]
struct Given<'h> {
    authorization: Value<'h>,
    source_system: Value<'h>,
    client: Value<'h>,
    paper: Value<'h>,
    group: Value<'h>,
    group_alias: Value<'h>,
}

/// What a header says.
#[derive(Default)]
enum Value<'h> {
    #[default]
    Missing,
    Once(&'h [u8]),
    Repeated,
}

impl<'h> Given<'h> {
    fn of(headers: &'h HeaderMap) -> Self {
        let mut given = Self::default();
        for (name, value) in headers {
            let place = match name.as_str() {
                "authorization" => &mut given.authorization,
                "x-sourcesystem" => &mut given.source_system,
                "x-clientcode" => &mut given.client,
                "x-papercode" => &mut given.paper,
                "x-clientgroupcode" => &mut given.group,
                "x-mediagroupcode" => &mut given.group_alias,
                _ => continue,
            };
            *place = match place {
                Value::Missing => Value::Once(value.as_bytes()),
                Value::Once(_) | Value::Repeated => Value::Repeated,
            };
        }
        given
    }
}

impl<'h> Value<'h> {
    /// The value without surrounding blanks; `None` when it is not given or blank.
    fn optional(self, spec: &'static HeaderSpec) -> Result<Option<&'h [u8]>, ApiError> {
        match self {
            Self::Missing => Ok(None),
            Self::Once(value) => Ok(Some(value.trim_ascii()).filter(|text| !text.is_empty())),
            Self::Repeated => Err(ApiError::Header(HeaderFault::Repeated(spec.name))),
        }
    }

    fn required(self, spec: &'static HeaderSpec) -> Result<&'h [u8], ApiError> {
        self.optional(spec)?
            .ok_or(ApiError::Header(HeaderFault::Missing(spec.name)))
    }
}
