//! A minimal adapter as a test: it consists of wire types, mapping and requests.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
    tenant::Tenant, user_key::UserKey,
};
use masthead_ports::source::{AccountPage, CallContext, SourceError, SourceErrorKind, SourceName, UserSource};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::{
    BreakerOptions, BudgetOptions, CacheOptions, CachedSource, HttpClient, HttpReply, ProviderCall, ReplyError,
    Upstream, UpstreamOptions,
    per_tenant::PerTenant,
    test_support::{clock, cx},
    testing::{ScriptedServer, client, json},
};

/// Longer than any stall of a busy machine, and shorter than it takes to earn another call.
const DEADLINE: Duration = Duration::from_secs(30);

struct ExampleProvider {
    base: String,
    client: HttpClient,
    upstreams: PerTenant<Upstream>,
}

#[derive(Deserialize)]
struct WireUser {
    user_id: String,
}

impl WireUser {
    fn into_account(self) -> Result<Account, ReplyError> {
        let crid =
            CustomerRegistrationId::parse(&self.user_id).map_err(|_| ReplyError::For(SourceErrorKind::Corrupt))?;
        Ok(Account::new(crid))
    }
}

impl ExampleProvider {
    fn upstream(&self, tenant: &Tenant) -> Result<Arc<Upstream>, SourceError> {
        let options = UpstreamOptions {
            provider: self.name(),
            budget: BudgetOptions {
                burst: 4,
                per_second: 1.0 / 60.0,
            },
            breaker: BreakerOptions::default(),
            attempts: 3,
            backoff: Duration::from_millis(50),
        };
        self.upstreams.get_or_make(tenant, |tenant| {
            Ok(Upstream::new(options, &tenant.id, self.client.clone(), clock(), None))
        })
    }

    async fn get<T>(
        &self,
        call: ProviderCall,
        cx: &CallContext,
        path: &str,
        read: impl Fn(&HttpReply) -> Result<T, ReplyError> + Send + Sync,
    ) -> Result<T, SourceError> {
        let request = Request::get(format!("{}{path}", self.base))
            .body(Bytes::new())
            .map_err(|error| SourceError::with_cause(call.operation, SourceErrorKind::Misconfigured, error))?;
        self.upstream(&cx.tenant)?.call(call, &request, read).await
    }
}

impl ExampleProvider {
    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        let path = format!("/users/{}", utf8_percent_encode(id.as_str(), NON_ALPHANUMERIC));
        self.get(ProviderCall::read("by_id", cx), cx, &path, |reply| {
            match reply.status.as_u16() {
                200 => reply.json::<WireUser>()?.into_account().map(Some),
                404 => Ok(None),
                _ => Err(ReplyError::ByStatus),
            }
        })
        .await
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        let path = format!(
            "/users-by-email?email={}",
            utf8_percent_encode(email.as_str(), NON_ALPHANUMERIC)
        );
        self.get(ProviderCall::read("by_email", cx), cx, &path, |reply| {
            match reply.status.as_u16() {
                200 => reply
                    .json::<Vec<WireUser>>()?
                    .into_iter()
                    .map(WireUser::into_account)
                    .collect(),
                _ => Err(ReplyError::ByStatus),
            }
        })
        .await
    }
}

#[async_trait]
impl UserSource for ExampleProvider {
    fn name(&self) -> SourceName {
        "Example"
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        match key {
            UserKey::Id(id) => self.by_id(cx, id).await.map(Vec::from_iter),
            UserKey::Email(email) => self.by_email(cx, email).await,
        }
    }

    async fn search(&self, _: &CallContext, _: &UserQuery) -> Result<AccountPage, SourceError> {
        Err(SourceError::new("search", SourceErrorKind::Refused))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identical_lookups_share_a_request_and_budget_limits_others() {
    let server = ScriptedServer::start(|_, seen| match seen.head.split(' ').nth(1) {
        Some("/users/auth0%7c1") => json(200, "", r#"{"user_id":"auth0|1"}"#),
        Some("/users/absent") => json(404, "", "{}"),
        Some(path) if path.starts_with("/users-by-email?") => json(200, "", "[]"),
        _ => json(200, "", r#"{"user_id":"another"}"#),
    })
    .await;
    let provider = ExampleProvider {
        base: server.uri(""),
        client: client(),
        upstreams: PerTenant::new(),
    };
    let source: Arc<dyn UserSource> = Arc::new(CachedSource::new(provider, CacheOptions::default(), clock()));
    let look_up = |id: String| {
        let source = Arc::clone(&source);
        tokio::spawn(async move {
            source
                .find(&cx(DEADLINE), &CustomerRegistrationId::parse(&id).unwrap().into())
                .await
        })
    };

    let same: Vec<_> = (0..500).map(|_| look_up("auth0|1".to_owned())).collect();
    for caller in same {
        assert_eq!(caller.await.unwrap().unwrap().len(), 1);
    }
    assert_eq!(server.seen().len(), 1);
    assert_eq!(look_up("absent".to_owned()).await.unwrap().unwrap(), []);
    let absent = source
        .find(&cx(DEADLINE), &EmailKey::from_text("a+b@c.example").into())
        .await;
    assert_eq!(absent.unwrap(), []);

    // One call is left and the next is possible after the deadline: the other calls fail, and fresh answers are returned.
    let different: Vec<_> = (0..200).map(|n| look_up(format!("user {n}"))).collect();
    assert!(look_up("auth0|1".to_owned()).await.unwrap().unwrap().len() == 1);
    assert_eq!(look_up("absent".to_owned()).await.unwrap().unwrap(), []);
    let mut limited = 0;
    for caller in different {
        match caller.await.unwrap() {
            Ok(found) => assert_eq!(found.len(), 1),
            Err(error) => {
                assert!(
                    matches!(error.kind, SourceErrorKind::RateLimited { retry_after: Some(_) }),
                    "{error:?}"
                );
                limited += 1;
            }
        }
    }
    assert_eq!(limited, 199);
    assert_eq!(server.seen().len(), 4);
}
