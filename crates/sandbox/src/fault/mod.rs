//! What can go wrong with a single answer, and the book of faults that are waiting to happen.

pub(crate) mod flood;
pub(crate) mod play;

use serde::{Deserialize, Serialize};

use crate::server::request::Request;

/// One way in which a call goes wrong. In JSON the kind is in `fault`, e.g. `{"fault":"status","status":503}`.
///
/// A fault that spoils the answer lets the call take effect first (a write is done, its answer is lost); one that
/// replaces the answer (`Status`, `ErrorCode`, `Html`, `Silence` and the floods) does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "fault",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Fault {
    /// The answer is right, and late. Adds up with other faults.
    Latency {
        /// How late, in milliseconds.
        ms: u64,
    },
    /// The request is read and nothing is ever said.
    Silence,
    /// This status, with the body that the provider (or the proxy before it) sends with it.
    Status {
        /// The HTTP status.
        status: u16,
        /// Sent as `retry-after`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
        /// Sent as `x-ratelimit-reset`: so many seconds from now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset_in: Option<u64>,
        /// A body of the caller's choice instead of the usual one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// The provider's own error, in the provider's own envelope: Gigya's `errorCode` or a directory's failure inside a
    /// 200, or a business error of the legacy Users API. Auth0 and v4 have no such thing, and answer with this number as
    /// the status.
    ErrorCode {
        /// The provider's number for what went wrong.
        code: u64,
    },
    /// The connection is reset before the first byte of the answer.
    ResetBeforeHeaders,
    /// The connection is reset in the middle of the answer's headers.
    ResetInHeaders,
    /// The connection is reset in the middle of the answer's body.
    ResetMidBody,
    /// A well-framed answer whose JSON stops in the middle.
    TruncatedJson,
    /// A page of HTML with status 200, as a captive portal or a proxy sends.
    Html,
    /// The right JSON, labelled `text/plain`.
    WrongContentType,
    /// The right JSON after a byte order mark.
    Bom,
    /// Arrays in arrays.
    Nested {
        /// How deep; 10,000 when not given.
        #[serde(default = "ten_thousand")]
        depth: u64,
    },
    /// A body of this many bytes, made while it is sent.
    Huge {
        /// How long; 200 MB when not given.
        #[serde(default = "two_hundred_megabytes")]
        bytes: u64,
    },
    /// A small body that unpacks to this many bytes, made while it is sent.
    GzipBomb {
        /// How long once unpacked; 200 MB when not given.
        #[serde(default = "two_hundred_megabytes")]
        bytes: u64,
    },
    /// The right answer, one byte at a time.
    Drip {
        /// The pause before each byte, in milliseconds; a second when not given.
        #[serde(default = "thousand")]
        interval_ms: u64,
        /// Whether the headers drip as well.
        #[serde(default)]
        headers: bool,
    },
    /// A chunked body that never ends.
    EndlessChunks {
        /// The pause before each chunk, in milliseconds; none when not given.
        #[serde(default)]
        interval_ms: u64,
    },
    /// The right shape, about somebody else.
    OtherUser,
    /// The right list in another order.
    Shuffled,
    /// The right list without its first entry.
    Missing,
    /// The right list with its first entry twice.
    Duplicated,
    /// The right answer, in which each occurrence of a text stands otherwise: the rows of one user, say.
    Replaced {
        /// The text, as it is sent.
        text: String,
        /// What is sent instead, be it JSON or not.
        with: String,
    },
}

impl Fault {
    /// Whether the call is never carried out, because the answer is made up.
    pub(crate) const fn replaces(&self) -> bool {
        match self {
            Self::Silence
            | Self::Status { .. }
            | Self::ErrorCode { .. }
            | Self::Html
            | Self::Nested { .. }
            | Self::Huge { .. }
            | Self::GzipBomb { .. }
            | Self::EndlessChunks { .. } => true,
            Self::Latency { .. }
            | Self::ResetBeforeHeaders
            | Self::ResetInHeaders
            | Self::ResetMidBody
            | Self::TruncatedJson
            | Self::WrongContentType
            | Self::Bom
            | Self::Drip { .. }
            | Self::OtherUser
            | Self::Shuffled
            | Self::Missing
            | Self::Duplicated
            | Self::Replaced { .. } => false,
        }
    }

    /// Whether the caller gets to see a status.
    pub(crate) const fn answers(&self) -> bool {
        !matches!(self, Self::Silence | Self::ResetBeforeHeaders | Self::ResetInHeaders)
    }
}

const fn ten_thousand() -> u64 {
    10_000
}

const fn thousand() -> u64 {
    1_000
}

const fn two_hundred_megabytes() -> u64 {
    200_000_000
}

/// A fault, and which calls it befalls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultRule {
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only calls whose path, as sent, begins so, or is exactly so when this ends in `$`; all when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only calls of this method; all when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// For so many calls; until cleared when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Of a hundred matching calls so many, evenly and predictably spread: 50 is every second one, beginning with the
    /// second. All when not given.
    #[serde(default = "all_of_them", skip_serializing_if = "is_all")]
    pub percent: u8,
}

const fn all_of_them() -> u8 {
    100
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
const fn is_all(percent: &u8) -> bool {
    *percent >= 100
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            path: None,
            method: None,
            times: None,
            percent: 100,
        }
    }
}

impl FaultRule {
    /// Befalls only calls whose path, as sent, begins so, or is exactly so when this ends in `$`.
    #[must_use]
    pub fn on(self, path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..self
        }
    }

    /// Befalls only calls of this method.
    #[must_use]
    pub fn method(self, method: impl Into<String>) -> Self {
        Self {
            method: Some(method.into()),
            ..self
        }
    }

    /// Ends after so many calls.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Befalls so many of a hundred matching calls.
    #[must_use]
    pub fn percent(self, percent: u8) -> Self {
        Self {
            percent: percent.min(100),
            ..self
        }
    }

    fn matches(&self, request: &Request) -> bool {
        let on_path = |wanted: &str| match wanted.strip_suffix('$') {
            Some(whole) => request.path() == whole,
            None => request.path().starts_with(wanted),
        };
        self.times != Some(0)
            && self.path.as_deref().is_none_or(on_path)
            && self
                .method
                .as_deref()
                .is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
    }
}

/// Names a rule in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// A rule in the book, and how often it has been at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveFault {
    /// Its name.
    pub id: FaultId,
    /// What it does.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// How many calls it has befallen.
    pub befallen: u64,
    #[serde(skip)]
    matched: u64,
}

/// What shall happen to one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) latency_ms: u64,
    pub(crate) fault: Option<Fault>,
}

/// The faults that wait to happen, oldest first.
#[derive(Debug, Default)]
pub(crate) struct FaultBook {
    rules: Vec<ActiveFault>,
    last: u64,
}

impl FaultBook {
    pub(crate) fn add(&mut self, rule: FaultRule) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.rules.push(ActiveFault {
            id,
            rule,
            befallen: 0,
            matched: 0,
        });
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.rules.len();
        self.rules.retain(|active| active.id != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn list(&self) -> Vec<ActiveFault> {
        self.rules.clone()
    }

    /// Decides one call: latencies add up, and of the other faults the oldest that befalls it wins.
    pub(crate) fn draw(&mut self, request: &Request) -> Fate {
        let mut fate = Fate::default();
        for active in self.rules.iter_mut().filter(|active| active.rule.matches(request)) {
            let is_latency = matches!(active.rule.fault, Fault::Latency { .. });
            if fate.fault.is_some() && !is_latency {
                continue;
            }
            active.matched += 1;
            let share = |calls: u64| calls * u64::from(active.rule.percent) / 100;
            if share(active.matched) == share(active.matched - 1) {
                continue;
            }
            active.befallen += 1;
            active.rule.times = active.rule.times.map(|left| left.saturating_sub(1));
            match active.rule.fault {
                Fault::Latency { ms } => fate.latency_ms += ms,
                ref fault => fate.fault = Some(fault.clone()),
            }
        }
        self.rules.retain(|active| active.rule.times != Some(0));
        fate
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(method: &str, target: &str) -> Request {
        Request {
            method: method.into(),
            target: target.into(),
            ..Request::default()
        }
    }

    #[test]
    fn a_rule_befalls_only_its_path_and_method_and_only_so_often() {
        let mut book = FaultBook::default();
        book.add(FaultRule::from(Fault::Bom).on("/api/").method("get").times(1));
        assert_eq!(book.draw(&call("GET", "/oauth/token")).fault, None);
        assert_eq!(book.draw(&call("POST", "/api/v2/users")).fault, None);
        assert_eq!(book.draw(&call("GET", "/api/v2/users")).fault, Some(Fault::Bom));
        assert_eq!(book.draw(&call("GET", "/api/v2/users")).fault, None);
        assert!(book.list().is_empty());
    }

    #[test]
    fn a_path_that_ends_in_a_dollar_is_the_whole_path() {
        let mut book = FaultBook::default();
        book.add(FaultRule::from(Fault::Bom).on("/api/v2/users$"));
        assert_eq!(book.draw(&call("GET", "/api/v2/users-by-email?email=x")).fault, None);
        assert_eq!(book.draw(&call("GET", "/api/v2/users?page=0")).fault, Some(Fault::Bom));
    }

    #[test]
    fn flapping_takes_every_second_call() {
        let mut book = FaultBook::default();
        book.add(FaultRule::from(Fault::Silence).percent(50));
        let fates: Vec<bool> = (0..6).map(|_| book.draw(&call("GET", "/")).fault.is_some()).collect();
        assert_eq!(fates, [false, true, false, true, false, true]);
    }

    #[test]
    fn latencies_add_up_and_go_with_one_other_fault() {
        let mut book = FaultBook::default();
        book.add(Fault::Latency { ms: 5 }.into());
        book.add(Fault::Html.into());
        book.add(Fault::Bom.into());
        book.add(Fault::Latency { ms: 6 }.into());
        assert_eq!(
            book.draw(&call("GET", "/")),
            Fate {
                latency_ms: 11,
                fault: Some(Fault::Html)
            }
        );
    }

    #[test]
    fn a_rule_is_read_from_json_with_its_defaults() {
        let rule: FaultRule = serde_json::from_value(json!({"fault": "huge", "path": "/api"})).unwrap();
        assert_eq!(rule, FaultRule::from(Fault::Huge { bytes: 200_000_000 }).on("/api"));
        let rule: FaultRule =
            serde_json::from_value(json!({"fault": "status", "status": 503, "retryAfter": 2})).unwrap();
        let status = Fault::Status {
            status: 503,
            retry_after: Some(2),
            reset_in: None,
            body: None,
        };
        assert_eq!(rule.fault, status);
        assert!(serde_json::from_value::<FaultRule>(json!({"fault": "rain"})).is_err());
    }
}
