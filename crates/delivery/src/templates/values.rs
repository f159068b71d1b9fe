//! What templates can use, and the parts of a mail.

use masthead_ports::mail::MailValues;
use minijinja::{Value, context};
use time::OffsetDateTime;

/// The parts of a mail, which are the endings of its files.
pub(super) const PARTS: [&str; 3] = ["subject", "txt", "html"];

/// What templates can use. Every name is always defined, so a misspelt one is an error.
pub(super) struct TemplateValues {
    pub(super) paper: Box<str>,
    pub(super) values: MailValues,
    pub(super) now: OffsetDateTime,
}

impl TemplateValues {
    pub(super) fn context(&self, link: Value) -> Value {
        let left = self
            .values
            .expires_at
            .map_or(0, |end| (end - self.now).whole_seconds().max(1));
        context! {
            paper => &*self.paper,
            first_name => &*self.values.first_name,
            code => self.values.code.as_deref().unwrap_or_default(),
            link,
            minutes => rounded(left, 60),
            hours => rounded(left, 3_600),
        }
    }
}

/// The nearest whole number of units; a rest of time is at least one minute.
fn rounded(seconds: i64, unit: i64) -> i64 {
    let nearest = (seconds + unit / 2) / unit;
    if seconds > 0 && unit == 60 {
        nearest.max(1)
    } else {
        nearest
    }
}

/// Escapes a link for an attribute or text of HTML. minijinja would also write its slashes as `&#x2f;`, in which filters of mail
/// see an attempt to hide an address.
pub(super) fn escape_link(link: &str) -> String {
    link.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_rounded_and_never_zero() {
        for (seconds, minutes, hours) in [
            (0, 0, 0),
            (1, 1, 0),
            (89, 1, 0),
            (90, 2, 0),
            (3_590, 60, 1),
            (172_790, 2_880, 48),
        ] {
            assert_eq!(
                (rounded(seconds, 60), rounded(seconds, 3_600)),
                (minutes, hours),
                "{seconds}"
            );
        }
    }
}
