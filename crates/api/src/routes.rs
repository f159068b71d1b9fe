//! The route table: every path, its operations, and the calls that its methods make.

use std::sync::Arc;

use http::Method;

use crate::{
    docs::serve,
    export,
    family::ApiFamily,
    legacy::writes::{
        handlers::LegacyWriteTarget,
        operation::{LegacyWrite, NAMES, PATHS},
    },
    v4::{
        self,
        writes::{handlers::WriteTarget, operation::WriteOperation},
    },
};

/// An operation, or the few that share a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoutedOperation {
    /// All users: list, create.
    Users,
    /// One user: get, update, delete.
    User,
    /// A call whose name is also a valid id: POST makes the call, and of `Export` GET; every other method is about the user with
    /// this id.
    NamedCall(NamedCall),
    /// A part of one user.
    UserPart(WriteOperation),
    /// A step of resetting a password.
    ResetStep(WriteOperation),
    /// Reads, and the calls that write at the same path: POST, and PUT of a user.
    LegacyUsers {
        post: Option<LegacyWrite>,
        put: bool,
    },
    /// A legacy call that writes.
    LegacyCall(LegacyWrite),
    ExportUsers,
    /// The audit log.
    Audit,
    /// Everything that is held about one person.
    Report,
    OpenApi,
    DocsPage,
    DocsPageWithSlash,
    DocsStyle,
}

/// The calls beside the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedCall {
    Search,
    /// All registrations as a stream. It is a GET: the user with this id is read by a list.
    Export,
    Write(&'static str, WriteOperation),
}

/// The calls that write, by their names.
const NAMED_WRITES: [(&str, WriteOperation); 4] = [
    ("Authentication", WriteOperation::Authenticate),
    ("ForgotPassword", WriteOperation::StartReset),
    ("Verification", WriteOperation::Verify),
    ("VerificationCode", WriteOperation::SendCode),
];
const RESET_STEPS: [(&str, WriteOperation); 2] = [
    ("Validate", WriteOperation::ValidateReset),
    ("Finish", WriteOperation::FinishReset),
];
const USER_PARTS: [(&str, WriteOperation); 2] = [
    ("Password", WriteOperation::SetPassword),
    ("Email", WriteOperation::SetEmail),
];

impl NamedCall {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Search => "Search",
            Self::Export => "Export",
            Self::Write(name, _) => name,
        }
    }
}

impl RoutedOperation {
    pub(crate) const fn api(self) -> ApiFamily {
        match self {
            Self::Users
            | Self::User
            | Self::NamedCall(_)
            | Self::UserPart(_)
            | Self::ResetStep(_)
            | Self::Audit
            | Self::Report => ApiFamily::V4,
            Self::LegacyUsers { .. } | Self::LegacyCall(_) => ApiFamily::Legacy,
            Self::ExportUsers => ApiFamily::Export,
            Self::OpenApi | Self::DocsPage | Self::DocsPageWithSlash | Self::DocsStyle => ApiFamily::Docs,
        }
    }

    /// The value of `Allow` (RFC 9110 §10.2.1).
    pub(crate) const fn allowed_methods(self) -> &'static str {
        match self {
            Self::Users
            | Self::LegacyUsers {
                post: Some(_),
                put: false,
            } => "GET,HEAD,POST",
            Self::User | Self::NamedCall(NamedCall::Export) => "GET,HEAD,PUT,DELETE",
            Self::NamedCall(_) => "POST,GET,HEAD,PUT,DELETE",
            Self::UserPart(_) => "PATCH",
            Self::ResetStep(_) | Self::LegacyCall(_) | Self::ExportUsers => "POST",
            Self::LegacyUsers {
                post: Some(_),
                put: true,
            } => "GET,HEAD,POST,PUT",
            Self::LegacyUsers { put: true, .. } => "GET,HEAD,PUT",
            Self::LegacyUsers { .. }
            | Self::Audit
            | Self::Report
            | Self::OpenApi
            | Self::DocsPage
            | Self::DocsPageWithSlash
            | Self::DocsStyle => "GET,HEAD",
        }
    }
}

/// A row of the route table.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) pattern: Arc<str>,
    pub(crate) operation: RoutedOperation,
}

/// The route of a path: its pattern, its API, its operation and its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Route<'p> {
    pub(crate) pattern: &'p Arc<str>,
    pub(crate) api: ApiFamily,
    pub(crate) operation: RoutedOperation,
    /// The segments in the place of the pattern's names, still encoded.
    pub(crate) segments: [Option<&'p str>; 2],
}

impl Route<'_> {
    /// The pattern of the path, such as `/v4/Users/{crid}`: unlike the path, it is not personal data.
    #[must_use]
    pub const fn pattern(&self) -> &Arc<str> {
        self.pattern
    }

    /// The legacy call that writes which a method of this route makes.
    pub(crate) fn legacy_target(&self, method: &Method) -> Option<LegacyWriteTarget<'_>> {
        let path_id = self.segments[0].unwrap_or_else(|| self.last_name());
        let call = match (self.operation, method) {
            (
                RoutedOperation::LegacyCall(call) | RoutedOperation::LegacyUsers { post: Some(call), .. },
                &Method::POST,
            ) => call,
            (RoutedOperation::LegacyUsers { put: true, .. }, &Method::PUT) => LegacyWrite::Update,
            _ => return None,
        };
        Some(LegacyWriteTarget { call, path_id })
    }

    /// The last name of the pattern, which is an id to the methods that are about one user.
    pub(crate) fn last_name(&self) -> &str {
        let pattern = self.pattern.trim_end_matches('/');
        pattern.rsplit('/').next().unwrap_or_default()
    }

    /// The call that writes which a method of this route makes.
    pub(crate) fn write_target(&self, method: &Method) -> Option<WriteTarget<'_>> {
        let [first, _] = self.segments;
        let (operation, path_id) = match (self.operation, method) {
            (RoutedOperation::Users, &Method::POST) => (WriteOperation::Create, ""),
            (RoutedOperation::User, &Method::PUT) => (WriteOperation::Update, first?),
            (RoutedOperation::User, &Method::DELETE) => (WriteOperation::Delete, first?),
            (
                RoutedOperation::NamedCall(NamedCall::Write(_, operation)) | RoutedOperation::ResetStep(operation),
                &Method::POST,
            ) => (operation, ""),
            (RoutedOperation::NamedCall(call), &Method::PUT) => (WriteOperation::Update, call.name()),
            (RoutedOperation::NamedCall(call), &Method::DELETE) => (WriteOperation::Delete, call.name()),
            (RoutedOperation::UserPart(operation), &Method::PATCH) => (operation, first?),
            _ => return None,
        };
        Some(WriteTarget { operation, path_id })
    }
}

pub(crate) fn route_table() -> matchit::Router<RouteEntry> {
    let mut routes = matchit::Router::new();
    let mut add = |pattern: &str, operation| {
        let pattern: Arc<str> = pattern.into();
        let added = routes.insert(pattern.to_string(), RouteEntry { pattern, operation });
        debug_assert!(added.is_ok(), "two routes have the same pattern: {added:?}");
    };
    add(serve::OPENAPI, RoutedOperation::OpenApi);
    add(serve::PAGE, RoutedOperation::DocsPage);
    add(&format!("{}/", serve::PAGE), RoutedOperation::DocsPageWithSlash);
    add(serve::STYLE, RoutedOperation::DocsStyle);
    let mut add_variants = |pattern: &str, operation| {
        for variant in variants(pattern) {
            add(&variant, operation);
        }
    };
    add_variants(v4::AUDIT, RoutedOperation::Audit);
    for base in v4::BASES {
        add_variants(base, RoutedOperation::Users);
        add_variants(&format!("{base}/Search"), RoutedOperation::NamedCall(NamedCall::Search));
        add_variants(&format!("{base}/Export"), RoutedOperation::NamedCall(NamedCall::Export));
        add_variants(&format!("{base}/{{crid}}"), RoutedOperation::User);
        add_variants(&format!("{base}/{{crid}}/Report"), RoutedOperation::Report);
        for (name, call) in NAMED_WRITES {
            let operation = RoutedOperation::NamedCall(NamedCall::Write(name, call));
            add_variants(&format!("{base}/{name}"), operation);
        }
        for (name, step) in RESET_STEPS {
            add_variants(
                &format!("{base}/ForgotPassword/{name}"),
                RoutedOperation::ResetStep(step),
            );
        }
        for (name, part) in USER_PARTS {
            add_variants(&format!("{base}/{{crid}}/{name}"), RoutedOperation::UserPart(part));
        }
    }
    let reads = |post, put| RoutedOperation::LegacyUsers { post, put };
    add_variants("/User", reads(Some(LegacyWrite::Create), false));
    add_variants("/User/{first}", reads(None, true));
    add_variants("/User/{first}/{type}", reads(None, false));
    // A doubled slash before a type counts as one.
    add_variants("/User//{type}", reads(None, false));
    for (name, call) in NAMES {
        add_variants(&format!("/User/{name}"), reads(Some(call), true));
    }
    for (path, call) in PATHS {
        add_variants(path, RoutedOperation::LegacyCall(call));
    }
    for pattern in export::PATTERNS {
        add_variants(pattern, RoutedOperation::ExportUsers);
    }
    routes
}

/// The pattern, the same with a trailing slash and, where its last segment is a name, with an empty one in its place: an
/// empty segment is an invalid name, not another path.
fn variants(pattern: &str) -> Vec<String> {
    let mut variants = vec![pattern.to_owned(), format!("{pattern}/")];
    if let (true, Some((before, _))) = (pattern.ends_with('}'), pattern.rsplit_once("/{")) {
        variants.push(format!("{before}//"));
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_name_may_be_empty() {
        assert_eq!(variants("/a/{b}"), ["/a/{b}", "/a/{b}/", "/a//"]);
        assert_eq!(variants("/a/{b}/Exists"), ["/a/{b}/Exists", "/a/{b}/Exists/"]);
    }

    #[test]
    fn trailing_slash_and_empty_segment_are_routed() {
        let table = route_table();
        let pattern = |path| table.at(path).ok().map(|found| found.value.pattern.to_string());
        for (path, expected) in [
            ("/v4/Users", "/v4/Users"),
            ("/UsersOrchestrator/Users/", "/UsersOrchestrator/Users/"),
            ("/Users/2937", "/Users/{crid}"),
            ("/Users/a%2Fb/", "/Users/{crid}/"),
            ("/Users/Search", "/Users/Search"),
            ("/Users/search", "/Users/{crid}"),
            ("/v4/Users/Export", "/v4/Users/Export"),
            ("/Users/export", "/Users/{crid}"),
            ("/v4/Users/Authentication/", "/v4/Users/Authentication/"),
            ("/Users/VerificationCode", "/Users/VerificationCode"),
            ("/Users/VerificationCodes", "/Users/{crid}"),
            ("/Users/ForgotPassword/Finish", "/Users/ForgotPassword/Finish"),
            ("/Users/2937/Password", "/Users/{crid}/Password"),
            (
                "/UsersOrchestrator/Users/2937/Email/",
                "/UsersOrchestrator/Users/{crid}/Email/",
            ),
            // Ids that are names of calls.
            ("/Users/ForgotPassword/Password", "/Users/{crid}/Password"),
            ("/Users/Search/Email", "/Users/{crid}/Email"),
            ("/Users/Search/Report", "/Users/{crid}/Report"),
            ("/v4/Audit/", "/v4/Audit/"),
            ("/Users//", "/Users//"),
            ("/User//", "/User//"),
            ("/User/2937//", "/User/{first}//"),
            ("/User//1", "/User//{type}"),
            ("/User/2937/1/", "/User/{first}/{type}/"),
            ("/v1/users/export//", "/v1/users/export//"),
        ] {
            assert_eq!(pattern(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "",
            "/",
            "/v4",
            "/v4/users",
            "/v4/Users///",
            "/v4/Users/a/b",
            "/User/a/b/c",
            "/docs/style.css/",
        ] {
            assert_eq!(pattern(path), None, "{path}");
        }
    }

    #[test]
    fn every_route_has_the_api_of_its_path() {
        for path in [
            "/v4/Users/7",
            "/User/7/0",
            "/v1/customers/export",
            "/v1/users/export/herald",
        ] {
            let table = route_table();
            let routed = table.at(path).unwrap().value.operation.api();
            assert_eq!(routed, ApiFamily::from_unrouted_path(path), "{path}");
        }
    }
}
