//! The writes over a provider and a store in memory.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    caller_address::AuditAddress,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    event::EventKind,
    metadata::Metadata,
    tenant::{Tenant, TenantId},
    user_key::UserKey,
};
use masthead_orchestrator::{
    Caller,
    writes::{CreateRequest, Created, UserWrites, WriteCall, WriteDependencies, WriteUserError, Written},
};
use masthead_ports::{
    passwords::PlainPassword,
    sealing::{Purpose, Sealing as _},
    source::{CallContext, Priority, SUBSCRIBE, UserSource},
};
use masthead_testkit::{
    account_writer::{FakeAccountWriter, FakeProviderWriters},
    clock::StoppedClock,
    hashing::FakeKeyedHasher,
    sealing::FakeSealing,
    secrets::{CountingSecrets, FakePasswordHasher},
    store::FakeStore,
    tenants::{FakeTenants, tenant},
    users::InMemoryUsers,
};

pub(crate) const NO_PROVIDER: &[(&str, &str)] = &[("Users.ReturnUrls", "https://herald.example/account")];
pub(crate) const FEDERATED: &[(&str, &str)] = &[
    ("Flow.UserProvider", "Auth0"),
    ("Users.ReturnUrls", "https://herald.example/account"),
];

/// Registrations at a remote Users API.
pub(crate) const REMOTE: &[(&str, &str)] = &[
    ("Subscribe.Url", "https://users.example"),
    ("Users.ReturnUrls", "https://herald.example/account"),
];
/// The same with a provider.
pub(crate) const REMOTE_AND_PROVIDER: &[(&str, &str)] = &[
    ("Flow.UserProvider", "Auth0"),
    ("Subscribe.Url", "https://users.example"),
    ("Users.ReturnUrls", "https://herald.example/account"),
];

/// The writes for one tenant.
pub(crate) struct WriteFixture {
    pub(crate) writes: UserWrites,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) users: Arc<InMemoryUsers>,
    pub(crate) provider: Arc<FakeAccountWriter>,
    /// The remote Users API of a tenant with `Subscribe.Url`.
    pub(crate) remote: Arc<FakeAccountWriter>,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) tenant: Arc<Tenant>,
}

impl WriteFixture {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        Self::with_mail(settings, true)
    }

    pub(crate) fn with_mail(settings: &[(&str, &str)], sends_mail: bool) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let store = Arc::new(FakeStore::default());
        let users = Arc::new(InMemoryUsers::new(Arc::clone(&store)));
        let provider = Arc::new(FakeAccountWriter::new(Arc::clone(&clock) as _));
        let remote = Arc::new(FakeAccountWriter::named(SUBSCRIBE, Arc::clone(&clock) as _));
        let tenant = tenant("north/daily/herald", 1, settings);
        let registrations: Arc<dyn UserSource> = if tenant.settings.has_remote_store() {
            Arc::clone(&remote) as _
        } else {
            Arc::clone(&store) as _
        };
        let ports = WriteDependencies {
            store: registrations,
            users: Arc::clone(&users) as _,
            remote_records: Arc::clone(&users) as _,
            writers: Arc::new(FakeProviderWriters {
                provider: Arc::clone(&provider),
                remote: Arc::clone(&remote),
            }),
            intents: Arc::clone(&users) as _,
            idempotency: Arc::clone(&users) as _,
            attempts: Arc::clone(&users) as _,
            erasures: Arc::clone(&users) as _,
            passwords: Arc::new(FakePasswordHasher),
            sealing: Arc::new(FakeSealing),
            hasher: Arc::new(FakeKeyedHasher(vec![2, 1])),
            secrets: Arc::new(CountingSecrets::default()),
            clock: Arc::clone(&clock) as _,
            audit_address: AuditAddress::Network,
            sends_mail,
        };
        let tenants = Arc::new(FakeTenants::new([tenant.clone()]));
        Self {
            writes: UserWrites::new(ports, tenants),
            store,
            users,
            provider,
            remote,
            clock,
            tenant: Arc::new(tenant),
        }
    }

    pub(crate) fn call(&self) -> WriteCall {
        WriteCall {
            caller: Caller {
                tenant: Arc::clone(&self.tenant),
                identity: Arc::default(),
                address: None,
                source_system: "CRM".into(),
                request_id: "r-1".into(),
                deadline: Instant::now() + Duration::from_mins(5),
            },
            idempotency: None,
        }
    }

    /// Creates a user with a password, whose id it returns.
    pub(crate) async fn create(&self, address: &str) -> CustomerRegistrationId {
        match self
            .writes
            .create
            .create(self.call(), request(address))
            .await
            .unwrap()
            .value
        {
            Created::User { crid, .. } => crid,
            Created::Pending => panic!("a user was requested for"),
        }
    }

    pub(crate) async fn try_create(&self, address: &str) -> Result<Written<Created>, WriteUserError> {
        self.writes.create.create(self.call(), request(address)).await
    }

    /// The registration with this id.
    pub(crate) async fn stored(&self, id: &CustomerRegistrationId) -> Option<Account> {
        let deadline = Instant::now() + Duration::from_mins(5);
        let cx = CallContext::new(Arc::clone(&self.tenant), deadline, Priority::Interactive);
        let found = self.store.find(&cx, &UserKey::Id(id.clone())).await.unwrap();
        found.into_iter().next()
    }

    /// The kinds of the events so far.
    pub(crate) fn events(&self) -> Vec<EventKind> {
        self.users.events().into_iter().map(|event| event.kind).collect()
    }

    /// The opened content of the last mail.
    pub(crate) fn last_mail(&self) -> serde_json::Value {
        let mails = self.users.mails();
        let mail = mails.last().unwrap();
        let id = TenantId::parse("north/daily/herald").unwrap();
        let json = FakeSealing.open(&id, Purpose::Mail, &mail.sealed).unwrap();
        serde_json::from_str(&json).unwrap()
    }
}

pub(crate) fn email(address: &str) -> Email {
    Email::parse(address).unwrap()
}

pub(crate) fn password(text: &str) -> PlainPassword {
    PlainPassword::parse(text).unwrap()
}

pub(crate) fn request(address: &str) -> CreateRequest {
    CreateRequest {
        email: email(address),
        password: Some(password("correct horse")),
        first_name: "Ann".into(),
        last_name: "Lee".into(),
        metadata: Metadata::new([("city".to_owned(), "Bergen".to_owned())]).unwrap(),
        crid: None,
        ignore_provider: false,
        return_url: None,
        verify_email: false,
    }
}
