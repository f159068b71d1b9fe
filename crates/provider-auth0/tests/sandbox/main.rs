//! The adapter against the sandbox Auth0, over real sockets.

#[cfg(test)]
mod check;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod search;
#[cfg(test)]
mod support;
#[cfg(test)]
mod writes;
