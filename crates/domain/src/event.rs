//! The events of the audit log: who read or changed which users, with the ids and names of the contract (§2.7).

use std::sync::Arc;

use time::OffsetDateTime;

use crate::tenant::{PoolId, TenantId};

/// The kind of an event; the number is the published id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventKind {
    /// The store was searched.
    SubscribeUserGet = 4000,
    /// One user was looked up in the store.
    SubscribeUserGetById = 4001,
    /// A registration was created.
    SubscribeUserCreate = 4002,
    /// A pending registration was created.
    SubscribeUserCreatePending = 4003,
    /// A registration was changed, or written back from the provider.
    SubscribeUserUpdate = 4004,
    /// A user signed in.
    SubscribeUserLogin = 4006,
    /// A link to reset a password was requested.
    SubscribeUserStartForgotPassword = 4009,
    /// A password was set.
    SubscribeUserChangePassword = 4010,
    /// An address was changed.
    SubscribeUserChangeEmail = 4011,
    /// The provider was called.
    AuthSystemUserGet = 4601,
    /// The provider created an account (not in the contract).
    AuthSystemUserCreate = 4602,
    /// The provider deleted an account (not in the contract).
    AuthSystemUserDelete = 4603,
    /// The provider changed an account (not in the contract).
    AuthSystemUserUpdate = 4604,
    /// The provider checked a sign-in.
    AuthSystemUserLogin = 4605,
    /// The provider set a password.
    AuthSystemUserChangePassword = 4609,
    /// The provider changed an address.
    AuthSystemUserChangeEmail = 4610,
    /// Registrations were imported in bulk (not in the contract).
    SubscribeUserImport = 4901,
    /// A workspace exported users (not in the contract).
    SubscribeUserExport = 4902,
    /// A registration was deleted (not in the contract).
    SubscribeUserDelete = 4905,
    /// A sign-in was refused (not in the contract).
    SubscribeUserLoginFailed = 4906,
}

impl EventKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 20] = [
        Self::SubscribeUserGet,
        Self::SubscribeUserGetById,
        Self::SubscribeUserCreate,
        Self::SubscribeUserCreatePending,
        Self::SubscribeUserUpdate,
        Self::SubscribeUserLogin,
        Self::SubscribeUserStartForgotPassword,
        Self::SubscribeUserChangePassword,
        Self::SubscribeUserChangeEmail,
        Self::AuthSystemUserGet,
        Self::AuthSystemUserCreate,
        Self::AuthSystemUserDelete,
        Self::AuthSystemUserUpdate,
        Self::AuthSystemUserLogin,
        Self::AuthSystemUserChangePassword,
        Self::AuthSystemUserChangeEmail,
        Self::SubscribeUserImport,
        Self::SubscribeUserExport,
        Self::SubscribeUserDelete,
        Self::SubscribeUserLoginFailed,
    ];

    /// The published number.
    #[must_use]
    pub const fn id(self) -> i32 {
        self as i32
    }

    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SubscribeUserGet => "SUBSCRIBE_USER_GET",
            Self::SubscribeUserGetById => "SUBSCRIBE_USER_GETBYID",
            Self::SubscribeUserCreate => "SUBSCRIBE_USER_CREATE",
            Self::SubscribeUserCreatePending => "SUBSCRIBE_USER_CREATEPENDING",
            Self::SubscribeUserUpdate => "SUBSCRIBE_USER_UPDATE",
            Self::SubscribeUserLogin => "SUBSCRIBE_USER_LOGIN",
            Self::SubscribeUserStartForgotPassword => "SUBSCRIBE_USER_STARTFORGOTPASSWORD",
            Self::SubscribeUserChangePassword => "SUBSCRIBE_USER_CHANGEPASSWORD",
            Self::SubscribeUserChangeEmail => "SUBSCRIBE_USER_CHANGEEMAIL",
            Self::AuthSystemUserGet => "AUTHSYSTEM_USER_GET",
            Self::AuthSystemUserCreate => "AUTHSYSTEM_USER_CREATE",
            Self::AuthSystemUserDelete => "AUTHSYSTEM_USER_DELETE",
            Self::AuthSystemUserUpdate => "AUTHSYSTEM_USER_UPDATE",
            Self::AuthSystemUserLogin => "AUTHSYSTEM_USER_LOGIN",
            Self::AuthSystemUserChangePassword => "AUTHSYSTEM_USER_CHANGEPASSWORD",
            Self::AuthSystemUserChangeEmail => "AUTHSYSTEM_USER_CHANGEEMAIL",
            Self::SubscribeUserImport => "SUBSCRIBE_USER_IMPORT",
            Self::SubscribeUserExport => "SUBSCRIBE_USER_EXPORT",
            Self::SubscribeUserDelete => "SUBSCRIBE_USER_DELETE",
            Self::SubscribeUserLoginFailed => "SUBSCRIBE_USER_LOGINFAILED",
        }
    }

    /// Whether it records a change. Events of changes are written in the transaction of the change; events of reads may be
    /// lost.
    #[must_use]
    pub const fn is_change(self) -> bool {
        match self {
            Self::SubscribeUserCreate
            | Self::SubscribeUserCreatePending
            | Self::SubscribeUserUpdate
            | Self::SubscribeUserLogin
            | Self::SubscribeUserStartForgotPassword
            | Self::SubscribeUserChangePassword
            | Self::SubscribeUserChangeEmail
            | Self::AuthSystemUserCreate
            | Self::AuthSystemUserDelete
            | Self::AuthSystemUserUpdate
            | Self::AuthSystemUserLogin
            | Self::AuthSystemUserChangePassword
            | Self::AuthSystemUserChangeEmail
            | Self::SubscribeUserImport
            | Self::SubscribeUserDelete
            | Self::SubscribeUserLoginFailed => true,
            Self::SubscribeUserGet
            | Self::SubscribeUserGetById
            | Self::AuthSystemUserGet
            | Self::SubscribeUserExport => false,
        }
    }
}

/// The outcome of the recorded call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventOutcome {
    /// The source has the user or users.
    Found,
    /// The source has no such user.
    Absent,
    /// The source is unavailable, or its answer is unusable.
    Unknown,
    /// The source refused.
    Refused,
}

impl EventOutcome {
    /// The name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
        }
    }
}

/// One row of the audit log, without personal data: a registration is identified by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The kind.
    pub kind: EventKind,
    /// The tenant.
    pub tenant: TenantId,
    /// The pool.
    pub pool: PoolId,
    /// The time.
    pub at: OffsetDateTime,
    /// The request's `X-RequestId`.
    pub request_id: Arc<str>,
    /// The calling application's code.
    pub source_system: Arc<str>,
    /// The outcome.
    pub outcome: EventOutcome,
    /// The registration that was read, if exactly one.
    pub registration_id: Option<i64>,
    /// The number of users in the answer.
    pub users: u32,
    /// The network of the client, where recorded: `203.0.113.0/24`, never a single address.
    pub network: Option<Box<str>>,
}
