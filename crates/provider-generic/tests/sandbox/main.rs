//! Integration tests of the adapter against simulated providers, over real sockets: each way to authenticate, each
//! style of paging, each kind of failure.

#[cfg(test)]
mod check;
#[cfg(test)]
mod credentials;
#[cfg(test)]
#[path = "../support/fixture.rs"]
mod fixture;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod look_ups;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod scan;
#[cfg(test)]
#[path = "../support/suite.rs"]
mod suite;
#[cfg(test)]
mod third;
#[cfg(test)]
mod writes;
