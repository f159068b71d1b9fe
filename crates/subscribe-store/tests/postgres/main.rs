//! Tests of the store on a real Postgres, which `masthead-dev-postgres` finds or starts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's helpers may panic as tests do, and a measurement prints"
)]

mod audit;
mod callers;
mod contract;
mod deletions;
mod erasures;
mod events;
mod exports;
mod import;
mod import_ahead;
mod isolation;
mod mirror;
mod mirror_joins;
mod names;
mod outbox;
mod plans;
mod pool_locks;
mod pooler;
mod properties;
mod query_shapes;
mod rate_usage;
mod repairs;
mod replicas;
mod restart;
mod rolling_upgrade;
mod sample_users;
mod sealing_keys;
mod several_hosts;
mod slow_statements;
mod support;
mod tenants;
mod time_limits;
mod tls;
mod upgrade;
mod user_races;
mod users;
mod workspaces;
mod write_backs;
mod write_plans;
