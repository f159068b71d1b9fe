//! The users: the live records, and the search index that follows them after a while.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

pub(crate) type Users = BTreeMap<String, Arc<Value>>;

/// A change that search cannot see yet.
#[derive(Debug)]
struct Pending {
    due: OffsetDateTime,
    id: String,
    user: Option<Arc<Value>>,
}

/// The addresses by which a record is known, to the letter.
pub(crate) type Addresses = fn(&Value) -> Vec<String>;

#[derive(Debug)]
pub(crate) struct People {
    addresses: Addresses,
    live: Users,
    by_email: HashMap<String, BTreeSet<String>>,
    indexed: Arc<Users>,
    pending: Vec<Pending>,
}

impl People {
    /// Nobody yet.
    pub(crate) fn known_by(addresses: Addresses) -> Self {
        Self {
            addresses,
            live: Users::new(),
            by_email: HashMap::new(),
            indexed: Arc::default(),
            pending: Vec::new(),
        }
    }

    /// Removes everybody, from the search index as well.
    pub(crate) fn clear(&mut self) {
        *self = Self::known_by(self.addresses);
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// The record as it is this moment.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Value>> {
        self.live.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.live.values()
    }

    /// Every record with this e-mail, to the letter, as it is this moment.
    pub(crate) fn by_email(&self, email: &str) -> Vec<&Arc<Value>> {
        let ids = self.by_email.get(email).into_iter().flatten();
        ids.filter_map(|id| self.live.get(id)).collect()
    }

    /// Somebody else than this user.
    pub(crate) fn other_than(&self, id: &str) -> Option<&Arc<Value>> {
        let after = self.live.range(id.to_owned()..).find(|(other, _)| *other != id);
        let found = after.or_else(|| self.live.iter().find(|(other, _)| *other != id));
        found.map(|(_, user)| user)
    }

    /// Writes a record (or removes it); search sees it when it is due.
    pub(crate) fn put(&mut self, id: &str, user: Option<Value>, now: OffsetDateTime, lag_ms: u64) {
        let user = user.map(Arc::new);
        let before = match &user {
            Some(user) => self.live.insert(id.to_owned(), Arc::clone(user)),
            None => self.live.remove(id),
        };
        for email in before.iter().flat_map(|user| (self.addresses)(user)) {
            let emptied = self
                .by_email
                .get_mut(&email)
                .is_some_and(|ids| ids.remove(id) && ids.is_empty());
            if emptied {
                self.by_email.remove(&email);
            }
        }
        for email in user.iter().flat_map(|user| (self.addresses)(user)) {
            self.by_email.entry(email).or_default().insert(id.to_owned());
        }
        let lag = Duration::milliseconds(i64::try_from(lag_ms).unwrap_or(i64::MAX));
        let change = Pending {
            due: now.saturating_add(lag),
            id: id.to_owned(),
            user,
        };
        // A lag that was made shorter must not let an older change come after this one.
        self.pending.retain(|older| older.id != id || older.due < change.due);
        if lag_ms == 0 {
            index(Arc::make_mut(&mut self.indexed), change);
        } else {
            self.pending.push(change);
        }
    }

    /// The records that search sees now, by id; who clones them can look at all of them while others go on.
    pub(crate) fn searchable(&mut self, now: OffsetDateTime) -> &Arc<Users> {
        let (due, later): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|change| change.due <= now);
        self.pending = later;
        for change in due {
            index(Arc::make_mut(&mut self.indexed), change);
        }
        &self.indexed
    }
}

fn index(indexed: &mut Users, change: Pending) {
    match change.user {
        Some(user) => indexed.insert(change.id, user),
        None => indexed.remove(&change.id),
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    fn known() -> People {
        People::known_by(|user| user["email"].as_str().map(str::to_owned).into_iter().collect())
    }

    #[test]
    fn search_follows_the_records_after_the_lag() {
        let mut users = known();
        users.put("a|1", Some(json!({"email": "a@example.com"})), START, 1_000);
        assert!(users.get("a|1").is_some() && users.by_email("a@example.com").len() == 1);
        assert!(users.searchable(START + Duration::milliseconds(999)).is_empty());
        assert_eq!(users.searchable(START + Duration::seconds(1)).len(), 1);
        users.put("a|1", None, START + Duration::seconds(1), 1_000);
        assert!(users.get("a|1").is_none() && users.by_email("a@example.com").is_empty());
        assert_eq!(users.searchable(START + Duration::seconds(1)).len(), 1);
        assert!(users.searchable(START + Duration::seconds(2)).is_empty());
    }

    #[test]
    fn several_users_share_an_address_and_a_changed_one_leaves_it() {
        let mut users = known();
        users.put("a|1", Some(json!({"email": "a@example.com"})), START, 0);
        users.put("b|1", Some(json!({"email": "a@example.com"})), START, 0);
        assert_eq!(users.by_email("a@example.com").len(), 2);
        users.put("b|1", Some(json!({"email": "b@example.com"})), START, 0);
        assert_eq!(users.by_email("a@example.com").len(), 1);
        assert!(users.by_email("A@example.com").is_empty());
    }

    #[test]
    fn a_change_without_lag_is_seen_before_older_ones_that_still_wait() {
        let mut users = known();
        users.put("a|1", Some(json!({"name": "old"})), START, 5_000);
        users.put("b|1", Some(json!({})), START, 5_000);
        users.put("a|1", Some(json!({"name": "new"})), START, 0);
        assert_eq!(users.searchable(START)["a|1"]["name"], "new");
        let later = users.searchable(START + Duration::seconds(5));
        assert_eq!((later.len(), &later["a|1"]["name"]), (2, &json!("new")));
    }
}
