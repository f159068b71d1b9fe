//! A tenant's description of a provider: its checked settings, with all errors at once.

use http::{HeaderMap, HeaderName, Method, Uri};
use masthead_domain::metadata::Metadata;
use masthead_provider_kit::{ClientTlsPlaces, ProviderSettingError, SecretPlace, SettingMap, SettingReader};

use crate::{
    authentication::Authentication,
    envelope::GenericEnvelope,
    mapping::{Pointers, UserMapping},
    operation::OperationTemplate,
    paging::{ListPaging, PagingStyle},
    pointer::Pointer,
    preset::Preset,
    template::Placeholder,
};

mod reader;
mod table;
mod value_forms;
mod values;
mod writes;

use reader::{any_operation, pointer, pointers, preset_reader, required_pointer};
pub use table::SETTINGS;
use values::{
    absences, base, codes, header_name, header_value, number, parameter, read_method, statuses, token_url, user,
    visible,
};
pub(crate) use writes::{DescribedWrite, DescribedWrites, name_of_call};

/// A provider as one tenant describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenericSettings {
    /// Where it is, without a slash at its end.
    pub(crate) base_url: Box<str>,
    pub(crate) authentication: Authentication,
    pub(crate) secret: Option<SecretPlace>,
    /// Headers of every call.
    pub(crate) headers: HeaderMap,
    /// Parameters of every call.
    pub(crate) params: Vec<(Box<str>, Box<str>)>,
    pub(crate) by_id: OperationTemplate,
    pub(crate) by_email: OperationTemplate,
    /// The provider compares addresses more loosely than Masthead.
    pub(crate) loose: bool,
    /// The not-found signal counts for addresses too.
    pub(crate) email_not_found: bool,
    pub(crate) search: Option<OperationTemplate>,
    pub(crate) contains_from: usize,
    pub(crate) paging: ListPaging,
    pub(crate) envelope: GenericEnvelope,
    /// An empty list means that no user has the id.
    pub(crate) empty_list: bool,
    pub(crate) user: Pointer,
    pub(crate) list: Pointer,
    pub(crate) total: Option<Pointer>,
    pub(crate) map: UserMapping,
    pub(crate) writes: DescribedWrites,
    /// Calls at once, and per second.
    pub(crate) budget: (u32, u32),
    /// What the calls' TLS is made of.
    pub(crate) tls: ClientTlsPlaces,
}

impl GenericSettings {
    /// Reads the settings of a tenant whose name begins with the preset's and a dot; other names are left alone. Plain
    /// http is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every error at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(
        preset: &Preset,
        settings: &SettingMap,
        allow_private: bool,
    ) -> Result<Self, Vec<ProviderSettingError>> {
        let mut reading = preset_reader(preset, settings);
        reading.text("Preset", |text| matches!(text, "own" | "none").then_some(()));
        let base_url = reading.required("BaseUrl", |text| base(text, allow_private));
        let authentication = authentication(&mut reading, base_url.as_deref(), allow_private);
        let secret = secret(&mut reading, authentication.as_ref());
        let headers = headers(&mut reading);
        let params = params(&mut reading);
        let by_id = operation(&mut reading, "ById", "{id}", Placeholder::Id);
        let by_email = operation(&mut reading, "ByEmail", "{email}", Placeholder::Email);
        let search = search(&mut reading);
        let paging = paging(&mut reading);
        let envelope = envelope(&mut reading);
        let user = required_pointer(&mut reading, "User");
        let list = required_pointer(&mut reading, "List");
        let total = pointer(&mut reading, "Total");
        let map = user_map(&mut reading);
        let loose = reading.flag("ByEmail.Loose", false);
        let email_not_found = reading.flag("ByEmail.NotFound", false);
        let empty_list = reading.flag("NotFound.EmptyList", false);
        let contains_from = reading.text("Search.EmailContainsFrom", |text| number(text, 1, 20));
        let writes = writes::writes(&mut reading);
        let per_second = reading.number("BudgetPerSecond", 1000, 5);
        let burst = reading.number("BudgetBurst", 1000, 20);
        let tls = reading.client_tls(["ClientCertificateFile", "ClientKeyFile", "CaFile"]);
        reading.unknown_names("", &["Secret", "ClientSecret", "Password", "Token"]);
        let read = || {
            Some(Self {
                base_url: base_url?,
                authentication: authentication?,
                secret,
                headers,
                params,
                by_id: by_id?,
                by_email: by_email?,
                loose,
                email_not_found,
                search,
                contains_from: contains_from.unwrap_or(3) as usize,
                paging: paging?,
                envelope,
                empty_list,
                user: user?,
                list: list?,
                total,
                map: map?,
                writes,
                budget: (burst, per_second),
                tls,
            })
        };
        reading.done(read())
    }
}

fn authentication(
    reading: &mut SettingReader<'_>,
    base_url: Option<&str>,
    allow_private: bool,
) -> Option<Authentication> {
    let kind = reading.required("Auth", |text| {
        let known = ["none", "bearer", "client-credentials", "header", "field", "basic"];
        known.into_iter().find(|known| *known == text)
    })?;
    Some(match kind {
        "none" => Authentication::Open,
        "bearer" => Authentication::Bearer,
        "header" => Authentication::Header {
            name: reading.required("AuthHeader", header_name)?,
        },
        "field" => Authentication::Field {
            name: reading.required("AuthField", parameter)?,
        },
        "basic" => Authentication::Basic {
            user: reading.required("AuthUser", user)?,
        },
        _ => {
            let token_url: Option<Uri> = reading.required("TokenUrl", |text| token_url(text, base_url, allow_private));
            let client_id = reading.required("ClientId", visible);
            let audience = reading.text("Audience", visible);
            Authentication::ClientCredentials {
                token_url: token_url?,
                client_id: client_id?,
                audience,
            }
        }
    })
}

fn secret(reading: &mut SettingReader<'_>, authentication: Option<&Authentication>) -> Option<SecretPlace> {
    let needed = authentication.is_some_and(Authentication::needs_secret);
    let given = reading.has("SecretFile") || reading.has("SecretEnv");
    let place = if needed || given {
        reading.secret(["SecretFile", "SecretEnv"])
    } else {
        None
    };
    place.filter(|_| needed)
}

fn headers(reading: &mut SettingReader<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, key) in reading.family("Header.") {
        let name: Option<HeaderName> = header_name(name);
        match (name, reading.text(key, header_value)) {
            (Some(name), Some(value)) => {
                headers.insert(name, value);
            }
            (None, _) => reading.bad(key),
            (_, None) => {}
        }
    }
    headers
}

fn params(reading: &mut SettingReader<'_>) -> Vec<(Box<str>, Box<str>)> {
    let mut params = Vec::new();
    for (name, key) in reading.family("Param.") {
        let value = reading.text(key, |text| Some(text.into()));
        params.extend(value.map(|value| (name.into(), value)));
    }
    params
}

/// A call that must have a place for the value it looks for.
fn operation(reading: &mut SettingReader<'_>, of: &str, place: &str, slot: Placeholder) -> Option<OperationTemplate> {
    let operation = any_operation(reading, of, read_method, Method::GET)?;
    if !operation.holds_only(slot) {
        let problem = if place == "{id}" {
            "the path, the query or the body must take {id}, and nothing else"
        } else {
            "the path, the query or the body must take {email}, and nothing else"
        };
        reading.report(&format!("{of}.Path"), problem);
    }
    Some(operation)
}

fn search(reading: &mut SettingReader<'_>) -> Option<OperationTemplate> {
    if !reading.has("Search.Path") {
        return None;
    }
    let operation = any_operation(reading, "Search", read_method, Method::GET)?;
    if operation.holds(Placeholder::Id) || operation.holds(Placeholder::Email) {
        reading.report(
            "Search.Path",
            "a list takes no {id} and no {email}: their calls have settings of their own",
        );
    }
    Some(operation)
}

fn paging(reading: &mut SettingReader<'_>) -> Option<ListPaging> {
    let size = reading.text("Page.Size", |text| number(text, 1, 1000));
    let first = reading.text("Page.First", |text| number(text, 0, 1)).unwrap_or(0);
    let size_name = reading.text("Page.SizeName", parameter);
    let known = ["page", "offset", "cursor", "none"];
    let style = reading.text("Page.Style", |text| known.into_iter().find(|known| *known == text));
    let style = match style {
        None | Some("none") => PagingStyle::None,
        Some("page") => PagingStyle::Page {
            name: reading.required("Page.At", parameter)?,
            first: first.into(),
        },
        Some("offset") => PagingStyle::Offset {
            name: reading.required("Page.At", parameter)?,
        },
        Some(_) => {
            let name = reading.required("Page.At", parameter);
            let next = required_pointer(reading, "Page.Next");
            PagingStyle::Cursor {
                name: name?,
                next: next?,
            }
        }
    };
    let size = size.unwrap_or(50).into();
    Some(ListPaging { style, size, size_name })
}

fn envelope(reading: &mut SettingReader<'_>) -> GenericEnvelope {
    let status = pointer(reading, "Envelope.Status");
    let ok = if status.is_some() {
        reading.required("Envelope.Ok", codes)
    } else {
        reading.text("Envelope.Ok", codes)
    };
    let envelope = GenericEnvelope {
        status,
        ok: ok.unwrap_or_default(),
        errors: pointers(reading, "Envelope.Errors"),
        code: pointer(reading, "Envelope.Code"),
        not_found_statuses: reading.text("NotFound.Statuses", absences).unwrap_or_default(),
        not_found_codes: reading.text("NotFound.Codes", codes).unwrap_or_default(),
        not_found_bare: reading.flag("NotFound.Bare", false),
        retry_statuses: reading
            .text("Retry.Statuses", statuses)
            .unwrap_or_else(|| vec![429, 502, 503, 504]),
        retry_codes: reading.text("Retry.Codes", codes).unwrap_or_default(),
    };
    let has_code_place = envelope.code.is_some() || envelope.status.is_some();
    if envelope.not_found_codes.iter().any(|code| envelope.ok.contains(code)) {
        reading.bad("NotFound.Codes");
    }
    let has_codes = !envelope.not_found_codes.is_empty() || !envelope.retry_codes.is_empty();
    if has_codes && !has_code_place {
        reading.missing("Envelope.Code");
    }
    envelope
}

fn user_map(reading: &mut SettingReader<'_>) -> Option<UserMapping> {
    let id = required_pointer(reading, "Field.Id");
    if !reading.has("Field.Email") {
        reading.missing("Field.Email");
    }
    let mut metadata: Vec<(Box<str>, Pointers)> = Vec::new();
    for (name, key) in reading.family("Metadata.") {
        let known = metadata.iter().map(|(key, _)| (key.to_string(), String::new()));
        if Metadata::new(known.chain([(name.to_owned(), String::new())])).is_err() {
            reading.bad(key);
        }
        metadata.push((name.into(), pointers(reading, key)));
    }
    let map = UserMapping {
        email: pointers(reading, "Field.Email"),
        first_name: pointers(reading, "Field.FirstName"),
        last_name: pointers(reading, "Field.LastName"),
        verified: pointers(reading, "Field.Verified"),
        registered_at: pointers(reading, "Field.RegisteredAt"),
        changed_at: pointers(reading, "Field.ChangedAt"),
        metadata,
        id: id?,
    };
    Some(map)
}

#[cfg(test)]
mod tests;
