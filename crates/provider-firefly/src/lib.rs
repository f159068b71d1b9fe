//! Firefly as a described directory.
//!
//! The protocol between servers of Gannett's user platform is private. What this preset says is Masthead's proposal
//! (`providers.md` §3.4), made of the names that its public pages use; each setting can be set otherwise for a tenant.

use masthead_provider_generic::Preset;

/// Firefly: a secret in a header, numbered pages, a status in every answer, 404 there for nobody.
///
/// `atyponId` and `sessionKey` open sessions: no setting can lead to them, and nothing of them is read. Lists are asked for
/// without conditions on names: how the service compares them is not known, and ours are compared without accents.
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
        // Older pages say 0 for success, newer ones 200 (`providers.md` §3.1).
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
