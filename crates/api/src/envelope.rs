//! The envelope of every answer: message, meta, data, in the published order of keys (contract §2.4).

use std::{borrow::Cow, time::Duration};

use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::Full;
use masthead_domain::{
    answer::{Completeness, SourceReport},
    query::Total,
    settings::TenantSettings,
};
use serde::Serialize;
use time::{OffsetDateTime, UtcOffset, macros::format_description};

use crate::{
    code::{Code, PLACEHOLDER},
    error::{ApiError, Refusal},
    json::{self, WriteJson},
    request::{REQUEST_ID, RequestId},
    routes::ApiResponse,
};

/// A tenant's switches that shape its envelopes; the default is used until the tenant is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) type_as_number: bool,
    pub(crate) data_as_array: bool,
    pub(crate) miss_as_400: bool,
}

impl Shape {
    pub(crate) const fn of(settings: &TenantSettings) -> Self {
        Self {
            type_as_number: settings.message_type_as_number,
            data_as_array: settings.data_as_array,
            miss_as_400: settings.miss_as_400,
        }
    }
}

/// An answer before it is written.
pub(crate) struct Envelope<'a, D> {
    message: Message<'a>,
    meta: Option<Meta<'a>>,
    data: D,
}

struct Message<'a> {
    code: &'static str,
    text: Cow<'a, str>,
    is_error: bool,
    type_as_number: bool,
}

impl WriteJson for Message<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.extend_from_slice(b"{\"code\":");
        json::text(out, self.code)?;
        out.extend_from_slice(b",\"text\":");
        json::text(out, &self.text)?;
        out.extend_from_slice(match (self.type_as_number, self.is_error) {
            (true, false) => b",\"type\":0}",
            (true, true) => b",\"type\":1}",
            (false, true) => b",\"type\":\"Error\"}",
            (false, false) => b",\"type\":\"Success\"}",
        });
        Ok(())
    }
}

/// `meta`, its keys in order; what is `None` is left out.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    total_records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_estimate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<SourceView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceView<'a> {
    name: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ambiguous: Option<bool>,
}

impl<'a> Meta<'a> {
    /// The meta of one user: nothing but what the sources said.
    pub(crate) fn of_one(completeness: Option<&'a Completeness>) -> Option<Self> {
        completeness.map(|completeness| Self::default().told_by(Some(completeness)))
    }

    /// The meta of a list.
    pub(crate) fn of_list(
        total: Option<Total>,
        completeness: Option<&'a Completeness>,
        next_cursor: Option<String>,
    ) -> Self {
        let (total_records, total_is_estimate) = match total {
            Some(Total::Exact(count)) => (Some(count), None),
            Some(Total::Estimate(count)) => (Some(count), Some(true)),
            None => (None, None),
        };
        Self {
            total_records,
            total_is_estimate,
            next_cursor,
            ..Self::default()
        }
        .told_by(completeness)
    }

    fn told_by(self, completeness: Option<&'a Completeness>) -> Self {
        Self {
            complete: completeness.map(|completeness| completeness.complete),
            sources: completeness.map(|completeness| completeness.sources.iter().map(SourceView::of).collect()),
            ..self
        }
    }
}

impl<'a> SourceView<'a> {
    fn of(report: &'a SourceReport) -> Self {
        Self {
            name: report.name,
            status: report.status.name(),
            as_of: report.as_of.and_then(published_time),
            reason: report.reason,
            ambiguous: report.ambiguous.then_some(true),
        }
    }
}

/// `yyyy-MM-ddTHH:mm:ss.fffZ`; `None` for a year that has no four digits.
pub(crate) fn published_time(at: OffsetDateTime) -> Option<String> {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.checked_to_offset(UtcOffset::UTC)?.format(FORM).ok()
}

impl<'a, D: WriteJson> Envelope<'a, D> {
    /// The envelope of a success.
    pub(crate) fn of_success(code: Code, shape: Shape, meta: Option<Meta<'a>>, data: D) -> Self {
        let message = Message {
            code: code.entry().name,
            text: Cow::Borrowed(code.entry().text),
            is_error: false,
            type_as_number: shape.type_as_number,
        };
        Self { message, meta, data }
    }

    /// The text; room for `size_hint` bytes is made at once.
    ///
    /// # Errors
    /// A part of it cannot be written.
    pub(crate) fn written(&self, size_hint: usize) -> serde_json::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(size_hint);
        text.extend_from_slice(b"{\"message\":");
        self.message.write_json(&mut text)?;
        text.extend_from_slice(b",\"meta\":");
        serde_json::to_writer(&mut text, &self.meta)?;
        text.extend_from_slice(b",\"data\":");
        self.data.write_json(&mut text)?;
        text.push(b'}');
        Ok(text)
    }
}

impl<'a> Envelope<'a, ()> {
    /// The envelope of an error; `data` is null.
    pub(crate) fn of_refusal(refusal: &'a Refusal, shape: Shape) -> Self {
        let entry = refusal.code.entry();
        let text = match entry.text.split_once(PLACEHOLDER) {
            Some((before, after)) => Cow::Owned([before, &refusal.what, after].concat()),
            None => Cow::Borrowed(entry.text),
        };
        let message = Message {
            code: entry.name,
            text,
            is_error: true,
            type_as_number: shape.type_as_number,
        };
        let meta = Meta::of_one(refusal.completeness.as_ref());
        Self {
            message,
            meta,
            data: (),
        }
    }
}

/// A success with this data.
pub(crate) fn success(
    code: Code,
    shape: Shape,
    request_id: RequestId,
    meta: Option<Meta<'_>>,
    data: impl WriteJson,
    size_hint: usize,
) -> ApiResponse {
    match Envelope::of_success(code, shape, meta, data).written(size_hint) {
        Ok(body) => json(code.entry().status, body, request_id),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the answer cannot be written");
            refuse(ApiError::Internal, shape, request_id, Duration::ZERO)
        }
    }
}

/// An error, in the shape of the tenant where it is known; `retry_after` is what a 503 says where nobody knows better.
pub(crate) fn refuse(error: ApiError, shape: Shape, request_id: RequestId, retry_after: Duration) -> ApiResponse {
    let status = if error.is_missing_user() && shape.miss_as_400 {
        Some(StatusCode::BAD_REQUEST)
    } else {
        None
    };
    let refusal = error.refusal();
    let entry = refusal.code.entry();
    // Texts and reports cannot fail to be written; an empty body is still the right status.
    let body = Envelope::of_refusal(&refusal, shape).written(256).unwrap_or_default();
    let mut response = json(status.unwrap_or(entry.status), body, request_id);
    let headers = response.headers_mut();
    match refusal.code {
        Code::E401 => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer error=\"invalid_token\""),
            );
        }
        Code::E429 | Code::E503 => {
            let wait = refusal.retry_after.unwrap_or(retry_after);
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        _ => {}
    }
    response
}

/// Rounded up, and at least one: zero would mean at once.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

pub(crate) fn written(value: &impl Serialize, size_hint: usize) -> serde_json::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(size_hint);
    serde_json::to_writer(&mut body, value)?;
    Ok(body)
}

pub(crate) fn json(status: StatusCode, body: Vec<u8>, request_id: RequestId) -> ApiResponse {
    let length = body.len();
    let mut response = ApiResponse::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    // Answers are about persons: no cache on the way may keep one.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, request_id.into_header());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn retry_after_is_whole_seconds_and_never_zero() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (30_000, 30)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn times_are_told_in_utc_with_milliseconds() {
        assert_eq!(
            published_time(datetime!(2026-03-01 14:00:00.1239 +2)).as_deref(),
            Some("2026-03-01T12:00:00.123Z")
        );
    }
}
