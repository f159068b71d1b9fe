//! Tests of hashing and checking on the pool.

use masthead_domain::{
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};

use super::*;
use crate::{parse_password_hash, secrets::FIREBASE_SIGNER_KEY};

/// A cost that takes some milliseconds.
const CHEAP: Argon2Cost = Argon2Cost {
    memory_kib: 1024,
    iterations: 1,
    parallelism: 1,
};

struct NoSecrets;

impl TenantHashSecrets for NoSecrets {
    fn for_tenant(&self, _: &Tenant) -> HashSecrets {
        HashSecrets::default()
    }
}

fn hasher(cost: Argon2Cost) -> PooledHasher {
    let options = HasherOptions {
        threads: NonZeroUsize::MIN,
        memory_kib: 262_144,
        queue: 16,
        niceness: 0,
        cost,
    };
    PooledHasher::start(options, Arc::new(NoSecrets)).unwrap()
}

fn tenant(floor_millis: Option<u64>) -> Tenant {
    let sign_in_floor = floor_millis.map(Duration::from_millis);
    Tenant {
        id: TenantId::parse("north/daily/herald").unwrap(),
        pool: PoolId(1),
        settings: TenantSettings {
            sign_in_floor,
            ..TenantSettings::default()
        },
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn check(
    hasher: &PooledHasher,
    floor_millis: Option<u64>,
    password: &str,
    stored: Option<&str>,
) -> (Result<PasswordMatch, HasherError>, Duration) {
    let tenant = tenant(floor_millis);
    let stored = stored.map(PasswordHash::from_stored);
    let check = PasswordCheck {
        tenant: &tenant,
        password: &PlainPassword::new(password),
        stored: stored.as_ref(),
        since: Instant::now(),
    };
    let started = Instant::now();
    let checked = hasher.verify(check, soon()).await;
    (checked, started.elapsed())
}

async fn outcome(hasher: &PooledHasher, password: &str, stored: Option<&str>) -> PasswordMatch {
    check(hasher, Some(0), password, stored).await.0.unwrap()
}

async fn hash(hasher: &PooledHasher, password: &str) -> PasswordHash {
    hasher.hash(&PlainPassword::new(password), soon()).await.unwrap()
}

const CURRENT: PasswordMatch = PasswordMatch::Yes { rehash: false };
const OUTDATED: PasswordMatch = PasswordMatch::Yes { rehash: true };

/// MD5 of `Heron-Lake-42`.
const MD5: &str = "840761ea4ff4d25aeced0c1039ed7725";

#[tokio::test]
async fn new_hash_matches_its_password_only() {
    let hasher = hasher(CHEAP);
    let stored = hash(&hasher, "Heron-Lake-42").await;
    assert!(stored.expose().starts_with("$argon2id$v=19$m=1024,t=1,p=1$"));
    assert_ne!(stored, hash(&hasher, "Heron-Lake-42").await, "each has its own salt");
    assert_eq!(outcome(&hasher, "Heron-Lake-42", Some(stored.expose())).await, CURRENT);
    for other in ["heron-lake-42", "Heron-Lake-42 ", " Heron-Lake-42", ""] {
        assert_eq!(
            outcome(&hasher, other, Some(stored.expose())).await,
            PasswordMatch::No,
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn composed_and_decomposed_accents_are_one_password() {
    let hasher = hasher(CHEAP);
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    for made_of in [composed, decomposed] {
        let stored = hash(&hasher, made_of).await;
        for typed in [composed, decomposed] {
            assert_eq!(outcome(&hasher, typed, Some(stored.expose())).await, CURRENT);
        }
    }
    let imported = create_argon2id(decomposed.as_bytes(), &[7; 16], CHEAP, &mut Argon2Memory::default()).unwrap();
    assert_eq!(outcome(&hasher, decomposed, Some(&imported)).await, OUTDATED);
    assert_eq!(outcome(&hasher, composed, Some(&imported)).await, PasswordMatch::No);
}

#[tokio::test]
async fn hash_of_another_family_or_cost_is_outdated() {
    let other_cost = Argon2Cost { iterations: 2, ..CHEAP };
    let hasher = hasher(CHEAP);
    let stored = create_argon2id(b"Heron-Lake-42", &[7; 16], other_cost, &mut Argon2Memory::default()).unwrap();
    assert_eq!(outcome(&hasher, "Heron-Lake-42", Some(&stored)).await, OUTDATED);
    assert_eq!(outcome(&hasher, "Heron-Lake-42", Some(MD5)).await, OUTDATED);
}

#[tokio::test]
async fn wordpress_password_is_tried_trimmed_and_with_slashes() {
    let hasher = hasher(CHEAP);
    // MD5 of a\'b, which is how a login form of WordPress delivers a'b.
    let slashed = parse_password_hash("f5b4c466b4f21f8fa86783655e160c1c").unwrap().hash;
    assert_eq!(outcome(&hasher, " a'b", Some(slashed.expose())).await, OUTDATED);
    let own = hash(&hasher, "a\\'b").await;
    assert_eq!(outcome(&hasher, "a'b", Some(own.expose())).await, PasswordMatch::No);
}

#[tokio::test]
async fn no_hash_and_unusable_hash_are_no_match() {
    let hasher = hasher(CHEAP);
    for stored in [None, Some(""), Some("x"), Some("$argon2id$invented")] {
        assert_eq!(outcome(&hasher, "x", stored).await, PasswordMatch::No, "{stored:?}");
    }
}

#[tokio::test]
async fn missing_secret_is_not_a_wrong_password() {
    let hasher = hasher(CHEAP);
    let stored = "$firescrypt$ln=1,r=8,p=1$AAECAwQFBgcICQoLDA0ODw==$AAECAwQFBgcICQoLDA0ODw==";
    let (checked, _) = check(&hasher, None, "x", Some(stored)).await;
    let setting = FIREBASE_SIGNER_KEY;
    assert_eq!(checked, Err(HasherError::MissingSecret { setting }));
}

#[tokio::test]
async fn failures_take_the_tenants_floor_and_successes_do_not() {
    let hasher = hasher(CHEAP);
    let own = hash(&hasher, "Heron-Lake-42").await;
    let floor = Duration::from_millis(300);
    for stored in [None, Some(MD5), Some("x"), Some(own.expose())] {
        let (checked, took) = check(&hasher, Some(300), "wrong", stored).await;
        assert_eq!(checked, Ok(PasswordMatch::No));
        assert!(took >= floor, "{stored:?} took {took:?}");
    }
    let (checked, took) = check(&hasher, Some(10_000), "Heron-Lake-42", Some(MD5)).await;
    assert_eq!(checked, Ok(OUTDATED));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn default_floor_is_the_time_of_one_hash() {
    let hasher = hasher(Argon2Cost::default());
    let one_hash = hasher.hash_time.get();
    let (_, took) = check(&hasher, None, "wrong", Some(MD5)).await;
    assert!(took >= one_hash, "{took:?}, and a hash {one_hash:?}");
}

#[tokio::test]
async fn time_of_reading_the_hash_is_part_of_the_floor() {
    let hasher = hasher(CHEAP);
    let tenant = tenant(Some(2_000));
    let since = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
    let check = PasswordCheck {
        tenant: &tenant,
        password: &PlainPassword::new("x"),
        stored: None,
        since,
    };
    let started = Instant::now();
    assert_eq!(hasher.verify(check, soon()).await, Ok(PasswordMatch::No));
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "nothing is left to wait for"
    );
}

#[tokio::test]
async fn floor_ends_at_the_deadline() {
    let hasher = hasher(CHEAP);
    let tenant = tenant(Some(10_000));
    let check = PasswordCheck {
        tenant: &tenant,
        password: &PlainPassword::new("x"),
        stored: None,
        since: Instant::now(),
    };
    let started = Instant::now();
    let checked = hasher.verify(check, started + Duration::from_secs(1)).await;
    assert_eq!(checked, Ok(PasswordMatch::No));
    assert!(started.elapsed() < Duration::from_secs(9));
}

#[tokio::test]
async fn passed_deadline_is_busy() {
    let hasher = hasher(CHEAP);
    let late = hasher.hash(&PlainPassword::new("x"), Instant::now()).await;
    assert!(matches!(late, Err(HasherError::Busy { .. })));
}

#[test]
fn cost_out_of_range_does_not_start() {
    let options = HasherOptions {
        threads: NonZeroUsize::MIN,
        memory_kib: 262_144,
        queue: 1,
        niceness: 0,
        cost: Argon2Cost { memory_kib: 1, ..CHEAP },
    };
    assert!(PooledHasher::start(options, Arc::new(NoSecrets)).is_err());
}
