//! The sandbox from the outside: its endpoints, its faults, its control address, and what Auth0's own library made of it.

#[cfg(test)]
mod auth0;
#[cfg(test)]
mod control;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod support;
