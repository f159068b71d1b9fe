//! The arguments of `masthead explain`.

use clap::{ArgGroup, Args};
use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email, tenant::TenantId};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("subject").required(true),
    after_help = "\
Prints what decides whether a tenant sees a user: each source and what it answers, what the store has (deleted, pending and
tombstones too), the mirror, and the answers of the API. Or, of a token, why it is refused or what it grants. Reads like a server
with the same settings, with its own budget of calls; writes nothing, not even an event.
Prints nothing about the user but what was typed, unless --show.
Examples:
  masthead explain --tenant north/daily/herald --email ann@example.com
  masthead explain --tenant north/daily/herald --token - < token.txt"
)]
pub(crate) struct ExplainArguments {
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// The whole e-mail address of a user.
    #[arg(long, value_name = "ADDRESS", value_parser = Email::parse, group = "subject")]
    pub(crate) email: Option<Email>,
    /// The id of a user.
    #[arg(long, value_name = "ID", value_parser = CustomerRegistrationId::parse, group = "subject")]
    pub(crate) id: Option<CustomerRegistrationId>,
    /// A caller's token; `-` reads it from standard input, so that it is in no list of processes.
    #[arg(long, value_name = "TOKEN", group = "subject")]
    pub(crate) token: Option<String>,
    /// Also prints ids and addresses of the accounts, or the caller of the token.
    #[arg(long)]
    pub(crate) show: bool,
}
