//! The arguments of `masthead import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use masthead_domain::tenant::TenantId;
use masthead_subscribe_store::OnDuplicate;

#[derive(Debug, Args)]
#[command(after_help = "\
The format is recognised by the beginning of the file; gzip, zstd and zip are seen through. Masthead's own is one JSON object a
line; omitted fields are left unset:
  {\"tenant\":\"north/daily/herald\",\"customerRegistrationId\":\"2937\",\"email\":\"ann@example.com\",
   \"firstName\":\"Ann\",\"lastName\":\"Lee\",\"verified\":true,\"passwordHash\":\"…\",
   \"dateRegistered\":\"2020-01-02T03:04:05Z\",\"changeDate\":\"2021-02-03T04:05:06Z\",\"metadata\":{\"city\":\"Oslo\"}}
(without the line breaks). Every row is imported, merged, skipped or rejected; a rejected row stops nothing. A password hash that
cannot be verified, or only at too high a cost, is left out. Users who exist already, and users who were deleted, are skipped, so
an import can be run again. Prints
{\"hashes\":{\"bcrypt-10\":n,…},\"imported\":n,\"merged\":n,\"rejected\":n,\"skipped\":n,\"unusableHashes\":{\"unknown hash family\":n,…}}.
The file of rejected rows holds personal data: it can be read by its owner only.

Exit codes: 0 success · 1 failure, not every row was read · 2 invalid command line · 3 all rows were read, and some were rejected")]
pub(crate) struct ImportArguments {
    /// The tenant of every row that names none. Rows that name another tenant are rejected.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// Other tenants that rows may name, separated by commas.
    #[arg(long, value_name = "LIST", value_parser = TenantId::parse, value_delimiter = ',')]
    pub(crate) allow_tenants: Vec<TenantId>,
    /// The format: auto, the name of a shipped mapping, or csv, ndjson or json with --map.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) from: String,
    /// A mapping file of your own; --show-map prints one to begin with.
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// Prints the shipped mapping of this name, and imports nothing.
    #[arg(long, value_name = "NAME", exclusive = true)]
    pub(crate) show_map: Option<String>,
    /// The encoding of the file, such as windows-1252; by default UTF-8, or UTF-16 with a byte order mark.
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// What becomes of accounts that are blocked at their source: by default their rows are rejected; with keep they are imported
    /// and stay blocked; with lite they are imported without their passwords, and can set one by mail.
    #[arg(long, value_name = "HOW")]
    pub(crate) blocked: Option<Blocked>,
    /// What becomes of a row whose id, or whose address where addresses are unique, another user has: reject, skip (or first),
    /// newest, verified, or merge. By default reject within the file, and skip for users of the store.
    #[arg(long, value_name = "POLICY")]
    pub(crate) on_duplicate: Option<OnDuplicate>,
    /// A second file, with password hashes.
    #[arg(long, value_name = "FILE", requires = "join")]
    pub(crate) hashes: Option<PathBuf>,
    /// The field of the first file that has the ids of the second.
    #[arg(long, value_name = "FIELD", requires = "hashes")]
    pub(crate) join: Option<String>,
    /// The format of the second file.
    #[arg(long, value_name = "NAME", default_value = "auto", requires = "hashes")]
    pub(crate) hashes_from: String,
    /// Where rejected rows go, as lines of JSON with line, field, code, reason and the row. It holds personal data.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Stops after more rejected rows than this.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_rejects: Option<u64>,
    /// Stores nothing, and prints the report that the import would print.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where the run is named, so that an import that was killed goes on where it was. Removed at the end.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) state: Option<PathBuf>,
    /// Prints the whole report: also states, reasons, duplicates, dates out of range, and fields that are not mapped; as JSON, or
    /// with --report=text for people.
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "json")]
    pub(crate) report: Option<ReportForm>,
    /// How many seconds pass between two lines of progress, where standard error is no terminal; 0 for none.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) progress_every: u64,
    /// The file; `-` is standard input.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

/// The form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// One object.
    Json,
    /// Lines for people.
    Text,
}

/// What becomes of accounts that are blocked at their source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Blocked {
    /// They are imported and stay blocked.
    Keep,
    /// They are imported without their passwords.
    Lite,
}
