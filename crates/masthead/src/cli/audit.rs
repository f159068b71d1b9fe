//! `masthead audit`, as `--help` explains it.

use clap::{ArgGroup, Args};
use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::TenantId};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("subject").required(true))]
#[command(after_help = "\
Prints the events, the latest first, then one line for each process that has lost events in this time or ended without its
last ones. Events name users by numbers and keyed hashes alone. Without --tenant all tenants are read.
Examples:
  masthead audit --user 2937 --tenant north/daily/herald --since 2026-01-01T00:00:00Z
  masthead audit --caller newsletter --since 2026-01-01T00:00:00Z --json
  masthead audit --operators --since 2026-01-01T00:00:00Z")]
pub(crate) struct AuditArguments {
    /// Who read or changed this user.
    #[arg(long, value_name = "ID", group = "subject", value_parser = CustomerRegistrationId::parse)]
    pub(crate) user: Option<CustomerRegistrationId>,
    /// What was done with tokens of this subject or client; for changes of operators the name of the user.
    #[arg(long, value_name = "SUB", group = "subject")]
    pub(crate) caller: Option<String>,
    /// Calls that were refused: 401, 403 and 429.
    #[arg(long, group = "subject")]
    pub(crate) refused: bool,
    /// Changes by operators.
    #[arg(long, group = "subject")]
    pub(crate) operators: bool,
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// From this time on (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) since: OffsetDateTime,
    /// Before this time (RFC 3339); now when not given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) until: Option<OffsetDateTime>,
    /// As one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_time(text: &str) -> Result<OffsetDateTime, &'static str> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "must be a time such as 2026-01-01T00:00:00Z")
}
