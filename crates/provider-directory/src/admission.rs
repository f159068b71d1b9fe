//! How we prove ourselves to a directory.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use masthead_provider_http::{ClientCredentialsOptions, Secret};
use zeroize::Zeroizing;

use crate::operation::Param;

/// The kinds of proof. Client certificates are not among them: the outbound client has none to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// None.
    Open,
    /// The secret is a bearer token.
    Bearer,
    /// The secret fetches bearer tokens (RFC 6749 §4.4).
    ClientCredentials {
        token_url: http::Uri,
        client_id: Box<str>,
        audience: Option<Box<str>>,
    },
    /// The secret is the value of a header.
    Header { name: HeaderName },
    /// The secret is a parameter.
    Field { name: Box<str> },
    /// The secret is a password (RFC 7617).
    Basic { user: Box<str> },
}

/// What goes with every request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proof {
    pub(crate) headers: HeaderMap,
    field: Option<(Box<str>, Secret)>,
}

impl Proof {
    /// The parameter that proves us.
    pub(crate) fn param(&self) -> Option<(String, Param)> {
        let (name, secret) = self.field.as_ref()?;
        let text = secret.expose_text()?.to_owned();
        Some((name.to_string(), Param::Text(text)))
    }
}

impl Admission {
    /// Whether a secret is needed.
    pub(crate) const fn needs_secret(&self) -> bool {
        !matches!(self, Self::Open)
    }

    /// The proof that is made of the secret once; `None` when the secret cannot be sent so.
    pub(crate) fn proof(&self, secret: &Secret) -> Option<Proof> {
        let text = secret.expose_text()?;
        let in_header = |name: HeaderName, value: &str| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some(Proof {
                headers: HeaderMap::from_iter([(name, value)]),
                field: None,
            })
        };
        match self {
            Self::Open | Self::ClientCredentials { .. } => Some(Proof::default()),
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
            Self::Field { name } => Some(Proof {
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
    fn each_kind_sends_the_secret_in_its_own_way_and_shows_it_to_nobody() {
        let secret = Secret::new(*b"s3cret");
        let header = |admission: Admission, name: &str| {
            let proof = admission.proof(&secret).unwrap();
            assert!(!format!("{proof:?}").contains("s3cret") && !format!("{proof:?}").contains("czNjcmV0"));
            proof.headers[name].to_str().unwrap().to_owned()
        };
        assert_eq!(header(Admission::Bearer, "authorization"), "Bearer s3cret");
        let name = HeaderName::from_static("x-secret");
        assert_eq!(header(Admission::Header { name }, "x-secret"), "s3cret");
        let user = "ann".into();
        assert_eq!(
            header(Admission::Basic { user }, "authorization"),
            "Basic YW5uOnMzY3JldA=="
        );
        let field = Admission::Field { name: "secret".into() }.proof(&secret).unwrap();
        assert_eq!(field.param(), Some(("secret".into(), Param::Text("s3cret".into()))));
        assert!(!format!("{field:?}").contains("s3cret"));
        assert!(Admission::Bearer.proof(&Secret::new(*b"a\nb")).is_none());
    }
}
