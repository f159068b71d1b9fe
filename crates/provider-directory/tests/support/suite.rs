//! What every described directory keeps: reads agree with the directory, its own failures have their kind, and nothing that
//! opens a session is read. The presets' tests run it too; the faults that every source meets are in the suite of sources
//! (`masthead`'s tests).

use std::collections::BTreeMap;

use masthead_domain::query::{Total, UserFilter};
use masthead_ports::{scan::ScanExtent, source::SourceErrorKind};
use masthead_provider_directory::{DirectorySettings, Mistake, Preset};
use masthead_provider_http::Verdict;
use masthead_sandbox::{DirectoryConfig, Fault, SESSION_GRADE};
use masthead_testkit::{
    logs::LogCapture,
    scanning,
    source_client::{SourceClient, ids},
};
use serde_json::Value;

use crate::world::{World, kind, texts};
use SourceErrorKind::Corrupt;

/// A directory on which the suite is run, and what the suite knows of it beside its settings.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) preset: Preset,
    /// The stand-in, with this many users.
    pub(crate) stand_in: fn(usize) -> DirectoryConfig,
    pub(crate) secret: &'static str,
    /// What a tenant sets beside the preset, the address and the secret.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Where a user's id is.
    pub(crate) id: &'static str,
    /// What a bare status of 404, with the directory's failure as its body, means.
    pub(crate) status_404: Option<SourceErrorKind>,
    /// What a failure that is no HTTP status means, by its code.
    pub(crate) code_500: SourceErrorKind,
    /// How many users one call of a walk asks for.
    pub(crate) page: usize,
}

impl Subject {
    pub(crate) async fn world(&self, count: usize) -> World {
        World::with(self.preset, (self.stand_in)(count), self.secret, self.settings).await
    }

    fn id_of<'a>(&self, user: &'a Value) -> &'a str {
        text(user, self.id)
    }
}

/// A test for each of the suite's promises that a subject keeps.
macro_rules! keeps {
    ($subject:ident: $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::suite::$promise($subject).await;
            }
        )+
    };
}
pub(crate) use keeps;

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

/// Every user is found by id, by address, and in the list; nobody else is.
pub(crate) async fn reads_agree_with_the_directory(subject: Subject) {
    let world = subject.world(120).await;
    let users = world.sandbox.directory().users();
    assert!(users.len() > 50, "more than one page");
    for user in users.iter().take(60) {
        let id = subject.id_of(user);
        let account = world.by_id(id).await.unwrap().expect("is found by id");
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
        assert_eq!(world.ids_by_email(&email.to_uppercase()).await, wanted);
    }
    assert_eq!(world.by_id("nobody").await.unwrap(), None);
    assert_eq!(world.by_email("nobody@example.com").await.unwrap(), []);
    let page = world.list(UserFilter::default()).await.unwrap();
    let mut listed = ids(&page.accounts);
    listed.sort_unstable();
    let mut all: Vec<&str> = users.iter().map(|user| subject.id_of(user)).collect();
    all.sort_unstable();
    assert_eq!(listed, all);
    assert!(!page.truncated && !page.more);
    assert_eq!(page.total, Some(Total::Exact(all.len() as u64)));
}

fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: None,
    }
}

/// A failure that is no HTTP status has the kind that the description gives it, in every read; a bare 404 is absence where
/// the description says so, and of one user alone.
pub(crate) async fn what_only_a_description_can_tell_has_its_kind(subject: Subject) {
    let world = subject.world(3).await;
    let user = &world.sandbox.directory().users()[0];
    let (id, email) = (subject.id_of(user), address(user));
    let rule = world.sandbox.inject(Fault::ErrorCode { code: 500 });
    for got in [
        kind(world.by_id(id).await),
        kind(world.by_id("nobody").await),
        kind(world.by_email(email).await),
        kind(world.by_email("nobody@example.com").await),
        kind(world.list(UserFilter::default()).await),
    ] {
        assert_eq!(got, Some(subject.code_500));
    }
    world.sandbox.withdraw(rule);
    let rule = world.sandbox.inject(status(404));
    assert_eq!(kind(world.by_id(id).await), subject.status_404);
    assert!(kind(world.by_email(email).await).is_some() && kind(world.list(UserFilter::default()).await).is_some());
    world.sandbox.withdraw(rule);
    assert!(world.by_id(id).await.unwrap().is_some());
}

/// An answer that contradicts itself is no absence and no whole list.
pub(crate) async fn what_cannot_be_true_is_refused(subject: Subject) {
    let world = subject.world(120).await;
    let users = world.sandbox.directory().users();
    let (id, email) = (subject.id_of(&users[0]), address(&users[0]));
    let rule = world.sandbox.inject(Fault::Missing);
    assert_eq!(
        kind(world.by_email(email).await),
        Some(Corrupt),
        "the total says one, the list nobody"
    );
    let page = world.list(UserFilter::default()).await.unwrap();
    assert!(page.truncated, "a list with a user missing is not the whole");
    world.sandbox.withdraw(rule);
    for fault in [Fault::Duplicated, Fault::Shuffled] {
        let rule = world.sandbox.inject(fault);
        assert_eq!(world.ids_by_email(email).await, [id]);
        let page = world.list(UserFilter::default()).await.unwrap();
        let mut listed = ids(&page.accounts);
        let before = listed.len();
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.len(), before, "each once");
        assert!(listed.len() == users.len() || page.truncated);
        world.sandbox.withdraw(rule);
    }
}

/// Whatever is read, and whatever fails, nothing that opens a session is returned, sent or logged; nor is a person.
pub(crate) async fn nothing_that_opens_a_session_is_read(subject: Subject) {
    let world = subject.world(60).await;
    let logged = LogCapture::start(tracing::Level::TRACE);
    let users = world.sandbox.directory().users();
    assert!(
        users.iter().all(|user| user.to_string().contains(SESSION_GRADE)),
        "the directory does send them"
    );
    let mut returned = Vec::new();
    for user in users.iter().take(20) {
        returned.extend(world.by_id(subject.id_of(user)).await.unwrap());
        returned.extend(world.by_email(address(user)).await.unwrap());
    }
    returned.extend(world.list(UserFilter::default()).await.unwrap().accounts);
    let mut shown: Vec<String> = returned.iter().flat_map(texts).collect();
    let (id, email) = (subject.id_of(&users[0]), address(&users[0]));
    for fault in [
        Fault::OtherUser,
        Fault::TruncatedJson,
        Fault::ErrorCode { code: 400 },
        status(500),
        Fault::Missing,
    ] {
        let rule = world.sandbox.inject(fault);
        shown.push(format!("{:?}{:?}", world.by_id(id).await, world.by_email(email).await));
        world.sandbox.withdraw(rule);
    }
    let checked = world.directory.check(&world.cx(), None).await.unwrap();
    shown.push(format!("{checked:?}"));
    shown.extend(world.sandbox.log_with_secrets().iter().map(|call| format!("{call:?}")));
    let logged = logged.text();
    assert!(logged.contains("the directory's answer is refused"), "{logged}");
    assert!(!shown.iter().any(|text| text.contains(SESSION_GRADE)));
    for private in [SESSION_GRADE, id, email, subject.secret] {
        assert!(
            !logged.contains(private) && !format!("{checked:?}").contains(private),
            "{private} is told"
        );
    }
}

/// A walk shows everybody once, past the first thousand, one call a page, and goes on wherever it was left.
pub(crate) async fn a_walk_shows_everybody(subject: Subject) {
    let world = subject.world(1_020).await;
    let users = world.sandbox.directory().users();
    assert!(users.len() > 1_000, "more than a list shows");
    let mut wanted: Vec<&str> = users.iter().map(|user| subject.id_of(user)).collect();
    let before = world.sandbox.calls();
    let mut walked = scanning::scan_all(&world, &world.directory, ScanExtent::Everything, |_| {})
        .await
        .unwrap();
    walked.accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
    wanted.sort_unstable();
    assert_eq!(ids(&walked.accounts), wanted);
    assert!(walked.expected.is_none_or(|expected| expected == wanted.len() as u64) && !walked.truncated);
    assert_eq!(walked.steps, wanted.len().div_ceil(subject.page));
    assert_eq!(world.sandbox.calls() - before, walked.steps as u64);
}

/// The check finds nothing that is otherwise than described.
pub(crate) async fn the_check_finds_the_stand_in_as_it_is_described(subject: Subject) {
    let world = subject.world(60).await;
    let checked = world.directory.check(&world.cx(), None).await.unwrap();
    assert!(checked.len() >= 7, "{checked:?}");
    assert!(checked.iter().all(|one| one.verdict == Verdict::Agrees), "{checked:?}");
}

/// Beside the preset a tenant must say where the directory is, where its secret is, and what the subject's tenant says; with
/// that it can be called.
pub(crate) async fn nothing_that_a_tenant_must_say_is_left_to_guess(subject: Subject) {
    let mistakes = DirectorySettings::parse(&subject.preset, &BTreeMap::new(), false).unwrap_err();
    let names: Vec<&str> = mistakes.iter().map(Mistake::name).collect();
    let own = subject.settings.iter().map(|(name, _)| *name);
    let wanted = ["BaseUrl", "SecretFile"].into_iter().chain(own);
    let wanted: Vec<String> = wanted.map(|name| format!("{}.{name}", subject.preset.name)).collect();
    assert_eq!(names, wanted);
    let world = subject.world(1).await;
    assert!(world.directory.check(&world.cx(), None).await.is_ok());
}
