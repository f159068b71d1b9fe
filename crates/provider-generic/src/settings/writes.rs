//! The settings of writes, and of the check of passwords: each call is there when its path is set.

use http::Method;
use masthead_ports::accounts::Ability;
use masthead_provider_kit::SettingReader;

use super::{
    reader::{any_operation, pointer, pointers},
    values::{codes, write_method},
};
use crate::{
    mapping::Pointers,
    operation::{BodyTemplate, OperationTemplate},
    pointer::Pointer,
    template::{JsonTemplate, Placeholder},
};

/// The writes that a tenant describes, and what a refusal of them means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedWrites {
    calls: Vec<(Ability, DescribedWrite)>,
    /// The codes of an address or id that another user has.
    pub(crate) taken: Vec<Box<str>>,
    /// The codes of a rejection that concerns the user.
    pub(crate) rejected: Vec<Box<str>>,
    /// Where a rejection has its text.
    pub(crate) message: Pointers,
    pub(crate) wrong: Vec<Box<str>>,
    pub(crate) blocked: Vec<Box<str>>,
    pub(crate) unverified: Vec<Box<str>>,
    pub(crate) locked_out: Vec<Box<str>>,
    pub(crate) second_factor: Vec<Box<str>>,
    pub(crate) password_change: Vec<Box<str>>,
}

/// One call that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedWrite {
    pub(crate) operation: OperationTemplate,
    /// Where the user is in the body.
    pub(crate) user: Option<Pointer>,
}

impl DescribedWrites {
    pub(crate) fn call(&self, ability: Ability) -> Option<&DescribedWrite> {
        let found = self.calls.iter().find(|(known, _)| *known == ability);
        found.map(|(_, call)| call)
    }
}

/// The name before the dot of the settings of a call.
pub(crate) const fn name_of_call(ability: Ability) -> &'static str {
    match ability {
        Ability::Create => "Create",
        Ability::Update => "Update",
        Ability::SetPassword => "SetPassword",
        Ability::SetEmail => "SetEmail",
        Ability::Delete => "Delete",
        Ability::SignIn => "SignIn",
    }
}

pub(super) fn writes(reading: &mut SettingReader<'_>) -> DescribedWrites {
    let calls = Ability::ALL.into_iter();
    let calls = calls
        .filter_map(|ability| Some((ability, write(reading, ability)?)))
        .collect();
    let mut listed = |name: &str, usual: &str| {
        let usual = (!usual.is_empty()).then(|| vec![usual.into()]);
        reading.text(name, codes).or(usual).unwrap_or_default()
    };
    DescribedWrites {
        calls,
        taken: listed("Taken", "409"),
        rejected: listed("Rejected", "422"),
        wrong: listed("SignIn.Wrong", ""),
        blocked: listed("SignIn.Blocked", ""),
        unverified: listed("SignIn.Unverified", ""),
        locked_out: listed("SignIn.LockedOut", ""),
        second_factor: listed("SignIn.SecondFactor", ""),
        password_change: listed("SignIn.PasswordChange", ""),
        message: pointers(reading, "Rejected.Message"),
    }
}

fn write(reading: &mut SettingReader<'_>, ability: Ability) -> Option<DescribedWrite> {
    let of = name_of_call(ability);
    if !reading.has(&format!("{of}.Path")) {
        return None;
    }
    let usual = match ability {
        Ability::Delete => Method::DELETE,
        _ => Method::POST,
    };
    let mut operation = any_operation(reading, of, write_method, usual)?;
    let user = pointer(reading, &format!("{of}.User"));
    if user.is_some() {
        match &operation.body {
            None => operation.body = Some(BodyTemplate::JsonTemplate(JsonTemplate::empty())),
            Some(BodyTemplate::JsonTemplate(_)) => {}
            Some(BodyTemplate::Form(_)) => reading.report(&format!("{of}.User"), "needs a body of JSON"),
        }
    }
    let has = |slot| operation.holds(slot) || (slot == Placeholder::Email && user.is_some());
    let missing = required(ability).iter().find(|(slot, _)| !has(*slot));
    if let Some((_, place)) = missing {
        let problem = format!("the path, the query or the body must take {place}");
        reading.report(&format!("{of}.Path"), problem);
    }
    if ability == Ability::SignIn && reading.value("SignIn.Wrong").is_none() {
        reading.missing("SignIn.Wrong");
    }
    Some(DescribedWrite { operation, user })
}

/// What a call cannot be made without.
const fn required(ability: Ability) -> &'static [(Placeholder, &'static str)] {
    const ID: (Placeholder, &str) = (Placeholder::Id, "{id}");
    const EMAIL: (Placeholder, &str) = (Placeholder::Email, "{email}");
    const PASSWORD: (Placeholder, &str) = (Placeholder::Password, "{password}");
    match ability {
        Ability::Create => &[EMAIL],
        Ability::Update | Ability::Delete => &[ID],
        Ability::SetPassword => &[ID, PASSWORD],
        Ability::SetEmail => &[ID, EMAIL],
        Ability::SignIn => &[(Placeholder::Login, "{login}"), PASSWORD],
    }
}
