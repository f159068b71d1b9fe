//! Compares a sample of answers with the database while a load runs: concurrent requests must not get each other's answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use super::context::BenchContext;
use super::http::{BlockingClient, HeaderList};
use super::paced::run_paced;
use super::users::{InventedUser, hash};
use crate::shell::TaskResult;

/// How many users are in the sample, and how many answers are compared a second.
const SAMPLE: u32 = 500;
const PER_SECOND: u32 = 100;

/// Users of all tenants, each by e-mail and by id, and the rows of the database.
pub(super) struct AnswerSample(Vec<SampledUser>);

struct SampledUser {
    targets: [String; 2],
    headers: HeaderList,
    row: Value,
}

impl AnswerSample {
    /// Reads the rows of random users.
    pub(super) fn from_database(context: &BenchContext<'_>) -> TaskResult<Self> {
        let rows = u64::from(context.plan.rows);
        let drawn = (0..SAMPLE).map(|at| u32::try_from(hash(at, 99) % rows).unwrap_or_default());
        let users: Vec<InventedUser> = drawn.map(InventedUser).collect();
        let ids: Vec<String> = users.iter().map(|user| format!("'{}'", user.id())).collect();
        let rows = context.database.run(&format!(
            "SELECT json_object_agg(crid, json_build_object('customerRegistrationId', crid, 'email', email_key,
                        'firstName', first_name, 'lastName', last_name, 'metadata', metadata))
               FROM registrations WHERE crid IN ({})",
            ids.join(", ")
        ))?;
        let rows: Value = serde_json::from_str(&rows)?;
        let sampled = users.iter().map(|user| SampledUser {
            targets: [
                format!("/v4/Users?email={}", user.email()),
                format!("/v4/Users/{}", user.id()),
            ],
            headers: context.tenant_headers(user.tenant()),
            row: rows[user.id()].clone(),
        });
        Ok(Self(sampled.collect()))
    }

    /// Does the work and compares answers of the server meanwhile. Returns how many were compared.
    ///
    /// # Errors
    /// When an answer differs from the database.
    pub(super) fn check_during<T>(&self, address: &str, work: impl FnOnce() -> TaskResult<T>) -> TaskResult<(T, u64)> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            // Only the text of an error may cross threads.
            let comparing = scope.spawn(|| self.check_until(&is_over, address).map_err(|error| error.to_string()));
            let done = work();
            is_over.store(true, Ordering::Relaxed);
            let compared = comparing
                .join()
                .map_err(|_| "the thread that compares answers panicked")??;
            Ok((done?, compared))
        })
    }

    fn check_until(&self, is_over: &AtomicBool, address: &str) -> TaskResult<u64> {
        let mut client = BlockingClient::connect(address)?;
        let mut requests = self
            .0
            .iter()
            .flat_map(|user| user.targets.iter().map(move |target| (user, target)))
            .cycle();
        let is_over = || Ok(is_over.load(Ordering::Relaxed));
        let checked = run_paced(PER_SECOND, is_over, || {
            let (user, target) = requests.next().ok_or("the sample is empty")?;
            let answer = client.get(target, &user.headers)?.json(target)?;
            if shows_row(&answer, &user.row) {
                return Ok(());
            }
            // All users are invented, so that the answer may be printed.
            Err(format!("{target} answered {answer}, the database has {}", user.row).into())
        })?;
        Ok(checked.count())
    }
}

/// Whether an answer, about one user or a list of one, has all values of the row.
fn shows_row(answer: &Value, row: &Value) -> bool {
    let user = match &answer["data"] {
        Value::Array(users) if users.len() == 1 && answer["meta"]["totalRecords"] == 1 => &users[0],
        other => other,
    };
    row.is_object() && contains(user, row)
}

/// Whether a value has all fields of another one. Answers show metadata without a value as empty texts.
fn contains(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(fields) => fields.iter().all(|(name, field)| contains(&whole[name], field)),
        other => whole == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answer_about_another_user_is_noticed() {
        let row = json!({"email": "a@x.example", "metadata": {"city": "C"}});
        let user = json!({"email": "a@x.example", "firstName": "A", "metadata": {"city": "C", "age": ""}});
        let other = json!({"email": "a@x.example", "firstName": "A", "metadata": {"city": "D"}});
        let list = |users: &[&Value]| json!({"meta": {"totalRecords": users.len()}, "data": users});
        assert!(shows_row(&json!({"data": user}), &row) && shows_row(&list(&[&user]), &row));
        assert!(!shows_row(&json!({"data": other}), &row) && !shows_row(&list(&[&other]), &row));
        assert!(!shows_row(&list(&[]), &row) && !shows_row(&list(&[&user, &user]), &row));
        assert!(!shows_row(&json!({"data": user}), &Value::Null), "no row");
    }
}
