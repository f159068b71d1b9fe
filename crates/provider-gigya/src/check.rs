//! Trying a tenant's Gigya with its settings.

use masthead_domain::customer_registration_id::CustomerRegistrationId;
use masthead_ports::source::CallContext;
use masthead_provider_http::{Checked, Hints, Mistake, NoSecret, Report, check_source};

use crate::{Gigya, GigyaSettings, credentials::Credentials};

const HINTS: Hints = Hints {
    nobodys_id: "masthead-check-nobody",
    address: "Gigya.DataCenter or Gigya.BaseUrl",
    proof: "Gigya.ApiKey, Gigya.UserKey, Gigya.Auth, its secret or key, and what the application's group permits",
};

impl Gigya {
    /// Tries the tenant's Gigya: its proof, somebody unknown, its list, and somebody from it (or `known`). Nothing is
    /// changed or kept.
    ///
    /// # Errors
    /// The settings have mistakes: all of them.
    pub async fn check(
        &self,
        cx: &CallContext,
        known: Option<&CustomerRegistrationId>,
    ) -> Result<Vec<Checked>, Vec<Mistake>> {
        let settings = GigyaSettings::parse(&cx.tenant.settings.provider, self.adapter.allows_private())?;
        let read = self
            .adapter
            .secret(settings.secret_place())
            .map(|secret| Credentials::read(settings.auth, &secret));
        let words = match read {
            Ok(Ok(_)) => return Ok(check_source(self, cx, known, HINTS).await),
            Ok(Err(flaw)) => flaw.to_string(),
            Err(NoSecret) => {
                "it is not at its place: see Gigya.SecretFile and Gigya.SecretEnv, or Gigya.PrivateKeyFile \
                              and Gigya.PrivateKeyEnv"
                    .to_owned()
            }
        };
        let mut report = Report::default();
        report.differs("the secret", words);
        Ok(report.done())
    }
}
