//! The adapter against sandbox providers, over real sockets: every way of proof, of paging, of failing.

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
