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
    mail::{MailError, MailOutbox, Mailer, RenderedMail},
    sealing::Sealing,
};
use thiserror::Error;
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
    templates: Arc<FileTemplates>,
    mailer: Arc<CurrentMailer>,
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
        let templates = match &settings.templates_dir {
            Some(folder) => FileTemplates::load(folder),
            None => FileTemplates::built_in(),
        };
        let templates = Arc::new(templates.map_err(MailSetupError::Templates)?);
        let Some(smtp) = &settings.smtp else {
            return Ok(None);
        };
        let mailer = SmtpMailer::new(options(smtp)?).map_err(MailSetupError::Smtp)?;
        Ok(Some(Self {
            templates,
            mailer: Arc::new(CurrentMailer(RwLock::new(Arc::new(mailer)))),
            relay: MailRelayOptions {
                at_once: smtp.connections,
                deadline: smtp.timeout + MARGIN,
                poll: POLL,
            },
        }))
    }

    /// What sends, which follows its settings.
    pub(crate) fn mailer(&self) -> Arc<dyn Reload> {
        Arc::clone(&self.mailer) as _
    }

    /// The relay of an outbox, which sends nothing until [`MailTask::start`].
    #[must_use]
    pub fn relay(&self, outbox: Arc<dyn MailOutbox>, sealing: Arc<dyn Sealing>, clock: Arc<dyn Clock>) -> MailRelay {
        let templates = Arc::clone(&self.templates) as _;
        MailRelay::new(
            outbox,
            templates,
            Arc::clone(&self.mailer) as _,
            sealing,
            clock,
            self.relay,
        )
    }
}

/// The mailer of the newest settings. A mail that is being sent ends with the one that began it.
struct CurrentMailer(RwLock<Arc<SmtpMailer>>);

#[async_trait]
impl Mailer for CurrentMailer {
    async fn send(&self, mail: &RenderedMail, deadline: Instant) -> Result<(), MailError> {
        let mailer = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        mailer.send(mail, deadline).await
    }
}

#[async_trait]
impl Reload for CurrentMailer {
    fn name(&self) -> &'static str {
        "mail"
    }

    /// Not `smtp.connections` and `smtp.timeout`, which the relay has as well.
    fn settings(&self) -> &'static [&'static str] {
        &[
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
        let Some(smtp) = settings.mail.smtp.clone() else {
            return Err(ReloadError("mails are turned off by a restart only".to_owned()));
        };
        // Authorities are read from files.
        let made = spawn_blocking(move || {
            let options = options(&smtp)?;
            SmtpMailer::new(options).map_err(MailSetupError::Smtp)
        });
        let made = made.await.map_err(|_| ReloadError("it broke off".to_owned()))?;
        let mailer = made.map_err(|error| ReloadError(error.to_string()))?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(mailer);
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
