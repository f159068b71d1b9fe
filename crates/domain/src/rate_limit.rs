//! Limits of requests and rows a minute: their names and amounts.

/// One of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RatePolicy {
    /// The scope.
    pub scope: RateScope,
    /// What it counts.
    pub unit: RateUnit,
}

/// The scope of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateScope {
    /// One caller: the subject of a token, or a workspace.
    Subject,
    /// One network address.
    Address,
    /// One tenant.
    Tenant,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateUnit {
    /// Requests; a list or a search counts as several.
    Requests,
    /// Users in answers.
    Rows,
}

impl RatePolicy {
    /// Every limit with its name in headers, metrics and the database.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::new(RateScope::Subject, RateUnit::Requests), "subject-requests"),
        (Self::new(RateScope::Subject, RateUnit::Rows), "subject-rows"),
        (Self::new(RateScope::Address, RateUnit::Requests), "address-requests"),
        (Self::new(RateScope::Address, RateUnit::Rows), "address-rows"),
        (Self::new(RateScope::Tenant, RateUnit::Requests), "tenant-requests"),
        (Self::new(RateScope::Tenant, RateUnit::Rows), "tenant-rows"),
    ];

    /// The limit of this scope and unit.
    #[must_use]
    pub const fn new(scope: RateScope, unit: RateUnit) -> Self {
        Self { scope, unit }
    }

    /// The limit with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, known)| *known == name);
        found.map(|(policy, _)| policy)
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.scope, self.unit) {
            (RateScope::Subject, RateUnit::Requests) => "subject-requests",
            (RateScope::Subject, RateUnit::Rows) => "subject-rows",
            (RateScope::Address, RateUnit::Requests) => "address-requests",
            (RateScope::Address, RateUnit::Rows) => "address-rows",
            (RateScope::Tenant, RateUnit::Requests) => "tenant-requests",
            (RateScope::Tenant, RateUnit::Rows) => "tenant-rows",
        }
    }
}

/// The limits of one scope. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimit {
    /// Requests a minute.
    pub requests: u32,
    /// Rows a minute.
    pub rows: u32,
}

/// A tenant's own limits in place of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantRateLimits {
    /// Requests a minute; 0 is no limit.
    pub requests: Option<u32>,
    /// Rows a minute; 0 is no limit.
    pub rows: Option<u32>,
}

impl TenantRateLimits {
    /// The limits of the tenant where these are the server's.
    #[must_use]
    pub fn over(self, server: RateLimit) -> RateLimit {
        RateLimit {
            requests: self.requests.unwrap_or(server.requests),
            rows: self.rows.unwrap_or(server.rows),
        }
    }
}

/// The largest limit of a minute.
pub const MAX_RATE_LIMIT: u32 = 1_000_000_000;

/// Parses a limit of a minute.
///
/// # Errors
/// The allowed values.
pub(crate) fn parse_rate(text: &str) -> Result<u32, &'static str> {
    let rate = text.parse().ok().filter(|rate| *rate <= MAX_RATE_LIMIT);
    rate.ok_or("a number from 0 to 1000000000; 0 is no limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_names_are_distinct() {
        for (policy, name) in RatePolicy::ALL {
            assert_eq!((policy.name(), RatePolicy::from_name(name)), (name, Some(policy)));
        }
    }
}
