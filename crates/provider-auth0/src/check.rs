//! Trying a tenant's Auth0 with its settings.

use masthead_domain::crid::Crid;
use masthead_ports::source::CallContext;
use masthead_provider_kit::{CheckHints, CheckReport, CheckResult, ProviderSettingError, check_source};

use crate::{Auth0Adapter, Auth0Settings};

const HINTS: CheckHints = CheckHints {
    unknown_id: "auth0|masthead-check-nobody",
    address: "Auth0.Domain or Auth0.BaseUrl",
    credentials: "Auth0.ClientId, its secret, Auth0.Audience and the application's grant of read:users",
};

impl Auth0Adapter {
    /// Tries the tenant's Auth0: its token, somebody unknown, its list, and somebody from it (or `known`). Nothing is
    /// changed or kept.
    ///
    /// # Errors
    /// The settings have mistakes: all of them.
    pub async fn check(
        &self,
        cx: &CallContext,
        known: Option<&Crid>,
    ) -> Result<Vec<CheckResult>, Vec<ProviderSettingError>> {
        let settings = Auth0Settings::parse(&cx.tenant.settings.provider, self.adapter.allows_private())?;
        if self.adapter.secret(settings.secret_place()).is_err() {
            let mut report = CheckReport::default();
            let explanation = "it is not at its place: see Auth0.ClientSecretFile and Auth0.ClientSecretEnv";
            report.differs("the secret", explanation);
            return Ok(report.done());
        }
        Ok(check_source(self, cx, known, HINTS).await)
    }
}
