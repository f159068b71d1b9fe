//! The end of an outage: each read path by itself, with nothing else asking, must find out that the source answers again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use masthead_domain::{
    answer::Completeness, customer_registration_id::CustomerRegistrationId, email::EmailKey, merge::SourceKind,
    query::OnProviderFailure,
};
use masthead_orchestrator::{Export, ExportRequest, ExportedUser, ReadError};
use masthead_ports::{
    bulk::LookupKey,
    mirror::{RemovalBrake, StartOutcome, StartRun},
    scan::{ScanExtent, UserScans},
    source::Priority,
};
use masthead_provider_kit::BreakerOptions;
use tokio::time::sleep;

use crate::{
    people::{crid, email},
    stage::{Ask, NOBODY, PATIENT, Stage, Way, query},
    under_test::Source,
};

/// How long after the open time a path must be complete again.
const AFTER_THE_OPEN_TIME: Duration = Duration::from_secs(1);

/// A way by which a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Of both sides.
    Both(Way),
    /// A list after the first synchronisation: it never asks the provider.
    ListOfTheDirectory,
    /// Of the provider alone, as the legacy API's type 1.
    Alone(Way),
    Export(Way),
    /// A step of a synchronisation.
    Sync,
}

impl Path {
    fn all(side: SourceKind) -> Vec<Self> {
        const WAYS: [Way; 3] = [Way::ById, Way::ByEmail, Way::List];
        let both = WAYS.into_iter().map(Self::Both);
        let export = [Way::ById, Way::ByEmail].map(Self::Export);
        let mut all: Vec<_> = both.chain(export).collect();
        if side == SourceKind::Provider {
            all.extend(WAYS.map(Self::Alone));
            all.extend([Self::ListOfTheDirectory, Self::Sync]);
        }
        all
    }
}

pub(crate) async fn every_path_recovers(source: &'static Source) {
    join_all(
        Path::all(source.side)
            .into_iter()
            .map(|path| path_recovers(source, path)),
    )
    .await;
}

/// The source is off long enough to open the breaker, then on; once the open time is over, the very next read is complete.
async fn path_recovers(source: &'static Source, path: Path) {
    let stage = Stage::start(source, Duration::ZERO, &["both", "alone"], &["both", "other"]).await;
    let what = format!("{} {path:?}", source.name);
    stage.ask_until_complete().await;
    if path == Path::ListOfTheDirectory {
        synchronise(&stage).await;
    }
    assert!(is_complete(&stage, path).await, "{what}: before the outage");

    stage.sandbox.off().await.unwrap();
    let began = Instant::now();
    let opening = if path == Path::ListOfTheDirectory {
        Path::Sync
    } else {
        path
    };
    while breaker(&stage) != "open" {
        assert!(!is_complete(&stage, opening).await, "{what}: it is off");
        assert!(began.elapsed() < PATIENT, "{what}: the breaker never opens");
    }
    let kept = path == Path::ListOfTheDirectory;
    assert_eq!(is_complete(&stage, path).await, kept, "{what}: the breaker is open");

    stage.sandbox.on().await.unwrap();
    sleep(BreakerOptions::default().open_for + AFTER_THE_OPEN_TIME).await;
    assert!(is_complete(&stage, path).await, "{what}: it is on again");
    if !kept {
        assert_eq!(breaker(&stage), "closed", "{what}");
    }
}

/// The directory's first synchronisation.
pub(crate) async fn synchronise(stage: &Stage) {
    let cx = stage.caller(Instant::now() + PATIENT).context(Priority::Sync);
    let (directory, at) = (&stage.world.directory, stage.world.clock.now());
    let beginning = StartRun {
        holder: "test",
        at,
        lease: PATIENT,
        full_every: Duration::ZERO,
    };
    let StartOutcome::Run(run) = directory.start_run(&cx, beginning).await.unwrap() else {
        panic!("nobody else is at it")
    };
    let walk = UserScans::for_tenant(&stage.adapters, &stage.tenant).unwrap();
    let mut from = None;
    loop {
        let step = walk
            .fetch_page(&cx, ScanExtent::Everything, from.as_ref())
            .await
            .unwrap();
        directory.record_page(&cx, &run, &step, at).await.unwrap();
        let Some(next) = step.next else { break };
        from = Some(next);
    }
    directory.finish_run(&cx, &run, at, RemovalBrake::On).await.unwrap();
}

fn breaker(stage: &Stage) -> &'static str {
    let health = stage.adapters.health();
    let own = health.iter().find(|one| one.provider == stage.source.name);
    own.unwrap().breaker
}

/// Reads once by this path; whether every source answered.
async fn is_complete(stage: &Stage, path: Path) -> bool {
    let caller = stage.caller(Instant::now() + PATIENT);
    let mode = OnProviderFailure::Degrade;
    let id = CustomerRegistrationId::parse(&crid("both")).unwrap();
    let completeness = match path {
        Path::Both(way) => Some(stage.ask(Ask::new(way, "both")).await.completeness),
        Path::ListOfTheDirectory => Some(stage.ask(Ask::new(Way::List, "both")).await.completeness),
        Path::Alone(Way::ById) => match stage.users.by_id_at_provider(&caller, &id, mode).await {
            Ok(answer) => answer.completeness,
            Err(error) => cannot_tell(error),
        },
        Path::Alone(way) => match stage.users.search_at_provider(&caller, &query(way, "both"), mode).await {
            Ok(answer) => answer.completeness,
            Err(error) => cannot_tell(error),
        },
        Path::Export(way) => {
            // Nobody is absent where every source says so, and unresolved otherwise: absence is never remembered.
            let key = match way {
                Way::ById => LookupKey::Id(CustomerRegistrationId::parse(&crid(NOBODY)).unwrap()),
                Way::ByEmail | Way::List => LookupKey::Email(EmailKey::from_text(&email(NOBODY))),
            };
            let request = ExportRequest {
                keys: vec![Some(key)],
                network: None,
            };
            let export = Export::new(stage.users.clone(), Arc::clone(&stage.bulk));
            return export.export(&caller, &request).await.outcomes == [ExportedUser::Absent];
        }
        Path::Sync => {
            let walk = UserScans::for_tenant(&stage.adapters, &stage.tenant).unwrap();
            let cx = caller.context(Priority::Sync);
            return walk.fetch_page(&cx, ScanExtent::Everything, None).await.is_ok();
        }
    };
    completeness.unwrap().complete
}

fn cannot_tell(error: ReadError) -> Option<Completeness> {
    match error {
        ReadError::Unavailable { completeness, .. } => completeness,
        other => panic!("{other}"),
    }
}
