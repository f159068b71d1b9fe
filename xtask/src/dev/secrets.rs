//! The secrets of development: made once and kept, so that sealed ids stay the same from run to run.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::shell::Outcome;

/// What signs tokens and seals ids on this machine; of no worth anywhere else.
pub(super) struct Secrets {
    /// The shared secret of HS256 tokens.
    pub(super) signing: String,
    /// The sealing key, 64 bytes in base64.
    pub(super) sealing: String,
}

impl Secrets {
    /// Those of an earlier run, or new ones.
    pub(super) fn kept_in(folder: &Path) -> Outcome<Self> {
        let path = folder.join("secrets.json");
        if let Ok(text) = fs::read_to_string(&path) {
            let kept: Value = serde_json::from_str(&text)?;
            let text = |name: &str| kept[name].as_str().map(str::to_owned);
            if let (Some(signing), Some(sealing)) = (text("signing"), text("sealing")) {
                return Ok(Self { signing, sealing });
            }
        }
        let made = Self {
            signing: STANDARD.encode(random::<48>()?),
            sealing: STANDARD.encode(random::<64>()?),
        };
        write_private(
            &path,
            &json!({"signing": made.signing, "sealing": made.sealing}).to_string(),
        )?;
        Ok(made)
    }
}

fn random<const N: usize>() -> Outcome<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file that nobody else may read, whole or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> Outcome {
    let unfinished = path.with_extension("new");
    let _ = fs::remove_file(&unfinished);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    fs::rename(&unfinished, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_kept_and_private() {
        let folder = std::env::temp_dir().join(format!("masthead-secrets-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let first = Secrets::kept_in(&folder).unwrap();
        let again = Secrets::kept_in(&folder).unwrap();
        let mode = folder.join("secrets.json").metadata().unwrap().permissions().mode();
        fs::remove_dir_all(&folder).unwrap();

        assert_eq!((&first.signing, &first.sealing), (&again.signing, &again.sealing));
        assert!(first.signing.len() >= 32);
        assert_eq!(STANDARD.decode(&first.sealing).unwrap().len(), 64);
        assert_eq!(mode & 0o777, 0o600);
    }
}
