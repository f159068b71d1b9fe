//! The Postgres server programs installed on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::environment::{binaries_folder, search_path, without_pg_variables};

/// The oldest supported major version: 14 introduced the time-out of `pg_terminate_backend`.
const OLDEST: u32 = 14;

/// Folders of the packages, per version; `*` is the version.
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

/// The server programs of one version.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) initdb: PathBuf,
    pub(crate) pg_ctl: PathBuf,
    pub(crate) psql: PathBuf,
    pub(crate) major: u32,
}

impl Binaries {
    /// Finds the programs on `PATH`, else the newest version in [`FOLDERS`]. `DEV_POSTGRES_BIN` replaces both.
    pub(crate) fn find() -> Result<Option<Self>, Error> {
        let folders = binaries_folder().map_or_else(
            || search_path().into_iter().chain(packaged()).collect(),
            |folder| vec![folder],
        );
        folders.iter().find_map(|folder| Self::in_folder(folder)).transpose()
    }

    /// The programs in one folder; `None` when the server is missing or too old.
    pub(crate) fn in_folder(folder: &Path) -> Option<Result<Self, Error>> {
        let [initdb, pg_ctl, postgres] = ["initdb", "pg_ctl", "postgres"].map(|name| folder.join(name));
        if !(initdb.is_file() && pg_ctl.is_file() && postgres.is_file()) {
            return None;
        }
        let major = version(&postgres).filter(|major| *major >= OLDEST)?;
        // PATH may hold links to the server programs only: then psql is elsewhere.
        let beside = Some(folder.join("psql")).filter(|path| path.is_file());
        let psql = beside.map_or_else(psql, Ok);
        Some(psql.map(|psql| Self {
            initdb,
            pg_ctl,
            psql,
            major,
        }))
    }

    /// Another program of the same version, such as `pgbench`.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.pg_ctl.canonicalize().ok()?.with_file_name(name);
        path.is_file().then_some(path)
    }
}

/// The newest `psql` of this machine.
pub(crate) fn psql() -> Result<PathBuf, Error> {
    program("psql").ok_or(Error::ProgramMissing {
        program: "psql",
        package: "the Postgres client (Debian, Ubuntu: `apt-get install postgresql-client`)",
    })
}

/// The newest program of this name in [`FOLDERS`], else the one on `PATH`, which is a slow wrapper on Debian.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    packaged()
        .chain(search_path())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn packaged() -> impl Iterator<Item = PathBuf> {
    FOLDERS.iter().flat_map(|pattern| newest_first(pattern))
}

fn newest_first(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (folder, start) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
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
    let output = without_pg_variables(&mut Command::new(postgres))
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Reads the major version from `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_version(output: &str) -> Option<u32> {
    leading_number(output.split_once("(PostgreSQL) ")?.1)
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_parsed() {
        for (output, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("another program 9", None),
        ] {
            assert_eq!(parse_version(output), major, "{output}");
        }
    }

    #[test]
    fn newest_folder_is_chosen_by_number() {
        let folder = std::env::temp_dir().join(format!("masthead-bin-{}", std::process::id()));
        for version in ["9.6", "15", "17"] {
            fs::create_dir_all(folder.join(version).join("bin")).unwrap();
        }
        let found = newest_first(&format!("{}/*/bin", folder.display()));
        let expected = ["17", "15", "9.6"].map(|version| folder.join(version).join("bin"));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, expected);
    }
}
