//! The data: created once with the program's own commands, kept between runs, and created again only when they differ.

use std::io::{BufWriter, Write};
use std::thread;
use std::time::{Duration, Instant};

use masthead_dev_postgres::PostgresServer;

use super::masthead::MastheadProgram;
use super::users::{EDITION, InventedUser, TENANTS, tenant_codes};
use crate::shell::TaskResult;

/// How many registrations the database of the plain name has; other databases have their number in the name.
pub(super) const DEFAULT_ROWS: u32 = 1_000_000;

/// How many keys a row of the table that pgbench draws from has: drawing them must not count for much.
pub(super) const KEYS_PER_ROW: u32 = 32;

/// So many registrations are imported for all tenants before the next ones: in the table tenants lie mixed, as if they
/// had grown side by side.
const IMPORT_LAP: u32 = 250_000;

/// How many `tenant add` run at once.
const PARALLEL: u32 = 4;

/// How long waiting events may take to be written.
const EVENTS_PATIENCE: Duration = Duration::from_secs(15);

/// How long statements that no caller waits for may run on.
const IDLE_PATIENCE: Duration = Duration::from_mins(3);

/// The database of a bench.
pub(super) struct BenchDatabase<'a> {
    pub(super) server: &'a PostgresServer,
    pub(super) name: String,
}

impl<'a> BenchDatabase<'a> {
    /// The database for so many registrations, which may not exist yet.
    pub(super) fn with_rows(server: &'a PostgresServer, rows: u32) -> Self {
        let name = match rows {
            DEFAULT_ROWS => "masthead_bench".to_owned(),
            rows => format!("masthead_bench_{rows}"),
        };
        Self { server, name }
    }

    /// Runs a script of SQL and returns what it printed.
    pub(super) fn run(&self, script: &str) -> TaskResult<String> {
        Ok(self.server.run(&self.name, script)?.trim().to_owned())
    }

    /// An empty database with the current schema.
    pub(super) fn create(&self, program: &MastheadProgram) -> TaskResult {
        self.server.drop_database(&self.name)?;
        self.server.create_database(&self.name)?;
        program.run(&["migrate"])
    }

    /// Creates the data unless they exist, with the current schema.
    pub(super) fn prepare(&self, program: &MastheadProgram, rows: u32, fresh: bool) -> TaskResult {
        let mark = format!("bench rows={rows} edition={EDITION} keys={KEYS_PER_ROW}");
        if !fresh && self.has_data(&mark, program, rows)? {
            println!("data: {rows} registrations of an earlier run");
            return Ok(());
        }
        let begun = Instant::now();
        self.create(program)?;
        add_tenants(program)?;
        import(program, rows)?;
        // As docs/imports.md advises for a first import; the peers' indexes are built at once, too.
        self.run("SET maintenance_work_mem = '512MB'; REINDEX TABLE registrations")?;
        self.create_key_table()?;
        self.set_mark(&mark)?;
        println!(
            "data: {rows} registrations created in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }

    /// Removes events, and brings statistics and visibility up to date.
    pub(super) fn tidy(&self) -> TaskResult {
        self.remove_events()?;
        self.run("VACUUM (ANALYZE)")?;
        // Otherwise a checkpoint may run in the first round.
        self.run("CHECKPOINT")?;
        Ok(())
    }

    /// Waits until no statement has run for a moment.
    ///
    /// # Errors
    /// When the database does not become idle in time.
    pub(super) fn wait_until_idle(&self) -> TaskResult {
        const ACTIVE: &str = "SELECT count(*) FROM pg_stat_activity
              WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let begun = Instant::now();
        let mut idle = 0;
        while idle < 3 {
            if begun.elapsed() > IDLE_PATIENCE {
                return Err("the database does not become idle".into());
            }
            idle = if self.run(ACTIVE)? == "0" { idle + 1 } else { 0 };
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Removes all events and returns how many there were.
    pub(super) fn remove_events(&self) -> TaskResult<u64> {
        let count = self.run("SELECT count(*) FROM events")?;
        self.run("TRUNCATE outbox, events")?;
        Ok(count.parse()?)
    }

    /// Waits until so many events are written, or no more are, and removes them.
    pub(super) fn take_events(&self, expected: u64) -> TaskResult<u64> {
        let begun = Instant::now();
        let mut seen = u64::MAX;
        loop {
            let count: u64 = self.run("SELECT count(*) FROM events")?.parse()?;
            if count >= expected || count == seen || begun.elapsed() > EVENTS_PATIENCE {
                return self.remove_events();
            }
            seen = count;
            thread::sleep(Duration::from_millis(1_500));
        }
    }

    /// Removes the tenants of a client group with their pools, registrations and mirrors.
    pub(super) fn remove_group(&self, group: &str) -> TaskResult {
        self.run(&format!(
            "CREATE TEMP TABLE gone AS SELECT pool FROM tenants WHERE client_group = '{group}';
             DELETE FROM mirror_entries WHERE pool IN (SELECT pool FROM gone);
             DELETE FROM mirrors WHERE pool IN (SELECT pool FROM gone);
             DELETE FROM tenants WHERE client_group = '{group}';
             DELETE FROM registrations WHERE pool IN (SELECT pool FROM gone);
             DELETE FROM reset_links WHERE pool IN (SELECT pool FROM gone);
             DELETE FROM sign_in_attempts WHERE pool IN (SELECT pool FROM gone);
             DELETE FROM known_addresses WHERE pool IN (SELECT pool FROM gone);
             DELETE FROM mail_outbox WHERE pool IN (SELECT pool FROM gone);
             DELETE FROM pools WHERE id IN (SELECT pool FROM gone)"
        ))
        .map(drop)
    }

    /// Notes in the database what it holds.
    pub(super) fn set_mark(&self, mark: &str) -> TaskResult {
        self.run(&format!("COMMENT ON DATABASE {} IS '{mark}'", self.name))
            .map(drop)
    }

    /// What was noted; empty if nothing was.
    pub(super) fn mark(&self) -> TaskResult<String> {
        self.run("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()")
    }

    fn has_data(&self, mark: &str, program: &MastheadProgram, rows: u32) -> TaskResult<bool> {
        Ok(self.server.has_database(&self.name)?
            && self.mark()? == mark
            && program.run(&["migrate"]).is_ok()
            && self.run("SELECT count(*) FROM registrations")? == rows.to_string())
    }

    /// The table from which pgbench draws: each key of the registrations once, several in a row, in random order.
    fn create_key_table(&self) -> TaskResult {
        let columns: Vec<String> = (0..KEYS_PER_ROW)
            .map(|at| {
                format!("max(pool) FILTER (WHERE at = {at}) AS p{at}, max(email_key) FILTER (WHERE at = {at}) AS e{at}")
            })
            .collect();
        self.run(&format!(
            "CREATE SCHEMA bench;
             CREATE TABLE bench.keys AS
                 SELECT place / {KEYS_PER_ROW} AS n, {columns}
                   FROM (SELECT pool, email_key, place, place % {KEYS_PER_ROW} AS at
                           FROM (SELECT pool, email_key, row_number() OVER (ORDER BY hashint8(id), id) - 1 AS place
                                   FROM registrations) AS placed) AS rows
                  GROUP BY 1 HAVING count(*) = {KEYS_PER_ROW};
             ALTER TABLE bench.keys ADD PRIMARY KEY (n);",
            columns = columns.join(", ")
        ))?;
        Ok(())
    }
}

/// Adds all tenants. Starts a process for each: the program has no command for several.
pub(super) fn add_tenants(program: &MastheadProgram) -> TaskResult {
    let add_share = |first: u32| {
        let mut tenants = (first..TENANTS).step_by(PARALLEL as usize);
        tenants.try_for_each(|tenant| {
            let added = program.output(&["tenant", "add", &tenant_codes(tenant).join("/")]);
            added.map(drop).map_err(|error| error.to_string())
        })
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..PARALLEL)
            .map(|first| scope.spawn(move || add_share(first)))
            .collect();
        for worker in workers {
            worker.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })
}

fn import(program: &MastheadProgram, rows: u32) -> TaskResult {
    program.run_with_input(&["import", "-"], |input| {
        let lines = in_import_order(rows).map(|user| user.import_line(&tenant_codes(user.tenant()).join("/")));
        write_lines(input, lines)
    })
}

/// The first so many users in the order in which they are imported.
pub(super) fn in_import_order(rows: u32) -> impl Iterator<Item = InventedUser> {
    (0..rows).step_by(IMPORT_LAP as usize).flat_map(move |first| {
        let mut lap: Vec<InventedUser> = (first..rows.min(first + IMPORT_LAP)).map(InventedUser).collect();
        // The import writes each run of users of one tenant as batches of their own.
        lap.sort_by_key(|user| user.tenant());
        lap
    })
}

/// Writes JSON values as the lines of an import.
pub(super) fn write_lines(input: impl Write, lines: impl Iterator<Item = serde_json::Value>) -> TaskResult {
    let mut input = BufWriter::with_capacity(1 << 18, input);
    for line in lines {
        writeln!(input, "{line}")?;
    }
    Ok(input.flush()?)
}
