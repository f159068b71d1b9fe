//! The listener's certificate: read from its files, and replaced when they change.

mod validity;

use std::{error::Error as _, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use masthead_http_server::{CallerCertificates, ServerTls, TlsIdentity, TlsIdentityError, TlsOptions};
use masthead_ports::clock::Clock;
use thiserror::Error;
use time::OffsetDateTime;
use tokio::{sync::Mutex, time::interval};

use self::validity::Validity;
use crate::{
    reload::{Reload, ReloadError},
    settings::{SecretText, ServerSettings, TlsSettings, read_secret},
};

/// How often the files are compared with what is in use.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// A certificate that ends sooner is a warning: what renews it every 60 days of 90 has failed.
const SOON: time::Duration = time::Duration::days(21);

/// The certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CertificateError {
    /// A file cannot be read.
    #[error("{setting} cannot be read ({reason})")]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// Why.
        reason: String,
    },
    /// The files do not fit.
    #[error("http.tls_certificate_file, http.tls_key_file or http.tls_client_ca_file cannot be used")]
    Unusable(#[from] TlsIdentityError),
    /// The certificate is no X.509.
    #[error("http.tls_certificate_file cannot be used: its validity cannot be read")]
    NoValidity,
}

/// A certificate, read and checked.
pub(crate) struct ListenerCertificate {
    identity: TlsIdentity,
    validity: Validity,
}

/// What is in the files.
#[derive(PartialEq, Eq)]
struct CertificateFiles {
    certificate: SecretText,
    key: SecretText,
    authorities: Option<SecretText>,
}

impl CertificateFiles {
    fn read(settings: &TlsSettings) -> Result<Self, CertificateError> {
        let read = |setting, path: &Path| -> Result<SecretText, CertificateError> {
            let text = path.to_str().ok_or_else(|| "its path is not UTF-8".to_owned());
            let text = text.and_then(read_secret);
            let text = text.map_err(|reason| CertificateError::Unreadable { setting, reason })?;
            Ok(SecretText::new(&text))
        };
        let authorities = settings.client_ca_file.as_deref();
        let authorities = authorities.map(|path| read("http.tls_client_ca_file", path));
        Ok(Self {
            certificate: read("http.tls_certificate_file", &settings.certificate_file)?,
            key: read("http.tls_key_file", &settings.key_file)?,
            authorities: authorities.transpose()?,
        })
    }

    fn parse(&self, settings: &TlsSettings) -> Result<ListenerCertificate, CertificateError> {
        let callers = self.authorities.as_ref().map(|authorities| CallerCertificates {
            authorities: authorities.reveal().as_bytes(),
            are_required: settings.client_certificate_is_required,
        });
        let (certificate, key) = (self.certificate.reveal(), self.key.reveal());
        let identity = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes(), callers)?;
        let validity = Validity::from_der(identity.certificate()).ok_or(CertificateError::NoValidity)?;
        Ok(ListenerCertificate { identity, validity })
    }
}

impl ListenerCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, or certificate and key cannot be used together.
    pub(crate) fn read(settings: &TlsSettings) -> Result<Self, CertificateError> {
        CertificateFiles::read(settings)?.parse(settings)
    }

    /// What an operator must know about its validity; `None` while that is long.
    pub(crate) fn warning(&self, now: OffsetDateTime) -> Option<String> {
        let Validity { from, until } = self.validity;
        if now > until {
            Some(format!(
                "the certificate of http.tls_certificate_file expired at {until}"
            ))
        } else if now < from {
            Some(format!(
                "the certificate of http.tls_certificate_file is not valid before {from}"
            ))
        } else if until - now < SOON {
            Some(format!(
                "the certificate of http.tls_certificate_file expires at {until}"
            ))
        } else {
            None
        }
    }

    /// Records it, in metrics and in the log.
    fn record(&self, clock: &dyn Clock) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        metrics::gauge!("masthead_tls_certificate_expiry_timestamp_seconds")
            .set(self.validity.until.unix_timestamp() as f64);
        if let Some(warning) = self.warning(clock.now()) {
            tracing::warn!("{warning}");
        }
    }
}

/// The certificate in use, with its files.
pub(crate) struct WatchedCertificate {
    tls: Arc<ServerTls>,
    clock: Arc<dyn Clock>,
    state: Mutex<WatchState>,
}

struct WatchState {
    settings: TlsSettings,
    /// What was tried last; `None` when it could not be read.
    files: Option<CertificateFiles>,
    /// Why the last try failed.
    failure: Option<CertificateError>,
}

impl WatchedCertificate {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// As [`ListenerCertificate::read`].
    pub(crate) fn start(settings: &TlsSettings, clock: Arc<dyn Clock>) -> Result<Self, CertificateError> {
        let files = CertificateFiles::read(settings)?;
        let certificate = files.parse(settings)?;
        certificate.record(&*clock);
        let options = TlsOptions {
            handshake_timeout: settings.handshake_timeout,
            max_handshakes: settings.max_handshakes,
        };
        Ok(Self {
            tls: Arc::new(ServerTls::new(&certificate.identity, options)),
            clock,
            state: Mutex::new(WatchState {
                settings: settings.clone(),
                files: Some(files),
                failure: None,
            }),
        })
    }

    /// The TLS of the listener.
    pub(crate) fn tls(&self) -> Arc<ServerTls> {
        Arc::clone(&self.tls)
    }

    /// Reads the files again, those of other settings where there are some, and uses what changed.
    ///
    /// # Errors
    /// As [`ListenerCertificate::read`]; the certificate of before stays in use, and the error is logged once.
    pub(crate) async fn refresh(&self, settings: Option<&TlsSettings>) -> Result<(), CertificateError> {
        let mut state = self.state.lock().await;
        let is_changed = settings.is_some_and(|settings| *settings != state.settings);
        if let Some(settings) = settings {
            state.settings = settings.clone();
        }
        let wanted = state.settings.clone();
        // Files may be on a slow disk, and serving threads must not wait for one.
        let read = tokio::task::spawn_blocking(move || CertificateFiles::read(&wanted)).await;
        let read = read.unwrap_or_else(|_| {
            Err(CertificateError::Unreadable {
                setting: "http.tls_certificate_file",
                reason: "the server ends".to_owned(),
            })
        });
        let tried = match read {
            Ok(files) if !is_changed && state.files.as_ref() == Some(&files) => {
                return state.failure.clone().map_or(Ok(()), Err);
            }
            Ok(files) => {
                let parsed = files.parse(&state.settings);
                state.files = Some(files);
                parsed
            }
            Err(error) => {
                state.files = None;
                Err(error)
            }
        };
        match tried {
            Ok(certificate) => {
                self.tls.replace(&certificate.identity);
                state.failure = None;
                count_reload("ok");
                tracing::info!(expires = %certificate.validity.until, "the listener has a new certificate");
                certificate.record(&*self.clock);
                Ok(())
            }
            Err(error) => {
                if state.failure.as_ref() != Some(&error) {
                    count_reload("failed");
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the listener keeps its certificate: the new one cannot be used"
                    );
                }
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Refreshes without end.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = interval(CHECK_EVERY);
        loop {
            ticks.tick().await;
            // It is logged there.
            let _ = self.refresh(None).await;
        }
    }
}

#[async_trait]
impl Reload for WatchedCertificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn settings(&self) -> &'static [&'static str] {
        &[
            "http.tls_certificate_file",
            "http.tls_key_file",
            "http.tls_client_ca_file",
            "http.tls_client_certificates",
        ]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        let Some(tls) = &settings.http.tls else {
            let reason = "the listener's TLS is turned off by a restart only";
            return Err(ReloadError(reason.to_owned()));
        };
        let refreshed = self.refresh(Some(tls)).await;
        refreshed.map_err(|error| match error.source() {
            Some(cause) => ReloadError(format!("{error}: {cause}")),
            None => ReloadError(error.to_string()),
        })
    }
}

fn count_reload(result: &'static str) {
    metrics::counter!("masthead_tls_certificate_reloads_total", "result" => result).increment(1);
}

#[cfg(test)]
mod tests;
