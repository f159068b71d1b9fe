//! The API over fakes, with the users of the contract's table.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, Request, request};
use http_body_util::BodyExt;
use masthead_api::{Api, ApiLimits, ApiState, ExportState, ReadScopeGrants, RequestBody, RequestContext};
use masthead_domain::{
    access::{Scope, TokenIdentity},
    caller_address::AuditAddress,
    customer_registration_id::CustomerRegistrationId,
    tenant::PoolId,
};
use masthead_orchestrator::{
    ExportLimits, PersonDependencies, PersonReports, UseCases,
    writes::{UserWrites, WriteDependencies},
};
use masthead_ports::{
    sealing::Sealing,
    source::SourceErrorKind,
    tokens::{TokenError, UserTokenError},
};
use masthead_testkit::{
    account_writer::{FakeAccountWriter, FakeProviderWriters},
    audit::{FakeAuditLog, audit_policy},
    clock::StoppedClock,
    contract_cases::{
        self, CaseAnswer, CaseEnvironment, CaseToken, ContractCase, Expectation, fixture as contract_world,
    },
    events::RecordingEvents,
    exports::FakeExports,
    hashing::FakeKeyedHasher,
    mirror::FakeMirror,
    person::FakePersonRecords,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    rate_limits::FakeRateLimits,
    registrations::RecordingRegistrationWriter,
    sealing::FakeSealing,
    secrets::{CountingSecrets, FakePasswordHasher},
    store::FakeStore,
    tenants::{FakeTenants, tenant},
    tokens::{FakeTokens, FakeUserTokens, grant},
    users::InMemoryUsers,
    workspaces::{FakeWorkspaces, workspace},
};

/// A tenant without provider whose users are written; its pool.
pub(crate) const TRIBUNE: (&str, PoolId) = ("north/daily/tribune", PoolId(11));
/// A tenant with a provider whose users are written.
pub(crate) const MAIL: (&str, PoolId) = ("south/post/mail", PoolId(12));
/// The address that links may lead to.
pub(crate) const RETURN_URL: &str = "https://herald.example/account";

/// The API and the fakes behind it.
pub(crate) struct ApiFixture {
    pub(crate) api: Api,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) tenants: Arc<FakeTenants>,
    pub(crate) events: Arc<RecordingEvents>,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) users: Arc<InMemoryUsers>,
    pub(crate) writer: Arc<FakeAccountWriter>,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) rate_limits: Arc<FakeRateLimits>,
    pub(crate) exports: Arc<FakeExports>,
}

impl ApiFixture {
    pub(crate) fn new() -> Self {
        Self::with_limits(ApiLimits::default())
    }

    pub(crate) fn with_limits(limits: ApiLimits) -> Self {
        Self::with(limits, true, ReadScopeGrants::default())
    }

    pub(crate) fn without_mail() -> Self {
        Self::with(ApiLimits::default(), false, ReadScopeGrants::default())
    }

    pub(crate) fn with_read_scopes(read_scopes: ReadScopeGrants) -> Self {
        Self::with(ApiLimits::default(), true, read_scopes)
    }

    fn with(limits: ApiLimits, sends_mail: bool, read_scopes: ReadScopeGrants) -> Self {
        let store = Arc::new(FakeStore::default());
        let mut tenants = Vec::new();
        for (pool, (id, settings)) in (1..).zip(contract_world::tenants()) {
            tenants.push(tenant(id, pool, settings));
            let numbered = (1..).zip(contract_world::accounts(id));
            store.put(
                PoolId(pool),
                numbered.map(|(number, account)| masthead_domain::account::Account {
                    registration_id: Some(number),
                    ..account
                }),
            );
        }
        let return_urls = ("Users.ReturnUrls", RETURN_URL);
        tenants.push(tenant(TRIBUNE.0, TRIBUNE.1.0, &[return_urls]));
        tenants.push(tenant(MAIL.0, MAIL.1.0, &[return_urls, ("Flow.UserProvider", "Auth0")]));
        let tenants = Arc::new(FakeTenants::new(tenants));
        let events = Arc::new(RecordingEvents::default());
        let granted = ["north/*/*", "south/*/*"];
        let tokens = FakeTokens::new()
            .granting("reader", grant(&[Scope::UsersRead], &granted))
            .granting("searcher", grant(&[Scope::UsersSearch], &granted))
            .granting("lister", grant(&[Scope::UsersList], &granted))
            .granting(
                "all-reads",
                grant(&[Scope::UsersRead, Scope::UsersSearch, Scope::UsersList], &granted),
            )
            .granting("writer", grant(&[Scope::UsersWrite], &granted))
            .granting("login", grant(&[Scope::UsersAuthenticate], &granted))
            .granting("tickets", grant(&[Scope::UsersWrite, Scope::UsersTickets], &granted))
            .granting("eraser", grant(&[Scope::UsersWrite, Scope::UsersErase], &granted))
            .granting("reporter", grant(&[Scope::UsersReport], &granted))
            .granting("auditor", grant(&[Scope::AuditRead], &granted))
            .granting_to(
                "bound",
                TokenIdentity {
                    subject: Some("bound".into()),
                    source_systems: Some(["CRM".into()].into()),
                    ..TokenIdentity::default()
                },
                grant(&[Scope::UsersRead], &granted),
            )
            .granting("admin", grant(&[Scope::Admin, Scope::UsersExport], &granted))
            .granting("other", grant(&[Scope::UsersRead], &["east/*/*"]))
            .refusing("expired", TokenError::Expired)
            .refusing("no-keys", TokenError::KeysUnavailable)
            .refusing("no-rules", TokenError::RulesUnavailable);
        let provider = Arc::new(FakeProvider::new(
            "Auth0",
            ProviderMode::Failing(SourceErrorKind::Unavailable),
        ));
        let clock = Arc::new(StoppedClock::default());
        let users = Arc::new(InMemoryUsers::new(store.clone()));
        let writer = Arc::new(FakeAccountWriter::new(clock.clone()));
        let ports = WriteDependencies {
            store: store.clone(),
            users: users.clone(),
            remote_records: users.clone(),
            writers: Arc::new(FakeProviderWriters {
                provider: writer.clone(),
                remote: writer.clone(),
            }),
            intents: users.clone(),
            idempotency: users.clone(),
            attempts: users.clone(),
            erasures: users.clone(),
            passwords: Arc::new(FakePasswordHasher),
            sealing: Arc::new(FakeSealing),
            hasher: Arc::new(FakeKeyedHasher(vec![2, 1])),
            secrets: Arc::new(CountingSecrets::default()),
            clock: clock.clone(),
            audit_address: AuditAddress::Network,
            sends_mail,
        };
        let exports = Arc::new(FakeExports::of(store.clone(), 100));
        let use_cases = UseCases::new(
            masthead_orchestrator::Dependencies {
                store: store.clone(),
                bulk: store.clone(),
                exports: exports.clone(),
                export_limits: ExportLimits::default(),
                registrations: Arc::new(RecordingRegistrationWriter::default()),
                providers: Arc::new(FakeProviders(Some(provider.clone()))),
                mirror: Arc::new(FakeMirror::over(store.clone())),
                events: events.clone(),
                audit_log: Arc::new(FakeAuditLog::default()),
                audit: audit_policy(),
                clock: clock.clone(),
            },
            contract_world::MAX_DEPTH,
        );
        let rate_limits = Arc::new(FakeRateLimits::default());
        let api = Api::new(ApiState {
            exports: Arc::new(ExportState::new(
                use_cases.export_users.clone(),
                Arc::new(FakeWorkspaces::new([
                    workspace("herald", contract_world::HERALD, "key"),
                    workspace("courier", contract_world::COURIER, "key"),
                ])),
            )),
            use_cases,
            reports: Some(PersonReports::new(PersonDependencies {
                records: Arc::new(FakePersonRecords(store.clone())),
                erasures: users.clone(),
                users: users.clone(),
                store: store.clone(),
                providers: Arc::new(FakeProviders(Some(provider.clone()))),
                sealing: Arc::new(FakeSealing),
                passwords: Arc::new(FakePasswordHasher),
                hasher: Arc::new(FakeKeyedHasher(vec![2, 1])),
                clock: clock.clone(),
                audit_address: AuditAddress::Network,
                remembered: Duration::from_hours(1),
            })),
            writes: UserWrites::new(ports, tenants.clone()),
            user_tokens: Some(Arc::new(user_tokens())),
            tenants: tenants.clone(),
            tokens: Arc::new(tokens),
            rate_limits: rate_limits.clone(),
            read_scopes,
            sealing: Arc::new(FakeSealing),
            limits,
        });
        Self {
            api,
            store,
            tenants,
            events,
            provider,
            users,
            writer,
            clock,
            rate_limits,
            exports,
        }
    }

    /// Sends a request of the contract's table.
    pub(crate) async fn send_case(&self, case: &ContractCase) -> CaseAnswer {
        let prepared = case.request(self);
        let mut request = Request::builder()
            .method(prepared.method.parse::<Method>().unwrap())
            .uri(&prepared.target);
        for (name, value) in &prepared.headers {
            request = request.header(*name, value);
        }
        self.send(request.body(prepared.body).unwrap()).await
    }

    /// Adds the headers of a valid search or read.
    pub(crate) fn with_good_headers(&self, mut request: request::Builder) -> request::Builder {
        for (name, value) in ContractCase::search("", Expectation::Status(200)).request(self).headers {
            request = request.header(name, value);
        }
        request
    }

    /// As [`Self::with_good_headers`], with this token.
    pub(crate) fn with_headers_of(&self, token: &str, mut request: request::Builder) -> request::Builder {
        for (name, value) in ContractCase::get("/", Expectation::Status(200)).request(self).headers {
            let is_token = name.eq_ignore_ascii_case("authorization");
            request = request.header(name, if is_token { format!("bearer {token}") } else { value });
        }
        request
    }

    /// Gets this path of the first tenant with this token.
    pub(crate) async fn get_as(&self, token: &str, target: &str) -> CaseAnswer {
        let request = self.with_headers_of(token, Request::get(target));
        self.send(request.body(String::new()).unwrap()).await
    }

    /// Sends any request.
    pub(crate) async fn send<B: RequestBody>(&self, request: Request<B>) -> CaseAnswer {
        read(answer(&self.api, None, request).await).await
    }

    /// Gets this path as a reader of the first tenant.
    pub(crate) async fn get(&self, target: &str) -> CaseAnswer {
        self.send_case(&ContractCase::get(target, Expectation::Status(200)))
            .await
    }

    /// Exports by a body, as the workspace of this name.
    pub(crate) async fn export(&self, workspace: &str, body: &serde_json::Value) -> CaseAnswer {
        let credentials = BASE64_STANDARD.encode(format!("{workspace}:key"));
        let request = Request::post(format!("/v1/customers/export?app_id={workspace}"))
            .header("authorization", format!("Basic {credentials}"))
            .header("content-type", "application/json")
            .body(body.to_string());
        self.send(request.unwrap()).await
    }

    /// Sends cases and checks their answers.
    pub(crate) async fn check(&self, cases: Vec<ContractCase>) {
        assert!(!cases.is_empty());
        let mut differences = Vec::new();
        for case in cases {
            let answer = self.send_case(&case).await;
            differences.extend(case.check(self, &answer).err());
        }
        assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    }
}

impl CaseEnvironment for ApiFixture {
    fn sealing(&self) -> &dyn Sealing {
        &FakeSealing
    }

    fn token(&self, kind: contract_cases::CaseToken) -> String {
        match kind {
            CaseToken::Reader => "reader",
            CaseToken::WriterOnly => "writer",
            CaseToken::OtherTenant => "other",
            CaseToken::Expired => "expired",
            CaseToken::Forged => "forged",
        }
        .to_owned()
    }
}

/// Tokens of users of [`TRIBUNE`].
fn user_tokens() -> FakeUserTokens {
    let user = |id: &str| Ok(CustomerRegistrationId::parse(id).unwrap());
    FakeUserTokens::default()
        .knowing(TRIBUNE.0, EXAMPLE_TOKEN, user("2937"))
        .knowing(TRIBUNE.0, "of-nobody", user("nobody"))
        .knowing(TRIBUNE.0, "expired", Err(TokenError::Expired.into()))
        .knowing(TRIBUNE.0, "no-keys", Err(TokenError::KeysUnavailable.into()))
        .knowing(
            TRIBUNE.0,
            "no-issuer",
            Err(UserTokenError::MissingSetting("Token.Issuer")),
        )
}

/// The token of the examples, of the user 2937.
pub(crate) const EXAMPLE_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";

/// Answers a request by the route of its path.
pub(crate) async fn answer<B: RequestBody>(
    api: &Api,
    context: Option<RequestContext>,
    request: Request<B>,
) -> masthead_api::ApiResponse {
    let (head, body) = request.into_parts();
    api.answer(api.route(head.uri.path()), context, &head, body).await
}

/// Reads a response, and checks what every response has.
pub(crate) async fn read(response: masthead_api::ApiResponse) -> CaseAnswer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name| parts.headers.get(name).map(|value| value.to_str().unwrap());
    // RFC 9110 §15.4.5: it is the length of what a 200 would have.
    if parts.status != http::StatusCode::NOT_MODIFIED {
        assert_eq!(header("content-length"), Some(&*body.len().to_string()));
    }
    if header("content-type") == Some("application/json; charset=utf-8") {
        assert!(header("x-requestid").is_some_and(|id| !id.is_empty()));
    }
    CaseAnswer {
        status: parts.status.as_u16(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// A header of an answer.
pub(crate) fn header<'a>(answer: &'a CaseAnswer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| &**value)
}
