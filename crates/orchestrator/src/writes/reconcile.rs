//! Settles intents whose requests have ended without doing so (contract `writes.md` §2, `masthead reconcile`).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::Tenant, user_key::UserKey,
};
use masthead_ports::{
    accounts::{Ability, AccountWriter},
    intents::{Intent, IntentId, IntentKind, IntentStep},
    source::{CallContext, Priority, SourceError},
    tenants::Tenants,
};

use super::{
    create_user::look_up_created,
    intent_content::{IntentContent, SealedContent},
    repeat_in_store::Reconciled,
    services::Services,
    settle,
    sides::TwoSides,
    two_sided::Settled,
};

/// How long one intent may take, and others are kept from it.
const LEASE: Duration = Duration::from_mins(1);
const PER_INTENT: Duration = Duration::from_secs(20);

/// How many intents are taken at once.
const BATCH: u16 = 20;

/// The pauses before an intent is tried again; the last one is repeated.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
];

const NO_TENANT: &str = "the tenant is gone";

/// What an operator knows of an intent that cannot be settled by a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorDecision {
    /// The provider has written: our store follows.
    ProviderWrote,
    /// The provider has written nothing, or it was undone: the intent ends.
    NothingWritten,
}

/// Settles intents.
#[derive(Clone)]
pub struct ReconcileWrites {
    pub(crate) services: Arc<Services>,
    pub(crate) tenants: Arc<dyn Tenants>,
}

impl ReconcileWrites {
    /// Settles the intents that are due now, and returns what became of each. Several reconcilers share the work.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn run_once(&self) -> Result<Vec<(Intent, Reconciled)>, SourceError> {
        let mut settled = Vec::new();
        loop {
            let now = self.services.now();
            let due = self.services.ports.intents.claim_due(now, LEASE, BATCH).await?;
            if due.is_empty() {
                return Ok(settled);
            }
            for intent in due {
                let outcome = self.settle(&intent).await?;
                settled.push((intent, outcome));
            }
        }
    }

    /// The open intents, the oldest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn list(
        &self,
        tenant: Option<&masthead_domain::tenant::TenantId>,
        limit: u32,
    ) -> Result<Vec<Intent>, SourceError> {
        self.services.ports.intents.list(tenant, limit).await
    }

    /// The open intent with this number.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn find(&self, id: IntentId) -> Result<Option<Intent>, SourceError> {
        let open = self.services.ports.intents.list(None, u32::MAX).await?;
        Ok(open.into_iter().find(|intent| intent.id == id))
    }

    /// Settles an open intent as an operator decides.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn decide(&self, intent: &Intent, decision: OperatorDecision) -> Result<Reconciled, SourceError> {
        match decision {
            OperatorDecision::ProviderWrote => {
                let written = Intent {
                    step: IntentStep::Store,
                    ..intent.clone()
                };
                self.settle(&written).await
            }
            OperatorDecision::NothingWritten => {
                let Some(tenant) = self.tenants.by_id(&intent.tenant).await? else {
                    return Ok(Reconciled::Unsettled(NO_TENANT));
                };
                let cx = CallContext::new(tenant, Instant::now() + PER_INTENT, Priority::Interactive);
                self.services.ports.intents.abandon(&cx, intent.id).await?;
                Ok(Reconciled::NotWritten)
            }
        }
    }

    async fn settle(&self, intent: &Intent) -> Result<Reconciled, SourceError> {
        let outcome = match self.tenants.by_id(&intent.tenant).await? {
            Some(tenant) => self.services.settle(tenant, intent).await,
            None => Reconciled::Unsettled(NO_TENANT),
        };
        let intents = &self.services.ports.intents;
        let step = match outcome {
            Reconciled::Done | Reconciled::NotWritten => return Ok(outcome),
            Reconciled::Postponed(_) => intent.step,
            Reconciled::Unsettled(_) => IntentStep::Unsettled,
        };
        let (Reconciled::Postponed(reason) | Reconciled::Unsettled(reason)) = outcome else {
            return Ok(outcome);
        };
        let tries = usize::try_from(intent.attempts).unwrap_or(usize::MAX);
        let pause = PAUSES[tries.min(PAUSES.len() - 1)];
        let retry_at = self.services.now() + pause;
        intents
            .postpone((intent.pool, intent.id), step, reason, retry_at)
            .await?;
        tracing::warn!(
            intent = intent.id.0,
            kind = intent.new.kind.name(),
            tenant = %intent.tenant,
            reason,
            "an intent stays open"
        );
        Ok(outcome)
    }
}

impl Services {
    async fn settle(&self, tenant: Arc<Tenant>, intent: &Intent) -> Reconciled {
        let opened = IntentContent::open(&*self.ports.sealing, &intent.tenant, &intent.new.sealed);
        let Ok(SealedContent {
            content,
            is_remote_alone,
            write_key,
        }) = opened
        else {
            return Reconciled::Unsettled("its content cannot be opened");
        };
        let cx = CallContext {
            write_key: write_key.map(Arc::from),
            ..CallContext::new(tenant, Instant::now() + PER_INTENT, Priority::Interactive)
        };
        let ability = match intent.new.kind {
            IntentKind::Create => Ability::Create,
            IntentKind::Update => Ability::Update,
            IntentKind::SetPassword => Ability::SetPassword,
            IntentKind::SetEmail => Ability::SetEmail,
            IntentKind::Delete => Ability::Delete,
        };
        let Ok(both) = self.two_sides(&cx.tenant, is_remote_alone, ability) else {
            return Reconciled::Unsettled(if is_remote_alone {
                "the tenant's remote Users API cannot be written any more"
            } else {
                "the tenant's provider cannot be written any more"
            });
        };
        let settled = if intent.step == IntentStep::Store {
            self.written_account(&cx, &*both.writer, intent, &content).await
        } else {
            self.look_up(&cx, &both, intent, &content).await
        };
        match settled {
            Ok(Settled::Done(account)) => {
                self.repeat_in_store(&cx, &*both.store, (intent, &content), account)
                    .await
            }
            Ok(Settled::NotDone | Settled::AlreadyExists) => {
                self.abandon(&cx, intent.id).await;
                Reconciled::NotWritten
            }
            Ok(Settled::Unknown) => Reconciled::Unsettled("the provider does not show whether it has written"),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an intent cannot be looked up"
                );
                Reconciled::Postponed("the provider does not answer")
            }
        }
    }

    /// The account of an intent whose provider is done.
    async fn written_account(
        &self,
        cx: &CallContext,
        writer: &dyn AccountWriter,
        intent: &Intent,
        content: &IntentContent,
    ) -> Result<Settled<Option<Account>>, SourceError> {
        match (content, &intent.new.crid) {
            (IntentContent::Delete { .. }, _) => Ok(Settled::Done(None)),
            (_, Some(_)) => Ok(Settled::Done(find(cx, writer, intent.new.crid.as_ref()).await?)),
            // An operator states that the account was created: it is the only one with the address.
            (_, None) => match content.requested_account() {
                Some(requested) => {
                    let found = writer
                        .find_written(cx, &UserKey::Email(requested.email.key().clone()))
                        .await?;
                    let only = <[Account; 1]>::try_from(found);
                    Ok(only.map_or(Settled::Unknown, |[account]| Settled::Done(Some(account))))
                }
                None => Ok(Settled::Unknown),
            },
        }
    }

    /// What the provider shows of a write.
    async fn look_up(
        &self,
        cx: &CallContext,
        both: &TwoSides,
        intent: &Intent,
        content: &IntentContent,
    ) -> Result<Settled<Option<Account>>, SourceError> {
        let (writer, is_remote_alone) = (&*both.writer, both.is_remote_alone);
        let account = find(cx, writer, intent.new.crid.as_ref()).await?;
        let of = |settled: Settled<Account>| settled.map(Some);
        Ok(match content {
            IntentContent::Create { was_absent, .. } => match content.requested_account() {
                None => Settled::Unknown,
                Some(requested) => {
                    let begun = (intent.created_at, *was_absent);
                    of(look_up_created(cx, both, &requested, begun).await?)
                }
            },
            IntentContent::Update { .. } => of(settle::updated(account, &content.change(), is_remote_alone)),
            // It cannot be looked up. Our store records it as unknown; the user can set a password again.
            IntentContent::SetPassword => match account {
                Some(account) => Settled::Done(Some(account)),
                None => Settled::NotDone,
            },
            IntentContent::SetEmail { email, .. } => match Email::parse(email) {
                Ok(email) => of(settle::moved(account, &email)),
                Err(_) => Settled::Unknown,
            },
            IntentContent::Delete { .. } => settle::deleted(account.as_ref()).map(|()| None),
        })
    }
}

async fn find(
    cx: &CallContext,
    writer: &dyn AccountWriter,
    crid: Option<&CustomerRegistrationId>,
) -> Result<Option<Account>, SourceError> {
    match crid {
        Some(crid) => Ok(writer
            .find_written(cx, &UserKey::Id(crid.clone()))
            .await?
            .into_iter()
            .next()),
        None => Ok(None),
    }
}
