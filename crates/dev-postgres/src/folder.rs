//! The folders of servers: in the workspace's `target/`, or in `/var/tmp` where their user cannot reach that.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::environment::workspace;
use crate::name::hash;
use crate::os_user::OsUser;

/// The folder of locks and small files that all processes of this workspace share.
pub(crate) fn state() -> PathBuf {
    workspace().join("target").join("postgres")
}

/// Creates or finds a folder that only `user` may enter.
pub(crate) fn private_folder(state: &Path, name: &str, user: OsUser) -> Result<PathBuf, Error> {
    fs::create_dir_all(state).map_err(Error::io("cannot create the folder", state))?;
    let mut folder = state.join(name);
    // Only root runs servers as another user, for example in a workspace below /root.
    if !user.can_enter(state) {
        let hash = hash(state.as_os_str().as_encoded_bytes());
        let elsewhere = PathBuf::from(format!("/var/tmp/masthead-postgres-{hash:016x}"));
        create(&elsewhere, 0o711)?;
        // Every user of the machine can create that folder.
        if fs::symlink_metadata(&elsewhere).is_ok_and(|found| !found.is_dir() || found.uid() != 0) {
            return Err(Error::FolderNotOwned(elsewhere));
        }
        folder = elsewhere.join(name);
    }
    if create(&folder, 0o700)? {
        user.own(&folder)?;
    }
    Ok(folder)
}

/// Creates a folder; false when it exists.
fn create(folder: &Path, mode: u32) -> Result<bool, Error> {
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("cannot create the folder", folder)(error)),
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io("cannot write", path))?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(Error::io("cannot change the mode of", path))
}
