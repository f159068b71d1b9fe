//! A request of the contract and what must come back.

use masthead_domain::tenant::TenantId;
use masthead_ports::sealing::{Purpose, Sealing};
use serde_json::Value;

/// The methods that the table uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the methods of HTTP")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As it is written in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The tokens that an environment has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseToken {
    /// `users:read` for `north/*/*` and `south/*/*`.
    Reader,
    /// `users:write` for the same.
    WriterOnly,
    /// `users:read` for `east/*/*`, where there is no tenant.
    OtherTenant,
    /// A reader's, expired.
    Expired,
    /// A reader's, signed with another key.
    Forged,
}

/// What the table needs of the place in which it is run.
pub trait CaseEnvironment {
    /// The codec of that place.
    fn sealing(&self) -> &dyn Sealing;

    /// A token of this kind, without the scheme.
    fn token(&self, kind: CaseToken) -> String;
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub struct CaseRequest {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, empty for none.
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct CaseAnswer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What must come back.
#[derive(Debug, Clone)]
pub enum Expectation {
    /// This status and body, byte for byte once its `{{sealed-…}}` are filled in.
    Exactly(u16, String),
    /// An error with this status, code and text, in the envelope.
    Error(u16, &'static str, String),
    /// 200 and a list of users with these ids, in order, and this total.
    Users(Vec<&'static str>, u64),
    /// 200 and exactly this `data`.
    Data(Value),
    /// 200 and exactly this `meta`.
    Meta(Value),
    /// This status, with any body.
    Status(u16),
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct ContractCase {
    method: Method,
    target: String,
    tenant: &'static str,
    source_system: &'static str,
    token: CaseToken,
    scheme: &'static str,
    headers: Vec<(&'static str, Option<String>)>,
    body: String,
    expect: Expectation,
    expect_headers: Vec<(&'static str, String)>,
}

impl ContractCase {
    /// A read of the first tenant by an application that it knows. `{{sealed-id:…}}` and `{{sealed-email:…}}` in target
    /// and body are replaced by sealed texts, percent-encoded in the target.
    #[must_use]
    pub fn get(target: &str, expect: Expectation) -> Self {
        Self {
            method: Method::Get,
            target: target.to_owned(),
            tenant: super::fixture::HERALD,
            source_system: "CRM",
            token: CaseToken::Reader,
            scheme: "Bearer",
            headers: Vec::new(),
            body: String::new(),
            expect,
            expect_headers: Vec::new(),
        }
    }

    /// A search with this body.
    #[must_use]
    pub fn search(body: &str, expect: Expectation) -> Self {
        Self {
            method: Method::Post,
            body: body.to_owned(),
            ..Self::get("/v4/Users/Search", expect)
        }
        .with("Content-Type", "application/json")
    }

    /// With another method.
    #[must_use]
    pub fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// At another path.
    #[must_use]
    pub fn at(self, target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..self
        }
    }

    /// For another tenant.
    #[must_use]
    pub fn for_tenant(self, tenant: &'static str) -> Self {
        Self { tenant, ..self }
    }

    /// With another token.
    #[must_use]
    pub fn bearing(self, token: CaseToken) -> Self {
        Self { token, ..self }
    }

    /// With another spelling of the scheme.
    #[must_use]
    pub fn scheme(self, scheme: &'static str) -> Self {
        Self { scheme, ..self }
    }

    /// From another application.
    #[must_use]
    pub fn from(self, source_system: &'static str) -> Self {
        Self { source_system, ..self }
    }

    /// With one more header, in place of the usual one of that name.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, Some(value.to_owned())));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, None));
        self
    }

    /// Also answered with this header, its name in lower case.
    #[must_use]
    pub fn answering(mut self, name: &'static str, value: &str) -> Self {
        self.expect_headers.push((name, value.to_owned()));
        self
    }

    /// The request as it is sent in this environment.
    #[must_use]
    pub fn request(&self, environment: &dyn CaseEnvironment) -> CaseRequest {
        let mut parts = self.tenant.split('/').map(str::to_owned);
        let (group, client, paper) = (parts.next(), parts.next(), parts.next());
        let authorization = format!("{} {}", self.scheme, environment.token(self.token));
        let usual = [
            ("Authorization", Some(authorization)),
            ("X-SourceSystem", Some(self.source_system.to_owned())),
            ("X-ClientCode", client),
            ("X-PaperCode", paper),
            ("X-ClientGroupCode", group),
        ];
        let overridden = |name: &str| self.headers.iter().any(|(other, _)| *other == name);
        CaseRequest {
            method: self.method.name(),
            target: self.filled(&self.target, environment, true),
            headers: usual
                .into_iter()
                .filter(|(name, _)| !overridden(name))
                .chain(self.headers.iter().cloned())
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            body: self.filled(&self.body, environment, false),
        }
    }

    /// Compares an answer with what must come back.
    ///
    /// # Errors
    /// The request and the difference.
    pub fn check(&self, environment: &dyn CaseEnvironment, answer: &CaseAnswer) -> Result<(), String> {
        let describe = |what: String| format!("{} {} {}: {what}", self.method.name(), self.target, self.body);
        self.difference(environment, answer)
            .map_or(Ok(()), |what| Err(describe(what)))
    }

    fn difference(&self, environment: &dyn CaseEnvironment, answer: &CaseAnswer) -> Option<String> {
        for (name, value) in &self.expect_headers {
            let values: Vec<_> = answer.headers.iter().filter(|(other, _)| other == name).collect();
            if !matches!(&values[..], [(_, only)] if only == value) {
                return Some(format!("expected {name}: {value}, got {values:?}"));
            }
        }
        let (status, body) = match &self.expect {
            Expectation::Status(status) => (*status, None),
            Expectation::Exactly(status, body) => (*status, Some(self.filled(body, environment, false))),
            Expectation::Error(status, code, text) => (*status, Some(error(code, text))),
            Expectation::Users(..) | Expectation::Data(_) | Expectation::Meta(_) => (200, None),
        };
        if answer.status != status {
            return Some(format!("expected {status}, got {} {}", answer.status, answer.body));
        }
        if let Some(body) = body {
            return (answer.body != body).then(|| format!("expected\n{body}\ngot\n{}", answer.body));
        }
        let whole: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        let unequal = |wanted: &Value, got: &Value| (wanted != got).then(|| format!("expected {wanted}, got {got}"));
        match &self.expect {
            Expectation::Users(ids, total) => {
                let users = whole["data"].as_array().map(Vec::as_slice).unwrap_or_default();
                let got: Vec<_> = users.iter().map(|user| &user["customerRegistrationId"]).collect();
                let got_total = &whole["meta"]["totalRecords"];
                (got != *ids || *got_total != *total)
                    .then(|| format!("expected {ids:?} of {total}, got {got:?} of {got_total}"))
            }
            Expectation::Data(data) => unequal(data, &whole["data"]),
            Expectation::Meta(meta) => unequal(meta, &whole["meta"]),
            Expectation::Exactly(..) | Expectation::Error(..) | Expectation::Status(_) => None,
        }
    }

    /// Fills in `{{sealed-id:…}}` and `{{sealed-email:…}}`.
    fn filled(&self, template: &str, environment: &dyn CaseEnvironment, in_url: bool) -> String {
        let tenant = TenantId::parse(self.tenant).expect("a tenant");
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, behind) = after.split_once("}}").expect("a placeholder ends");
            let (purpose, plain) = match inside.split_once(':') {
                Some(("sealed-id", plain)) => (Purpose::CustomerRegistrationId, plain),
                Some(("sealed-email", plain)) => (Purpose::Email, plain),
                _ => (Purpose::Email, inside),
            };
            let sealed = environment.sealing().seal(&tenant, purpose, plain);
            filled.push_str(before);
            if in_url {
                let encoded = sealed.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                filled.push_str(&encoded);
            } else {
                filled.push_str(&sealed);
            }
            rest = behind;
        }
        filled + rest
    }
}

/// The envelope of an error, byte for byte.
fn error(code: &str, text: &str) -> String {
    let text = Value::from(text);
    format!(
        r#"{{"message":{{"code":"UsersOrchestrator_{code}","text":{text},"type":"Error"}},"meta":null,"data":null}}"#
    )
}
