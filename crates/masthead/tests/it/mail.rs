//! Mails with the program's own settings, templates and relay: what check-config reports, and what arrives in a mailbox.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead::{
    mail::{MailDelivery, MailTask},
    settings::{UncheckedSettings, Variables},
};
use masthead_domain::mail::Language;
use masthead_orchestrator::seal_mail;
use masthead_ports::sealing::Sealing;
use masthead_sandbox::{Mailbox, MailboxConfig, SmtpFault, SmtpStage};
use masthead_testkit::{
    clock::StoppedClock,
    mail::{FakeMailOutbox, MailState, sample_mail},
};

use crate::support::process::{self, setting};

/// A folder of templates, removed when dropped.
pub(crate) struct Templates(PathBuf);

impl Templates {
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("masthead-mail-{}-{name}", std::process::id()));
        let folder = root.join("north/daily/herald/de");
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
        Self(root)
    }

    pub(crate) fn setting(&self) -> (String, String) {
        setting("MAIL__TEMPLATES_DIR", self.0.to_str().unwrap())
    }
}

impl Drop for Templates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn smtp(port: u16) -> Vec<(String, String)> {
    vec![
        setting("SMTP__HOST", "127.0.0.1"),
        setting("SMTP__PORT", &port.to_string()),
        setting("SMTP__TLS", "none"),
        setting("SMTP__FROM", "The Herald <no-reply@herald.example>"),
    ]
}

#[test]
fn check_config_warns_without_smtp_and_reports_templates() {
    let mut settings = process::settings("postgres://u@127.0.0.1/d");
    let warned = process::run(&settings, &["check-config"], "");
    assert_eq!(warned.status.code(), Some(0));
    let text = String::from_utf8_lossy(&warned.stderr).into_owned();
    assert!(text.contains("warning: smtp.host is not set"), "{text}");

    let broken = Templates::new(
        "broken",
        &[
            ("verification.txt", "{{ code }}"),
            ("password-reset.txt", "{% if %}"),
            ("welcome.txt", "x"),
        ],
    );
    settings.push(broken.setting());
    let error = process::run_err(&settings, &["check-config"], "");
    for expected in [
        "de/verification.subject: is missing",
        "de/password-reset.txt: line 1: syntax error",
        "de/welcome.txt: is none of",
    ] {
        assert!(error.contains(expected), "{expected} is missing in:\n{error}");
    }
    settings.pop();
    settings.extend(smtp(25));
    let checked = process::run(&settings, &["check-config"], "");
    assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
    settings.push(setting("SMTP__HOST", "mail.example"));
    let error = process::run_err(&settings, &["check-config"], "");
    assert!(
        error.contains("without TLS the server must be on this machine"),
        "{error}"
    );
}

#[tokio::test]
async fn queued_mail_arrives_in_the_language_of_its_reader() {
    let mailbox = Mailbox::start(MailboxConfig::default()).await.unwrap();
    let german = Templates::new(
        "german",
        &[
            ("verification.subject", "Bestätigen Sie Ihre Adresse bei {{ paper }}"),
            ("verification.txt", "Ihr Code: {{ code }}\n{{ link }}\n"),
            (
                "verification.html",
                "<p>Ihr Code: {{ code }}</p><a href=\"{{ link }}\">Bestätigen</a>",
            ),
        ],
    );
    let mut pairs = smtp(mailbox.smtp_address().port());
    pairs.push(german.setting());
    let variables: Variables = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let settings = UncheckedSettings::from_layers(None, &variables).mail().unwrap();
    let delivery = MailDelivery::new(&settings).unwrap().unwrap();

    let clock = Arc::new(StoppedClock::default());
    let outbox = Arc::new(FakeMailOutbox::new(Arc::clone(&clock) as _));
    let sealing: Arc<dyn Sealing> = Arc::new(process::sealer());
    let mut mail = sample_mail("ann@example.com");
    outbox.queue(&mail.tenant, seal_mail(&mail, &*sealing).unwrap());
    mail.languages = vec![Language::parse("de-AT").unwrap()];
    let sealed = seal_mail(&mail, &*sealing).unwrap();
    assert!(!sealed.0.contains("ann"), "an address at rest is sealed");
    outbox.queue(&mail.tenant, sealed);
    mailbox.inject(SmtpFault::Reply { code: 451 }.at(SmtpStage::Message).times(1));

    let task = MailTask::start(delivery.relay(Arc::clone(&outbox) as _, sealing, Arc::clone(&clock) as _));
    let begun = Instant::now();
    while outbox.states().iter().any(|state| *state != MailState::Sent) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", outbox.states());
        tokio::time::sleep(Duration::from_millis(50)).await;
        // What failed is due again.
        clock.advance(time::Duration::seconds(20));
    }
    task.stop().await;

    let mut received = mailbox.messages();
    received.sort_by(|a, b| a.message_id.cmp(&b.message_id));
    let [english, german] = &*received else {
        panic!("{received:?}");
    };
    assert_eq!(
        (&*english.message_id, &*german.message_id),
        ("mail-1@herald.example", "mail-2@herald.example")
    );
    assert_eq!(english.subject, "Verify your address for The Herald");
    assert_eq!(german.subject, "Bestätigen Sie Ihre Adresse bei The Herald");
    assert_eq!(english.links, ["https://herald.example/verify?token=c2VjcmV0"]);
    assert_eq!(german.links, english.links);
    assert!(english.html.contains("A1B2C3") && german.html.contains("A1B2C3"));
}
