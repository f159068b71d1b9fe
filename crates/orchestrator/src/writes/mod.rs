//! Writing users: create, update, sign in, verify, reset a password, delete; on one side or on both (contract `writes.md`).

mod change_email;
mod change_password;
mod create_user;
mod delete_user;
mod erase_person;
mod error;
mod first_login;
mod idempotent;
mod intent_content;
mod person_accounts;
mod reconcile;
mod remote_store;
mod repeat_in_store;
mod reset_password;
mod services;
mod settle;
mod sides;
mod sign_in;
mod sign_in_answer;
pub(crate) mod stored_texts;
mod taken_addresses;
mod two_sided;
mod update_user;
mod upgrade_lite;
mod user_turns;
mod verify_email;
mod write_key;

use std::sync::Arc;

use masthead_ports::tenants::Tenants;
use tokio_util::task::TaskTracker;

use services::Services;
use user_turns::UserTurns;

pub use change_email::ChangeEmail;
pub use change_password::ChangePassword;
pub use create_user::{CreateRequest, CreateUser, Created};
pub use delete_user::{DeleteRequest, DeleteUser};
pub(crate) use erase_person::attempt_keys;
pub use erase_person::{ErasePerson, EraseRequest, ErasurePreview};
pub use error::WriteUserError;
pub use idempotent::{EarlierAnswer, IdempotentWrites, KeyClaim};
pub use reconcile::{OperatorDecision, ReconcileWrites};
pub use repeat_in_store::Reconciled;
pub use reset_password::{ResetPassword, ValidLink};
pub use services::{ClaimedKey, WriteCall, WriteDependencies, Written};
pub use sign_in::AuthenticateUser;
pub use sign_in_answer::{SignInError, SignInRequest, SignedInUser};
pub use update_user::{UpdateRequest, UpdateUser};
pub use verify_email::VerifyEmail;

/// All writes. Cheap to clone.
#[derive(Clone)]
pub struct UserWrites {
    /// Creates users.
    pub create: CreateUser,
    /// Changes users.
    pub update: UpdateUser,
    /// Sets passwords.
    pub password: ChangePassword,
    /// Changes addresses.
    pub email: ChangeEmail,
    /// Deletes users.
    pub delete: DeleteUser,
    /// Erases persons.
    pub erase: ErasePerson,
    /// Signs users in.
    pub sign_in: AuthenticateUser,
    /// Resets forgotten passwords.
    pub reset: ResetPassword,
    /// Verifies addresses.
    pub verify: VerifyEmail,
    /// Keeps answers by idempotency key.
    pub idempotent: IdempotentWrites,
    /// Settles what was left open.
    pub reconcile: ReconcileWrites,
    services: Arc<Services>,
}

impl UserWrites {
    /// Builds the writes from the ports.
    #[must_use]
    pub fn new(ports: WriteDependencies, tenants: Arc<dyn Tenants>) -> Self {
        let services = Arc::new(Services {
            ports,
            tasks: TaskTracker::new(),
            first_logins: UserTurns::default(),
        });
        let shared = || Arc::clone(&services);
        Self {
            create: CreateUser { services: shared() },
            update: UpdateUser { services: shared() },
            password: ChangePassword { services: shared() },
            email: ChangeEmail { services: shared() },
            delete: DeleteUser { services: shared() },
            erase: ErasePerson { services: shared() },
            sign_in: AuthenticateUser { services: shared() },
            reset: ResetPassword { services: shared() },
            verify: VerifyEmail { services: shared() },
            idempotent: IdempotentWrites { services: shared() },
            reconcile: ReconcileWrites {
                services: shared(),
                tenants,
            },
            services,
        }
    }

    /// The ports behind the writes, for use cases that share them.
    #[must_use]
    pub fn ports(&self) -> &WriteDependencies {
        &self.services.ports
    }

    /// Waits until all running writes are done; later ones are refused as not done.
    pub async fn close(&self) {
        self.services.tasks.close();
        self.services.tasks.wait().await;
    }
}
