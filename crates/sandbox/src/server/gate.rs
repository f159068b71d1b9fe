//! The listening socket, which can be shut in the three ways a server disappears, and opened again at the same address.

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

/// How a whole stand-in is out of reach. Connections that exist are reset at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outage {
    /// Nobody listens: a connection is refused at once. What a stopped process looks like.
    Refused,
    /// Connections are taken and never answered: a black hole behind a load balancer.
    Silent,
    /// The handshake itself is never answered, so that only a connect time-out ends the wait: a host that is gone.
    Unreachable,
}

/// Serves one connection until it is done.
pub(crate) trait Desk: Send + Sync + 'static {
    fn serve(&self, stream: &mut TcpStream) -> impl Future<Output = Result<()>> + Send;
}

type Order = (Option<Outage>, oneshot::Sender<Result<()>>);

/// The handle of a listening socket; dropping it ends the listening and every connection.
#[derive(Debug)]
pub(crate) struct Gate {
    orders: mpsc::Sender<Order>,
    task: tokio::task::JoinHandle<()>,
}

/// An address that is taken and not served yet, so that its port is known before the desk is made.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    reservation: TcpSocket,
    listener: TcpListener,
}

impl Site {
    /// Takes a loopback address; port 0 takes any free one, which then stays ours during an outage.
    pub(crate) fn take(address: SocketAddr) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the sandbox listens on loopback addresses only",
            ));
        }
        // Bound and never listening: it keeps the port from being given away while nobody listens.
        let reservation = bound(address)?;
        let address = reservation.local_addr()?;
        let listener = bound(address)?.listen(1024)?;
        Ok(Self {
            address,
            reservation,
            listener,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves every connection at this desk.
    pub(crate) fn open<D: Desk>(self, desk: Arc<D>) -> Gate {
        let (orders, inbox) = mpsc::channel(8);
        let keeper = Keeper {
            address: self.address,
            _reservation: self.reservation,
            desk,
        };
        let task = tokio::spawn(keeper.keep(Door::Open(self.listener), inbox));
        Gate { orders, task }
    }
}

impl Gate {
    /// A handle by which others may turn this gate.
    pub(crate) fn lever(&self) -> Lever {
        Lever(self.orders.clone())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Shuts and opens a gate.
#[derive(Debug, Clone)]
pub(crate) struct Lever(mpsc::Sender<Order>);

impl Lever {
    /// Shuts the gate in this way, or opens it; when this returns, it is so.
    pub(crate) async fn turn(&self, outage: Option<Outage>) -> Result<()> {
        let gone = || Error::new(ErrorKind::NotConnected, "the sandbox has ended");
        let (done, answer) = oneshot::channel();
        self.0.send((outage, done)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn bound(address: SocketAddr) -> Result<TcpSocket> {
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

enum Door {
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
    Shut,
}

impl Door {
    async fn next(&mut self) -> TcpStream {
        loop {
            match self {
                Self::Open(listener) => match listener.accept().await {
                    Ok((stream, _)) => return stream,
                    // Out of descriptors, most likely: let some connections end first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                },
                Self::Silent { listener, held } => {
                    if let Ok((stream, _)) = listener.accept().await {
                        held.push(stream);
                    }
                }
                Self::Unreachable { .. } | Self::Shut => pending().await,
            }
        }
    }
}

struct Keeper<D> {
    address: SocketAddr,
    _reservation: TcpSocket,
    desk: Arc<D>,
}

impl<D: Desk> Keeper<D> {
    async fn keep(self, mut door: Door, mut inbox: mpsc::Receiver<Order>) {
        let mut connections = JoinSet::new();
        let (cut, _) = watch::channel(());
        loop {
            tokio::select! {
                order = inbox.recv() => {
                    let Some((outage, done)) = order else { return };
                    door = Door::Shut;
                    if outage.is_some() {
                        cut.send_replace(());
                        while connections.join_next().await.is_some() {}
                    }
                    let turned = self.door(outage).await;
                    let _ = done.send(turned.map(|turned| door = turned));
                }
                stream = door.next() => {
                    let (desk, cut) = (Arc::clone(&self.desk), cut.subscribe());
                    connections.spawn(converse(desk, stream, cut));
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }

    async fn door(&self, outage: Option<Outage>) -> Result<Door> {
        let listen = |backlog| bound(self.address)?.listen(backlog);
        Ok(match outage {
            None => Door::Open(listen(1024)?),
            Some(Outage::Refused) => Door::Shut,
            Some(Outage::Silent) => Door::Silent {
                listener: listen(1024)?,
                held: Vec::new(),
            },
            Some(Outage::Unreachable) => {
                let listener = listen(0)?;
                let mut queue = Vec::new();
                // The queue holds one more than asked for; the first knock without an answer says that it is full.
                while let Ok(knock) = timeout(Duration::from_millis(50), TcpStream::connect(self.address)).await {
                    queue.push(knock?);
                }
                Door::Unreachable {
                    _listener: listener,
                    _queue: queue,
                }
            }
        })
    }
}

async fn converse<D: Desk>(desk: Arc<D>, mut stream: TcpStream, mut cut: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let cut_off = tokio::select! {
        _ = cut.changed() => true,
        // Whatever ends a conversation is the caller's doing or a fault that was asked for.
        _ = desk.serve(&mut stream) => false,
    };
    if cut_off {
        let _ = stream.set_zero_linger();
    }
}
