//! The arguments of `masthead import`.

use std::path::PathBuf;

use clap::Args;
use masthead_domain::tenant::TenantId;

#[derive(Debug, Args)]
#[command(after_help = "\
Each line is one registration. Omitted fields are left unset; ids that exist already are skipped:
  {\"tenant\":\"north/daily/herald\",\"customerRegistrationId\":\"2937\",\"email\":\"ann@example.com\",
   \"firstName\":\"Ann\",\"lastName\":\"Lee\",\"verified\":true,\"passwordHash\":\"…\",
   \"dateRegistered\":\"2020-01-02T03:04:05Z\",\"changeDate\":\"2021-02-03T04:05:06Z\",\"metadata\":{\"city\":\"Oslo\"}}
(without the line breaks). An invalid line stops the import; the error contains the line number, and the field whose value
is invalid. Lines before it stay imported (a batch of up to 2,000 lines is stored completely or not at all). A
passwordHash that cannot be verified, or only at too high a cost, is left out; \"\" and null mean none. Prints
{\"imported\":n,\"skipped\":n,\"hashes\":{\"bcrypt-10\":n,…},\"unusableHashes\":{\"unknown hash family\":n,…}}.")]
pub(crate) struct ImportArguments {
    /// The tenant of every line that contains none.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// The file; `-` is standard input.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}
