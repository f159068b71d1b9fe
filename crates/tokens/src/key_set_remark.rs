//! Remarks for the operator about a loaded key set.

/// The most lines that one set causes; the rest are counted.
const MAX_LINES: usize = 16;

/// Something of a key set that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySetRemark {
    /// A member is for something else; published sets have such.
    OtherPurpose {
        kid: String,
        why: &'static str,
    },
    /// A member is not used because it is wrong.
    Faulty {
        kid: String,
        why: &'static str,
    },
    /// A member holds the private half of its key.
    PrivateHalf {
        kid: String,
    },
    /// A key stands there more than once under one name.
    Repeated {
        kid: String,
    },
    SharedKid {
        kid: String,
    },
    /// The set holds no key that verifies tokens.
    NoKey,
}

impl KeySetRemark {
    pub(crate) fn other_purpose(kid: Option<&str>, why: &'static str) -> Self {
        Self::OtherPurpose { kid: shown(kid), why }
    }

    pub(crate) fn faulty(kid: Option<&str>, why: &'static str) -> Self {
        Self::Faulty { kid: shown(kid), why }
    }

    pub(crate) fn private_half(kid: Option<&str>) -> Self {
        Self::PrivateHalf { kid: shown(kid) }
    }

    pub(crate) fn repeated(kid: Option<&str>) -> Self {
        Self::Repeated { kid: shown(kid) }
    }

    pub(crate) fn shared_kid(kid: Option<&str>) -> Self {
        Self::SharedKid { kid: shown(kid) }
    }

    fn log(&self, issuer: &str) {
        match self {
            Self::OtherPurpose { kid, why } => {
                tracing::info!(issuer, kid, reason = why, "a member of the key set is not used");
            }
            Self::Faulty { kid, why } => {
                tracing::warn!(issuer, kid, reason = why, "a member of the key set is not used");
            }
            Self::PrivateHalf { kid } => {
                tracing::warn!(
                    issuer,
                    kid,
                    "the key set shows a private key: replace the key at its issuer"
                );
            }
            Self::Repeated { kid } => tracing::warn!(issuer, kid, "the key set holds a key twice: it counts once"),
            Self::SharedKid { kid } => {
                tracing::warn!(issuer, kid, "different keys of the key set share a kid: each is tried");
            }
            Self::NoKey => tracing::error!(
                issuer,
                "the key set holds no usable key: every token of the issuer is refused"
            ),
        }
    }
}

/// Writes a line for each remark about the set of this issuer, up to [`MAX_LINES`].
pub(crate) fn log(remarks: &[KeySetRemark], issuer: &str) {
    for remark in remarks.iter().take(MAX_LINES) {
        remark.log(issuer);
    }
    if let Some(more @ 1..) = remarks.len().checked_sub(MAX_LINES) {
        tracing::warn!(issuer, more, "the key set has more members that are not used");
    }
}

/// A kid as it may be logged: published, but of any length and content.
fn shown(kid: Option<&str>) -> String {
    match kid {
        None => "none".to_owned(),
        Some(kid) if (1..=64).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_graphic()) => kid.to_owned(),
        Some(_) => "withheld".to_owned(),
    }
}
