//! One tenant's generic provider: its calls, and how their responses are parsed.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Request};
use masthead_domain::customer_registration_id::CustomerRegistrationId;
use masthead_ports::{
    clock::Clock,
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_kit::{Effect, HttpReply, ProviderCall, Upstream};
use serde_json::Value;

use crate::{
    GenericSettings,
    answer_error::GenericAnswerError,
    authentication::RequestCredentials,
    envelope::OpenedEnvelope,
    operation::{OperationTemplate, ParamValue},
    paging::PagePosition,
    pointer::Pointer,
    template::TemplateValues,
};

/// How many users of a list are looked at.
pub(crate) const CAP: u64 = 1_000;

pub(crate) struct GenericApi {
    pub(crate) name: SourceName,
    pub(crate) settings: GenericSettings,
    pub(crate) upstream: Upstream,
    pub(crate) credentials: RequestCredentials,
    /// The headers of every call, with the proof among them.
    pub(crate) headers: HeaderMap,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AsRef<Upstream> for GenericApi {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListResult {
    /// How many different users, and rows without a usable id.
    pub(crate) users: u64,
    /// How many rows have no usable id.
    pub(crate) unreadable: usize,
    pub(crate) total: Option<u64>,
    /// Whether the provider has no more pages.
    pub(crate) to_the_end: bool,
}

impl ListResult {
    /// Whether these are all.
    pub(crate) fn all(&self) -> bool {
        self.to_the_end && self.total.is_none_or(|total| self.users >= total)
    }
}

/// One page as the provider shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ListPage {
    pub(crate) users: Vec<Value>,
    pub(crate) total: Option<u64>,
    pub(crate) next: Option<String>,
}

#[derive(Clone, Copy)]
pub(crate) struct ListRequest<'a> {
    /// Its name in errors, logs and metrics.
    pub(crate) name: &'static str,
    pub(crate) operation: &'a OperationTemplate,
    pub(crate) values: TemplateValues<'a>,
    /// The `NotFound` signal means an empty list.
    pub(crate) may_be_absent: bool,
}

impl GenericApi {
    /// The user with this id; `None` when the provider answers with the configured not-found signal.
    pub(crate) async fn user(
        &self,
        cx: &CallContext,
        name: &'static str,
        id: &CustomerRegistrationId,
    ) -> Result<Option<Value>, SourceError> {
        let values = TemplateValues {
            id: Some(id.as_str()),
            ..TemplateValues::default()
        };
        let request = self.request(name, &self.settings.by_id, &values, Vec::new(), None)?;
        let call = ProviderCall::read(name, cx);
        self.call(call, &request, |reply| self.read_user(reply, id)).await
    }

    pub(crate) async fn page(
        &self,
        cx: &CallContext,
        listing: ListRequest<'_>,
        place: &PagePosition,
    ) -> Result<ListPage, SourceError> {
        let params = self.settings.paging.params(place);
        let request = self.request(listing.name, listing.operation, &listing.values, params, None)?;
        let read = |reply: &HttpReply| self.read_rows(reply, listing.may_be_absent);
        self.call(ProviderCall::read(listing.name, cx), &request, read).await
    }

    /// Reads a list page by page until `enough` returns true for a user, the list ends, or [`CAP`] is reached. `enough`
    /// gets each user once, though pages may repeat some.
    pub(crate) async fn list_pages(
        &self,
        cx: &CallContext,
        listing: ListRequest<'_>,
        mut enough: impl FnMut(&Value) -> Result<bool, GenericAnswerError> + Send,
    ) -> Result<ListResult, SourceError> {
        let mut known: HashSet<CustomerRegistrationId> = HashSet::new();
        let mut place = PagePosition::default();
        let mut shown = ListResult {
            users: 0,
            unreadable: 0,
            total: None,
            to_the_end: false,
        };
        loop {
            let rows = self.page(cx, listing, &place).await?;
            shown.total = rows.total;
            let mut is_enough = false;
            for user in &rows.users {
                let Ok(id) = self.settings.map.id(user) else {
                    shown.unreadable += 1;
                    continue;
                };
                if known.insert(id) {
                    is_enough |= enough(user).map_err(|answer_error| self.answer_error(listing.name, answer_error))?;
                }
            }
            let doubles = self.doubles(&rows.users);
            let before = shown.users;
            shown.users = (known.len() + shown.unreadable) as u64;
            let more = self
                .settings
                .paging
                .turn(&mut place, rows.users.len() as u64, doubles, rows.total, rows.next)
                .map_err(|answer_error| self.answer_error(listing.name, answer_error))?;
            if !more {
                shown.to_the_end = true;
                return Ok(shown);
            }
            // A page without new users would be followed by more of them.
            if is_enough || place.rows >= CAP || shown.users == before {
                return Ok(shown);
            }
        }
    }

    /// How many users of a page are there for another time.
    pub(crate) fn doubles(&self, users: &[Value]) -> u64 {
        let mut known = HashSet::new();
        let ids = users.iter().filter_map(|user| self.settings.map.id(user).ok());
        ids.filter(|id| !known.insert(id.clone())).count() as u64
    }

    /// Audits and logs a rejected answer once, without its content.
    pub(crate) fn answer_error(&self, operation: &'static str, answer_error: GenericAnswerError) -> SourceError {
        tracing::error!(source.name = self.name, operation, flaw = %answer_error, "the provider's answer is refused");
        SourceError::with_cause(operation, SourceErrorKind::Corrupt, answer_error)
    }

    pub(crate) fn request(
        &self,
        name: &'static str,
        operation: &OperationTemplate,
        values: &TemplateValues<'_>,
        paging: Vec<(String, ParamValue)>,
        object: Option<(&Pointer, Value)>,
    ) -> Result<Request<Bytes>, SourceError> {
        let fixed = self.settings.params.iter();
        let fixed = fixed.map(|(name, value)| (name.to_string(), ParamValue::TextTemplate(value.to_string())));
        let params = fixed.chain(paging).chain(self.credentials.param()).collect();
        operation
            .request(&self.settings.base_url, values, params, &self.headers, object)
            .ok_or_else(|| SourceError::new(name, SourceErrorKind::Refused))
    }

    /// Makes a call; an unusable answer is the cause of the returned error.
    pub(crate) async fn call<T>(
        &self,
        call: ProviderCall,
        request: &Request<Bytes>,
        read: impl Fn(&HttpReply) -> Result<T, GenericAnswerError> + Send + Sync,
    ) -> Result<T, SourceError> {
        let (name, effect) = (call.operation, call.effect);
        let refusal = match effect {
            Effect::Read => GenericAnswerError::refusal,
            Effect::Write => GenericAnswerError::refusal_of_write,
        };
        let last = Mutex::new(None);
        let note = |answer_error: Option<GenericAnswerError>| {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = answer_error;
        };
        let answer = self
            .upstream
            .call(call, request, |reply| {
                let answer = read(reply);
                note(answer.as_ref().err().copied());
                answer.map_err(refusal)
            })
            .await;
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        answer.map_err(|error| match (last, &error.source) {
            (Some(answer_error), _) if error.kind == SourceErrorKind::Corrupt => self.answer_error(name, answer_error),
            // A missing member at this place means more than a wrong format.
            (Some(answer_error), None) | (Some(answer_error @ GenericAnswerError::NotThere { .. }), Some(_)) => {
                SourceError::with_cause(name, error.kind, answer_error)
            }
            _ => error,
        })
    }

    fn read_user(&self, reply: &HttpReply, id: &CustomerRegistrationId) -> Result<Option<Value>, GenericAnswerError> {
        let settings = &self.settings;
        let mut body = match settings.envelope.open(reply, self.clock.now())? {
            OpenedEnvelope::Absent => return Ok(None),
            OpenedEnvelope::Answer(body) => body,
        };
        let is_empty = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
        if settings.empty_list && settings.list.find(&body).is_some_and(is_empty) {
            return Ok(None);
        }
        let user = settings.user.take(&mut body).filter(Value::is_object);
        let user = user.ok_or(GenericAnswerError::NotThere {
            setting: "User",
            expected: "a user",
        })?;
        if settings.map.id(&user)? != *id {
            return Err(GenericAnswerError::OtherUser);
        }
        Ok(Some(user))
    }

    fn read_rows(&self, reply: &HttpReply, may_be_absent: bool) -> Result<ListPage, GenericAnswerError> {
        let settings = &self.settings;
        let mut body = match settings.envelope.open(reply, self.clock.now())? {
            OpenedEnvelope::Absent if may_be_absent => {
                return Ok(ListPage {
                    users: Vec::new(),
                    total: None,
                    next: None,
                });
            }
            OpenedEnvelope::Absent => return Err(GenericAnswerError::Absent),
            OpenedEnvelope::Answer(body) => body,
        };
        let total = match &settings.total {
            None => None,
            Some(pointer) => Some(
                pointer
                    .find(&body)
                    .and_then(count)
                    .ok_or(GenericAnswerError::NotThere {
                        setting: "Total",
                        expected: "a number",
                    })?,
            ),
        };
        let next = settings.paging.next(&body);
        match settings.list.take(&mut body) {
            Some(Value::Array(users)) => Ok(ListPage { users, total, next }),
            _ => Err(GenericAnswerError::NotThere {
                setting: "List",
                expected: "a list",
            }),
        }
    }
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
