//! The suite that every generic provider passes: reads return what the provider has, each failure has its error kind,
//! and nothing that opens a session is read. The presets' tests run it too; the faults that every source can have are
//! in the suite of sources (`masthead`'s tests).

use std::collections::BTreeMap;

use masthead_domain::query::{Total, UserFilter};
use masthead_ports::{scan::ScanExtent, source::SourceErrorKind};
use masthead_provider_generic::{GenericSettings, Preset};
use masthead_provider_kit::CheckVerdict;
use masthead_provider_kit::ProviderAdapter as _;
use masthead_provider_testkit::{status, writer_suite::WriterFixture};
use masthead_sandbox::{Fault, GenericStubConfig, SESSION_GRADE};
use masthead_testkit::{
    logs::LogCapture,
    source_client::{SourceClient, ids},
};
use serde_json::Value;

use crate::fixture::{GenericFixture, kind, list, texts, with};
use SourceErrorKind::Corrupt;

/// A provider on which the suite is run, and what the suite knows of it beside its settings.
#[derive(Clone, Copy)]
pub(crate) struct GenericCase {
    pub(crate) preset: Preset,
    pub(crate) sandbox: fn(usize) -> GenericStubConfig,
    pub(crate) secret: &'static str,
    /// What a tenant sets beside the preset, the address and the secret.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    pub(crate) id: &'static str,
    /// What a bare status of 404, with the provider's failure as its body, means.
    pub(crate) status_404: Option<SourceErrorKind>,
    /// What a failure that is no HTTP status means, by its code.
    pub(crate) code_500: SourceErrorKind,
    /// How many users one call of a scan requests.
    pub(crate) page: usize,
}

impl GenericCase {
    pub(crate) async fn start(&self, count: usize) -> GenericFixture {
        with(self.preset, (self.sandbox)(count), self.secret, self.settings).await
    }

    fn id_of<'a>(&self, user: &'a Value) -> &'a str {
        text(user, self.id)
    }
}

impl GenericCase {
    /// The provider without users, with a description of its writes: every code is one of the stand-in's own.
    pub(crate) async fn start_writer(&self, writes: &[(&str, &str)]) -> WriterFixture {
        let settings = [self.settings, writes].concat();
        let fixture = with(self.preset, (self.sandbox)(0), self.secret, &settings).await;
        let creation = writes.iter().find(|(name, _)| *name == "Create.Path");
        let creation: &'static str = creation.map_or("/", |(_, path)| format!("{path}$").leak());
        WriterFixture {
            creation: ("POST", creation),
            weak_password_text: "The password is too short.",
            ..fixture.into()
        }
    }
}

/// A test for each of the suite's promises that a subject keeps.
macro_rules! generic_tests {
    ($subject:ident: $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::suite::$promise($subject).await;
            }
        )+
    };
}
pub(crate) use generic_tests;

fn text<'a>(user: &'a Value, pointer: &str) -> &'a str {
    user.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The address that the mapping gives a user.
fn address(user: &Value) -> &str {
    match text(user, "/email") {
        "" => text(user, "/linkedIdentifiers/0/emailAddress"),
        email => email,
    }
}

/// Every user is found by id, by address, and in the list; no other is.
pub(crate) async fn reads_match_the_sandbox(subject: GenericCase) {
    let fixture = subject.start(120).await;
    let users = fixture.sandbox.generic().users();
    assert!(users.len() > 50, "more than one page");
    for user in users.iter().take(60) {
        let id = subject.id_of(user);
        let account = fixture.by_id(id).await.unwrap().expect("is found by id");
        assert_eq!(account.crid.as_str(), id);
        assert_eq!(&*account.first_name, text(user, "/firstName"));
        assert_eq!(&*account.last_name, text(user, "/lastName"));
        assert_eq!(
            account.metadata.get("displayName").unwrap_or_default().is_empty(),
            text(user, "/displayName").is_empty() && text(user, "/userName").is_empty()
        );
        let email = address(user);
        let shown = account.email.as_ref().map_or("", |email| email.as_str());
        assert!(shown == email || (text(user, "/email").is_empty() && shown == email.to_lowercase()));
        let mut wanted: Vec<&str> = users
            .iter()
            .filter(|other| address(other).eq_ignore_ascii_case(email))
            .map(|other| subject.id_of(other))
            .collect();
        wanted.sort_unstable();
        assert_eq!(fixture.ids_by_email(&email.to_uppercase()).await, wanted);
    }
    assert_eq!(fixture.by_id("nobody").await.unwrap(), None);
    assert_eq!(fixture.by_email("nobody@example.com").await.unwrap(), []);
    let page = list(&fixture, UserFilter::default()).await.unwrap();
    let mut listed = ids(&page.accounts);
    listed.sort_unstable();
    let mut all: Vec<&str> = users.iter().map(|user| subject.id_of(user)).collect();
    all.sort_unstable();
    assert_eq!(listed, all);
    assert!(!page.truncated && !page.more);
    assert_eq!(page.total, Some(Total::Exact(all.len() as u64)));
}

/// A configured failure code has its configured kind in every read. A bare 404 means absence where configured, and only
/// of one user.
pub(crate) async fn configured_failures_have_their_kind(subject: GenericCase) {
    let fixture = subject.start(3).await;
    let user = &fixture.sandbox.generic().users()[0];
    let (id, email) = (subject.id_of(user), address(user));
    let rule = fixture.inject(Fault::ErrorCode { code: 500 });
    for got in [
        kind(fixture.by_id(id).await),
        kind(fixture.by_id("nobody").await),
        kind(fixture.by_email(email).await),
        kind(fixture.by_email("nobody@example.com").await),
        kind(list(&fixture, UserFilter::default()).await),
    ] {
        assert_eq!(got, Some(subject.code_500));
    }
    fixture.sandbox.withdraw(rule);
    let rule = fixture.inject(status(404));
    assert_eq!(kind(fixture.by_id(id).await), subject.status_404);
    assert!(
        kind(fixture.by_email(email).await).is_some() && kind(list(&fixture, UserFilter::default()).await).is_some()
    );
    fixture.sandbox.withdraw(rule);
    assert!(fixture.by_id(id).await.unwrap().is_some());
}

/// An answer that contradicts itself is no absence and no whole list.
pub(crate) async fn contradictory_answers_are_refused(subject: GenericCase) {
    let fixture = subject.start(120).await;
    let users = fixture.sandbox.generic().users();
    let (id, email) = (subject.id_of(&users[0]), address(&users[0]));
    let rule = fixture.inject(Fault::Missing);
    assert_eq!(
        kind(fixture.by_email(email).await),
        Some(Corrupt),
        "the total is one, the list is empty"
    );
    let page = list(&fixture, UserFilter::default()).await.unwrap();
    assert!(page.truncated, "a list with a user missing is not the whole");
    fixture.sandbox.withdraw(rule);
    for fault in [Fault::Duplicated, Fault::Shuffled] {
        let rule = fixture.inject(fault);
        assert_eq!(fixture.ids_by_email(email).await, [id]);
        let page = list(&fixture, UserFilter::default()).await.unwrap();
        let mut listed = ids(&page.accounts);
        let before = listed.len();
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.len(), before, "each once");
        assert!(listed.len() == users.len() || page.truncated);
        fixture.sandbox.withdraw(rule);
    }
}

/// No read and no fault returns, sends or logs a credential or a personal value.
pub(crate) async fn session_data_is_never_read(subject: GenericCase) {
    let fixture = subject.start(60).await;
    let logged = LogCapture::start(tracing::Level::TRACE);
    let users = fixture.sandbox.generic().users();
    assert!(
        users.iter().all(|user| user.to_string().contains(SESSION_GRADE)),
        "the directory does send them"
    );
    let mut returned = Vec::new();
    for user in users.iter().take(20) {
        returned.extend(fixture.by_id(subject.id_of(user)).await.unwrap());
        returned.extend(fixture.by_email(address(user)).await.unwrap());
    }
    returned.extend(list(&fixture, UserFilter::default()).await.unwrap().accounts);
    let mut shown: Vec<String> = returned.iter().flat_map(texts).collect();
    let (id, email) = (subject.id_of(&users[0]), address(&users[0]));
    for fault in [
        Fault::OtherUser,
        Fault::TruncatedJson,
        Fault::ErrorCode { code: 400 },
        status(500),
        Fault::Missing,
    ] {
        let rule = fixture.inject(fault);
        shown.push(format!(
            "{:?}{:?}",
            fixture.by_id(id).await,
            fixture.by_email(email).await
        ));
        fixture.sandbox.withdraw(rule);
    }
    let checked = fixture.adapter.check(&fixture.cx(), None).await.unwrap();
    shown.push(format!("{checked:?}"));
    shown.extend(
        fixture
            .sandbox
            .log_with_secrets()
            .iter()
            .map(|call| format!("{call:?}")),
    );
    let logged = logged.text();
    assert!(logged.contains("the provider's answer is refused"), "{logged}");
    assert!(!shown.iter().any(|text| text.contains(SESSION_GRADE)));
    for private in [SESSION_GRADE, id, email, subject.secret] {
        assert!(
            !logged.contains(private) && !format!("{checked:?}").contains(private),
            "{private} is logged"
        );
    }
}

/// A scan returns every user once, past the first thousand, one call a page, and resumes at any position.
pub(crate) async fn scan_shows_every_user(subject: GenericCase) {
    let fixture = subject.start(1_020).await;
    let users = fixture.sandbox.generic().users();
    assert!(users.len() > 1_000, "more than a list shows");
    let mut wanted: Vec<&str> = users.iter().map(|user| subject.id_of(user)).collect();
    let before = fixture.sandbox.calls();
    let mut scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    scanned.accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
    wanted.sort_unstable();
    assert_eq!(ids(&scanned.accounts), wanted);
    assert!(scanned.expected.is_none_or(|expected| expected == wanted.len() as u64) && !scanned.truncated);
    assert_eq!(scanned.steps, wanted.len().div_ceil(subject.page));
    assert_eq!(fixture.sandbox.calls() - before, scanned.steps as u64);
}

/// The check finds nothing that is otherwise than described.
pub(crate) async fn check_passes_for_sandbox(subject: GenericCase) {
    let fixture = subject.start(60).await;
    let checked = fixture.adapter.check(&fixture.cx(), None).await.unwrap();
    assert!(checked.len() >= 7, "{checked:?}");
    assert!(
        checked.iter().all(|one| one.verdict == CheckVerdict::Agrees),
        "{checked:?}"
    );
}

/// Beside the preset a tenant must give the URL, the secret, and the settings the preset requires; then it can be
/// called.
pub(crate) async fn required_settings_are_named(subject: GenericCase) {
    let errors = GenericSettings::parse(&subject.preset, &BTreeMap::new(), false).unwrap_err();
    let names: Vec<&str> = errors.iter().map(|error| &*error.name).collect();
    let own = subject.settings.iter().map(|(name, _)| *name);
    let wanted = ["BaseUrl", "SecretFile"].into_iter().chain(own);
    let wanted: Vec<String> = wanted.map(|name| format!("{}.{name}", subject.preset.name)).collect();
    assert_eq!(names, wanted);
    let fixture = subject.start(1).await;
    assert!(fixture.adapter.check(&fixture.cx(), None).await.is_ok());
}
