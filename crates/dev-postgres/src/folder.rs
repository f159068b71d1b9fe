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

/// Finds or creates a folder that only one user may enter, and returns the user. Root chooses another user.
pub(crate) fn private_folder(state: &Path, name: &str) -> Result<(PathBuf, OsUser), Error> {
    fs::create_dir_all(state).map_err(Error::io("cannot create the folder", state))?;
    let mut folder = state.join(name);
    if let Some(owner) = OsUser::owner_of(&folder) {
        return Ok((folder, owner));
    }
    let user = OsUser::choose()?;
    // For example in a workspace below /root.
    if !user.can_enter(state) {
        let hash = hash(state.as_os_str().as_encoded_bytes());
        let elsewhere = PathBuf::from(format!("/var/tmp/masthead-postgres-{hash:016x}"));
        create(&elsewhere, 0o711)?;
        // Every user of the machine can create that folder.
        if fs::symlink_metadata(&elsewhere).is_ok_and(|found| !found.is_dir() || found.uid() != 0) {
            return Err(Error::FolderNotOwned(elsewhere));
        }
        folder = elsewhere.join(name);
        if let Some(owner) = OsUser::owner_of(&folder) {
            return Ok((folder, owner));
        }
    }
    create(&folder, 0o700)?;
    user.own(&folder)?;
    Ok((folder, user))
}

/// Creates a folder unless it exists.
fn create(folder: &Path, mode: u32) -> Result<(), Error> {
    match DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::io("cannot create the folder", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io("cannot write", path))?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(Error::io("cannot change the mode of", path))
}
