//! The sandbox from the outside: its endpoints, faults and control API, and recordings of the vendors' own libraries.

#[cfg(test)]
mod auth0;
#[cfg(test)]
mod client;
#[cfg(test)]
mod control;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod generic;
#[cfg(test)]
mod gigya;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod mailbox;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod users_api;
