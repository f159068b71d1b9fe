//! Bearer tokens signed by an application: RS256, the user key in `kid`, `iat` and `jti` among the claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::error::GigyaCallError;
use super::settings::GigyaApplication;

/// A parsed token that is not verified yet.
#[derive(Debug)]
pub(super) struct GigyaBearer<'a> {
    message: &'a str,
    signature: Vec<u8>,
    pub(super) user_key: String,
    claims: Value,
}

/// The claims that are checked against the clock and the used nonces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GigyaTokenClaims {
    pub(super) issued: i64,
    pub(super) expires: Option<i64>,
    pub(super) nonce: String,
}

fn invalid_token(why: &str) -> GigyaCallError {
    GigyaCallError::new(403_003, format!("Invalid token: {why}"))
}

impl<'a> GigyaBearer<'a> {
    pub(super) fn parse(header: &'a str) -> Result<Self, GigyaCallError> {
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => return Err(invalid_token("no bearer token")),
        };
        let unreadable = || invalid_token("not three parts of base64url");
        let (message, signature) = token.rsplit_once('.').ok_or_else(unreadable)?;
        let (head, claims) = message.split_once('.').ok_or_else(unreadable)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| unreadable());
        let parse = |part: &str| serde_json::from_slice(&decode(part)?).map_err(|_| invalid_token("not JSON"));
        let (head, claims): (Value, Value) = (parse(head)?, parse(claims)?);
        if head["alg"] != "RS256" || head["typ"] != "JWT" {
            return Err(invalid_token("alg is RS256 and typ is JWT"));
        }
        let user_key = head["kid"]
            .as_str()
            .ok_or_else(|| invalid_token("kid is the user key"))?;
        Ok(Self {
            message,
            signature: decode(signature)?,
            user_key: user_key.to_owned(),
            claims,
        })
    }

    /// Verifies the signature with the application's registered key.
    pub(super) fn verify(&self, application: &GigyaApplication) -> Result<GigyaTokenClaims, GigyaCallError> {
        let pair = application.pkcs8().and_then(|key| KeyPair::from_pkcs8(key).ok());
        let pair = pair.ok_or_else(|| invalid_token("the application has no public key"))?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref())
            .verify(self.message.as_bytes(), &self.signature)
            .map_err(|_| invalid_token("signature"))?;
        let nonce = self.claims["jti"].as_str().filter(|nonce| !nonce.is_empty());
        Ok(GigyaTokenClaims {
            issued: self.claims["iat"]
                .as_i64()
                .ok_or_else(|| invalid_token("iat is missing"))?,
            expires: self.claims["exp"].as_i64(),
            nonce: nonce.ok_or_else(|| invalid_token("jti is missing"))?.to_owned(),
        })
    }
}

/// A token as an application signs it.
#[cfg(test)]
pub(super) fn signed(application: &GigyaApplication, head: &Value, claims: &Value) -> String {
    let pair = KeyPair::from_pkcs8(application.pkcs8().unwrap()).unwrap();
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", part(head), part(claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    pair.sign(
        &ring::signature::RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verify(head: &Value, claims: &Value, registered: usize) -> Result<GigyaTokenClaims, GigyaCallError> {
        let application = GigyaApplication::default();
        let header = format!("Bearer {}", signed(&application, head, claims));
        GigyaBearer::parse(&header)?.verify(&GigyaApplication {
            key: Some(registered),
            ..application
        })
    }

    #[test]
    fn token_needs_header_claims_and_registered_key() {
        let head = json!({"alg": "RS256", "typ": "JWT", "kid": "sandbox-user-key"});
        let claims = json!({"iat": 5, "jti": "n"});
        let fresh = verify(&head, &claims, 0).unwrap();
        assert_eq!((fresh.issued, fresh.nonce.as_str()), (5, "n"));
        assert_eq!(verify(&head, &claims, 1).unwrap_err().code, 403_003);
        for head in [
            json!({"alg": "none", "typ": "JWT", "kid": "sandbox-user-key"}),
            json!({"alg": "HS256", "typ": "JWT", "kid": "sandbox-user-key"}),
            json!({"alg": "RS256", "kid": "sandbox-user-key"}),
            json!({"alg": "RS256", "typ": "JWT"}),
        ] {
            assert_eq!(verify(&head, &claims, 0).unwrap_err().code, 403_003, "{head}");
        }
        for claims in [json!({"jti": "n"}), json!({"iat": 5}), json!({"iat": 5, "jti": ""})] {
            assert_eq!(verify(&head, &claims, 0).unwrap_err().code, 403_003, "{claims}");
        }
        assert_eq!(GigyaBearer::parse("Bearer rubbish").unwrap_err().code, 403_003);
        assert_eq!(GigyaBearer::parse("Basic eHg=").unwrap_err().code, 403_003);
    }
}
