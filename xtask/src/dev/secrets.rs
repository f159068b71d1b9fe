//! The secrets of development: created once and kept, so that sealed ids stay the same from run to run.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::shell::TaskResult;

/// The secrets, in base64.
pub(super) struct DevSecrets {
    /// The key of HS256 tokens.
    pub(super) signing: String,
    /// The sealing key, 64 bytes.
    pub(super) sealing: String,
    /// The client secret of all stand-ins.
    pub(super) provider: String,
}

impl DevSecrets {
    /// The secrets of earlier runs; missing ones are created.
    pub(super) fn load_or_create(folder: &Path) -> TaskResult<Self> {
        let path = folder.join("secrets.json");
        let kept: Value = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => Value::Null,
        };
        let secret = |name: &str, bytes: usize| match kept[name].as_str() {
            Some(secret) => Ok(secret.to_owned()),
            None => random(bytes),
        };
        let secrets = Self {
            signing: secret("signing", 48)?,
            sealing: secret("sealing", 64)?,
            provider: secret("provider", 32)?,
        };
        let all = json!({"signing": secrets.signing, "sealing": secrets.sealing, "provider": secrets.provider});
        if all != kept {
            write_private(&path, &all.to_string())?;
        }
        Ok(secrets)
    }
}

fn random(bytes: usize) -> TaskResult<String> {
    let mut random = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(STANDARD.encode(random))
}

/// Writes a file that only its owner may read, completely or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> TaskResult {
    let unfinished = path.with_extension("new");
    let _ = fs::remove_file(&unfinished);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&unfinished, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_kept_and_private() {
        let folder = std::env::temp_dir().join(format!("masthead-secrets-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let first = DevSecrets::load_or_create(&folder).unwrap();
        let again = DevSecrets::load_or_create(&folder).unwrap();
        // An earlier version had two secrets.
        let older = json!({"signing": first.signing, "sealing": first.sealing});
        fs::write(folder.join("secrets.json"), older.to_string()).unwrap();
        let renewed = DevSecrets::load_or_create(&folder).unwrap();
        let mode = folder.join("secrets.json").metadata().unwrap().permissions().mode();
        fs::remove_dir_all(&folder).unwrap();

        assert_eq!(
            (&first.signing, &first.sealing, &first.provider),
            (&again.signing, &again.sealing, &again.provider)
        );
        assert_eq!((&first.signing, &first.sealing), (&renewed.signing, &renewed.sealing));
        assert!(renewed.provider.len() >= 32 && first.signing.len() >= 32);
        assert_eq!(STANDARD.decode(&first.sealing).unwrap().len(), 64);
        assert_eq!(mode & 0o777, 0o600);
    }
}
