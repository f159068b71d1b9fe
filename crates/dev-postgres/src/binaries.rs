//! The server binaries of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::environment::{search_path, without_pg_variables};

/// `pg_terminate_backend` with a time-out came with 14; older ones are out of support besides.
const OLDEST: u32 = 14;

/// Where packagers put each version's programs: `*` stands for anything, newest first.
const FOLDERS: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/opt/postgresql/bin",
    "/usr/local/opt/postgresql/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/libexec/postgresql*",
    "/usr/lib64/postgresql-*/bin",
    "/usr/local/pgsql/bin",
];

/// One version's server programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    pub(crate) initdb: PathBuf,
    pub(crate) pg_ctl: PathBuf,
    pub(crate) psql: PathBuf,
    pub(crate) major: u32,
}

impl Binaries {
    /// The programs on `PATH`, else the newest in the folders that packagers use; `None` when there are none.
    ///
    /// # Errors
    /// [`Error::ProgramMissing`] when there is a server but no `psql`.
    pub(crate) fn find() -> Result<Option<Self>, Error> {
        let mut folders = search_path();
        folders.extend(FOLDERS.iter().flat_map(|pattern| newest_first(pattern)));
        folders.iter().find_map(|folder| Self::in_folder(folder)).transpose()
    }

    /// Another program of the same version, such as `pgbench`.
    pub(crate) fn beside(&self, name: &str) -> Option<PathBuf> {
        let folder = self.pg_ctl.canonicalize().ok()?;
        Some(folder.parent()?.join(name)).filter(|path| path.is_file())
    }

    fn in_folder(folder: &Path) -> Option<Result<Self, Error>> {
        let [initdb, pg_ctl, postgres] = ["initdb", "pg_ctl", "postgres"].map(|name| folder.join(name));
        if !(initdb.is_file() && pg_ctl.is_file() && postgres.is_file()) {
            return None;
        }
        let major = version(&postgres).filter(|major| *major >= OLDEST)?;
        // Links on PATH may lead to the server's programs alone, so psql may stand elsewhere.
        let real = postgres.canonicalize().ok();
        let beside = real.as_deref().and_then(Path::parent).map(|real| real.join("psql"));
        let psql = [Some(folder.join("psql")), beside]
            .into_iter()
            .flatten()
            .find(|path| path.is_file())
            .map_or_else(psql, Ok);
        Some(psql.map(|psql| Self {
            initdb,
            pg_ctl,
            psql,
            major,
        }))
    }
}

/// The newest `psql` of this machine.
///
/// # Errors
/// [`Error::ProgramMissing`] when there is none.
pub(crate) fn psql() -> Result<PathBuf, Error> {
    program("psql").ok_or(Error::ProgramMissing {
        program: "psql",
        package: "the Postgres client (Debian, Ubuntu: `apt install postgresql-client`)",
    })
}

/// The newest program of this name beside a server's binaries, else the one on `PATH` (which Debian wraps in a slow script).
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let packaged = FOLDERS.iter().flat_map(|pattern| newest_first(pattern));
    packaged
        .chain(search_path())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn newest_first(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (folder, start) = before.rsplit_once('/').unwrap_or(("", before));
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(start)?;
            let path = entry.path().join(after.trim_start_matches('/'));
            Some((leading_number(version).unwrap_or(0), path))
        })
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, path)| path).collect()
}

fn version(postgres: &Path) -> Option<u32> {
    let said = without_pg_variables(&mut Command::new(postgres))
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    parse_version(&String::from_utf8_lossy(&said.stdout))
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_version(said: &str) -> Option<u32> {
    leading_number(said.split_once("(PostgreSQL) ")?.1)
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_version("something else 9"), None);
    }

    #[test]
    fn the_newest_folder_comes_first_by_number_not_by_letter() {
        let folder = std::env::temp_dir().join(format!("masthead-bin-{}", name::random()));
        for version in ["9.6", "15", "17"] {
            fs::create_dir_all(folder.join(version).join("bin")).unwrap();
        }
        let found = newest_first(&format!("{}/*/bin", folder.display()));
        let expected = ["17", "15", "9.6"].map(|version| folder.join(version).join("bin"));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, expected);
    }
}
