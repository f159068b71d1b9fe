//! A server of one test, for tests that stop or restart Postgres.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::Binaries;
use crate::clean_up::CleanUp;
use crate::cluster::Cluster;
use crate::os_user::OsUser;
use crate::{Error, PostgresServer, download, folder, name};

/// Stops the server as `pg_ctl stop --mode=immediate` does, waits up to ten seconds for its end, and removes its folder.
const REMOVE: &str = r#"file="$0/data/postmaster.pid"
if kill -QUIT "$(head -n 1 "$file")"; then
    tries=500
    while [ -e "$file" ] && [ $tries -gt 0 ]; do tries=$((tries - 1)); sleep 0.02; done
fi
rm -rf "$0""#;

/// A private cluster, stopped and removed when dropped, or when the test's process ends, however it ends.
#[derive(Debug)]
pub struct PrivateServer {
    server: PostgresServer,
    cluster: Cluster,
    _remove: CleanUp,
}

impl PrivateServer {
    /// Creates and starts a cluster, in less than a second. It needs server programs: the test stops it, so the server of
    /// `DATABASE_URL` and a container cannot take its place.
    pub fn start_new() -> Result<Self, Error> {
        Self::start_cluster(Ok)
    }

    /// The same, as the primary of [`PrivateServer::start_standby`].
    pub fn start_new_primary() -> Result<Self, Error> {
        Self::start_cluster(|cluster| Ok(cluster.with_replication()))
    }

    /// The same as [`PrivateServer::start_new`], with TLS by this certificate and key, in PEM.
    pub fn start_new_with_tls(certificate: &str, key: &str) -> Result<Self, Error> {
        Self::start_cluster(|cluster| cluster.with_tls(certificate, key))
    }

    /// Creates and starts a streaming replica of this running server: see [`PrivateServer::start_new_primary`].
    pub fn start_standby(&self) -> Result<Self, Error> {
        let (folder, _user, remove) = new_folder(&folder::state())?;
        Self::start_in(self.cluster.standby(folder)?, remove)
    }

    fn start_cluster(change: impl FnOnce(Cluster) -> Result<Cluster, Error>) -> Result<Self, Error> {
        let state = folder::state();
        let binaries = match Binaries::find()? {
            Some(binaries) => binaries,
            None => download::binaries(&state)?,
        };
        let (folder, user, remove) = new_folder(&state)?;
        Self::start_in(change(Cluster::open(binaries, user, folder)?)?, remove)
    }

    fn start_in(cluster: Cluster, remove: CleanUp) -> Result<Self, Error> {
        cluster.start()?;
        let locks = cluster.folder().join("locks");
        Ok(Self {
            server: PostgresServer::from_cluster(cluster.clone(), locks)?,
            cluster,
            _remove: remove,
        })
    }

    /// The server, for its databases and URLs.
    #[must_use]
    pub fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// Starts it again on the same port, and waits until it is ready; does nothing when it runs.
    pub fn start(&self) -> Result<(), Error> {
        self.cluster.start()
    }

    /// Stops it: connections are closed, open transactions are rolled back.
    pub fn stop(&self) -> Result<(), Error> {
        self.cluster.stop("fast")
    }

    /// Stops it as a crash does: connections are cut.
    pub fn stop_immediate(&self) -> Result<(), Error> {
        self.cluster.stop("immediate")
    }

    /// Stops it as a crash does and starts it again: it recovers from its log.
    pub fn restart_immediate(&self) -> Result<(), Error> {
        self.stop_immediate()?;
        self.start()
    }
}

/// A folder that is removed, after its server was stopped, when the last value is dropped.
fn new_folder(state: &Path) -> Result<(PathBuf, OsUser, CleanUp), Error> {
    let (folder, user) = folder::private_folder(state, &format!("p-{}", name::random()))?;
    let remove = CleanUp::prepare(Command::new("/bin/sh").args(["-c", REMOVE]).arg(&folder))?;
    Ok((folder, user, remove))
}
