//! The v4 envelope: message, meta, data, in the published order of keys (contract §2.4).

use std::{borrow::Cow, ops::Range, time::Duration};

use http::{
    HeaderMap, HeaderValue,
    header::{ETAG, RETRY_AFTER, WWW_AUTHENTICATE},
};
use masthead_domain::{
    answer::{Completeness, SourceReport},
    query::Total,
    settings::TenantSettings,
};
use masthead_ports::source::SourceName;
use serde::Serialize;

use super::{code::Code, error::V4Error, etag::EntityTag};
use crate::http::{
    error::RequestError,
    json::{WriteJson, write_text},
    rate_limit::insert_rate_limit,
    request::RequestId,
    response::{ApiResponse, json_response, log_unwritable, not_modified, published_time, retry_after_seconds},
};

/// A tenant's switches that shape its envelopes; the default applies until the tenant is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EnvelopeShape {
    pub(crate) type_as_number: bool,
    pub(crate) data_as_array: bool,
    pub(crate) miss_as_400: bool,
}

impl From<&TenantSettings> for EnvelopeShape {
    fn from(settings: &TenantSettings) -> Self {
        Self {
            type_as_number: settings.message_type_as_number,
            data_as_array: settings.data_as_array,
            miss_as_400: settings.miss_as_400,
        }
    }
}

/// A response before it is written.
pub(crate) struct V4Envelope<'a, D> {
    message: V4Message<'a>,
    meta: Option<V4Meta<'a>>,
    data: D,
}

struct V4Message<'a> {
    code: &'static str,
    text: Cow<'a, str>,
    is_error: bool,
    type_as_number: bool,
}

impl WriteJson for V4Message<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.extend_from_slice(b"{\"code\":");
        write_text(out, self.code)?;
        out.extend_from_slice(b",\"text\":");
        write_text(out, &self.text)?;
        out.extend_from_slice(match (self.type_as_number, self.is_error) {
            (true, false) => b",\"type\":0}",
            (true, true) => b",\"type\":1}",
            (false, true) => b",\"type\":\"Error\"}",
            (false, false) => b",\"type\":\"Success\"}",
        });
        Ok(())
    }
}

/// `meta`, its keys in order; `None` is omitted.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct V4Meta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    total_records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_estimate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<SourceView<'a>>>,
    /// The sides that are written later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<[SourceName; 1]>,
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

impl<'a> V4Meta<'a> {
    /// The meta of one user or an error: the state of the sources.
    pub(crate) fn for_sources(completeness: Option<&'a Completeness>) -> Option<Self> {
        completeness.map(|completeness| Self {
            complete: Some(completeness.complete),
            sources: Some(completeness.sources.iter().map(SourceView::from).collect()),
            ..Self::default()
        })
    }

    /// The meta of a write: the side that is written later, and the state of the sources of its answer.
    pub(crate) fn for_write(completeness: Option<&'a Completeness>, pending: Option<SourceName>) -> Option<Self> {
        let sources = Self::for_sources(completeness);
        match pending {
            None => sources,
            Some(side) => Some(Self {
                complete: Some(false),
                pending: Some([side]),
                ..sources.unwrap_or_default()
            }),
        }
    }

    /// The meta of a report about a person: whether every source has answered.
    pub(crate) fn for_report(is_complete: bool) -> Self {
        Self {
            complete: Some(is_complete),
            ..Self::default()
        }
    }

    /// The meta of a write that is done, and whose result cannot be read.
    pub(crate) fn for_unread(pending: Option<SourceName>) -> Self {
        Self {
            complete: Some(false),
            pending: pending.map(|side| [side]),
            ..Self::default()
        }
    }

    /// The meta of a list.
    pub(crate) fn for_list(
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
            ..Self::for_sources(completeness).unwrap_or_default()
        }
    }
}

impl<'a> From<&'a SourceReport> for SourceView<'a> {
    fn from(report: &'a SourceReport) -> Self {
        Self {
            name: report.name,
            status: report.status.name(),
            as_of: report.as_of.and_then(published_time),
            reason: report.reason,
            ambiguous: report.ambiguous.then_some(true),
        }
    }
}

impl<'a, D: WriteJson> V4Envelope<'a, D> {
    /// The envelope of a success.
    pub(crate) fn for_success(code: Code, shape: EnvelopeShape, meta: Option<V4Meta<'a>>, data: D) -> Self {
        let message = V4Message {
            code: code.entry().name,
            text: Cow::Borrowed(code.entry().template()),
            is_error: false,
            type_as_number: shape.type_as_number,
        };
        Self { message, meta, data }
    }

    /// The JSON, in a buffer of about the right size.
    ///
    /// # Errors
    /// A part of it cannot be written.
    pub(crate) fn to_json(&self, size_hint: usize) -> serde_json::Result<Vec<u8>> {
        Ok(self.to_json_with_data(size_hint)?.0)
    }

    /// The JSON, and where in it the data is.
    fn to_json_with_data(&self, size_hint: usize) -> serde_json::Result<(Vec<u8>, Range<usize>)> {
        let mut text = Vec::with_capacity(size_hint);
        text.extend_from_slice(b"{\"message\":");
        self.message.write_json(&mut text)?;
        text.extend_from_slice(b",\"meta\":");
        serde_json::to_writer(&mut text, &self.meta)?;
        text.extend_from_slice(b",\"data\":");
        let from = text.len();
        self.data.write_json(&mut text)?;
        let data = from..text.len();
        text.push(b'}');
        Ok((text, data))
    }
}

impl<'a> V4Envelope<'a, ()> {
    /// The envelope of an error; `data` is null.
    pub(crate) fn for_error(error: &'a V4Error, shape: EnvelopeShape) -> Self {
        let entry = error.code().entry();
        let message = V4Message {
            code: entry.name,
            text: entry.message(&error.detail()),
            is_error: true,
            type_as_number: shape.type_as_number,
        };
        Self {
            message,
            meta: V4Meta::for_write(error.completeness(), error.pending()),
            data: (),
        }
    }
}

/// The data of an answer about one user: an object, or an array of it where a switch of the tenant selects that.
pub(crate) struct Shaped<T> {
    pub(crate) as_array: bool,
    pub(crate) value: T,
}

impl<T: WriteJson> WriteJson for Shaped<T> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        if !self.as_array {
            return self.value.write_json(out);
        }
        out.push(b'[');
        self.value.write_json(out)?;
        out.push(b']');
        Ok(())
    }
}

/// Writes the response to one request.
#[derive(Debug, Clone)]
pub(crate) struct V4Responder {
    pub(crate) request_id: RequestId,
    pub(crate) shape: EnvelopeShape,
    /// The usual value of `Retry-After`.
    pub(crate) retry_after: Duration,
}

impl V4Responder {
    /// A success with this data.
    pub(crate) fn success(
        self,
        code: Code,
        meta: Option<V4Meta<'_>>,
        data: impl WriteJson,
        size_hint: usize,
    ) -> ApiResponse {
        match V4Envelope::for_success(code, self.shape, meta, data).to_json(size_hint) {
            Ok(body) => json_response(code.entry().status, body, self.request_id),
            Err(error) => {
                log_unwritable(&error);
                self.error(&RequestError::Internal.into())
            }
        }
    }

    /// A success about one user, with the tag of its data; 304 for a client that has it already, by its `conditions`.
    pub(crate) fn tagged_success(
        self,
        code: Code,
        meta: Option<V4Meta<'_>>,
        data: impl WriteJson,
        size_hint: usize,
        conditions: Option<&HeaderMap>,
    ) -> ApiResponse {
        let written = V4Envelope::for_success(code, self.shape, meta, data).to_json_with_data(size_hint);
        let (body, data) = match written {
            Ok(written) => written,
            Err(error) => {
                log_unwritable(&error);
                return self.error(&RequestError::Internal.into());
            }
        };
        let tag = EntityTag::of(&body[data]);
        let is_known = conditions.is_some_and(|headers| tag.is_known_to(headers));
        let mut response = if is_known {
            not_modified(self.request_id)
        } else {
            json_response(code.entry().status, body, self.request_id)
        };
        if let Some(tag) = tag.into_header() {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }

    /// An error.
    pub(crate) fn error(self, error: &V4Error) -> ApiResponse {
        // Texts and source reports are always writable.
        let body = V4Envelope::for_error(error, self.shape)
            .to_json(256)
            .unwrap_or_default();
        let mut response = json_response(error.status(self.shape.miss_as_400), body, self.request_id);
        let headers = response.headers_mut();
        match error.code() {
            Code::E401 => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer error=\"invalid_token\""),
                );
            }
            // Of the reader, not of the calling application, whose token is good.
            Code::E401_01 => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"reader\""));
            }
            Code::E409 if error.retry_after().is_none() => {}
            Code::E409 | Code::E429 | Code::E503 => {
                let wait = error.retry_after().unwrap_or(self.retry_after);
                headers.insert(RETRY_AFTER, retry_after_seconds(wait));
            }
            _ => {}
        }
        if let Some(exceeded) = error.rate_exceeded() {
            insert_rate_limit(headers, exceeded);
        }
        response
    }
}
