//! A tenant of each source through the program: both sides merged, and the truth while the source is off.

use crate::{
    asking::{by_email, by_id},
    people::{OUR_NAME, PERSONAL, THEIR_NAME, crid},
    support::served,
    under_test::{AUTH0, FIREFLY, GIGYA, SSOR, Source},
    world::{Paper, World},
};

const EACH: [(&str, &Source); 4] = [
    ("herald", &AUTH0),
    ("mirror", &GIGYA),
    ("courier", &SSOR),
    ("gazette", &FIREFLY),
];

#[test]
fn readers_of_each_source_come_back_merged_and_are_not_denied_while_it_is_off() {
    let papers = EACH.map(|(code, source)| Paper {
        source,
        ..Paper::of(code)
    });
    let world = World::start(&papers, &[]);
    for (code, source) in EACH {
        let (client, sandbox) = (world.client(code), world.sandbox(code));
        let check = ["provider", "check", "--tenant", &format!("north/daily/{code}")];
        let told = served::done(&world.settings, &check, "");
        assert!(told.lines().count() >= 5 && !told.contains("differs"), "{told}");
        let personal = PERSONAL.into_iter().chain([source.secret]);
        assert!(
            personal.into_iter().all(|word| !told.to_lowercase().contains(word)),
            "{told}"
        );
        let [both, ours, theirs] = ["both", "ours", "theirs"].map(|side| format!("{side}-{code}"));
        world.runtime.block_on(async {
            for path in [by_id(&both), by_email(&both)] {
                let told = client.ask(&path, "live").await;
                assert_eq!((told.status, told.complete()), (200, Some(true)), "{told:?}");
                assert_eq!((told.source(source.name).0, told.source("Subscribe").0), ("ok", "ok"));
                let user = told.user();
                assert_eq!(user["customerRegistrationId"], crid(&both));
                assert_eq!(
                    (&user["firstName"], &user["state"]),
                    (&THEIR_NAME.into(), &"Standard".into())
                );
                assert_eq!(user["metadata"]["displayName"], THEIR_NAME, "only the provider's");
                assert_eq!(user["metadata"]["city"], "Nowhereville", "the store's");
            }

            sandbox.off().await.unwrap();
            let told = client.ask(&by_id(&ours), "off").await;
            assert_eq!((told.status, told.complete()), (200, Some(false)), "{told:?}");
            assert_eq!(told.source(source.name), ("unavailable", "unavailable"));
            assert_eq!(told.user()["firstName"], OUR_NAME);
            for path in [by_id("nobody"), by_id(&theirs)] {
                client.ask(&path, "off").await.cannot_tell();
            }
            sandbox.on().await.unwrap();
            let told = client.ask_until_complete("/v4/Users?lastName=quizz", "on").await;
            assert_eq!(told.users().len(), 3, "{told:?}");
        });
    }
    world.end();
}
