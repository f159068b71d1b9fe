//! The sample users of each simulated provider: generated the same way each time, and varied enough for tests.

use std::collections::BTreeSet;

use masthead_sandbox::{
    SESSION_GRADE, UserShape, sample_account, sample_accounts, sample_generic_user, sample_generic_users,
    sample_registration, sample_registrations, sample_user, sample_users,
};
use serde_json::Value;

#[test]
fn samples_are_stable_and_their_ids_unique() {
    let generic = |shape| {
        (
            sample_generic_users(shape, 500).collect(),
            sample_generic_user(shape, 123),
        )
    };
    let (ssor, ssor_user) = generic(UserShape::Ssor);
    let (firefly, firefly_user) = generic(UserShape::Firefly);
    let all: [(&str, Vec<Value>, Value); 6] = [
        ("user_id", sample_users(500).collect(), sample_user(123)),
        ("UID", sample_accounts(500).collect(), sample_account(123)),
        ("consumerId", ssor, ssor_user),
        ("userGUID", firefly, firefly_user),
        (
            "customerRegistrationId",
            sample_registrations(500).collect(),
            sample_registration(123),
        ),
        ("email", sample_registrations(500).collect(), sample_registration(123)),
    ];
    for (id, users, user) in all {
        assert_eq!(users[123], user);
        let ids: BTreeSet<&str> = users.iter().filter_map(|user| user[id].as_str()).collect();
        assert_eq!(ids.len(), 500, "{id}");
    }
}

#[test]
fn generic_users_share_addresses_lack_names_and_have_sessions() {
    for (shape, sessions) in [
        (UserShape::Ssor, ["masterId", "PUID"]),
        (UserShape::Firefly, ["atyponId", "sessionKey"]),
    ] {
        let users: Vec<Value> = sample_generic_users(shape, 100).collect();
        assert_eq!(users[74]["email"], users[73]["email"]);
        assert!(users.iter().any(|user| user.get("firstName").is_none()));
        for value in users.iter().flat_map(|user| sessions.map(|name| &user[name])) {
            assert!(value.as_str().unwrap().starts_with(SESSION_GRADE));
        }
    }
}
