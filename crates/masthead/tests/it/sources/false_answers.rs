//! Well-formed but false answers: about another user, or with a user missing.

use std::time::Duration;

use masthead_domain::merge::SourceKind;
use masthead_sandbox::{Fault, FaultRule};

use crate::{
    sources::harness::{ReadKind, SourceHarness, SourceRequest},
    support::{readers::crid, sources::SourceUnderTest},
};

/// The answer is neither returned, written nor cached, and it does not confirm absence.
pub(crate) async fn answer_about_another_user_is_refused(source: &'static SourceUnderTest) {
    let there = ["both", "alone", "stranger"];
    let mut harness = SourceHarness::start(source, Duration::from_hours(1), &there, &["both"]).await;
    harness.wait_until_complete().await;
    harness
        .sandbox
        .inject(FaultRule::from(Fault::OtherUser).on(source.calls));
    for kind in [ReadKind::ById, ReadKind::ByEmail] {
        let response = harness.send(SourceRequest::new(kind, "both")).await;
        assert_eq!(response.ids(), [crid("both")], "{response:?}");
        assert_eq!(response.source(source.name), ("unavailable", "corrupt"), "{response:?}");
        let response = harness.send(SourceRequest::new(kind, "alone")).await;
        assert!(response.users.is_none(), "{response:?}");
    }
    assert_eq!(harness.written().await, []);
    harness.sandbox.clear_faults();
    for (kind, name) in [
        (ReadKind::ById, "both"),
        (ReadKind::ByEmail, "both"),
        (ReadKind::ById, "alone"),
    ] {
        let response = harness.send(SourceRequest::new(kind, name)).await;
        response.assert_complete(&[name]);
    }
}

/// A list is complete or marked as incomplete.
pub(crate) async fn incomplete_list_is_marked_incomplete(source: &'static SourceUnderTest) {
    let harness = SourceHarness::start(source, Duration::ZERO, &["one", "two", "three"], &[]).await;
    harness.wait_until_complete().await;
    harness.sandbox.inject(FaultRule::from(Fault::Missing).on(source.calls));
    let response = harness.send(SourceRequest::new(ReadKind::List, "one")).await;
    assert!(!response.completeness.complete, "{response:?}");
    if source.side == SourceKind::Store {
        // There a lookup is a list as well: a list without its only user does not confirm absence.
        for kind in [ReadKind::ById, ReadKind::ByEmail] {
            let response = harness.send(SourceRequest::new(kind, "one")).await;
            assert!(response.users.is_none(), "{response:?}");
            assert_eq!(response.source(source.name), ("unavailable", "corrupt"), "{response:?}");
        }
    }
    harness.sandbox.clear_faults();
    let response = harness.send(SourceRequest::new(ReadKind::List, "one")).await;
    assert_eq!(
        (response.ids().len(), response.completeness.complete),
        (3, true),
        "{response:?}"
    );
}
