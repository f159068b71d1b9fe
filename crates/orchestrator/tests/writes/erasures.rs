//! Which accounts of a provider an erasure deletes.

use masthead_domain::{account::Account, user_key::UserKey};
use masthead_orchestrator::writes::EraseRequest;
use masthead_ports::{erasure::ErasureOutcome, person::sources};
use masthead_testkit::accounts::account;

use crate::fixture::{FEDERATED, WriteFixture, email};

fn at_provider(id: &str, verified: bool) -> Account {
    Account {
        verified: Some(verified),
        ..account(id, "ann@example.com", "", "")
    }
}

/// A user whose registration has another id than its account.
fn with_registration() -> (WriteFixture, EraseRequest) {
    let fixture = WriteFixture::new(FEDERATED);
    let registered = Account {
        registration_id: Some(1),
        ..account("local", "ann@example.com", "", "")
    };
    let key = UserKey::Id(registered.crid.clone());
    fixture.users.put(fixture.tenant.pool, registered, None);
    let request = EraseRequest {
        key,
        ignore_provider: false,
    };
    (fixture, request)
}

#[tokio::test]
async fn account_of_the_address_is_erased_where_verified() {
    for verified in [true, false] {
        let (fixture, request) = with_registration();
        fixture
            .provider
            .put(&fixture.tenant, at_provider("auth0|1", verified), "a password");
        let receipt = fixture.writes.erase.erase(fixture.call(), request).await.unwrap().value;
        let line = receipt.lines.iter().find(|line| line.source == sources::PROVIDER);
        let expected = if verified {
            ErasureOutcome::Erased
        } else {
            ErasureOutcome::NotPossible
        };
        let line = line.unwrap();
        assert_eq!((line.outcome, line.count), (expected, Some(1)));
        assert_eq!(fixture.provider.kept(&fixture.tenant).is_empty(), verified);
    }
}

#[tokio::test]
async fn named_address_is_reason_enough() {
    let (fixture, _) = with_registration();
    fixture
        .provider
        .put(&fixture.tenant, at_provider("auth0|1", false), "a password");
    let request = EraseRequest {
        key: UserKey::Email(email("ann@example.com").key().clone()),
        ignore_provider: false,
    };
    fixture.writes.erase.erase(fixture.call(), request).await.unwrap();
    assert!(fixture.provider.kept(&fixture.tenant).is_empty());
}

#[tokio::test]
async fn finished_erasure_is_not_repeated() {
    let (fixture, request) = with_registration();
    let first = fixture
        .writes
        .erase
        .erase(fixture.call(), request.clone())
        .await
        .unwrap();
    let again = fixture.writes.erase.erase(fixture.call(), request).await.unwrap();
    assert!(first.value.finished_at.is_some());
    assert_eq!((again.value, again.pending), (first.value, None));
}
