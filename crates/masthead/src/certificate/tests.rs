//! Files of certificates that change, are wrong, or are about to end.

use std::{fs, path::PathBuf};

use masthead_testkit::clock::StoppedClock;
use rcgen::{CertificateParams, KeyPair};

use super::*;

/// The files of one listener, removed when dropped.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("masthead-certificate-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn settings(&self) -> TlsSettings {
        TlsSettings {
            certificate_file: self.0.join("certificate"),
            key_file: self.0.join("key"),
            client_ca_file: None,
            client_certificate_is_required: true,
            handshake_timeout: Duration::from_secs(5),
            max_handshakes: 8,
        }
    }

    /// Writes a new certificate that ends so long after now, and returns it as DER.
    fn write(&self, clock: &dyn Clock, ends_after: time::Duration) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = clock.now() - time::Duration::days(1);
        params.not_after = clock.now() + ends_after;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.0.join("certificate"), certificate.pem()).unwrap();
        fs::write(self.0.join("key"), key.serialize_pem()).unwrap();
        certificate.der().to_vec()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const YEAR: time::Duration = time::Duration::days(365);

#[tokio::test]
async fn unusable_files_keep_the_certificate() {
    let (files, clock) = (Files::new("unusable"), Arc::new(StoppedClock::default()));
    files.write(&*clock, YEAR);
    let watched = WatchedCertificate::start(&files.settings(), clock.clone()).unwrap();
    assert_eq!(watched.refresh(None).await, Ok(()));
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    fs::write(files.0.join("key"), other_key).unwrap();
    for _ in 0..2 {
        let mismatch = CertificateError::Unusable(TlsIdentityError::Mismatch);
        assert_eq!(watched.refresh(None).await, Err(mismatch));
    }
    fs::remove_file(files.0.join("key")).unwrap();
    let missing = watched.refresh(None).await.unwrap_err();
    assert!(
        missing.to_string().starts_with("http.tls_key_file cannot be read"),
        "{missing}"
    );
    files.write(&*clock, YEAR);
    assert_eq!(watched.refresh(None).await, Ok(()));
}

#[tokio::test]
async fn other_settings_are_followed() {
    let (files, other) = (Files::new("before"), Files::new("after"));
    let clock = Arc::new(StoppedClock::default());
    files.write(&*clock, YEAR);
    let watched = WatchedCertificate::start(&files.settings(), clock.clone()).unwrap();
    assert!(watched.refresh(Some(&other.settings())).await.is_err());
    other.write(&*clock, YEAR);
    assert_eq!(watched.refresh(None).await, Ok(()), "the new settings stay");
}

#[test]
fn end_of_validity_is_a_warning() {
    let (files, clock) = (Files::new("validity"), StoppedClock::default());
    for (ends_after, expected) in [
        (YEAR, None),
        (time::Duration::days(20), Some("expires at")),
        (-time::Duration::hours(1), Some("expired at")),
    ] {
        files.write(&clock, ends_after);
        let warning = ListenerCertificate::read(&files.settings())
            .unwrap()
            .warning(clock.now());
        assert_eq!(warning.is_some(), expected.is_some(), "{ends_after}");
        assert!(warning.unwrap_or_default().contains(expected.unwrap_or_default()));
    }
}
