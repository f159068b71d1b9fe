//! Gigya's own error codes: each has its kind, and only the documented ones mean an absent user. Faults common to all
//! sources are in the source suite (`masthead`'s tests).

use masthead_domain::query::UserFilter;
use masthead_ports::source::SourceErrorKind;
use masthead_provider_testkit::{status, with_body};
use masthead_sandbox::{Fault, FaultRule};

use crate::support::{GigyaFixture, SourceClient, ids, kind, listing, reader, with, with_attempts};
use SourceErrorKind::{Corrupt, Misconfigured, RateLimited, Refused, Unavailable};

/// The result of every read for one answer.
async fn every_read_fails_with(fault: Fault, wanted: SourceErrorKind) {
    let mut fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    let same = |got: SourceErrorKind| std::mem::discriminant(&got) == std::mem::discriminant(&wanted);
    // A pause of one read must not affect the next.
    let again = |fixture: &mut GigyaFixture| {
        fixture.inject(fault.clone());
        fixture.restart();
    };
    let (known, unknown) = (["1", "ann@example.com"], ["nobody", "nobody@example.com"]);
    for (read, kind) in fixture.read_errors(known, unknown, again).await {
        assert!(same(kind), "{fault:?}, {read}: {kind:?}");
    }
}

#[tokio::test]
async fn contradictory_envelope_is_unavailable() {
    for fault in [
        with_body(404, r#"{"errorCode":0,"UID":"1"}"#),
        with_body(500, r#"{"errorCode":403005,"errorDetails":"Unknown user"}"#),
        with_body(502, r#"{"errorCode":404003}"#),
    ] {
        every_read_fails_with(fault, Unavailable).await;
    }
}

#[tokio::test]
async fn server_error_code_is_unavailable() {
    for code in [500_001, 500_002, 500_028, 504_001, 504_002, 403_004] {
        every_read_fails_with(Fault::ErrorCode { code }, Unavailable).await;
    }
}

#[tokio::test]
async fn credential_code_is_misconfiguration() {
    for code in [
        301_001, 400_008, 400_093, 403_002, 403_003, 403_005, 403_006, 403_007, 403_010, 403_023, 403_036,
    ] {
        every_read_fails_with(Fault::ErrorCode { code }, Misconfigured).await;
    }
}

#[tokio::test]
async fn rejected_request_is_refused() {
    for code in [400_001, 400_002, 400_006, 400_009, 400_096, 405_001] {
        every_read_fails_with(Fault::ErrorCode { code }, Refused).await;
    }
    every_read_fails_with(with_body(418, "<html></html>"), Refused).await;
}

#[tokio::test]
async fn rate_limit_code_pauses_calls() {
    for code in [403_048, 409_030] {
        every_read_fails_with(Fault::ErrorCode { code }, RateLimited { retry_after: None }).await;
    }
}

#[tokio::test]
async fn documented_codes_mean_one_absent_account() {
    let fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    for code in [403_047, 404_000, 404_003] {
        let fault = fixture.inject(Fault::ErrorCode { code });
        assert!(fixture.by_id("1").await.unwrap().is_none(), "{code}");
        // "Not found" in answer to a search is no evidence of absence.
        let filter = UserFilter::default();
        let answer = fixture.search(&listing(filter, 10)).await;
        assert!(matches!(kind(answer), Refused | Misconfigured), "{code}");
        assert!(fixture.by_email("nobody@example.com").await.is_err(), "{code}");
        assert!(fixture.sandbox.withdraw(fault));
    }
    let details = |text: &str| {
        with_body(
            200,
            &format!(r#"{{"errorCode":403005,"errorMessage":"Unauthorized user","errorDetails":"{text}"}}"#),
        )
    };
    for text in [
        "The supplied userkey was not found",
        "Session not found",
        "Unauthorized user",
        "",
    ] {
        let fault = fixture.inject(labelled(details(text)));
        assert!(fixture.by_id("1").await.is_err(), "{text:?}");
        assert!(fixture.sandbox.withdraw(fault));
    }
    assert!(fixture.by_id("nobody").await.unwrap().is_none());
}

/// The sandbox labels a custom body as the status before it: a 403 as JSON.
fn labelled(fault: Fault) -> Fault {
    match fault {
        Fault::Status { body, .. } => Fault::Status {
            status: 403,
            retry_after: None,
            reset_in: None,
            body,
        },
        other => other,
    }
}

#[tokio::test]
async fn foreign_search_result_is_refused() {
    let fixture = with(
        vec![
            crate::support::social("1", "ann@example.com"),
            reader("2", "bob@example.com"),
        ],
        &[],
    )
    .await;
    fixture.inject(FaultRule::from(Fault::OtherUser).on("/accounts.search"));
    assert_eq!(kind(fixture.by_email("ann@example.com").await), Corrupt);
}

#[tokio::test]
async fn incomplete_list_is_refused_disorder_is_not() {
    let accounts: Vec<_> = (0..5)
        .map(|n| reader(&n.to_string(), &format!("{n}@example.com")))
        .collect();
    let fixture = with(accounts, &[]).await;
    let list = async || {
        let query = listing(UserFilter::default(), 10);
        fixture.search(&query).await.map(|page| ids(&page.accounts))
    };
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let id = fixture.inject(fault.clone());
        let mut found = list().await.unwrap();
        found.sort();
        assert_eq!(found, ["0", "1", "2", "3", "4"], "{fault:?}");
        assert!(fixture.sandbox.withdraw(id));
    }
    fixture.inject(Fault::Missing);
    assert_eq!(kind(list().await), Corrupt);
}

#[tokio::test]
async fn failed_read_is_signed_again_and_retried() {
    let fixture = with_attempts(vec![reader("1", "ann@example.com")], &[], 2).await;
    for fault in [
        status(503),
        Fault::ResetMidBody,
        Fault::Html,
        Fault::ErrorCode { code: 500_001 },
    ] {
        fixture.inject(FaultRule::from(fault.clone()).times(1));
        assert!(fixture.by_id("1").await.unwrap().is_some(), "{fault:?}");
    }
}
