//! What every part of a measurement needs.

use std::path::Path;

use super::cpu::CpuClock;
use super::database::BenchDatabase;
use super::http::HeaderList;
use super::masthead::MastheadProgram;
use super::users::{GROUPS, tenant_codes};
use crate::shell::TaskResult;

/// How much is measured.
pub(super) struct BenchPlan {
    pub(super) rows: u32,
    pub(super) rounds: u32,
    /// Of each load of a round.
    pub(super) seconds: u32,
    /// Whether data are created again, even if they exist.
    pub(super) fresh: bool,
}

/// The data, the program, and where files go.
pub(super) struct BenchContext<'a> {
    pub(super) plan: BenchPlan,
    pub(super) database: &'a BenchDatabase<'a>,
    pub(super) program: &'a MastheadProgram,
    /// One for each client group.
    pub(super) tokens: Vec<String>,
    pub(super) clock: CpuClock,
    pub(super) postmaster: Option<u32>,
    /// How programs are built.
    pub(super) profile: &'static str,
    /// `target/bench`.
    pub(super) folder: &'a Path,
}

impl BenchContext<'_> {
    /// The headers of a caller that reads this tenant.
    pub(super) fn tenant_headers(&self, tenant: u32) -> HeaderList {
        caller_headers(&self.tokens[(tenant % GROUPS) as usize], &tenant_codes(tenant))
    }

    /// CPU seconds of all processes of Postgres so far; zero if it runs on another machine.
    pub(super) fn database_seconds(&self) -> f64 {
        self.postmaster
            .map_or(0.0, |process| self.clock.family_seconds(process))
    }
}

/// The headers of a caller: its token, and the codes of a tenant (group, client, paper).
pub(super) fn caller_headers(token: &str, [group, client, paper]: &[String; 3]) -> HeaderList {
    vec![
        ("Authorization", format!("Bearer {token}")),
        ("X-SourceSystem", "BENCH".to_owned()),
        ("X-ClientGroupCode", group.clone()),
        ("X-ClientCode", client.clone()),
        ("X-PaperCode", paper.clone()),
    ]
}

/// One token for each client group, valid for all tenants of the group.
pub(super) fn issue_tokens(program: &MastheadProgram) -> TaskResult<Vec<String>> {
    let groups = 0..GROUPS;
    groups
        .map(|group| program.issue_token(&format!("{}/*/*", tenant_codes(group)[0]), "users:read"))
        .collect()
}
