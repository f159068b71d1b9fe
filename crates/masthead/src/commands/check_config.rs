//! `masthead check-config`: whether a server could start with these settings, as far as is known without starting it.

use std::sync::Arc;

use masthead_ports::clock::Clock;

use super::environment::{NO_MAIL, print_line, print_warning};
use crate::{
    certificate::ListenerCertificate, clock::SystemClock, command_error::CommandError, mail::MailDelivery,
    settings::UncheckedSettings, wiring,
};

pub(super) fn run(settings_source: &UncheckedSettings) -> Result<(), CommandError> {
    let settings = settings_source.settings()?;
    wiring::sealer(&settings.sealing)?;
    wiring::verifier(&settings.tokens, Arc::new(SystemClock))?;
    for warning in settings.warnings() {
        print_warning(warning);
    }
    if let Some(tls) = &settings.http.tls {
        let certificate = ListenerCertificate::read(tls).map_err(CommandError::context(wiring::NO_TLS))?;
        certificate.warning(SystemClock.now()).iter().for_each(print_warning);
    }
    let mail = MailDelivery::new(&settings.mail).map_err(CommandError::context(NO_MAIL))?;
    if mail.is_none() {
        print_warning("smtp.host is not set: no mail is sent, and calls that need one are answered with 503");
    }
    print_line("the settings are valid")
}
