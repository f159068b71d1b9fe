//! `masthead check-config`: whether a server could start with these settings; with `--connect` also whether it could work.

use std::sync::Arc;

use masthead_ports::clock::Clock;

use super::{
    check_connections::ConnectionChecks,
    environment::{NO_LOG, NO_MAIL, print_line, print_warning, small_runtime},
};
use crate::{
    certificate::ListenerCertificate,
    cli::CheckConfigArguments,
    clock::SystemClock,
    command_error::CommandError,
    logs,
    mail::MailDelivery,
    sealing_keys::SealingKeys,
    settings::{MetricsSettings, ServerSettings, UncheckedSettings},
    wiring,
};

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &CheckConfigArguments) -> Result<(), CommandError> {
    let settings = settings_source.settings()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    SealingKeys::new(&settings.sealing)?;
    let verifier = wiring::verifier(&settings.tokens, Arc::clone(&clock))?;
    if let Some(tls) = &settings.http.tls {
        let certificate = ListenerCertificate::read(tls).map_err(CommandError::context(wiring::NO_TLS))?;
        certificate.warning(clock.now()).iter().for_each(print_warning);
    }
    settings.warnings().into_iter().for_each(print_warning);
    let mail = MailDelivery::new(&settings.mail).map_err(CommandError::context(NO_MAIL))?;
    settings_source.warnings().iter().for_each(print_warning);
    if mail.is_none() {
        print_warning("smtp.host is not set: no mail is sent, and calls that need one are answered with 503");
    }
    if let Some(warning) = metrics_warning(&settings) {
        print_warning(warning);
    }
    settings.providers.secrets_warning().iter().for_each(print_warning);
    print_line("the settings are valid")?;
    if !arguments.connect {
        return Ok(());
    }
    let log = logs::start(&settings.log, std::io::stderr(), Arc::clone(&clock));
    let _log = log.map_err(CommandError::context(NO_LOG))?;
    small_runtime()?.block_on(async {
        let mut checks = ConnectionChecks::new(&settings, clock);
        checks.check_database().await?;
        checks.check_keys(&verifier).await?;
        checks.check_mail(mail.as_ref()).await?;
        checks.check_tenants().await?;
        checks.finish()
    })
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
