//! File locks: the only thing that processes which know nothing of each other agree on.
//!
//! The kernel lets go of a lock when its process dies, so a lock that can be taken *is* the proof that its owner is gone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use crate::Error;

/// A lock that is held for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Held {
    _file: File,
}

fn open(path: &Path) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io("cannot create the folder", folder))?;
    }
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("cannot open the lock file", path))
}

/// Waits until nobody else holds the lock.
pub(crate) fn exclusive(path: &Path) -> Result<Held, Error> {
    let file = open(path)?;
    file.lock().map_err(Error::io("cannot lock", path))?;
    Ok(Held { _file: file })
}

/// Waits until nobody holds the lock exclusively.
pub(crate) fn shared(path: &Path) -> Result<Held, Error> {
    let file = open(path)?;
    file.lock_shared().map_err(Error::io("cannot lock", path))?;
    Ok(Held { _file: file })
}

/// Takes the lock if nobody holds it in any way; `None` when somebody does.
pub(crate) fn exclusive_now(path: &Path) -> Result<Option<Held>, Error> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("cannot lock", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;

    #[test]
    fn a_lock_is_free_again_when_its_holder_is_gone() {
        let folder = std::env::temp_dir().join(format!("masthead-locks-{}", name::random()));
        let path = folder.join("lock");

        let first = shared(&path).unwrap();
        let second = shared(&path).unwrap();
        assert!(exclusive_now(&path).unwrap().is_none());
        drop(first);
        assert!(exclusive_now(&path).unwrap().is_none());
        drop(second);
        assert!(exclusive_now(&path).unwrap().is_some());

        fs::remove_dir_all(folder).unwrap();
    }
}
