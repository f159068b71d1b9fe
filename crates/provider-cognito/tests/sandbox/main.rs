//! The adapter against the sandbox user pool, over real sockets.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod support;
