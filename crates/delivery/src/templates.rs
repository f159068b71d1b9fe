//! The templates of mails, in Jinja's syntax: built in, and those of a folder for each tenant and language.

mod folder;
mod samples;
mod values;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use masthead_domain::mail::Language;
use masthead_ports::mail::{Mail, MailKind, MailTemplates, MailText, TemplateError};
use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig};
use time::OffsetDateTime;

use values::{PARTS, TemplateValues, escape_link};

/// The folder of the built-in templates; a tenant's have one part more.
const BUILT_IN: &str = "built-in/en";

/// The built-in templates, in English.
const BUILT_IN_FILES: &[(&str, &str)] = &[
    ("_button.html", include_str!("templates/en/_button.html")),
    ("_layout.html", include_str!("templates/en/_layout.html")),
    ("_lifetime.txt", include_str!("templates/en/_lifetime.txt")),
    ("email-changed.html", include_str!("templates/en/email-changed.html")),
    (
        "email-changed.subject",
        include_str!("templates/en/email-changed.subject"),
    ),
    ("email-changed.txt", include_str!("templates/en/email-changed.txt")),
    ("password-reset.html", include_str!("templates/en/password-reset.html")),
    (
        "password-reset.subject",
        include_str!("templates/en/password-reset.subject"),
    ),
    ("password-reset.txt", include_str!("templates/en/password-reset.txt")),
    ("set-password.html", include_str!("templates/en/set-password.html")),
    (
        "set-password.subject",
        include_str!("templates/en/set-password.subject"),
    ),
    ("set-password.txt", include_str!("templates/en/set-password.txt")),
    ("verification.html", include_str!("templates/en/verification.html")),
    (
        "verification.subject",
        include_str!("templates/en/verification.subject"),
    ),
    ("verification.txt", include_str!("templates/en/verification.txt")),
];

/// The longest rendered mail, in bytes.
const MAX_TEXT_BYTES: usize = 512 * 1024;

/// The built-in templates and those of a folder, compiled and checked.
pub struct FileTemplates {
    environment: Environment<'static>,
    /// Folder → the kinds that it has, with all their parts.
    kinds: BTreeMap<String, BTreeSet<&'static str>>,
}

/// All errors of a folder of templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateErrors(pub Vec<TemplateError>);

impl FileTemplates {
    /// The built-in templates alone.
    ///
    /// # Errors
    /// Never: the tests check them.
    pub fn built_in() -> Result<Self, TemplateErrors> {
        Self::with_files(Vec::new(), Vec::new())
    }

    /// The built-in templates and those of a folder: `{group}/{client}/{paper}/{language}/{kind}.{subject,txt,html}`. Each is
    /// rendered with sample values.
    ///
    /// # Errors
    /// All errors of all files.
    pub fn load(root: &Path) -> Result<Self, TemplateErrors> {
        let mut errors = Vec::new();
        let files = folder::read(root, &mut errors);
        Self::with_files(files, errors)
    }

    fn with_files(files: Vec<(String, String)>, mut errors: Vec<TemplateError>) -> Result<Self, TemplateErrors> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Tags on lines of their own leave no empty lines.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| TemplateErrors(vec![described(BUILT_IN, &error)]))?);
        // Templates include those of their own folder.
        environment.set_path_join_callback(|name, parent| match parent.rsplit_once('/') {
            Some((folder, _)) => Cow::Owned(format!("{folder}/{name}")),
            None => Cow::Borrowed(name),
        });
        let built_in = BUILT_IN_FILES.iter();
        let built_in = built_in.map(|(name, text)| (format!("{BUILT_IN}/{name}"), (*text).to_owned()));
        let mut names = BTreeSet::new();
        for (name, text) in built_in.chain(files) {
            // A broken file still counts for its kind, so that one mistake is one error.
            names.insert(name.clone());
            if let Err(error) = environment.add_template_owned(name.clone(), text) {
                errors.push(described(&name, &error));
            }
        }
        let kinds = complete_kinds(&names, &mut errors);
        let templates = Self { environment, kinds };
        if errors.is_empty() {
            errors = templates.check();
        }
        if errors.is_empty() {
            Ok(templates)
        } else {
            Err(TemplateErrors(errors))
        }
    }

    /// Renders every template with every sample.
    fn check(&self) -> Vec<TemplateError> {
        let mut errors = Vec::new();
        for (folder, kinds) in &self.kinds {
            for kind in MailKind::ALL.into_iter().filter(|kind| kinds.contains(kind.name())) {
                for sample in samples::of(kind) {
                    let rendered = self.render_in(folder, kind, &sample);
                    let checked = rendered.and_then(|text| samples::check(folder, kind, &sample.values, &text));
                    errors.extend(checked.err());
                }
            }
        }
        errors.dedup();
        errors
    }

    fn render_in(&self, folder: &str, kind: MailKind, values: &TemplateValues) -> Result<MailText, TemplateError> {
        let render = |part: &str, link: Value| {
            let name = format!("{folder}/{}.{part}", kind.name());
            let rendered = self
                .environment
                .get_template(&name)
                .and_then(|template| template.render(values.context(link)))
                .map_err(|error| described(&name, &error))?;
            if rendered.len() > MAX_TEXT_BYTES {
                return Err(TemplateError {
                    template: name.into(),
                    reason: format!("it is longer than {MAX_TEXT_BYTES} bytes").into(),
                });
            }
            Ok(rendered)
        };
        let link = values.values.link.as_deref().unwrap_or_default();
        let subject = render("subject", link.into())?;
        let text = render("txt", link.into())?;
        let html = render("html", Value::from_safe_string(escape_link(link)))?;
        Ok(MailText {
            // A header is one line.
            subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
            text: text + "\n",
            html: html + "\n",
        })
    }

    /// The folder with the best language of this mail.
    fn folder(&self, mail: &Mail) -> String {
        let english = Language::english();
        let wanted = mail.languages.iter().chain([&english]);
        let mut folders = wanted
            .flat_map(Language::ranges)
            .map(|tag| format!("{}/{tag}", mail.tenant));
        let has_kind = |folder: &String| {
            self.kinds
                .get(folder)
                .is_some_and(|kinds| kinds.contains(mail.kind.name()))
        };
        folders.find(has_kind).unwrap_or_else(|| BUILT_IN.to_owned())
    }
}

impl MailTemplates for FileTemplates {
    fn render(&self, mail: &Mail, now: OffsetDateTime) -> Result<MailText, TemplateError> {
        let values = TemplateValues {
            paper: mail.paper.clone(),
            values: mail.values.clone(),
            now,
        };
        self.render_in(&self.folder(mail), mail.kind, &values)
    }
}

impl fmt::Debug for FileTemplates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTemplates")
            .field("kinds", &self.kinds)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TemplateErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            let line_break = if n > 0 { "\n" } else { "" };
            write!(f, "{line_break}  {}: {}", error.template, error.reason)?;
        }
        Ok(())
    }
}

impl std::error::Error for TemplateErrors {}

/// The kinds of each folder. A kind needs all its parts, or languages would be mixed in one mail.
fn complete_kinds(
    names: &BTreeSet<String>,
    errors: &mut Vec<TemplateError>,
) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut kinds: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    let folders: BTreeSet<&str> = names.iter().filter_map(|name| Some(name.rsplit_once('/')?.0)).collect();
    for folder in folders {
        for kind in MailKind::ALL {
            let files = PARTS.map(|part| format!("{folder}/{}.{part}", kind.name()));
            let missing: Vec<&String> = files.iter().filter(|file| !names.contains(*file)).collect();
            if missing.is_empty() {
                kinds.entry(folder.to_owned()).or_default().insert(kind.name());
            } else if missing.len() < PARTS.len() {
                errors.extend(missing.into_iter().map(|file| TemplateError {
                    template: file.as_str().into(),
                    reason: "is missing: a mail needs its .subject, .txt and .html".into(),
                }));
            }
        }
    }
    kinds
}

/// An error of the library with its file and line; it names variables, never their values.
fn described(template: &str, error: &minijinja::Error) -> TemplateError {
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    let detail = error.detail().map_or_else(String::new, |detail| format!(" ({detail})"));
    TemplateError {
        template: error.name().unwrap_or(template).into(),
        reason: format!("{line}{}{detail}", error.kind()).into(),
    }
}

#[cfg(test)]
mod tests;
