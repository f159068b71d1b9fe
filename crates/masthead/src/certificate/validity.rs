//! From when until when a certificate is valid: the one part of it that no crate of the TLS stack shows.

use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

/// A period of validity, both ends included (RFC 5280 §4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
}

/// ASN.1 tags in DER (ITU-T X.690 §8).
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl Validity {
    /// Reads it from a certificate in DER (RFC 5280 §4.1); `None` where that is none.
    pub(crate) fn from_der(certificate: &[u8]) -> Option<Self> {
        let (_, certificate, _) = element(certificate)?;
        let (_, mut fields, _) = element(certificate)?;
        if fields.first() == Some(&VERSION) {
            (_, _, fields) = element(fields)?;
        }
        for _serial_algorithm_issuer in 0..3 {
            (_, _, fields) = element(fields)?;
        }
        let (_, validity, _) = element(fields)?;
        let (kind, from, rest) = element(validity)?;
        let from = time(kind, from)?;
        let (kind, until, _) = element(rest)?;
        let until = time(kind, until)?;
        Some(Self { from, until })
    }
}

/// The tag and the content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(first), bytes),
        // The length's own length; no certificate needs more than four bytes.
        0x81..=0x84 => {
            let (length, rest) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn time(kind: u8, text: &[u8]) -> Option<OffsetDateTime> {
    let text = str::from_utf8(text).ok()?;
    let text = match kind {
        // Two digits of the year: 50 to 99 are of the twentieth century (RFC 5280 §4.1.2.5.1).
        UTC_TIME => format!("{}{text}", if text.get(..1)? < "5" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let format = format_description!("[year][month][day][hour][minute][second]Z");
    Some(PrimitiveDateTime::parse(&text, format).ok()?.assume_utc())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use time::macros::datetime;

    use super::*;

    #[test]
    fn validity_of_a_certificate_is_read() {
        // rcgen writes years from 2050 on as GeneralizedTime, as RFC 5280 demands.
        for (from, until) in [
            (datetime!(2026-11-29 08:00:01 UTC), datetime!(2027-02-27 07:59:59 UTC)),
            (datetime!(1999-01-02 03:04:05 UTC), datetime!(2051-06-07 08:09:10 UTC)),
        ] {
            let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
            (params.not_before, params.not_after) = (from, until);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(Validity::from_der(certificate.der()), Some(Validity { from, until }));
        }
    }

    #[test]
    fn truncated_certificate_has_no_validity() {
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let der = certificate.der();
        for length in 0..der.len() {
            assert_eq!(Validity::from_der(&der[..length]), None, "{length}");
        }
    }
}
