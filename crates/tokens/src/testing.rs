//! What the tests share: a clock that is set by hand, signing keys of each kind, and tokens made of any header and claims.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::BoxFuture;
use masthead_ports::clock::Clock;
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::fetch::{FetchError, FetchKeys};

/// The second at which most tests happen.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example/";
pub(crate) const AUDIENCE: &str = "masthead";

/// A clock that is set by hand.
pub(crate) struct SettableClock(pub(crate) AtomicI64);

impl SettableClock {
    pub(crate) fn at(now: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now)))
    }
}

impl Clock for SettableClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub(crate) enum TestSigner {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Shared(Vec<u8>),
}

impl TestSigner {
    /// One of the sandbox's three throw-away keys: making an RSA key takes seconds.
    pub(crate) fn rsa(number: usize) -> Self {
        let keys: [&[u8]; 3] = [
            include_bytes!("../../sandbox/keys/1.pkcs8.der"),
            include_bytes!("../../sandbox/keys/2.pkcs8.der"),
            include_bytes!("../../sandbox/keys/3.pkcs8.der"),
        ];
        Self::Rsa(RsaKeyPair::from_pkcs8(keys[number]).unwrap())
    }

    pub(crate) fn p256() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
            Self::Shared(_) => "HS256",
        }
    }

    /// The public half as a member of a key set.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let public: PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig",
                       "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e)})
            }
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                       "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])})
            }
            Self::Ed25519(key) => json!({"kty": "OKP", "crv": "Ed25519", "kid": kid,
                                         "x": URL_SAFE_NO_PAD.encode(key.public_key())}),
            Self::Shared(secret) => json!({"kty": "oct", "kid": kid, "k": URL_SAFE_NO_PAD.encode(secret)}),
        }
    }

    /// The public half without these members, published as `k` where it keeps its kid.
    pub(crate) fn jwk_without(&self, names: &[&str]) -> Value {
        let mut jwk = self.jwk("k");
        for name in names {
            jwk.as_object_mut().unwrap().remove(*name);
        }
        jwk
    }

    pub(crate) fn signature(&self) -> (Vec<u8>, Vec<u8>) {
        let token = self.sign("{}", "{}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        (signed.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    pub(crate) fn token_without_kid(&self) -> String {
        let header = json!({"alg": self.algorithm(), "typ": "JWT"});
        self.sign(&header.to_string(), &claims().to_string())
    }

    /// A token of this header and these claims, as they stand.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let message = signed.as_bytes();
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Shared(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message)
                .as_ref()
                .to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A valid token that names `kid`.
    pub(crate) fn token(&self, kid: &str) -> String {
        self.token_with(kid, &claims())
    }

    /// A token with these claims, naming `kid`.
    pub(crate) fn token_with(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "typ": "JWT", "kid": kid});
        self.sign(&header.to_string(), &claims.to_string())
    }
}

/// Claims with which nothing is wrong, good for an hour from [`NOW`].
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 3600, "nbf": NOW - 60, "sub": "an app",
           "scope": "users:read openid users:write", "tenants": ["north/daily/*", "south/weekly/herald"]})
}

/// The text of a key set.
pub(crate) fn key_set(keys: &[Value]) -> Vec<u8> {
    json!({"keys": keys}).to_string().into_bytes()
}

/// A source of key sets that counts its calls, each of which takes a second.
pub(crate) struct CountingKeySource {
    pub(crate) fetches: AtomicUsize,
    pub(crate) answer: Mutex<Result<Vec<u8>, FetchError>>,
}

impl CountingKeySource {
    pub(crate) fn new(answer: Result<Vec<u8>, FetchError>) -> Arc<Self> {
        Arc::new(Self {
            fetches: AtomicUsize::new(0),
            answer: Mutex::new(answer),
        })
    }

    pub(crate) fn answers(&self, answer: Result<Vec<u8>, FetchError>) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl FetchKeys for CountingKeySource {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchError>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            self.answer.lock().unwrap().clone()
        })
    }
}
