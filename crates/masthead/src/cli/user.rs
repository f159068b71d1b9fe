//! `masthead user …` and `masthead reconcile`, as `--help` explains them.

use clap::{Args, Subcommand};
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    metadata::Metadata,
    tenant::TenantId,
    user_change::{MAX_METADATA_VALUE_BYTES, MAX_NAME_BYTES, is_blocked_key},
};

use super::{
    pairs::parse_pair,
    person::{PersonArguments, PersonCommand},
};

/// Which user of which tenant.
#[derive(Debug, Args)]
pub(crate) struct UserArguments {
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// The user's id.
    #[arg(value_name = "ID", value_parser = CustomerRegistrationId::parse)]
    pub(crate) id: CustomerRegistrationId,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Prints a user as JSON: its state and the fields that are stored, without sealed ids and empty keys of metadata.
    Show(UserArguments),
    /// Creates a user, on the sides that the tenant's flow names. Prints its id.
    #[command(
        after_help = "The password is the first line of standard input, with --password; it is never an argument."
    )]
    Create(CreateArguments),
    /// Changes a user.
    Set(SetArguments),
    /// Sets a user's password, the first line of standard input; all reset links of the user end.
    Password(UserArguments),
    /// Deletes a user: it is absent at once, and purged after Retention.DeletedDays.
    Delete {
        #[command(flatten)]
        user: UserArguments,
        /// Does not call the provider.
        #[arg(long)]
        ignore_provider: bool,
        /// Erases the person at once, as masthead person erase does, after a question; prints the receipt.
        #[arg(long)]
        purge: bool,
        /// Erases without a question.
        #[arg(long, requires = "purge")]
        yes: bool,
    },
}

impl UserCommand {
    /// The same as an erasure, where it is one.
    pub(crate) fn as_erasure(&self) -> Option<PersonCommand> {
        match self {
            Self::Delete {
                user,
                ignore_provider,
                purge: true,
                yes,
            } => Some(PersonCommand::Erase {
                person: PersonArguments::of_id(user.tenant.clone(), user.id.clone()),
                ignore_provider: *ignore_provider,
                dry_run: false,
                yes: *yes,
            }),
            _ => None,
        }
    }
}

/// A name as the API takes it.
fn parse_name(text: &str) -> Result<String, String> {
    if text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be at most {MAX_NAME_BYTES} bytes without control characters"
        ))
    }
}

/// A pair of metadata as the API takes it.
fn parse_metadata(text: &str) -> Result<(String, String), String> {
    let (key, value) = parse_pair(text)?;
    Metadata::new([(key.clone(), value.clone())]).map_err(|error| error.to_string())?;
    if is_blocked_key(&key) {
        return Err("blocked is set by `user set --blocked`".to_owned());
    }
    if value.len() > MAX_METADATA_VALUE_BYTES {
        return Err(format!("a value must be at most {MAX_METADATA_VALUE_BYTES} bytes"));
    }
    Ok((key, value))
}

#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// The address.
    #[arg(long, value_parser = Email::parse_new)]
    pub(crate) email: Email,
    /// Reads a password from standard input; without it the user has none.
    #[arg(long)]
    pub(crate) password: bool,
    #[command(flatten)]
    pub(crate) names: NameArguments,
    /// A pair of metadata; may be given several times.
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = parse_metadata)]
    pub(crate) metadata: Vec<(String, String)>,
    /// Does not call the provider.
    #[arg(long)]
    pub(crate) ignore_provider: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NameArguments {
    /// The first name.
    #[arg(long, value_parser = parse_name)]
    pub(crate) first_name: Option<String>,
    /// The last name.
    #[arg(long, value_parser = parse_name)]
    pub(crate) last_name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SetArguments {
    #[command(flatten)]
    pub(crate) user: UserArguments,
    #[command(flatten)]
    pub(crate) names: NameArguments,
    /// The address.
    #[arg(long, value_parser = Email::parse_new)]
    pub(crate) email: Option<Email>,
    /// Whether the address counts as verified.
    #[arg(long, value_name = "true|false")]
    pub(crate) verified: Option<bool>,
    /// Whether sign-in is refused.
    #[arg(long, value_name = "true|false")]
    pub(crate) blocked: Option<bool>,
    /// A pair of metadata; an empty value removes the key. May be given several times.
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = parse_metadata)]
    pub(crate) metadata: Vec<(String, String)>,
    /// Does not call the provider; not with --email, which both sides have.
    #[arg(long, conflicts_with = "email")]
    pub(crate) ignore_provider: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A write of a tenant with a provider is recorded before it is tried. What a server could not finish (it was killed, or a side did
not answer) stays open; running servers settle it by themselves. This command settles what is due now, prints one line of JSON for
each intent that it settled and each that stays open, with the reason, and exits with 1 if any needs a decision:
  masthead reconcile --intent 12 --provider-wrote      our store follows what the provider has
  masthead reconcile --intent 12 --nothing-written     the intent ends
See docs/writes.md.")]
pub(crate) struct ReconcileArguments {
    /// Lists the open intents and changes nothing.
    #[arg(long, conflicts_with = "intent")]
    pub(crate) list: bool,
    /// The number of an intent to decide.
    #[arg(long, value_name = "NUMBER", requires = "decision")]
    pub(crate) intent: Option<i64>,
    /// The provider has written.
    #[arg(long, group = "decision", requires = "intent")]
    pub(crate) provider_wrote: bool,
    /// The provider has written nothing.
    #[arg(long, group = "decision", requires = "intent")]
    pub(crate) nothing_written: bool,
}
