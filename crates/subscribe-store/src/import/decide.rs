//! Decides what becomes of each row of a batch, in the order of the file.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use masthead_domain::tenant::Tenant;

use super::{
    combine::combine,
    holders::{Holders, StoredRow},
    policy::{DuplicatePolicy, OnDuplicate},
    result::{Duplicate, DuplicateKey, DuplicatePlace, RowError, RowOutcome, RowResult, SkipReason},
    row::{ImportRow, PoolKey, SeenBefore},
};
use crate::record::{NewRegistration, PreparedRegistration};

/// What the decisions about a batch rest on.
pub(super) struct Evidence<'a> {
    pub(super) policy: DuplicatePolicy,
    /// The rows; `None` for one that was rejected before.
    pub(super) rows: &'a [Option<ImportRow>],
    pub(super) seen: &'a [SeenBefore],
    /// Which rows have a tombstone.
    pub(super) deleted: &'a HashSet<usize>,
    /// The pools in which an address is unique.
    pub(super) mastered: &'a HashSet<i64>,
    pub(super) holders: Holders,
    /// How many rejected rows are too many.
    pub(super) most_rejected: Option<u64>,
}

/// The decisions: the results of the rows, and the users to be written.
pub(super) struct Decisions {
    /// `None` for a row that was rejected before. Shorter than the batch if too many rows are rejected.
    pub(super) results: Vec<Option<RowResult>>,
    pub(super) users: Vec<User>,
}

/// A user of the pool that rows of the batch are about.
pub(super) struct User {
    /// The tenant of the last row that changed it.
    pub(super) tenant: Arc<Tenant>,
    /// Before the batch.
    pub(super) stored: Option<StoredRow>,
    written: Written,
}

enum Written {
    Unchanged,
    Row(usize),
    Combined(Box<PreparedRegistration>),
}

impl User {
    /// What is written; `None` for an unchanged user.
    pub(super) fn written<'a>(&'a self, rows: &'a [Option<ImportRow>]) -> Option<&'a PreparedRegistration> {
        match &self.written {
            Written::Unchanged => None,
            Written::Row(at) => rows.get(*at)?.as_ref().map(|row| &row.registration),
            Written::Combined(combined) => Some(combined),
        }
    }

    fn current<'a>(&'a self, rows: &'a [Option<ImportRow>]) -> Option<&'a NewRegistration> {
        let written = self.written(rows).map(PreparedRegistration::registration);
        written.or(self.stored.as_ref().map(|stored| &stored.new))
    }
}

impl Evidence<'_> {
    pub(super) fn decide(mut self) -> Decisions {
        let mut batch = Batch {
            results: Vec::with_capacity(self.rows.len()),
            users: Vec::new(),
            by_id: HashMap::with_capacity(self.rows.len()),
            by_email: HashMap::new(),
        };
        let mut rejected = 0;
        for at in 0..self.rows.len() {
            let result = self.decide_row(&mut batch, at);
            batch.results.push(result);
            rejected += u64::from(result.is_none_or(|result| matches!(result.outcome, RowOutcome::Rejected(_))));
            if self.most_rejected.is_some_and(|most| rejected > most) {
                break;
            }
        }
        Decisions {
            results: batch.results,
            users: batch.users,
        }
    }

    fn decide_row(&mut self, batch: &mut Batch, at: usize) -> Option<RowResult> {
        let rows = self.rows;
        let row = rows[at].as_ref()?;
        let seen = self.seen[at];
        let (id, email) = row.keys(self.mastered);
        let in_file = match (seen.id, seen.email) {
            (true, _) => Some(DuplicateKey::Id),
            (false, true) if email.is_some() => Some(DuplicateKey::Email),
            _ => None,
        };
        if let Some(key) = in_file.filter(|_| !self.policy.in_file.is_merging()) {
            let duplicate = Duplicate {
                key,
                place: DuplicatePlace::File,
            };
            return Some(refuse(self.policy.in_file, duplicate));
        }
        if self.deleted.contains(&at) {
            return Some(RowResult {
                outcome: RowOutcome::Skipped(SkipReason::Deleted),
                state: None,
                duplicate: None,
            });
        }
        let holds_id = batch.by_id.contains_key(&id) || self.holders.ids.contains(&id);
        let holder = match &email {
            _ if holds_id => Some((DuplicateKey::Id, id.clone())),
            Some(email) => batch
                .holder_of(email, &self.holders)
                .map(|crid| (DuplicateKey::Email, (id.0, crid))),
            None => None,
        };
        let Some((key, holder)) = holder else {
            batch.add(row, at, id, email);
            return Some(RowResult {
                outcome: RowOutcome::Imported,
                state: Some(row.registration.state()),
                duplicate: None,
            });
        };
        let place = match key {
            DuplicateKey::Id if seen.id => DuplicatePlace::File,
            DuplicateKey::Email if seen.email => DuplicatePlace::File,
            _ => DuplicatePlace::Store,
        };
        let duplicate = Duplicate { key, place };
        let policy = match key {
            DuplicateKey::Id => self.policy.stored_id,
            DuplicateKey::Email => self.policy.stored_email,
        };
        if !policy.is_merging() {
            return Some(refuse(policy, duplicate));
        }
        let outcome = batch.merge(policy, row, rows, (holder, email), &mut self.holders);
        Some(RowResult {
            outcome,
            state: None,
            duplicate: Some(duplicate),
        })
    }
}

fn refuse(policy: OnDuplicate, duplicate: Duplicate) -> RowResult {
    let outcome = match (policy, duplicate.place) {
        (OnDuplicate::Reject, _) => RowOutcome::Rejected(RowError::Duplicate {
            key: duplicate.key,
            place: duplicate.place,
        }),
        (_, DuplicatePlace::File) => RowOutcome::Skipped(SkipReason::Repeated),
        (_, DuplicatePlace::Store) => RowOutcome::Skipped(SkipReason::Exists),
    };
    RowResult {
        outcome,
        state: None,
        duplicate: Some(duplicate),
    }
}

struct Batch {
    results: Vec<Option<RowResult>>,
    users: Vec<User>,
    by_id: HashMap<PoolKey, usize>,
    /// The id of the user that has the address, or had it before the batch: the update of one user and of another that takes its
    /// address is one statement, which checks the unique index row by row.
    by_email: HashMap<PoolKey, Box<str>>,
}

impl Batch {
    fn holder_of(&self, email: &PoolKey, holders: &Holders) -> Option<Box<str>> {
        let holder = self.by_email.get(email).or_else(|| holders.emails.get(email));
        holder.cloned()
    }

    fn add(&mut self, row: &ImportRow, at: usize, id: PoolKey, email: Option<PoolKey>) {
        if let Some(email) = email {
            self.by_email.insert(email, id.1.clone());
        }
        self.by_id.insert(id, self.users.len());
        self.users.push(User {
            tenant: Arc::clone(&row.tenant),
            stored: None,
            written: Written::Row(at),
        });
    }

    /// Merges a row into the user that has its id or its address.
    fn merge(
        &mut self,
        policy: OnDuplicate,
        row: &ImportRow,
        rows: &[Option<ImportRow>],
        (holder, email): (PoolKey, Option<PoolKey>),
        holders: &mut Holders,
    ) -> RowOutcome {
        let exists = RowOutcome::Skipped(SkipReason::Exists);
        let at = if let Some(at) = self.by_id.get(&holder) {
            *at
        } else {
            // It was deleted between two statements of the look-up.
            let Some(stored) = holders.users.remove(&holder) else {
                return exists;
            };
            self.by_id.insert(holder.clone(), self.users.len());
            self.users.push(User {
                tenant: Arc::clone(&row.tenant),
                stored: Some(stored),
                written: Written::Unchanged,
            });
            self.users.len() - 1
        };
        let has_address = email.as_ref().and_then(|email| self.holder_of(email, holders));
        let can_take_address = has_address.is_none_or(|crid| crid == holder.1);
        let Some(current) = self.users[at].current(rows) else {
            return exists;
        };
        let Some(combined) = combine(policy, current, row.registration.registration(), can_take_address) else {
            return exists;
        };
        match PreparedRegistration::new(combined) {
            Ok(combined) => {
                if let Some(email) = email.filter(|email| *email.1 == *combined.email_key()) {
                    self.by_email.insert(email, holder.1);
                }
                self.users[at].tenant = Arc::clone(&row.tenant);
                self.users[at].written = Written::Combined(Box::new(combined));
                RowOutcome::Merged
            }
            Err(invalid) => RowOutcome::Rejected(RowError::Field(invalid)),
        }
    }
}
