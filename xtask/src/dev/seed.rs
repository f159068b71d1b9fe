//! Seeding: invented registrations for every tenant, once for each database.

use std::fmt::Write;

use masthead_dev_postgres::PostgresServer;

use super::DATABASE;
use super::binary::Masthead;
use super::people::registration;
use super::tenants::{DevTenant, TENANTS};
use crate::shell::Outcome;

/// Changes when the invented people change; a tenant seeded by an earlier one gets the new people besides.
const EDITION: u32 = 1;

/// Seeds every tenant that is not seeded yet. What was seeded is noted as the database's comment: it lives exactly as
/// long as the data, and is in no table of the schema.
pub(super) fn fill(server: &PostgresServer, masthead: &Masthead) -> Outcome {
    let mut seeded = server.run(
        DATABASE,
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
    )?;
    for tenant in TENANTS {
        let mark = mark(tenant);
        if seeded.lines().any(|line| line == mark) {
            continue;
        }
        println!(
            "seeding {} with {} invented registrations",
            tenant.name(),
            tenant.registrations
        );
        let said = masthead.output_of_input(&["import", "--tenant", &tenant.name(), "-"], &lines(tenant))?;
        println!("  {}", said.trim_end());
        writeln!(seeded, "\n{mark}")?;
        server.run(
            DATABASE,
            &format!(
                "COMMENT ON DATABASE {DATABASE} IS '{}'",
                seeded.trim().replace('\'', "''")
            ),
        )?;
    }
    Ok(())
}

fn mark(tenant: &DevTenant) -> String {
    format!("seeded {} {} {EDITION}", tenant.name(), tenant.registrations)
}

fn lines(tenant: &DevTenant) -> String {
    (0..tenant.registrations).fold(String::new(), |mut lines, number| {
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{}", registration(tenant, number));
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_line_for_each_registration() {
        let lines = lines(&TENANTS[0]);
        assert_eq!(lines.lines().count(), TENANTS[0].registrations);
        assert!(
            lines
                .lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        );
    }
}
