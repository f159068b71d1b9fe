//! `masthead sealing-key …`: the sealing keys that the database knows.

use masthead_subscribe_store::{AdminError, Store};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    confirm::confirm,
    environment::print_line,
    operator_log::{CommandChange, record_operator_change},
};
use crate::{cli::SealingKeyCommand, command_error::CommandError};

pub(super) async fn run(store: &Store, command: &SealingKeyCommand) -> Result<(), CommandError> {
    let admin = store.admin();
    match command {
        SealingKeyCommand::List { json } => {
            let known = admin.sealing_keys().await;
            let known = known.map_err(CommandError::context("the keys cannot be listed"))?;
            if *json {
                let keys = known
                    .iter()
                    .map(|key| json!({"id": key.id, "firstUsedAt": moment(key.first_used_at)}));
                return print_line(json!({"sealingKeys": keys.collect::<Vec<_>>()}));
            }
            known
                .iter()
                .try_for_each(|key| print_line(format_args!("{}: first used at {}", key.id, moment(key.first_used_at))))
        }
        SealingKeyCommand::Forget { id, yes } => {
            // Names of environment variables are upper case.
            let id = id.to_ascii_lowercase();
            confirm(
                &format!("Users that were deleted under {id} are not recognised any more. Forget it?"),
                *yes,
            )?;
            let forgotten = admin.forget_sealing_key(&id).await;
            forgotten.map_err(|error: AdminError| CommandError::context("nothing was changed")(error))?;
            let change = CommandChange {
                command: "sealing-key forget",
                tenant: None,
                before: json!({"id": id}),
                after: Value::Null,
            };
            record_operator_change(&admin, change).await?;
            print_line(format_args!("forgot {id}"))
        }
    }
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
