//! Imports: whole batches or none, each with its event, and problems told without values.

use masthead_domain::email::EmailKey;
use masthead_ports::source::UserSource as _;
use masthead_subscribe_store::{ImportStop, Imported, Problem};

use crate::{
    readers::reader,
    support::{World, context, origin, tenant, world},
};

fn lines(text: &str) -> impl Iterator<Item = std::io::Result<String>> {
    text.lines()
        .map(|line| Ok(line.to_owned()))
        .collect::<Vec<_>>()
        .into_iter()
}

fn count(world: &World, what: &str) -> String {
    world
        .database
        .run(&format!("SELECT count(*) FROM {what}"))
        .unwrap()
        .trim()
        .to_owned()
}

#[tokio::test]
async fn an_import_is_stored_with_an_event_for_each_batch_and_no_queue_grows() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let done = world
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
    assert_eq!(count(&world, "registrations"), "4500");
    assert_eq!(count(&world, "events WHERE kind = 4901"), "3");
    assert_eq!(count(&world, "outbox"), "0", "nothing would ever empty it");
    let told = world
        .database
        .run("SELECT sum(users), min(tenant), min(request_id) FROM events")
        .unwrap();
    assert_eq!(told.trim(), "4500|north/daily/herald|import-1");
}

#[tokio::test]
async fn what_is_there_already_is_skipped_and_counted() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let importer = world.store.importer();
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
    assert_eq!(count(&world, "registrations"), "15");
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_of_its_batch_is_stored() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let text = "{\"customerRegistrationId\":\"1\",\"email\":\"a@example.org\"}\n\n\
                {\"customerRegistrationId\":\"2\",\"email\":\"secret@example.org\",\"dateRegistered\":\"secret\"}\n";
    let error = world
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
        (count(&world, "registrations"), count(&world, "events")),
        ("0".into(), "0".into())
    );
}

#[tokio::test]
async fn an_address_occurs_once_where_masthead_masters_the_accounts() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let importer = world.store.importer();
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
            matches!(error.reason, ImportStop::Line { line: at, problem: Problem::EmailTaken } if at == line),
            "{error}"
        );
    }
    assert_eq!(count(&world, "registrations"), "1");
    // The index is the wall behind that check.
    let forced = world.database.run(
        "INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, \
         first_name, last_name, metadata, tokens) SELECT pool, state, verified, masters_accounts, 'x', email_key, '', '', \
         '', '', '{}', '{}' FROM registrations",
    );
    assert!(forced.unwrap_err().to_string().contains("registrations_email_key"));
}

#[tokio::test]
async fn a_federated_pool_holds_several_accounts_of_one_address() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let text = "{\"customerRegistrationId\":\"1\",\"email\":\"a@x.y\"}\n{\"customerRegistrationId\":\"2\",\"email\":\"a@x.y\"}";
    world
        .store
        .importer()
        .lines(&tenant, &origin(), lines(text))
        .await
        .unwrap();
    let found = world
        .store
        .registrations()
        .by_email(&context(&tenant), &EmailKey::from_text("a@x.y"))
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn an_id_that_occurs_twice_in_an_import_is_named() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    let text = "{\"customerRegistrationId\":\"1\"}\n{\"customerRegistrationId\":\"1\"}";
    let error = world
        .store
        .importer()
        .lines(&tenant, &origin(), lines(text))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "line 2: customerRegistrationId: occurs twice");
}

#[tokio::test]
async fn the_tokens_of_a_row_lie_outside_of_it() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[]).await;
    world
        .store
        .importer()
        .registrations(&tenant, &origin(), (0..500).map(reader))
        .await
        .unwrap();
    let width = world
        .database
        .run("SELECT pg_relation_size('registrations') / count(*) FROM registrations")
        .unwrap();
    assert!(width.trim().parse::<u32>().unwrap() < 512, "{width} bytes a row");
}
