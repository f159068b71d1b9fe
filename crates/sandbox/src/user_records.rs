//! The users of a simulated provider: the live records, and a search index that follows them after a lag.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

pub(crate) type UsersById = BTreeMap<String, Arc<Value>>;

/// A change that search does not see yet.
#[derive(Debug)]
struct PendingChange {
    due: OffsetDateTime,
    id: String,
    user: Option<Arc<Value>>,
}

/// The exact addresses by which a record is found.
pub(crate) type AddressesFn = fn(&Value) -> Vec<String>;

#[derive(Debug)]
pub(crate) struct UserRecords {
    addresses: AddressesFn,
    live: UsersById,
    by_address: HashMap<String, BTreeSet<String>>,
    indexed: Arc<UsersById>,
    pending: Vec<PendingChange>,
}

impl UserRecords {
    /// An empty collection.
    pub(crate) fn new(addresses: AddressesFn) -> Self {
        Self {
            addresses,
            live: UsersById::new(),
            by_address: HashMap::new(),
            indexed: Arc::default(),
            pending: Vec::new(),
        }
    }

    /// Removes all users, from the search index as well.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.addresses);
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// The current record.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Value>> {
        self.live.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.live.values()
    }

    /// Every current record with exactly this address.
    pub(crate) fn by_address(&self, address: &str) -> Vec<&Arc<Value>> {
        let ids = self.by_address.get(address).into_iter().flatten();
        ids.filter_map(|id| self.live.get(id)).collect()
    }

    /// A user with another id, or `sample` when there is none.
    pub(crate) fn other_user(&self, id: Option<&str>, sample: impl FnOnce() -> Value) -> Value {
        let other = id.and_then(|id| {
            let after = self.live.range(id.to_owned()..).find(|(other, _)| *other != id);
            after.or_else(|| self.live.iter().find(|(other, _)| *other != id))
        });
        other.map_or_else(sample, |(_, user)| (**user).clone())
    }

    /// Writes a record, or removes it; search sees the change after the lag.
    pub(crate) fn put(&mut self, id: &str, user: Option<Value>, now: OffsetDateTime, lag_ms: u64) {
        let user = user.map(Arc::new);
        let before = match &user {
            Some(user) => self.live.insert(id.to_owned(), Arc::clone(user)),
            None => self.live.remove(id),
        };
        for address in before.iter().flat_map(|user| (self.addresses)(user)) {
            let ids = self.by_address.get_mut(&address);
            if ids.is_some_and(|ids| ids.remove(id) && ids.is_empty()) {
                self.by_address.remove(&address);
            }
        }
        for address in user.iter().flat_map(|user| (self.addresses)(user)) {
            self.by_address.entry(address).or_default().insert(id.to_owned());
        }
        let lag = Duration::milliseconds(i64::try_from(lag_ms).unwrap_or(i64::MAX));
        let change = PendingChange {
            due: now.saturating_add(lag),
            id: id.to_owned(),
            user,
        };
        // After the lag was shortened, an older change must not overwrite this one.
        self.pending.retain(|older| older.id != id || older.due < change.due);
        if lag_ms == 0 {
            apply_change(Arc::make_mut(&mut self.indexed), change);
        } else {
            self.pending.push(change);
        }
    }

    /// The records that search sees now, by id; a clone can be read without holding the lock.
    pub(crate) fn searchable(&mut self, now: OffsetDateTime) -> &Arc<UsersById> {
        let (due, later): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|change| change.due <= now);
        self.pending = later;
        for change in due {
            apply_change(Arc::make_mut(&mut self.indexed), change);
        }
        &self.indexed
    }
}

fn apply_change(indexed: &mut UsersById, change: PendingChange) {
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

    fn records() -> UserRecords {
        UserRecords::new(|user| user["email"].as_str().map(str::to_owned).into_iter().collect())
    }

    #[test]
    fn search_follows_records_after_the_lag() {
        let mut users = records();
        users.put("a|1", Some(json!({"email": "a@example.com"})), START, 1_000);
        assert!(users.get("a|1").is_some() && users.by_address("a@example.com").len() == 1);
        assert!(users.searchable(START + Duration::milliseconds(999)).is_empty());
        assert_eq!(users.searchable(START + Duration::seconds(1)).len(), 1);
        users.put("a|1", None, START + Duration::seconds(1), 1_000);
        assert!(users.get("a|1").is_none() && users.by_address("a@example.com").is_empty());
        assert_eq!(users.searchable(START + Duration::seconds(1)).len(), 1);
        assert!(users.searchable(START + Duration::seconds(2)).is_empty());
    }

    #[test]
    fn users_may_share_an_address_until_it_changes() {
        let mut users = records();
        users.put("a|1", Some(json!({"email": "a@example.com"})), START, 0);
        users.put("b|1", Some(json!({"email": "a@example.com"})), START, 0);
        assert_eq!(users.by_address("a@example.com").len(), 2);
        users.put("b|1", Some(json!({"email": "b@example.com"})), START, 0);
        assert_eq!(users.by_address("a@example.com").len(), 1);
        assert!(users.by_address("A@example.com").is_empty());
    }

    #[test]
    fn shorter_lag_does_not_reorder_changes() {
        let mut users = records();
        users.put("a|1", Some(json!({"name": "old"})), START, 5_000);
        users.put("b|1", Some(json!({})), START, 5_000);
        users.put("a|1", Some(json!({"name": "new"})), START, 0);
        assert_eq!(users.searchable(START)["a|1"]["name"], "new");
        let later = users.searchable(START + Duration::seconds(5));
        assert_eq!((later.len(), &later["a|1"]["name"]), (2, &json!("new")));
    }
}
