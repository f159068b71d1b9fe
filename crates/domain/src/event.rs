//! The audit log's events (contract §2.7).

use std::sync::Arc;

use time::OffsetDateTime;

use crate::tenant::{PoolId, TenantId};

/// What happened; the number is the published id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventKind {
    /// The store was searched.
    SubscribeUserGet = 4000,
    /// The store was asked for one user.
    SubscribeUserGetById = 4001,
    /// A registration was created.
    SubscribeUserCreate = 4002,
    /// A pending registration was created.
    SubscribeUserCreatePending = 4003,
    /// A registration was changed, or synchronised from the provider.
    SubscribeUserUpdate = 4004,
    /// The provider was asked.
    AuthSystemUserGet = 4601,
    /// Registrations were imported in bulk (ours).
    SubscribeUserImport = 4901,
    /// A workspace exported users (ours).
    SubscribeUserExport = 4902,
}

impl EventKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::SubscribeUserGet,
        Self::SubscribeUserGetById,
        Self::SubscribeUserCreate,
        Self::SubscribeUserCreatePending,
        Self::SubscribeUserUpdate,
        Self::AuthSystemUserGet,
        Self::SubscribeUserImport,
        Self::SubscribeUserExport,
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
            Self::AuthSystemUserGet => "AUTHSYSTEM_USER_GET",
            Self::SubscribeUserImport => "SUBSCRIBE_USER_IMPORT",
            Self::SubscribeUserExport => "SUBSCRIBE_USER_EXPORT",
        }
    }

    /// Whether it tells of a change, whose event is written with it and relayed; that of a read may be lost, and is not.
    #[must_use]
    pub const fn is_change(self) -> bool {
        match self {
            Self::SubscribeUserCreate
            | Self::SubscribeUserCreatePending
            | Self::SubscribeUserUpdate
            | Self::SubscribeUserImport => true,
            Self::SubscribeUserGet
            | Self::SubscribeUserGetById
            | Self::AuthSystemUserGet
            | Self::SubscribeUserExport => false,
        }
    }
}

/// How the call that an event tells of ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventOutcome {
    /// The source had the user, or users.
    Found,
    /// The source said that there is none.
    Absent,
    /// The source gave no usable answer.
    Unknown,
}

impl EventOutcome {
    /// The word in the log's column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

/// One row of the audit log. It holds no personal data: a registration is named by its number alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// For which tenant.
    pub tenant: TenantId,
    /// In which pool.
    pub pool: PoolId,
    /// When.
    pub at: OffsetDateTime,
    /// The request's `X-RequestId`.
    pub request_id: Arc<str>,
    /// The calling application's code.
    pub source_system: Arc<str>,
    /// How it ended.
    pub outcome: EventOutcome,
    /// The registration that was read, when it was exactly one.
    pub registration_id: Option<i64>,
    /// How many users the call answered with.
    pub users: u32,
    /// The network from which it was asked, where that is kept: `203.0.113.0/24`, never a single address.
    pub network: Option<Box<str>>,
}
