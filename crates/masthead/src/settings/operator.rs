//! Who runs a command: the user of the operating system, and the host.

use std::{fs, os::unix::fs::MetadataExt as _, sync::Arc};

use masthead_domain::access::TokenIdentity;

/// The user of this process as the subject, `os:` and the host as the issuer. Of a user who became another one by sudo, both
/// names are the subject.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment tells who has become another user by sudo"
)]
pub(crate) fn operator() -> Arc<TokenIdentity> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = fs::metadata("/proc/self").ok().map(|process| {
        let id = process.uid();
        user_name(&users, id).map_or_else(|| format!("uid {id}"), str::to_owned)
    });
    let user = user.unwrap_or_else(|| "unknown".to_owned());
    let before = std::env::var("SUDO_USER")
        .ok()
        .filter(|name| !name.is_empty() && *name != user);
    let host = host();
    Arc::new(TokenIdentity {
        issuer: format!("os:{host}").into(),
        subject: Some(
            before
                .map_or_else(|| user.clone(), |name| format!("{name} as {user}"))
                .into(),
        ),
        ..TokenIdentity::default()
    })
}

/// The name of this process for operators: its host and its number.
pub(crate) fn process_name() -> Box<str> {
    format!("{}:{}", host(), std::process::id()).into()
}

fn host() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => "unknown".to_owned(),
        host => host.to_owned(),
    }
}

/// The name of a user id in the form of `/etc/passwd`.
fn user_name(users: &str, id: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, found) = (fields.next()?, fields.next()?, fields.next()?);
        (found.parse() == Ok(id)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_found_by_id() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(user_name(users, 1000), Some("ann"));
        assert_eq!(user_name(users, 1001), None);
        assert!(operator().issuer.starts_with("os:") && operator().subject.is_some());
    }
}
