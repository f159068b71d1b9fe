//! The [`PasswordHasher`] of this program.

use std::{
    io,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_ports::passwords::{
    HasherError, PasswordCheck, PasswordHash, PasswordHasher, PasswordMatch, PlainPassword,
};
use metrics::{counter, histogram};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::sleep_until;
use zeroize::Zeroizing;

use crate::{
    cost::Argon2Cost,
    forms::{Origin, forms, nfc},
    hash_families::{self, MatchContext, ParsedHash, compute_argon2id, create_argon2id},
    mean_time::MeanTime,
    memory::Argon2Memory,
    pool::{JobMemory, JobPool, PoolOptions},
    secrets::{HashSecrets, MissingSecretError, TenantHashSecrets},
};

/// The length of new salts, in bytes (RFC 9106 section 3.1).
const SALT_BYTES: usize = 16;
/// The family in metrics where no hash is checked.
const NO_FAMILY: &str = "none";

/// How passwords are hashed and checked.
#[derive(Debug, Clone, Copy)]
pub struct HasherOptions {
    /// How many threads compute.
    pub threads: NonZeroUsize,
    /// The memory of what is computed at once, in KiB; at least 262144, which the most costly hash takes.
    pub memory_kib: u32,
    /// How many passwords wait at most.
    pub queue: usize,
    /// How much the threads give way to others on Linux, 0 to 19 (nice(2)).
    pub niceness: u8,
    /// The cost of new hashes.
    pub cost: Argon2Cost,
}

/// Hashes and checks passwords on threads of its own (ADR 0120).
pub struct PooledHasher {
    pool: JobPool,
    cost: Argon2Cost,
    secrets: Arc<dyn TenantHashSecrets>,
    /// How long one hash of the set cost takes.
    hash_time: Arc<MeanTime>,
}

impl PooledHasher {
    /// Starts the threads, and computes one hash to learn how long it takes.
    ///
    /// # Errors
    /// A thread cannot be started, or Argon2id refuses the cost.
    pub fn start(options: HasherOptions, secrets: Arc<dyn TenantHashSecrets>) -> io::Result<Self> {
        let hash_time = Arc::new(MeanTime::default());
        timed_argon2id(
            b"",
            &[0; SALT_BYTES],
            options.cost,
            &hash_time,
            &mut Argon2Memory::default(),
        )
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the cost is out of Argon2's range"))?;
        Ok(Self {
            pool: JobPool::start(PoolOptions {
                threads: options.threads,
                memory_kib: options.memory_kib,
                kept_kib: options.cost.memory_kib,
                queue: options.queue,
                niceness: options.niceness,
            })?,
            cost: options.cost,
            secrets,
            hash_time,
        })
    }
}

/// How many times the floor a failure takes, and up to how much more.
const PADDED: f64 = 1.25;
const PADDED_AT_RANDOM: f64 = 0.25;

/// Computes Argon2id and records its time.
fn timed_argon2id(
    password: &[u8],
    salt: &[u8],
    cost: Argon2Cost,
    hash_time: &MeanTime,
    memory: &mut Argon2Memory,
) -> Option<[u8; 32]> {
    let started = Instant::now();
    let hash = compute_argon2id(password, salt, cost, memory);
    hash_time.record(started.elapsed());
    hash
}

/// What a job does for one password.
enum Work {
    Check {
        hash: Box<dyn ParsedHash>,
        secrets: HashSecrets,
    },
    /// There is nothing to check: the same work as for a wrong password.
    Equal,
}

impl Work {
    fn origin(&self) -> Origin {
        match self {
            Self::Check { hash, .. } => hash.origin(),
            Self::Equal => Origin::Own,
        }
    }

    /// Tries the forms one after another; the result is the index of the one that matches.
    fn run(
        &self,
        forms: &[Zeroizing<String>],
        cost: Argon2Cost,
        hash_time: &MeanTime,
        memory: &mut Argon2Memory,
    ) -> Result<Option<usize>, MissingSecretError> {
        for (place, form) in forms.iter().enumerate() {
            match self {
                Self::Check { hash, secrets } => {
                    let started = Instant::now();
                    let is_match = hash.matches(form.as_bytes(), &mut MatchContext { secrets, memory })?;
                    if hash.is_current(cost) {
                        hash_time.record(started.elapsed());
                    }
                    if is_match {
                        return Ok(Some(place));
                    }
                }
                Self::Equal => {
                    // The result is not compared with anything.
                    timed_argon2id(form.as_bytes(), &[0; SALT_BYTES], cost, hash_time, memory);
                }
            }
        }
        Ok(None)
    }
}

fn record(family: &'static str, outcome: &'static str) {
    counter!("masthead_password_checks_total", "family" => family, "outcome" => outcome).increment(1);
}

#[async_trait]
impl PasswordHasher for PooledHasher {
    async fn hash(&self, password: &PlainPassword, deadline: Instant) -> Result<PasswordHash, HasherError> {
        let (password, cost) = (nfc(password.expose()), self.cost);
        let hash_time = Arc::clone(&self.hash_time);
        let work = move |memory: &mut Argon2Memory| {
            let mut salt = [0; SALT_BYTES];
            SystemRandom::new().fill(&mut salt).ok()?;
            let started = Instant::now();
            let hash = create_argon2id(password.as_bytes(), &salt, cost, memory);
            hash_time.record(started.elapsed());
            histogram!("masthead_password_seconds", "family" => "argon2").record(started.elapsed());
            hash
        };
        let made = self.pool.run(JobMemory::Kept, deadline, work).await?.value;
        counter!("masthead_password_hashes_total").increment(1);
        made.map(PasswordHash::from_stored).ok_or(HasherError::Failed)
    }

    async fn verify(&self, check: PasswordCheck<'_>, deadline: Instant) -> Result<PasswordMatch, HasherError> {
        let read_in = check.since.elapsed();
        let parsed = check.stored.map(|stored| hash_families::parse(stored.expose()));
        let is_unusable = matches!(parsed, Some(Err(_)));
        let work = match parsed {
            Some(Ok(hash)) => {
                let secrets = hash.needs_secrets().then(|| self.secrets.for_tenant(check.tenant));
                let secrets = secrets.unwrap_or_default();
                Work::Check { hash, secrets }
            }
            Some(Err(_)) | None => Work::Equal,
        };
        let (family, is_current, memory) = match &work {
            Work::Check { hash, .. } if hash.is_current(self.cost) => (hash.family(), true, JobMemory::Kept),
            Work::Check { hash, .. } => (hash.family(), false, JobMemory::Freed(hash.memory_kib())),
            Work::Equal => (NO_FAMILY, true, JobMemory::Kept),
        };
        let forms = forms(check.password.expose(), work.origin());
        let stored_form = nfc(check.password.expose());
        let (cost, hash_time) = (self.cost, Arc::clone(&self.hash_time));
        let job = move |memory: &mut Argon2Memory| {
            let started = Instant::now();
            let found = work.run(&forms, cost, &hash_time, memory);
            histogram!("masthead_password_seconds", "family" => family).record(started.elapsed());
            // A current hash of another form is of an import.
            found.map(|place| place.map(|place| forms[place] == stored_form))
        };
        let done = self.pool.run(memory, deadline, job).await?;
        match done.value {
            Ok(Some(is_stored_form)) => {
                record(family, "match");
                let rehash = !is_current || !is_stored_form;
                Ok(PasswordMatch::Yes { rehash })
            }
            Ok(None) => {
                record(family, if is_unusable { "unusable" } else { "no_match" });
                let floor = check.tenant.settings.sign_in_floor;
                self.pad(done.started, read_in, floor, deadline).await;
                Ok(PasswordMatch::No)
            }
            Err(MissingSecretError(setting)) => {
                record(family, "missing_secret");
                tracing::error!(
                    tenant = %check.tenant.id,
                    setting,
                    "an imported password hash cannot be checked without a secret of its tenant"
                );
                Err(HasherError::MissingSecret { setting })
            }
        }
    }

    fn family(&self, hash: &PasswordHash) -> String {
        hash_families::parse(hash.expose()).map_or_else(|_| NO_FAMILY.to_owned(), |parsed| parsed.scheme())
    }
}

impl PooledHasher {
    /// Waits until a failure has taken as long as any other: reading the hash and computing, without the wait in the queue
    /// between them. The least time is longer than most computations, so that it is the time of the answer, and varies at
    /// random, so that what is left takes very many calls to see.
    async fn pad(&self, started: Instant, read_in: Duration, floor: Option<Duration>, deadline: Instant) {
        let floor = floor
            .unwrap_or_else(|| self.hash_time.get())
            .mul_f64(PADDED + random_part() * PADDED_AT_RANDOM);
        let end = started + floor.saturating_sub(read_in);
        sleep_until(end.min(deadline).into()).await;
    }
}

/// A random number from 0 to 1; 0 should the system have none.
fn random_part() -> f64 {
    let mut bytes = [0; 2];
    let _ = SystemRandom::new().fill(&mut bytes);
    f64::from(u16::from_be_bytes(bytes)) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests;
