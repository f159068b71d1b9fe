//! The queue of mails: leases, ends, and dead letters.

use std::time::Duration;

use masthead_ports::{
    mail::{DeadReason, MailOutbox as _},
    users::{QueuedMail, UserWriter as _},
};
use masthead_testkit::contract::users::commit;
use time::{OffsetDateTime, macros::datetime};

use crate::support::{context, fixture, tenant};

const LEASE: Duration = Duration::from_mins(5);

const PAST: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_leased_to_one_process_and_ends_once() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let users = fixture.store.users();
    let mut with = commit(0);
    with.mails = ["one", "two", "three"]
        .map(|sealed| QueuedMail {
            kind: "verification",
            sealed: sealed.into(),
        })
        .to_vec();
    users.record(&context(&tenant), None, &with).await.unwrap();

    let (first, second) = tokio::join!(users.claim(2, LEASE), users.claim(2, LEASE));
    let mut claimed = [first.unwrap(), second.unwrap()].concat();
    claimed.sort_by_key(|mail| mail.content.0.clone());
    let contents: Vec<&str> = claimed.iter().map(|mail| &*mail.content.0).collect();
    assert_eq!(contents, ["one", "three", "two"]);
    assert!(
        claimed
            .iter()
            .all(|mail| mail.attempts == 1 && mail.tenant == tenant.id)
    );
    assert!(claimed.iter().all(|mail| mail.queued_at == with.origin.at));
    assert!(users.claim(10, LEASE).await.unwrap().is_empty(), "under a lease");

    users.sent(&claimed[0]).await.unwrap();
    users.dead(&claimed[1], DeadReason::Refused).await.unwrap();
    users.retry(&claimed[2], PAST).await.unwrap();
    let again = users.claim(10, LEASE).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].id, again[0].attempts), (&claimed[2].id, 2));

    // The first lease of it has ended: its holder changes nothing.
    users.sent(&claimed[2]).await.unwrap();
    users.retry(&claimed[2], PAST).await.unwrap();
    users.dead(&claimed[2], DeadReason::GivenUp).await.unwrap();
    assert!(users.claim(10, LEASE).await.unwrap().is_empty());
    let kept = "SELECT attempts, sealed, coalesce(dead_reason, '-') FROM mail_outbox ORDER BY attempts";
    assert_eq!(fixture.sql(kept), "1||refused\n2|two|-");
}
