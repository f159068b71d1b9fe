//! The fake mirror passes the contract of mirrors.
#![expect(clippy::unwrap_used, reason = "a test's factory may panic as tests do")]

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::source::CallContext;
use masthead_testkit::{
    contract::mirror::{self, MirrorFactory, MirrorSubject, Registrar},
    for_each_mirror_case,
    mirror::FakeMirror,
    store::FakeStore,
};

struct FakeMirrorFactory;

/// Puts registrations into a fake store.
struct Putting(Arc<FakeStore>);

#[async_trait]
impl Registrar for Putting {
    async fn register(&self, cx: &CallContext, account: &Account) {
        self.0.put(cx.tenant.pool, [account.clone()]);
    }
}

#[async_trait]
impl MirrorFactory for FakeMirrorFactory {
    async fn subject(&self, tenants: usize, settings: &[(&str, &str)]) -> MirrorSubject {
        let store = Arc::new(FakeStore::default());
        let settings = settings.iter().copied().chain([("Flow.UserProvider", "Auth0")]);
        let (settings, mistakes) = TenantSettings::parse(settings);
        assert_eq!(mistakes, []);
        let tenants = (1..=tenants).map(|number| {
            Arc::new(Tenant {
                id: TenantId::new("north", "daily", &format!("paper{number}")).unwrap(),
                pool: PoolId(i64::try_from(number).unwrap()),
                settings: settings.clone(),
            })
        });
        let mirror = Arc::new(FakeMirror::over(Arc::clone(&store)));
        MirrorSubject {
            mirror: Arc::clone(&mirror) as _,
            bulk: mirror,
            registrations: Arc::clone(&store) as _,
            registrar: Arc::new(Putting(store)),
            tenants: tenants.collect(),
            keep: Box::new(()),
        }
    }
}

macro_rules! on_the_fake {
    ($($case:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $case() {
            mirror::$case(&FakeMirrorFactory).await;
        }
    )*};
}
for_each_mirror_case!(on_the_fake);
