//! The reads as HTTP: request in, use case, answer out.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use masthead_domain::{answer::UserAnswer, flow::Sources, tenant::Scope};
use masthead_orchestrator::Caller;

use crate::{
    caller::{self, GroupHeader},
    code::Code,
    cursor,
    envelope::{Meta, Shape, refuse, success},
    error::{ApiError, Call},
    parameters::{self, Given, InvalidParameter},
    request::Asked,
    routes::{Answer, BodyTimeout, RequestBody},
    state::ApiState,
    view::{USER_BYTES, UserView, UsersView, ViewOptions, Viewer},
};

impl Asked {
    /// Verifies a reader, by the headers that its API has.
    pub(crate) async fn reader(
        &self,
        api: &ApiState,
        headers: &HeaderMap,
        group: GroupHeader,
    ) -> Result<Caller, ApiError> {
        let verified = caller::verified(api, headers, group, Scope::UsersRead, &self.request_id, self.deadline);
        in_time(self.deadline, verified).await
    }

    /// Verifies the caller, or makes the refusal.
    async fn caller(&self, api: &ApiState, headers: &HeaderMap) -> Result<Caller, Answer> {
        self.reader(api, headers, GroupHeader::Required)
            .await
            .map_err(|error| refuse(error, Shape::default(), self.request_id.clone(), api.limits.retry_after))
    }
}

/// `GET /v4/Users?…`
pub(crate) async fn list(api: &ApiState, asked: Asked, parts: &Parts) -> Answer {
    let caller = match asked.caller(api, &parts.headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let given = parameters::of_query(
        parts.uri.query().unwrap_or_default(),
        Call::List,
        caller.tenant.settings.ignore_unknown_parameters,
    );
    answer_list(api, asked, &caller, None, given).await
}

/// `POST /v4/Users/Search`
pub(crate) async fn search<B: RequestBody>(api: &ApiState, asked: Asked, parts: &Parts, body: B) -> Answer {
    let caller = match asked.caller(api, &parts.headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let shape = Shape::of(&caller.tenant.settings);
    let body = match read_body(api.limits.body_bytes, asked.deadline, parts, body).await {
        Ok(body) => body,
        Err(error) => return refuse(error, shape, asked.request_id, api.limits.retry_after),
    };
    let ignore_unknown = caller.tenant.settings.ignore_unknown_parameters;
    let given = match parts.uri.query() {
        // One request has one set of parameters: those of the URL would be the addresses that the body keeps out of it.
        Some(query) if !query.is_empty() && !ignore_unknown => Err(InvalidParameter::QueryBesideBody),
        _ => parameters::of_json(&body, ignore_unknown),
    };
    answer_list(api, asked, &caller, None, given).await
}

/// `GET /v4/Users/{crid}`; with a parameter that only a list takes, the list of the users that meet every filter and have
/// this id.
pub(crate) async fn by_id(api: &ApiState, asked: Asked, parts: &Parts) -> Answer {
    let caller = match asked.caller(api, &parts.headers).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let shape = Shape::of(&caller.tenant.settings);
    let query = parts.uri.query().unwrap_or_default();
    let ignore_unknown = caller.tenant.settings.ignore_unknown_parameters;
    if parameters::names_a_list(query) {
        let given = parameters::of_query(query, Call::List, ignore_unknown);
        return answer_list(api, asked, &caller, Some(parts.uri.path()), given).await;
    }
    let answered = in_time(asked.deadline, async {
        let (request, options) = parameters::of_query(query, Call::ById, ignore_unknown)
            .and_then(|given| parameters::lookup(parts.uri.path(), &given))
            .map_err(|invalid| ApiError::Parameter(Call::ById, invalid))?;
        let answer = api.users.by_id(&caller, &request).await;
        Ok((answer.map_err(|error| ApiError::Read(Call::ById, error))?, options))
    });
    match answered.await {
        Ok((answer, options)) => show_one(api, asked, &caller, &answer, &options),
        Err(error) => refuse(error, shape, asked.request_id, api.limits.retry_after),
    }
}

/// The page of a list; `path` is the address of a list that names one user.
async fn answer_list(
    api: &ApiState,
    asked: Asked,
    caller: &Caller,
    path: Option<&str>,
    given: Result<Given<'_>, InvalidParameter>,
) -> Answer {
    let tenant = &*caller.tenant;
    let shape = Shape::of(&tenant.settings);
    let answered = in_time(asked.deadline, async {
        let (request, options) = given
            .and_then(|given| parameters::search(given, path, tenant, &*api.sealing))
            .map_err(|invalid| ApiError::Parameter(Call::List, invalid))?;
        let answer = api.users.search(caller, &request).await;
        Ok((
            answer.map_err(|error| ApiError::Read(Call::List, error))?,
            request,
            options,
        ))
    });
    let (answer, request, options) = match answered.await {
        Ok(answered) => answered,
        Err(error) => return refuse(error, shape, asked.request_id, api.limits.retry_after),
    };
    let sources = Sources::for_request(tenant.settings.user_provider, request.ignore_provider);
    let list = (&request.query.filter, request.query.order, sources);
    let next = answer
        .next
        .as_ref()
        .map(|place| cursor::seal(&*api.sealing, tenant, list, place));
    let users = UsersView {
        viewer: Viewer {
            sealing: &*api.sealing,
            tenant: &tenant.id,
            options: &options,
        },
        users: &answer.users,
    };
    success(
        Code::S200_02,
        shape,
        asked.request_id,
        Some(Meta::of_list(answer.total, answer.completeness.as_ref(), next)),
        users,
        512 + answer.users.len() * USER_BYTES,
    )
}

fn show_one(api: &ApiState, asked: Asked, caller: &Caller, answer: &UserAnswer, options: &ViewOptions) -> Answer {
    let shape = Shape::of(&caller.tenant.settings);
    let viewer = Viewer {
        sealing: &*api.sealing,
        tenant: &caller.tenant.id,
        options,
    };
    let user = UserView {
        viewer,
        user: &answer.user,
    };
    let meta = Meta::of_one(answer.completeness.as_ref());
    let size_hint = 512 + USER_BYTES;
    if shape.data_as_array {
        let users = UsersView {
            viewer,
            users: std::slice::from_ref(&answer.user),
        };
        success(Code::S200_01, shape, asked.request_id, meta, users, size_hint)
    } else {
        success(Code::S200_01, shape, asked.request_id, meta, user, size_hint)
    }
}

/// The whole body, when it is declared as JSON, has at most `limit` bytes, and arrives by the deadline.
pub(crate) async fn read_body<B: RequestBody>(
    limit: usize,
    deadline: Instant,
    parts: &Parts,
    body: B,
) -> Result<Bytes, ApiError> {
    let declared = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|text| text.split(';').next().unwrap_or_default().trim());
    if !declared.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(ApiError::ContentType);
    }
    // Who announces too much is told so before sending it.
    let announced = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(ApiError::BodyTooLarge(limit));
    }
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout_at(deadline.into(), collected).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::BodyTooLarge(limit)),
        Ok(Err(error)) if error.is::<BodyTimeout>() => Err(ApiError::BodyTimeout),
        Ok(Err(_)) => Err(ApiError::BodyCut),
        Err(_) => Err(ApiError::BodyTimeout),
    }
}

/// How long after the deadline a use case is cut. Its sources give up *by* the deadline; whoever keeps to it still has this
/// long to tell why, and to write the event of the read.
const GRACE: Duration = Duration::from_millis(50);

/// The answer, or that there was none by the deadline. No `async fn`: that would hold the answer's future twice.
pub(crate) fn in_time<T>(
    deadline: Instant,
    answer: impl Future<Output = Result<T, ApiError>> + Send,
) -> impl Future<Output = Result<T, ApiError>> + Send {
    tokio::time::timeout_at((deadline + GRACE).into(), answer).map(|answer| {
        answer.unwrap_or_else(|_| {
            tracing::warn!("no answer by the deadline, and nobody gave up");
            Err(ApiError::Unavailable)
        })
    })
}
