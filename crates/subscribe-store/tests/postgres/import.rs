//! Imports: whole batches or none, each with its event, and problems told without values.

use masthead_domain::email::EmailKey;
use masthead_ports::source::UserSource as _;
use masthead_subscribe_store::{ImportLineError, ImportStopError, Imported};

use crate::{
    sample_users::reader,
    support::{StoreFixture, context, fixture, origin, tenant},
};

fn lines(text: &str) -> impl Iterator<Item = std::io::Result<String>> {
    text.lines()
        .map(|line| Ok(line.to_owned()))
        .collect::<Vec<_>>()
        .into_iter()
}

fn count(fixture: &StoreFixture, what: &str) -> String {
    fixture
        .database
        .run(&format!("SELECT count(*) FROM {what}"))
        .unwrap()
        .trim()
        .to_owned()
}

#[tokio::test]
async fn import_writes_one_event_per_batch() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let done = fixture
        .store
        .importer()
        .registrations(&tenant, &origin(), (0..4500).map(reader))
        .await
        .unwrap();
    assert_eq!(
        done,
        Imported {
            inserted: 4500,
            skipped: 0
        }
    );
    assert_eq!(count(&fixture, "registrations"), "4500");
    assert_eq!(count(&fixture, "events WHERE kind = 4901"), "3");
    assert_eq!(count(&fixture, "outbox"), "0", "nothing would ever empty it");
    let told = fixture
        .database
        .run("SELECT sum(users), min(tenant), min(request_id) FROM events")
        .unwrap();
    assert_eq!(told.trim(), "4500|north/daily/herald|import-1");
}

#[tokio::test]
async fn existing_ids_are_skipped() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let importer = fixture.store.importer();
    importer
        .registrations(&tenant, &origin(), (0..10).map(reader))
        .await
        .unwrap();
    let again = importer
        .registrations(&tenant, &origin(), (5..15).map(reader))
        .await
        .unwrap();
    assert_eq!(
        again,
        Imported {
            inserted: 5,
            skipped: 5
        }
    );
    assert_eq!(count(&fixture, "registrations"), "15");
}

#[tokio::test]
async fn bad_line_rejects_its_batch() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let text = "{\"customerRegistrationId\":\"1\",\"email\":\"a@example.org\"}\n\n\
                {\"customerRegistrationId\":\"2\",\"email\":\"secret@example.org\",\"dateRegistered\":\"secret\"}\n";
    let error = fixture
        .store
        .importer()
        .lines(&tenant, &origin(), lines(text))
        .await
        .unwrap_err();
    assert_eq!(error.before, Imported::default());
    assert_eq!(
        error.to_string(),
        "line 3: dateRegistered: must be a time as in RFC 3339"
    );
    assert_eq!(
        (count(&fixture, "registrations"), count(&fixture, "events")),
        ("0".into(), "0".into())
    );
}

#[tokio::test]
async fn mastered_pool_rejects_duplicate_addresses() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let importer = fixture.store.importer();
    let first = "{\"customerRegistrationId\":\"1\",\"email\":\"Ann@example.org\"}";
    importer.lines(&tenant, &origin(), lines(first)).await.unwrap();
    for (text, line) in [
        (
            "{\"customerRegistrationId\":\"3\"}\n{\"customerRegistrationId\":\"2\",\"email\":\"ann@EXAMPLE.org\"}",
            2,
        ),
        (
            "{\"customerRegistrationId\":\"4\",\"email\":\"b@x.y\"}\n{\"customerRegistrationId\":\"5\",\"email\":\"B@x.y\"}",
            2,
        ),
    ] {
        let error = importer.lines(&tenant, &origin(), lines(text)).await.unwrap_err();
        assert!(
            matches!(error.reason, ImportStopError::Line { line: at, problem: ImportLineError::EmailTaken } if at == line),
            "{error}"
        );
    }
    assert_eq!(count(&fixture, "registrations"), "1");
    // The index is the wall behind that check.
    let forced = fixture.database.run(
        "INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, \
         first_name, last_name, metadata, search_terms) SELECT pool, state, verified, masters_accounts, 'x', email_key, '', '', \
         '', '', '{}', '{}' FROM registrations",
    );
    assert!(forced.unwrap_err().to_string().contains("registrations_email_key"));
}

#[tokio::test]
async fn federated_pool_accepts_duplicate_addresses() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let text = "{\"customerRegistrationId\":\"1\",\"email\":\"a@x.y\"}\n{\"customerRegistrationId\":\"2\",\"email\":\"a@x.y\"}";
    fixture
        .store
        .importer()
        .lines(&tenant, &origin(), lines(text))
        .await
        .unwrap();
    let found = fixture
        .store
        .registrations()
        .by_email(&context(&tenant), &EmailKey::of("a@x.y"))
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn duplicate_id_is_rejected() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let text = "{\"customerRegistrationId\":\"1\"}\n{\"customerRegistrationId\":\"1\"}";
    let error = fixture
        .store
        .importer()
        .lines(&tenant, &origin(), lines(text))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "line 2: customerRegistrationId: occurs twice");
}

#[tokio::test]
async fn search_terms_are_stored_out_of_line() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    fixture
        .store
        .importer()
        .registrations(&tenant, &origin(), (0..500).map(reader))
        .await
        .unwrap();
    let width = fixture
        .database
        .run("SELECT pg_relation_size('registrations') / count(*) FROM registrations")
        .unwrap();
    assert!(width.trim().parse::<u32>().unwrap() < 512, "{width} bytes a row");
}
