//! What can go wrong on the way to a Postgres, each text naming the remedy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no Postgres, or why it did not do what it was asked.
#[derive(thiserror::Error)]
pub enum Error {
    /// Neither a `DATABASE_URL`, nor server binaries, nor a container engine.
    #[error(
        "no Postgres found: install the server (Debian, Ubuntu: `apt install postgresql`; Fedora: \
         `dnf install postgresql-server postgresql-contrib`; macOS: `brew install postgresql@17`), or start Docker, \
         or set DATABASE_URL to a server where databases that begin with `masthead_` may be created"
    )]
    NothingFound,
    /// A program that belongs to the server binaries is missing.
    #[error("the program `{program}` is missing: install {package}")]
    ProgramMissing {
        /// The program that was looked for.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// `DATABASE_URL` cannot be used.
    #[error("DATABASE_URL is refused: {0}")]
    UrlRefused(String),
    /// A database name is not one of ours.
    #[error(
        "the database name `{0}` is refused: ours begin with `masthead_` and go on with at most 54 of a-z, 0-9 and `_`"
    )]
    NameRefused(String),
    /// We are root, and there is no other account that could run Postgres.
    #[error("postgres refuses to run as root, and neither the user `postgres` nor `nobody` is in /etc/passwd")]
    NoOtherAccount,
    /// A folder that ought to be private belongs to somebody else.
    #[error("the folder {} is not ours: remove it, or see who made it", .0.display())]
    FolderNotOurs(PathBuf),
    /// A program ran and failed.
    #[error("`{what}` failed: {said}")]
    Failed {
        /// What was being done.
        what: String,
        /// The last lines it said, or the state it ended in.
        said: String,
    },
    /// What prepares a template database failed.
    #[error("a template database could not be prepared")]
    Prepare(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file or folder could not be used.
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        /// What was being done to the path.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// An adapter for `map_err` that adds what was being done to which path.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// The same words as for a person: a test that unwraps prints this, and it must name the remedy.
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
    fn what_is_missing_is_named_even_by_a_test_that_unwraps() {
        let said = format!("{:?}", Error::NothingFound);
        assert!(said.contains("apt install postgresql"), "{said}");
    }

    #[test]
    fn the_cause_of_a_failed_preparation_is_told() {
        let said = format!("{:?}", Error::Prepare("migration 7 failed".into()));
        assert!(said.ends_with("could not be prepared: migration 7 failed"), "{said}");
    }
}
