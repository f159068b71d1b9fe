//! An HTTP/1.1 and HTTP/2 server on hyper: connection loop, timeouts, limits, rules of HTTP, and graceful drain.
//!
//! A [`RequestHandler`] answers the requests; [`serve`] runs the server with [`ServerOptions`].

mod connection;
mod connections_by_address;
mod executor;
mod handler;
mod head_buffer;
mod lifecycle;
mod listener;
mod open_request;
mod options;
mod overload;
mod parser_error;
mod raw_head;
mod rejection;
mod rules;
mod server;
mod socket;
mod timers;
mod tls;
mod transport;
mod unsent;
mod workers;

pub use handler::RequestHandler;
pub use lifecycle::{Lifecycle, Phase};
pub use listener::Listener;
pub use options::ServerOptions;
pub use raw_head::RawHead;
pub use rejection::Rejection;
pub use server::{DrainOutcome, serve};
pub use tls::{CallerCertificates, ServerTls, TlsIdentity, TlsIdentityError, TlsOptions};
pub use unsent::ResponseRoom;
pub use workers::{WorkerHandle, WorkerThreads};
