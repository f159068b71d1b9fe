//! The passwords of a simulated provider's users, and how often each was guessed wrong.

use std::collections::HashMap;

/// After so many wrong passwords in a row an account is locked, as at Auth0.
pub(crate) const LOCKED_AFTER: u32 = 10;

/// The minimum length of a password.
const SHORTEST: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Passwords {
    by_user: HashMap<String, String>,
    failures: HashMap<String, u32>,
}

/// The result of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordResult {
    Right,
    Wrong,
    LockedOut,
}

impl Passwords {
    /// Sets a password, and ends a lock.
    pub(crate) fn set(&mut self, id: &str, password: &str) {
        self.by_user.insert(id.to_owned(), password.to_owned());
        self.failures.remove(id);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.by_user.remove(id);
        self.failures.remove(id);
    }

    pub(crate) fn is(&self, id: &str, password: &str) -> bool {
        self.by_user.get(id).is_some_and(|known| known == password)
    }

    /// Tries a password; a right one ends the count of wrong ones, unless the account is locked.
    pub(crate) fn attempt(&mut self, id: &str, password: &str) -> PasswordResult {
        if self.failures.get(id).is_some_and(|failures| *failures >= LOCKED_AFTER) {
            return PasswordResult::LockedOut;
        }
        if self.is(id, password) {
            self.failures.remove(id);
            return PasswordResult::Right;
        }
        *self.failures.entry(id.to_owned()).or_default() += 1;
        PasswordResult::Wrong
    }
}

/// Whether a password is too short.
pub(crate) fn is_weak(password: &str) -> bool {
    password.chars().count() < SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_passwords_lock_until_a_new_one() {
        let mut passwords = Passwords::default();
        passwords.set("1", "right-password");
        for _ in 0..LOCKED_AFTER {
            assert_eq!(passwords.attempt("1", "wrong"), PasswordResult::Wrong);
        }
        assert_eq!(passwords.attempt("1", "right-password"), PasswordResult::LockedOut);
        passwords.set("1", "new-password");
        assert_eq!(passwords.attempt("1", "new-password"), PasswordResult::Right);
        passwords.remove("1");
        assert_eq!(passwords.attempt("1", "new-password"), PasswordResult::Wrong);
    }
}
