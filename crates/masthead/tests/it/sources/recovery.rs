//! The end of an outage: each read path by itself must detect that the source answers again.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use masthead_domain::{
    answer::Completeness, customer_registration_id::CustomerRegistrationId, email::EmailKey, merge::SourceKind,
    query::OnProviderFailure, user_key::UserKey,
};
use masthead_orchestrator::{ExportRequest, ExportedUser, ReadError};
use masthead_ports::{
    bulk::LookupKey,
    mirror::{RemovalBrake, StartOutcome, StartRun},
    scan::{ScanExtent, UserScans},
    source::Priority,
};
use masthead_provider_kit::BreakerOptions;
use tokio::time::sleep;

use crate::{
    sources::harness::{PATIENT, ReadKind, SourceHarness, SourceRequest, UNKNOWN, query},
    support::{
        readers::{crid, email},
        sources::SourceUnderTest,
    },
};

/// How long after the breaker's open time a path must be complete again.
const AFTER_THE_OPEN_TIME: Duration = Duration::from_secs(1);

/// A read path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecoveryPath {
    /// Of both sources.
    Both(ReadKind),
    /// A list after the first sync: it never calls the provider.
    ListOfTheDirectory,
    /// Of the provider only, as type 1 of the legacy API.
    Alone(ReadKind),
    Export(ReadKind),
    /// A step of a sync run.
    Sync,
}

impl RecoveryPath {
    fn all(side: SourceKind) -> Vec<Self> {
        const WAYS: [ReadKind; 3] = [ReadKind::ById, ReadKind::ByEmail, ReadKind::List];
        let both = WAYS.into_iter().map(Self::Both);
        let export = [ReadKind::ById, ReadKind::ByEmail].map(Self::Export);
        let mut all: Vec<_> = both.chain(export).collect();
        if side == SourceKind::Provider {
            all.extend(WAYS.map(Self::Alone));
            all.extend([Self::ListOfTheDirectory, Self::Sync]);
        }
        all
    }
}

pub(crate) async fn every_read_path_recovers(source: &'static SourceUnderTest) {
    join_all(
        RecoveryPath::all(source.side)
            .into_iter()
            .map(|path| path_recovers(source, path)),
    )
    .await;
}

/// The source is off long enough to open the breaker, then on; after the open time, the next read is complete.
async fn path_recovers(source: &'static SourceUnderTest, path: RecoveryPath) {
    let harness = SourceHarness::start(source, Duration::ZERO, &["both", "alone"], &["both", "other"]).await;
    let what = format!("{} {path:?}", source.name);
    harness.wait_until_complete().await;
    if path == RecoveryPath::ListOfTheDirectory {
        run_sync(&harness).await;
    }
    assert!(is_complete(&harness, path).await, "{what}: before the outage");

    harness.sandbox.off().await.unwrap();
    let began = Instant::now();
    let opening = if path == RecoveryPath::ListOfTheDirectory {
        RecoveryPath::Sync
    } else {
        path
    };
    while breaker(&harness) != "open" {
        assert!(!is_complete(&harness, opening).await, "{what}: it is off");
        assert!(began.elapsed() < PATIENT, "{what}: the breaker never opens");
    }
    let kept = path == RecoveryPath::ListOfTheDirectory;
    assert_eq!(is_complete(&harness, path).await, kept, "{what}: the breaker is open");

    harness.sandbox.on().await.unwrap();
    sleep(BreakerOptions::default().open_for + AFTER_THE_OPEN_TIME).await;
    assert!(is_complete(&harness, path).await, "{what}: it is on again");
    if !kept {
        assert_eq!(breaker(&harness), "closed", "{what}");
    }
}

/// Makes the first sync run of the mirror.
pub(crate) async fn run_sync(harness: &SourceHarness) {
    let cx = harness.caller(Instant::now() + PATIENT).context(Priority::Sync);
    let (mirror, at) = (&harness.world.mirror, harness.world.clock.now());
    let beginning = StartRun {
        holder: "test",
        at,
        lease: PATIENT,
        full_every: Duration::ZERO,
    };
    let StartOutcome::Run(run) = mirror.start_run(&cx, beginning).await.unwrap() else {
        panic!("no other process has the run")
    };
    let scan = UserScans::for_tenant(&harness.adapters, &harness.tenant).unwrap();
    let mut from = None;
    loop {
        let step = scan
            .fetch_page(&cx, ScanExtent::Everything, from.as_ref())
            .await
            .unwrap();
        mirror.record_page(&cx, &run, &step, at).await.unwrap();
        let Some(next) = step.next else { break };
        from = Some(next);
    }
    mirror.finish_run(&cx, &run, at, RemovalBrake::On).await.unwrap();
}

fn breaker(harness: &SourceHarness) -> &'static str {
    let health = harness.adapters.health();
    let own = health.iter().find(|one| one.provider == harness.source.name);
    own.unwrap().breaker
}

/// Reads once by this path; returns whether every source answered.
async fn is_complete(harness: &SourceHarness, path: RecoveryPath) -> bool {
    let caller = harness.caller(Instant::now() + PATIENT);
    let mode = OnProviderFailure::Degrade;
    let id = CustomerRegistrationId::parse(&crid("both")).unwrap();
    let completeness = match path {
        RecoveryPath::Both(kind) => Some(harness.send(SourceRequest::new(kind, "both")).await.completeness),
        RecoveryPath::ListOfTheDirectory => Some(
            harness
                .send(SourceRequest::new(ReadKind::List, "both"))
                .await
                .completeness,
        ),
        RecoveryPath::Alone(ReadKind::ById) => match harness.use_cases.search_provider.find(&caller, &id, mode).await {
            Ok(answer) => answer.completeness,
            Err(error) => unconfirmed(error),
        },
        RecoveryPath::Alone(kind) => match harness
            .use_cases
            .search_provider
            .search(&caller, &query(kind, "both"), mode)
            .await
        {
            Ok(answer) => answer.completeness,
            Err(error) => unconfirmed(error),
        },
        RecoveryPath::Export(kind) => {
            // An unknown user is absent only if every source confirms it: absence is never cached.
            let key = match kind {
                ReadKind::ById => LookupKey::User(UserKey::Id(CustomerRegistrationId::parse(&crid(UNKNOWN)).unwrap())),
                ReadKind::ByEmail | ReadKind::List => {
                    LookupKey::User(UserKey::Email(EmailKey::from_text(&email(UNKNOWN))))
                }
            };
            let request = ExportRequest { keys: vec![Some(key)] };
            let export = &harness.use_cases.export_users;
            return export.export(&caller, &request).await.unwrap().outcomes == [ExportedUser::Absent];
        }
        RecoveryPath::Sync => {
            let scan = UserScans::for_tenant(&harness.adapters, &harness.tenant).unwrap();
            let cx = caller.context(Priority::Sync);
            return scan.fetch_page(&cx, ScanExtent::Everything, None).await.is_ok();
        }
    };
    completeness.unwrap().complete
}

fn unconfirmed(error: ReadError) -> Option<Completeness> {
    match error {
        ReadError::Unavailable { completeness, .. } => completeness,
        other => panic!("{other}"),
    }
}
