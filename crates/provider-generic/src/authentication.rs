//! Authentication at a provider.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use masthead_provider_kit::{ClientCredentialsOptions, Secret};
use zeroize::Zeroizing;

use crate::operation::ParamValue;

/// The kinds of proof. Client certificates are not among them: the outbound client has none to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// None.
    Open,
    Bearer,
    /// The secret fetches bearer tokens (RFC 6749 §4.4).
    ClientCredentials {
        token_url: http::Uri,
        client_id: Box<str>,
        audience: Option<Box<str>>,
    },
    /// The secret is the value of a header.
    Header {
        name: HeaderName,
    },
    Field {
        name: Box<str>,
    },
    /// The secret is a password (RFC 7617).
    Basic {
        user: Box<str>,
    },
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RequestCredentials {
    pub(crate) headers: HeaderMap,
    field: Option<(Box<str>, Secret)>,
}

impl RequestCredentials {
    pub(crate) fn param(&self) -> Option<(String, ParamValue)> {
        let (name, secret) = self.field.as_ref()?;
        let text = secret.expose_text()?.to_owned();
        Some((name.to_string(), ParamValue::TextTemplate(text)))
    }
}

impl Authentication {
    /// Whether a secret is needed.
    pub(crate) const fn needs_secret(&self) -> bool {
        !matches!(self, Self::Open)
    }

    /// The proof that is made of the secret once; `None` when the secret cannot be sent so.
    pub(crate) fn credentials(&self, secret: &Secret) -> Option<RequestCredentials> {
        let text = secret.expose_text()?;
        let in_header = |name: HeaderName, value: &str| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some(RequestCredentials {
                headers: HeaderMap::from_iter([(name, value)]),
                field: None,
            })
        };
        match self {
            Self::Open | Self::ClientCredentials { .. } => Some(RequestCredentials::default()),
            Self::Bearer => {
                let value = Zeroizing::new(format!("Bearer {text}"));
                in_header(header::AUTHORIZATION, &value)
            }
            Self::Header { name } => in_header(name.clone(), text),
            Self::Basic { user } => {
                let pair = Zeroizing::new(format!("{user}:{text}"));
                let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                in_header(header::AUTHORIZATION, &value)
            }
            Self::Field { name } => Some(RequestCredentials {
                headers: HeaderMap::new(),
                field: Some((name.clone(), secret.clone())),
            }),
        }
    }

    /// How tokens are fetched, where they are.
    pub(crate) fn tokens(&self, secret: Secret) -> Option<ClientCredentialsOptions> {
        let Self::ClientCredentials {
            token_url,
            client_id,
            audience,
        } = self
        else {
            return None;
        };
        Some(ClientCredentialsOptions {
            token_url: token_url.clone(),
            client_id: client_id.clone(),
            client_secret: secret,
            audience: audience.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_sent_but_never_shown() {
        let secret = Secret::new(*b"s3cret");
        let header = |authentication: Authentication, name: &str| {
            let credentials = authentication.credentials(&secret).unwrap();
            assert!(!format!("{credentials:?}").contains("s3cret") && !format!("{credentials:?}").contains("czNjcmV0"));
            credentials.headers[name].to_str().unwrap().to_owned()
        };
        assert_eq!(header(Authentication::Bearer, "authorization"), "Bearer s3cret");
        let name = HeaderName::from_static("x-secret");
        assert_eq!(header(Authentication::Header { name }, "x-secret"), "s3cret");
        let user = "ann".into();
        assert_eq!(
            header(Authentication::Basic { user }, "authorization"),
            "Basic YW5uOnMzY3JldA=="
        );
        let field = Authentication::Field { name: "secret".into() }
            .credentials(&secret)
            .unwrap();
        assert_eq!(
            field.param(),
            Some(("secret".into(), ParamValue::TextTemplate("s3cret".into())))
        );
        assert!(!format!("{field:?}").contains("s3cret"));
        assert!(Authentication::Bearer.credentials(&Secret::new(*b"a\nb")).is_none());
    }
}
