//! Masthead's domain: values, which sources to ask, the answer table, merge, user states and events.
//!
//! Nothing here waits, reads a clock, or talks to anybody; a value that exists is valid.

pub mod account;
pub mod answer;
pub mod case;
pub mod customer_registration_id;
pub mod email;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod flow;
pub mod join;
pub mod legacy;
pub mod merge;
pub mod metadata;
pub mod name;
pub mod order;
pub mod query;
pub mod settings;
pub mod state;
pub mod tenant;
pub mod workspace;
pub mod write_back;
