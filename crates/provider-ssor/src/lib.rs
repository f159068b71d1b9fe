//! SSOR as a preset of the generic provider.
//!
//! The server protocol of Tribune's registration service is private. This preset is Masthead's proposal
//! (`providers.md` §3.4), with the names of its public scripts; a tenant can override each setting.

use masthead_provider_generic::Preset;
use masthead_provider_kit::ProviderRegistration;

/// SSOR: a bearer token, offsets, one of four members in a failure, 404 for an absent user.
///
/// `masterId` and `PUID` open sessions: no setting can point to them, and they are never read. Lists are requested without
/// conditions on names: it is unknown how the service compares them, and Masthead ignores accents.
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

/// The registration of the provider.
pub const PROVIDER: ProviderRegistration = ProviderRegistration {
    name: SSOR.name,
    check_settings: |settings, allow_private| SSOR.check_settings(settings, allow_private),
    create: |parts, cache| SSOR.create(parts, cache),
};
