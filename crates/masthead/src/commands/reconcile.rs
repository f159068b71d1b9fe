//! `masthead reconcile`: settles what was left open between a provider and our store.

use masthead_domain::tenant::TenantId;
use masthead_orchestrator::writes::{OperatorDecision, Reconciled};
use masthead_ports::intents::{Intent, IntentId};
use serde_json::{Value, json};

use super::{
    environment::print_line,
    operator_log::{CommandChange, record_operator_change},
    user::UserOperations,
};
use crate::{cli::ReconcileArguments, command_error::CommandError};

/// How many open intents are listed.
const LISTED: u32 = 10_000;

const UNREADABLE: &str = "the open intents cannot be read";

async fn record(
    operations: &UserOperations,
    tenant: Option<&TenantId>,
    before: Value,
    after: Value,
) -> Result<(), CommandError> {
    let change = CommandChange {
        command: "reconcile",
        tenant,
        before,
        after,
    };
    record_operator_change(&operations.admin, change).await
}

/// Settles an intent as the operator decides, and records the decision with what it was about.
async fn decide(operations: &UserOperations, number: i64, decision: OperatorDecision) -> Result<(), CommandError> {
    let reconcile = &operations.writes.reconcile;
    let found = reconcile.find(IntentId(number)).await;
    let intent = found
        .map_err(CommandError::context(UNREADABLE))?
        .ok_or_else(|| CommandError::new(format!("there is no open intent {number}")))?;
    let outcome = reconcile.decide(&intent, decision).await;
    let outcome = outcome.map_err(CommandError::context(UNREADABLE))?;
    let before = described(&intent, "open", Some(&intent.reason));
    let after = json!({
        "intent": number,
        "decision": match decision {
            OperatorDecision::ProviderWrote => "the provider has written",
            OperatorDecision::NothingWritten => "nothing was written",
        },
        "outcome": name(outcome),
        "reason": reason(outcome),
    });
    record(operations, Some(&intent.tenant), before, after).await?;
    print_line(json!({"intent": number, "outcome": name(outcome), "reason": reason(outcome)}))
}

pub(super) async fn run(operations: &UserOperations, arguments: &ReconcileArguments) -> Result<(), CommandError> {
    let reconcile = &operations.writes.reconcile;
    if let Some(number) = arguments.intent {
        let decision = if arguments.provider_wrote {
            OperatorDecision::ProviderWrote
        } else {
            OperatorDecision::NothingWritten
        };
        return decide(operations, number, decision).await;
    }
    if !arguments.list {
        let settled = reconcile.run_once().await.map_err(CommandError::context(UNREADABLE))?;
        if !settled.is_empty() {
            record(operations, None, Value::Null, json!({"taken": settled.len()})).await?;
        }
        for (intent, outcome) in settled {
            if matches!(outcome, Reconciled::Done | Reconciled::NotWritten) {
                print_line(described(&intent, name(outcome), None))?;
            }
        }
        let swept = operations.writes.erase.run_once().await;
        swept.map_err(CommandError::context("erasures that wait do not go on"))?;
    }
    let open = reconcile
        .list(None, LISTED)
        .await
        .map_err(CommandError::context(UNREADABLE))?;
    let mut undecided = 0;
    for intent in open {
        let outcome = match intent.step {
            masthead_ports::intents::IntentStep::Unsettled => {
                undecided += 1;
                "needs a decision"
            }
            _ => "open",
        };
        print_line(described(&intent, outcome, Some(&intent.reason)))?;
    }
    if undecided == 0 || arguments.list {
        Ok(())
    } else {
        Err(CommandError::new(format!(
            "{undecided} intents need a decision: see masthead reconcile --help"
        )))
    }
}

fn described(intent: &Intent, outcome: &str, reason: Option<&str>) -> Value {
    json!({
        "intent": intent.id.0,
        "outcome": outcome,
        "reason": reason.filter(|reason| !reason.is_empty()),
        "tenant": intent.tenant.as_str(),
        "kind": intent.new.kind.name(),
        "step": intent.step.name(),
        "createdAt": intent.created_at.unix_timestamp(),
        "attempts": intent.attempts,
        "requestId": intent.new.request_id,
        "sourceSystem": intent.new.source_system,
    })
}

const fn name(outcome: Reconciled) -> &'static str {
    match outcome {
        Reconciled::Done => "done",
        Reconciled::NotWritten => "nothing written",
        Reconciled::Postponed(_) => "open",
        Reconciled::Unsettled(_) => "needs a decision",
    }
}

const fn reason(outcome: Reconciled) -> Option<&'static str> {
    match outcome {
        Reconciled::Done | Reconciled::NotWritten => None,
        Reconciled::Postponed(reason) | Reconciled::Unsettled(reason) => Some(reason),
    }
}
