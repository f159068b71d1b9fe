//! Bearer tokens signed by an application: RS256, the user key in `kid`, `iat` and `jti` among the claims.

use super::error::GigyaCallError;
use super::settings::GigyaApplication;
use crate::rs256::{self, UnverifiedToken};

/// A parsed token that is not verified yet.
#[derive(Debug)]
pub(super) struct GigyaBearer<'a> {
    token: UnverifiedToken<'a>,
    pub(super) user_key: String,
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
    pub(super) fn parse(token: &'a str) -> Result<Self, GigyaCallError> {
        let token = UnverifiedToken::parse(token).ok_or_else(|| invalid_token("not a token"))?;
        if token.header["alg"] != "RS256" || token.header["typ"] != "JWT" {
            return Err(invalid_token("alg is RS256 and typ is JWT"));
        }
        let user_key = token.header["kid"].as_str().map(str::to_owned);
        let user_key = user_key.ok_or_else(|| invalid_token("kid is the user key"))?;
        Ok(Self { token, user_key })
    }

    /// Verifies the signature with the application's registered key.
    pub(super) fn verify(&self, application: &GigyaApplication) -> Result<GigyaTokenClaims, GigyaCallError> {
        let pair = application.key.and_then(|key| rs256::key_pair(key).ok());
        let pair = pair.ok_or_else(|| invalid_token("the application has no public key"))?;
        if !self.token.is_signed_by(&pair) {
            return Err(invalid_token("signature"));
        }
        let claims = &self.token.claims;
        let nonce = claims["jti"].as_str().filter(|nonce| !nonce.is_empty());
        Ok(GigyaTokenClaims {
            issued: claims["iat"].as_i64().ok_or_else(|| invalid_token("iat is missing"))?,
            expires: claims["exp"].as_i64(),
            nonce: nonce.ok_or_else(|| invalid_token("jti is missing"))?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::RSA_PKCS1_SHA256;
    use serde_json::{Value, json};

    use super::*;

    fn verify(head: &Value, claims: &Value, registered: usize) -> Result<GigyaTokenClaims, GigyaCallError> {
        let pair = rs256::key_pair(0).unwrap();
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(head), encode(claims));
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        GigyaBearer::parse(&token)?.verify(&GigyaApplication {
            key: Some(registered),
            ..GigyaApplication::default()
        })
    }

    #[test]
    fn token_needs_header_claims_and_registered_key() {
        let head = json!({"alg": "RS256", "typ": "JWT", "kid": "sandbox-user-key"});
        let claims = json!({"iat": 5, "jti": "n"});
        let valid = verify(&head, &claims, 0).unwrap();
        assert_eq!((valid.issued, valid.nonce.as_str()), (5, "n"));
        assert_eq!(verify(&head, &claims, 1).unwrap_err().code, 403_003);
        for head in [
            json!({"alg": "none", "typ": "JWT", "kid": "sandbox-user-key"}),
            json!({"alg": "RS256", "kid": "sandbox-user-key"}),
            json!({"alg": "RS256", "typ": "JWT"}),
        ] {
            assert_eq!(verify(&head, &claims, 0).unwrap_err().code, 403_003, "{head}");
        }
        for claims in [json!({"jti": "n"}), json!({"iat": 5}), json!({"iat": 5, "jti": ""})] {
            assert_eq!(verify(&head, &claims, 0).unwrap_err().code, 403_003, "{claims}");
        }
        assert_eq!(GigyaBearer::parse("rubbish").unwrap_err().code, 403_003);
    }
}
