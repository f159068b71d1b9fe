//! The adapter as the use cases hear it: guarded.

use std::{sync::Arc, time::Duration};

use masthead_ports::{
    provider::{Heard, Provider},
    source::SourceErrorKind,
};
use masthead_provider_http::{GuardOptions, GuardedSource, HeardSource};
use masthead_testkit::clock::StoppedClock;

use crate::support::{SourceClient, World, crid, reader};

/// The world's adapter with everything around it; nothing stands in for a live answer.
fn provider(world: World) -> (Arc<dyn Provider>, World) {
    let (gigya, world) = world.take_gigya();
    let searchable = gigya.searchable(&world.tenant);
    let options = GuardOptions {
        fresh: Duration::ZERO,
        ..GuardOptions::default()
    };
    let guarded = GuardedSource::new(gigya, options, Arc::new(StoppedClock::default()));
    (Arc::new(HeardSource::new(guarded, searchable)), world)
}

#[tokio::test]
async fn a_request_is_told_whether_its_own_call_left() {
    let (provider, world) = provider(World::with(vec![reader("1", "ann@example.com")], &[]).await);
    assert!(provider.by_id(&world.cx(), &crid("1")).await.called);
    let misconfigured = World::with(vec![], &[("Gigya.PageSize", "0")]).await;
    let (provider, world) = self::provider(misconfigured);
    let asked = provider.by_id(&world.cx(), &crid("1")).await;
    assert_eq!(
        asked.heard,
        Heard::Nothing {
            reason: SourceErrorKind::Misconfigured
        }
    );
    assert!(!asked.called);
}
