//! Reads the files of a folder of templates.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use masthead_domain::{mail::Language, tenant::TenantId};
use masthead_ports::mail::{MailKind, TemplateError};

use super::values::PARTS;

/// The longest file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The maximum number of files.
const MAX_FILES: usize = 10_000;

/// Group, client, paper, language and file.
const DEPTH: usize = 5;

/// The files by name, `group/client/paper/language/file` with the language in lower case. Hidden files, such as those that
/// Kubernetes adds to a mounted folder, and files with other endings are ignored.
pub(super) fn read(root: &Path, errors: &mut Vec<TemplateError>) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    list(root, &mut Vec::new(), &mut paths, errors);
    if paths.len() > MAX_FILES {
        errors.push(error_of(".", &format!("has more than {MAX_FILES} files")));
        return Vec::new();
    }
    let (mut files, mut names) = (Vec::new(), BTreeSet::new());
    for (parts, path) in paths {
        let shown = parts.join("/");
        match check(&parts).and_then(|name| Ok((name, text(&path)?))) {
            Ok((name, text)) if names.insert(name.clone()) => files.push((name, text)),
            Ok(_) => errors.push(error_of(&shown, "is there twice, in folders of one language")),
            Err(why) => errors.push(error_of(&shown, &why)),
        }
    }
    files
}

/// Lists the files below a folder, with the parts of their names.
fn list(
    folder: &Path,
    parts: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, PathBuf)>,
    errors: &mut Vec<TemplateError>,
) {
    let shown = if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return errors.push(error_of(&shown, &format!("cannot be read ({})", error.kind()))),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            errors.push(error_of(&shown, "has a file whose name is not UTF-8"));
            continue;
        };
        if name.starts_with('.') || found.len() > MAX_FILES {
            continue;
        }
        parts.push(name.to_owned());
        if path.is_dir() {
            // A link could lead back to a folder above.
            if parts.len() < DEPTH {
                list(&path, parts, found, errors);
            } else {
                errors.push(error_of(&parts.join("/"), WRONG_PLACE));
            }
        } else if PARTS
            .iter()
            .any(|part| name.strip_suffix(part).is_some_and(|rest| rest.ends_with('.')))
        {
            found.push((parts.clone(), path.clone()));
        }
        parts.pop();
    }
}

const WRONG_PLACE: &str = "is not in group/client/paper/language";

/// The name of a file in its place.
fn check(parts: &[String]) -> Result<String, String> {
    let [group, client, paper, language, file] = parts else {
        return Err(WRONG_PLACE.to_owned());
    };
    let tenant = TenantId::new(group, client, paper).map_err(|error| error.to_string())?;
    let language = Language::parse(language).map_err(|error| format!("the folder {language} {error}"))?;
    let stem = file.rsplit_once('.').map_or(&**file, |(stem, _)| stem);
    if !file.starts_with('_') && MailKind::from_name(stem).is_none() {
        let kinds = MailKind::ALL.map(MailKind::name).join(", ");
        return Err(format!("is none of {kinds}; parts that others include begin with _"));
    }
    Ok(format!("{tenant}/{}/{file}", language.as_str()))
}

fn text(path: &Path) -> Result<String, String> {
    let length = fs::metadata(path).map_err(|error| cannot_be_read(&error))?.len();
    if length > MAX_FILE_BYTES {
        return Err(format!("is longer than {MAX_FILE_BYTES} bytes"));
    }
    fs::read_to_string(path).map_err(|error| cannot_be_read(&error))
}

fn cannot_be_read(error: &io::Error) -> String {
    format!("cannot be read ({})", error.kind())
}

fn error_of(template: &str, reason: &str) -> TemplateError {
    TemplateError {
        template: template.into(),
        reason: reason.into(),
    }
}
