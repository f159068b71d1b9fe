//! Rows of the audit log.

use std::{borrow::Cow, ops::Range};

use masthead_domain::{
    access::TokenIdentity,
    event::{Event, EventKind, EventOutcome},
    tenant::Tenant,
};
use masthead_ports::registrations::WriteOrigin;

use crate::{
    copy::{CopyRows, ValueTooLongError},
    database::Transaction,
};

/// The statement for the data of [`EventRows`].
pub(crate) const COPY: &str = "COPY events (pool, kind, at, tenant, request_id, source_system, outcome, registration_id, \
                               users, network, expires_on, caller, token_id, filter_kind, filter_hash, user_ids, detail) \
                               FROM STDIN (FORMAT binary)";
const COLUMNS: i16 = 17;

/// Encoded events: each is encoded when it is recorded, so that no part of it is kept.
pub(crate) struct EventRows {
    rows: CopyRows,
    ends: Vec<usize>,
}

impl EventRows {
    pub(crate) fn new() -> Self {
        Self {
            rows: CopyRows::new(COLUMNS),
            ends: Vec::new(),
        }
    }

    /// Adds an event; `caller` is the number of its caller.
    pub(crate) fn push(&mut self, event: &Event, caller: Option<i64>) -> Result<(), ValueTooLongError> {
        let end = self.rows.end();
        let pushed = push(&mut self.rows, event, caller);
        match pushed {
            Ok(()) => self.ends.push(self.rows.end()),
            Err(ValueTooLongError) => self.rows.cut(end),
        }
        pushed
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn copied(&self, events: Range<usize>) -> Vec<u8> {
        let end_of = |count: usize| count.checked_sub(1).map_or(CopyRows::START, |last| self.ends[last]);
        self.rows.part(end_of(events.start)..end_of(events.end))
    }

    /// Removes all events and keeps the allocation.
    pub(crate) fn clear(&mut self) {
        self.rows.cut(CopyRows::START);
        self.ends.clear();
    }
}

fn push(rows: &mut CopyRows, event: &Event, caller: Option<i64>) -> Result<(), ValueTooLongError> {
    rows.row();
    rows.int8(event.pool.0);
    rows.int4(event.kind.id());
    rows.moment(event.at);
    rows.text(event.tenant.as_str())?;
    rows.text(&event.request_id)?;
    rows.text(&event.source_system)?;
    rows.text(event.outcome.name())?;
    rows.optional_int8(event.registration_id);
    rows.int8(i64::from(event.users));
    rows.optional_text(event.network.as_deref())?;
    rows.date_after(event.at, event.kept_days);
    rows.optional_int8(caller);
    rows.optional_text(event.caller.token_id.as_deref().map(storable).as_deref())?;
    rows.optional_text(event.filter.as_ref().map(|filter| &*filter.kind))?;
    rows.optional_int8(event.filter.as_ref().map(|filter| filter.hash));
    if event.user_ids.is_empty() {
        rows.null();
    } else {
        rows.int8_array(&event.user_ids)?;
    }
    rows.optional_text(event.detail.as_deref())
}

/// The claims of a token as they are stored.
pub(crate) struct StoredCaller<'a> {
    pub(crate) number: Option<i64>,
    pub(crate) issuer: Cow<'a, str>,
    pub(crate) subject: Option<Cow<'a, str>>,
    pub(crate) client_id: Option<Cow<'a, str>>,
    pub(crate) token_id: Option<Cow<'a, str>>,
}

impl<'a> StoredCaller<'a> {
    pub(crate) fn new(identity: &'a TokenIdentity) -> Self {
        Self {
            number: identity.caller_number(),
            issuer: storable(&identity.issuer),
            subject: identity.subject.as_deref().map(storable),
            client_id: identity.client_id.as_deref().map(storable),
            token_id: identity.token_id.as_deref().map(storable),
        }
    }
}

/// A claim of a token as Postgres can store it: a NUL would have the event rejected.
fn storable(claim: &str) -> Cow<'_, str> {
    if claim.contains('\0') {
        claim.replace('\0', "\u{fffd}").into()
    } else {
        claim.into()
    }
}

/// What a change was, for its event.
pub(crate) struct ChangeEvent {
    pub(crate) kind: EventKind,
    pub(crate) registration_id: Option<i64>,
    pub(crate) users: u32,
}

impl ChangeEvent {
    /// The update of one registration.
    pub(crate) const fn update_of(registration_id: i64) -> Self {
        Self {
            kind: EventKind::SubscribeUserUpdate,
            registration_id: Some(registration_id),
            users: 1,
        }
    }

    /// Writes the event in the transaction of the change. The outbox stays empty: nothing relays events yet, and the log numbers
    /// each one (ADR 0012).
    pub(crate) async fn insert(
        self,
        transaction: &mut Transaction,
        tenant: &Tenant,
        origin: &WriteOrigin,
    ) -> Result<(), sqlx::Error> {
        debug_assert!(self.kind.is_change(), "the index of changes does not have it");
        let event = [(self.kind, EventOutcome::Found)];
        let user = EventUser {
            registration_id: self.registration_id,
            users: self.users,
            ..EventUser::default()
        };
        insert_events(transaction, tenant, origin, &event, user).await
    }
}

/// The user that the events of a write name.
#[derive(Clone, Copy, Default)]
pub(crate) struct EventUser {
    pub(crate) registration_id: Option<i64>,
    /// Names it also when its registration is gone ([`masthead_domain::event::hashed_user`]).
    pub(crate) hashed: Option<i64>,
    pub(crate) users: u32,
}

/// Writes the events of one write, in order; all are of the same user, or of none.
pub(crate) async fn insert_events(
    transaction: &mut Transaction,
    tenant: &Tenant,
    origin: &WriteOrigin,
    events: &[(EventKind, EventOutcome)],
    user: EventUser,
) -> Result<(), sqlx::Error> {
    let kinds: Vec<i32> = events.iter().map(|(kind, _)| kind.id()).collect();
    let outcomes: Vec<&str> = events.iter().map(|(_, outcome)| outcome.name()).collect();
    let caller = StoredCaller::new(&origin.caller);
    // The callers have no unique key, so this waits for no other transaction.
    sqlx::query!(
        "WITH added AS (
             INSERT INTO event_callers (id, issuer, subject, client_id)
             SELECT $10::bigint, $11, $12, $13
              WHERE $10 IS NOT NULL AND NOT EXISTS (SELECT FROM event_callers WHERE id = $10))
         INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, registration_id, users, caller,
                             token_id, network, expires_on, user_ids)
         SELECT $1, e.kind, $2, $3, $4, $5, e.outcome, $6, $7, $10, $14, $15,
                ($2::timestamptz AT TIME ZONE 'UTC')::date + $16::integer, $17
           FROM unnest($8::integer[], $9::text[]) WITH ORDINALITY AS e (kind, outcome, place) ORDER BY e.place",
        tenant.pool.0,
        origin.at,
        tenant.id.as_str(),
        &*origin.request_id,
        &*origin.source_system,
        user.registration_id,
        i64::from(user.users),
        &kinds,
        &outcomes as &[&str],
        caller.number,
        &*caller.issuer,
        caller.subject.as_deref(),
        caller.client_id.as_deref(),
        caller.token_id.as_deref(),
        origin.network.as_deref(),
        i32::from(tenant.settings.event_days.0),
        user.hashed.as_ref().map(std::slice::from_ref),
    )
    .execute(transaction)
    .await
    .map(|_| ())
}
