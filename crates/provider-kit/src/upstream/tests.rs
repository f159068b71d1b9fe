//! Whole calls against a scripted server: retries, restraint and alarms.

use std::sync::atomic::AtomicU64;

use http::StatusCode;

use super::*;
use crate::{
    client_credentials::ClientCredentialsOptions,
    secrets::Secret,
    test_support::{NOW, clock, cx, tenant},
    testing::{PATIENCE, RecordedRequest, ScriptedServer, client, json, later},
};

mod alarms;
mod restraint;
mod tries;

fn options() -> UpstreamOptions {
    UpstreamOptions {
        provider: "Fake",
        budget: BudgetOptions {
            burst: 1000,
            per_second: 1000.0,
        },
        breaker: BreakerOptions {
            window: Duration::from_secs(10),
            min_calls: 6,
            failure_ratio: 0.5,
            open_for: Duration::from_mins(5),
        },
        attempts: 3,
        backoff: Duration::from_millis(4),
    }
}

fn upstream_of(options: UpstreamOptions, credentials: Option<ClientCredentials>) -> Upstream {
    Upstream::new(options, &tenant().id, client(), clock(), credentials)
}

fn with_token(server: &ScriptedServer) -> Upstream {
    let credentials = ClientCredentialsOptions {
        token_url: server.uri("/token").parse().unwrap(),
        client_id: "id".into(),
        client_secret: Secret::new(*b"secret"),
        audience: None,
    };
    upstream_of(options(), Some(ClientCredentials::new(credentials, client(), clock())))
}

fn is_token(seen: &RecordedRequest) -> bool {
    seen.head.starts_with("post /token")
}

/// The requests except those for tokens.
fn calls(server: &ScriptedServer) -> usize {
    server.seen().iter().filter(|seen| !is_token(seen)).count()
}

async fn call_once(upstream: &Upstream, server: &ScriptedServer, effect: Effect) -> Result<u32, SourceError> {
    call_within(PATIENCE, upstream, server, effect).await
}

async fn call_within(
    patience: Duration,
    upstream: &Upstream,
    server: &ScriptedServer,
    effect: Effect,
) -> Result<u32, SourceError> {
    let call = match effect {
        Effect::Read => ProviderCall::read("x", &cx(patience)),
        Effect::Write => ProviderCall::write("x", &cx(patience)),
    };
    send_call(call, upstream, server).await
}

async fn send_call(call: ProviderCall, upstream: &Upstream, server: &ScriptedServer) -> Result<u32, SourceError> {
    let request = Request::get(server.uri("/x")).body(Bytes::new()).unwrap();
    upstream
        .call(call, &request, |reply| match reply.status {
            StatusCode::OK => Ok(reply.json()?),
            StatusCode::NOT_FOUND => Ok(0),
            StatusCode::GONE => Err(ReplyError::For(SourceErrorKind::TooBroad)),
            _ => Err(ReplyError::ByStatus),
        })
        .await
}
