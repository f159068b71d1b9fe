//! The connection loop: accepts, bounds, serves and drains connections; what is answered is somebody else's.

mod arrived;
mod body;
mod connection;
mod executor;
mod lifecycle;
mod overload;
mod raw_head;
mod rules;
mod seats;
mod socket;
mod unreadable;
mod watch;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::{rt::TokioTimer, server::conn::auto::Builder};
pub use lifecycle::{Lifecycle, Phase};
use masthead_api::{ApiResponse, ServerRefusal};
pub use raw_head::RawHead;
pub use seats::{Seat, Threads};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use crate::settings::HttpSettings;
use executor::Tracked;
use overload::Overload;

/// Answers requests. A panic inside is the implementor's to catch.
pub trait Respond: Send + Sync + 'static {
    /// The body of an answer.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers one request that this peer sent, always: with this refusal, where there is one.
    fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        refusal: Option<ServerRefusal>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The answer to an HTTP/1 head that the parser refuses, whose connection is closed.
    fn unreadable(&self, head: &RawHead<'_>, refusal: ServerRefusal) -> ApiResponse;

    /// The whole HTTP/1.1 answer, head and body, to a connection that is one too many.
    fn overloaded(&self) -> Vec<u8>;
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Tasks that were still open when the time to drain was over, and were cut.
    pub cut: usize,
}

/// Serves `listener` until the lifecycle says to drain, then drains: ends when every connection has.
///
/// A connection stays on the seat that it was given, the one with the fewest. There must be a seat.
pub async fn serve<R: Respond>(
    listener: TcpListener,
    http: Arc<HttpSettings>,
    seats: Vec<Seat<R>>,
    lifecycle: &Lifecycle,
) -> Drained {
    let tasks = TaskTracker::new();
    let accepting = Accepting {
        builder: Arc::new(builder(&http, &tasks)),
        room: Arc::new(Semaphore::new(http.max_connections)),
        overload: Overload::new(&seats.first().map(|seat| seat.respond.overloaded()).unwrap_or_default()),
        tasks: tasks.clone(),
        http: Arc::clone(&http),
        seats,
        lifecycle: lifecycle.clone(),
    };
    accepting.accept_until_drain(&listener).await;
    // What the kernel has accepted for us is accepted: closing the listener would reset it.
    while let Some(Ok((stream, peer))) = futures_util::FutureExt::now_or_never(listener.accept()) {
        accepting.take(stream, peer.ip());
    }
    drop(listener);
    drop(accepting);
    drain(&tasks, &http, lifecycle).await
}

async fn drain(tasks: &TaskTracker, http: &HttpSettings, lifecycle: &Lifecycle) -> Drained {
    tasks.close();
    let until = Instant::now() + http.drain_timeout;
    let grace = http.drain_idle.min(http.drain_timeout);
    if timeout(grace, tasks.wait()).await.is_ok() {
        return Drained { cut: 0 };
    }
    lifecycle.advance(Phase::Closing);
    if tokio::time::timeout_at(until, tasks.wait()).await.is_ok() {
        return Drained { cut: 0 };
    }
    let cut = tasks.len();
    lifecycle.advance(Phase::Cutting);
    // The tasks of HTTP/2 streams end with their connection, but a moment later.
    let _ = timeout(Duration::from_secs(1), tasks.wait()).await;
    Drained { cut }
}

fn builder(http: &HttpSettings, tasks: &TaskTracker) -> Builder<Tracked> {
    let mut builder = Builder::new(Tracked(tasks.clone()));
    let head = longest_head(http);
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch limits heads and idling apart; hyper's one timer would limit both alike.
        .header_read_timeout(None)
        .max_buf_size(head)
        // A client may end its side once its request is sent (RFC 9293 §3.6), and gets its answer. One that is gone is
        // noticed when that answer is written.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(http.max_concurrent_streams)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .max_send_buf_size(256 * 1024)
        .max_pending_accept_reset_streams(32)
        .keep_alive_interval(http.keep_alive.min(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// The longest head that the parser takes, in bytes. Twice what is allowed still reaches the rules; of what is longer, or has
/// more than hyper's 100 header lines, the parser's own refusal is replaced.
fn longest_head(http: &HttpSettings) -> usize {
    (2 * (http.max_uri_bytes + http.max_header_bytes)).max(64 * 1024)
}

/// What accepting a connection takes.
struct Accepting<R> {
    builder: Arc<Builder<Tracked>>,
    room: Arc<Semaphore>,
    overload: Overload,
    tasks: TaskTracker,
    http: Arc<HttpSettings>,
    seats: Vec<Seat<R>>,
    lifecycle: Lifecycle,
}

impl<R: Respond> Accepting<R> {
    async fn accept_until_drain(&self, listener: &TcpListener) {
        let mut phase = self.lifecycle.subscribe();
        let mut pause = SHORTEST_PAUSE;
        while *phase.borrow_and_update() == Phase::Running {
            let accepted = tokio::select! {
                biased;
                _ = phase.changed() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = SHORTEST_PAUSE;
                    self.take(stream, peer.ip());
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // No file descriptors or no memory: trying again at once would only burn the processor.
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept connections");
                    metrics::counter!("masthead_accept_errors_total").increment(1);
                    tokio::select! {
                        _ = phase.changed() => {}
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: IpAddr) {
        // Small answers must not wait for the client's acknowledgements.
        let _ = stream.set_nodelay(true);
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            self.overload.turn_away(stream, &self.tasks);
            return;
        };
        let Some(seat) = self.seats.iter().min_by_key(|seat| seat.open()) else {
            return;
        };
        let taken = seat.take();
        let (builder, respond) = (Arc::clone(&self.builder), Arc::clone(&seat.respond));
        let (http, phase) = (Arc::clone(&self.http), self.lifecycle.subscribe());
        // A socket is woken by the runtime that it is registered with: it changes from the accepting one to its seat's.
        let Ok(stream) = stream.into_std() else { return };
        let served = async move {
            metrics::gauge!("masthead_connections").increment(1);
            if let Ok(stream) = TcpStream::from_std(stream) {
                connection::serve(stream, peer, builder, respond, http, phase).await;
            }
            metrics::gauge!("masthead_connections").decrement(1);
            drop((room, taken));
        };
        self.tasks.spawn_on(served, seat.runtime());
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Errors that accept(2) hands on from a connection that is gone before we took it.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
