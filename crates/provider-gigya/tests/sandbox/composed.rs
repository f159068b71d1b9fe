//! The adapter as the use cases hear it: guarded.

use std::{sync::Arc, time::Duration};

use masthead_ports::{
    provider::{Heard, Provider},
    source::SourceErrorKind,
};
use masthead_provider_kit::{CacheOptions, CachedProvider, CachedSource};
use masthead_testkit::clock::StoppedClock;

use crate::support::{Asking, GigyaFixture, crid, reader};

/// The world's adapter with everything around it; nothing stands in for a live answer.
fn provider(fixture: GigyaFixture) -> (Arc<dyn Provider>, GigyaFixture) {
    let (gigya, fixture) = fixture.take_adapter();
    let searchable = gigya.searchable(&fixture.tenant);
    let options = CacheOptions {
        fresh: Duration::ZERO,
        ..CacheOptions::default()
    };
    let guarded = CachedSource::new(gigya, options, Arc::new(StoppedClock::default()));
    (Arc::new(CachedProvider::new(guarded, searchable)), fixture)
}

#[tokio::test]
async fn called_reports_own_calls_only() {
    let (provider, fixture) = provider(GigyaFixture::with(vec![reader("1", "ann@example.com")], &[]).await);
    assert!(provider.by_id(&fixture.cx(), &crid("1")).await.called);
    let misconfigured = GigyaFixture::with(vec![], &[("Gigya.PageSize", "0")]).await;
    let (provider, fixture) = self::provider(misconfigured);
    let requests = provider.by_id(&fixture.cx(), &crid("1")).await;
    assert_eq!(
        requests.heard,
        Heard::Nothing {
            reason: SourceErrorKind::Misconfigured
        }
    );
    assert!(!requests.called);
}
