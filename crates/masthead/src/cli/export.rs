//! The arguments of `masthead export`.

use clap::Args;
use masthead_domain::tenant::TenantId;
use masthead_exports::ExportFormat;

#[derive(Debug, Args)]
#[command(after_help = "\
Writes one consistent snapshot of the registrations to standard output, in the order of their ids; what is written meanwhile is not
in it. Of a tenant with a provider it is our registrations alone. The format masthead is what `masthead import` reads and loses
nothing; what the others have no place for is left out and counted (docs/export.md). Prints {\"exported\":n,\"hashes\":n,\"leftOut\":{…}}
to standard error. The export is whole only with exit code 0. Who exported what is an event (`masthead audit --operators`).
Examples:
  masthead export --tenant north/daily/herald --with-hashes > herald.ndjson
  masthead export --tenant north/daily/herald --format csv --filter 'metadata.city=Oslo&lastName=le' > oslo.csv")]
pub(crate) struct ExportArguments {
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// masthead, csv, auth0, scim or ldif.
    #[arg(long, value_name = "FORMAT", default_value = "masthead", value_parser = parse_format)]
    pub(crate) format: ExportFormat,
    /// Also writes the hashes of passwords.
    #[arg(long)]
    pub(crate) with_hashes: bool,
    /// Only the users that match: the conditions of `GET /v4/Users` as a query string.
    #[arg(long, value_name = "QUERY")]
    pub(crate) filter: Option<String>,
    /// For ldif: the distinguished name under which the entries are.
    #[arg(long, value_name = "DN", default_value = "ou=people")]
    pub(crate) base_dn: String,
}

fn parse_format(text: &str) -> Result<ExportFormat, &'static str> {
    ExportFormat::from_name(text).ok_or("must be masthead, csv, auth0, scim or ldif")
}
