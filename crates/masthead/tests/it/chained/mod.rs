//! One Masthead in front of another: the adapter for a remote Users API against the API itself, and two processes that read and
//! write.

mod migration;
mod processes;
mod promises;
mod remote_api;
mod write_faults;
mod writes;
