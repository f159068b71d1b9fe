//! Checks the raw settings of TLS in `[http]`.

use std::{path::PathBuf, time::Duration};

use super::MILLISECOND;
use crate::settings::{checker::Checker, model::TlsSettings, raw::RawHttp};

/// TLS of the listener; the inner `None` means that it speaks none.
#[expect(clippy::option_option, reason = "an error and an absent certificate are different")]
pub(super) fn tls(raw: &RawHttp, c: &mut Checker<'_>) -> Option<Option<TlsSettings>> {
    let handshake_timeout = c.duration(
        "http.tls_handshake_timeout",
        &raw.tls_handshake_timeout,
        MILLISECOND..=Duration::from_mins(1),
    );
    let max_handshakes = c.size("http.tls_max_handshakes", &raw.tls_max_handshakes, 1..=100_000);
    let is_required = match &*raw.tls_client_certificates {
        "required" => Some(true),
        "optional" => Some(false),
        _ => {
            c.errors
                .add("http.tls_client_certificates", "must be required or optional");
            None
        }
    };
    let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
    let client_ca_file = path(&raw.tls_client_ca_file);
    let files = match (path(&raw.tls_certificate_file), path(&raw.tls_key_file)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) if client_ca_file.is_none() => None,
        (certificate, _) => {
            let missing = if certificate.is_some() {
                "http.tls_key_file"
            } else {
                "http.tls_certificate_file"
            };
            c.errors.add(
                missing,
                "must be given too: the listener's TLS needs a certificate and its key",
            );
            return None;
        }
    };
    let (handshake_timeout, max_handshakes, is_required) = (handshake_timeout?, max_handshakes?, is_required?);
    Some(files.map(|(certificate_file, key_file)| TlsSettings {
        certificate_file,
        key_file,
        client_ca_file,
        client_certificate_is_required: is_required,
        handshake_timeout,
        max_handshakes,
    }))
}
