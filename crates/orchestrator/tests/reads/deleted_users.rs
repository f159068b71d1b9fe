//! Users that were deleted from our store alone: the provider has them still, and no read shows them (contract `writes.md` §3).

use masthead_domain::query::{OnProviderFailure, UserFilter};
use masthead_orchestrator::{ExportRequest, ExportedUser, ReadError};
use masthead_testkit::accounts::account;

use crate::fixture::{FEDERATED, ReadFixture, email, first_page, id, with_address_part, with_exact_address};

#[tokio::test]
async fn deleted_user_is_absent_from_every_read() {
    let fixture = ReadFixture::new(FEDERATED);
    let ann = account("auth0|1", "ann@example.com", "Ann", "Lee");
    let bob = account("auth0|2", "bob@example.com", "Bob", "Lee");
    fixture.put_at_provider([ann.clone(), bob]);
    fixture.store.delete(fixture.tenant.pool, &ann.crid);

    let found = fixture.find("auth0|1", OnProviderFailure::Fail).await;
    assert!(matches!(found, Err(ReadError::NoSuchUser { .. })), "{found:?}");
    assert!(fixture.find("auth0|2", OnProviderFailure::Fail).await.is_ok());
    for (filter, expected) in [
        (with_exact_address("ann@example.com"), 0),
        (with_address_part("example.com"), 1),
        (UserFilter::default(), 1),
    ] {
        let page = fixture
            .search(first_page(filter), OnProviderFailure::Fail)
            .await
            .unwrap();
        assert_eq!(page.users.len(), expected);
        assert!(page.completeness.unwrap().complete);
    }
    let request = ExportRequest {
        keys: vec![Some(id("auth0|1")), Some(email("ann@example.com")), Some(id("auth0|2"))],
    };
    let exported = fixture
        .use_cases
        .export_users
        .export(&fixture.caller(), &request)
        .await
        .unwrap()
        .outcomes;
    assert_eq!(exported[..2], [ExportedUser::Absent, ExportedUser::Absent]);
    assert!(matches!(exported[2], ExportedUser::User(_)));
    let written = fixture.written().await;
    assert!(written.iter().all(|account| account.crid != ann.crid));
}

#[tokio::test]
async fn user_who_registers_again_is_shown() {
    let fixture = ReadFixture::new(FEDERATED);
    let ann = account("auth0|1", "ann@example.com", "Ann", "Lee");
    fixture.put_at_provider([ann.clone()]);
    fixture.store.delete(fixture.tenant.pool, &ann.crid);
    fixture.put_in_store([ann]);
    assert!(fixture.find("auth0|1", OnProviderFailure::Fail).await.is_ok());
}
