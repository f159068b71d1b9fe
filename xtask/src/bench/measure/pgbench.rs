//! `pgbench -M prepared` with the look-up that the server makes: what the database itself can do.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::context::BenchContext;
use super::database::KEYS_PER_ROW;
use super::statistics::median;
use crate::shell::{TaskResult, output};

/// The columns that the store reads of a registration (`account_columns!` of masthead-subscribe-store).
const COLUMNS: &str = "r.pool, r.id, r.crid, r.email_key, r.email_typed, r.first_name, r.last_name, r.verified, \
     r.password_hash IS NOT NULL AS has_password, r.metadata, r.registered_at, r.changed_at, r.last_logout_at";

/// How many clients are tried.
const CLIENTS: [u32; 6] = [2, 4, 8, 16, 32, 64];

/// The longest try in seconds: many clients need a good part of a second to prepare their statements.
const LONGEST_TRY: u32 = 3;

/// The runs with one number of clients, in statements a second, the slowest first.
type ClientTries = (u32, Vec<f64>);

/// A pgbench that is ready to run.
pub(super) struct PgBench {
    program: PathBuf,
    script: PathBuf,
    /// A URL without its password.
    url: String,
    password: Option<String>,
    /// The [`fastest`] number of clients.
    pub(super) clients: u32,
    /// How many statements of the script count, in one run of it.
    counted: u32,
    tries: Vec<ClientTries>,
}

/// What one run reached.
pub(super) struct PgBenchResult {
    /// Statements that count.
    pub(super) per_second: f64,
    /// Mean of a statement, in milliseconds.
    pub(super) latency: f64,
}

impl PgBench {
    /// Writes the script and finds the best number of clients; each is tried as often as there are rounds.
    pub(super) fn prepare(context: &BenchContext<'_>) -> TaskResult<Self> {
        let text = script_text(context.plan.rows);
        let mut pgbench = Self {
            counted: KEYS_PER_ROW + 1,
            tries: CLIENTS.map(|clients| (clients, Vec::new())).to_vec(),
            ..Self::of_script(context, "lookup", &text, 1)?
        };
        println!("finding the best number of clients for pgbench");
        let seconds = context.plan.seconds.min(LONGEST_TRY);
        for _ in 0..context.plan.rounds {
            for (at, clients) in CLIENTS.into_iter().enumerate() {
                let result = pgbench.run_with(clients, seconds)?;
                pgbench.tries[at].1.push(result.per_second);
            }
        }
        for (clients, runs) in &mut pgbench.tries {
            runs.sort_by(f64::total_cmp);
            println!(
                "pgbench with {clients} clients: {:.0} statements a second",
                median(runs.clone())
            );
        }
        pgbench.clients = fastest(&pgbench.tries).unwrap_or(pgbench.clients);
        Ok(pgbench)
    }

    /// A script that counts as a whole, run by so many clients.
    pub(super) fn of_script(context: &BenchContext<'_>, name: &str, text: &str, clients: u32) -> TaskResult<Self> {
        let database = context.database;
        let program = database.server.program("pgbench");
        let script = context.folder.join(format!("{name}.pgbench"));
        fs::write(&script, text)?;
        let (url, password) = split_password(&database.server.url(&database.name)?);
        Ok(Self {
            program: program.ok_or("the program `pgbench` is missing: install postgresql-contrib")?,
            script,
            url,
            password,
            clients,
            counted: 1,
            tries: Vec::new(),
        })
    }

    /// Runs it with the best number of clients.
    pub(super) fn run(&self, seconds: u32) -> TaskResult<PgBenchResult> {
        self.run_with(self.clients, seconds)
    }

    fn run_with(&self, clients: u32, seconds: u32) -> TaskResult<PgBenchResult> {
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .args([format!("--client={clients}"), format!("--time={seconds}")])
            .arg(format!("--file={}", self.script.display()))
            .arg(&self.url)
            .env("LC_ALL", "C")
            .envs(self.password.iter().map(|password| ("PGPASSWORD", password)));
        let printed = output(&mut command)?;
        parse(&printed, self.counted).ok_or_else(|| format!("unexpected output of pgbench:\n{printed}").into())
    }

    pub(super) fn to_json(&self) -> Value {
        let script = self.script.display();
        json!({
            "command": format!(
                "pgbench --no-vacuum --protocol=prepared --jobs=2 --client={} --file={script}", self.clients
            ),
            "statement": lookup_statement(":p", ":e"),
            "tried": self.tries,
        })
    }
}

/// The number of clients that reaches the most in all but the slowest quarter of its runs, which are sorted.
///
/// A median would not do: if a client and its backend happen to share a processor, a run of two clients is several times
/// as fast as the next one.
fn fastest(tries: &[ClientTries]) -> Option<u32> {
    let reached = tries
        .iter()
        .filter_map(|(clients, runs)| Some((*clients, *runs.get(runs.len() / 4)?)));
    let best = reached.max_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map(|(clients, _)| clients)
}

/// The look-up of one key, with the names of the variables for pool and e-mail.
fn lookup_statement(pool: &str, email: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM registrations AS r WHERE r.pool = {pool} AND r.email_key = {email} AND r.deleted_at IS NULL"
    )
}

/// One statement draws several keys, then each is looked up. All statements are counted, so that the draw matters little.
fn script_text(rows: u32) -> String {
    let last = rows / KEYS_PER_ROW - 1;
    let names: Vec<String> = (0..KEYS_PER_ROW).map(|at| format!("p{at}, e{at}")).collect();
    let mut text = format!(
        "\\set n random(0, {last})\nSELECT {} FROM bench.keys WHERE n = :n \\gset\n",
        names.join(", ")
    );
    for at in 0..KEYS_PER_ROW {
        text += &lookup_statement(&format!(":p{at}"), &format!(":e{at}"));
        text += ";\n";
    }
    text
}

fn parse(printed: &str, counted: u32) -> Option<PgBenchResult> {
    let number_after = |label: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(label))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let statements = f64::from(counted);
    let failed = number_after("number of failed transactions:").unwrap_or(0.0);
    (failed == 0.0).then_some(PgBenchResult {
        per_second: number_after("tps = ")? * statements,
        latency: number_after("latency average = ")? / statements,
    })
}

/// A URL without its password, and the password: every user of the machine can see arguments.
pub(super) fn split_password(url: &str) -> (String, Option<String>) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.split_once('@')?;
        let (user, password) = user.split_once(':')?;
        Some((format!("{scheme}://{user}@{host}"), Some(password.to_owned())))
    });
    parts.unwrap_or_else(|| (url.to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_reads_the_columns_of_the_store() {
        let store = masthead_dev_postgres::workspace().join("crates/subscribe-store/src/row.rs");
        let text = fs::read_to_string(store).unwrap();
        // The macro's only text, without the line continuation.
        let (_, definition) = text.split_once("macro_rules! account_columns").unwrap();
        let columns = definition.split('"').nth(1).unwrap().replace('\\', " ");
        let columns: Vec<_> = columns.split_whitespace().collect();
        assert_eq!(columns.join(" "), COLUMNS);
    }

    #[test]
    fn all_statements_of_the_script_count() {
        let printed = "number of failed transactions: 0 (0.000%)\nlatency average = 3.300 ms\n\
                       tps = 1000.5 (without initial connection time)\n";
        let result = parse(printed, KEYS_PER_ROW + 1).unwrap();
        assert!((result.per_second - 33_016.5).abs() < 0.001 && (result.latency - 0.1).abs() < 0.001);
        assert!(parse(&printed.replace("transactions: 0", "transactions: 3"), 1).is_none());
        let text = script_text(3_200);
        assert_eq!(text.lines().count(), 34);
        assert!(text.contains("random(0, 99)") && text.contains("r.pool = :p31 AND r.email_key = :e31"));
    }

    #[test]
    fn lucky_runs_do_not_decide_the_client_count() {
        let (lucky, steady) = (vec![10.0, 11.0, 70.0, 75.0, 80.0], vec![40.0, 45.0, 50.0, 50.0, 60.0]);
        let tries = [(2, lucky), (8, steady), (64, vec![30.0; 5]), (128, Vec::new())];
        assert_eq!(fastest(&tries), Some(8));
    }

    #[test]
    fn password_is_taken_out_of_the_url() {
        let with_password = ("postgres://u@h:5/d".to_owned(), Some("secret".to_owned()));
        assert_eq!(split_password("postgres://u:secret@h:5/d"), with_password);
        assert_eq!(
            split_password("postgres://u@h/d"),
            ("postgres://u@h/d".to_owned(), None)
        );
    }
}
