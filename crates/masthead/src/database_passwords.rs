//! The passwords of the database follow their settings.

use async_trait::async_trait;
use masthead_subscribe_store::{DatabasePasswords, DatabaseUrls};

use crate::{
    reload::{Reload, ReloadError},
    settings::{SecretText, ServerSettings},
};

/// The passwords of the database as a part that is reloaded. All else in the URLs needs a restart.
pub(crate) struct ReloadedPasswords(pub(crate) DatabasePasswords);

#[async_trait]
impl Reload for ReloadedPasswords {
    fn name(&self) -> &'static str {
        "database passwords"
    }

    fn settings(&self) -> &'static [&'static str] {
        &[
            "database.url",
            "database.url_file",
            "database.direct_url",
            "database.direct_url_file",
            "database.replica_urls",
            "database.replica_urls_file",
        ]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        let database = &settings.database;
        let urls = DatabaseUrls {
            service: database.url.reveal(),
            direct: database.direct_url.reveal(),
            replicas: database.replica_urls.iter().map(SecretText::reveal).collect(),
        };
        match self.0.replace(&urls) {
            Ok(is_replaced) => {
                if is_replaced {
                    tracing::info!("new connections to the database use another password");
                }
                Ok(())
            }
            Err((name, error)) => Err(ReloadError(format!("{name} {error}"))),
        }
    }
}
