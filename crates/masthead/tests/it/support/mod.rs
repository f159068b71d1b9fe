//! Shared helpers of the tests.

pub(crate) mod http_client;
pub(crate) mod jwt;
pub(crate) mod process;
pub(crate) mod raw_http;
pub(crate) mod readers;
pub(crate) mod roles;
pub(crate) mod sources;
