//! Whole calls against a scripted server: what is tried again, what is not, and who is told what.

use http::StatusCode;

use super::*;
use crate::{
    client_credentials::ClientCredentialsOptions,
    secret::Secret,
    testing::{NOW, PATIENCE, Seen, Server, StoppedClock, client, cx, json, later, tenant},
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
    Upstream::new(options, &tenant().id, client(), Arc::new(StoppedClock), credentials)
}

fn with_token(server: &Server) -> Upstream {
    let credentials = ClientCredentialsOptions {
        token_url: server.uri("/token").parse().unwrap(),
        client_id: "id".into(),
        client_secret: Secret::new(*b"secret"),
        audience: None,
    };
    upstream_of(
        options(),
        Some(ClientCredentials::new(credentials, client(), Arc::new(StoppedClock))),
    )
}

fn is_token(seen: &Seen) -> bool {
    seen.head.starts_with("post /token")
}

/// The requests that were no token's.
fn calls(server: &Server) -> usize {
    server.seen().iter().filter(|seen| !is_token(seen)).count()
}

async fn ask(upstream: &Upstream, server: &Server, effect: Effect) -> Result<u32, SourceError> {
    ask_within(PATIENCE, upstream, server, effect).await
}

async fn ask_within(
    patience: Duration,
    upstream: &Upstream,
    server: &Server,
    effect: Effect,
) -> Result<u32, SourceError> {
    let call = match effect {
        Effect::Read => Call::read("x", &cx(patience)),
        Effect::Write => Call::write("x", &cx(patience)),
    };
    ask_so(call, upstream, server).await
}

async fn ask_so(call: Call, upstream: &Upstream, server: &Server) -> Result<u32, SourceError> {
    let request = Request::get(server.uri("/x")).body(Bytes::new()).unwrap();
    upstream
        .call(call, &request, |reply| match reply.status {
            StatusCode::OK => Ok(reply.json()?),
            StatusCode::NOT_FOUND => Ok(0),
            StatusCode::GONE => Err(Refusal::For(SourceErrorKind::TooBroad)),
            _ => Err(Refusal::ByStatus),
        })
        .await
}
