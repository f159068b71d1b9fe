//! The data: made once through the program's own commands, kept, and made anew only where they are not the right ones.

use std::io::{BufWriter, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use masthead_dev_postgres::PostgresServer;

use super::people::{self, EDITION, People, TENANTS};
use super::server::Program;
use crate::shell::Outcome;

/// How many registrations the database of the plain name has; others have their number in the name, and are kept beside it.
pub(super) const WHOLE: u32 = 1_000_000;

/// How many keys a row of the table that pgbench draws from has: so many that drawing them counts for little.
pub(super) const KEYS_A_ROW: u32 = 32;

/// So many registrations go round all tenants before the first one has its next: in the table they lie mixed, as they
/// would where papers grow side by side.
const LAP: u32 = 250_000;

/// How many `tenant add` run at once.
const AT_ONCE: usize = 4;

/// The database of the bench.
pub(super) struct Database<'a> {
    pub(super) server: &'a PostgresServer,
    pub(super) name: String,
}

impl<'a> Database<'a> {
    /// The one of so many people, whether it is there or not.
    pub(super) fn of(server: &'a PostgresServer, people: People) -> Self {
        let name = match people.rows {
            WHOLE => "masthead_bench".to_owned(),
            rows => format!("masthead_bench_{rows}"),
        };
        Self { server, name }
    }

    /// Runs a script of SQL and gives what it printed.
    pub(super) fn run(&self, script: &str) -> Outcome<String> {
        Ok(self.server.run(&self.name, script)?.trim().to_owned())
    }

    /// Makes the data unless they are there, with the schema as it is now.
    pub(super) fn prepare(&self, program: &Program, people: People, fresh: bool) -> Outcome {
        let mark = format!("bench rows={} edition={EDITION} keys={KEYS_A_ROW}", people.rows);
        if !fresh && self.is_there(&mark)? && program.run(&["migrate"]).is_ok() && self.is_whole(people)? {
            println!("data: {} registrations of an earlier run", people.rows);
            return Ok(());
        }
        self.server.drop_database(&self.name)?;
        self.server.create_database(&self.name)?;
        program.run(&["migrate"])?;
        add_tenants(program)?;
        import(program, people)?;
        self.draw_keys()?;
        self.run(&format!("COMMENT ON DATABASE {} IS '{mark}'", self.name))?;
        Ok(())
    }

    /// Empties what rounds leave behind, and brings statistics and visibility up to date.
    pub(super) fn tidy(&self) -> Outcome {
        self.forget_events()?;
        self.run("VACUUM (ANALYZE)")?;
        // What would otherwise be written out in the midst of the first round.
        self.run("CHECKPOINT")?;
        Ok(())
    }

    /// How many events there are; none afterwards.
    pub(super) fn forget_events(&self) -> Outcome<u64> {
        let count = self.run("SELECT count(*) FROM events")?;
        self.run("TRUNCATE outbox, events")?;
        Ok(count.parse()?)
    }

    fn is_there(&self, mark: &str) -> Outcome<bool> {
        if !self.server.has_database(&self.name)? {
            return Ok(false);
        }
        let comment =
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()";
        Ok(self.run(comment)? == mark)
    }

    fn is_whole(&self, people: People) -> Outcome<bool> {
        let count = self.run("SELECT count(*) FROM registrations")?;
        Ok(count == people.rows.to_string())
    }

    /// The table from which pgbench draws: each key of the registrations once, some in a row, in no order.
    fn draw_keys(&self) -> Outcome {
        let columns: Vec<String> = (0..KEYS_A_ROW)
            .map(|at| {
                format!("max(pool) FILTER (WHERE at = {at}) AS p{at}, max(email_key) FILTER (WHERE at = {at}) AS e{at}")
            })
            .collect();
        self.run(&format!(
            "CREATE SCHEMA bench;
             CREATE TABLE bench.keys AS
                 SELECT place / {KEYS_A_ROW} AS n, {columns}
                   FROM (SELECT pool, email_key, place, place % {KEYS_A_ROW} AS at
                           FROM (SELECT pool, email_key, row_number() OVER (ORDER BY hashint8(id), id) - 1 AS place
                                   FROM registrations) AS placed) AS rows
                  GROUP BY 1 HAVING count(*) = {KEYS_A_ROW};
             ALTER TABLE bench.keys ADD PRIMARY KEY (n);",
            columns = columns.join(", ")
        ))?;
        Ok(())
    }
}

/// A process for each tenant: there is no other command, and it is done once.
fn add_tenants(program: &Program) -> Outcome {
    let begun = Instant::now();
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let tenant = next.fetch_add(1, Ordering::Relaxed);
                        if tenant >= TENANTS {
                            return Ok::<(), String>(());
                        }
                        let name = people::codes(tenant).join("/");
                        program
                            .output(&["tenant", "add", &name])
                            .map_err(|error| error.to_string())?;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().map_err(|_| "a thread panicked".to_owned())??;
        }
        Ok::<_, String>(())
    })?;
    println!(
        "data: {TENANTS} tenants added in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

fn import(program: &Program, people: People) -> Outcome {
    let begun = Instant::now();
    program.fed(&["import", "-"], |input| {
        let mut input = BufWriter::with_capacity(1 << 18, input);
        for lap in 0..people.rows.div_ceil(LAP) {
            for number in by_tenant(lap * LAP..people.rows.min((lap + 1) * LAP)) {
                serde_json::to_writer(&mut input, &People::person(number).line())?;
                input.write_all(b"\n")?;
            }
            let seconds = begun.elapsed().as_secs_f64();
            println!(
                "data: {} registrations sent after {seconds:.0} s",
                people.rows.min((lap + 1) * LAP)
            );
        }
        Ok(input.flush()?)
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "data: {} registrations imported in {seconds:.0} s ({:.0} a second)",
        people.rows,
        f64::from(people.rows) / seconds
    );
    Ok(())
}

/// Numbers, those of one tenant together: an import writes each run of one tenant as batches of their own.
fn by_tenant(numbers: Range<u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_by_key(|number| people::tenant_of(*number));
    numbers
}
