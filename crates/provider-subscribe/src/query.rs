//! From what is looked for to a request of the remote API's API.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use masthead_domain::query::UserQuery;
use serde_json::{Map, Value};

use crate::{
    conditions, legacy,
    page_start::{PageStart, escaped},
    settings::RemoteApiKind,
    v4,
};

/// A question in the remote API's terms. It has addresses in it, so there is no `Debug`.
pub(crate) struct RemoteQuery {
    path: String,
    parameters: Vec<(String, String)>,
    in_body: bool,
}

impl RemoteQuery {
    /// The request that this API answers exactly; `None` where it cannot express a condition, the order or the
    /// position.
    pub(crate) fn exact(api: RemoteApiKind, query: &UserQuery, goes: &PageStart<'_>) -> Option<Self> {
        if conditions::expressible(api, &query.filter) != query.filter {
            return None;
        }
        match api {
            RemoteApiKind::V4Body => Some(Self {
                path: "/v4/Users/Search".to_owned(),
                parameters: v4::parameters(query, goes, false)?,
                in_body: true,
            }),
            RemoteApiKind::V4Query => Some(Self {
                path: "/v4/Users".to_owned(),
                parameters: v4::parameters(query, goes, true)?,
                in_body: false,
            }),
            RemoteApiKind::Legacy => {
                let (path, parameters) = legacy::call(query, goes)?;
                Some(Self {
                    path,
                    parameters,
                    in_body: false,
                })
            }
        }
    }

    /// The same about this spelling of its address.
    pub(crate) fn with_spelling(&self, form: &str) -> Self {
        let mut parameters = self.parameters.clone();
        for (_, value) in parameters.iter_mut().filter(|(name, _)| name == "email") {
            form.clone_into(value);
        }
        Self {
            path: self.path.clone(),
            parameters,
            in_body: self.in_body,
        }
    }

    /// The request under this address, with these headers; `None` where they do not make one.
    pub(crate) fn request(&self, url: &str, headers: &HeaderMap) -> Option<Request<Bytes>> {
        let (method, address, body) = if self.in_body {
            let all = self.parameters.iter();
            let object: Map<String, Value> = all.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            let body = Bytes::from(Value::Object(object).to_string());
            (Method::POST, format!("{url}{}", self.path), body)
        } else {
            (Method::GET, self.address(url), Bytes::new())
        };
        let mut request = Request::builder().method(method).uri(address).body(body).ok()?;
        request.headers_mut().clone_from(headers);
        if self.in_body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        Some(request)
    }

    fn address(&self, url: &str) -> String {
        let mut address = format!("{url}{}", self.path);
        for (at, (name, value)) in self.parameters.iter().enumerate() {
            let before = if at == 0 { "?" } else { "&" };
            address.extend([before, &escaped(name), "=", &escaped(value)]);
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use percent_encoding::percent_decode_str;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn values_never_change_request_structure(pairs in vec((".*", ".*"), 0..6), path in "/[A-Za-z]{1,9}") {
            let pairs: BTreeMap<String, String> = pairs.into_iter().collect();
            let parameters: Vec<(String, String)> = pairs.clone().into_iter().collect();
            let question = |in_body| RemoteQuery { path: path.clone(), parameters: parameters.clone(), in_body };
            let requested = question(false).request("http://far.example", &HeaderMap::new()).unwrap();
            prop_assert_eq!(requested.uri().path(), &*path);
            let query = requested.uri().query().unwrap_or_default();
            let text = |part: &str| percent_decode_str(part).decode_utf8().unwrap().into_owned();
            let read = query.split('&').filter_map(|pair| pair.split_once('='));
            let read: Vec<_> = read.map(|(name, value)| (text(name), text(value))).collect();
            prop_assert_eq!(&read, &parameters);
            let requested = question(true).request("http://far.example", &HeaderMap::new()).unwrap();
            let body: BTreeMap<String, String> = serde_json::from_slice(requested.body()).unwrap();
            prop_assert_eq!(body, pairs);
        }
    }
}
