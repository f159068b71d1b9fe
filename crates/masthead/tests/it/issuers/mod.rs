//! Issuers, grants and denials of callers, and `masthead token inspect`, with the program itself.

mod callers;
mod inspect;
mod oidc_provider;
mod provider_process;
