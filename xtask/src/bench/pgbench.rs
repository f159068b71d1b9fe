//! The measure of what the database itself can do: `pgbench -M prepared` on the look-up that the server makes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::database::KEYS_A_ROW;
use super::figures::median;
use super::people::People;
use super::whole::Bench;
use crate::shell::{Outcome, output};

/// The columns that the store reads of a registration (`account_columns!` of masthead-subscribe-store).
const COLUMNS: &str = "r.pool, r.id, r.crid, r.email_key, r.email_typed, r.first_name, r.last_name, r.verified, \
     r.password_hash IS NOT NULL AS has_password, r.metadata, r.registered_at, r.changed_at, r.last_logout_at";

/// How many clients are tried.
const CLIENTS: &[u32] = &[2, 4, 8, 16, 32, 64];

/// For how many seconds at most: many clients take a good part of one to prepare their statements.
const TRY: u32 = 3;

/// A pgbench that is ready to run.
pub(super) struct PgBench {
    program: PathBuf,
    script: PathBuf,
    /// A URL without its password.
    url: String,
    password: Option<String>,
    /// The [`fastest`] of [`CLIENTS`].
    pub(super) clients: u32,
    /// What each of [`CLIENTS`] reached in each try, in statements a second, the slowest first.
    pub(super) tried: Vec<(u32, Vec<f64>)>,
}

/// What one run gave.
pub(super) struct Run {
    /// Statements, not transactions of the script.
    pub(super) per_second: f64,
    /// Of a statement, in milliseconds.
    pub(super) latency: f64,
}

impl PgBench {
    /// Writes the script into the folder and finds the best number of clients, each tried as often as there are rounds.
    pub(super) fn ready(bench: &Bench<'_>) -> Outcome<Self> {
        let &Bench {
            plan,
            database,
            folder,
            people,
            ..
        } = bench;
        let program = database
            .server
            .program("pgbench")
            .ok_or("the program `pgbench` is missing: install postgresql-contrib")?;
        let script = folder.join("lookup.pgbench");
        fs::write(&script, script_text(people))?;
        let (url, password) = apart(&database.server.url(&database.name)?);
        let mut bench = Self {
            program,
            script,
            url,
            password,
            clients: 1,
            tried: Vec::new(),
        };
        let mut tried: Vec<(u32, Vec<f64>)> = CLIENTS.iter().map(|clients| (*clients, Vec::new())).collect();
        for _ in 0..plan.rounds {
            for (clients, runs) in &mut tried {
                runs.push(bench.run_with(*clients, plan.seconds.min(TRY))?.per_second);
            }
        }
        for (_, runs) in &mut tried {
            runs.sort_by(f64::total_cmp);
        }
        bench.clients = fastest(&tried).unwrap_or(bench.clients);
        bench.tried = tried;
        Ok(bench)
    }

    /// Runs it with the best number of clients.
    pub(super) fn run(&self, seconds: u32) -> Outcome<Run> {
        self.run_with(self.clients, seconds)
    }

    fn run_with(&self, clients: u32, seconds: u32) -> Outcome<Run> {
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={clients}"))
            .arg(format!("--time={seconds}"))
            .arg(format!("--file={}", self.script.display()))
            .arg(&self.url)
            .env("LC_ALL", "C");
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        let said = output(&mut command)?;
        parse(&said).ok_or_else(|| format!("pgbench said something else than expected:\n{said}").into())
    }

    /// What each number of clients reached: its slowest try, the middle one and its fastest.
    pub(super) fn tried_in_words(&self) -> String {
        let lines = self.tried.iter().map(|(clients, runs)| {
            let slowest = runs.first().copied().unwrap_or_default();
            let fastest = runs.last().copied().unwrap_or_default();
            let middle = median(runs.iter().copied());
            format!("pgbench with {clients:>2} clients: {slowest:>8.0} {middle:>8.0} {fastest:>8.0} a second")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The command as one would type it.
    pub(super) fn words(&self) -> String {
        format!(
            "pgbench --no-vacuum --protocol=prepared --jobs=2 --client={} --file={}",
            self.clients,
            self.script.display()
        )
    }
}

/// The number of clients that reaches the most in all but the slowest quarter of its runs, which are sorted. A median would not
/// do: where a client and its backend happen to share a processor, one run of two clients is several times as fast as the
/// next.
fn fastest(tried: &[(u32, Vec<f64>)]) -> Option<u32> {
    let reached = tried
        .iter()
        .filter_map(|(clients, runs)| Some((*clients, *runs.get(runs.len() / 4)?)));
    let best = reached.max_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map(|(clients, _)| clients)
}

/// The look-up, for one key.
pub(super) fn statement() -> String {
    format!("SELECT {COLUMNS} FROM registrations AS r WHERE r.pool = :p AND r.email_key = :e AND r.deleted_at IS NULL")
}

/// One statement draws some keys, and one for each of them looks it up. All are counted: of so many statements the draw's own cost
/// matters little.
fn script_text(people: People) -> String {
    let last = people.rows / KEYS_A_ROW - 1;
    let names: Vec<String> = (0..KEYS_A_ROW).map(|at| format!("p{at}, e{at}")).collect();
    let mut text = format!(
        "\\set n random(0, {last})\nSELECT {} FROM bench.keys WHERE n = :n \\gset\n",
        names.join(", ")
    );
    for at in 0..KEYS_A_ROW {
        let one = statement()
            .replace(":p", &format!(":p{at}"))
            .replace(":e", &format!(":e{at}"));
        text.push_str(&one);
        text.push_str(";\n");
    }
    text
}

fn parse(said: &str) -> Option<Run> {
    let after = |label: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(label))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let statements = f64::from(KEYS_A_ROW + 1);
    let failed = after("number of failed transactions:").unwrap_or(0.0);
    (failed == 0.0).then_some(Run {
        per_second: after("tps = ")? * statements,
        latency: after("latency average = ")? / statements,
    })
}

/// A URL without its password, and the password: an argument can be seen by every user of the machine.
fn apart(url: &str) -> (String, Option<String>) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.split_once('@')?;
        let (user, password) = user.split_once(':')?;
        Some((format!("{scheme}://{user}@{host}"), password.to_owned()))
    });
    match parts {
        Some((url, password)) => (url, Some(password)),
        None => (url.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_reads_the_columns_that_the_store_reads() {
        let store = masthead_dev_postgres::workspace().join("crates/subscribe-store/src/row.rs");
        let text = fs::read_to_string(store).unwrap();
        // A string literal that is continued on the next line.
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "\\").collect();
        assert!(words.join(" ").contains(COLUMNS));
    }

    #[test]
    fn each_statement_of_the_script_counts() {
        let said = "number of failed transactions: 0 (0.000%)\nlatency average = 3.300 ms\n\
                    tps = 1000.5 (without initial connection time)\n";
        let run = parse(said).unwrap();
        assert!((run.per_second - 33_016.5).abs() < 0.001 && (run.latency - 0.1).abs() < 0.001);
        assert!(parse(&said.replace("transactions: 0", "transactions: 3")).is_none());
        let text = script_text(People { rows: 3_200 });
        assert_eq!(text.lines().count(), 34);
        assert!(text.contains("random(0, 99)") && text.contains("r.pool = :p31 AND r.email_key = :e31"));
    }

    #[test]
    fn what_is_fast_by_luck_is_not_the_fastest() {
        let (lucky, steady) = (vec![10.0, 11.0, 70.0, 75.0, 80.0], vec![40.0, 45.0, 50.0, 50.0, 60.0]);
        let tried = [(2, lucky), (8, steady), (64, vec![30.0; 5]), (128, Vec::new())];
        assert_eq!(fastest(&tried), Some(8));
    }

    #[test]
    fn a_password_is_taken_out_of_the_url() {
        let (url, password) = apart("postgres://u:secret@h:5/d");
        assert_eq!(
            (url.as_str(), password.as_deref()),
            ("postgres://u@h:5/d", Some("secret"))
        );
        assert_eq!(apart("postgres://u@h/d"), ("postgres://u@h/d".to_owned(), None));
    }
}
