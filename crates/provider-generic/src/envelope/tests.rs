//! Only the configured signal is absence, and each failure has its kind.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::*;

fn pointers(texts: &[&str]) -> Vec<Pointer> {
    texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
}

fn plain() -> GenericEnvelope {
    GenericEnvelope {
        status: None,
        ok: Vec::new(),
        errors: Vec::new(),
        code: None,
        not_found_statuses: vec![404],
        not_found_codes: Vec::new(),
        not_found_bare: false,
        retry_statuses: vec![429, 502, 503, 504],
        retry_codes: Vec::new(),
    }
}

fn by_status() -> GenericEnvelope {
    GenericEnvelope {
        status: pointers(&["/meta/status"]).pop(),
        ok: vec!["200".into(), "0".into()],
        not_found_statuses: Vec::new(),
        not_found_codes: vec!["404".into()],
        retry_codes: vec!["77".into()],
        ..plain()
    }
}

fn by_member() -> GenericEnvelope {
    GenericEnvelope {
        errors: pointers(&["/err", "/errMsg"]),
        ..plain()
    }
}

fn open(envelope: &GenericEnvelope, status: u16, body: &str) -> Result<OpenedEnvelope, GenericAnswerError> {
    let mut headers = HeaderMap::new();
    let json = if body.starts_with('<') {
        "text/html"
    } else {
        "application/json"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(json));
    let reply = HttpReply {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    envelope.open(&reply, OffsetDateTime::UNIX_EPOCH)
}

fn kind(envelope: &GenericEnvelope, body: &str) -> SourceErrorKind {
    match open(envelope, 200, body) {
        Err(GenericAnswerError::Failed { kind, .. }) => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn envelope_defines_success() {
    for (envelope, body) in [
        (plain(), json!({"errMsg": "x"})),
        (by_status(), json!({"meta": {"status": 0}})),
        (by_status(), json!({"meta": {"status": "200"}})),
        (by_member(), json!({"err": null, "errMsg": ""})),
    ] {
        assert_eq!(
            open(&envelope, 200, &body.to_string()),
            Ok(OpenedEnvelope::Answer(body))
        );
    }
    assert!(matches!(
        open(&by_status(), 200, "{}"),
        Err(GenericAnswerError::NotThere { .. })
    ));
    assert!(matches!(
        open(&plain(), 200, "<html>"),
        Err(GenericAnswerError::Form(_))
    ));
}

#[test]
fn status_means_absence_only_in_own_form() {
    assert_eq!(open(&plain(), 404, "{}"), Ok(OpenedEnvelope::Absent));
    assert_eq!(open(&by_member(), 404, r#"{"errMsg":"x"}"#), Ok(OpenedEnvelope::Absent));
    assert_eq!(open(&by_member(), 404, "{}"), Err(GenericAnswerError::NoSuchPath(404)));
    assert!(matches!(
        open(&plain(), 404, "<html>"),
        Err(GenericAnswerError::Form(_))
    ));
    assert!(matches!(open(&plain(), 404, ""), Err(GenericAnswerError::Form(_))));
    assert!(matches!(
        open(&plain(), 404, "[]"),
        Err(GenericAnswerError::NoSuchPath(404))
    ));
    assert_eq!(open(&plain(), 410, "{}"), Err(GenericAnswerError::NoSuchPath(410)));
    let bare = GenericEnvelope {
        not_found_bare: true,
        ..plain()
    };
    assert_eq!(open(&bare, 404, ""), Ok(OpenedEnvelope::Absent));
    assert!(matches!(open(&bare, 404, "<html>"), Err(GenericAnswerError::Form(_))));
    for never in [200, 204, 301, 401, 403, 429, 500, 503] {
        let odd = GenericEnvelope {
            not_found_statuses: vec![never],
            not_found_bare: true,
            ..plain()
        };
        assert_ne!(open(&odd, never, ""), Ok(OpenedEnvelope::Absent), "{never}");
    }
}

#[test]
fn code_means_absence_in_200_or_4xx() {
    let gone = r#"{"meta":{"status":404}}"#;
    assert_eq!(open(&by_status(), 200, gone), Ok(OpenedEnvelope::Absent));
    assert_eq!(open(&by_status(), 404, gone), Ok(OpenedEnvelope::Absent));
    assert_eq!(
        open(&by_status(), 404, r#"{"meta":{"status":405}}"#),
        Err(GenericAnswerError::NoSuchPath(404))
    );
    assert_eq!(open(&by_status(), 500, gone), Err(GenericAnswerError::Status(500)));
    assert_eq!(open(&by_status(), 401, gone), Err(GenericAnswerError::Status(401)));
}

#[test]
fn failure_in_200_has_its_kind() {
    use SourceErrorKind::{Misconfigured, RateLimited, Refused, Unavailable};
    for (code, wanted) in [
        ("401", Misconfigured),
        ("403", Misconfigured),
        ("405", Misconfigured),
        ("429", RateLimited { retry_after: None }),
        ("500", Unavailable),
        ("503", Unavailable),
        ("77", Unavailable),
        ("400", Refused),
        ("78", Refused),
    ] {
        assert_eq!(
            kind(&by_status(), &format!(r#"{{"meta":{{"status":{code}}}}}"#)),
            wanted,
            "{code}"
        );
    }
    assert_eq!(kind(&by_member(), r#"{"errMsg":"anything"}"#), Refused);
}

#[test]
fn retry_statuses_are_settings() {
    assert_eq!(open(&plain(), 503, "{}"), Err(GenericAnswerError::TryLater(503)));
    assert_eq!(open(&plain(), 500, "{}"), Err(GenericAnswerError::Status(500)));
    let odd = GenericEnvelope {
        retry_statuses: vec![420],
        ..plain()
    };
    assert_eq!(open(&odd, 420, "<html>"), Err(GenericAnswerError::TryLater(420)));
}
