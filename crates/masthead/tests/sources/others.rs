//! Answers that are well-formed and not true: about somebody else, or with somebody missing.

use std::time::Duration;

use masthead_domain::merge::SourceKind;
use masthead_sandbox::{Fault, FaultRule};

use crate::{
    people::crid,
    stage::{Ask, Stage, Way},
    under_test::Source,
};

/// Nothing of it is shown, written or remembered, and it is no absence.
pub(crate) async fn somebody_else_is_refused(source: &'static Source) {
    let there = ["both", "alone", "stranger"];
    let mut stage = Stage::start(source, Duration::from_hours(1), &there, &["both"]).await;
    stage.ask_until_complete().await;
    stage.sandbox.inject(FaultRule::from(Fault::OtherUser).on(source.calls));
    for way in [Way::ById, Way::ByEmail] {
        let told = stage.ask(Ask::new(way, "both")).await;
        assert_eq!(told.ids(), [crid("both")], "{told:?}");
        assert_eq!(told.source(source.name), ("unavailable", "corrupt"), "{told:?}");
        let told = stage.ask(Ask::new(way, "alone")).await;
        assert!(told.users.is_none(), "{told:?}");
    }
    assert_eq!(stage.written().await, []);
    stage.sandbox.clear_faults();
    for (way, name) in [(Way::ById, "both"), (Way::ByEmail, "both"), (Way::ById, "alone")] {
        let told = stage.ask(Ask::new(way, name)).await;
        assert_eq!((told.ids(), told.completeness.complete), (vec![&*crid(name)], true));
    }
}

/// A list is whole, or says that it is not.
pub(crate) async fn a_loss_is_noticed(source: &'static Source) {
    let stage = Stage::start(source, Duration::ZERO, &["one", "two", "three"], &[]).await;
    stage.ask_until_complete().await;
    stage.sandbox.inject(FaultRule::from(Fault::Missing).on(source.calls));
    let told = stage.ask(Ask::new(Way::List, "one")).await;
    assert!(!told.completeness.complete, "{told:?}");
    if source.side == SourceKind::Store {
        // There a look-up is a list as well: one that lost its only user is no absence.
        for way in [Way::ById, Way::ByEmail] {
            let told = stage.ask(Ask::new(way, "one")).await;
            assert!(told.users.is_none(), "{told:?}");
            assert_eq!(told.source(source.name), ("unavailable", "corrupt"), "{told:?}");
        }
    }
    stage.sandbox.clear_faults();
    let told = stage.ask(Ask::new(Way::List, "one")).await;
    assert_eq!((told.ids().len(), told.completeness.complete), (3, true), "{told:?}");
}
