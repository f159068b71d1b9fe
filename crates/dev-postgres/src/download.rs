//! PostgreSQL programs from the internet, for machines without a server and without Docker.
//!
//! The crate that downloads them brings a hundred dependencies. They are behind the feature `download`, and only the
//! program built here has it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::binaries::Binaries;
use crate::environment::workspace;
use crate::folder::private_folder;
use crate::locks;

/// The version that is downloaded.
const VERSION: &str = "17.5.0";

/// The time limit of the download, in seconds; the programs are about 30 MB.
const LIMIT: &str = "180";

/// The downloaded programs; the first call downloads them, and concurrent calls wait for it.
pub(crate) fn binaries(state: &Path) -> Result<Binaries, Error> {
    let (folder, _) = private_folder(state, &format!("downloaded-{VERSION}"))?;
    let folder = folder.join("server");
    let _guard = locks::exclusive(&state.join("download.lock"))?;
    if !folder.is_dir() {
        download(&folder).map_err(|download| Error::NothingFound { download })?;
    }
    Binaries::in_folder(&folder.join("bin")).unwrap_or_else(|| {
        let download = format!("{} has no server", folder.display());
        Err(Error::NothingFound { download })
    })
}

fn download(folder: &Path) -> Result<(), String> {
    eprintln!("no Postgres found: compiling a downloader and downloading PostgreSQL {VERSION}, once");
    let output = Command::new("cargo")
        .args([
            "run",
            "--quiet",
            "--package",
            "masthead-dev-postgres",
            "--features",
            "download",
        ])
        .args(["--bin", "postgres-download", "--", VERSION, LIMIT])
        .arg(folder)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.trim_end().lines().last().unwrap_or("no output").to_owned())
}
