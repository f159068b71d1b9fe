//! The plainest description of a provider, which a test changes in one point.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_generic::Preset;
use masthead_sandbox::{GenericStubConfig, UserShape};

use crate::{
    fixture::sandbox_config,
    suite::{GenericCase, generic_tests},
};

/// A plain description of the sandbox's SSOR; a test's own settings come first.
pub(crate) const PLAIN: Preset = Preset {
    name: "SSOR",
    settings: &[
        ("Auth", "bearer"),
        ("Param.product_code", "sandbox"),
        ("ById.Path", "/registration/users/{id}"),
        ("ByEmail.Path", "/registration/users"),
        ("ByEmail.Query", "email={email}"),
        ("Search.Path", "/registration/users"),
        ("Page.Style", "offset"),
        ("Page.At", "offset"),
        ("Page.SizeName", "limit"),
        ("Envelope.Errors", "/errMsg"),
        ("NotFound.Statuses", "404"),
        ("User", "/users/0"),
        ("List", "/users"),
        ("Total", "/total"),
        ("Field.Id", "/consumerId"),
        ("Field.Email", "/email, /linkedIdentifiers/0/emailAddress"),
        ("Field.FirstName", "/firstName"),
        ("Field.LastName", "/lastName"),
    ],
    must: &[],
};

/// Settings of a tenant, without the slot's name before them.
pub(crate) type SettingList = &'static [(&'static str, &'static str)];

pub(crate) const TOKEN: &str = "sandbox-ssor-token";

pub(crate) fn config(count: usize) -> GenericStubConfig {
    sandbox_config(UserShape::Ssor, count)
}

const PLAINLY: GenericCase = GenericCase {
    preset: PLAIN,
    sandbox: config,
    secret: TOKEN,
    settings: &[],
    id: "/consumerId",
    status_404: None,
    code_500: SourceErrorKind::Refused,
    page: 50,
};

generic_tests!(
    PLAINLY: contradictory_answers_are_refused,
    check_passes_for_sandbox,
    required_settings_are_named,
);
