//! The end of an attempt to sign in: its counters, its events and the day of the sign-in, in one statement.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    event::{EventKind, EventOutcome},
};
use masthead_ports::{
    attempts::{AttemptCounter, AttemptEnd},
    keyed_hash::KeyedHash,
    source::CallContext,
};

use super::{
    PgUsers,
    error::{PgWriteError, in_time},
};
use crate::event_rows::StoredCaller;

/// As [`masthead_ports::attempts::SignInAttempts::end`].
pub(super) async fn commit(users: &PgUsers, cx: &CallContext, end: &AttemptEnd<'_>) -> Result<(), PgWriteError> {
    let (pool, origin) = (cx.tenant.pool, end.origin);
    let bytes = |key: &KeyedHash| key.0.to_vec();
    let kept = |counters: &[AttemptCounter]| -> Vec<Vec<u8>> {
        let keys = counters.iter().map(|counter| counter.key);
        keys.filter(|key| !end.cleared.contains(key))
            .map(|key| bytes(&key))
            .collect()
    };
    let (uncounted, failed) = (kept(end.uncounted), kept(end.failed));
    let cleared: Vec<Vec<u8>> = end.cleared.iter().map(bytes).collect();
    let known = end.known.as_ref().map(bytes);
    let signed_in = (EventKind::SubscribeUserLogin, EventOutcome::Found);
    let day = origin.at.to_offset(time::UtcOffset::UTC).date();
    let day = Some(day).filter(|_| end.events.contains(&signed_in));
    let kinds: Vec<i32> = end.events.iter().map(|(kind, _)| kind.id()).collect();
    let outcomes: Vec<&str> = end.events.iter().map(|(_, outcome)| outcome.name()).collect();
    let caller = StoredCaller::new(&origin.caller);
    // Names the user also when it has no registration.
    let hashed = end.user.and_then(|id| users.tombstones.hashed_user(pool, id));
    let work = || async {
        // One statement, since each costs more than what it does. Counters are locked in the order of their keys. A second
        // sign-in of the day leaves the day. The callers have no unique key, so this waits for no other transaction.
        let ended = sqlx::query!(
            "WITH signed_in AS MATERIALIZED (
                 SELECT id FROM registrations WHERE pool = $1 AND crid = $2 AND deleted_at IS NULL),
             noted AS (
                 INSERT INTO last_sign_ins AS s (pool, registration_id, on_day)
                 SELECT $1, id, $3 FROM signed_in WHERE $3::date IS NOT NULL
                     ON CONFLICT (pool, registration_id) DO UPDATE SET on_day = EXCLUDED.on_day
                  WHERE s.on_day < EXCLUDED.on_day),
             locked AS MATERIALIZED (
                 SELECT key FROM sign_in_attempts
                  WHERE pool = $1 AND key = ANY ($4::bytea[] || $5::bytea[] || $21::bytea[]) ORDER BY key FOR UPDATE),
             ended AS (
                 UPDATE sign_in_attempts AS a
                    SET unfinished = greatest(a.unfinished - 1, 0),
                        failures = CASE WHEN a.key = ANY ($4) THEN greatest(a.failures - 1, 0) ELSE a.failures END
                   FROM locked AS l
                  WHERE a.pool = $1 AND a.key = l.key AND (a.key = ANY ($4) OR a.key = ANY ($21))),
             cleared AS (
                 DELETE FROM sign_in_attempts AS a USING locked AS l
                  WHERE a.pool = $1 AND a.key = l.key AND a.key = ANY ($5)),
             remembered AS (
                 INSERT INTO known_addresses AS k (pool, key, seen_at)
                 SELECT $1, $6, $7 WHERE $6::bytea IS NOT NULL
                     ON CONFLICT (pool, key) DO UPDATE SET seen_at = EXCLUDED.seen_at WHERE k.seen_at < EXCLUDED.seen_at),
             caller AS (
                 INSERT INTO event_callers (id, issuer, subject, client_id)
                 SELECT $8::bigint, $9, $10, $11
                  WHERE $8 IS NOT NULL AND NOT EXISTS (SELECT FROM event_callers WHERE id = $8))
             INSERT INTO events (pool, kind, at, tenant, request_id, source_system, outcome, registration_id, users, caller,
                                 token_id, network, expires_on, user_ids)
             SELECT $1, e.kind, $7, $12, $13, $14, e.outcome, s.id,
                    CASE WHEN s.id IS NULL AND $15::bigint IS NULL THEN 0 ELSE 1 END, $8, $16, $17,
                    ($7::timestamptz AT TIME ZONE 'UTC')::date + $18::integer,
                    CASE WHEN s.id IS NULL AND $15 IS NOT NULL THEN ARRAY[$15] END
               FROM unnest($19::integer[], $20::text[]) WITH ORDINALITY AS e (kind, outcome, place)
               LEFT JOIN signed_in AS s ON true
              ORDER BY e.place",
            pool.0,
            end.user.map(CustomerRegistrationId::as_str),
            day,
            &uncounted,
            &cleared,
            known.as_deref(),
            origin.at,
            caller.number,
            &*caller.issuer,
            caller.subject.as_deref(),
            caller.client_id.as_deref(),
            cx.tenant.id.as_str(),
            &*origin.request_id,
            &*origin.source_system,
            hashed,
            caller.token_id.as_deref(),
            origin.network.as_deref(),
            i32::from(cx.tenant.settings.event_days.0),
            &kinds,
            &outcomes as &[&str],
            &failed,
        );
        ended.execute(&users.service).await?;
        Ok(())
    };
    in_time(cx, work).await
}
