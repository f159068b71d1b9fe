//! Parses single values and collects the errors.

use std::{
    fs::File,
    io::Read,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use ipnet::IpNet;

use super::{errors::SettingsError, secret::SecretText};

/// The longest file that a `…_file` setting may name.
const MAX_SECRET_FILE_BYTES: u64 = 64 * 1024;

/// Checks values one by one; `None` means that an error was recorded.
pub(super) struct Checker<'a> {
    pub(super) errors: &'a mut SettingsError,
}

impl Checker<'_> {
    pub(super) fn number(&mut self, key: &str, text: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let good = text.trim().parse().ok().filter(|n| range.contains(n));
        if good.is_none() {
            let (least, most) = (range.start(), range.end());
            self.errors.add(key, format!("must be a number from {least} to {most}"));
        }
        good
    }

    pub(super) fn size(&mut self, key: &str, text: &str, range: RangeInclusive<u64>) -> Option<usize> {
        self.number(key, text, range).and_then(|n| usize::try_from(n).ok())
    }

    pub(super) fn small(&mut self, key: &str, text: &str, range: RangeInclusive<u64>) -> Option<u32> {
        self.number(key, text, range).and_then(|n| u32::try_from(n).ok())
    }

    pub(super) fn switch(&mut self, key: &str, text: &str) -> Option<bool> {
        match text.trim() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.errors.add(key, "must be true or false");
                None
            }
        }
    }

    pub(super) fn duration(&mut self, key: &str, text: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let good = parse_duration(text).filter(|d| range.contains(d));
        if good.is_none() {
            let (least, most) = (range.start(), range.end());
            self.errors.add(
                key,
                format!("must be a duration from {least:?} to {most:?}, such as \"250ms\", \"5s\", \"2m\" or \"12h\""),
            );
        }
        good
    }

    pub(super) fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        let good = text.trim().parse().ok();
        if good.is_none() {
            self.errors.add(
                key,
                "must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080",
            );
        }
        good
    }

    /// Comma-separated networks; empty if none is given.
    pub(super) fn networks(&mut self, key: &str, text: &str) -> Option<Vec<IpNet>> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks: Option<Vec<_>> = parts
            .map(|part| part.parse().ok().or_else(|| part.parse().ok().map(IpAddr::into)))
            .collect();
        if networks.is_none() {
            self.errors.add(
                key,
                "must be comma-separated addresses or networks, such as 10.0.0.0/8, 192.0.2.7, 2001:db8::/32",
            );
        }
        networks
    }

    pub(super) fn required(&mut self, key: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            self.errors.add(key, "must be given");
            return None;
        }
        Some(text.to_owned())
    }

    /// A secret by value or by file; the inner `None` means that neither is given.
    #[expect(clippy::option_option, reason = "an error and an absent secret are different")]
    pub(super) fn secret(&mut self, key: &str, text: &str, file: &str) -> Option<Option<SecretText>> {
        match (text.is_empty(), file.is_empty()) {
            (true, true) => Some(None),
            (false, true) => Some(Some(SecretText::new(text))),
            (false, false) => {
                self.errors.add(key, format!("is given twice: here and as {key}_file"));
                None
            }
            (true, false) => match read_secret(file) {
                Ok(text) if text.is_empty() => {
                    self.errors.add(&format!("{key}_file"), "names an empty file");
                    None
                }
                Ok(text) => Some(Some(SecretText::new(&text))),
                Err(why) => {
                    self.errors
                        .add(&format!("{key}_file"), format!("cannot be read ({why})"));
                    None
                }
            },
        }
    }
}

/// The text of a secret's file without the line break at its end; at most 64 KiB.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn read_secret(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.kind().to_string())?;
    let bytes = file
        .take(MAX_SECRET_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.kind().to_string())?;
    if bytes as u64 > MAX_SECRET_FILE_BYTES {
        return Err("it is too long".to_owned());
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

/// An integer and one of `ms`, `s`, `m`, `h`, `d`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit.trim_start() {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}
