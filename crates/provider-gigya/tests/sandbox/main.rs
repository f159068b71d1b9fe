//! The adapter against the sandbox Gigya, over real sockets.

#[cfg(test)]
mod check;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
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
