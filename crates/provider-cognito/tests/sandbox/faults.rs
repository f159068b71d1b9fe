//! Faults: none of them is a wrong password, and none is tried again.

use masthead_ports::{accounts::SignInAnswer, source::SourceErrorKind};
use masthead_provider_testkit::{status, with_body};
use masthead_sandbox::{CognitoStubSettings, Fault, FaultRule, Quota};

use crate::support::{PASSWORD, SECRET, reader, sign_in, with, with_secret};
use SourceErrorKind::{Misconfigured, RateLimited, Refused, Unavailable};

#[tokio::test]
async fn fault_is_never_about_the_password() {
    let fixture = with(vec![reader("ann", "ann@example.com")]).await;
    for (fault, wanted) in [
        (status(500), Unavailable),
        (status(502), Unavailable),
        (status(503), Unavailable),
        (status(400), Refused),
        (status(403), Misconfigured),
        (Fault::Html, Unavailable),
        (Fault::TruncatedJson, Unavailable),
        (Fault::ResetMidBody, Unavailable),
        (with_body(200, "{}"), Unavailable),
        (with_body(403, "<html>blocked by a firewall</html>"), Misconfigured),
    ] {
        let calls = fixture.sandbox.calls();
        let rule = FaultRule::from(fault.clone()).times(1);
        fixture.inject(rule);
        let answer = sign_in(&fixture, "ann", PASSWORD).await;
        assert_eq!(answer.map_err(|error| error.kind), Err(wanted), "{fault:?}");
        assert_eq!(fixture.sandbox.calls(), calls + 1, "{fault:?}");
    }
    fixture.sandbox.off().await.unwrap();
    let silent = sign_in(&fixture, "ann", PASSWORD).await.unwrap_err();
    assert_eq!(silent.kind, Unavailable);
    fixture.sandbox.on().await.unwrap();
    let accepted = sign_in(&fixture, "ann", PASSWORD).await.unwrap();
    assert!(matches!(accepted, SignInAnswer::Accepted(_)), "{accepted:?}");
}

#[tokio::test]
async fn exhausted_quota_is_a_rate_limit() {
    let settings = CognitoStubSettings {
        quota: Quota {
            burst: 1,
            ..Quota::enterprise()
        },
        ..CognitoStubSettings::default()
    };
    let fixture = with_secret(vec![reader("ann", "ann@example.com")], Some(SECRET), settings).await;
    // The sandbox's clock stands still.
    sign_in(&fixture, "ann", PASSWORD).await.unwrap();
    let limited = sign_in(&fixture, "ann", PASSWORD).await.unwrap_err();
    assert!(
        matches!(limited.kind, RateLimited { retry_after: Some(_) }),
        "{limited:?}"
    );
}

#[tokio::test]
async fn account_of_a_stranger_is_shown_as_it_is() {
    let fixture = with(vec![reader("ann", "ann@example.com")]).await;
    fixture.inject(Fault::OtherUser);
    let SignInAnswer::Accepted(account) = sign_in(&fixture, "ann", PASSWORD).await.unwrap() else {
        unreachable!("it is accepted");
    };
    assert_ne!(account.crid.as_str(), "sub-ann", "the caller compares it with its user");
}
