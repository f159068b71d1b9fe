//! The API documentation: the OpenAPI document, the HTML page, and the tables of docs/api.md and docs/migration.md. All
//! are generated from the tables that drive the parsers and the responses, so that they agree with the server
//! (ADR 0040).

mod audit_operation;
mod examples;
mod export_operations;
mod export_schemas;
mod legacy_calls;
mod legacy_operations;
mod legacy_schemas;
mod legacy_writes;
#[cfg(test)]
mod markdown;
mod node;
mod openapi;
mod page;
mod report_operation;
mod response;
mod schema;
pub(crate) mod serve;
mod users_export_operation;
mod v4_operations;
mod v4_schemas;
mod write_operations;
mod write_schemas;
