//! Gigya's envelope: every answer has it, and a refusal comes in it with HTTP status 200 (`providers.md` §2.3 and §2.9).
//!
//! Nothing of a body is logged but its code.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::{Effect, HttpError, HttpReply, ReplyError, TransportError};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::{name::GIGYA, wire::GigyaErrorBody};

/// How Gigya labels its JSON, beside `application/json`.
const LABEL: &[&str] = &["text/javascript"];

/// Done, or done with a note: a registration that is not finished comes with its account.
const DONE: [u64; 7] = [
    0,
    200_008,
    200_009,
    200_010,
    PENDING_REGISTRATION,
    PENDING_VERIFICATION,
    206_003,
];

/// The account is created, and lacks fields the site requires.
pub(crate) const PENDING_REGISTRATION: u64 = 206_001;

/// The account is made, and its address must be verified first.
pub(crate) const PENDING_VERIFICATION: u64 = 206_002;

const REQUEST_EXPIRED: u64 = 403_002;
const DUPLICATE_NONCE: u64 = 403_004;
const UNAUTHORIZED_USER: u64 = 403_005;

/// The error code and its details.
pub(crate) enum EnvelopeContent<T> {
    EmptyAnswer(T),
    GigyaErrorBody(GigyaErrorBody),
}

/// Reads a reply by its code; the status is believed only where it agrees.
///
/// # Errors
/// It is in no envelope, or code and status contradict each other.
pub(crate) fn read<T: DeserializeOwned>(reply: &HttpReply) -> Result<EnvelopeContent<T>, ReplyError> {
    let refused: GigyaErrorBody = match reply.json_labelled(LABEL) {
        Ok(refused) => refused,
        // A proxy's page contains nothing about any user.
        Err(failure) if matches!(reply.status.as_u16(), 200..=299 | 404 | 405) => return Err(failure.into()),
        Err(_) => return Err(ReplyError::ByStatus),
    };
    let (code, status) = (refused.error_code, u64::from(reply.status.as_u16()));
    if status != 200 && status != code / 1_000 {
        // A proxy changed the status or the body.
        let class = TransportError::BadJson;
        return Err(match status {
            401 | 403 | 407 | 429 | 500..=599 => ReplyError::ByStatus,
            _ => ReplyError::Unreadable(HttpError::sent(class)),
        });
    }
    if DONE.contains(&code) {
        Ok(EnvelopeContent::EmptyAnswer(reply.json_labelled(LABEL)?))
    } else {
        Ok(EnvelopeContent::GigyaErrorBody(refused))
    }
}

impl GigyaErrorBody {
    /// Whether Gigya reports that no such account exists; only calls that name an account get it.
    ///
    /// 403005 means wrong credentials, a missing session *or* an unknown account. The details distinguish them; unknown
    /// details count as wrong credentials.
    pub(crate) fn is_unknown_account(&self) -> bool {
        match self.error_code {
            403_047 | 404_000 | 404_003 => true,
            UNAUTHORIZED_USER => self.has_details("unknown user"),
            _ => false,
        }
    }

    /// Whether a parameter's value is invalid. In a call with no other parameter, it means that the cursor is invalid.
    pub(crate) const fn is_bad_value(&self) -> bool {
        matches!(self.error_code, 400_006 | 400_009)
    }

    fn has_details(&self, details: &str) -> bool {
        let text = self.error_details.as_deref().unwrap_or_default();
        text.trim().eq_ignore_ascii_case(details)
    }
}

/// What a refusal means that is no answer to the call.
pub(crate) fn refusal(
    operation: &'static str,
    effect: Effect,
    refused: &GigyaErrorBody,
    reply: &HttpReply,
    now: OffsetDateTime,
    correct_clock: impl FnOnce(&HttpReply) -> bool,
) -> ReplyError {
    let code = refused.error_code;
    let failed = match effect {
        Effect::Read => SourceErrorKind::Unavailable,
        Effect::Write => SourceErrorKind::OutcomeUnknown,
    };
    match code {
        REQUEST_EXPIRED if correct_clock(reply) => ReplyError::Corrected(SourceErrorKind::Misconfigured),
        // A nonce was used already: that request may have been carried out.
        DUPLICATE_NONCE => match effect {
            Effect::Read => ReplyError::Corrected(SourceErrorKind::Unavailable),
            Effect::Write => ReplyError::For(SourceErrorKind::OutcomeUnknown),
        },
        403_048 => ReplyError::For(SourceErrorKind::RateLimited {
            retry_after: reply.retry_after(now),
        }),
        // More than five calls at once for one account: a moment is enough.
        409_030 => ReplyError::For(SourceErrorKind::RateLimited {
            retry_after: Some(reply.retry_after(now).unwrap_or(ONE_ACCOUNTS_PAUSE)),
        }),
        500_000..=599_999 => ReplyError::For(failed),
        301_001 | 400_008 | 400_093 | 401_000..=401_999 | 403_000..=403_999 => {
            tracing::error!(
                source.name = GIGYA,
                operation,
                code,
                "gigya rejects our credentials or settings"
            );
            ReplyError::For(SourceErrorKind::Misconfigured)
        }
        400_000..=499_999 => {
            tracing::error!(source.name = GIGYA, operation, code, "gigya will not take our request");
            ReplyError::For(SourceErrorKind::Refused)
        }
        // No code that is known.
        _ => ReplyError::Unreadable(HttpError::sent(TransportError::BadJson)),
    }
}

/// The pause of all callers when one account is requested too often.
const ONE_ACCOUNTS_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode, header};
    use serde_json::json;

    use super::*;
    use crate::wire::{EmptyAnswer, GigyaAccount};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn reply(status: u16, label: &str, body: &serde_json::Value) -> HttpReply {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, label.parse().unwrap());
        HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::from(body.to_string()),
        }
    }

    fn refused(code: u64, details: &str) -> GigyaErrorBody {
        serde_json::from_value(json!({"errorCode": code, "errorDetails": details})).unwrap()
    }

    fn kind(code: u64, effect: Effect) -> ReplyError {
        let reply = reply(200, "text/javascript", &json!({}));
        refusal("x", effect, &refused(code, ""), &reply, NOW, |_| true)
    }

    #[test]
    fn every_documented_code_is_mapped() {
        use SourceErrorKind::{Misconfigured, OutcomeUnknown, RateLimited, Unavailable};
        for code in [
            301_001, 400_008, 400_093, 403_003, 403_005, 403_006, 403_007, 403_010, 403_023, 403_036,
        ] {
            assert_eq!(kind(code, Effect::Read), ReplyError::For(Misconfigured), "{code}");
        }
        for code in [500_001, 500_002, 500_028, 504_001, 504_002] {
            assert_eq!(kind(code, Effect::Read), ReplyError::For(Unavailable), "{code}");
            assert_eq!(kind(code, Effect::Write), ReplyError::For(OutcomeUnknown), "{code}");
        }
        for code in [
            400_001, 400_002, 400_003, 400_004, 400_006, 400_007, 400_009, 400_020, 400_029, 400_096, 405_001,
        ] {
            assert_eq!(
                kind(code, Effect::Read),
                ReplyError::For(SourceErrorKind::Refused),
                "{code}"
            );
        }
        assert_eq!(kind(403_002, Effect::Write), ReplyError::Corrected(Misconfigured));
        assert_eq!(kind(403_004, Effect::Read), ReplyError::Corrected(Unavailable));
        assert_eq!(kind(403_004, Effect::Write), ReplyError::For(OutcomeUnknown));
        for code in [403_048, 409_030] {
            assert!(
                matches!(kind(code, Effect::Write), ReplyError::For(RateLimited { .. })),
                "{code}"
            );
        }
        assert!(matches!(kind(7, Effect::Read), ReplyError::Unreadable(_)));
    }

    #[test]
    fn only_documented_codes_mean_absence() {
        for code in [403_047, 404_000, 404_003] {
            assert!(refused(code, "").is_unknown_account(), "{code}");
        }
        assert!(refused(403_005, " Unknown User").is_unknown_account());
        for local in [
            "The supplied userkey was not found",
            "Session not found",
            "Unauthorized user",
            "unknown userkey",
            "",
        ] {
            assert!(!refused(403_005, local).is_unknown_account(), "{local:?}");
        }
        for code in [0, 206_001, 400_093, 403_003, 403_007, 403_048, 405_001, 500_001] {
            assert!(!refused(code, "Unknown user").is_unknown_account(), "{code}");
        }
    }

    #[test]
    fn code_and_status_must_agree() {
        let body = |code: u64| json!({"errorCode": code, "UID": "u"});
        let read_of = |status, code| read::<EmptyAnswer>(&reply(status, "text/javascript; charset=utf-8", &body(code)));
        assert!(matches!(read_of(200, 0), Ok(EnvelopeContent::EmptyAnswer(_))));
        assert!(matches!(read_of(200, 206_001), Ok(EnvelopeContent::EmptyAnswer(_))));
        assert!(matches!(read_of(200, 404_003), Ok(EnvelopeContent::GigyaErrorBody(_))));
        assert!(matches!(read_of(404, 404_003), Ok(EnvelopeContent::GigyaErrorBody(_))));
        for (status, code) in [(404, 0), (302, 0), (404, 403_047), (204, 0)] {
            assert!(
                matches!(read_of(status, code), Err(ReplyError::Unreadable(_))),
                "{status} {code}"
            );
        }
        for (status, code) in [(500, 0), (502, 404_003), (503, 403_005), (403, 404_003)] {
            assert!(
                matches!(read_of(status, code), Err(ReplyError::ByStatus)),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn answer_without_envelope_is_unreadable() {
        for (status, label, body) in [
            (200, "text/plain", json!({"errorCode": 0, "UID": "u"})),
            (200, "text/html", json!({"errorCode": 0, "UID": "u"})),
            (200, "application/json", json!({"UID": "u"})),
            (200, "application/json", json!({"errorCode": 0})),
            (200, "application/json", json!({"errorCode": "0", "UID": "u"})),
            (404, "text/html", json!("no such user")),
        ] {
            let answer = read::<GigyaAccount>(&reply(status, label, &body));
            assert!(
                matches!(answer, Err(ReplyError::Unreadable(_))),
                "{status} {label} {body}"
            );
        }
        let blocked = read::<GigyaAccount>(&reply(403, "text/html", &json!("blocked")));
        assert!(matches!(blocked, Err(ReplyError::ByStatus)));
    }
}
