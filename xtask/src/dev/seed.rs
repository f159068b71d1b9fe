//! Seeding: invented registrations for each tenant, once per database.

use std::fmt::Write;

use masthead_dev_postgres::PostgresServer;

use super::masthead::Masthead;
use super::registrations::registration;
use super::tenants::{DevTenant, TENANTS};
use crate::shell::TaskResult;

/// The database of development; kept between runs.
pub(crate) const DATABASE: &str = "masthead_dev";

/// Incremented when the invented registrations change; seeded tenants then get the new ones in addition.
const EDITION: u32 = 1;

/// Seeds the tenants that are not seeded yet. The comment of the database lists the seeded ones: it has the lifetime of
/// the data, and is in no table of the schema.
pub(super) fn fill(server: &PostgresServer, masthead: &Masthead) -> TaskResult {
    let mut seeded = server.run(
        DATABASE,
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
    )?;
    for tenant in TENANTS {
        let (name, count) = (tenant.name(), tenant.registrations);
        let mark = format!("seeded {name} {count} {EDITION}");
        if seeded.lines().any(|line| line == mark) {
            continue;
        }
        println!("seeding {name} with {count} invented registrations");
        let output = masthead.output_for_input(
            &["import", "--from", "masthead", "--tenant", &name, "-"],
            &lines(tenant),
        )?;
        println!("  {}", output.trim_end());
        writeln!(seeded, "\n{mark}")?;
        let comment = seeded.trim().replace('\'', "''");
        server.run(DATABASE, &format!("COMMENT ON DATABASE {DATABASE} IS '{comment}'"))?;
    }
    Ok(())
}

fn lines(tenant: &DevTenant) -> String {
    let lines = (0..tenant.registrations).map(|number| registration(tenant, number).to_string());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registration_is_one_json_line() {
        let lines = lines(&TENANTS[0]);
        assert_eq!(lines.lines().count(), TENANTS[0].registrations);
        let is_json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        assert!(lines.lines().all(is_json));
    }
}
