//! Tells the edge which route a request matched: outside the route table nobody knows.

use std::{
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use axum::{body::Body, extract::MatchedPath};
use http::Request;
use tower::{Layer, Service};

/// Where the route is noted as soon as it is known; a request carries it among its extensions, and its end reads it,
/// also when the handler panicked or its client left.
#[derive(Clone, Default)]
pub(crate) struct RouteSlot(Arc<OnceLock<MatchedPath>>);

impl RouteSlot {
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

/// Notes the matched route in the request's slot.
#[derive(Clone, Copy)]
pub(super) struct NoteRoute;

#[derive(Clone)]
pub(super) struct Noting<S>(S);

impl<S> Layer<S> for NoteRoute {
    type Service = Noting<S>;

    fn layer(&self, inner: S) -> Noting<S> {
        Noting(inner)
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Noting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let extensions = request.extensions();
        if let (Some(slot), Some(route)) = (extensions.get::<RouteSlot>(), extensions.get::<MatchedPath>()) {
            let _ = slot.0.set(route.clone());
        }
        self.0.call(request)
    }
}
