//! The remote side in this process: the API over a fake store, on a real socket.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, extract::Request};
use masthead_api::{Api, ApiLimits, ApiState, ExportState, ReadScopeGrants};
use masthead_domain::{
    access::Scope,
    caller_address::AuditAddress,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_orchestrator::{
    Dependencies, ExportLimits, UseCases,
    writes::{UserWrites, WriteDependencies},
};
use masthead_ports::rate_limit::Unlimited;
use masthead_provider_kit::{AdapterOptions, AdapterParts, HttpClient, HttpOptions, Secret, SecretPlace, Secrets};
use masthead_provider_subscribe::RemoteSubscribe;
use masthead_testkit::{
    account_writer::{FakeAccountWriter, FakeProviderWriters},
    audit::{FakeAuditLog, audit_policy},
    clock::StoppedClock,
    contract::TenantAccounts,
    events::RecordingEvents,
    exports::FakeExports,
    hashing::FakeKeyedHasher,
    mirror::FakeMirror,
    providers::FakeProviders,
    registrations::RecordingRegistrationWriter,
    sealing::FakeSealing,
    secrets::{CountingSecrets, FakePasswordHasher},
    store::FakeStore,
    tenants::{FakeTenants, tenant},
    tokens::{FakeTokens, grant},
    users::InMemoryUsers,
    workspaces::FakeWorkspaces,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The API; it is served until dropped.
pub(crate) struct RemoteApiServer {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for RemoteApiServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl RemoteApiServer {
    /// Serves these tenants as `north/daily/0` and so on.
    pub(crate) async fn serving(loaded: Vec<TenantAccounts>) -> Self {
        let store = Arc::new(FakeStore::default());
        let mut tenants = Vec::new();
        for (number, loaded) in (0..).zip(loaded) {
            let settings: &[_] = if loaded.federated {
                &[("Flow.UserProvider", "Auth0")]
            } else {
                &[]
            };
            store.put(PoolId(number), loaded.accounts);
            tenants.push(tenant(&name(number), number, settings));
        }
        let tenants = Arc::new(FakeTenants::new(tenants));
        let clock = Arc::new(StoppedClock::default());
        let users = Arc::new(InMemoryUsers::new(store.clone()));
        let accounts = Arc::new(FakeAccountWriter::new(clock.clone()));
        let writes = WriteDependencies {
            store: store.clone(),
            users: users.clone(),
            remote_records: users.clone(),
            erasures: users.clone(),
            writers: Arc::new(FakeProviderWriters {
                provider: accounts.clone(),
                remote: accounts,
            }),
            intents: users.clone(),
            idempotency: users.clone(),
            attempts: users,
            passwords: Arc::new(FakePasswordHasher),
            sealing: Arc::new(FakeSealing),
            hasher: Arc::new(FakeKeyedHasher(vec![1])),
            secrets: Arc::new(CountingSecrets::default()),
            clock: clock.clone(),
            audit_address: AuditAddress::Network,
            sends_mail: true,
        };
        let use_cases = UseCases::new(
            Dependencies {
                store: store.clone(),
                bulk: store.clone(),
                exports: Arc::new(FakeExports::of(store.clone(), 100)),
                export_limits: ExportLimits::default(),
                registrations: Arc::new(RecordingRegistrationWriter::default()),
                providers: Arc::new(FakeProviders(None)),
                mirror: Arc::new(FakeMirror::over(store.clone())),
                events: Arc::new(RecordingEvents::default()),
                audit_log: Arc::new(FakeAuditLog::default()),
                audit: audit_policy(),
                clock,
            },
            1_000_000,
        );
        let api = Arc::new(Api::new(ApiState {
            exports: Arc::new(ExportState::new(
                use_cases.export_users.clone(),
                Arc::new(FakeWorkspaces::default()),
            )),
            use_cases,
            writes: UserWrites::new(writes, Arc::clone(&tenants) as _),
            reports: None,
            user_tokens: None,
            tenants,
            rate_limits: Arc::new(Unlimited),
            read_scopes: ReadScopeGrants::default(),
            tokens: Arc::new(FakeTokens::new().granting("reader", grant(&[Scope::UsersRead], &["north/*/*"]))),
            sealing: Arc::new(FakeSealing),
            limits: ApiLimits::default(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let answered = async move |request: Request| {
                let (head, body) = request.into_parts();
                api.answer(api.route(head.uri.path()), None, &head, body).await
            };
            axum::serve(listener, Router::new().fallback(answered)).await.unwrap();
        });
        Self { address, serving }
    }

    /// The local tenant with this number, whose registrations are remote, with additional settings.
    pub(crate) fn near(&self, number: i64, federated: bool, more: &[(&str, &str)]) -> Tenant {
        let url = format!("http://{}", self.address);
        let mut settings = vec![("Subscribe.Url", &*url), ("Subscribe.TokenEnv", "FAR")];
        settings.extend(federated.then_some(("Flow.UserProvider", "Auth0")));
        settings.extend(more);
        tenant(&name(number), number, &settings)
    }
}

fn name(number: i64) -> String {
    format!("north/daily/{number}")
}

struct FixedToken;

impl Secrets for FixedToken {
    fn secret(&self, _: &TenantId, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment("FAR".into()));
        Some(Secret::new(*b"reader"))
    }
}

/// The adapter.
pub(crate) fn adapter() -> RemoteSubscribe {
    let client = HttpClient::new(HttpOptions {
        allow_private: true,
        ..HttpOptions::default()
    })
    .unwrap();
    let options = AdapterOptions {
        allow_private: true,
        ..AdapterOptions::default()
    };
    RemoteSubscribe::new(AdapterParts {
        options,
        client,
        clock: Arc::new(StoppedClock::default()),
        secrets: Arc::new(FixedToken),
    })
}
