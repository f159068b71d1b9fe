//! The suite that every writer of accounts passes, against its stand-in.

use std::sync::Arc;

use masthead_domain::{account::Account, email::Email, tenant::Tenant, user_key::UserKey};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, SignIn, SignInAnswer, SignInAttempt, WriteError},
    passwords::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind, UserSource},
};
use masthead_sandbox::{Fault, FaultRule, Outage, Sandbox};
use masthead_testkit::source_client::{SourceClient, crid};

use crate::{AdapterFixture, failure_kind, first_name};

/// The password of accounts that the suite creates.
const PASSWORD: &str = "Sandbox-password-1";
/// The next one.
const NEW_PASSWORD: &str = "Sandbox-password-2 \u{fc}'<>()*!~+&=%";

/// A writer under test, and the stand-in that it calls.
pub struct WriterFixture {
    /// The stand-in, without users.
    pub sandbox: Sandbox,
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// The writer.
    pub writer: Arc<dyn AccountWriter>,
    /// The check of passwords.
    pub check: Arc<dyn SignIn>,
    /// The look-ups.
    pub source: Arc<dyn UserSource>,
    /// The method and the path of the one call that creates an account, for faults.
    pub creation: (&'static str, &'static str),
    /// The text with which the provider rejects a weak password.
    pub weak_password_text: &'static str,
    /// A metadata key that is written.
    pub key: &'static str,
    /// An id that no user has.
    pub unknown_id: &'static str,
}

impl<A: AccountWriter + SignIn + UserSource + 'static> From<AdapterFixture<A>> for WriterFixture {
    fn from(fixture: AdapterFixture<A>) -> Self {
        let adapter = Arc::new(fixture.adapter);
        Self {
            sandbox: fixture.sandbox,
            tenant: fixture.tenant,
            writer: Arc::clone(&adapter) as Arc<_>,
            check: Arc::clone(&adapter) as Arc<_>,
            source: adapter,
            creation: ("POST", "/"),
            weak_password_text: "",
            key: "displayName",
            unknown_id: "unknown",
        }
    }
}

impl SourceClient for WriterFixture {
    fn source(&self) -> &dyn UserSource {
        &*self.source
    }

    fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

impl WriterFixture {
    fn new_account(&self, email: &str) -> NewAccount {
        let pairs = [(self.key.to_owned(), "first".to_owned())];
        NewAccount {
            id: None,
            email: Email::parse(email).unwrap(),
            password: Some(PlainPassword::new(PASSWORD)),
            first_name: "Nova".into(),
            last_name: "M\u{fc}ller".into(),
            verified: true,
            metadata: masthead_domain::metadata::Metadata::from_valid(pairs),
        }
    }

    async fn create(&self, email: &str) -> Result<Account, WriteError> {
        self.writer.create(&self.cx(), &self.new_account(email)).await
    }

    async fn sign_in(&self, login: &str, password: &str) -> Result<SignInAnswer, SourceError> {
        let password = PlainPassword::new(password);
        let attempt = SignInAttempt {
            login,
            password: &password,
            address: Some([203, 0, 113, 7].into()),
        };
        self.check.sign_in(&self.cx(), &attempt).await
    }

    async fn find_written(&self, email: &str) -> Vec<Account> {
        let key = UserKey::Email(Email::parse(email).unwrap().key().clone());
        self.writer.find_written(&self.cx(), &key).await.unwrap()
    }

    /// A fault of the call that creates an account.
    fn break_creation(&self, fault: Fault) {
        let (method, path) = self.creation;
        self.sandbox
            .inject(FaultRule::from(fault).on(path).method(method).times(1));
    }

    /// A context with little time.
    fn hurried(&self) -> CallContext {
        let deadline = std::time::Instant::now() + std::time::Duration::from_millis(400);
        CallContext { deadline, ..self.cx() }
    }
}

/// A new account is found by id and by address at once, with all of its fields.
pub async fn created_account_is_found(fixture: WriterFixture) {
    let made = fixture.create("Nova@Example.com").await.unwrap();
    assert_eq!(fixture.by_id(made.crid.as_str()).await.unwrap().unwrap(), made);
    assert_eq!(
        fixture.find_written("nova@example.com").await,
        std::slice::from_ref(&made)
    );
    assert_eq!((&*made.first_name, &*made.last_name), ("Nova", "M\u{fc}ller"));
    assert_eq!(
        (made.verified, made.metadata.get(fixture.key)),
        (Some(true), Some("first"))
    );
    let SignInAnswer::Accepted(account) = fixture.sign_in("nova@example.com", PASSWORD).await.unwrap() else {
        panic!("the password is accepted")
    };
    assert_eq!(account.crid, made.crid);
}

/// Neither a new account nor another one gets an address that is in use.
pub async fn taken_address_is_refused(fixture: WriterFixture) {
    fixture.create("ann@example.com").await.unwrap();
    let again = fixture.create("Ann@Example.com").await;
    assert!(matches!(again, Err(WriteError::AlreadyExists)), "{again:?}");
    let bob = fixture.create("bob@example.com").await.unwrap();
    let email = Email::parse("Ann@Example.com").unwrap();
    let taken = fixture.writer.set_email(&fixture.cx(), &bob.crid, &email, true).await;
    assert!(matches!(taken, Err(WriteError::AlreadyExists)), "{taken:?}");
    assert_eq!(fixture.ids_by_email("bob@example.com").await, [bob.crid.as_str()]);
}

/// A change of an unknown user is no success; its deletion is.
pub async fn unknown_user_is_reported(fixture: WriterFixture) {
    let (id, cx) = (crid(fixture.unknown_id), fixture.cx());
    let email = Email::parse("x@example.com").unwrap();
    let password = PlainPassword::new(PASSWORD);
    for answer in [
        fixture.writer.update(&cx, &id, &first_name("X")).await.map(drop),
        fixture.writer.set_email(&cx, &id, &email, true).await.map(drop),
        fixture.writer.set_password(&cx, &id, &password).await,
    ] {
        assert!(matches!(answer, Err(WriteError::NoSuchUser)), "{answer:?}");
    }
    fixture.writer.delete(&cx, &id).await.unwrap();
    let key = UserKey::Id(id);
    assert_eq!(fixture.writer.find_written(&cx, &key).await.unwrap(), []);
}

/// A weak password is refused with the provider's text, and nothing is written.
pub async fn weak_password_is_refused_with_its_text(fixture: WriterFixture) {
    let ann = fixture.create("ann@example.com").await.unwrap();
    let weak = PlainPassword::new("short");
    let new = NewAccount {
        password: Some(weak.clone()),
        ..fixture.new_account("bob@example.com")
    };
    for answer in [
        fixture.writer.set_password(&fixture.cx(), &ann.crid, &weak).await,
        fixture.writer.create(&fixture.cx(), &new).await.map(drop),
    ] {
        let Err(WriteError::Refused { message: Some(text) }) = answer else {
            panic!("{answer:?}")
        };
        assert!(text.as_str().contains(fixture.weak_password_text), "{}", text.as_str());
    }
    assert!(fixture.find_written("bob@example.com").await.is_empty());
    assert!(matches!(
        fixture.sign_in("ann@example.com", PASSWORD).await,
        Ok(SignInAnswer::Accepted(_))
    ));
}

/// A change keeps what it does not name, and removes what is empty.
pub async fn update_merges_fields(fixture: WriterFixture) {
    let made = fixture.create("ann@example.com").await.unwrap();
    let changed = fixture
        .writer
        .update(&fixture.cx(), &made.crid, &first_name("Anna"))
        .await
        .unwrap();
    assert_eq!((&*changed.first_name, &*changed.last_name), ("Anna", "M\u{fc}ller"));
    assert_eq!(changed.metadata.get(fixture.key), Some("first"));
    let change = AccountChange {
        last_name: Some("".into()),
        metadata: vec![
            (fixture.key.into(), Some("second".into())),
            ("zodiac".into(), Some("leo".into())),
        ],
        ..AccountChange::default()
    };
    let changed = fixture.writer.update(&fixture.cx(), &made.crid, &change).await.unwrap();
    assert_eq!((&*changed.first_name, &*changed.last_name), ("Anna", ""));
    assert_eq!(changed.metadata.get(fixture.key), Some("second"));
    let change = AccountChange {
        metadata: vec![(fixture.key.into(), None)],
        ..AccountChange::default()
    };
    let changed = fixture.writer.update(&fixture.cx(), &made.crid, &change).await.unwrap();
    assert!(changed.metadata.get(fixture.key).unwrap_or_default().is_empty());
    assert_eq!(fixture.by_id(made.crid.as_str()).await.unwrap(), Some(changed));
}

/// A new password signs in, and the old one does not.
pub async fn new_password_replaces_the_old(fixture: WriterFixture) {
    let ann = fixture.create("ann@example.com").await.unwrap();
    let password = PlainPassword::new(NEW_PASSWORD);
    fixture
        .writer
        .set_password(&fixture.cx(), &ann.crid, &password)
        .await
        .unwrap();
    let accepted = fixture.sign_in("ann@example.com", NEW_PASSWORD).await.unwrap();
    assert!(
        matches!(&accepted, SignInAnswer::Accepted(account) if account.crid == ann.crid),
        "{accepted:?}"
    );
    for (login, password) in [("ann@example.com", PASSWORD), ("nobody@example.com", NEW_PASSWORD)] {
        let answer = fixture.sign_in(login, password).await.unwrap();
        assert_eq!(answer, SignInAnswer::WrongCredentials);
    }
}

/// A user signs in with the new address, and not with the old one.
pub async fn new_address_signs_in(fixture: WriterFixture) {
    let ann = fixture.create("ann@example.com").await.unwrap();
    let email = Email::parse("Anna@Example.com").unwrap();
    let changed = fixture
        .writer
        .set_email(&fixture.cx(), &ann.crid, &email, true)
        .await
        .unwrap();
    assert_eq!(changed.email.as_ref().map(Email::key), Some(email.key()));
    assert_eq!(changed.verified, Some(true));
    let accepted = fixture.sign_in("anna@example.com", PASSWORD).await.unwrap();
    assert!(
        matches!(&accepted, SignInAnswer::Accepted(account) if account.crid == ann.crid),
        "{accepted:?}"
    );
    let old = fixture.sign_in("ann@example.com", PASSWORD).await.unwrap();
    assert_eq!(old, SignInAnswer::WrongCredentials);
    assert!(fixture.find_written("ann@example.com").await.is_empty());
    assert_eq!(fixture.ids_by_email("anna@example.com").await, [ann.crid.as_str()]);
}

/// A deleted account is absent, also for sign-ins.
pub async fn deleted_account_is_absent(fixture: WriterFixture) {
    let ann = fixture.create("ann@example.com").await.unwrap();
    fixture.writer.delete(&fixture.cx(), &ann.crid).await.unwrap();
    assert_eq!(fixture.by_id(ann.crid.as_str()).await.unwrap(), None);
    assert!(fixture.find_written("ann@example.com").await.is_empty());
    let answer = fixture.sign_in("ann@example.com", PASSWORD).await.unwrap();
    assert_eq!(answer, SignInAnswer::WrongCredentials);
    fixture.create("ann@example.com").await.unwrap();
}

/// A write whose answer is lost is of unknown outcome, is tried once, and a look-up finds it.
pub async fn lost_answer_is_unknown_and_settled(fixture: WriterFixture) {
    let faults = [
        Fault::ResetBeforeHeaders,
        Fault::ResetMidBody,
        Fault::SilenceAfterCall,
        Fault::StatusAfterCall { status: 502 },
        Fault::StatusAfterCall { status: 503 },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let email = format!("lost{number}@example.com");
        let new = fixture.new_account(&email);
        let cx = if fault == Fault::SilenceAfterCall {
            fixture.hurried()
        } else {
            fixture.cx()
        };
        fixture.break_creation(fault.clone());
        let error = fixture.writer.create(&cx, &new).await.unwrap_err();
        assert!(error.may_have_happened(), "{fault:?}: {error:?}");
        assert_eq!(fixture.find_written(&email).await.len(), 1, "{fault:?}");
    }
}

/// A write that was sent and not done is of unknown outcome too, and a look-up finds nothing: it is safe to repeat.
pub async fn undone_write_is_unknown_and_settled(fixture: WriterFixture) {
    for fault in [Fault::ResetBeforeCall, Fault::Silence, crate::status(500)] {
        let new = fixture.new_account("undone@example.com");
        let cx = if fault == Fault::Silence {
            fixture.hurried()
        } else {
            fixture.cx()
        };
        fixture.break_creation(fault.clone());
        let error = fixture.writer.create(&cx, &new).await.unwrap_err();
        assert!(error.may_have_happened(), "{fault:?}: {error:?}");
        assert!(fixture.find_written("undone@example.com").await.is_empty(), "{fault:?}");
    }
    fixture.create("undone@example.com").await.unwrap();
}

/// Without a connection nothing is sent, so that nothing was written; also where an older connection is gone.
pub async fn unreached_provider_is_not_written(fixture: WriterFixture) {
    let ann = fixture.create("ann@example.com").await.unwrap();
    let new = fixture.new_account("new@example.com");
    let password = PlainPassword::new(NEW_PASSWORD);
    let attempt = SignInAttempt {
        login: "ann@example.com",
        password: &password,
        address: None,
    };
    for outage in [Outage::Refused, Outage::Unreachable] {
        fixture.sandbox.outage(outage).await.unwrap();
        let created = fixture.writer.create(&fixture.hurried(), &new).await;
        let set = fixture
            .writer
            .set_password(&fixture.hurried(), &ann.crid, &password)
            .await;
        let checked = fixture.check.sign_in(&fixture.hurried(), &attempt).await;
        for kind in [failure_kind(created), failure_kind(set), checked.unwrap_err().kind] {
            assert_eq!(kind, SourceErrorKind::Unavailable, "{outage:?}");
        }
        fixture.sandbox.on().await.unwrap();
    }
    assert!(fixture.find_written("new@example.com").await.is_empty());
    let answer = fixture.sign_in("ann@example.com", PASSWORD).await.unwrap();
    assert!(matches!(answer, SignInAnswer::Accepted(_)), "{answer:?}");
}

/// A late answer within the deadline is an answer.
pub async fn slow_write_is_done(fixture: WriterFixture) {
    fixture.break_creation(Fault::Latency { ms: 150 });
    fixture.create("late@example.com").await.unwrap();
}

/// After too many wrong passwords the right one is not "incorrect", and a silence never is.
pub async fn lockout_and_silence_are_not_incorrect(fixture: WriterFixture) {
    fixture.create("ann@example.com").await.unwrap();
    for fault in [Fault::ResetMidBody, Fault::Html, crate::status(500)] {
        fixture.sandbox.inject(FaultRule::from(fault.clone()).times(1));
        let answer = fixture.sign_in("ann@example.com", "wrong-password-1").await;
        assert_eq!(answer.unwrap_err().kind, SourceErrorKind::Unavailable, "{fault:?}");
    }
    for _ in 0..10 {
        let answer = fixture.sign_in("ann@example.com", "wrong-password-1").await;
        match answer {
            Ok(SignInAnswer::WrongCredentials | SignInAnswer::LockedOut) => {}
            Err(error) => assert!(matches!(error.kind, SourceErrorKind::RateLimited { .. }), "{error:?}"),
            Ok(other) => panic!("{other:?}"),
        }
    }
    let locked = fixture.sign_in("ann@example.com", PASSWORD).await;
    let is_locked = match &locked {
        Ok(answer) => *answer == SignInAnswer::LockedOut,
        Err(error) => matches!(error.kind, SourceErrorKind::RateLimited { .. }),
    };
    assert!(is_locked, "{locked:?}");
}

/// A test for each promise of the suite; the argument is an asynchronous function that makes a [`WriterFixture`].
#[macro_export]
macro_rules! writer_tests {
    ($start:path) => {
        $crate::writer_tests!(
            $start: created_account_is_found,
            taken_address_is_refused,
            unknown_user_is_reported,
            weak_password_is_refused_with_its_text,
            update_merges_fields,
            new_password_replaces_the_old,
            new_address_signs_in,
            deleted_account_is_absent,
            lost_answer_is_unknown_and_settled,
            undone_write_is_unknown_and_settled,
            unreached_provider_is_not_written,
            slow_write_is_done,
            lockout_and_silence_are_not_incorrect,
        );
    };
    ($start:path: $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::writer_suite::$promise($start().await).await;
            }
        )+
    };
}
