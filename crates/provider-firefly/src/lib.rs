//! Firefly as a preset of the generic provider.
//!
//! The server protocol of Gannett's user platform is private. This preset is Masthead's proposal
//! (`providers.md` §3.4), with the names of its public pages; a tenant can override each setting.

use masthead_provider_generic::Preset;
use masthead_provider_kit::ProviderRegistration;

/// Firefly: a secret in a header, numbered pages, a status in every answer, where 404 means an absent user.
///
/// `atyponId` and `sessionKey` open sessions: no setting can point to them, and they are never read. Lists are requested
/// without conditions on names: it is unknown how the service compares them, and Masthead ignores accents.
pub const FIREFLY: Preset = Preset {
    name: "Firefly",
    settings: &[
        ("Auth", "header"),
        ("AuthHeader", "X-Firefly-Secret"),
        ("ById.Path", "/v4/users/{id}"),
        ("ByEmail.Path", "/v4/users"),
        ("ByEmail.Query", "email={email}"),
        ("Search.Path", "/v4/users"),
        ("Page.Style", "page"),
        ("Page.At", "page"),
        ("Page.First", "0"),
        ("Page.SizeName", "pageSize"),
        ("Page.Size", "50"),
        ("Envelope.Status", "/meta/status"),
        // Older pages have 0 for success, newer ones 200 (`providers.md` §3.1).
        ("Envelope.Ok", "200, 0"),
        ("NotFound.Codes", "404"),
        ("User", "/response/user"),
        ("List", "/response/users"),
        ("Total", "/response/total"),
        ("Field.Id", "/userGUID"),
        ("Field.Email", "/email"),
        ("Field.FirstName", "/firstName"),
        ("Field.LastName", "/lastName"),
        ("Field.Verified", "/emailVerified"),
        ("Metadata.displayName", "/displayName"),
        ("Metadata.phoneNumber", "/phone"),
        ("Metadata.timeZone", "/attributes/timeZone"),
    ],
    must: &["Param.siteCode"],
};

/// The registration of the provider.
pub const PROVIDER: ProviderRegistration = ProviderRegistration {
    name: FIREFLY.name,
    check_settings: |settings, allow_private| FIREFLY.check_settings(settings, allow_private),
    create: |parts, cache| FIREFLY.create(parts, cache),
};
