//! The events of the audit log: who read or changed which users, with the ids and names of the contract (§2.7).

use std::{borrow::Cow, sync::Arc};

use time::OffsetDateTime;

use crate::{
    access::TokenIdentity,
    customer_registration_id::CustomerRegistrationId,
    tenant::{PoolId, TenantId},
};

/// The maximum number of users that an event names.
pub const MAX_EVENT_USERS: usize = 1000;

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
    /// Users were exported (not in the contract).
    SubscribeUserExport = 4902,
    /// A registration was deleted (not in the contract).
    SubscribeUserDelete = 4905,
    /// A sign-in was refused (not in the contract).
    SubscribeUserLoginFailed = 4906,
    /// A call was refused: 401, 403 or 429 (not in the contract).
    CallRefused = 4907,
    /// An operator's command changed something (not in the contract).
    OperatorChange = 4908,
    /// The audit log was read (not in the contract).
    AuditRead = 4909,
    /// The report of a person was read (not in the contract).
    SubscribeUserReport = 4910,
    /// A person was erased (not in the contract).
    SubscribeUserErase = 4911,
    /// A first password was kept that the former provider has confirmed (not in the contract).
    SubscribeUserFirstLogin = 4914,
}

impl EventKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 26] = [
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
        Self::CallRefused,
        Self::OperatorChange,
        Self::AuditRead,
        Self::SubscribeUserReport,
        Self::SubscribeUserErase,
        Self::SubscribeUserFirstLogin,
    ];

    /// The kind with this published number.
    #[must_use]
    pub fn from_id(id: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

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
            Self::CallRefused => "CALL_REFUSED",
            Self::OperatorChange => "OPERATOR_CHANGE",
            Self::AuditRead => "AUDIT_READ",
            Self::SubscribeUserReport => "SUBSCRIBE_USER_REPORT",
            Self::SubscribeUserErase => "SUBSCRIBE_USER_ERASE",
            Self::SubscribeUserFirstLogin => "SUBSCRIBE_USER_FIRSTLOGIN",
        }
    }

    /// Whether it is about the tenant's provider.
    #[must_use]
    pub const fn is_of_provider(self) -> bool {
        matches!(
            self,
            Self::AuthSystemUserGet
                | Self::AuthSystemUserCreate
                | Self::AuthSystemUserDelete
                | Self::AuthSystemUserUpdate
                | Self::AuthSystemUserLogin
                | Self::AuthSystemUserChangePassword
                | Self::AuthSystemUserChangeEmail
        )
    }

    /// Whether it records a change, or the report of a person. These are written in a transaction before the answer; others may be
    /// lost, which is counted.
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
            | Self::SubscribeUserLoginFailed
            | Self::OperatorChange
            | Self::SubscribeUserReport
            | Self::SubscribeUserErase
            | Self::SubscribeUserFirstLogin => true,
            Self::SubscribeUserGet
            | Self::SubscribeUserGetById
            | Self::AuthSystemUserGet
            | Self::SubscribeUserExport
            | Self::CallRefused
            | Self::AuditRead => false,
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

/// What a read requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// The conditions by name, such as `id` or `firstName+metadata`; `all` for none.
    pub kind: Cow<'static, str>,
    /// A keyed hash of their values.
    pub hash: i64,
}

/// One row of the audit log, without personal data: a user is named by a number or a keyed hash.
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
    /// How many days it is kept at least.
    pub kept_days: u16,
    /// The request's `X-RequestId`.
    pub request_id: Arc<str>,
    /// The calling application's code.
    pub source_system: Arc<str>,
    /// The caller that the token was issued to; empty without a token.
    pub caller: Arc<TokenIdentity>,
    /// The network or the address of the client, as the settings select: `203.0.113.0/24`.
    pub network: Option<Box<str>>,
    /// The outcome.
    pub outcome: EventOutcome,
    /// What was requested, of a read.
    pub filter: Option<EventFilter>,
    /// The registration that was read, if exactly one.
    pub registration_id: Option<i64>,
    /// The users that were read, at most [`MAX_EVENT_USERS`], where `registration_id` is not the only one: numbers of registrations,
    /// and [`hashed_user`] of users that have none.
    pub user_ids: Box<[i64]>,
    /// The number of users in the answer.
    pub users: u32,
    /// More about it, as a JSON object.
    pub detail: Option<Box<str>>,
}

/// The text whose keyed hash names a user without a registration.
#[must_use]
pub fn hash_text(id: &CustomerRegistrationId) -> String {
    ["u:", id.as_str()].concat()
}

/// The first half of a keyed hash as the number of a user without a registration: below zero, unlike numbers of
/// registrations.
#[must_use]
pub const fn hashed_user(hash: i64) -> i64 {
    hash | i64::MIN
}
