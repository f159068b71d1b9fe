//! Times in the forms of vendors' files.

use time::{
    Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset, format_description::OwnedFormatItem,
};

/// From this number on, seconds of the Unix epoch are milliseconds: as seconds it is the year 5138, as milliseconds 1973.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// From this number on they are microseconds: as milliseconds it is the year 5138.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;

/// What a text means as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeText {
    /// No time: `0`, `0000-00-00…`.
    Unset,
    /// A time in UTC, cut to microseconds.
    Moment(OffsetDateTime),
    /// Not understood.
    Unreadable,
}

/// Reads a time: ISO 8601 with `T` or a blank, with or without a zone (UTC), or the day alone; generalized time of LDAP
/// (`20200913122640Z`); seconds, milliseconds or microseconds of the Unix epoch, with a fraction or without.
pub(crate) fn parse_time(text: &str) -> TimeText {
    let text = text.trim();
    if text.is_empty() || text.chars().all(|char| char == '0') || text.starts_with("0000-00-00") {
        return TimeText::Unset;
    }
    let parsed = epoch(text).or_else(|| calendar(text));
    parsed.map_or(TimeText::Unreadable, TimeText::Moment)
}

/// Reads a time of one form, in UTC unless it states another zone.
pub(crate) fn parse_time_as(text: &str, form: &OwnedFormatItem) -> TimeText {
    let text = text.trim();
    let with_time = || {
        PrimitiveDateTime::parse(text, form)
            .ok()
            .map(PrimitiveDateTime::assume_utc)
    };
    let day = || Date::parse(text, form).ok().map(|day| day.midnight().assume_utc());
    let parsed = OffsetDateTime::parse(text, form).ok().or_else(with_time).or_else(day);
    match parsed.and_then(microseconds) {
        _ if text.is_empty() => TimeText::Unset,
        Some(moment) => TimeText::Moment(moment),
        None => TimeText::Unreadable,
    }
}

/// The text of a time in metadata: RFC 3339 in UTC.
pub(crate) fn to_text(moment: OffsetDateTime) -> Option<String> {
    moment.format(&time::format_description::well_known::Rfc3339).ok()
}

fn microseconds(moment: OffsetDateTime) -> Option<OffsetDateTime> {
    let moment = moment.checked_to_offset(UtcOffset::UTC)?;
    moment.replace_nanosecond(moment.nanosecond() / 1000 * 1000).ok()
}

/// Digits, with a fraction or without. Fourteen digits without one that are a day and a time are not of the epoch.
fn epoch(text: &str) -> Option<OffsetDateTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    // 20200913 and 20200913122640 are a day, as in LDAP; as seconds they would be of 1970, or far in the future.
    if matches!(whole.len(), 8 | 14) {
        return None;
    }
    let number: u64 = whole.parse().ok()?;
    let digits = fraction.chars().chain("000000".chars()).take(6).collect::<String>();
    let millionths: i128 = digits.parse().ok()?;
    let scale = match number {
        MICROSECONDS_FROM.. => 1,
        MILLISECONDS_FROM.. => 1000,
        _ => 1_000_000,
    };
    let micros = i128::from(number) * scale + millionths * scale / 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(micros.checked_mul(1000)?).ok()
}

/// A day, optionally with a time and a zone.
fn calendar(text: &str) -> Option<OffsetDateTime> {
    let mut rest = Rest(text);
    let is_compact = text.get(..8)?.bytes().all(|byte| byte.is_ascii_digit());
    let separator = if is_compact { "" } else { "-" };
    let year = rest.number(4)?;
    rest.literal(separator)?;
    let month = rest.number(2)?;
    rest.literal(separator)?;
    let day = rest.number(2)?;
    let day = Date::from_calendar_date(
        i32::from(year),
        Month::try_from(u8::try_from(month).ok()?).ok()?,
        u8::try_from(day).ok()?,
    );
    let mut moment = day.ok()?.midnight();
    if rest.0.is_empty() {
        return Some(moment.assume_utc());
    }
    if !is_compact {
        rest.one_of(&["T", "t", " "])?;
    }
    let separator = if is_compact { "" } else { ":" };
    let hour = rest.number(2)?;
    rest.literal(separator)?;
    let minute = rest.number(2)?;
    let has_seconds = rest.0.starts_with(if is_compact {
        |char: char| char.is_ascii_digit()
    } else {
        |char: char| char == ':'
    });
    let mut second = 0;
    if has_seconds {
        rest.literal(separator)?;
        second = rest.number(2)?;
    }
    let micros = if rest.one_of(&[".", ","]).is_some() {
        rest.fraction()?
    } else {
        0
    };
    // 24:00 is the end of the day, and a leap second the last moment before the next.
    let (is_leap, second) = if second == 60 { (true, 59) } else { (false, second) };
    let is_end = hour == 24 && minute == 0 && second == 0 && micros == 0;
    let hour = if is_end { 0 } else { u8::try_from(hour).ok()? };
    let time = Time::from_hms_micro(
        hour,
        u8::try_from(minute).ok()?,
        u8::try_from(second).ok()?,
        if is_leap { 999_999 } else { micros },
    );
    moment = moment.replace_time(time.ok()?);
    if is_end {
        moment = moment.checked_add(Duration::DAY)?;
    }
    moment.assume_offset(rest.zone()?).checked_to_offset(UtcOffset::UTC)
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn number(&mut self, digits: usize) -> Option<u16> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        self.0 = rest;
        number.parse().ok().filter(|_| is_number)
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn one_of(&mut self, texts: &[&str]) -> Option<()> {
        self.0 = texts.iter().find_map(|text| self.0.strip_prefix(text))?;
        Some(())
    }

    /// The digits of a fraction, in millionths.
    fn fraction(&mut self) -> Option<u32> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, rest) = self.0.split_at(digits);
        self.0 = rest;
        let six = fraction.chars().chain("000000".chars()).take(6).collect::<String>();
        six.parse().ok().filter(|_| digits > 0)
    }

    /// The zone at the end of the text; none is UTC.
    fn zone(&mut self) -> Option<UtcOffset> {
        let zone = self.0.trim_start();
        if ["", "Z", "z", "UTC", "GMT"].contains(&zone) {
            return Some(UtcOffset::UTC);
        }
        let sign = match zone.as_bytes()[0] {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let mut rest = Rest(&zone[1..]);
        let hours = i8::try_from(rest.number(2)?).ok()?;
        let _ = rest.literal(":");
        let minutes = if rest.0.is_empty() {
            0
        } else {
            i8::try_from(rest.number(2)?).ok()?
        };
        let offset = UtcOffset::from_hms(sign * hours, sign * minutes, 0);
        offset.ok().filter(|_| rest.0.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn forms_of_vendors_are_read() {
        let whole = datetime!(2020-09-13 12:26:40 UTC);
        let millis = datetime!(2020-09-13 12:26:40.456 UTC);
        for (text, moment) in [
            ("2020-09-13T12:26:40Z", whole),
            ("2020-09-13T12:26:40.456Z", millis),
            ("2020-09-13 12:26:40", whole),
            ("2020-09-13 12:26:40.456 UTC", millis),
            ("2020-09-13 12:26:40.456000 +0000", millis),
            ("2020-09-13T14:26:40+02:00", whole),
            ("2020-09-13T07:26:40-05", whole),
            ("2020-09-13 12:26", datetime!(2020-09-13 12:26 UTC)),
            ("2020-09-13", datetime!(2020-09-13 0:00 UTC)),
            ("20200913122640Z", whole),
            ("20200913122640.456Z", millis),
            ("20200913142640+0200", whole),
            ("20200913", datetime!(2020-09-13 0:00 UTC)),
            ("1600000000", whole),
            ("1600000000.456", millis),
            ("1600000000456", millis),
            ("1600000000456000", millis),
            ("2020-09-12T24:00:00Z", datetime!(2020-09-13 0:00 UTC)),
            ("2016-12-31T23:59:60Z", datetime!(2016-12-31 23:59:59.999999 UTC)),
            (
                "2020-09-13T12:26:40.456789123Z",
                datetime!(2020-09-13 12:26:40.456789 UTC),
            ),
        ] {
            assert_eq!(parse_time(text), TimeText::Moment(moment), "{text}");
        }
    }

    #[test]
    fn zero_is_unset() {
        for text in ["", " ", "0", "000", "0000-00-00", "0000-00-00 00:00:00"] {
            assert_eq!(parse_time(text), TimeText::Unset, "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_unreadable() {
        for text in [
            "soon",
            "13.09.2020",
            "2020-13-01",
            "2020-02-30",
            "2020-09-13T25:00:00Z",
            "2020-09-13T12:26:40 CET",
            "2020-09-13T12:26:40+2",
            "-1",
            "1e9",
            "99999999999999999999",
            "2020-09-13T12:26:40.Z",
            "2020-\u{e9}9-13",
        ] {
            assert_eq!(parse_time(text), TimeText::Unreadable, "{text}");
        }
    }

    #[test]
    fn form_of_a_mapping_is_read() {
        let form = time::format_description::parse_owned::<2>("[month]/[day]/[year]").unwrap();
        let moment = datetime!(2020-09-13 0:00 UTC);
        assert_eq!(parse_time_as("09/13/2020", &form), TimeText::Moment(moment));
        assert_eq!(parse_time_as("13/09/2020", &form), TimeText::Unreadable);
        assert_eq!(parse_time_as(" ", &form), TimeText::Unset);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,30}", digits in "[0-9TZ:. +\\-]{0,30}") {
            parse_time(&text);
            parse_time(&digits);
        }
    }
}
