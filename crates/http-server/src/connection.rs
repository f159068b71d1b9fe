//! Serves one connection, from its first byte to its last.

use std::{net::IpAddr, pin::pin, sync::Arc};

use http::{Request, Response, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto::Builder};
use tokio::{sync::watch, time};

use crate::{
    executor::TrackedExecutor,
    handler::RequestHandler,
    lifecycle::Phase,
    open_request::{OpenRequest, TrackedBody},
    options::ServerOptions,
    rejection::Rejection,
    rules,
    socket::WatchedSocket,
    timers::{ConnectionTimers, TimeoutAction},
    transport::Transport,
    unsent::{ResponseRoom, UnsentBytes},
};

/// Serves the requests of one connection until either side ends it.
pub(crate) async fn serve<H: RequestHandler>(
    stream: Transport,
    peer: IpAddr,
    builder: Arc<Builder<TrackedExecutor>>,
    handler: Arc<H>,
    options: Arc<ServerOptions>,
    mut phase: watch::Receiver<Phase>,
    unsent: Arc<UnsentBytes>,
) {
    let timers = Arc::new(ConnectionTimers::new(options.max_head_bytes()));
    let socket = WatchedSocket::new(stream, Arc::clone(&timers), Arc::clone(&handler), options.max_uri_bytes);
    let io = TokioIo::new(socket);
    let (requests, limits) = (Arc::clone(&timers), Arc::clone(&options));
    let total = Arc::clone(unsent.total());
    let service = service_fn(move |request: Request<Incoming>| {
        let is_http2 = request.version() == Version::HTTP_2;
        let has_fragment = || requests.with_head(|head| head.has_fragment(request.method(), request.uri()));
        let rejection = if !is_http2 && requests.may_have_fragment() && has_fragment() {
            Some(Rejection::BadRequest)
        } else {
            rules::find_rejection(&request, &limits)
        };
        // Counted before the handler runs, and until the response body is dropped.
        let open = OpenRequest::begin(&requests, is_http2);
        let room = ResponseRoom::new(&unsent);
        let response = Arc::clone(&handler).handle(request, peer, rejection, room.clone());
        async move {
            let response: Response<H::Body> = response.await;
            open.set_answered();
            Ok::<_, std::convert::Infallible>(response.map(|body| TrackedBody::new(body, open, &room)))
        }
    });
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut check = pin!(time::sleep(options.header_timeout));
    let mut is_closing = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    // Clients that disconnect or send garbage are normal; the metric shows a trend.
                    tracing::debug!(error = &*error, "a connection ended early");
                    metrics::counter!("masthead_connections_ended_early_total").increment(1);
                }
                return;
            }
            () = check.as_mut() => {
                total.publish();
                let after = match timers.check(&options, total.write_timeout(options.write_timeout)) {
                    TimeoutAction::CheckAgain(after) => after,
                    TimeoutAction::CloseIdle if !is_closing => {
                        is_closing = true;
                        connection.as_mut().graceful_shutdown();
                        options.header_timeout
                    }
                    TimeoutAction::CloseIdle | TimeoutAction::Cut => {
                        metrics::counter!("masthead_connections_cut_total", "why" => "too_slow").increment(1);
                        return;
                    }
                };
                check.as_mut().reset(time::Instant::now() + after);
            }
            changed = phase.changed() => {
                let phase = if changed.is_err() { Phase::Cutting } else { *phase.borrow_and_update() };
                match phase {
                    Phase::Running | Phase::Leaving => {}
                    // Closing an idle HTTP/1.1 connection races with a request on its way: its next response closes it
                    // instead. HTTP/2 has a message for it (GOAWAY), which loses nothing.
                    Phase::Draining if !timers.is_http2() => {}
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
