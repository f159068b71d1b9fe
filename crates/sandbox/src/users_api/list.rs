//! Which users meet a question, in its order, and which of them are on the page.

use std::sync::Arc;

use serde_json::Value;

use super::question::{Column, Condition, Question, folded};

/// A page, and what it is cut from.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) users: Vec<&'a Value>,
    pub(super) total: usize,
    /// Where the next page begins; `None` on the last.
    pub(super) next: Option<usize>,
}

/// The page that is asked for; `outside_provider` makes every state the same.
pub(super) fn page<'a>(
    users: impl Iterator<Item = &'a Arc<Value>>,
    asked: &Question,
    outside_provider: bool,
) -> Page<'a> {
    let meets = |user: &&Value| {
        let mut conditions = asked.conditions.iter();
        conditions.all(|condition| meets(user, condition, outside_provider))
    };
    let keyed = |user| {
        let id = text(user, "customerRegistrationId");
        (key(user, asked.column, outside_provider), id, user)
    };
    let mut found: Vec<(String, &str, &Value)> = users.map(|user| &**user).filter(meets).map(keyed).collect();
    found.sort_by(|(a, first, _), (b, second, _)| {
        let order = (a, first).cmp(&(b, second));
        let order = if asked.descending { order.reverse() } else { order };
        // What is empty comes last in both directions.
        a.is_empty().cmp(&b.is_empty()).then(order)
    });
    let total = found.len();
    let users: Vec<&Value> = found
        .into_iter()
        .map(|(_, _, user)| user)
        .skip(asked.skip)
        .take(asked.take)
        .collect();
    let end = asked.skip.saturating_add(users.len());
    Page {
        next: (end < total && !users.is_empty()).then_some(end),
        users,
        total,
    }
}

/// The text of a member; "" where it has none.
pub(super) fn text<'a>(user: &'a Value, member: &str) -> &'a str {
    user[member].as_str().unwrap_or_default()
}

/// What a user is sorted by.
fn key(user: &Value, column: Column, outside_provider: bool) -> String {
    match column {
        Column::Id => text(user, "customerRegistrationId").to_owned(),
        Column::Email => text(user, "email").to_lowercase(),
        Column::FirstName => folded(text(user, "firstName")),
        Column::LastName => folded(text(user, "lastName")),
        Column::State => state(user, outside_provider).to_owned(),
        Column::Verified => user["verified"]
            .as_bool()
            .map(|set| set.to_string())
            .unwrap_or_default(),
        Column::DateRegistered => text(user, "dateRegistered").to_owned(),
        Column::ChangeDate => text(user, "changeDate").to_owned(),
    }
}

/// The state that is shown of a user.
pub(super) fn state(user: &Value, outside_provider: bool) -> &str {
    match text(user, "state") {
        _ if outside_provider => "Standard",
        "" => "Standard",
        kept => kept,
    }
}

fn meets(user: &Value, condition: &Condition, outside_provider: bool) -> bool {
    let email = || text(user, "email").to_lowercase();
    match condition {
        Condition::EmailIs(whole) => email() == *whole,
        Condition::EmailBegins(start) => email().starts_with(start),
        Condition::EmailContains(part) => email().contains(part),
        Condition::Id(id) => text(user, "customerRegistrationId") == id,
        Condition::FirstName(start) => folded(text(user, "firstName")).starts_with(start),
        Condition::LastName(start) => folded(text(user, "lastName")).starts_with(start),
        Condition::Active => state(user, outside_provider) != "Unverified",
        Condition::Metadata(key, wanted) => {
            let kept = user["metadata"].as_object().into_iter().flatten();
            let names = ["firstName", "lastName"].map(|name| (name, &user[name]));
            let mut pairs = kept.map(|(name, value)| (name.as_str(), value)).chain(names);
            pairs.any(|(name, value)| {
                name.to_lowercase() == *key && value.as_str().is_some_and(|value| value.to_lowercase() == *wanted)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn people() -> Vec<Arc<Value>> {
        let user = |id: &str, email: &str, last: &str, city: &str| {
            Arc::new(json!({
                "customerRegistrationId": id, "email": email, "firstName": "José", "lastName": last,
                "metadata": {"City": city}, "state": "Unverified",
            }))
        };
        vec![
            user("1", "B@example.com", "Åkesson", "Oslo"),
            user("2", "", "Zeta", "Bergen"),
            user("3", "a@example.com", "Zeta", "oslo"),
        ]
    }

    fn ids(asked: &Question) -> (Vec<String>, usize, Option<usize>) {
        let people = people();
        let page = page(people.iter(), asked, false);
        let ids = page
            .users
            .iter()
            .map(|user| text(user, "customerRegistrationId").to_owned());
        (ids.collect(), page.total, page.next)
    }

    #[test]
    fn what_is_empty_comes_last_in_both_directions_and_the_id_decides_between_equals() {
        for (column, descending, wanted) in [
            (Column::Email, false, ["3", "1", "2"]),
            (Column::Email, true, ["1", "3", "2"]),
            (Column::LastName, false, ["1", "2", "3"]),
            (Column::LastName, true, ["3", "2", "1"]),
        ] {
            let asked = Question {
                column,
                descending,
                ..Question::default()
            };
            assert_eq!(ids(&asked).0, wanted, "{column:?} {descending}");
        }
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let mut asked = Question {
            take: 2,
            ..Question::default()
        };
        assert_eq!(ids(&asked), (vec!["3".into(), "1".into()], 3, Some(2)));
        asked.skip = 2;
        assert_eq!(ids(&asked), (vec!["2".into()], 3, None));
        asked.skip = 7;
        assert_eq!(ids(&asked), (vec![], 3, None));
    }

    #[test]
    fn every_condition_counts() {
        for (conditions, wanted) in [
            (vec![Condition::EmailIs("b@example.com".into())], vec!["1"]),
            (vec![Condition::EmailContains("example".into())], vec!["3", "1"]),
            (vec![Condition::LastName("ake".into())], vec!["1"]),
            (vec![Condition::Metadata("city".into(), "oslo".into())], vec!["3", "1"]),
            (
                vec![Condition::Metadata("firstname".into(), "josé".into())],
                vec!["3", "1", "2"],
            ),
            (
                vec![Condition::FirstName("jose".into()), Condition::Id("2".into())],
                vec!["2"],
            ),
            (vec![Condition::Active], vec![]),
        ] {
            let asked = Question {
                conditions,
                ..Question::default()
            };
            assert_eq!(ids(&asked).0, wanted, "{asked:?}");
        }
    }
}
