//! One connection, from its first byte to its last.

use std::{net::IpAddr, pin::pin, sync::Arc};

use http::{Request, Response, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto::Builder};
use masthead_api::ServerRefusal;
use tokio::{net::TcpStream, sync::watch, time};

use super::{
    Respond,
    body::Open,
    executor::Tracked,
    lifecycle::Phase,
    longest_head, rules,
    socket::Socket,
    watch::{Verdict, Watch},
};
use crate::settings::HttpSettings;

/// Serves the requests of one connection until either side ends it.
pub(super) async fn serve<R: Respond>(
    stream: TcpStream,
    peer: IpAddr,
    builder: Arc<Builder<Tracked>>,
    respond: Arc<R>,
    http: Arc<HttpSettings>,
    mut phase: watch::Receiver<Phase>,
) {
    let watch = Arc::new(Watch::new(longest_head(&http)));
    let socket = Socket::new(stream, Arc::clone(&watch), Arc::clone(&respond), http.max_uri_bytes);
    let io = TokioIo::new(socket);
    let (requests, limits) = (Arc::clone(&watch), Arc::clone(&http));
    let service = service_fn(move |request: Request<Incoming>| {
        let is_http2 = request.version() == Version::HTTP_2;
        let has_fragment = || requests.with_head(|head| head.has_fragment(request.method(), request.uri()));
        let refusal = if !is_http2 && requests.may_have_fragment() && has_fragment() {
            Some(ServerRefusal::BadRequest)
        } else {
            rules::refusal(&request, &limits)
        };
        // Counted before the answer is begun, and until its body is gone, however either ends.
        let open = OpenRequest::begin(&requests, is_http2);
        let answer = Arc::clone(&respond).respond(request, peer, refusal);
        async move {
            let answer: Response<R::Body> = answer.await;
            open.answered();
            Ok::<_, std::convert::Infallible>(answer.map(|body| Open::new(body, open)))
        }
    });
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut look = pin!(time::sleep(http.header_timeout));
    let mut asked_to_close = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    // A client that goes away or talks nonsense is its own affair; the count shows a trend.
                    tracing::debug!(error = &*error, "a connection ended early");
                    metrics::counter!("masthead_connections_ended_early_total").increment(1);
                }
                return;
            }
            () = look.as_mut() => {
                let after = match watch.verdict(&http) {
                    Verdict::Fine(after) => after,
                    Verdict::Idle if !asked_to_close => {
                        asked_to_close = true;
                        connection.as_mut().graceful_shutdown();
                        http.header_timeout
                    }
                    Verdict::Idle | Verdict::TooSlow => {
                        metrics::counter!("masthead_connections_cut_total", "why" => "too_slow").increment(1);
                        return;
                    }
                };
                look.as_mut().reset(time::Instant::now() + after);
            }
            changed = phase.changed() => {
                let phase = if changed.is_err() { Phase::Cutting } else { *phase.borrow_and_update() };
                match phase {
                    Phase::Running => {}
                    // Closing an idle HTTP/1.1 connection races with a request that is on its way: it is closed by the
                    // answer to its next one. HTTP/2 has a word for it (GOAWAY) that loses nothing.
                    Phase::Draining if !watch.is_http2() => {}
                    Phase::Draining | Phase::Closing => connection.as_mut().graceful_shutdown(),
                    Phase::Cutting => {
                        metrics::counter!("masthead_connections_cut_total", "why" => "drain_timeout").increment(1);
                        return;
                    }
                }
            }
        }
    }
}

/// Counts one open request of a connection.
pub(super) struct OpenRequest(Arc<Watch>);

impl OpenRequest {
    fn begin(watch: &Arc<Watch>, is_http2: bool) -> Self {
        watch.request_began(is_http2);
        Self(Arc::clone(watch))
    }

    fn answered(&self) {
        self.0.answered();
    }

    pub(super) fn answer_went_on(&self) {
        self.0.answer_went_on();
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}
