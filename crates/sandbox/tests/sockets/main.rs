//! The sandbox from the outside: its endpoints, its faults, its control address, and what the providers' own libraries made of it.

#[cfg(test)]
mod auth0;
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
mod plain;
#[cfg(test)]
mod support;
#[cfg(test)]
mod users_api;
