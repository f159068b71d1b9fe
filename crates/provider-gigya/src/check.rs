//! Trying a tenant's Gigya with its settings.

use masthead_domain::crid::Crid;
use masthead_ports::source::CallContext;
use masthead_provider_kit::{
    CheckHints, CheckReport, CheckResult, MissingSecretError, ProviderSettingError, check_source,
};

use crate::{GigyaAdapter, GigyaSettings, credentials::GigyaCredentials};

const HINTS: CheckHints = CheckHints {
    unknown_id: "masthead-check-nobody",
    address: "Gigya.DataCenter or Gigya.BaseUrl",
    credentials: "Gigya.ApiKey, Gigya.UserKey, Gigya.Auth, its secret or key, and what the application's group permits",
};

impl GigyaAdapter {
    /// Tries the tenant's Gigya: its proof, somebody unknown, its list, and somebody from it (or `known`). Nothing is
    /// changed or kept.
    ///
    /// # Errors
    /// The settings have mistakes: all of them.
    pub async fn check(
        &self,
        cx: &CallContext,
        known: Option<&Crid>,
    ) -> Result<Vec<CheckResult>, Vec<ProviderSettingError>> {
        let settings = GigyaSettings::parse(&cx.tenant.settings.provider, self.adapter.allows_private())?;
        let read = self
            .adapter
            .secret(settings.secret_place())
            .map(|secret| GigyaCredentials::read(settings.auth, &secret));
        let explanation = match read {
            Ok(Ok(_)) => return Ok(check_source(self, cx, known, HINTS).await),
            Ok(Err(flaw)) => flaw.to_string(),
            Err(MissingSecretError) => {
                "it is not at its place: see Gigya.SecretFile and Gigya.SecretEnv, or Gigya.PrivateKeyFile \
                              and Gigya.PrivateKeyEnv"
                    .to_owned()
            }
        };
        let mut report = CheckReport::default();
        report.differs("the secret", explanation);
        Ok(report.done())
    }
}
