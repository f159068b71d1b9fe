//! The errors of this crate; each text names the remedy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A Postgres could not be found, started or used.
#[derive(thiserror::Error)]
pub enum Error {
    /// No `DATABASE_URL`, no server programs and no container engine, and the download failed.
    #[error(
        "no Postgres found, and the download failed ({download}): install the server (Debian, Ubuntu: \
         `apt-get install postgresql`; Fedora: `dnf install postgresql-server postgresql-contrib`; macOS: \
         `brew install postgresql@17`), or start Docker, or set DATABASE_URL to a server where databases that begin \
         with `masthead_` may be created"
    )]
    NothingFound {
        /// Why the download failed.
        download: String,
    },
    /// A program is missing.
    #[error("the program `{program}` is missing: install {package}")]
    ProgramMissing {
        /// The program.
        program: &'static str,
        /// The package that contains it.
        package: &'static str,
    },
    /// `DATABASE_URL` cannot be used.
    #[error("DATABASE_URL is refused: {0}")]
    UrlRefused(String),
    /// A database name lacks the prefix or has a forbidden character.
    #[error("the database name `{0}` is refused: a name is `masthead_` and at most 54 of a-z, 0-9 and `_`")]
    NameRefused(String),
    /// The process runs as root and no unprivileged user exists.
    #[error("postgres refuses to run as root, and neither the user `postgres` nor `nobody` exists")]
    NoUnprivilegedUser,
    /// A folder that must be private belongs to another user.
    #[error("the folder {} belongs to another user: remove it", .0.display())]
    FolderNotOwned(PathBuf),
    /// A program ran and failed.
    #[error("`{what}` failed: {output}")]
    Failed {
        /// The command.
        what: String,
        /// Its exit status, or the last lines of its output.
        output: String,
    },
    /// The preparation of a template database failed.
    #[error("a template database could not be prepared")]
    Prepare(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file or folder could not be used.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// An adapter for `map_err` that adds the action and the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// A failed command, with the last lines of its output.
    pub(crate) fn failed(what: impl Into<String>, output: &str) -> Self {
        let lines: Vec<&str> = output.trim().lines().collect();
        Self::Failed {
            what: what.into(),
            output: lines[lines.len().saturating_sub(12)..].join("\n"),
        }
    }
}

/// The text of the error and of its causes: a test that unwraps prints this, and the remedy must be visible.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(found) = cause {
            write!(f, ": {found}")?;
            cause = found.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_contains_the_cause() {
        let text = format!("{:?}", Error::Prepare("migration 7 failed".into()));
        assert!(text.ends_with("could not be prepared: migration 7 failed"), "{text}");
    }

    #[test]
    fn failure_keeps_the_last_lines() {
        let long: Vec<String> = (0..40).map(|line| line.to_string()).collect();
        let text = Error::failed("make", &long.join("\n")).to_string();
        assert!(
            text.starts_with("`make` failed: 28\n") && text.ends_with("\n39"),
            "{text}"
        );
    }
}
