//! The adapter as the use cases hear it: guarded, shared, remembered.

use std::{sync::Arc, time::Duration};

use masthead_domain::email::EmailKey;
use masthead_ports::{
    provider::{Heard, Provider},
    source::SourceErrorKind,
};
use masthead_provider_http::{GuardOptions, GuardedSource, HeardSource};
use masthead_testkit::clock::StoppedClock;

use crate::support::{World, crid, reader};

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
async fn five_hundred_who_ask_for_the_same_user_make_one_call() {
    let (provider, world) = provider(World::with(vec![reader("1", "ann@example.com")], &[]).await);
    world.sandbox.inject(masthead_sandbox::Fault::Latency { ms: 200 });
    let id = crid("1");
    let asked: Vec<_> = (0..500)
        .map(|_| {
            let (provider, cx, id) = (Arc::clone(&provider), world.cx(), id.clone());
            tokio::spawn(async move { provider.by_id(&cx, &id).await.heard })
        })
        .collect();
    for heard in asked {
        assert!(matches!(heard.await.unwrap(), Heard::Live { value: Some(_), .. }));
    }
    assert_eq!(world.called().len(), 1);
}

#[tokio::test]
async fn a_user_is_remembered_while_gigya_is_off_and_nobody_is_taken_for_absent() {
    let (provider, world) = provider(World::with(vec![reader("1", "ann@example.com")], &[]).await);
    let (ann, nobody) = (crid("1"), crid("nobody"));
    let address = EmailKey::of("nobody@example.com");
    assert!(matches!(
        provider.by_id(&world.cx(), &ann).await.heard,
        Heard::Live { value: Some(_), .. }
    ));
    assert!(matches!(
        provider.by_id(&world.cx(), &nobody).await.heard,
        Heard::Live { value: None, .. }
    ));
    world.sandbox.off().await.unwrap();
    let reason = SourceErrorKind::Unavailable;
    assert!(matches!(
        provider.by_id(&world.cx(), &ann).await.heard,
        Heard::Remembered {
            value: Some(_),
            reason: SourceErrorKind::Unavailable,
            ..
        }
    ));
    assert_eq!(
        provider.by_id(&world.cx(), &nobody).await.heard,
        Heard::Nothing { reason }
    );
    assert_eq!(
        provider.by_email(&world.cx(), &address).await.heard,
        Heard::Nothing { reason }
    );
    world.sandbox.on().await.unwrap();
    let heard = provider.by_email(&world.cx(), &address).await.heard;
    assert!(matches!(heard, Heard::Live { value, .. } if value.is_empty()));
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
