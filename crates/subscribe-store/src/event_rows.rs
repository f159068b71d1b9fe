//! Rows of the audit log.

use std::ops::Range;

use masthead_domain::{
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
                               users, network) FROM STDIN (FORMAT binary)";

/// Encoded events: each is encoded when it is recorded, so that no part of it is kept.
pub(crate) struct EventRows {
    rows: CopyRows,
    ends: Vec<usize>,
}

impl EventRows {
    pub(crate) fn new() -> Self {
        Self {
            rows: CopyRows::new(10),
            ends: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, event: &Event) -> Result<(), ValueTooLongError> {
        let end = self.rows.end();
        let pushed = push(&mut self.rows, event);
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

fn push(rows: &mut CopyRows, event: &Event) -> Result<(), ValueTooLongError> {
    rows.row();
    rows.int8(event.pool.0);
    rows.int4(event.kind.id());
    rows.moment(event.at);
    rows.text(event.tenant.as_str())?;
    rows.text(&event.request_id)?;
    rows.text(&event.source_system)?;
    rows.text(event.outcome.name())?;
    match event.registration_id {
        Some(id) => rows.int8(id),
        None => rows.null(),
    }
    rows.int8(i64::from(event.users));
    rows.optional_text(event.network.as_deref())?;
    Ok(())
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
        insert_events(transaction, tenant, origin, &event, (self.registration_id, self.users)).await
    }
}

/// Writes the events of one write, in order; all are of the same registration, or of none.
pub(crate) async fn insert_events(
    transaction: &mut Transaction,
    tenant: &Tenant,
    origin: &WriteOrigin,
    events: &[(EventKind, EventOutcome)],
    (registration_id, users): (Option<i64>, u32),
) -> Result<(), sqlx::Error> {
    let kinds: Vec<i32> = events.iter().map(|(kind, _)| kind.id()).collect();
    let outcomes: Vec<&str> = events.iter().map(|(_, outcome)| outcome.name()).collect();
    sqlx::query!(
        "INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, registration_id, users)
         SELECT $1, e.kind, $2, $3, $4, $5, e.outcome, $6, $7
           FROM unnest($8::integer[], $9::text[]) WITH ORDINALITY AS e (kind, outcome, place) ORDER BY e.place",
        tenant.pool.0,
        origin.at,
        tenant.id.as_str(),
        &*origin.request_id,
        &*origin.source_system,
        registration_id,
        i64::from(users),
        &kinds,
        &outcomes as &[&str],
    )
    .execute(transaction)
    .await
    .map(|_| ())
}
