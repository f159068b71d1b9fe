//! A Postgres for development, tests and benchmarks: found or started, shared between processes, never anybody else's.
//!
//! [`Server::obtain`] takes the first of these that there is:
//!
//! 1. the server that `DATABASE_URL` names; only databases whose name begins with [`PREFIX`] are created, used or
//!    dropped there, and a URL that names another database is refused;
//! 2. server binaries of this machine: a private cluster under `<workspace>/target/postgres/` (or under `/var/tmp` where
//!    the account that runs it cannot reach the workspace, or the path is too long for a socket), on loopback and a Unix
//!    socket, run as another user when we are root, kept between runs;
//! 3. `docker compose` with the workspace's own `docker-compose.yml`;
//! 4. otherwise [`Error::NothingFound`], whose text names the package to install.
//!
//! The private cluster's superuser is `masthead`: trusted on the socket, whose folder only its owner (and root) may pass,
//! and by a random password on loopback.
//!
//! **Who stops it.** Every [`Server`] holds a lease (a shared file lock, which the kernel lets go of when a process dies).
//! Dropping a `Server` leaves the cluster running for the next test process; [`Server::release`] stops it unless somebody
//! else still holds a lease. `cargo xtask test` and `cargo xtask dev` release at their end: the last one out turns off the
//! light. A bare `cargo test` leaves it running; `cargo xtask postgres stop` stops it.
//!
//! Chores are done by the `psql` program, which comes with the server binaries and is inside the image: a Postgres client
//! library would be most of what `cargo xtask` has to compile.
//!
//! [`PgBouncer`] starts a connection pooler in front of a test's database.
//!
//! Everything here blocks: from async code, call it inside `spawn_blocking`.

mod account;
mod binaries;
mod bouncer;
mod cluster;
mod compose;
mod environment;
mod error;
mod locks;
mod name;
mod named;
mod place;
mod postmaster;
mod private;
mod psql;
mod server;
mod template;
mod test_database;

pub use bouncer::PgBouncer;
pub use environment::workspace;
pub use error::Error;
pub use name::PREFIX;
pub use private::PrivateServer;
pub use server::Server;
pub use test_database::TestDatabase;
