//! `masthead check-config`: whether a server could start with these settings, as far as is known without starting it.

use std::sync::Arc;

use masthead_ports::clock::Clock;

use super::environment::{NO_MAIL, print_line, print_warning};
use crate::{
    certificate::ListenerCertificate,
    clock::SystemClock,
    command_error::CommandError,
    mail::MailDelivery,
    settings::{MetricsSettings, ServerSettings, UncheckedSettings},
    wiring,
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
    if let Some(warning) = metrics_warning(&settings) {
        print_warning(warning);
    }
    settings.providers.secrets_warning().iter().for_each(print_warning);
    print_line("the settings are valid")
}

/// Where `/metrics` cannot be read, or not from another machine though the API can.
fn metrics_warning(settings: &ServerSettings) -> Option<&'static str> {
    let MetricsSettings { listen, on_api_port } = settings.metrics;
    match listen {
        _ if on_api_port => None,
        None => Some("metrics.listen is off and metrics.on_api_port is false: /metrics is not served"),
        Some(address) if address.ip().is_loopback() && !settings.http.listen.ip().is_loopback() => Some(
            "metrics.listen is an address of this machine alone: a Prometheus elsewhere cannot read /metrics (set metrics.listen, \
             or metrics.on_api_port = true to serve it beside the API)",
        ),
        Some(_) => None,
    }
}
