//! One tenant's directory: its calls, and how their answers are read.

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
use masthead_provider_http::{Call, Reply, Upstream};
use serde_json::Value;

use crate::{
    DirectorySettings,
    admission::Proof,
    envelope::Opened,
    operation::{Operation, Param},
    paging::Place,
    template::Given,
    unfit::Unfit,
};

/// How many users of a list are looked at.
pub(crate) const CAP: u64 = 1_000;

/// One tenant's directory.
pub(crate) struct Described {
    pub(crate) name: SourceName,
    pub(crate) settings: DirectorySettings,
    pub(crate) upstream: Upstream,
    pub(crate) proof: Proof,
    /// The headers of every call, with the proof among them.
    pub(crate) headers: HeaderMap,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AsRef<Upstream> for Described {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

/// What a list has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// How many different users, and rows without a usable id.
    pub(crate) users: u64,
    /// How many rows have no usable id.
    pub(crate) unreadable: usize,
    /// How many the directory says there are.
    pub(crate) total: Option<u64>,
    /// Whether the directory has no more pages.
    pub(crate) to_the_end: bool,
}

impl Shown {
    /// Whether these are all.
    pub(crate) fn all(&self) -> bool {
        self.to_the_end && self.total.is_none_or(|total| self.users >= total)
    }
}

/// One page as the directory shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) users: Vec<Value>,
    pub(crate) total: Option<u64>,
    pub(crate) next: Option<String>,
}

/// A list to ask for.
#[derive(Clone, Copy)]
pub(crate) struct Listing<'a> {
    /// Its name in errors, logs and metrics.
    pub(crate) name: &'static str,
    pub(crate) operation: &'a Operation,
    pub(crate) given: Given<'a>,
    /// What `NotFound` describes says that the list is empty.
    pub(crate) may_say_nobody: bool,
}

impl Described {
    /// The user with this id; `None` is the directory's own word that there is none, in the signal that is configured.
    pub(crate) async fn user(
        &self,
        cx: &CallContext,
        name: &'static str,
        id: &CustomerRegistrationId,
    ) -> Result<Option<Value>, SourceError> {
        let given = Given {
            id: Some(id.as_str()),
            ..Given::default()
        };
        let request = self.request(name, &self.settings.by_id, &given, Vec::new())?;
        self.ask(cx, name, &request, |reply| self.read_user(reply, id)).await
    }

    /// One page of a list.
    pub(crate) async fn page(
        &self,
        cx: &CallContext,
        listing: Listing<'_>,
        place: &Place,
    ) -> Result<Rows, SourceError> {
        let params = self.settings.paging.params(place);
        let request = self.request(listing.name, listing.operation, &listing.given, params)?;
        let read = |reply: &Reply| self.read_rows(reply, listing.may_say_nobody);
        self.ask(cx, listing.name, &request, read).await
    }

    /// Walks a list page by page, one at a time, until `enough` says so of a user, or it ends, or [`CAP`] is reached. Each
    /// user is shown to `enough` once, however often the pages have it.
    pub(crate) async fn walk(
        &self,
        cx: &CallContext,
        listing: Listing<'_>,
        mut enough: impl FnMut(&Value) -> Result<bool, Unfit> + Send,
    ) -> Result<Shown, SourceError> {
        let mut known: HashSet<CustomerRegistrationId> = HashSet::new();
        let mut place = Place::default();
        let mut shown = Shown {
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
                    is_enough |= enough(user).map_err(|unfit| self.unfit(listing.name, unfit))?;
                }
            }
            let doubles = self.doubles(&rows.users);
            let before = shown.users;
            shown.users = (known.len() + shown.unreadable) as u64;
            let more = self
                .settings
                .paging
                .turn(&mut place, rows.users.len() as u64, doubles, rows.total, rows.next)
                .map_err(|unfit| self.unfit(listing.name, unfit))?;
            if !more {
                shown.to_the_end = true;
                return Ok(shown);
            }
            // A page that shows nobody new would be followed by more of them.
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

    /// An answer that cannot be taken, audited once, without a word of it.
    pub(crate) fn unfit(&self, operation: &'static str, unfit: Unfit) -> SourceError {
        tracing::error!(source.name = self.name, operation, flaw = %unfit, "the directory's answer is refused");
        SourceError::with_cause(operation, SourceErrorKind::Corrupt, unfit)
    }

    fn request(
        &self,
        name: &'static str,
        operation: &Operation,
        given: &Given<'_>,
        paging: Vec<(String, Param)>,
    ) -> Result<Request<Bytes>, SourceError> {
        let fixed = self.settings.params.iter();
        let fixed = fixed.map(|(name, value)| (name.to_string(), Param::Text(value.to_string())));
        let params = fixed.chain(paging).chain(self.proof.param()).collect();
        operation
            .request(&self.settings.base_url, given, params, &self.headers)
            .ok_or_else(|| SourceError::new(name, SourceErrorKind::Refused))
    }

    /// Makes a call that reads; an answer that is none rides as the cause of the error.
    async fn ask<T>(
        &self,
        cx: &CallContext,
        name: &'static str,
        request: &Request<Bytes>,
        read: impl Fn(&Reply) -> Result<T, Unfit> + Send + Sync,
    ) -> Result<T, SourceError> {
        let last = Mutex::new(None);
        let note = |unfit: Option<Unfit>| *last.lock().unwrap_or_else(PoisonError::into_inner) = unfit;
        let answer = self
            .upstream
            .call(Call::read(name, cx), request, |reply| {
                let answer = read(reply);
                note(answer.as_ref().err().copied());
                answer.map_err(Unfit::refusal)
            })
            .await;
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        answer.map_err(|error| match (last, &error.source) {
            (Some(unfit), _) if error.kind == SourceErrorKind::Corrupt => self.unfit(name, unfit),
            // What is missing where says more than that the form is wrong.
            (Some(unfit), None) | (Some(unfit @ Unfit::NotThere { .. }), Some(_)) => {
                SourceError::with_cause(name, error.kind, unfit)
            }
            _ => error,
        })
    }

    fn read_user(&self, reply: &Reply, id: &CustomerRegistrationId) -> Result<Option<Value>, Unfit> {
        let settings = &self.settings;
        let mut body = match settings.envelope.open(reply, self.clock.now())? {
            Opened::Nobody => return Ok(None),
            Opened::Body(body) => body,
        };
        let is_empty = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
        if settings.empty_list && settings.list.find(&body).is_some_and(is_empty) {
            return Ok(None);
        }
        let user = settings.user.take(&mut body).filter(Value::is_object);
        let user = user.ok_or(Unfit::NotThere {
            setting: "User",
            expected: "a user",
        })?;
        if settings.map.id(&user)? != *id {
            return Err(Unfit::SomebodyElse);
        }
        Ok(Some(user))
    }

    fn read_rows(&self, reply: &Reply, may_say_nobody: bool) -> Result<Rows, Unfit> {
        let settings = &self.settings;
        let mut body = match settings.envelope.open(reply, self.clock.now())? {
            Opened::Nobody if may_say_nobody => {
                return Ok(Rows {
                    users: Vec::new(),
                    total: None,
                    next: None,
                });
            }
            Opened::Nobody => return Err(Unfit::Nobody),
            Opened::Body(body) => body,
        };
        let total = match &settings.total {
            None => None,
            Some(pointer) => Some(pointer.find(&body).and_then(count).ok_or(Unfit::NotThere {
                setting: "Total",
                expected: "a number",
            })?),
        };
        let next = settings.paging.next(&body);
        match settings.list.take(&mut body) {
            Some(Value::Array(users)) => Ok(Rows { users, total, next }),
            _ => Err(Unfit::NotThere {
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
