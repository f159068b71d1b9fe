//! The exact requests.

use masthead_domain::{
    email::{EmailFragment, EmailKey},
    metadata::MetadataPair,
    order::{Direction, ListCursor, Order, SortColumn},
    query::{CountMode, EmailFilter, NamePrefix, Position, UserFilter, UserQuery},
};
use serde_json::{Value, json};

use crate::support::{
    RecordedRequest, RemoteFixture, SourceClient, json_answer, legacy_user, legacy_users, listing, user, users,
};

async fn requested(settings: &[(&str, &str)]) -> RemoteFixture {
    RemoteFixture::start(settings, |seen| {
        let is_legacy = seen.line.contains("/User/") || seen.line.contains("/User?");
        json_answer(200, &if is_legacy { legacy_users(&[]) } else { users(&[]) })
    })
    .await
}

fn odd() -> UserQuery {
    UserQuery {
        filter: UserFilter {
            emails: vec![EmailFilter::Prefix(EmailFragment::from_text("a+b&c=d%"))],
            first_name: Some(NamePrefix::from_text("José ")),
            metadata: vec![MetadataPair::new("City #", "Å/?"), MetadataPair::new("b", "\"\\")],
            ..UserFilter::default()
        },
        order: Order {
            column: SortColumn::LastName,
            direction: Direction::Descending,
        },
        position: Position::Offset(20),
        size: 10,
        count: CountMode::None,
    }
}

fn last(fixture: &RemoteFixture) -> RecordedRequest {
    fixture.seen().pop().unwrap()
}

#[tokio::test]
async fn v4_search_uses_the_body() {
    let fixture = requested(&[
        ("Subscribe.Tenant", "far/away/post"),
        ("Subscribe.SourceSystem", "NEAR"),
    ])
    .await;
    assert!(fixture.by_email("Ann@Example.com").await.unwrap().is_empty());
    let seen = last(&fixture);
    assert_eq!(seen.line, "POST /base/v4/Users/Search HTTP/1.1");
    for header in [
        "authorization: Bearer first",
        "content-type: application/json",
        "x-clientcode: away",
        "x-clientgroupcode: far",
        "x-papercode: post",
        "x-sourcesystem: NEAR",
    ] {
        assert!(seen.headers.contains(&header.to_owned()), "{header}: {seen:?}");
    }
    let body = |seen: &RecordedRequest| serde_json::from_str::<Value>(&seen.body).unwrap();
    assert_eq!(
        body(&seen),
        json!({
            "ignoreProvider": "true", "email": "ann@example.com", "emailMatch": "exact", "pageSize": "1000",
            "pageNumber": "1", "orderBy": "2", "orderByType": "0",
        })
    );
    assert!(fixture.by_id("auth0|1").await.unwrap().is_none());
    assert_eq!(
        body(&last(&fixture)),
        json!({
            "ignoreProvider": "true", "customerRegistrationId": "auth0|1", "pageSize": "2", "pageNumber": "1",
            "orderBy": "2", "orderByType": "0",
        })
    );
    fixture.search(&odd()).await.unwrap();
    assert_eq!(
        body(&last(&fixture)),
        json!({
            "ignoreProvider": "true", "email": "a+b&c=d%", "emailMatch": "prefix", "firstName": "jose",
            "metadata.city #": "å/?", "metadata.b": "\"\\", "pageSize": "10", "pageNumber": "3", "orderBy": "4",
            "orderByType": "1", "count": "estimate",
        })
    );
}

#[tokio::test]
async fn published_query_omits_masthead_extensions() {
    let fixture = requested(&[("Subscribe.Method", "GET")]).await;
    fixture.by_email("a+b@Example.com").await.unwrap();
    assert_eq!(
        last(&fixture).line,
        "GET /base/v4/Users?ignoreProvider=true&email=a%2Bb%40example.com&pageSize=1000&pageNumber=1&orderBy=2&orderByType=0 \
         HTTP/1.1"
    );
    let part = |email| {
        listing(
            UserFilter {
                emails: vec![email],
                ..UserFilter::default()
            },
            10,
        )
    };
    fixture
        .search(&part(EmailFilter::Contains(EmailFragment::from_text("ann"))))
        .await
        .unwrap();
    assert!(last(&fixture).line.contains("&email=ann&pageSize=10&"));
    // Here the published rule means something else.
    fixture
        .search(&part(EmailFilter::Contains(EmailFragment::from_text(
            "ann@example.com",
        ))))
        .await
        .unwrap();
    assert!(
        last(&fixture)
            .line
            .contains("&email=ann%40example.com&emailMatch=contains&")
    );
    fixture
        .search(&part(EmailFilter::Exact(EmailKey::from_text("ann"))))
        .await
        .unwrap();
    assert!(last(&fixture).line.contains("&email=ann&emailMatch=exact&"));
    fixture.search(&odd()).await.unwrap();
    assert_eq!(
        last(&fixture).line,
        "GET /base/v4/Users?ignoreProvider=true&email=a%2Bb%26c%3Dd%25&emailMatch=prefix&firstName=jose&\
         metadata.city%20%23=%C3%A5%2F%3F&metadata.b=%22%5C&pageSize=10&pageNumber=3&orderBy=4&orderByType=1 HTTP/1.1"
    );
}

#[tokio::test]
async fn legacy_calls_request_the_store_only() {
    let fixture = requested(&[("Subscribe.Api", "legacy")]).await;
    assert!(fixture.by_id("auth0|1/2").await.unwrap().is_none());
    assert_eq!(last(&fixture).line, "GET /base/User/auth0%7C1%2F2/2 HTTP/1.1");
    assert!(fixture.by_email("Ann@Example.com").await.unwrap().is_empty());
    assert_eq!(
        last(&fixture).line,
        "GET /base/User/2?email=ann%40example.com&sortBy=Email&sortOrder=asc&usersPerPage=1000&pageNumber=1 HTTP/1.1"
    );
    let query = UserQuery {
        position: Position::Offset(10),
        ..listing(
            UserFilter {
                emails: vec![EmailFilter::Contains(EmailFragment::from_text("ann"))],
                only_active: true,
                ..UserFilter::default()
            },
            10,
        )
    };
    fixture.search(&query).await.unwrap();
    assert_eq!(
        last(&fixture).line,
        "GET /base/User?request.lookupInUserProvider=false&request.email=ann&request.onlyActive=true&request.sortBy=Email&\
         request.sortOrder=asc&request.usersPerPage=10&request.pageNumber=2 HTTP/1.1"
    );
}

/// A remote API that has no cursors is scanned by page numbers; one that has is scanned by them.
#[tokio::test]
async fn lists_continue_by_page_or_cursor() {
    let people: Vec<Value> = (0..10)
        .map(|n| user(&n.to_string(), &format!("{n}@example.org")))
        .collect();
    let numbered = RemoteFixture::start(&[("Subscribe.Method", "GET")], move |seen| {
        let mut answer = users(if seen.line.contains("pageNumber=3") {
            &people[..5]
        } else {
            &people
        });
        answer["meta"]["totalRecords"] = json!(25);
        json_answer(200, &answer)
    })
    .await;
    let mut query = listing(UserFilter::default(), 10);
    for number in 1..=3 {
        let page = numbered.search(&query).await.unwrap();
        assert!(last(&numbered).line.contains(&format!("pageNumber={number}&")));
        assert_eq!((page.more, page.cursor.is_some()), (number < 3, number < 3));
        if let Some(mark) = page.cursor {
            query.position = Position::After(ListCursor::Opaque(mark));
        }
    }

    let with_cursor = RemoteFixture::start(&[], |_| {
        let mut answer = users(&[user("1", "a@example.org")]);
        answer["meta"] = json!({"totalRecords": 25, "nextCursor": "on=/+"});
        json_answer(200, &answer)
    })
    .await;
    let mut query = UserQuery {
        size: 1,
        ..listing(UserFilter::default(), 10)
    };
    let page = with_cursor.search(&query).await.unwrap();
    query.position = Position::After(ListCursor::Opaque(page.cursor.unwrap()));
    with_cursor.search(&query).await.unwrap();
    let body: Value = serde_json::from_str(&last(&with_cursor).body).unwrap();
    assert_eq!((&body["cursor"], &body["pageNumber"]), (&json!("on=/+"), &Value::Null));
}

/// A deployment without `Metadata` shows the keys in fields of their own.
#[tokio::test]
async fn legacy_fields_become_metadata() {
    let fixture = RemoteFixture::start(&[("Subscribe.Api", "legacy")], |_| {
        json_answer(200, &legacy_users(&[legacy_user("1", "ann@example.com")]))
    })
    .await;
    let found = fixture.by_id("1").await.unwrap().unwrap();
    let pairs: Vec<_> = found.metadata.iter().collect();
    assert_eq!(
        pairs,
        [
            ("phoneNumber", "555"),
            ("isOkToEmail", "1"),
            ("isOkToMail", "N"),
            ("feat_flag", "Y")
        ]
    );
    assert_eq!(
        (found.registration_id, found.verified, found.has_password),
        (Some(7), Some(true), true)
    );
    assert_eq!(found.registered_at.unwrap().millisecond(), 6);
    assert_eq!(found.changed_at.unwrap().unix_timestamp(), 1_609_556_645);
}
