//! Tests of the relay: pauses, dead letters, leases, bounds and the end, with a stopped clock.

use masthead_ports::mail::SealedMail;
use masthead_testkit::{
    clock::StoppedClock,
    logs::LogCapture,
    mail::{FakeMailOutbox, FakeMailer, FakeTemplates, MailState, sample_mail},
    sealing::FakeSealing,
};
use time::Duration as Span;
use tokio::time::timeout;

use super::*;
use crate::mail_sealing::seal_mail;

const ADDRESS: &str = "ann.private@example.com";

struct Fixture {
    clock: Arc<StoppedClock>,
    outbox: Arc<FakeMailOutbox>,
    mailer: Arc<FakeMailer>,
    templates: FakeTemplates,
}

impl Fixture {
    fn new() -> Self {
        let clock = Arc::new(StoppedClock::default());
        Self {
            outbox: Arc::new(FakeMailOutbox::new(Arc::clone(&clock) as _)),
            clock,
            mailer: Arc::default(),
            templates: FakeTemplates::default(),
        }
    }

    fn queue(&self, lifetime: Option<Span>) {
        let mut mail = sample_mail(ADDRESS);
        mail.values.expires_at = lifetime.map(|lifetime| self.clock.now() + lifetime);
        let sealed = seal_mail(&mail, &FakeSealing).unwrap();
        self.outbox.queue(&mail.tenant, sealed);
    }

    fn relay(&self) -> MailRelay {
        MailRelay::new(
            Arc::clone(&self.outbox) as _,
            Arc::new(self.templates),
            Arc::clone(&self.mailer) as _,
            Arc::new(FakeSealing),
            Arc::clone(&self.clock) as _,
            MailRelayOptions {
                at_once: 3,
                deadline: Duration::from_secs(30),
                poll: Duration::from_secs(1),
            },
        )
    }

    /// Runs a relay until all due mails were tried.
    async fn run(&self) {
        let end = CancellationToken::new();
        let running = self.relay().run(end.clone());
        let stop = async {
            sleep(Duration::from_millis(500)).await;
            end.cancel();
        };
        tokio::join!(running, stop);
    }

    fn due_in_minutes(&self) -> Vec<i64> {
        let minutes = |state: MailState| match state {
            MailState::Due(at) => (at - self.clock.now()).whole_minutes(),
            MailState::Sent | MailState::Dead(_) => -1,
        };
        self.outbox.states().into_iter().map(minutes).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn due_mails_are_sent_once_with_their_ids_and_dates() {
    let fixture = Fixture::new();
    for _ in 0..10 {
        fixture.queue(Some(Span::hours(1)));
    }
    fixture.run().await;
    fixture.run().await;
    assert_eq!(fixture.outbox.states(), [MailState::Sent; 10]);
    let sent = fixture.mailer.sent();
    assert_eq!(sent.len(), 10);
    assert_eq!((sent[0].id.as_str(), sent[0].date), ("mail-1", fixture.clock.now()));
    assert_eq!(sent[0].to.as_str(), ADDRESS);
    assert!(sent[0].text.text.contains("A1B2C3"));
}

#[tokio::test(start_paused = true)]
async fn failed_mail_is_retried_for_a_day() {
    for kind in [MailErrorKind::TryLater, MailErrorKind::Misconfigured] {
        let fixture = Fixture::new();
        fixture.queue(None);
        fixture.mailer.fail_next([kind; 100]);
        let mut pauses = Vec::new();
        loop {
            fixture.run().await;
            let MailState::Due(at) = fixture.outbox.states()[0] else {
                break;
            };
            pauses.push((at - fixture.clock.now()).as_seconds_f64() / 60.0);
            fixture.clock.advance(at - fixture.clock.now());
        }
        assert_eq!(fixture.outbox.states(), [MailState::Dead(DeadReason::GivenUp)]);
        for (pause, minutes) in pauses.iter().zip([1.0, 5.0, 15.0, 60.0, 120.0, 240.0, 360.0, 360.0]) {
            assert!((minutes * 0.75..=minutes * 1.25).contains(pause), "{pauses:?}");
        }
        let total: f64 = pauses.iter().sum();
        assert!((16.0 * 60.0..=24.0 * 60.0).contains(&total), "{pauses:?}");
        assert!(fixture.mailer.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn retry_sends_the_same_message() {
    let fixture = Fixture::new();
    fixture.queue(None);
    fixture.mailer.fail_next([MailErrorKind::TryLater]);
    let queued_at = fixture.clock.now();
    fixture.run().await;
    fixture.clock.advance(Span::minutes(2));
    fixture.run().await;
    let sent = fixture.mailer.sent();
    assert_eq!(
        (sent.len(), sent[0].id.as_str(), sent[0].date),
        (1, "mail-1", queued_at)
    );
}

#[tokio::test(start_paused = true)]
async fn refused_mail_is_dead_at_once() {
    let fixture = Fixture::new();
    fixture.queue(None);
    fixture.queue(None);
    fixture.mailer.fail_next([MailErrorKind::Refused]);
    fixture.run().await;
    assert_eq!(
        fixture.outbox.states(),
        [MailState::Dead(DeadReason::Refused), MailState::Sent]
    );
}

#[tokio::test(start_paused = true)]
async fn expired_mail_is_not_sent() {
    let fixture = Fixture::new();
    fixture.queue(Some(Span::minutes(60)));
    fixture.clock.advance(Span::minutes(60));
    fixture.run().await;
    assert_eq!(fixture.outbox.states(), [MailState::Dead(DeadReason::Expired)]);
    // It would have expired by the next try.
    let fixture = Fixture::new();
    fixture.queue(Some(Span::seconds(30)));
    fixture.mailer.fail_next([MailErrorKind::TryLater]);
    fixture.run().await;
    assert_eq!(fixture.outbox.states(), [MailState::Dead(DeadReason::Expired)]);
    assert!(fixture.mailer.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn unreadable_mail_is_dead_and_broken_template_waits() {
    let mut fixture = Fixture::new();
    fixture.templates.is_failing = true;
    fixture.queue(None);
    let tenant = sample_mail(ADDRESS).tenant;
    fixture.outbox.queue(&tenant, SealedMail("no seal".into()));
    fixture.run().await;
    let states = fixture.outbox.states();
    assert!(
        matches!(states[0], MailState::Due(_)),
        "an operator can mend the template"
    );
    assert_eq!(states[1], MailState::Dead(DeadReason::Unreadable));
}

#[tokio::test(start_paused = true)]
async fn mails_at_once_are_bounded_and_slow_ones_hold_no_others() {
    let fixture = Fixture::new();
    (0..10).for_each(|_| fixture.queue(None));
    fixture.mailer.set_delay(Duration::from_secs(2));
    let end = CancellationToken::new();
    let running = tokio::spawn(fixture.relay().run(end.clone()));
    sleep(Duration::from_secs(9)).await;
    assert_eq!((fixture.mailer.sent().len(), fixture.mailer.most_at_once()), (10, 3));
    end.cancel();
    timeout(Duration::from_secs(1), running).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn end_waits_for_begun_mails_and_claims_no_more() {
    let fixture = Fixture::new();
    (0..10).for_each(|_| fixture.queue(None));
    // Longer than the deadline.
    fixture.mailer.set_delay(Duration::from_mins(5));
    let end = CancellationToken::new();
    let running = tokio::spawn(fixture.relay().run(end.clone()));
    sleep(Duration::from_secs(1)).await;
    end.cancel();
    timeout(Duration::from_secs(31), running).await.unwrap().unwrap();
    let tried = fixture
        .due_in_minutes()
        .into_iter()
        .filter(|minutes| *minutes >= 0 && *minutes < 2)
        .count();
    assert_eq!(tried, 10, "{:?}", fixture.due_in_minutes());
    let claimed_or_retried = fixture
        .outbox
        .states()
        .into_iter()
        .filter(|state| *state != MailState::Due(fixture.clock.now()));
    assert_eq!(claimed_or_retried.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn replicas_share_the_mails() {
    let fixture = Fixture::new();
    (0..20).for_each(|_| fixture.queue(None));
    fixture.mailer.set_delay(Duration::from_millis(50));
    tokio::join!(fixture.run(), fixture.run());
    assert_eq!((fixture.mailer.sent().len(), fixture.mailer.most_at_once()), (20, 6));
}

#[tokio::test(start_paused = true)]
async fn lost_outcome_leads_to_the_same_message_once_more() {
    let fixture = Fixture::new();
    fixture.queue(None);
    let relay = fixture.relay();
    // Another process takes it and ends before it records anything.
    let claimed = fixture.outbox.claim(1, Duration::from_mins(1)).await.unwrap();
    assert_eq!(relay.try_mail(&claimed[0]).await, MailOutcome::Sent);
    fixture.run().await;
    assert_eq!(fixture.mailer.sent().len(), 1, "under its lease");
    fixture.clock.advance(Span::minutes(1));
    fixture.run().await;
    // The late word of the first process changes nothing.
    fixture.outbox.retry(&claimed[0], fixture.clock.now()).await.unwrap();
    assert_eq!(fixture.outbox.states(), [MailState::Sent]);
    let ids: Vec<_> = fixture.mailer.sent().into_iter().map(|mail| mail.id).collect();
    assert_eq!(ids, [claimed[0].id.clone(), claimed[0].id.clone()]);
}

#[tokio::test(start_paused = true)]
async fn unavailable_outbox_is_read_again() {
    let fixture = Fixture::new();
    fixture.queue(None);
    fixture.outbox.set_failing(true);
    let end = CancellationToken::new();
    let running = tokio::spawn(fixture.relay().run(end.clone()));
    sleep(Duration::from_secs(3)).await;
    assert!(fixture.mailer.sent().is_empty());
    fixture.outbox.set_failing(false);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(fixture.outbox.states(), [MailState::Sent]);
    end.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn logs_have_no_address_code_or_link() {
    let log = LogCapture::start(tracing::Level::TRACE);
    let mut fixture = Fixture::new();
    fixture.queue(None);
    fixture.queue(None);
    fixture.queue(None);
    fixture
        .mailer
        .fail_next([MailErrorKind::Refused, MailErrorKind::TryLater]);
    fixture.run().await;
    fixture.templates.is_failing = true;
    fixture.queue(None);
    fixture.run().await;
    let text = log.text();
    for expected in [
        "a mail was sent",
        "a mail was not sent",
        "a mail is a dead letter",
        "a mail cannot be rendered",
        "north/daily/herald",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    for private in [
        "ann.private",
        "example.com",
        "A1B2C3",
        "herald.example",
        "c2VjcmV0",
        "Ann",
    ] {
        assert!(!text.contains(private), "{private} in:\n{text}");
    }
}

#[test]
fn pause_grows_and_varies_by_a_quarter() {
    let minutes = |attempts, chance| pause(attempts, chance).as_secs() / 60;
    let middle = [1, 2, 3, 4, 5, 6, 7, 8, u32::MAX].map(|attempts| minutes(attempts, 0.5));
    assert_eq!(middle, [1, 5, 15, 60, 120, 240, 360, 360, 360]);
    assert_eq!((minutes(4, 0.0), minutes(4, 1.0)), (45, 75));
    assert!((0..100).all(|_| (0.0..=1.0).contains(&random_part())));
}
