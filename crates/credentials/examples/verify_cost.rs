//! Prints what one check of a password costs against a bare Argon2id: `cargo run --release -p masthead-credentials --example
//! verify_cost`.

use std::{
    error::Error,
    io::{Write, stdout},
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use argon2::Argon2;
use masthead_credentials::{Argon2Cost, HashSecrets, HasherOptions, PooledHasher, TenantHashSecrets};
use masthead_domain::{
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::passwords::{PasswordCheck, PasswordHash, PasswordHasher, PlainPassword};

const ROUNDS: usize = 300;

struct NoSecrets;

impl TenantHashSecrets for NoSecrets {
    fn for_tenant(&self, _: &Tenant) -> HashSecrets {
        HashSecrets::default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = HasherOptions {
        threads: NonZeroUsize::MIN,
        memory_kib: 262_144,
        queue: 16,
        niceness: 0,
        cost: Argon2Cost::default(),
    };
    let hasher = PooledHasher::start(options, Arc::new(NoSecrets))?;
    let tenant = Tenant {
        id: TenantId::parse("north/daily/herald")?,
        pool: PoolId(1),
        settings: TenantSettings::default(),
    };
    let deadline = Instant::now() + Duration::from_hours(1);
    let (right, wrong) = (PlainPassword::new("Heron-Lake-42"), PlainPassword::new("heron-lake-42"));
    let stored = hasher.hash(&right, deadline).await?;
    let md5 = PasswordHash::from_stored("840761ea4ff4d25aeced0c1039ed7725");
    // Measured in turn, so that both meet the same load of the machine.
    let mut times: [Vec<Duration>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        Argon2::default()
            .hash_password_into(b"Heron-Lake-42", &[7; 16], &mut [0; 32])
            .map_err(|error| error.to_string())?;
        times[0].push(started.elapsed());
        let checks = [
            (&right, Some(&stored)),
            (&wrong, Some(&stored)),
            (&right, None),
            (&wrong, Some(&md5)),
        ];
        for (place, (password, stored)) in (1..).zip(checks) {
            let check = PasswordCheck {
                tenant: &tenant,
                password,
                stored,
                since: Instant::now(),
            };
            let started = Instant::now();
            hasher.verify(check, deadline).await?;
            times[place].push(started.elapsed());
        }
    }
    let medians = times.each_mut().map(|times| {
        times.sort_unstable();
        times[ROUNDS / 2]
    });
    let names = [
        "bare Argon2id",
        "right password",
        "wrong password",
        "unknown user",
        "wrong, MD5",
    ];
    for (name, median) in names.iter().zip(medians) {
        let share = median.as_secs_f64() / medians[0].as_secs_f64();
        writeln!(
            stdout(),
            "{name:<15} {:>8.2} ms  {share:.3}",
            median.as_secs_f64() * 1000.0
        )?;
    }
    Ok(())
}
