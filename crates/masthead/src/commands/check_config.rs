//! `masthead check-config`: whether a server could start with these settings; with `--connect` also whether it could work.

use std::sync::Arc;

use masthead_ports::clock::Clock;

use super::{
    check_connections::ConnectionChecks,
    environment::{NO_LOG, NO_MAIL, print_line, print_warning, small_runtime},
};
use crate::{
    cli::CheckConfigArguments, clock::SystemClock, command_error::CommandError, logs, mail::MailDelivery,
    settings::UncheckedSettings, wiring,
};

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &CheckConfigArguments) -> Result<(), CommandError> {
    let settings = settings_source.settings()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    wiring::sealer(&settings.sealing)?;
    let verifier = wiring::verifier(&settings.tokens, Arc::clone(&clock))?;
    let mail = MailDelivery::new(&settings.mail).map_err(CommandError::context(NO_MAIL))?;
    settings_source.warnings().iter().for_each(print_warning);
    if mail.is_none() {
        print_warning("smtp.host is not set: no mail is sent, and calls that need one are answered with 503");
    }
    print_line("the settings are valid")?;
    if !arguments.connect {
        return Ok(());
    }
    let log = logs::start(&settings.log, std::io::stderr(), Arc::clone(&clock));
    let (_, _, _log) = log.map_err(CommandError::context(NO_LOG))?;
    small_runtime()?.block_on(async {
        let mut checks = ConnectionChecks::new(&settings, clock);
        checks.check_database().await?;
        checks.check_keys(&verifier).await?;
        checks.check_mail(mail.as_ref()).await?;
        checks.check_tenants().await?;
        checks.finish()
    })
}
