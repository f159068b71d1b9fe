//! The check tells where Gigya and its settings do not agree, and repeats nothing of an answer.

use masthead_provider_http::{Checked, Verdict};
use masthead_sandbox::Fault;

use crate::support::{SourceClient, WAYS, World, reader};

async fn told_of(world: &World) -> Vec<Checked> {
    let told = world.gigya.check(&world.cx(), None).await.unwrap();
    let words = format!("{told:?}").to_lowercase();
    assert!(!words.contains("ann@") && !words.contains("uid-7"), "{words}");
    told
}

fn differs(told: &[Checked], subject: &str, words: &str) {
    let mut found = told
        .iter()
        .filter(|one| one.subject == subject && one.words.contains(words));
    assert!(found.any(|one| one.verdict == Verdict::Differs), "{told:#?}");
}

fn accounts() -> Vec<serde_json::Value> {
    vec![reader("uid-7", "ann@example.com")]
}

#[tokio::test]
async fn gigya_as_it_is_described_agrees_in_all_however_we_prove_ourselves() {
    for way in WAYS {
        let told = told_of(&World::with(accounts(), &[("Gigya.Auth", way)]).await).await;
        assert_eq!(told.len(), 5, "{way}: {told:#?}");
        let agree = told.iter().all(|one| one.verdict == Verdict::Agrees);
        assert!(agree, "{way}: {told:#?}");
    }
}

#[tokio::test]
async fn each_mismatch_is_told_with_the_settings_that_are_about_it() {
    let wrong = "YS13cm9uZy1zZWNyZXQ=".to_owned();
    let world = World::told(accounts(), &[], 1, Some(wrong)).await;
    differs(&told_of(&world).await, "an unknown id", "Gigya.UserKey");

    for secret in [None, Some("%%%".to_owned())] {
        let world = World::told(accounts(), &[], 1, secret).await;
        differs(&told_of(&world).await, "the secret", "");
        assert_eq!(world.sandbox.calls(), 0);
    }

    for (code, subject, words) in [
        (301_001, "the list", "Gigya.DataCenter"),
        (403_007, "an unknown address", "permits"),
        (500_001, "an unknown id", "no usable answer"),
        (400_006, "the list", "refused"),
    ] {
        let world = World::with(accounts(), &[]).await;
        world.sandbox.inject(Fault::ErrorCode { code });
        differs(&told_of(&world).await, subject, words);
    }
}
