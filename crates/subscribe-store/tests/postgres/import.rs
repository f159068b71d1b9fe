//! Imports store whole batches or none, each with its event, and report errors without values.

use std::sync::Arc;

use masthead_domain::tenant::Tenant;
use masthead_subscribe_store::{ImportError, ImportLineError, ImportStopError, Imported};

use crate::support::{StoreFixture, fixture, import_users, origin, tenant};

async fn fixture_with_tenant() -> (StoreFixture, Arc<Tenant>) {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    (fixture, tenant)
}

async fn import_lines(fixture: &StoreFixture, tenant: &Tenant, text: &str) -> Result<Imported, ImportError> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    fixture.store.importer().lines(tenant, &origin(), lines).await
}

#[tokio::test]
async fn import_writes_one_event_per_batch() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let done = import_users(&fixture.store, &tenant, 0..4500).await;
    assert_eq!((done.inserted, done.skipped), (4500, 0));
    assert_eq!(fixture.count("registrations"), 4500);
    assert_eq!(fixture.count("events WHERE kind = 4901"), 3);
    assert_eq!(fixture.count("outbox"), 0, "nothing would ever empty it");
    let logged = fixture.sql("SELECT sum(users), min(tenant), min(request_id) FROM events");
    assert_eq!(logged, "4500|north/daily/herald|import-1");
}

#[tokio::test]
async fn existing_ids_are_skipped() {
    let (fixture, tenant) = fixture_with_tenant().await;
    import_users(&fixture.store, &tenant, 0..10).await;
    let again = import_users(&fixture.store, &tenant, 5..15).await;
    assert_eq!((again.inserted, again.skipped), (5, 5));
    assert_eq!(fixture.count("registrations"), 15);
}

#[tokio::test]
async fn bad_line_rejects_its_batch() {
    let (fixture, tenant) = fixture_with_tenant().await;
    for (text, message) in [
        (
            "{\"customerRegistrationId\":\"1\",\"email\":\"a@example.org\"}\n\n\
             {\"customerRegistrationId\":\"2\",\"email\":\"secret@example.org\",\"dateRegistered\":\"secret\"}\n",
            "line 3: dateRegistered: must be a time as in RFC 3339",
        ),
        (
            "{\"customerRegistrationId\":\"1\"}\n{\"customerRegistrationId\":\"1\"}",
            "line 2: customerRegistrationId: occurs twice",
        ),
    ] {
        let error = import_lines(&fixture, &tenant, text).await.unwrap_err();
        assert_eq!(error.before, Imported::default());
        assert_eq!(error.to_string(), message);
        assert_eq!((fixture.count("registrations"), fixture.count("events")), (0, 0));
    }
}

#[tokio::test]
async fn mastered_pool_rejects_duplicate_addresses() {
    let (fixture, tenant) = fixture_with_tenant().await;
    let first = "{\"customerRegistrationId\":\"1\",\"email\":\"Ann@example.org\"}";
    import_lines(&fixture, &tenant, first).await.unwrap();
    for text in [
        "{\"customerRegistrationId\":\"3\"}\n{\"customerRegistrationId\":\"2\",\"email\":\"ann@EXAMPLE.org\"}",
        "{\"customerRegistrationId\":\"4\",\"email\":\"b@x.y\"}\n{\"customerRegistrationId\":\"5\",\"email\":\"B@x.y\"}",
    ] {
        let error = import_lines(&fixture, &tenant, text).await.unwrap_err();
        let problem = ImportLineError::EmailTaken;
        assert!(
            matches!(error.reason, ImportStopError::Line { line: 2, problem: found } if found == problem),
            "{error}"
        );
    }
    assert_eq!(fixture.count("registrations"), 1);
    // The unique index enforces the same rule.
    let forced = fixture.database.run(
        "INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, \
         first_name, last_name, metadata, search_terms) SELECT pool, state, verified, masters_accounts, 'x', email_key, '', '', \
         '', '', '{}', '{}' FROM registrations",
    );
    assert!(forced.unwrap_err().to_string().contains("registrations_email_key"));
}

#[tokio::test]
async fn rows_are_narrow() {
    let (fixture, tenant) = fixture_with_tenant().await;
    import_users(&fixture.store, &tenant, 0..500).await;
    let width = fixture.sql("SELECT pg_relation_size('registrations') / count(*) FROM registrations");
    assert!(width.parse::<u32>().unwrap() < 512, "{width} bytes a row");
}
