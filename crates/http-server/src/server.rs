//! The server: accepts connections, assigns them to workers, and drains them.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use hyper_util::{rt::TokioTimer, server::conn::auto::Builder};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    connection,
    connections_by_address::ConnectionsByAddress,
    executor::TrackedExecutor,
    handler::RequestHandler,
    lifecycle::{Lifecycle, Phase},
    listener::Listener,
    options::ServerOptions,
    overload::OverloadResponder,
    tls::ServerTls,
    transport::Transport,
    unsent::{UnsentBytes, UnsentTotal},
    workers::WorkerHandle,
};

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainOutcome {
    /// Tasks that were still open when the drain timeout was over, and were cut.
    pub cut: usize,
}

/// Serves `listener` until the lifecycle drains; returns when every connection has ended.
///
/// A connection is assigned to the worker with the fewest connections and stays there. There must be a worker.
pub async fn serve<H: RequestHandler>(
    listener: impl Into<Listener>,
    options: Arc<ServerOptions>,
    workers: Vec<WorkerHandle<H>>,
    lifecycle: &Lifecycle,
) -> DrainOutcome {
    let Listener { socket: listener, tls } = listener.into();
    let tasks = TaskTracker::new();
    let acceptor = Acceptor {
        builder: Arc::new(connection_builder(&options, &tasks)),
        room: Arc::new(Semaphore::new(options.max_connections)),
        by_address: ConnectionsByAddress::default(),
        overload: OverloadResponder::new(workers.first().map(|worker| Arc::clone(&worker.handler))),
        unsent: Arc::new(UnsentTotal::new(options.max_unsent_bytes)),
        tasks: tasks.clone(),
        options: Arc::clone(&options),
        workers,
        lifecycle: lifecycle.clone(),
        tls,
    };
    acceptor.accept_until_drain(&listener).await;
    // Connections that the kernel has accepted already are served: closing the listener would reset them.
    while let Some(Ok((stream, peer))) = futures_util::FutureExt::now_or_never(listener.accept()) {
        acceptor.assign(stream, peer.ip());
    }
    drop(listener);
    drop(acceptor);
    drain(&tasks, &options, lifecycle).await
}

async fn drain(tasks: &TaskTracker, options: &ServerOptions, lifecycle: &Lifecycle) -> DrainOutcome {
    tasks.close();
    let until = Instant::now() + options.drain_timeout;
    let grace = options.drain_idle.min(options.drain_timeout);
    if timeout(grace, tasks.wait()).await.is_ok() {
        return DrainOutcome { cut: 0 };
    }
    lifecycle.advance(Phase::Closing);
    if tokio::time::timeout_at(until, tasks.wait()).await.is_ok() {
        return DrainOutcome { cut: 0 };
    }
    let cut = tasks.len();
    lifecycle.advance(Phase::Cutting);
    // The tasks of HTTP/2 streams end with their connection, but a moment later.
    let _ = timeout(Duration::from_secs(1), tasks.wait()).await;
    DrainOutcome { cut }
}

fn connection_builder(options: &ServerOptions, tasks: &TaskTracker) -> Builder<TrackedExecutor> {
    let mut builder = Builder::new(TrackedExecutor(tasks.clone()));
    let head = options.max_head_bytes();
    builder
        .http1()
        .timer(TokioTimer::new())
        // `ConnectionTimers` limit heads and idle time separately; hyper's one timer would limit both alike.
        .header_read_timeout(None)
        .max_buf_size(head)
        // A client may close its side after its request (RFC 9293 §3.6) and still gets its response. A client that is gone is
        // detected when the response is written.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .max_send_buf_size(256 * 1024)
        .max_pending_accept_reset_streams(32)
        .keep_alive_interval(options.keep_alive.min(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Accepts connections and assigns them.
struct Acceptor<H> {
    builder: Arc<Builder<TrackedExecutor>>,
    room: Arc<Semaphore>,
    by_address: ConnectionsByAddress,
    overload: OverloadResponder<H>,
    unsent: Arc<UnsentTotal>,
    tasks: TaskTracker,
    options: Arc<ServerOptions>,
    workers: Vec<WorkerHandle<H>>,
    lifecycle: Lifecycle,
    tls: Option<Arc<ServerTls>>,
}

impl<H: RequestHandler> Acceptor<H> {
    async fn accept_until_drain(&self, listener: &TcpListener) {
        let mut phase = self.lifecycle.subscribe();
        let mut pause = SHORTEST_PAUSE;
        while *phase.borrow_and_update() < Phase::Draining {
            let accepted = tokio::select! {
                biased;
                _ = phase.changed() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = SHORTEST_PAUSE;
                    self.assign(stream, peer.ip());
                }
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    // No file descriptors or no memory: an immediate retry would only use the processor.
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

    fn assign(&self, stream: TcpStream, peer: IpAddr) {
        // Small responses must not wait for the client's acknowledgements.
        let _ = stream.set_nodelay(true);
        let Some(worker) = self.workers.iter().min_by_key(|worker| worker.open_connections()) else {
            return;
        };
        let of_address = if worker.handler.is_trusted_peer(peer) {
            None
        } else if let Some(counted) = self
            .by_address
            .try_count(peer, self.options.max_connections_per_address)
        {
            Some(counted)
        } else {
            self.overload
                .respond(stream, self.tls.is_none(), &self.tasks, "address");
            return;
        };
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            // Over TLS only a handshake could carry the response, which costs more than what is refused.
            self.overload.respond(stream, self.tls.is_none(), &self.tasks, "all");
            return;
        };
        let guard = worker.count_connection();
        let (builder, handler) = (Arc::clone(&self.builder), Arc::clone(&worker.handler));
        let (options, phase) = (Arc::clone(&self.options), self.lifecycle.subscribe());
        let total = Arc::clone(&self.unsent);
        let unsent = UnsentBytes::new(options.max_unsent_bytes_per_connection, Arc::clone(&total));
        let tls = self.tls.clone();
        // A socket is woken by the runtime that it is registered with: it moves from the accepting one to the worker's.
        let Ok(stream) = stream.into_std() else { return };
        let served = async move {
            metrics::gauge!("masthead_connections").increment(1);
            if let Ok(stream) = TcpStream::from_std(stream)
                && let Some(stream) = Transport::open(stream, tls, phase.clone()).await
            {
                connection::serve(stream, peer, builder, handler, options, phase, unsent).await;
            }
            total.publish();
            metrics::gauge!("masthead_connections").decrement(1);
            drop((room, guard, of_address));
        };
        self.tasks.spawn_on(served, worker.runtime());
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whether accept(2) reports an error of one connection, which the client closed before it was accepted.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
