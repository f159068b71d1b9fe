//! The settings as loaded: every value is still text.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSettings {
    pub(super) http: RawHttp,
    pub(super) database: RawDatabase,
    pub(super) tokens: RawTokens,
    pub(super) issuers: BTreeMap<String, RawIssuer>,
    pub(super) sealing: RawSealing,
    pub(super) search: RawSearch,
    pub(super) exports: RawExports,
    pub(super) limits: RawLimits,
    pub(super) providers: RawProviders,
    pub(super) passwords: RawPasswords,
    pub(super) sync: RawSync,
    pub(super) smtp: RawSmtp,
    pub(super) mail: RawMail,
    pub(super) log: RawLog,
    pub(super) telemetry: RawTelemetry,
    pub(super) metrics: RawMetrics,
    pub(super) audit: RawAudit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAudit {
    pub(super) address: String,
    pub(super) required: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExports {
    pub(super) at_once: String,
    pub(super) time_limit: String,
    pub(super) stall_limit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    pub(super) listen: String,
    pub(super) threads: String,
    pub(super) header_timeout: String,
    pub(super) request_deadline: String,
    pub(super) body_timeout: String,
    pub(super) write_timeout: String,
    pub(super) keep_alive: String,
    pub(super) max_connections: String,
    pub(super) max_connections_per_address: String,
    pub(super) max_unsent_bytes_per_connection: String,
    pub(super) max_unsent_bytes: String,
    pub(super) max_concurrent_streams: String,
    pub(super) max_body_bytes: String,
    pub(super) max_uri_bytes: String,
    pub(super) max_header_bytes: String,
    pub(super) drain_timeout: String,
    pub(super) drain_idle: String,
    pub(super) drain_delay: String,
    pub(super) trusted_proxies: String,
    pub(super) forwarded_header: String,
    pub(super) tls_certificate_file: String,
    pub(super) tls_key_file: String,
    pub(super) tls_client_ca_file: String,
    pub(super) tls_client_certificates: String,
    pub(super) tls_handshake_timeout: String,
    pub(super) tls_max_handshakes: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDatabase {
    pub(super) url: String,
    pub(super) url_file: String,
    pub(super) direct_url: String,
    pub(super) direct_url_file: String,
    pub(super) replica_urls: String,
    pub(super) replica_urls_file: String,
    pub(super) replica_max_lag: String,
    pub(super) lookup_connections: String,
    pub(super) lookup_batch: String,
    pub(super) search_connections: String,
    pub(super) search_concurrency: String,
    pub(super) search_queue: String,
    pub(super) search_queue_per_tenant: String,
    pub(super) pooler: String,
    pub(super) named_prepared_statements: String,
    pub(super) statement_timeout: String,
    pub(super) acquire_timeout: String,
    pub(super) event_queue: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTokens {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) jwks_url: String,
    pub(super) jwks_file: String,
    pub(super) hs256_secret: String,
    pub(super) hs256_secret_file: String,
    pub(super) kind: String,
    pub(super) algorithms: String,
    pub(super) scope_claims: String,
    pub(super) scope_prefix: String,
    pub(super) tenants_claims: String,
    pub(super) client_id_claims: String,
    pub(super) audience_claims: String,
    pub(super) jwks_refresh: String,
    pub(super) jwks_cooldown: String,
    pub(super) jwks_max_stale: String,
    pub(super) leeway: String,
    pub(super) types: String,
    pub(super) max_lifetime: String,
    pub(super) read_scope_grants: String,
    pub(super) max_minted_lifetime: String,
}

/// `[issuers.NAME]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIssuer {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) jwks_url: String,
    pub(super) jwks_file: String,
    pub(super) kind: String,
    pub(super) algorithms: String,
    pub(super) scope_claims: String,
    pub(super) scope_prefix: String,
    pub(super) tenants_claims: String,
    pub(super) client_id_claims: String,
    pub(super) audience_claims: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSealing {
    pub(super) current: String,
    pub(super) publish: String,
    pub(super) keys: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSearch {
    pub(super) max_depth: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) subject_requests_per_minute: String,
    pub(super) subject_rows_per_minute: String,
    pub(super) address_requests_per_minute: String,
    pub(super) address_rows_per_minute: String,
    pub(super) tenant_requests_per_minute: String,
    pub(super) tenant_rows_per_minute: String,
    pub(super) list_weight: String,
    pub(super) shared: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProviders {
    pub(super) allow_private_addresses: String,
    pub(super) secrets_folder: String,
    pub(super) shared_secrets: String,
    pub(super) connect_timeout: String,
    pub(super) call_timeout: String,
    pub(super) max_answer_bytes: String,
    pub(super) fresh: String,
    pub(super) stale: String,
    pub(super) stale_after: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPasswords {
    pub(super) threads: String,
    pub(super) memory_mib: String,
    pub(super) queue: String,
    pub(super) niceness: String,
    pub(super) argon2_memory_kib: String,
    pub(super) argon2_iterations: String,
    pub(super) argon2_parallelism: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSync {
    pub(super) every: String,
    pub(super) full_every: String,
    pub(super) at_once: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSmtp {
    pub(super) host: String,
    pub(super) port: String,
    pub(super) tls: String,
    pub(super) ca_file: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) password_file: String,
    pub(super) from: String,
    pub(super) hello_name: String,
    pub(super) timeout: String,
    pub(super) connections: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMail {
    pub(super) templates_dir: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: String,
    pub(super) level: String,
    pub(super) file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTelemetry {
    pub(super) otlp_endpoint: String,
    pub(super) otlp_headers: String,
    pub(super) otlp_headers_file: String,
    pub(super) sample_ratio: String,
    pub(super) metrics_every: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    pub(super) listen: String,
    pub(super) on_api_port: String,
}
