//! Check values of sealing keys: another key under a known id is noticed.

use masthead_ports::sealing::KeyCheck;
use masthead_subscribe_store::{AdminError, ComparedKeys};
use tokio::task::JoinSet;

use crate::support::fixture;

fn key(id: &str, fill: u8) -> KeyCheck {
    KeyCheck {
        id: id.to_owned(),
        value: [fill; 32],
    }
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn first_key_of_an_id_stays() {
    let fixture = fixture().await;
    let admin = fixture.store.admin();
    assert_eq!(
        admin.compare_sealing_keys(&[key("k1", 1)]).await.unwrap().new,
        ids(&["k1"])
    );
    assert!(
        admin.sealing_keys().await.unwrap().is_empty(),
        "a comparison writes nothing"
    );
    let compared = admin.use_sealing_keys(&[key("k1", 1)]).await.unwrap();
    assert_eq!(compared, ComparedKeys::default());

    let other = [key("k1", 2), key("k2", 2)];
    let expected = ComparedKeys {
        other: ids(&["k1"]),
        new: ids(&["k2"]),
        missing: Vec::new(),
    };
    assert_eq!(
        admin.use_sealing_keys(&other).await.unwrap(),
        expected,
        "nothing of it is known"
    );
    assert_eq!(fixture.count("sealing_keys"), 1);
    let without = admin.use_sealing_keys(&[key("k3", 3)]).await.unwrap();
    assert_eq!(without.missing, ids(&["k1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_with_different_keys_never_all_start() {
    let fixture = fixture().await;
    let mut starts = JoinSet::new();
    for fill in 1..=20 {
        let admin = fixture.store.admin();
        starts.spawn(async move { admin.use_sealing_keys(&[key("k1", fill % 2)]).await.unwrap() });
    }
    let compared = starts.join_all().await;
    assert_eq!(compared.iter().filter(|compared| compared.other.is_empty()).count(), 10);
    assert_eq!(fixture.count("sealing_keys"), 1);
}

#[tokio::test]
async fn forgotten_key_frees_its_id() {
    let fixture = fixture().await;
    let admin = fixture.store.admin();
    admin.use_sealing_keys(&[key("k1", 1)]).await.unwrap();
    assert_eq!(admin.sealing_keys().await.unwrap()[0].id, "k1");
    admin.forget_sealing_key("k1").await.unwrap();
    let again = admin.forget_sealing_key("k1").await;
    assert!(matches!(again, Err(AdminError::NoSuchSealingKey)));
    let compared = admin.use_sealing_keys(&[key("k1", 2)]).await.unwrap();
    assert_eq!(compared, ComparedKeys::default());
}
