//! A throw-away server for tests that stop or restart Postgres, so that they harm no test beside them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::{Cluster, Stop};
use crate::locks::{self, Held};
use crate::server::files;
use crate::{Error, Server, name, place};

/// A cluster of one's own, from the server binaries of this machine; stopped and removed when dropped.
///
/// It keeps its port over stops and starts.
#[derive(Debug)]
pub struct PrivateServer {
    server: Server,
    cluster: Cluster,
    folder: PathBuf,
    lock: PathBuf,
    _owner: Held,
}

impl PrivateServer {
    /// Makes and starts a cluster (under a second), and removes those that dead processes left.
    ///
    /// # Errors
    /// [`Error::NothingFound`] without server binaries: neither a named server nor a container will do, since this one is
    /// going to be stopped. Others when it does not start.
    pub fn start_new() -> Result<Self, Error> {
        let binaries = Binaries::find()?.ok_or(Error::NothingFound)?;
        let account = Account::choose()?;
        let state = place::state();
        let locks = state.join("private");
        let guard = locks::exclusive(&state.join("private.lock"))?;
        sweep(&locks, &binaries, account)?;
        let random = name::random();
        let lock = locks.join(&random);
        let owner = locks::exclusive(&lock)?;
        drop(guard);

        let folder = place::private_folder(&state, &format!("p-{random}"), account)?;
        fs::write(&lock, folder.as_os_str().as_encoded_bytes()).map_err(Error::io("cannot write", &lock))?;
        let cluster = Cluster::open(binaries, account, folder.clone())?;
        cluster.start()?;
        let server = Server::on(cluster.clone(), folder.join("locks"), true, None)?;
        Ok(Self {
            server,
            cluster,
            folder,
            lock,
            _owner: owner,
        })
    }

    /// The server, for its databases and URLs.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether it answers now.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.cluster.is_running()
    }

    /// Starts it again and waits until it answers; nothing when it runs.
    ///
    /// # Errors
    /// [`Error::Failed`] when it does not start.
    pub fn start(&self) -> Result<(), Error> {
        self.cluster.start().map(drop)
    }

    /// Stops it: connections are cut, open transactions rolled back.
    ///
    /// # Errors
    /// [`Error::Failed`] when it does not stop.
    pub fn stop(&self) -> Result<(), Error> {
        self.cluster.stop(Stop::Fast)
    }

    /// Stops it as a crash would and starts it again: every connection is cut in mid-word, and it recovers from its log.
    ///
    /// # Errors
    /// [`Error::Failed`] when it does not come back.
    pub fn restart_immediate(&self) -> Result<(), Error> {
        self.cluster.stop(Stop::Immediate)?;
        self.start()
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // What fails here is left to the next sweep, which finds the lock free.
        if self.cluster.stop(Stop::Immediate).is_ok() && fs::remove_dir_all(&self.folder).is_ok() {
            let _ = fs::remove_file(&self.lock);
        }
    }
}

/// Stops and removes the clusters whose owners are gone.
fn sweep(locks: &Path, binaries: &Binaries, account: Account) -> Result<(), Error> {
    for lock in files(locks) {
        let Some(_dead) = locks::exclusive_now(&lock)? else {
            continue;
        };
        let folder = fs::read_to_string(&lock).map_err(Error::io("cannot read", &lock))?;
        let folder = PathBuf::from(folder);
        if folder.join("data").join("PG_VERSION").is_file() {
            Cluster::open(binaries.clone(), account, folder.clone())?.stop(Stop::Immediate)?;
        }
        if folder.is_dir() && folder.ends_with(Path::new(&format!("p-{}", file_name(&lock)))) {
            fs::remove_dir_all(&folder).map_err(Error::io("cannot remove", &folder))?;
        }
        fs::remove_file(&lock).map_err(Error::io("cannot remove", &lock))?;
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
