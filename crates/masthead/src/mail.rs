//! Creates what sends mails from the settings.

use std::{
    fs, io,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_delivery::{FileTemplates, SmtpMailer, SmtpOptions, SmtpOptionsError, TemplateErrors};
use masthead_orchestrator::{MailRelay, MailRelayOptions};
use masthead_ports::{
    clock::Clock,
    mail::{Mail, MailError, MailOutbox, MailTemplates, MailText, Mailer, RenderedMail, TemplateError},
    sealing::Sealing,
};
use thiserror::Error;
use time::OffsetDateTime;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{
    reload::{Reload, ReloadError},
    settings::{MailSettings, ServerSettings, SmtpSettings},
};

/// How often the outbox is read while it is empty: one indexed query.
const POLL: Duration = Duration::from_secs(1);

/// How much longer the relay waits than the mailer, which knows better why a mail was not sent.
const MARGIN: Duration = Duration::from_secs(5);

/// Checked templates, and a mailer that connects with the first mail.
pub struct MailDelivery {
    current: Arc<CurrentDelivery>,
    relay: MailRelayOptions,
}

/// Mails cannot be set up.
#[derive(Debug, Error)]
pub enum MailSetupError {
    /// Templates have errors.
    #[error("mail.templates_dir has errors:\n{0}")]
    Templates(TemplateErrors),
    /// The certificate authority cannot be read.
    #[error("smtp.ca_file cannot be read ({0})")]
    CaFile(io::ErrorKind),
    /// The SMTP server would be used in a way that is not safe.
    #[error("the settings of [smtp] cannot be used: {0}")]
    Smtp(SmtpOptionsError),
}

impl MailDelivery {
    /// Loads and checks the templates, also where no mail is sent; `None` without `[smtp]`.
    ///
    /// # Errors
    /// All errors of the templates, or the first one of `[smtp]`.
    pub fn new(settings: &MailSettings) -> Result<Option<Self>, MailSetupError> {
        let templates = templates(settings)?;
        let Some(smtp) = &settings.smtp else {
            return Ok(None);
        };
        let mailer = SmtpMailer::new(options(smtp)?).map_err(MailSetupError::Smtp)?;
        Ok(Some(Self {
            current: Arc::new(CurrentDelivery {
                templates: RwLock::new(Arc::new(templates)),
                mailer: RwLock::new(Arc::new(mailer)),
            }),
            relay: MailRelayOptions {
                at_once: smtp.connections,
                deadline: smtp.timeout + MARGIN,
                poll: POLL,
            },
        }))
    }

    /// Opens a connection to the SMTP server as for a mail.
    ///
    /// # Errors
    /// Why no mail could be sent.
    pub async fn check(&self, deadline: Instant) -> Result<(), MailError> {
        self.current.mailer().check(deadline).await
    }

    /// What renders and sends, which follows its settings.
    pub(crate) fn mailer(&self) -> Arc<dyn Reload> {
        Arc::clone(&self.current) as _
    }

    /// The relay of an outbox, which sends nothing until [`MailTask::start`].
    #[must_use]
    pub fn relay(&self, outbox: Arc<dyn MailOutbox>, sealing: Arc<dyn Sealing>, clock: Arc<dyn Clock>) -> MailRelay {
        MailRelay::new(
            outbox,
            Arc::clone(&self.current) as _,
            Arc::clone(&self.current) as _,
            sealing,
            clock,
            self.relay,
        )
    }
}

/// The templates and the mailer of the newest settings. A mail that is being sent ends with the mailer that began it.
struct CurrentDelivery {
    templates: RwLock<Arc<FileTemplates>>,
    mailer: RwLock<Arc<SmtpMailer>>,
}

impl MailTemplates for CurrentDelivery {
    fn render(&self, mail: &Mail, now: OffsetDateTime) -> Result<MailText, TemplateError> {
        let templates = Arc::clone(&self.templates.read().unwrap_or_else(PoisonError::into_inner));
        templates.render(mail, now)
    }
}

#[async_trait]
impl Mailer for CurrentDelivery {
    async fn send(&self, mail: &RenderedMail, deadline: Instant) -> Result<(), MailError> {
        self.mailer().send(mail, deadline).await
    }
}

impl CurrentDelivery {
    fn mailer(&self) -> Arc<SmtpMailer> {
        Arc::clone(&self.mailer.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Reload for CurrentDelivery {
    fn name(&self) -> &'static str {
        "mail"
    }

    /// Not `smtp.connections` and `smtp.timeout`, which the relay has as well.
    fn settings(&self) -> &'static [&'static str] {
        &[
            "mail.templates_dir",
            "smtp.host",
            "smtp.port",
            "smtp.tls",
            "smtp.ca_file",
            "smtp.user",
            "smtp.password",
            "smtp.password_file",
            "smtp.from",
            "smtp.hello_name",
        ]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        let mail = settings.mail.clone();
        let Some(smtp) = mail.smtp.clone() else {
            return Err(ReloadError("mails are turned off by a restart only".to_owned()));
        };
        // Templates and authorities are read from files. Both are made before one is taken.
        let made = spawn_blocking(move || {
            let mailer = SmtpMailer::new(options(&smtp)?).map_err(MailSetupError::Smtp)?;
            Ok::<_, MailSetupError>((templates(&mail)?, mailer))
        });
        let made = made.await.map_err(|_| ReloadError("it broke off".to_owned()))?;
        let (templates, mailer) = made.map_err(|error| ReloadError(error.to_string()))?;
        *self.templates.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(templates);
        *self.mailer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(mailer);
        Ok(())
    }
}

/// The task that sends mails; it ends when this is dropped or stopped.
#[derive(Debug)]
#[must_use]
pub struct MailTask {
    task: JoinHandle<()>,
    end: CancellationToken,
}

impl MailTask {
    /// Sends mails from now on.
    pub fn start(relay: MailRelay) -> Self {
        let end = CancellationToken::new();
        Self {
            task: tokio::spawn(relay.run(end.clone())),
            end,
        }
    }

    /// Claims no more mails, and waits for those that were begun, each for its time limit at most.
    pub async fn stop(mut self) {
        self.end.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the relay of mails broke off");
        }
    }
}

impl Drop for MailTask {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn templates(settings: &MailSettings) -> Result<FileTemplates, MailSetupError> {
    let templates = match &settings.templates_dir {
        Some(folder) => FileTemplates::load(folder),
        None => FileTemplates::built_in(),
    };
    templates.map_err(MailSetupError::Templates)
}

fn options(settings: &SmtpSettings) -> Result<SmtpOptions, MailSetupError> {
    let ca_pem = settings.ca_file.as_ref().map(fs::read).transpose();
    let credentials = settings.credentials.as_ref();
    Ok(SmtpOptions {
        host: settings.host.clone(),
        port: settings.port,
        tls: settings.tls,
        ca_pem: ca_pem.map_err(|error| MailSetupError::CaFile(error.kind()))?,
        credentials: credentials.map(|(user, password)| (user.clone(), password.reveal().to_owned())),
        hello_name: settings.hello_name.clone(),
        from: settings.from.clone(),
        timeout: settings.timeout,
        connections: settings.connections,
    })
}

#[cfg(test)]
mod tests {
    use masthead_domain::mail::Language;
    use masthead_testkit::mail::sample_mail;
    use time::macros::datetime;

    use super::*;
    use crate::reload::tests::unchecked;

    #[tokio::test]
    async fn templates_follow_a_reload() {
        let root = std::env::temp_dir().join(format!("masthead-templates-{}", std::process::id()));
        let folder = root.join("north/daily/herald/de");
        fs::create_dir_all(&folder).unwrap();
        let write = |part: &str, text: &str| fs::write(folder.join(format!("verification.{part}")), text).unwrap();
        write("txt", "{{ code }} {{ link }}");
        write("html", "<p>{{ code }} {{ link }}</p>");
        write("subject", "one");
        let settings = unchecked(&[
            ("SMTP__HOST", "127.0.0.1"),
            ("SMTP__TLS", "none"),
            ("SMTP__FROM", "no-reply@herald.example"),
            ("MAIL__TEMPLATES_DIR", root.to_str().unwrap()),
        ]);
        let settings = settings.settings().unwrap();
        let delivery = MailDelivery::new(&settings.mail).unwrap().unwrap();
        let mut mail = sample_mail("ann@example.com");
        mail.languages = vec![Language::parse("de").unwrap()];
        let subject = || {
            let rendered = delivery.current.render(&mail, datetime!(2026-01-02 03:04:05 UTC));
            rendered.unwrap().subject
        };
        assert_eq!(&*subject(), "one");

        write("subject", "two");
        delivery.current.reload(&settings).await.unwrap();
        assert_eq!(&*subject(), "two");

        write("subject", "{% if %}");
        let failed = delivery.current.reload(&settings).await;
        fs::remove_dir_all(&root).unwrap();
        assert!(failed.unwrap_err().0.contains("verification.subject"));
        assert_eq!(&*subject(), "two", "the old ones stay");
    }
}
