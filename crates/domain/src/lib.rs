//! The domain of Masthead: values, the choice of sources, the join, the merge, the answer table, user states and events.
//!
//! All functions are pure: no I/O, no clock. A value that exists is valid.

pub mod access;
pub mod account;
pub mod answer;
pub mod caller_address;
pub mod caller_rules;
pub mod case;
pub mod customer_registration_id;
pub mod email;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod first_login;
pub mod flow;
pub mod join;
pub mod legacy;
pub mod mail;
pub mod merge;
pub mod metadata;
pub mod name;
pub mod order;
pub mod query;
pub mod rate_limit;
pub mod return_url;
mod setting_groups;
mod setting_values;
pub mod settings;
pub mod state;
pub mod suggestion;
pub mod tenant;
pub mod user_change;
pub mod user_key;
pub mod user_rules;
pub mod workspace;
pub mod write_answer;
pub mod write_back;
