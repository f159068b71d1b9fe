//! One value of a body on its way into a typed field. No text repeats the value.

use std::borrow::Cow;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    metadata::{MAX_JSON_BYTES, MAX_KEY_BYTES, fold_case},
    user_change::is_blocked_key,
};
use masthead_ports::passwords::PlainPassword;
use serde_json::value::RawValue;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    json_object::Entries,
    kind::{FieldKind, FieldSpec, MAX_METADATA_KEYS},
    problem::Problems,
};
use crate::v4::parameters::{kind::MAX_SEALED_BYTES, table::MAX_METADATA_VALUE_BYTES};

/// The longest password, in bytes (contract §1).
const MAX_PASSWORD_BYTES: usize = 512;

/// Pairs of metadata; `None` removes a key.
pub(crate) type MetadataPairs = Vec<(Box<str>, Option<Box<str>>)>;

/// The JSON of a field, not `null`.
#[derive(Clone, Copy)]
pub(crate) struct FieldValue<'a> {
    pub(super) spec: &'a FieldSpec,
    pub(super) json: &'a RawValue,
}

/// Why a value is refused.
type Mistake = Cow<'static, str>;

impl FieldValue<'_> {
    /// The name of its field.
    pub(crate) const fn name(&self) -> &'static str {
        self.spec.name
    }

    /// Takes `true` or `false`, also as a text.
    pub(crate) fn put_flag(self, slot: &mut Option<bool>, problems: &mut Problems) {
        self.put(slot, problems, |value| {
            let text = value.text().unwrap_or_else(|_| value.json.get().to_owned());
            match &*text.to_ascii_lowercase() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(value.wrong_form()),
            }
        });
    }

    /// Takes a whole number within the bounds of its kind, also as a text.
    pub(crate) fn put_number<T: TryFrom<u32>>(self, slot: &mut Option<T>, problems: &mut Problems) {
        self.put(slot, problems, |value| {
            let FieldKind::Number { min, max } = value.spec.kind else {
                return Err(value.wrong_form());
            };
            let text = value.text().unwrap_or_else(|_| value.json.get().to_owned());
            let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text
                .parse::<u32>()
                .ok()
                .filter(|number| is_decimal && (min..=max).contains(number));
            let number = number.and_then(|number| T::try_from(number).ok());
            number.ok_or_else(|| value.wrong_form())
        });
    }

    /// Takes a complete address.
    pub(crate) fn put_email(self, slot: &mut Option<Email>, problems: &mut Problems) {
        self.put(slot, problems, |value| {
            Email::parse(&value.text()?).map_err(|error| error.to_string().into())
        });
    }

    /// Takes a password as it is.
    pub(crate) fn put_password(self, slot: &mut Option<PlainPassword>, problems: &mut Problems) {
        self.put(slot, problems, |value| {
            let text = value.text()?;
            if text.len() > MAX_PASSWORD_BYTES || text.contains('\0') {
                return Err(value.wrong_form());
            }
            PlainPassword::parse(text).map_err(|error| error.to_string().into())
        });
    }

    /// Takes a text within the bounds of its kind.
    pub(crate) fn put_text(self, slot: &mut Option<Box<str>>, problems: &mut Problems) {
        self.put(slot, problems, |value| {
            let text = value.text()?;
            let fits = match value.spec.kind {
                FieldKind::Name { max_bytes } => text.len() <= max_bytes && !text.chars().any(char::is_control),
                FieldKind::Value { max_bytes } => text.len() <= max_bytes && !text.contains('\0'),
                FieldKind::Text { max_bytes } => (1..=max_bytes).contains(&text.len()) && !text.contains('\0'),
                FieldKind::Sealed => (1..=MAX_SEALED_BYTES).contains(&text.len()),
                _ => false,
            };
            if fits { Ok(text.into()) } else { Err(value.wrong_form()) }
        });
    }

    /// Takes the id of a new user.
    pub(crate) fn put_id(self, slot: &mut Option<CustomerRegistrationId>, problems: &mut Problems) {
        self.put(slot, problems, |value| {
            CustomerRegistrationId::parse_new(&value.text()?).map_err(|_| value.wrong_form())
        });
    }

    /// Takes a moment.
    pub(crate) fn put_time(self, slot: &mut Option<OffsetDateTime>, problems: &mut Problems) {
        self.put(slot, problems, |value| {
            OffsetDateTime::parse(&value.text()?, &Rfc3339).map_err(|_| value.wrong_form())
        });
    }

    /// Takes an object of texts; `removable` allows `null`, which removes a key.
    pub(crate) fn put_metadata(self, slot: &mut Option<MetadataPairs>, removable: bool, problems: &mut Problems) {
        let Ok(Entries(entries)) = serde_json::from_str(self.json.get()) else {
            problems.field(self.spec.name, "must be an object of texts");
            return;
        };
        if entries.len() > MAX_METADATA_KEYS {
            problems.field(self.spec.name, format!("may have {MAX_METADATA_KEYS} keys"));
            return;
        }
        let mut folded_keys = std::collections::HashSet::with_capacity(entries.len());
        let mut pairs = MetadataPairs::with_capacity(entries.len());
        let mut bytes = 2;
        for (key, json) in entries {
            let mistake = if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
                Some(format!("must have keys of 1 to {MAX_KEY_BYTES} bytes without control characters").into())
            } else if !folded_keys.insert(fold_case(&key)) {
                Some("is given more than once, perhaps in another case".into())
            } else if is_blocked_key(&key) {
                Some("is set by the field blocked of an update".into())
            } else {
                match metadata_value(json, removable) {
                    Ok(value) => {
                        bytes += value.as_deref().map_or(0, |value| pair_bytes(&key, value));
                        pairs.push((key.as_str().into(), value));
                        None
                    }
                    Err(mistake) => Some(mistake),
                }
            };
            if let Some(mistake) = mistake {
                problems.field(&*format!("{}.{key}", self.spec.name), mistake);
            }
        }
        if bytes > MAX_JSON_BYTES {
            problems.field(
                self.spec.name,
                format!("must be at most {MAX_JSON_BYTES} bytes of JSON in all"),
            );
        }
        *slot = Some(pairs);
    }

    fn put<T>(self, slot: &mut Option<T>, problems: &mut Problems, parse: impl FnOnce(Self) -> Result<T, Mistake>) {
        match parse(self) {
            Ok(value) => *slot = Some(value),
            Err(mistake) => problems.field(self.spec.name, mistake),
        }
    }

    fn text(self) -> Result<String, Mistake> {
        let text = serde_json::from_str(self.json.get());
        text.map_err(|_| self.wrong_form())
    }

    fn wrong_form(self) -> Mistake {
        format!("must be {}", self.spec.kind).into()
    }
}

/// The length of a pair in JSON, with what separates it from the next.
fn pair_bytes(key: &str, value: &str) -> usize {
    let quoted = |text: &str| serde_json::Value::from(text).to_string().len();
    quoted(key) + quoted(value) + 2
}

/// The value of a key: a text, or the JSON text of a number or a boolean.
fn metadata_value(json: &RawValue, removable: bool) -> Result<Option<Box<str>>, Mistake> {
    let text: Cow<'_, str> = match json.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(json.get())
            .map_err(|_| "must be a text")?
            .into(),
        Some(b'n') if removable => return Ok(None),
        Some(b't' | b'f' | b'-' | b'0'..=b'9') => json.get().into(),
        _ => return Err("must be a text".into()),
    };
    if text.contains('\0') {
        Err("must not contain NUL".into())
    } else if text.len() > MAX_METADATA_VALUE_BYTES {
        Err(format!("must be at most {MAX_METADATA_VALUE_BYTES} bytes").into())
    } else {
        Ok(Some(text.into()))
    }
}
