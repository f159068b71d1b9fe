//! Mails over real sockets: what arrives, what is refused, and what a slow or broken server means.

#[cfg(test)]
mod encryption;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod support;
