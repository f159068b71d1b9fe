//! The users that match a list query, in its order, and those on the page.

use std::sync::Arc;

use serde_json::Value;

use super::query::{UserColumn, UserCondition, UserListQuery, fold};

/// A page, and the size of the whole list.
#[derive(Debug)]
pub(super) struct UserListPage<'a> {
    pub(super) users: Vec<&'a Value>,
    pub(super) total: usize,
    /// Where the next page begins; `None` on the last page.
    pub(super) next: Option<usize>,
}

/// The requested page; with a provider every state is the same.
pub(super) fn find_page<'a>(
    users: impl Iterator<Item = &'a Arc<Value>>,
    query: &UserListQuery,
    has_provider: bool,
) -> UserListPage<'a> {
    let meets = |user: &&Value| {
        let mut conditions = query.conditions.iter();
        conditions.all(|condition| meets(user, condition, has_provider))
    };
    let keyed = |user| {
        let id = text(user, "customerRegistrationId");
        (sort_key(user, query.column, has_provider), id, user)
    };
    let mut found: Vec<(String, &str, &Value)> = users.map(|user| &**user).filter(meets).map(keyed).collect();
    found.sort_by(|(a, first, _), (b, second, _)| {
        let order = (a, first).cmp(&(b, second));
        let order = if query.descending { order.reverse() } else { order };
        // Empty values come last in both directions.
        a.is_empty().cmp(&b.is_empty()).then(order)
    });
    let total = found.len();
    let users: Vec<&Value> = found
        .into_iter()
        .map(|(_, _, user)| user)
        .skip(query.skip)
        .take(query.take)
        .collect();
    let end = query.skip.saturating_add(users.len());
    UserListPage {
        next: (end < total && !users.is_empty()).then_some(end),
        users,
        total,
    }
}

/// The text of a member, or "".
pub(super) fn text<'a>(user: &'a Value, member: &str) -> &'a str {
    user[member].as_str().unwrap_or_default()
}

/// The sort key of a user.
fn sort_key(user: &Value, column: UserColumn, has_provider: bool) -> String {
    match column {
        UserColumn::Id => text(user, "customerRegistrationId").to_owned(),
        UserColumn::Email => text(user, "email").to_lowercase(),
        UserColumn::FirstName => fold(text(user, "firstName")),
        UserColumn::LastName => fold(text(user, "lastName")),
        UserColumn::State => state(user, has_provider).to_owned(),
        UserColumn::Verified => user["verified"]
            .as_bool()
            .map(|set| set.to_string())
            .unwrap_or_default(),
        UserColumn::DateRegistered => text(user, "dateRegistered").to_owned(),
        UserColumn::ChangeDate => text(user, "changeDate").to_owned(),
    }
}

/// The state that a user is shown with.
pub(super) fn state(user: &Value, has_provider: bool) -> &str {
    match text(user, "state") {
        _ if has_provider => "Standard",
        "" => "Standard",
        state => state,
    }
}

fn meets(user: &Value, condition: &UserCondition, has_provider: bool) -> bool {
    let email = || text(user, "email").to_lowercase();
    match condition {
        UserCondition::EmailIs(whole) => email() == *whole,
        UserCondition::EmailBegins(start) => email().starts_with(start),
        UserCondition::EmailContains(part) => email().contains(part),
        UserCondition::Id(id) => text(user, "customerRegistrationId") == id,
        UserCondition::FirstName(start) => fold(text(user, "firstName")).starts_with(start),
        UserCondition::LastName(start) => fold(text(user, "lastName")).starts_with(start),
        UserCondition::Active => state(user, has_provider) != "Unverified",
        UserCondition::Metadata(key, wanted) => {
            let metadata = user["metadata"].as_object().into_iter().flatten();
            let names = ["firstName", "lastName"].map(|name| (name, &user[name]));
            let mut pairs = metadata.map(|(name, value)| (name.as_str(), value)).chain(names);
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

    /// The ids on the page, the total, and where the next page begins.
    fn find(query: &UserListQuery) -> (String, usize, Option<usize>) {
        let record = |(id, email, last, city)| {
            Arc::new(json!({
                "customerRegistrationId": id, "email": email, "firstName": "José", "lastName": last,
                "metadata": {"City": city}, "state": "Unverified",
            }))
        };
        let records = [
            ("1", "B@example.com", "Åkesson", "Oslo"),
            ("2", "", "Zeta", "Bergen"),
            ("3", "a@example.com", "Zeta", "oslo"),
        ]
        .map(record);
        let page = find_page(records.iter(), query, false);
        let ids = page.users.iter().map(|user| text(user, "customerRegistrationId"));
        (ids.collect(), page.total, page.next)
    }

    #[test]
    fn empty_values_sort_last_and_equal_ones_by_id() {
        for (column, descending, ids) in [
            (UserColumn::Email, false, "312"),
            (UserColumn::Email, true, "132"),
            (UserColumn::LastName, false, "123"),
            (UserColumn::LastName, true, "321"),
        ] {
            let query = UserListQuery {
                column,
                descending,
                ..UserListQuery::default()
            };
            assert_eq!(find(&query).0, ids, "{column:?} {descending}");
        }
    }

    #[test]
    fn pages_continue_to_the_end() {
        for (skip, ids, next) in [(0, "31", Some(2)), (2, "2", None), (7, "", None)] {
            let query = UserListQuery {
                take: 2,
                skip,
                ..UserListQuery::default()
            };
            assert_eq!(find(&query), (ids.to_owned(), 3, next));
        }
    }

    #[test]
    fn all_conditions_must_match() {
        let first_name = UserCondition::FirstName("jose".into());
        for (conditions, ids) in [
            (vec![UserCondition::EmailIs("b@example.com".into())], "1"),
            (vec![UserCondition::EmailContains("example".into())], "31"),
            (vec![UserCondition::LastName("ake".into())], "1"),
            (vec![UserCondition::Metadata("city".into(), "oslo".into())], "31"),
            (vec![UserCondition::Metadata("firstname".into(), "josé".into())], "312"),
            (vec![first_name, UserCondition::Id("2".into())], "2"),
            (vec![UserCondition::Active], ""),
        ] {
            let query = UserListQuery {
                conditions,
                ..UserListQuery::default()
            };
            assert_eq!(find(&query).0, ids, "{query:?}");
        }
    }
}
