//! Tests of the templates: the built-in ones, the choice of a folder, escaping, and every error of a folder.

use std::{fs, path::PathBuf};

use masthead_domain::{email::Email, tenant::TenantId};
use time::{Duration, macros::datetime};

use masthead_ports::mail::MailValues;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

fn mail(kind: MailKind) -> Mail {
    Mail {
        kind,
        tenant: TenantId::parse("north/daily/herald").unwrap(),
        paper: "The Herald & Post".into(),
        from: None,
        to: Email::parse("ann@example.com").unwrap(),
        languages: Vec::new(),
        values: MailValues {
            first_name: "<b>Zoë</b>".into(),
            code: Some("A1B2C3".into()),
            link: Some("https://herald.example/reset?x=1&token=abc".into()),
            expires_at: Some(NOW + Duration::HOUR),
        },
    }
}

/// A folder of templates, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("masthead-templates-{}-{name}", std::process::id()));
        for (file, text) in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The three files of a kind, whose texts begin with a word.
fn set(folder: &str, kind: &str, word: &str) -> Vec<(String, String)> {
    let body = format!("{word} {{{{ code }}}} {{{{ link }}}}");
    PARTS
        .map(|part| (format!("{folder}/{kind}.{part}"), body.clone()))
        .to_vec()
}

fn load(name: &str, files: &[(String, String)]) -> Result<FileTemplates, TemplateErrors> {
    let files: Vec<_> = files
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str()))
        .collect();
    FileTemplates::load(&Scratch::new(name, &files).0)
}

#[test]
fn built_in_mails_have_code_link_and_lifetime() {
    let templates = FileTemplates::built_in().unwrap();
    let text = templates.render(&mail(MailKind::Verification), NOW).unwrap();
    assert_eq!(text.subject, "Verify your address for The Herald & Post");
    assert_eq!(
        text.text,
        "Hello <b>Zoë</b>,\n\nPlease verify your e-mail address for The Herald & Post.\n\nYour code: A1B2C3\n\nOr follow this \
         link:\n\nhttps://herald.example/reset?x=1&token=abc\n\nThis is valid for 60 minutes.\n\nIf you did not register with The \
         Herald & Post, you need not do anything.\n\nThe Herald & Post\n"
    );
    let text = templates
        .render(&mail(MailKind::PasswordReset), NOW - Duration::hours(47))
        .unwrap();
    assert!(text.text.contains("for 48 hours."), "{}", text.text);
    assert!(templates.render(&mail(MailKind::SetPassword), NOW).is_ok());
    assert!(templates.render(&mail(MailKind::EmailChanged), NOW).is_ok());
}

#[test]
fn html_is_escaped_and_its_links_are_readable() {
    let html = FileTemplates::built_in()
        .unwrap()
        .render(&mail(MailKind::Verification), NOW)
        .unwrap()
        .html;
    assert!(html.contains("Hello &lt;b&gt;Zoë") && !html.contains("<b>"), "{html}");
    assert!(html.contains("The Herald &amp; Post"), "{html}");
    assert!(
        html.contains("href=\"https://herald.example/reset?x=1&amp;token=abc\""),
        "{html}"
    );
}

#[test]
fn tenant_and_language_choose_the_folder() {
    let mut files = set("north/daily/herald/en", "verification", "english");
    files.extend(set("north/daily/herald/pt-BR", "verification", "brazilian"));
    files.extend(set("north/daily/herald/de", "verification", "german"));
    files.extend(set("north/daily/times/de", "password-reset", "other"));
    let templates = load("choice", &files).unwrap();
    let subject = |languages: &[&str], kind, paper: &str| {
        let mut mail = mail(kind);
        mail.tenant = TenantId::new("north", "daily", paper).unwrap();
        mail.languages = languages.iter().map(|tag| Language::parse(tag).unwrap()).collect();
        let subject = templates.render(&mail, NOW).unwrap().subject;
        subject.split(' ').next().unwrap_or_default().to_owned()
    };
    let verification = |languages: &[&str]| subject(languages, MailKind::Verification, "herald");
    assert_eq!(verification(&["pt-br"]), "brazilian");
    assert_eq!(verification(&["de-AT"]), "german", "a shorter tag");
    assert_eq!(verification(&["fr", "de"]), "german", "the tenant's own language");
    assert_eq!(verification(&["fr"]), "english");
    assert_eq!(verification(&[]), "english");
    assert_eq!(subject(&["de"], MailKind::Verification, "times"), "Verify", "built in");
    assert_eq!(
        subject(&["de"], MailKind::PasswordReset, "herald"),
        "Reset",
        "another tenant's are not used"
    );
}

#[test]
fn templates_include_files_of_their_folder() {
    let mut files = set(
        "north/daily/herald/de",
        "verification",
        "Guten Tag {% include '_name.txt' %}",
    );
    files.push((
        "north/daily/herald/de/_name.txt".to_owned(),
        "{{ first_name }}".to_owned(),
    ));
    let mut mail = mail(MailKind::Verification);
    mail.languages = vec![Language::parse("de").unwrap()];
    let text = load("include", &files).unwrap().render(&mail, NOW).unwrap();
    assert!(text.text.starts_with("Guten Tag <b>Zoë</b> A1B2C3"), "{}", text.text);
}

#[test]
fn subject_is_one_line() {
    let mut files = set("north/daily/herald/en", "verification", "x");
    files[0].1 = "two\nlines\r\nBcc: x".to_owned();
    let text = load("subject", &files)
        .unwrap()
        .render(&mail(MailKind::Verification), NOW)
        .unwrap();
    assert_eq!(text.subject, "two lines Bcc: x");
}

#[test]
fn all_errors_of_a_folder_are_reported_with_their_files() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let mut files = set("north/daily/herald/en", "verification", "{{ frist_name }}");
    files.extend(set("north/daily/herald/fr", "password-reset", "{% if %}"));
    files.extend([
        file("north/daily/herald/de/verification.txt", "alone"),
        file("north/daily/herald/de/verifikation.txt", "x"),
        file("north/daily/herald/english!/verification.txt", "x"),
        file("north/daily/verification.txt", "x"),
        file("north/daily/herald/en/deep/verification.txt", "x"),
        file("north/daily/herald/en/README.md", "{% ignored"),
        file("north/daily/herald/en/.hidden.txt", "{% ignored"),
    ]);
    let text = load("errors", &files).unwrap_err().to_string();
    for expected in [
        "north/daily/herald/fr/password-reset.html: line 1: syntax error",
        "north/daily/herald/de/verification.subject: is missing",
        "north/daily/herald/de/verification.html: is missing",
        "north/daily/herald/de/verifikation.txt: is none of verification,",
        "north/daily/herald/english!/verification.txt: the folder english! must be a language tag",
        "north/daily/verification.txt: is not in group/client/paper/language",
        "north/daily/herald/en/deep: is not in group/client/paper/language",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    assert!(!text.contains("ignored") && !text.contains("README"), "{text}");
}

#[test]
fn misspelt_or_missing_value_is_an_error() {
    let text = load(
        "misspelt",
        &set("north/daily/herald/en", "verification", "{{ frist_name }}"),
    )
    .unwrap_err()
    .to_string();
    for part in PARTS {
        assert!(
            text.contains(&format!(
                "north/daily/herald/en/verification.{part}: line 1: undefined value"
            )) == (part == "subject"),
            "{text}"
        );
    }
    let mut files = set("north/daily/herald/en", "verification", "x");
    files[2].1 = "no code, but {{ link }}".to_owned();
    let text = load("no-code", &files).unwrap_err().to_string();
    assert_eq!(
        text,
        "  north/daily/herald/en/verification.html: does not show {{ code }}"
    );
    let missing = FileTemplates::load(&PathBuf::from("/nowhere/at/all"))
        .unwrap_err()
        .to_string();
    assert_eq!(missing, "  .: cannot be read (entity not found)");
}

#[test]
fn one_language_in_two_folders_is_an_error() {
    let mut files = set("north/daily/herald/pt-br", "verification", "x");
    files.extend(set("north/daily/herald/pt-BR", "verification", "y"));
    let text = load("twice", &files).unwrap_err().to_string();
    assert!(text.contains("pt-br/verification.txt: is there twice"), "{text}");
}

#[test]
fn error_at_run_time_has_no_values() {
    let mut files = set("north/daily/herald/en", "verification", "x");
    // The samples have no such code.
    files[1].1 = "{{ code }} {{ link }} {% if code == 'SECRET' %}{{ code.missing.deeper }}{% endif %}".to_owned();
    let templates = load("run-time", &files).unwrap();
    let mut mail = mail(MailKind::Verification);
    mail.values.code = Some("SECRET".into());
    let error = templates.render(&mail, NOW).unwrap_err().to_string();
    assert!(
        error.contains("verification.txt") && !error.contains("SECRET"),
        "{error}"
    );
}
