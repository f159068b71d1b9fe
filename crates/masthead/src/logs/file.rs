//! A log file that can be opened again: after a rotation has renamed it, lines go to a new one of its name.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The file of the log; clones write to the same one.
#[derive(Debug, Clone)]
pub struct LogFile {
    path: Arc<PathBuf>,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    /// Opens the file, or creates it, and appends to it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: Arc::new(path.to_owned()),
            file: Arc::new(Mutex::new(open(path)?)),
        })
    }

    /// Opens the file of this name again; later lines go there.
    ///
    /// # Errors
    /// It cannot be opened: lines go where they went before.
    pub fn reopen(&self) -> io::Result<()> {
        let opened = open(&self.path)?;
        *self.file() = opened;
        Ok(())
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    /// A whole batch goes to one file: no line is cut by a rotation.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn renamed_file_is_left_when_reopened() {
        let folder = std::env::temp_dir().join(format!("masthead-log-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, rotated) = (folder.join("masthead.log"), folder.join("masthead.log.1"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"one\n").unwrap();
        fs::rename(&path, &rotated).unwrap();
        log.write_all(b"two\n").unwrap();
        log.reopen().unwrap();
        log.write_all(b"three\n").unwrap();
        let texts = [&rotated, &path].map(|path| fs::read_to_string(path).unwrap());
        fs::remove_dir_all(&folder).unwrap();
        let failed = log.reopen();
        assert_eq!(texts, ["one\ntwo\n", "three\n"]);
        assert!(failed.is_err(), "the folder is gone");
    }
}
