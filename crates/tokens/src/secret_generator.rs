//! Secrets for users from the system's source of randomness.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use masthead_ports::{passwords::PlainPassword, secret_generator::SecretGenerator};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Makes codes, links and passwords of random bytes.
#[derive(Debug, Clone)]
pub struct SystemSecrets(SystemRandom);

impl SystemSecrets {
    /// The secrets of this system.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    fn bytes<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        #[expect(
            clippy::expect_used,
            reason = "no secret can be made without randomness, and a weak one must not be"
        )]
        self.0.fill(&mut bytes).expect("the system gives random bytes");
        bytes
    }
}

impl Default for SystemSecrets {
    fn default() -> Self {
        Self::new()
    }
}

impl SecretGenerator for SystemSecrets {
    fn code(&self) -> String {
        let [a, b, c] = self.bytes();
        format!("{a:02X}{b:02X}{c:02X}")
    }

    fn link(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    fn password(&self) -> PlainPassword {
        // Upper and lower case, a digit and a sign, for the rules of every provider.
        PlainPassword::new(format!("{}-aA1", self.link()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn secrets_have_their_shape_and_differ() {
        let secrets = SystemSecrets::new();
        let codes: HashSet<String> = (0..50).map(|_| secrets.code()).collect();
        assert!(codes.len() > 45);
        for code in codes {
            assert_eq!(code.len(), 6);
            assert!(
                code.bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
            );
        }
        let links: HashSet<String> = (0..50).map(|_| secrets.link()).collect();
        assert_eq!(links.len(), 50);
        assert!(
            links
                .iter()
                .all(|link| link.len() == 43 && !link.contains(['+', '/', '=']))
        );
        let password = secrets.password();
        assert_ne!(password, secrets.password());
        assert!(PlainPassword::parse(password.expose()).is_ok());
    }
}
