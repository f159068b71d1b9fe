//! File locks between processes. The kernel releases a lock when its process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::Error;

/// Waits for the exclusive lock; closing the file releases it.
pub(crate) fn exclusive(path: &Path) -> Result<File, Error> {
    let file = open(path)?;
    file.lock().map_err(Error::io("cannot lock", path))?;
    Ok(file)
}

/// Waits for a shared lock; closing the file releases it.
pub(crate) fn shared(path: &Path) -> Result<File, Error> {
    let file = open(path)?;
    file.lock_shared().map_err(Error::io("cannot lock", path))?;
    Ok(file)
}

/// Takes the exclusive lock; `None` when another holder has any lock on the file.
pub(crate) fn try_exclusive(path: &Path) -> Result<Option<File>, Error> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("cannot lock", path)(error)),
    }
}

fn open(path: &Path) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io("cannot create the folder", folder))?;
    }
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("cannot open the lock file", path))
}
