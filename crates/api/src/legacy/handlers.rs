//! The legacy reads as HTTP: request in, the same use cases as v4, answer out.

use http::{HeaderName, HeaderValue, StatusCode, request::Parts};
use masthead_domain::{
    answer::{Completeness, SourceStatus, User},
    query::{OnProviderFailure, Total},
};
use masthead_orchestrator::{Caller, LookupRequest, ReadError, SearchRequest};
use masthead_ports::source::SUBSCRIBE;

use crate::{
    caller::GroupHeader,
    envelope::json,
    error::{self, ApiError},
    handlers::in_time,
    request::Asked,
    routes,
    state::ApiState,
};

use super::{
    answer::{BusinessError, NO_REQUEST, Refusal, enveloped, refuse, refused},
    given::{Given, Invalid},
    parameters::Call,
    request::{Side, Wanted, list, one},
    systems::AuthSystem,
    view::{Found, USER_BYTES, Users, Viewer},
};

/// Response header (ours): the sources that an answer does without, or has only from memory. v4 says it in `meta`, for
/// which the legacy envelope has no place.
const INCOMPLETE: HeaderName = HeaderName::from_static("x-incomplete");

/// `GET /User` and all below it.
pub(crate) async fn read(api: &ApiState, asked: Asked, parts: &Parts) -> routes::Answer {
    let refuse_with = |error: &ApiError| refuse(error, &asked.request_id, api.limits.retry_after);
    let caller = match asked.reader(api, &parts.headers, GroupHeader::Optional).await {
        Ok(caller) => caller,
        Err(error) => return refuse_with(&error),
    };
    let query = parts.uri.query().unwrap_or_default();
    let (side, wanted) = match understood(parts.uri.path(), query, api, &caller) {
        Ok(understood) => understood,
        Err(refusal) => return refused(&refusal, &asked.request_id),
    };
    match in_time(asked.deadline, answered(api, &caller, side, wanted)).await {
        Ok(answer) => show(api, &asked, &caller, &answer),
        Err(error) => refuse_with(&error),
    }
}

/// Which call a path and a query are. Where two could be meant: `Encrypted`, in any case, is never an id; one more segment
/// that is 0, 1 or 2 is a type; two segments are an id and a type, whatever the id looks like.
fn understood(path: &str, query: &str, api: &ApiState, caller: &Caller) -> Result<(Side, Wanted), Refusal> {
    let segments: Vec<&str> = path
        .strip_prefix(super::BASE)
        .unwrap_or(path)
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let is_encrypted = |segment: &str| segment.eq_ignore_ascii_case("Encrypted");
    let (call, side) = match *segments {
        [] => (Call::List, None),
        [first] if is_encrypted(first) => (Call::EncryptedEmail, None),
        [side] => (Call::ByType, Some(side)),
        [first, side] if is_encrypted(first) => (Call::EncryptedId, Some(side)),
        _ => (Call::ById, None),
    };
    let tenant = &*caller.tenant;
    let given =
        Given::of(query, call, tenant.settings.ignore_unknown_parameters).map_err(|invalid| refusal(&invalid))?;
    let (Call::ById, [crid, side]) = (call, &*segments) else {
        let given = given.ok_or_else(|| Refusal::Infrastructure(StatusCode::BAD_REQUEST, NO_REQUEST.into()))?;
        let wanted = side
            .map(Side::of_segment)
            .transpose()
            .and_then(|side| list(&given, call, side, tenant, &*api.sealing));
        return wanted.map_err(|invalid| refusal(&invalid));
    };
    one(crid, side).map_err(|invalid| refusal(&invalid))
}

fn refusal(invalid: &Invalid) -> Refusal {
    Refusal::Business(BusinessError::new(Invalid::CODE, &invalid.to_string()))
}

/// What the use cases told.
struct Answer {
    users: Vec<User>,
    total: u64,
    completeness: Option<Completeness>,
}

async fn answered(api: &ApiState, caller: &Caller, side: Side, wanted: Wanted) -> Result<Answer, ApiError> {
    let answer = match wanted {
        Wanted::Nobody => Answer {
            users: Vec::new(),
            total: 0,
            completeness: None,
        },
        Wanted::ById(crid) => {
            let on_provider_failure = OnProviderFailure::Degrade;
            let answer = match side {
                Side::ProviderOnly => api.users.by_id_at_provider(caller, &crid, on_provider_failure).await,
                Side::ProviderAndStore | Side::StoreOnly => {
                    let request = LookupRequest {
                        crid,
                        ignore_provider: side == Side::StoreOnly,
                        on_provider_failure,
                    };
                    api.users.by_id(caller, &request).await
                }
            };
            match answer {
                Ok(answer) => Answer {
                    users: vec![answer.user],
                    total: 1,
                    completeness: answer.completeness,
                },
                Err(ReadError::NoSuchUser { completeness }) => Answer {
                    users: Vec::new(),
                    total: 0,
                    completeness,
                },
                Err(error) => return Err(ApiError::Read(error::Call::ById, error)),
            }
        }
        Wanted::List(query) => {
            let on_provider_failure = OnProviderFailure::Degrade;
            let answer = match side {
                Side::ProviderOnly => api.users.search_at_provider(caller, &query, on_provider_failure).await,
                Side::ProviderAndStore | Side::StoreOnly => {
                    let request = SearchRequest {
                        query,
                        ignore_provider: side == Side::StoreOnly,
                        on_provider_failure,
                    };
                    api.users.search(caller, &request).await
                }
            };
            let answer = answer.map_err(|error| ApiError::Read(error::Call::List, error))?;
            Answer {
                total: answer
                    .total
                    .map_or(0, |(Total::Exact(count) | Total::Estimate(count))| count),
                users: answer.users,
                completeness: answer.completeness,
            }
        }
    };
    match answer.completeness {
        Some(completeness) if would_lie(&completeness, answer.total) => Err(ApiError::Read(
            error::Call::List,
            ReadError::Unavailable {
                retry_after: None,
                completeness: Some(completeness),
            },
        )),
        completeness => Ok(Answer { completeness, ..answer }),
    }
}

/// Whether the legacy envelope, which has no place for doubt, would show as absent what could not be told: an empty list
/// of which somebody knows only a part, or a user whose consents, which our store alone keeps, nobody could read.
fn would_lie(completeness: &Completeness, total: u64) -> bool {
    let store_is_silent = completeness
        .sources
        .iter()
        .any(|source| source.name == SUBSCRIBE && source.status == SourceStatus::Unavailable);
    !completeness.complete && (total == 0 || store_is_silent)
}

fn show(api: &ApiState, asked: &Asked, caller: &Caller, answer: &Answer) -> routes::Answer {
    let found = Found {
        users: Users {
            viewer: Viewer {
                sealing: &*api.sealing,
                tenant: &caller.tenant.id,
                system: AuthSystem::of(&caller.tenant.settings),
            },
            users: &answer.users,
        },
        total_users_found: answer.total,
    };
    let size_hint = 256 + answer.users.len() * USER_BYTES;
    let body = match enveloped(&[], Some(found), &asked.request_id, size_hint) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the answer cannot be written");
            return refuse(&ApiError::Internal, &asked.request_id, api.limits.retry_after);
        }
    };
    let mut response = json(StatusCode::OK, body, asked.request_id.clone());
    if let Some(sources) = answer.completeness.as_ref().and_then(incomplete) {
        response.headers_mut().insert(INCOMPLETE, sources);
    }
    response
}

/// The names of the sources that are not whole, with commas between them.
fn incomplete(completeness: &Completeness) -> Option<HeaderValue> {
    if completeness.complete {
        return None;
    }
    let is_whole = |status| matches!(status, SourceStatus::Ok | SourceStatus::Skipped);
    let names: Vec<&str> = completeness
        .sources
        .iter()
        .filter(|source| !is_whole(source.status) || source.reason.is_some())
        .map(|source| source.name)
        .collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}
