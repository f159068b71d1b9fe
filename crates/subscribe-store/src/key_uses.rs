//! When keys of workspaces were used: noted in memory by each call, written from time to time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use masthead_domain::workspace::WorkspaceId;

/// How often the use of one key is written.
const EVERY: Duration = Duration::from_hours(1);

/// A workspace and the number of its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct KeyId(pub(crate) WorkspaceId, pub(crate) i32);

/// The uses of a process. It has an entry for each key that was used, and there are few keys.
#[derive(Debug, Default)]
pub(crate) struct KeyUses(Mutex<HashMap<KeyId, KeyUse>>);

#[derive(Debug, Clone, Copy)]
struct KeyUse {
    at: Instant,
    /// When a use was last written.
    written: Option<Instant>,
    is_new: bool,
}

/// Uses to write.
#[derive(Debug)]
pub(crate) struct DueUses(Vec<(KeyId, Instant)>);

/// The same by column, with the time since each use in seconds.
pub(crate) struct LastUses<'a> {
    pub(crate) workspaces: Vec<&'a str>,
    pub(crate) numbers: Vec<i32>,
    pub(crate) seconds: Vec<f64>,
}

impl KeyUses {
    pub(crate) fn record(&self, key: &KeyId) {
        let at = Instant::now();
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = uses.get_mut(key) {
            (known.at, known.is_new) = (at, true);
            return;
        }
        let first = KeyUse {
            at,
            written: None,
            is_new: true,
        };
        uses.insert(key.clone(), first);
    }

    /// The uses that are not written yet, of keys that were not written for an hour, or of all.
    pub(crate) fn take_due(&self, all: bool) -> DueUses {
        let now = Instant::now();
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |key: &KeyUse| {
            key.is_new && (all || key.written.is_none_or(|written| now.duration_since(written) >= EVERY))
        };
        let due = uses.iter_mut().filter(|(_, one)| is_due(one)).map(|(key, one)| {
            one.written = Some(now);
            one.is_new = false;
            (key.clone(), one.at)
        });
        DueUses(due.collect())
    }

    /// Makes uses that could not be written due again.
    pub(crate) fn put_back(&self, due: &DueUses) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in &due.0 {
            if let Some(one) = uses.get_mut(key) {
                one.written = None;
                one.is_new = true;
            }
        }
    }
}

impl DueUses {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn columns(&self) -> LastUses<'_> {
        LastUses {
            workspaces: self.0.iter().map(|(key, _)| key.0.as_str()).collect(),
            numbers: self.0.iter().map(|(key, _)| key.1).collect(),
            seconds: self.0.iter().map(|(_, at)| at.elapsed().as_secs_f64()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(uses: &KeyUses, all: bool) -> usize {
        uses.take_due(all).0.len()
    }

    #[test]
    fn use_of_key_is_due_once_an_hour() {
        let uses = KeyUses::default();
        let key = KeyId(WorkspaceId::parse("herald").unwrap(), 1);
        uses.record(&key);
        uses.record(&key);
        assert_eq!((due(&uses, false), due(&uses, false)), (1, 0));
        uses.record(&key);
        assert_eq!(due(&uses, false), 0);
        // A server that ends writes the rest.
        assert_eq!((due(&uses, true), due(&uses, true)), (1, 0));
    }

    #[test]
    fn use_that_was_not_written_stays_due() {
        let uses = KeyUses::default();
        uses.record(&KeyId(WorkspaceId::parse("herald").unwrap(), 1));
        let taken = uses.take_due(false);
        uses.put_back(&taken);
        assert_eq!(due(&uses, false), 1);
    }
}
