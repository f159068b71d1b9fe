//! `masthead person …` and `masthead purge`, as `--help` explains them.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, tenant::TenantId, user_key::UserKey,
};

/// Which person of which tenant.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("person").required(true))]
pub(crate) struct PersonArguments {
    /// The tenant: client group, client and paper.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
    pub(crate) tenant: TenantId,
    /// The id of the person.
    #[arg(long, value_name = "ID", value_parser = CustomerRegistrationId::parse, group = "person")]
    id: Option<CustomerRegistrationId>,
    /// The whole e-mail address of the person.
    #[arg(long, value_name = "ADDRESS", value_parser = Email::parse, group = "person")]
    email: Option<Email>,
}

impl PersonArguments {
    /// The person with this id.
    pub(crate) const fn of_id(tenant: TenantId, id: CustomerRegistrationId) -> Self {
        Self {
            tenant,
            id: Some(id),
            email: None,
        }
    }

    /// The key; one of both is given.
    pub(crate) fn key(&self) -> Option<UserKey> {
        let of_email = || self.email.as_ref().map(|email| UserKey::Email(email.key().clone()));
        self.id.clone().map(UserKey::Id).or_else(of_email)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Prints everything that is held about a person, source by source, as JSON.
    #[command(after_help = "\
Each source has its time, and is said to give no answer where it gives none. Passwords, codes and links are described, never printed.
The report is an event of the audit log. See docs/personal-data.md.")]
    Report {
        #[command(flatten)]
        person: PersonArguments,
        /// Writes the report as a page into this file too, which only its owner can read.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Erases a person: at the provider where its API allows that, and everywhere in the store. Prints the receipt as JSON.
    #[command(after_help = "\
There is no way back. A keyed hash of each id and address stays, so that syncs and imports do not bring the person back. If a side is
down, the command fails and can be repeated; what was begun is finished by running servers. See docs/personal-data.md.")]
    Erase {
        #[command(flatten)]
        person: PersonArguments,
        /// Does not call the provider.
        #[arg(long)]
        ignore_provider: bool,
        /// Changes nothing: prints where the person is known.
        #[arg(long)]
        dry_run: bool,
        /// Erases without a question.
        #[arg(long)]
        yes: bool,
    },
    /// Prints the receipt of an erasure as JSON.
    Receipt {
        /// The number of the receipt.
        #[arg(value_name = "NUMBER")]
        receipt: i64,
        /// A tenant of the pool from which the person was erased: client group, client and paper.
        #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse)]
        tenant: TenantId,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Running servers purge every ten minutes. With --dry-run it prints how many rows of each kind would go now, and how many users are
inactive (Retention.InactiveMonths), and changes nothing. See docs/personal-data.md.")]
pub(crate) struct PurgeArguments {
    /// Changes nothing: prints what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Counts the pool of this tenant alone.
    #[arg(long, value_name = "GROUP/CLIENT/PAPER", value_parser = TenantId::parse, requires = "dry_run")]
    pub(crate) tenant: Option<TenantId>,
}
