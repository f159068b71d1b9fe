//! The secrets of development: made once and kept, so that sealed ids stay the same from run to run.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::shell::Outcome;

/// What signs tokens, seals ids and opens the sandbox on this machine; of no worth anywhere else.
pub(super) struct Secrets {
    /// The shared secret of HS256 tokens.
    pub(super) signing: String,
    /// The sealing key, 64 bytes in base64.
    pub(super) sealing: String,
    /// What the sandbox knows its caller by, in base64.
    pub(super) provider: String,
}

impl Secrets {
    /// Those of an earlier run; what is not among them is made anew.
    pub(super) fn kept_in(folder: &Path) -> Outcome<Self> {
        let path = folder.join("secrets.json");
        let kept: Value = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => Value::Null,
        };
        let made = Self {
            signing: kept_or::<48>(&kept["signing"])?,
            sealing: kept_or::<64>(&kept["sealing"])?,
            provider: kept_or::<32>(&kept["provider"])?,
        };
        let all = json!({"signing": made.signing, "sealing": made.sealing, "provider": made.provider});
        if all != kept {
            write_private(&path, &all.to_string())?;
        }
        Ok(made)
    }
}

/// The secret that was kept, or so many bytes drawn by lot.
fn kept_or<const BYTES: usize>(kept: &Value) -> Outcome<String> {
    match kept.as_str() {
        Some(kept) => Ok(kept.to_owned()),
        None => Ok(STANDARD.encode(random::<BYTES>()?)),
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
        // An earlier edition kept two of them.
        let older = json!({"signing": first.signing, "sealing": first.sealing});
        fs::write(folder.join("secrets.json"), older.to_string()).unwrap();
        let renewed = Secrets::kept_in(&folder).unwrap();
        let mode = folder.join("secrets.json").metadata().unwrap().permissions().mode();
        fs::remove_dir_all(&folder).unwrap();

        assert_eq!(
            (&first.signing, &first.sealing, &first.provider),
            (&again.signing, &again.sealing, &again.provider)
        );
        assert_eq!((&first.signing, &first.sealing), (&renewed.signing, &renewed.sealing));
        assert!(renewed.provider.len() >= 32);
        assert!(first.signing.len() >= 32);
        assert_eq!(STANDARD.decode(&first.sealing).unwrap().len(), 64);
        assert_eq!(mode & 0o777, 0o600);
    }
}
