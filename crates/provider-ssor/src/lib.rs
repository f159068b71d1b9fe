//! SSOR as a described directory.
//!
//! The protocol between servers of Tribune's registration service is private. What this preset says is Masthead's proposal
//! (`providers.md` §3.4), made of the names that its public scripts use; each setting can be set otherwise for a tenant.

use masthead_provider_generic::Preset;

/// SSOR: a bearer token, offsets, one of four members in a failure, 404 for nobody.
///
/// `masterId` and `PUID` open sessions: no setting can lead to them, and nothing of them is read. Lists are asked for
/// without conditions on names: how the service compares them is not known, and ours are compared without accents.
pub const SSOR: Preset = Preset {
    name: "SSOR",
    settings: &[
        ("Auth", "bearer"),
        ("ById.Path", "/registration/users/{id}"),
        ("ByEmail.Path", "/registration/users"),
        ("ByEmail.Query", "email={email}"),
        ("Search.Path", "/registration/users"),
        ("Page.Style", "offset"),
        ("Page.At", "offset"),
        ("Page.SizeName", "limit"),
        ("Page.Size", "50"),
        ("Envelope.Errors", "/err, /errMsg, /errorMessage, /errorThrown"),
        ("NotFound.Statuses", "404"),
        ("User", "/users/0"),
        ("List", "/users"),
        ("Total", "/total"),
        ("Field.Id", "/consumerId"),
        ("Field.Email", "/email, /linkedIdentifiers/0/emailAddress"),
        ("Field.FirstName", "/firstName"),
        ("Field.LastName", "/lastName"),
        ("Metadata.displayName", "/displayName, /userName"),
        ("Metadata.gender", "/gender"),
        ("Metadata.postalCode", "/zipCode"),
        ("Metadata.dob", "/birthDate"),
        ("Metadata.dobYYYY", "/birthYear"),
        ("Metadata.agreeToTerms", "/tos"),
    ],
    must: &["Param.product_code"],
};
