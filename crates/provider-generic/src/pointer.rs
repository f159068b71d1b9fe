//! JSON pointers (RFC 6901) into answers, none of which may lead to what opens a session.

use serde_json::Value;

/// Names of fields whose values open or identify a session: those in Tribune's and Gannett's own scripts
/// (`providers.md` §3.1 and §3.2), and the usual names elsewhere. Compared without case and punctuation.
const SESSION_GRADE: [&str; 15] = [
    "masterid",
    "cmid",
    "puid",
    "cpuid",
    "atyponid",
    "logintoken",
    "signontoken",
    "sessionkey",
    "sessionid",
    "sessiontoken",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "password",
    "passwordhash",
];

/// A place in a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: Box<str>,
    steps: Box<[Box<str>]>,
}

/// A text that is not a valid pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PointerError {
    NoPointer,
    /// It leads to, or through, something that opens a session.
    SessionGrade,
}

impl Pointer {
    /// Parses `/a/0/b`; `#` is the whole document.
    pub(crate) fn parse(text: &str) -> Result<Self, PointerError> {
        if text == "#" {
            return Ok(Self {
                text: "".into(),
                steps: Box::default(),
            });
        }
        let rest = text.strip_prefix('/').ok_or(PointerError::NoPointer)?;
        let well_escaped = |step: &str| !step.replace("~0", "").replace("~1", "").contains('~');
        if !rest.split('/').all(well_escaped) || text.chars().any(char::is_control) {
            return Err(PointerError::NoPointer);
        }
        let steps: Box<[Box<str>]> = rest
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~").into())
            .collect();
        if steps.iter().any(|step| is_session_grade(step)) {
            return Err(PointerError::SessionGrade);
        }
        let text = text.into();
        Ok(Self { text, steps })
    }

    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.text)
    }

    pub(crate) fn take(&self, document: &mut Value) -> Option<Value> {
        document.pointer_mut(&self.text).map(Value::take)
    }

    /// Puts a value there, and creates the objects on the way; `false` where a step is no object's member.
    pub(crate) fn put(&self, document: &mut Value, value: Value) -> bool {
        let mut place = document;
        for step in &self.steps {
            if place.is_null() {
                *place = Value::Object(serde_json::Map::new());
            }
            let is_index = step.bytes().all(|byte| byte.is_ascii_digit());
            let Some(members) = place.as_object_mut().filter(|_| !is_index) else {
                return false;
            };
            place = members.entry(&**step).or_insert(Value::Null);
        }
        match (place, value) {
            (Value::Object(known), Value::Object(more)) => known.extend(more),
            (place, value) => *place = value,
        }
        true
    }

    /// All values at this path, where a number selects every entry of a list.
    pub(crate) fn find_each<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![document];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| match value {
                    Value::Array(entries) if step.bytes().all(|byte| byte.is_ascii_digit()) => entries.iter().collect(),
                    Value::Object(members) => members.get(&**step).into_iter().collect::<Vec<_>>(),
                    _ => Vec::new(),
                })
                .collect();
        }
        found
    }
}

fn is_session_grade(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|char| char.to_ascii_lowercase())
        .collect();
    SESSION_GRADE.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointer_follows_rfc_6901() {
        let document = json!({"a": [{"b/c": 1}, {"b/c": 2}], "": {"~": 3}});
        let find = |text| Pointer::parse(text).unwrap().find(&document).cloned();
        assert_eq!(find("/a/1/b~1c"), Some(json!(2)));
        assert_eq!(find("//~0"), Some(json!(3)));
        assert_eq!(find("/a/2/b~1c"), None);
        assert_eq!(find("#"), Some(document.clone()));
        let each = Pointer::parse("/a/0/b~1c").unwrap();
        assert_eq!(each.find_each(&document), [&json!(1), &json!(2)]);
        for bad in ["", "a", "a/b", "/a~2", "/a~", "/a\n", "#/a"] {
            assert_eq!(Pointer::parse(bad), Err(PointerError::NoPointer), "{bad:?}");
        }
    }

    #[test]
    fn pointer_to_session_data_is_rejected() {
        for bad in [
            "/masterId",
            "/PUID",
            "/atyponId",
            "/loginToken",
            "/sessionKey",
            "/user/master_id",
            "/Session-Key/value",
            "/users/0/puid",
            "/login~0Token",
        ] {
            assert_eq!(Pointer::parse(bad), Err(PointerError::SessionGrade), "{bad}");
        }
        for good in ["/consumerId", "/userGUID", "/nextToken", "/session"] {
            assert!(Pointer::parse(good).is_ok(), "{good}");
        }
    }
}
