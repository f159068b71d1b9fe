//! The plainest description of a directory, which a test changes in one point.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_directory::Preset;
use masthead_sandbox::{GenericStubConfig, UserShape};

use crate::{
    suite::{Subject, keeps},
    world::stand_in,
};

/// A plain description of the sandbox's SSOR; what a test says comes before it.
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
pub(crate) type Settings = &'static [(&'static str, &'static str)];

pub(crate) const TOKEN: &str = "sandbox-ssor-token";

pub(crate) fn config(count: usize) -> GenericStubConfig {
    stand_in(UserShape::Ssor, count)
}

const PLAINLY: Subject = Subject {
    preset: PLAIN,
    stand_in: config,
    secret: TOKEN,
    settings: &[],
    id: "/consumerId",
    status_404: None,
    code_500: SourceErrorKind::Refused,
    page: 50,
};

keeps!(
    PLAINLY: what_cannot_be_true_is_refused,
    the_check_finds_the_stand_in_as_it_is_described,
    nothing_that_a_tenant_must_say_is_left_to_guess,
);
