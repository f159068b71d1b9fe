//! A listening socket that can disappear in the three ways a server does, and return at the same address.

use std::future::pending;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How a simulated provider is out of reach. Open connections are reset when the outage begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outage {
    /// No process listens: a connection is refused at once.
    Refused,
    /// Connections are accepted and never answered: a black hole behind a load balancer.
    Silent,
    /// The TCP handshake is never answered, so that only a connect timeout ends the wait: a host that is gone.
    Unreachable,
}

/// Serves one connection until it ends.
pub(crate) trait ConnectionHandler: Send + Sync + 'static {
    fn serve(&self, stream: &mut TcpStream) -> impl Future<Output = Result<()>> + Send;
}

type SwitchCommand = (Option<Outage>, oneshot::Sender<Result<()>>);

/// A running listener; dropping it closes the socket and every connection.
#[derive(Debug)]
pub(crate) struct RunningListener {
    commands: mpsc::Sender<SwitchCommand>,
    task: tokio::task::JoinHandle<()>,
}

/// A bound address without a handler, so that its port is known before the handler is made.
#[derive(Debug)]
pub(crate) struct BoundListener {
    address: SocketAddr,
    reservation: TcpSocket,
    listener: TcpListener,
}

impl BoundListener {
    /// Binds a loopback address; port 0 is any free port, which stays reserved during an outage.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the sandbox listens on loopback addresses only",
            ));
        }
        // Bound and never listening: it keeps the port reserved during an outage.
        let reservation = bind_socket(address)?;
        let address = reservation.local_addr()?;
        let listener = bind_socket(address)?.listen(1024)?;
        Ok(Self {
            address,
            reservation,
            listener,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves every connection with this handler.
    pub(crate) fn run<H: ConnectionHandler>(self, handler: Arc<H>) -> RunningListener {
        let (commands, inbox) = mpsc::channel(8);
        let accept_loop = AcceptLoop {
            address: self.address,
            _reservation: self.reservation,
            handler,
        };
        let task = tokio::spawn(accept_loop.run(ListenerState::Open(self.listener), inbox));
        RunningListener { commands, task }
    }
}

impl RunningListener {
    /// A handle that starts and ends outages.
    pub(crate) fn switch(&self) -> OutageSwitch {
        OutageSwitch(self.commands.clone())
    }
}

impl Drop for RunningListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts and ends outages of a listener.
#[derive(Debug, Clone)]
pub(crate) struct OutageSwitch(mpsc::Sender<SwitchCommand>);

impl OutageSwitch {
    /// Starts or ends an outage; it is in effect when this returns.
    pub(crate) async fn set(&self, outage: Option<Outage>) -> Result<()> {
        let stopped = || Error::new(ErrorKind::NotConnected, "the sandbox has stopped");
        let (done, result) = oneshot::channel();
        self.0.send((outage, done)).await.map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }
}

fn bind_socket(address: SocketAddr) -> Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

enum ListenerState {
    Open(TcpListener),
    Silent {
        listener: TcpListener,
        held: Vec<TcpStream>,
    },
    /// A listener whose queue is full: the kernel drops every further handshake.
    Unreachable {
        _listener: TcpListener,
        _queue: Vec<TcpStream>,
    },
    Closed,
}

impl ListenerState {
    async fn accept(&mut self) -> TcpStream {
        loop {
            match self {
                Self::Open(listener) => match listener.accept().await {
                    Ok((stream, _)) => return stream,
                    // Probably out of descriptors: let some connections end first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                },
                Self::Silent { listener, held } => {
                    if let Ok((stream, _)) = listener.accept().await {
                        held.push(stream);
                    }
                }
                Self::Unreachable { .. } | Self::Closed => pending().await,
            }
        }
    }
}

struct AcceptLoop<H> {
    address: SocketAddr,
    _reservation: TcpSocket,
    handler: Arc<H>,
}

impl<H: ConnectionHandler> AcceptLoop<H> {
    async fn run(self, mut state: ListenerState, mut inbox: mpsc::Receiver<SwitchCommand>) {
        let mut connections = JoinSet::new();
        let (cut, _) = watch::channel(());
        loop {
            tokio::select! {
                command = inbox.recv() => {
                    let Some((outage, done)) = command else { return };
                    state = ListenerState::Closed;
                    if outage.is_some() {
                        cut.send_replace(());
                        while connections.join_next().await.is_some() {}
                    }
                    let next = self.next_state(outage).await;
                    let _ = done.send(next.map(|next| state = next));
                }
                stream = state.accept() => {
                    let (handler, cut) = (Arc::clone(&self.handler), cut.subscribe());
                    connections.spawn(serve_until_cut(handler, stream, cut));
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }

    async fn next_state(&self, outage: Option<Outage>) -> Result<ListenerState> {
        let listen = |backlog| bind_socket(self.address)?.listen(backlog);
        Ok(match outage {
            None => ListenerState::Open(listen(1024)?),
            Some(Outage::Refused) => ListenerState::Closed,
            Some(Outage::Silent) => ListenerState::Silent {
                listener: listen(1024)?,
                held: Vec::new(),
            },
            Some(Outage::Unreachable) => {
                let listener = listen(0)?;
                let mut queue = Vec::new();
                // The queue holds one connection more than its size; the first unanswered one proves that it is full.
                while let Ok(stream) = timeout(Duration::from_millis(50), TcpStream::connect(self.address)).await {
                    queue.push(stream?);
                }
                ListenerState::Unreachable {
                    _listener: listener,
                    _queue: queue,
                }
            }
        })
    }
}

async fn serve_until_cut<H: ConnectionHandler>(handler: Arc<H>, mut stream: TcpStream, mut cut: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let is_cut = tokio::select! {
        _ = cut.changed() => true,
        // The client or an injected fault ended the connection: not an error of the sandbox.
        _ = handler.serve(&mut stream) => false,
    };
    if is_cut {
        let _ = stream.set_zero_linger();
    }
}
